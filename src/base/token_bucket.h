// A rate with a burst, for who counts what goes to Drive. Not thread-safe.
#pragma once

#include <algorithm>
#include <chrono>

#include "base/clock.h"
#include "base/context.h"

namespace driveway {

struct TokenBucket {
  double rate = 0;  // a second
  double capacity = 0;
  double level = 0;

  void refill(Duration elapsed) { level = std::min(capacity, level + rate * to_seconds(elapsed)); }
  // How long until `amount` is there above `reserve` (a share of the capacity).
  Duration until(double amount, double reserve) const {
    const double missing = amount + reserve * capacity - level;
    if (missing <= 0) return Duration::zero();
    // Rounded up, so that a wait is never a hair too short.
    return Duration(static_cast<Duration::rep>(missing / rate * 1e9) + 1000);
  }
};

// The share of the capacity that `priority` leaves to those above it (R4).
inline double reserve_above(Priority priority) {
  switch (priority) {
    case Priority::kForeground:
      return 0;
    case Priority::kReadAhead:
      return 0.05;
    case Priority::kPrefetch:
      return 0.10;
    case Priority::kBackground:
      return 0.50;
  }
  return 0.50;
}

}  // namespace driveway
