// Byte counts and ranges.
#pragma once

#include <algorithm>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace driveway {

using Bytes = std::uint64_t;

inline constexpr Bytes kKiB = 1024;
inline constexpr Bytes kMiB = 1024 * kKiB;
inline constexpr Bytes kGiB = 1024 * kMiB;

// [offset, offset + length).
struct ByteRange {
  Bytes offset = 0;
  Bytes length = 0;

  Bytes end() const { return offset + length; }
  bool empty() const { return length == 0; }
  bool contains(const ByteRange& other) const {
    return other.offset >= offset && other.end() <= end();
  }
  // The common part; empty where there is none.
  ByteRange intersect(const ByteRange& other) const {
    const Bytes from = std::max(offset, other.offset);
    const Bytes to = std::min(end(), other.end());
    return to > from ? ByteRange{from, to - from} : ByteRange{from, 0};
  }
  friend auto operator<=>(const ByteRange&, const ByteRange&) = default;
};

// A SIZE of the command line: "512", "10K", "4M", "10G", "2T", also "10GiB", "10GB" (all binary).
// Errors: kInvalidArgument.
Result<Bytes> parse_size(std::string_view text);
// "1.5 GiB", three significant digits.
std::string format_size(Bytes bytes);

}  // namespace driveway
