#include "sim/net/quota.h"

#include <algorithm>

namespace driveway::sim {

bool TokenBucket::take(double amount, TimePoint now) {
  const double seconds = to_seconds(now - filled_);
  if (seconds > 0) {
    level_ = std::min(capacity_, level_ + seconds * per_second_);
    filled_ = now;
  }
  // A whole token may come out of its parts as a hair less.
  constexpr double kRounding = 1e-6;
  if (level_ + kRounding < amount) return false;
  level_ -= amount;
  return true;
}

QuotaKeeper::User::User(TimePoint now)
    : units(k2026PerSecond, k2026Capacity, now),
      requests(kLegacyPerSecond, kLegacyCapacity, now),
      writes(kWritesPerSecond, kWriteBurst, now) {}

std::optional<ApiError> QuotaKeeper::charge(const CallInfo& info, QuotaModel model, TimePoint now) {
  if (model == QuotaModel::kUnlimited || info.user.empty()) return std::nullopt;
  const std::lock_guard lock(mutex_);
  User& user = users_.try_emplace(info.user, now).first->second;
  // Writes first: a write refused for its rate costs no units.
  if (info.counts_as_write && !user.writes.take(1, now)) {
    ++refusals_.writes;
    return errors::user_rate_limit();
  }
  const bool granted = model == QuotaModel::k2026
                           ? user.units.take(info.quota_units, now)
                           : info.quota_units == 0 || user.requests.take(1, now);
  if (granted) return std::nullopt;
  ++refusals_.quota;
  return ++turn_ % 4 == 0 ? errors::rate_limit_429() : errors::user_rate_limit();
}

QuotaKeeper::Refusals QuotaKeeper::refusals() const {
  const std::lock_guard lock(mutex_);
  return refusals_;
}

void QuotaKeeper::reset_refusals() {
  const std::lock_guard lock(mutex_);
  refusals_ = {};
}

}  // namespace driveway::sim
