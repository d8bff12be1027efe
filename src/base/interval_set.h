// A set of byte positions, kept as disjoint ranges.
#pragma once

#include <map>
#include <vector>

#include "base/bytes.h"

namespace driveway {

// Not thread-safe.
class IntervalSet {
 public:
  void add(ByteRange range);
  void subtract(ByteRange range);
  void clear() { ends_.clear(); }
  bool empty() const { return ends_.empty(); }
  bool contains(ByteRange range) const;   // true for an empty range
  std::vector<ByteRange> ranges() const;  // in order
  bool intersects(ByteRange range) const;
  // The parts of `range` that are in the set, in order.
  std::vector<ByteRange> parts(ByteRange range) const;
  Bytes total() const;  // how many positions are in the set
  // The parts of `range` that are not in the set, in order.
  std::vector<ByteRange> gaps(ByteRange range) const;

 private:
  std::map<Bytes, Bytes> ends_;  // begin -> end; neither overlapping nor touching
};

}  // namespace driveway
