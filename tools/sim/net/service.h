// The seam inside the simulator: the server (net/) knows sockets, time, bandwidth and faults and
// nothing of Drive; the services (drive/, oauth/, admin/) know answers and nothing of sockets. One
// thread serves one connection, blocking, so a service reads the body and writes the answer in
// straight lines of code.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"

namespace driveway::sim {

// Names and values in the order in which they came; look-ups ignore ASCII case in names of headers.
using NameValues = std::vector<std::pair<std::string, std::string>>;

struct RequestHead {
  std::string method;    // "GET"
  std::string target;    // as sent: "/drive/v3/files?q=…"
  std::string path;      // percent-decoded once, without the query: "/drive/v3/files"
  std::string raw_path;  // not decoded
  NameValues
      query;  // decoded; repeated names stay, the first one counts (drive-api reference 1.10)
  NameValues headers;
  bool tls = false;
  std::uint64_t connection = 0;  // number of the connection, from 1
  std::uint64_t request = 0;     // number of the request, from 1; key of the request log

  const std::string* header(std::string_view name) const;       // the first one, or null
  const std::string* query_value(std::string_view name) const;  // the first one, or null
};

// Decides latency, bandwidth accounting and quota (design: the simulator).
enum class CallClass {
  kGet,         // metadata of one item, about, generateIds, tokens of the feed
  kList,        // files.list, changes.list, and other lists
  kMedia,       // download: first-byte latency, then the download bucket
  kWrite,       // create, update, copy, trash, delete, start of an upload session
  kUploadData,  // PUTs of a session: write latency, the upload bucket, no write count
  kOther,       // OAuth, metadata server, admin: no latency, no quota
};

struct CallInfo {
  std::string method;  // "files.list", "oauth.token", …: key of the statistics
  CallClass call_class = CallClass::kOther;
  std::uint32_t quota_units =
      0;                         // get 5, edit 50, list 100, download 200 (drive-api reference 1.7)
  bool counts_as_write = false;  // against 3 a second, burst 10
  std::string user;              // whose quota: the account's mail, or "" when not known
};

// The request's body, read as it comes through the upload bucket.
class BodyReader {
 public:
  virtual ~BodyReader() = default;
  // Up to buffer.size() bytes; 0 at the end. Errors: kUnavailable when the peer has gone, or a
  // fault cut it off in the middle (what was read before stays valid: an upload session keeps it).
  virtual Result<std::size_t> read(std::span<std::byte> buffer) = 0;
  // The rest. Errors: also kTooLarge above `limit`.
  Result<std::string> read_all(std::size_t limit = 64 * kMiB);
};

// Bytes that can be read at any position by several threads at once (synthetic content, stored
// content).
class ContentSource {
 public:
  virtual ~ContentSource() = default;
  virtual Bytes size() const = 0;
  // Fills the whole buffer with the bytes from `offset`. REQUIRES: offset + buffer.size() <=
  // size().
  virtual void read_at(Bytes offset, std::span<std::byte> buffer) const = 0;
};

// One answer. Exactly one of the send functions is called, once. Content-Length, Date, Server and
// Connection are the server's; all other headers are the service's.
class Responder {
 public:
  virtual ~Responder() = default;
  virtual void add_header(std::string_view name, std::string_view value) = 0;
  // A body that is at hand; what faults may cut off of lists and gets happens in here, too.
  // `status` may have none (204, 304, 499…): then body is empty.
  virtual void send(int status, std::string_view content_type, std::string_view body) = 0;
  // Media with Range support: answers 200 or 206 (with Content-Range) through the download bucket.
  // `range_header` is the request's Range or null; the 416 answer is the caller's: REQUIRES range
  // satisfiable (see parse_range). Faults on media (resets, truncation, stalls, wrong range) happen
  // in here.
  virtual void send_media(std::string_view content_type, const ContentSource& content,
                          std::optional<ByteRange> range) = 0;
  // A body without a known length (chunked), through the download bucket: exports.
  virtual void send_chunked(int status, std::string_view content_type, std::string_view body) = 0;
  // Commit first, then lose the answer: cuts the connection without a byte of answer.
  virtual void drop_connection() = 0;

  // For the inner calls of a batch, which count on their own (drive-api reference 7): charges
  // `info` to its user's quota, and draws whether an injected error strikes it. Nothing: go on, and
  // count_inner_call() afterwards; else the refusal (which has been counted), status and JSON body,
  // to put into the part.
  struct Refusal {
    int status = 403;
    std::string body;
  };
  virtual std::optional<Refusal> charge_inner_call(const CallInfo&) { return std::nullopt; }
  // Puts an inner call that was not refused into the statistics: method, status, quota units.
  virtual void count_inner_call(const CallInfo&, int /*status*/) {}
};

enum class RangeVerdict { kNone, kSatisfiable, kUnsatisfiable };
struct ParsedRange {
  RangeVerdict verdict = RangeVerdict::kNone;
  ByteRange range{};
};
// A Range header against a content of `size` bytes: "bytes=a-b", "bytes=a-", "bytes=-n", cut to the
// size. Malformed or several ranges: kNone (answered whole). Begin at or behind the end, also any
// range of an empty content: kUnsatisfiable.
ParsedRange parse_range(const std::string* header, Bytes size);

class Service {
 public:
  virtual ~Service() = default;
  // What this request is, or nothing if it is not this service's. Fast, no waiting: decides before
  // latency and faults.
  virtual std::optional<CallInfo> classify(const RequestHead& head) = 0;
  // Answers it. Called on the connection's thread, after latency, quota and injected errors.
  virtual void serve(const RequestHead& head, const CallInfo& info, BodyReader& body,
                     Responder& responder) = 0;
};

}  // namespace driveway::sim
