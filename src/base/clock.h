// Time, injected: code under test takes a Clock and never asks the system, nor sleeps.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <string_view>

#include "base/result.h"

namespace driveway {

using Duration = std::chrono::nanoseconds;
// Monotonic time: for deadlines, expiry and rates.
using TimePoint = std::chrono::time_point<std::chrono::steady_clock, Duration>;
inline double to_seconds(Duration duration) {
  return std::chrono::duration<double>(duration).count();
}
// Wall time: what Drive's timestamps mean, in ms as Drive has it (E4).
using WallTime = std::chrono::time_point<std::chrono::system_clock, std::chrono::milliseconds>;

// Thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual TimePoint now() const = 0;
  virtual WallTime wall_now() const = 0;
  // Waits on `condition` until `ready()` or until now() reaches `deadline`; returns ready()'s last
  // value. `lock` holds the mutex that guards what `ready` reads, as with std::condition_variable.
  // TimePoint::max() waits for ever.
  virtual bool wait_until(std::unique_lock<std::mutex>& lock, std::condition_variable& condition,
                          TimePoint deadline, const std::function<bool()>& ready) = 0;
};

// The system's clocks.
class SystemClock final : public Clock {
 public:
  TimePoint now() const override;
  WallTime wall_now() const override;
  bool wait_until(std::unique_lock<std::mutex>& lock, std::condition_variable& condition,
                  TimePoint deadline, const std::function<bool()>& ready) override;
};

// Stands still until a test moves it. A wait with a deadline returns when advance() passes that
// deadline (or when notified); with `auto_advance` it jumps to the deadline itself at once, for
// code that only ever waits by itself.
class FakeClock final : public Clock {
 public:
  explicit FakeClock(bool auto_advance = false) : auto_advance_(auto_advance) {}
  TimePoint now() const override;
  WallTime wall_now() const override;
  bool wait_until(std::unique_lock<std::mutex>& lock, std::condition_variable& condition,
                  TimePoint deadline, const std::function<bool()>& ready) override;
  // Takes the mutex of each wait whose deadline it passes: the caller must hold none of these.
  void advance(Duration by);
  // How many threads wait now with a deadline: a test that wants to advance *past* a wait polls
  // this with yield.
  int waiting() const;

 private:
  struct Waiter;
  static constexpr TimePoint kStart{std::chrono::hours(1)};

  const bool auto_advance_;
  mutable std::mutex mutex_;  // taken while a waiter's mutex is held, never the other way round
  TimePoint now_ = kStart;
  std::set<Waiter*> waiters_;
  std::condition_variable unpinned_;
};

// "2026-11-21T02:03:04.567Z" <-> WallTime. Any number of fraction digits (cut to ms) and any zone
// offset is read; a missing zone means UTC (drive-api reference, 2 and 3.1). Errors:
// kInvalidArgument.
Result<WallTime> parse_rfc3339(std::string_view text);
std::string format_rfc3339(WallTime time);

// A DURATION of the command line: "90s", "5m", "1h30m", "250ms", "2d"; a bare number is seconds.
// Errors: kInvalidArgument.
Result<Duration> parse_duration(std::string_view text);

}  // namespace driveway
