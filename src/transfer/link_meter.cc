#include "transfer/link_meter.h"

#include <algorithm>
#include <cmath>

namespace driveway::transfer {
namespace {

// Long enough for the bursts of TCP and of a busy machine to even out.
constexpr Duration kWindow = std::chrono::milliseconds(250);
// Rates of the past lose half of their weight in about 9 s of downloading.
constexpr double kFade = 0.98;
constexpr double kFirstByteWeight = 0.2;
// As much of the sum of their own rates must streams together reach for the link to be called not
// full.
constexpr double kStillScales = 0.85;
constexpr int kTryMore = 2;

}  // namespace

int LinkSpeed::gets_at_once(Bytes length) const {
  if (length == 0) return streams;
  if (connection_rate <= 0) return LinkMeter::kMostGets;
  const double idle = to_seconds(first_byte) * connection_rate / static_cast<double>(length);
  return std::min(static_cast<int>(std::ceil(streams * (1 + idle) - 0.05)), LinkMeter::kMostGets);
}

void LinkMeter::asked(const void* key) {
  const std::lock_guard lock(mutex_);
  answers_[key] = Answer{.asked_at = clock_.now(), .window_from = {}, .in_window = 0};
}

void LinkMeter::arrived(const void* key, Bytes bytes) {
  const TimePoint now = clock_.now();
  const std::lock_guard lock(mutex_);
  const auto found = answers_.find(key);
  if (found == answers_.end()) return;
  Answer& answer = found->second;
  if (answer.window_from == TimePoint{}) {
    const double waited = to_seconds(now - answer.asked_at);
    first_byte_ =
        first_byte_ == 0 ? waited : first_byte_ + kFirstByteWeight * (waited - first_byte_);
    // Its first bytes say when it began, not how fast it is.
    answer.window_from = now;
    return;
  }
  answer.in_window += bytes;
  if (window_from_ == TimePoint{}) window_from_ = now;
  in_window_ += bytes;
  if (now - window_from_ >= kWindow) close_window(now);
}

void LinkMeter::ended(const void* key) {
  const std::lock_guard lock(mutex_);
  answers_.erase(key);
  if (answers_.empty()) {
    window_from_ = {};
    in_window_ = 0;
  }
}

// With mutex_ held.
void LinkMeter::close_window(TimePoint now) {
  const double total = static_cast<double>(in_window_) / to_seconds(now - window_from_);
  // A full link says nothing new of one connection's rate: each has a share only.
  if (total < kStillScales * total_rate_) {
    connection_rate_ *= kFade;
    total_rate_ *= kFade;
  }
  int busy = 0;
  for (auto& [key, answer] : answers_) {
    if (answer.window_from == TimePoint{}) continue;
    const Duration length = now - answer.window_from;
    if (length < kWindow / 2) continue;
    if (answer.in_window > 0) ++busy;
    connection_rate_ =
        std::max(connection_rate_, static_cast<double>(answer.in_window) / to_seconds(length));
    answer.window_from = now;
    answer.in_window = 0;
  }
  total_rate_ = std::max(total_rate_, total);
  window_from_ = now;
  in_window_ = 0;
  adapt(total, busy);
}

// With mutex_ held.
void LinkMeter::adapt(double total, int busy) {
  if (connection_rate_ <= 0) return;
  int wanted = static_cast<int>(std::ceil(total_rate_ / connection_rate_ - 0.1));
  if (busy > 0 && total >= kStillScales * busy * connection_rate_) {
    wanted = std::max(wanted, busy + kTryMore);
  }
  streams_ = std::clamp(wanted, 1, kMostStreams);
}

LinkSpeed LinkMeter::speed() const {
  const std::lock_guard lock(mutex_);
  return {.connection_rate = connection_rate_,
          .total_rate = total_rate_,
          .first_byte =
              std::chrono::duration_cast<Duration>(std::chrono::duration<double>(first_byte_)),
          .streams = streams_};
}

}  // namespace driveway::transfer
