// The checksums of a dirty content's local bytes: one crc32c per unit of 64 KiB, of the local bytes
// in it, in order. Bytes that are written one behind the other, and whole units, are summed as they
// come; of other units the checksum is unknown until somebody reads them back.
//
// Not thread-safe; const functions may run beside each other.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <vector>

#include "base/bytes.h"
#include "base/interval_set.h"
#include "cache/block_map.h"

namespace driveway::cache {

class UnitCrcs {
 public:
  static ByteRange unit_range(std::uint64_t unit) { return {unit * kCrcUnit, kCrcUnit}; }
  // The units that `range` touches: [first, last).
  static std::uint64_t first_unit(ByteRange range) { return range.offset / kCrcUnit; }
  static std::uint64_t last_unit(ByteRange range) {
    return range.empty() ? first_unit(range) : (range.end() - 1) / kCrcUnit + 1;
  }

  // What a write makes of the units that it touches.
  struct Update {
    std::uint64_t first = 0;
    std::vector<std::optional<std::uint32_t>> crcs;  // nothing: unknown
  };
  // `local`: what was local before the write of `data` at `offset`.
  Update plan(const IntervalSet& local, Bytes offset, std::span<const std::byte> data) const;
  void apply(const Update& update);

  // Nothing: unknown.
  std::optional<std::uint32_t> crc(std::uint64_t unit) const;
  // Whether the bytes are known to be what the checksum says; true of unknown ones.
  bool checked(std::uint64_t unit) const;
  bool damaged(std::uint64_t unit) const;

  void set(std::uint64_t unit, std::uint32_t crc);   // of bytes that were read now: checked
  void load(std::uint64_t unit, std::uint32_t crc);  // of a record: not checked
  void forget(ByteRange range);                      // unknown from now on, and not damaged
  void mark_checked(std::uint64_t unit, bool intact);
  void uncheck_all();
  void clear() { blocks_.clear(); }

  // The units that `range` touches and that have to be read before their bytes can be believed.
  std::vector<std::uint64_t> unchecked(ByteRange range) const;
  bool any_damaged(ByteRange range) const;
  std::vector<std::uint64_t> damaged_units() const;

 private:
  struct Block {
    BlockCrcs crcs{};
    std::uint16_t known = 0;
    std::uint16_t suspect = 0;  // known, and not checked
    std::uint16_t damaged = 0;  // checked, and wrong
  };
  Block* find(std::uint64_t unit);
  const Block* find(std::uint64_t unit) const;

  std::map<std::uint64_t, Block> blocks_;
};

}  // namespace driveway::cache
