// Counters, gauges and latency histograms, by name. docs/METRICS.md lists every name.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"

namespace driveway {

class Counter {
 public:
  void add(std::uint64_t by = 1) { value_.fetch_add(by, std::memory_order_relaxed); }
  std::uint64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

class Gauge {
 public:
  void add(std::int64_t by) { value_.fetch_add(by, std::memory_order_relaxed); }
  void set(std::int64_t value) { value_.store(value, std::memory_order_relaxed); }
  std::int64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::int64_t> value_{0};
};

// Durations in buckets that grow by a factor of 2^(1/4): a percentile is right to 19 %.
class Histogram {
 public:
  void record(Duration value);
  std::uint64_t count() const;
  // The upper bound of the bucket that holds the `p`-th percentile (0 < p <= 100); zero when
  // nothing was recorded.
  Duration percentile(double p) const;

 private:
  static constexpr int kBuckets = 160;
  std::array<std::atomic<std::uint64_t>, kBuckets> buckets_{};
};

// Thread-safe. The references stay valid as long as the registry.
class Metrics {
 public:
  Counter& counter(std::string_view name);
  Gauge& gauge(std::string_view name);
  Histogram& histogram(std::string_view name);

  // A counter's or gauge's value; for a histogram NAME: NAME.count, NAME.p50_us, NAME.p90_us,
  // NAME.p99_us.
  std::map<std::string, std::int64_t> snapshot() const;

 private:
  mutable std::mutex mutex_;
  std::map<std::string, std::unique_ptr<Counter>, std::less<>> counters_;
  std::map<std::string, std::unique_ptr<Gauge>, std::less<>> gauges_;
  std::map<std::string, std::unique_ptr<Histogram>, std::less<>> histograms_;
};

}  // namespace driveway
