// How fast changes go to Drive (J11): 3 a second, which is all that Drive lets an account write in
// the long run (drive-api reference 1.7), and up to 10 at once after a pause.
//
// Whoever has the higher Priority goes first, whenever it came; background writes leave half of the
// burst to those above them, as for quota units.
//
// Thread-safe. Private to drive/. Metrics: drive.quota.writes_waiting (gauge),
// drive.quota.write_wait (histogram: how long each write waited here, mostly not at all).
#pragma once

#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <set>
#include <utility>

#include "base/clock.h"
#include "base/context.h"
#include "base/metrics.h"
#include "base/result.h"
#include "base/token_bucket.h"

namespace driveway::drive {

class WritePace {
 public:
  // Both must outlive the object.
  WritePace(Clock& clock, Metrics& metrics);
  // Waits until a write may go, and counts it. Errors: kDeadlineExceeded, kCancelled.
  Status take(const Context& context);
  int waiting() const;

 private:
  Clock& clock_;
  Gauge& waiting_gauge_;
  Histogram& wait_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  TokenBucket bucket_;
  TimePoint filled_to_;
  std::set<std::pair<int, std::uint64_t>> queue_;  // (priority, arrival) of who waits
  std::uint64_t arrivals_ = 0;
};

}  // namespace driveway::drive
