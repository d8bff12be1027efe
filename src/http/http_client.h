// The door to HTTP: the one module that knows libcurl.
//
// One I/O thread drives a curl multi handle over two connection pools, metadata and media, of
// HTTP/1.1 keep-alive connections. Not HTTP/2, even where it is offered: one connection is a
// bottleneck for media (drive-api reference 4); and one that has died silently is not closed when a
// request on it times out, so every retry would go into the same hole until TCP gives up, after a
// quarter of an hour. Connections are reused: a call opens a new one only when every pooled one to
// that host is busy. TLS is verified always, against the system's CAs or SSL_CERT_FILE.
// HTTPS_PROXY, HTTP_PROXY, NO_PROXY are honoured. Redirects are not followed (308 belongs to
// uploads).
//
// Thread-safe. All waits honour the Context (R5): cancelling never waits for the network, nor for
// a name being resolved. A client must not cross a fork: make it after daemonizing.
//
// Error texts name the method, the host and the path; never the query, a header or a body.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/context.h"
#include "base/io.h"
#include "base/metrics.h"
#include "base/result.h"
#include "base/secret.h"

namespace driveway::http {

enum class Pool { kMetadata, kMedia };

using Headers = std::vector<std::pair<std::string, std::string>>;

// Gives a request body piece by piece. Called on the I/O thread, and not after the Call is
// destroyed: must not block.
class BodySource {
 public:
  virtual ~BodySource() = default;
  virtual std::optional<Bytes> size() const = 0;  // nothing: chunked
  // Fills the front of `buffer`; 0 bytes = end. `kUnavailable` with retryable = "not now": paused
  // until resume() of the call.
  virtual Result<std::size_t> read(std::span<std::byte> buffer) = 0;
  virtual Status
  rewind() = 0;  // from the start again (a connection that died before the first answer byte)
};

// A request body that may have to be waited for: read on the thread that waits for the answer, by
// HttpClient::fetch_from().
class UploadBody {
 public:
  virtual ~UploadBody() = default;
  virtual Bytes size() const = 0;
  // Fills all of `buffer` from `offset`. REQUIRES that it lies within the size. Called in order,
  // and from 0 again where the request goes out again.
  virtual Status read(Bytes offset, std::span<std::byte> buffer) = 0;
};

struct Request {
  std::string method = "GET";
  std::string url;
  Headers headers;
  Secret bearer;  // sent as Authorization; never logged, never sent to another host
  std::string body;
  std::shared_ptr<BodySource> body_source;  // instead of body
  Pool pool = Pool::kMetadata;
  bool accept_gzip = false;  // asks for and decodes gzip; never for ranged media (reference 4)
  bool use_proxy = true;     // the metadata server is never asked through a proxy
  // False: no server must see it twice. A request on a kept-alive connection that dies before the
  // first byte of the answer goes out once more, unless this says no: then it fails where a part of
  // its body source was sent, and a request without a source gets a connection of its own.
  bool repeatable = true;
  Duration connect_timeout = std::chrono::seconds(15);
  // No byte in either direction for so long: kUnavailable, retryable.
  Duration idle_timeout = std::chrono::seconds(30);
  Bytes max_body = 64 * kMiB;  // of an answer that is collected: kTooLarge above
};

struct Response {
  int status = 0;
  Headers headers;   // names in lower case
  std::string body;  // unless it went to a sink
  const std::string* header(std::string_view lower_case_name) const;
};

struct Options {
  // Should contain "gzip", which Google asks for before it compresses (drive-api reference 7).
  std::string user_agent{};
  int max_media_connections = 96;  // per host
  int max_metadata_connections = 16;
  Bytes media_buffer =
      1 * kMiB;  // per streamed call between the I/O thread and the sink; full = paused
  // Bytes a second of bodies in the media pool, all calls together; 0: no limit. Who waits for it
  // is paused: that is no stall, and can be cancelled as any call.
  Bytes max_download = 0;
  Bytes max_upload = 0;
};

// Follows a call from the I/O thread. Nothing in here may block.
class CallObserver {
 public:
  virtual ~CallObserver() = default;
  // Once, before any body. Return false to collect the body into the response instead (error
  // answers).
  virtual bool on_head(const Response& head) = 0;
  // How many bytes were taken: all or none (none = paused until Call::resume()). Pieces are small
  // (16 KiB): who hands them to another thread wakes it in on_batch(), not for each.
  virtual std::size_t on_data(std::span<const std::byte> data) = 0;
  // After some calls of on_data, when nothing more is at hand just now.
  virtual void on_batch() {}
  // Once, last. An Error here is of the transport: an HTTP status, whatever it is, is a Response.
  virtual void on_done(Result<Response> result) = 0;
};

// A running call. Destroying it cancels it and waits until the observer is no longer used: at most
// for a callback that is running just now (so hold no lock that a callback takes), not for the
// network. May be destroyed inside the observer's own callbacks, and may outlive its client.
class Call {
 public:
  virtual ~Call() = default;
  virtual void resume() = 0;
  virtual void cancel() = 0;  // on_done comes soon, with kCancelled
};

class HttpClient {
 public:
  virtual ~HttpClient() = default;

