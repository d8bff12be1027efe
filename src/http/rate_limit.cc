#include "http/rate_limit.h"

#include <algorithm>
#include <limits>

namespace driveway::http {
namespace {

constexpr double kBurstSeconds = 0.1;
constexpr double kLongestLeast = 16.0 * kKiB;  // libcurl's piece of a body

}  // namespace

RateLimit::RateLimit(Bytes per_second)
    : limited_(per_second > 0),
      least_(std::clamp(kBurstSeconds * static_cast<double>(per_second), 1.0, kLongestLeast)),
      bucket_{static_cast<double>(per_second),
              std::max(1.0, kBurstSeconds * static_cast<double>(per_second)), 0} {
  bucket_.level = bucket_.capacity;
}

void RateLimit::refill(TimePoint now) {
  if (filled_ != TimePoint{} && now > filled_) bucket_.refill(now - filled_);
  filled_ = std::max(filled_, now);
}

Bytes RateLimit::allowance(TimePoint now) {
  if (!limited_) return std::numeric_limits<Bytes>::max();
  refill(now);
  return bucket_.level < least_ ? 0 : static_cast<Bytes>(bucket_.level);
}

void RateLimit::spend(Bytes bytes) {
  if (limited_) bucket_.level -= static_cast<double>(bytes);
}

void RateLimit::enqueue(Transfer* transfer) {
  if (std::find(waiting_.begin(), waiting_.end(), transfer) == waiting_.end()) {
    waiting_.push_back(transfer);
  }
}

void RateLimit::remove(Transfer* transfer) { std::erase(waiting_, transfer); }

Transfer* RateLimit::next(TimePoint now) {
  if (waiting_.empty() || allowance(now) == 0) return nullptr;
  Transfer* const first = waiting_.front();
  waiting_.pop_front();
  return first;
}

TimePoint RateLimit::next_at(TimePoint now) {
  if (waiting_.empty()) return TimePoint::max();
  refill(now);
  return now + bucket_.until(least_, 0);
}

}  // namespace driveway::http
