// One request on its way through libcurl: its options, its callbacks, its answer.
#pragma once

#include <curl/curl.h>

#include <array>
#include <atomic>
#include <cstddef>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/metrics.h"
#include "base/result.h"
#include "http/http_client.h"
#include "http/rate_limit.h"
#include "http/tls_roots.h"

namespace driveway::http {

class Transfer;

// What the transfers of a client share. Used on the I/O thread only.
struct Wiring {
  const Options& options;
  TlsRoots& roots;
  CURLSH* share;
  Counter& bytes_in;
  Counter& bytes_out;
  Histogram& first_byte;
  TimePoint now;                 // when the loop last woke
  RateLimit downloads;           // of the media pool
  RateLimit uploads;             // the same
  std::vector<Transfer*> fed{};  // got data since the last on_batch()
};

// Everything but detach(), finished() and the constructor belongs to the I/O thread. The observer
// and the body source are called under `callback_mutex_`, which is how detach() can promise that
// they are not used afterwards.
class Transfer {
 public:
  Transfer(Request request, CallObserver& observer);
  ~Transfer();
  Transfer(const Transfer&) = delete;
  Transfer& operator=(const Transfer&) = delete;

  // The observer and the body source are used no more. Waits for a callback that is running, unless
  // it is this thread (`on_io_thread`) that runs it.
  void detach(bool on_io_thread);

  // Errors: kInvalidArgument for a request that must not be sent.
  Status check() const;
  // Writes the request into `easy`, whose private pointer becomes this.
  Status attach(CURL* easy, Wiring& wiring);
  CURL* easy() const { return easy_; }
  // The handle is no longer ours. Call before it is reset.
  void release_easy() { easy_ = nullptr; }

  // What came of it, by libcurl's code.
  Result<Response> outcome(CURLcode code);
  // on_done, once; later calls do nothing.
  void finish(Result<Response> result);
  bool finished() const { return finished_; }
  void batch_end();

  // Lets libcurl go on where a callback paused it.
  CURLcode resume();
  // The same where a rate limit did; its turn has come.
  CURLcode resume_limited();
  // A name lookup cannot be interrupted in libcurl before 7.87: a cancelled transfer that waits for
  // one is abandoned instead, and ends by itself as soon as the lookup has ended.
  bool resolving() const { return resolving_; }
  void abandon() { abandoned_ = true; }
  // Whether no byte went in either direction for the idle timeout. Time when we ourselves paused,
  // or were still connecting (which has its own limit), does not count. Asked a few times per
  // timeout: between two questions an upload's progress is not seen.
  bool idle_for_too_long(TimePoint now);

  const Request& request() const { return request_; }
  const std::string& origin() const { return origin_; }
  const std::string& text() const { return text_; }

 private:
  Status set_common(CURL* easy);
  void set_callbacks(CURL* easy);
  void set_body(CURL* easy);
  void set_proxy(CURL* easy);
  bool set_headers(CURL* easy);
  bool append_header(const std::string& line);
  std::size_t fail(Error error, std::size_t answer);
  CURLcode go_on();
  // How many bytes `limit` lets through now. None: the transfer waits for its turn.
  Bytes allowance(RateLimit& limit, bool& limited);
  void note_activity() { last_activity_ = wiring_->now; }
  bool progressed();

  std::size_t take_header(std::string_view line);
  bool end_of_head();
  std::size_t take_body(std::span<const std::byte> data);
  std::size_t collect(std::span<const std::byte> data);
  std::size_t give_body(std::span<std::byte> buffer);
  int rewind_body(curl_off_t offset, int origin);
  curl_socket_t open_socket(const curl_sockaddr& address);

  const Request request_;
  const std::string origin_;
  const std::string text_;

  std::mutex callback_mutex_;
  CallObserver* observer_;  // guarded by callback_mutex_ (written), also read by the I/O thread

  CURL* easy_ = nullptr;
  Wiring* wiring_ = nullptr;
  curl_slist* header_list_ = nullptr;
  std::array<char, CURL_ERROR_SIZE> error_text_{};
  std::optional<Error> own_error_;  // why a callback of ours ended the transfer
  Response response_;
  std::size_t head_bytes_ = 0;
  Bytes sent_ = 0;  // of the body source
  TimePoint attached_{};
  TimePoint last_activity_{};
  curl_off_t last_progress_ = 0;
  bool first_byte_seen_ = false;
  bool head_done_ = false;
  bool refused_early_ = false;  // by an answer that came before all of the body source was sent
  bool streamed_ = false;       // on_head said so; else the body is collected
  bool receive_paused_ = false;
  bool send_paused_ = false;
  bool receive_limited_ = false;  // waits in line of a RateLimit
  bool send_limited_ = false;
  bool resolving_ = false;
  bool connected_ = false;
  bool abandoned_ = false;
  std::atomic<bool> finished_ = false;
  bool fed_ = false;
};

}  // namespace driveway::http
