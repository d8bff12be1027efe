// Reads at equal distances. Private to ReadPattern.
#pragma once

#include <array>
#include <cstdint>

#include "base/bytes.h"

namespace driveway::vfs {

// Learns from the places that reads of one handle jump to whether they lie at equal distances (of a
// column of records, of every n-th frame), upward or downward. Three equal distances, within 1/32,
// make a stride; two jumps elsewhere in a row end it. Offsets are below 2^62. Not thread-safe.
class Stride {
 public:
  // Distances below are a stream's skips: ReadPattern never jumps that short.
  static constexpr Bytes kShortest = 4 * kMiB;

  // A read jumped to `offset`; `length` was read at the place before. Whether that was a place
  // where the stride was expected.
  bool jump(Bytes offset, Bytes length);
  // The last place begins lower than its first request did.
  void amend(Bytes offset);
  void reset();

  bool active() const { return active_; }
  // Of a place: the most that was read at one.
  Bytes length() const { return length_; }
  // The place `ahead` strides on, as long as the longest so far; empty where it would begin before
  // the file.
  ByteRange place(int ahead) const;

 private:
  static constexpr std::size_t kPlaces = 4;

  bool near(Bytes offset, int ahead) const;
  void remember(Bytes offset);
  void detect();

  std::array<std::int64_t, kPlaces> places_{};  // the last is the latest
  std::size_t count_ = 0;
  bool active_ = false;
  int strays_ = 0;
  std::int64_t distance_ = 0;
  Bytes jitter_ = 0;  // the largest deviation so far
  Bytes length_ = 0;
};

}  // namespace driveway::vfs
