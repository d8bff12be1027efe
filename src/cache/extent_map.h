// Which bytes of a dirty content come from where: local (written), zeros, or its base's. Pure
// bookkeeping; no bytes, no disk.
//
// Behind the base's limit everything that is not local is zeros. The limit only ever shrinks: what
// was cut off once is zeros for good, never the base's old bytes again.
//
// Not thread-safe. Copies are independent.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/bytes.h"
#include "base/interval_set.h"
#include "cache/dirty_content.h"

namespace driveway::cache {

class ExtentMap {
 public:
  ExtentMap() = default;
  // All of it the base's.
  explicit ExtentMap(Bytes size) : size_(size), base_limit_(size) {}
  // As it was stored. REQUIRES valid().
  ExtentMap(Bytes size, Bytes base_limit, const std::vector<ByteRange>& local,
            const std::vector<ByteRange>& zeros);
  // Whether these can be a map: in order, apart, within the size, nothing both local and zeros.
  static bool valid(Bytes size, Bytes base_limit, const std::vector<ByteRange>& local,
                    const std::vector<ByteRange>& zeros);

  Bytes size() const { return size_; }
  Bytes base_limit() const { return base_limit_; }
  const IntervalSet& local() const { return local_; }
  const IntervalSet& zeros() const { return zeros_; }  // within the base's limit

  // Grows the size where `range` reaches beyond it.
  void write(ByteRange range);
  // Zeros; what lies behind the size stays as it is.
  void punch(ByteRange range);
  void truncate(Bytes size);

  // The parts of `range` (cut to the size), in order, each as long as can be.
  std::vector<Part> parts(ByteRange range) const;
  // As SEEK_DATA and SEEK_HOLE: zeros are holes, the end is one. Nothing where there is none.
  std::optional<Bytes> next_data(Bytes offset) const;
  std::optional<Bytes> next_hole(Bytes offset) const;

 private:
  Bytes size_ = 0;
  Bytes base_limit_ = 0;
  IntervalSet local_;
  IntervalSet zeros_;
};

}  // namespace driveway::cache