  // Asynchronous: returns at once; `observer` must outlive the Call.
  virtual std::unique_ptr<Call> start(Request request, CallObserver& observer) = 0;

  // Waits for the whole answer, collected. Errors: kCancelled, kDeadlineExceeded, kUnavailable
  // (retryable), kTooLarge, kCorrupt (TLS, protocol), kInvalidArgument.
  Result<Response> fetch(const Context& context, Request request);

  // As fetch, but the body of an answer that `accept(head)` says yes to is written to `sink` on the
  // *calling* thread as it arrives, with back-pressure; the body of any other answer is collected.
  // `accept` is called on the I/O thread: it must not block. A connection cut off before the
  // announced length is kUnavailable, retryable; what had arrived has then gone to `sink`. An error
  // of the sink ends the call and is returned as it is.
  Result<Response> fetch_to(const Context& context, Request request,
                            const std::function<bool(const Response& head)>& accept,
                            ByteSink& sink);

  // As fetch, with `body`, which is read on the *calling* thread while it is sent: at most 1 MiB
  // ahead of the network. An error of the body ends the call and is returned as it is. An answer
  // that comes before all was sent is returned as any other (a refusal; the connection is then not
  // used again).
  Result<Response> fetch_from(const Context& context, Request request, UploadBody& body);

 protected:
  HttpClient(Clock& clock, Bytes stream_buffer) : clock_(clock), stream_buffer_(stream_buffer) {}
  Clock& clock_;
  const Bytes stream_buffer_;
};

// The libcurl implementation. Metrics: http.requests, http.connections_opened, http.bytes_in,
// http.bytes_out (bodies), http.in_flight, http.first_byte (from having a connection slot to the
// first byte of the answer).
// `clock` serves the waits of fetch, fetch_to and fetch_from; the network's own timeouts run in
// real time. SSL_CERT_FILE and SSL_CERT_DIR are read here, proxy variables at each new connection.
// Destroying the client ends the calls that still run, with kCancelled; nothing may call start(),
// fetch(), fetch_to() or fetch_from() any more by then. `clock` and `metrics` must outlive it.
std::unique_ptr<HttpClient> make_curl_client(Options options, Clock& clock, Metrics& metrics);

// What the client is made of, as it runs here: libcurl's version ("8.5.0"), its TLS library's
// ("OpenSSL/3.0.13"), and which certificates servers are checked against ("SSL_CERT_FILE=/path").
// Reads the environment.
struct Facts {
  std::string curl;
  std::string tls;
  std::string roots;
};
Facts curl_facts();

// "a=1&b=2", percent-encoded, for queries and forms.
std::string encode_query(const std::vector<std::pair<std::string, std::string>>& parameters);

}  // namespace driveway::http
