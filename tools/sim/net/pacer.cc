#include "sim/net/pacer.h"

#include <algorithm>

namespace driveway::sim {

bool Waiter::wait_until(TimePoint time) {
  std::unique_lock lock(mutex_);
  return !clock_.wait_until(lock, changed_, time, [&] { return stopped_; });
}

bool Waiter::wait_for(const std::function<bool()>& ready) {
  std::unique_lock lock(mutex_);
  clock_.wait_until(lock, changed_, TimePoint::max(), [&] { return stopped_ || ready(); });
  return !stopped_;
}

void Waiter::notify() {
  // Under the lock: else a thread that has just found nothing ready would sleep through it.
  const std::lock_guard lock(mutex_);
  changed_.notify_all();
}

void Waiter::stop() {
  const std::lock_guard lock(mutex_);
  stopped_ = true;
  changed_.notify_all();
}

bool Waiter::stopped() const {
  const std::lock_guard lock(mutex_);
  return stopped_;
}

void RateLimiter::begin(TimePoint now) {
  const std::lock_guard lock(mutex_);
  if (active_++ == 0) passed_ = std::max(passed_, now);
}

void RateLimiter::end() {
  const std::lock_guard lock(mutex_);
  --active_;
}

TimePoint RateLimiter::reserve(Bytes bytes, Bytes rate, TimePoint now) {
  const auto needed = Duration(
      static_cast<Duration::rep>(static_cast<double>(bytes) * 1e9 / static_cast<double>(rate)));
  const std::lock_guard lock(mutex_);
  passed_ = std::max(passed_, now - kCatchUp) + needed;
  return passed_;
}

Bytes pacing_quantum(Bytes connection_rate, Bytes total_rate) {
  constexpr Bytes kLowest = 16 * kKiB;
  constexpr Bytes kHighest = 256 * kKiB;
  Bytes rate = connection_rate;
  if (total_rate != 0 && (rate == 0 || total_rate < rate)) rate = total_rate;
  if (rate == 0) return kHighest;
  return std::clamp(rate / 500, kLowest, kHighest);
}

Transfer::Transfer(Waiter& waiter, RateLimiter& connection, RateLimiter& total)
    : waiter_(waiter), connection_(connection), total_(total) {
  const TimePoint now = waiter_.clock().now();
  connection_.begin(now);
  total_.begin(now);
}

Transfer::~Transfer() {
  connection_.end();
  total_.end();
}

bool Transfer::pass(Bytes bytes, const Rates& rates) {
  Clock& clock = waiter_.clock();
  // One after the other: what a connection may not send yet takes no place in the common queue.
  if (rates.connection != 0) {
    const TimePoint time = connection_.reserve(bytes, rates.connection, clock.now());
    if (time > clock.now() && !waiter_.wait_until(time)) return false;
  }
  if (rates.total != 0) {
    const TimePoint time = total_.reserve(bytes, rates.total, clock.now());
    if (time > clock.now() && !waiter_.wait_until(time)) return false;
  }
  return true;
}

}  // namespace driveway::sim
