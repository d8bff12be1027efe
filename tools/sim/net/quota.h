// What Drive grants a user: quota units or requests, and writes a second (design: the simulator).
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>

#include "base/clock.h"
#include "sim/config.h"
#include "sim/drive/errors.h"
#include "sim/net/service.h"

namespace driveway::sim {

// Holds up to `capacity`, full at first, refilled steadily. Not thread-safe.
class TokenBucket {
 public:
  TokenBucket(double per_second, double capacity, TimePoint now)
      : per_second_(per_second), capacity_(capacity), level_(capacity), filled_(now) {}
  // Takes `amount`, or nothing and false if there is less.
  bool take(double amount, TimePoint now);

 private:
  double per_second_;
  double capacity_;
  double level_;
  TimePoint filled_;
};

// Thread-safe.
class QuotaKeeper {
 public:
  // `2026`: drive-api reference 1.7 (units a minute, user and project) with the design's capacity;
  // `legacy`: requests; writes: the advised 3 a second.
  static constexpr double k2026PerSecond = 325'000.0 / 60;
  static constexpr double k2026Capacity = 54'000;
  static constexpr double kLegacyPerSecond = 200;
  static constexpr double kLegacyCapacity = 2'000;
  static constexpr double kWritesPerSecond = 3;
  static constexpr double kWriteBurst = 10;

  // Charges the call; the refusal if its user has not enough left (then nothing is charged). A call
  // without a user or of no cost is never refused. Of the refusals for units and requests each
  // fourth is a 429, as backend checks give it, the others 403 userRateLimitExceeded.
  std::optional<ApiError> charge(const CallInfo& info, QuotaModel model, TimePoint now);

  // Refusals since the start: for units or requests, and for writes.
  struct Refusals {
    std::uint64_t quota = 0;
    std::uint64_t writes = 0;
  };
  Refusals refusals() const;
  void reset_refusals();

 private:
  struct User {
    explicit User(TimePoint now);
    TokenBucket units;
    TokenBucket requests;
    TokenBucket writes;
  };
  mutable std::mutex mutex_;
  std::map<std::string, User, std::less<>> users_;
  Refusals refusals_;
  std::uint64_t turn_ = 0;
};

}  // namespace driveway::sim
