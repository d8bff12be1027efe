#include "base/metrics.h"

#include <algorithm>
#include <cmath>

namespace driveway {

namespace {

// Bucket i holds what is above bound[i - 1] and at most bound[i]: from 76 ns up to 19 hours, which
// is beyond any wait of ours; what is longer counts into the last one.
template <std::size_t kCount>
const std::array<std::int64_t, kCount>& bucket_bounds() {
  static const auto bounds = [] {
    std::array<std::int64_t, kCount> out{};
    for (std::size_t i = 0; i < kCount; ++i) {
      out[i] = static_cast<std::int64_t>(std::exp2(6.0 + (static_cast<double>(i) + 1) / 4));
    }
    return out;
  }();
  return bounds;
}

// The entry `name`, made when it is new. REQUIRES: the registry's mutex is held.
template <typename T>
T& find_or_make(std::map<std::string, std::unique_ptr<T>, std::less<>>& map,
                std::string_view name) {
  auto found = map.find(name);
  if (found == map.end()) found = map.emplace(name, std::make_unique<T>()).first;
  return *found->second;
}

std::int64_t whole_microseconds(Duration duration) {
  return std::chrono::ceil<std::chrono::microseconds>(duration).count();
}

}  // namespace

void Histogram::record(Duration value) {
  const auto& bounds = bucket_bounds<kBuckets>();
  const auto bucket = std::lower_bound(bounds.begin(), bounds.end() - 1, value.count());
  buckets_[static_cast<std::size_t>(bucket - bounds.begin())].fetch_add(1,
                                                                        std::memory_order_relaxed);
}

std::uint64_t Histogram::count() const {
  std::uint64_t sum = 0;
  for (const auto& bucket : buckets_) sum += bucket.load(std::memory_order_relaxed);
  return sum;
}

Duration Histogram::percentile(double p) const {
  // One copy, so that the rank and the search see the same counts while others record.
  std::array<std::uint64_t, kBuckets> counts{};
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < counts.size(); ++i) {
    counts[i] = buckets_[i].load(std::memory_order_relaxed);
    sum += counts[i];
  }
  if (sum == 0) return Duration::zero();
  const auto rank = std::clamp<std::uint64_t>(
      static_cast<std::uint64_t>(std::ceil(p / 100 * static_cast<double>(sum))), 1, sum);
  std::uint64_t seen = 0;
  std::size_t bucket = 0;
  while ((seen += counts[bucket]) < rank) ++bucket;
  return Duration(bucket_bounds<kBuckets>()[bucket]);
}

Counter& Metrics::counter(std::string_view name) {
  const std::lock_guard lock(mutex_);
  return find_or_make(counters_, name);
}

Gauge& Metrics::gauge(std::string_view name) {
  const std::lock_guard lock(mutex_);
  return find_or_make(gauges_, name);
}

Histogram& Metrics::histogram(std::string_view name) {
  const std::lock_guard lock(mutex_);
  return find_or_make(histograms_, name);
}

std::map<std::string, std::int64_t> Metrics::snapshot() const {
  const std::lock_guard lock(mutex_);
  std::map<std::string, std::int64_t> out;
  for (const auto& [name, counter] : counters_) {
    out[name] = static_cast<std::int64_t>(counter->value());
  }
  for (const auto& [name, gauge] : gauges_) out[name] = gauge->value();
  for (const auto& [name, histogram] : histograms_) {
    out[name + ".count"] = static_cast<std::int64_t>(histogram->count());
    out[name + ".p50_us"] = whole_microseconds(histogram->percentile(50));
    out[name + ".p90_us"] = whole_microseconds(histogram->percentile(90));
    out[name + ".p99_us"] = whole_microseconds(histogram->percentile(99));
  }
  return out;
}

}  // namespace driveway
