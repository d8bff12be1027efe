// Time and bandwidth: waits that a stopping server ends, and token buckets that pace smoothly.
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>

#include "base/bytes.h"
#include "base/clock.h"

namespace driveway::sim {

// Where all threads of a server wait. Thread-safe.
class Waiter {
 public:
  explicit Waiter(Clock& clock) : clock_(clock) {}
  // False when the server stops before `time`.
  bool wait_until(TimePoint time);
  // Until ready(), asked again at each notify(). False when the server stops before. `ready` must
  // not call this object.
  bool wait_for(const std::function<bool()>& ready);
  void notify();
  void stop();
  bool stopped() const;
  Clock& clock() const { return clock_; }

 private:
  Clock& clock_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  bool stopped_ = false;
};

// A token bucket as a queue: each reservation gets the time at which its last byte has passed, one
// behind the other, so many users share a rate fairly, first come, first served. A thread that
// wakes up late is repaid (up to kCatchUp), so the rate is kept; time without any transfer is not
// saved up, so nothing begins with a burst. Thread-safe.
class RateLimiter {
 public:
  static constexpr Duration kCatchUp = std::chrono::milliseconds(30);

  // Brackets each transfer.
  void begin(TimePoint now);
  void end();
  // When the last of `bytes` may be through, at `rate` bytes a second. REQUIRES: rate > 0, within a
  // transfer.
  TimePoint reserve(Bytes bytes, Bytes rate, TimePoint now);

 private:
  std::mutex mutex_;
  TimePoint passed_{};  // what was reserved has passed by then
  int active_ = 0;
};

// How much is moved at once: about 2 ms at the lowest of the rates that apply (0 = no cap), within
// 16 KiB and 256 KiB; the upper bound where there is no cap.
Bytes pacing_quantum(Bytes connection_rate, Bytes total_rate);

// One body on its way, in one direction: through the connection's limiter, then through the one of
// all connections.
class Transfer {
 public:
  struct Rates {
    Bytes connection = 0;  // bytes a second; 0 = no cap
    Bytes total = 0;
  };

  Transfer(Waiter& waiter, RateLimiter& connection, RateLimiter& total);
  ~Transfer();
  Transfer(const Transfer&) = delete;
  Transfer& operator=(const Transfer&) = delete;
  // Waits until `bytes` may have passed. False when the server stops.
  bool pass(Bytes bytes, const Rates& rates);

 private:
  Waiter& waiter_;
  RateLimiter& connection_;
  RateLimiter& total_;
};

}  // namespace driveway::sim
