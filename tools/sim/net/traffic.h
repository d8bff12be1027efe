// What went over the wire: statistics per method, connections, and the log of the last requests.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <mutex>
#include <string>
#include <string_view>

#include <nlohmann/json_fwd.hpp>

#include "base/bytes.h"
#include "base/clock.h"
#include "sim/net/faults.h"

namespace driveway::sim {

// One request, as it ended. Bytes are bytes of bodies on the wire (compressed, cut off).
struct RequestRecord {
  std::uint64_t request = 0;
  std::uint64_t connection = 0;
  bool tls = false;
  std::string method;       // CallInfo::method; "" for an unknown path
  std::string http_method;  // "GET"
  std::string target;       // with secrets in it: redacted when the log is read
  std::string range;        // the Range or Content-Range header of the request
  std::string user;
  int status = 0;  // 0: no answer was begun
  Bytes bytes_in = 0;
  Bytes bytes_out = 0;
  std::uint32_t quota_units = 0;
  FaultKind fault = FaultKind::kNone;
  bool refused = false;    // by the quota
  WallTime started{};      // the head was complete
  Duration delay{0};       // latency that was injected
  Duration first_byte{0};  // from the complete head to the answer's first byte
  Duration duration{0};    // to the answer's end
};

// Thread-safe; one short lock a request.
class Traffic {
 public:
  // The log holds the last kLogEntries requests, or fewer so that their texts stay below kLogText.
  static constexpr std::size_t kLogEntries = 100'000;
  static constexpr Bytes kLogText = 64 * kMiB;
  static constexpr std::size_t kLongestTarget = 8 * kKiB;  // longer ones are cut in the log

  explicit Traffic(Clock& clock);

  void connection_opened(bool tls);
  void connection_closed();
  void media_begins();
  void media_ends();
  void finished(RequestRecord record);
  // An inner call of a batch: counted, not logged.
  void inner_call(std::string_view method, int status, std::uint32_t quota_units);

  // {"seconds", "requests", "units", "bytes_in", "bytes_out", "methods": {"files.list": {"count",
  // "statuses": {"200": 7}, "bytes_in", "bytes_out", "units"}}, "connections": {"plain", "tls",
  // "open", "peak"}, "media": {"now", "peak"}}, all since the last reset but "open" and "now".
  nlohmann::json stats() const;
  void reset();

  // Requests that ended after the one with sequence number `since` (0 = all that are held), oldest
  // first, at most `limit`, only those of `method` unless it is empty: {"last": sequence number to
  // ask from next time, "entries": [{"seq", "request", "connection", "method", …}]}. Secrets are
  // redacted.
  nlohmann::json log(std::uint64_t since, std::string_view method, std::size_t limit) const;

 private:
  struct MethodStats {
    std::uint64_t count = 0;
    std::map<int, std::uint64_t> statuses;
    Bytes bytes_in = 0;
    Bytes bytes_out = 0;
    std::uint64_t units = 0;
  };
  struct Gauge {
    std::int64_t now = 0;
    std::int64_t peak = 0;
    void up() { peak = std::max(peak, ++now); }
  };
  MethodStats& method_stats(std::string_view method);
  static std::size_t text_size(const RequestRecord& record);

  Clock& clock_;
  mutable std::mutex mutex_;
  TimePoint since_;
  std::map<std::string, MethodStats, std::less<>> methods_;
  std::uint64_t plain_ = 0;
  std::uint64_t tls_ = 0;
  Gauge connections_;
  Gauge media_;
  std::deque<RequestRecord> log_;
  std::uint64_t last_ = 0;  // sequence number of log_.back()
  Bytes log_text_ = 0;
};

}  // namespace driveway::sim
