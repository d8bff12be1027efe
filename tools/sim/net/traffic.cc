#include "sim/net/traffic.h"

#include <algorithm>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "base/log.h"

namespace driveway::sim {
namespace {

using nlohmann::json;

double milliseconds(Duration duration) {
  // Microseconds are enough: no digits that only look exact.
  return static_cast<double>(std::chrono::floor<std::chrono::microseconds>(duration).count()) /
         1000;
}

// Targets hold whatever bytes a client sent; JSON takes UTF-8 only.
std::string printable(std::string_view text) {
  std::string out = log::redact(text);
  if (!is_valid_utf8(out)) {
    for (char& c : out) {
      if (static_cast<unsigned char>(c) >= 0x80) c = '?';
    }
  }
  return out;
}

json to_json(const RequestRecord& record, std::uint64_t sequence) {
  return {{"seq", sequence},
          {"request", record.request},
          {"connection", record.connection},
          {"tls", record.tls},
          {"method", record.method},
          {"http_method", record.http_method},
          {"target", printable(record.target)},
          {"range", printable(record.range)},
          {"user", printable(record.user)},
          {"status", record.status},
          {"bytes_in", record.bytes_in},
          {"bytes_out", record.bytes_out},
          {"units", record.quota_units},
          {"fault", to_string(record.fault)},
          {"refused", record.refused},
          {"started", format_rfc3339(record.started)},
          {"delay_ms", milliseconds(record.delay)},
          {"first_byte_ms", milliseconds(record.first_byte)},
          {"duration_ms", milliseconds(record.duration)}};
}

}  // namespace

Traffic::Traffic(Clock& clock) : clock_(clock), since_(clock.now()) {}

void Traffic::connection_opened(bool tls) {
  const std::lock_guard lock(mutex_);
  ++(tls ? tls_ : plain_);
  connections_.up();
}

void Traffic::connection_closed() {
  const std::lock_guard lock(mutex_);
  --connections_.now;
}

void Traffic::media_begins() {
  const std::lock_guard lock(mutex_);
  media_.up();
}

void Traffic::media_ends() {
  const std::lock_guard lock(mutex_);
  --media_.now;
}

Traffic::MethodStats& Traffic::method_stats(std::string_view method) {
  const auto found = methods_.find(method);
  return found != methods_.end() ? found->second : methods_[std::string(method)];
}

std::size_t Traffic::text_size(const RequestRecord& record) {
  return record.target.size() + record.range.size() + record.user.size();
}

void Traffic::finished(RequestRecord record) {
  if (record.target.size() > kLongestTarget) {
    record.target.resize(kLongestTarget);
    record.target.shrink_to_fit();
  }
  const std::lock_guard lock(mutex_);
  MethodStats& stats = method_stats(record.method);
  ++stats.count;
  ++stats.statuses[record.status];
  stats.bytes_in += record.bytes_in;
  stats.bytes_out += record.bytes_out;
  stats.units += record.quota_units;
  log_text_ += text_size(record);
  log_.push_back(std::move(record));
  ++last_;
  while (log_.size() > kLogEntries || log_text_ > kLogText) {
    log_text_ -= text_size(log_.front());
    log_.pop_front();
  }
}

void Traffic::inner_call(std::string_view method, int status, std::uint32_t quota_units) {
  const std::lock_guard lock(mutex_);
  MethodStats& stats = method_stats(method);
  ++stats.count;
  ++stats.statuses[status];
  stats.units += quota_units;
}

json Traffic::stats() const {
  const std::lock_guard lock(mutex_);
  json methods = json::object();
  MethodStats all;
  for (const auto& [name, stats] : methods_) {
    json statuses = json::object();
    for (const auto& [status, count] : stats.statuses) statuses[std::to_string(status)] = count;
    methods[name.empty() ? "unknown" : name] = {{"count", stats.count},
                                                {"statuses", std::move(statuses)},
                                                {"bytes_in", stats.bytes_in},
                                                {"bytes_out", stats.bytes_out},
                                                {"units", stats.units}};
    all.count += stats.count;
    all.bytes_in += stats.bytes_in;
    all.bytes_out += stats.bytes_out;
    all.units += stats.units;
  }
  return {
      {"seconds", milliseconds(clock_.now() - since_) / 1000},
      {"requests", all.count},
      {"units", all.units},
      {"bytes_in", all.bytes_in},
      {"bytes_out", all.bytes_out},
      {"methods", std::move(methods)},
      {"connections",
       {{"plain", plain_}, {"tls", tls_}, {"open", connections_.now}, {"peak", connections_.peak}}},
      {"media", {{"now", media_.now}, {"peak", media_.peak}}}};
}

void Traffic::reset() {
  const std::lock_guard lock(mutex_);
  since_ = clock_.now();
  methods_.clear();
  plain_ = 0;
  tls_ = 0;
  connections_.peak = connections_.now;
  media_.peak = media_.now;
}

json Traffic::log(std::uint64_t since, std::string_view method, std::size_t limit) const {
  // Copied under the lock, printed behind it: redaction takes its time.
  std::vector<std::pair<std::uint64_t, RequestRecord>> chosen;
  std::uint64_t last = since;
  {
    const std::lock_guard lock(mutex_);
    const std::uint64_t first = last_ - log_.size() + 1;
    std::uint64_t sequence = std::max(since + 1, first);
    for (; sequence <= last_ && chosen.size() < limit; ++sequence) {
      last = sequence;
      const RequestRecord& record = log_[sequence - first];
      if (method.empty() || record.method == method) chosen.emplace_back(sequence, record);
    }
  }
  json entries = json::array();
  for (const auto& [sequence, record] : chosen) entries.push_back(to_json(record, sequence));
  return {{"last", last}, {"entries", std::move(entries)}};
}

}  // namespace driveway::sim
