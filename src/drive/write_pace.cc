#include "drive/write_pace.h"

namespace driveway::drive {
namespace {

constexpr double kPerSecond = 3;
constexpr double kBurst = 10;

}  // namespace

WritePace::WritePace(Clock& clock, Metrics& metrics)
    : clock_(clock),
      waiting_gauge_(metrics.gauge("drive.quota.writes_waiting")),
      wait_(metrics.histogram("drive.quota.write_wait")),
      bucket_{kPerSecond, kBurst, kBurst},
      filled_to_(clock.now()) {}

Status WritePace::take(const Context& context) {
  std::unique_lock lock(mutex_);
  DRIVEWAY_CHECK(context.check(clock_));
  const TimePoint arrived = clock_.now();
  const std::pair me(static_cast<int>(context.priority), arrivals_++);
  queue_.insert(me);
  Status status;
  while (status.ok()) {
    const TimePoint now = clock_.now();
    if (now > filled_to_) {
      bucket_.refill(now - filled_to_);
      filled_to_ = now;
    }
    const bool first = *queue_.begin() == me;
    const Duration pause = bucket_.until(1, reserve_above(context.priority));
    if (first && pause == Duration::zero()) {
      bucket_.level -= 1;
      wait_.record(now - arrived);
      break;
    }
    waiting_gauge_.set(static_cast<std::int64_t>(queue_.size()));
    const TimePoint ready = first ? now + pause : TimePoint::max();
    // Who is first may become second, and must not be served in that one's stead.
    status = wait(context.with_deadline(ready), clock_, lock, changed_,
                  [&] { return (*queue_.begin() == me) != first; });
    const bool only_time_passed =
        status.failed_with(ErrorCode::kDeadlineExceeded) && clock_.now() < context.deadline;
    if (only_time_passed) status = {};
  }
  queue_.erase(me);
  waiting_gauge_.set(static_cast<std::int64_t>(queue_.size()));
  if (!queue_.empty()) changed_.notify_all();
  return status;
}

int WritePace::waiting() const {
  const std::lock_guard lock(mutex_);
  return static_cast<int>(queue_.size());
}

}  // namespace driveway::drive
