#include "vfs/stride.h"

#include <algorithm>
#include <cstdlib>

namespace driveway::vfs {

namespace {

constexpr int kStrays = 2;
// A place that is read for longer is a stream's matter.
constexpr Bytes kLongestPlace = 16 * kMiB;

Bytes magnitude(std::int64_t value) { return static_cast<Bytes>(std::abs(value)); }

}  // namespace

bool Stride::jump(Bytes offset, Bytes length) {
  // A place may be left out.
  const bool expected = active_ && (near(offset, 1) || near(offset, 2));
  if (active_ && !expected) {
    if (++strays_ < kStrays) return false;
    reset();
  } else {
    length_ = std::max(length_, std::min(length, kLongestPlace));
  }
  strays_ = 0;
  if (expected) {
    const Bytes first = magnitude(static_cast<std::int64_t>(offset) - places_.back() - distance_);
    const Bytes second =
        magnitude(static_cast<std::int64_t>(offset) - places_.back() - 2 * distance_);
    jitter_ = std::max(jitter_, std::min(first, second));
  }
  remember(offset);
  if (!active_) detect();
  return expected;
}

void Stride::amend(Bytes offset) {
  if (count_ > 0 && strays_ == 0) places_.back() = static_cast<std::int64_t>(offset);
}

void Stride::reset() {
  count_ = 0;
  active_ = false;
  strays_ = 0;
  jitter_ = 0;
  length_ = 0;
}

ByteRange Stride::place(int ahead) const {
  const std::int64_t from = places_.back() + ahead * distance_ - static_cast<std::int64_t>(jitter_);
  const std::int64_t to = from + static_cast<std::int64_t>(2 * jitter_ + length_);
  if (to <= 0) return {};
  const Bytes begin = from > 0 ? static_cast<Bytes>(from) : 0;
  return {begin, static_cast<Bytes>(to) - begin};
}

bool Stride::near(Bytes offset, int ahead) const {
  const std::int64_t expected = places_.back() + ahead * distance_;
  return magnitude(static_cast<std::int64_t>(offset) - expected) <= magnitude(distance_) / 32;
}

void Stride::remember(Bytes offset) {
  std::rotate(places_.begin(), places_.begin() + 1, places_.end());
  places_.back() = static_cast<std::int64_t>(offset);
  count_ = std::min(count_ + 1, kPlaces);
}

void Stride::detect() {
  if (count_ < kPlaces) return;
  const std::int64_t mean = (places_[3] - places_[0]) / 3;
  if (magnitude(mean) < kShortest) return;
  Bytes deviation = 0;
  for (std::size_t i = 1; i < kPlaces; ++i) {
    deviation = std::max(deviation, magnitude(places_[i] - places_[i - 1] - mean));
  }
  if (deviation > magnitude(mean) / 32) return;
  distance_ = mean;
  jitter_ = deviation;
  active_ = true;
}

}  // namespace driveway::vfs
