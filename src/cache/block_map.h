// What is known of the bytes of one content: which blocks are indexed, with their checksums, and
// which bytes have arrived and are not indexed yet. Pure bookkeeping; no bytes, no disk.
//
// Not thread-safe, but for mark_verified(), which may run beside const functions.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <set>
#include <span>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/interval_set.h"
#include "cache/content_cache.h"

namespace driveway::cache {

inline constexpr std::uint64_t kUnitsPerBlock = kBlockSize / kCrcUnit;
// Blocks whose checksums share one row of the index: a full row is 1 KiB, so it stays within a page
// of LMDB, and a commit of one block rewrites no more than that.
inline constexpr std::uint64_t kBlocksPerGroup = 16;

// One crc32c per unit of a block; those behind the end of the content are 0.
using BlockCrcs = std::array<std::uint32_t, kUnitsPerBlock>;

// The indexed blocks of one group, as the index stores them.
struct GroupRow {
  std::uint64_t group = 0;
  std::uint16_t present = 0;  // bit i: block group * kBlocksPerGroup + i
  std::array<BlockCrcs, kBlocksPerGroup> crcs{};
};

class BlockMap {
 public:
  explicit BlockMap(Bytes size) : size_(size) {}

  Bytes size() const { return size_; }
  ByteRange block_range(std::uint64_t block) const;
  Bytes block_cost(std::uint64_t block) const;  // disk space, in whole pages
  std::uint64_t units_of(std::uint64_t block) const;

  bool indexed(std::uint64_t block) const;
  bool has(ByteRange range) const;
  bool complete() const;  // every block is indexed
  std::vector<std::uint64_t> indexed_blocks() const;
  // As Content::missing.
  std::vector<ByteRange> missing(ByteRange range) const;
  // The parts of `range` whose blocks are not indexed, in order.
  std::vector<ByteRange> unindexed(ByteRange range) const;

  // Bytes that stand in the file now.
  void arrive(Bytes offset, std::span<const std::byte> data);
  // Forgets arrived bytes of `range`. Indexed blocks stay.
  void discard(ByteRange range);
  // Indexes the blocks of `range` that lie in it whole and have arrived whole. Those whose
  // checksums are not known from their arrival are not indexed but given back: their bytes must be
  // read and given to index().
  std::vector<std::uint64_t> commit(ByteRange range);
  // Indexes `block` if it has arrived whole; its bytes count as checked.
  void index(std::uint64_t block, const BlockCrcs& crcs);
  // Forgets the block, arrived or indexed.
  void drop(std::uint64_t block);

  struct Unit {
    ByteRange range;
    std::uint64_t block = 0;
    std::uint32_t crc = 0;
  };
  // The units of indexed blocks that touch `range` and have not been checked yet.
  std::vector<Unit> unchecked(ByteRange range) const;
  void mark_checked(const Unit& unit) const;

  // Blocks hold disk space from their first byte on. charge() gives what the blocks of
  // `range` cost in addition, and counts them; uncharge_unused() gives up those of the blocks that
  // are not indexed, and says which.
  struct Charge {
    Bytes cost = 0;
    std::vector<std::uint64_t> blocks;
  };
  Charge charge(ByteRange range);
  void uncharge(const Charge& charge);
  Charge uncharge_unused();
  Bytes charged_cost() const { return charged_cost_; }
  Bytes indexed_cost() const { return indexed_cost_; }

  // From the index: its blocks count as unchecked.
  void load(const GroupRow& row);
  // The groups that changed since the last call (present 0: all gone); they count as unchanged
  // from now on.
  std::vector<GroupRow> take_changed();
  void mark_changed(const std::vector<GroupRow>& rows);
  bool changed() const { return !changed_.empty(); }
  std::size_t groups() const { return groups_.size(); }

 private:
  struct Group {
    std::uint16_t present = 0;
    std::uint16_t charged = 0;
    std::array<BlockCrcs, kBlocksPerGroup> crcs{};
    mutable std::array<std::atomic<std::uint16_t>, kBlocksPerGroup> checked{};
  };
  // Checksums of a block as its bytes come, unit by unit in order.
  struct Arriving {
    BlockCrcs crcs{};
    std::array<std::uint32_t, kUnitsPerBlock> lengths{};
    bool in_order = true;  // false: bytes came otherwise, the checksums say nothing
  };

  std::uint64_t blocks() const { return (size_ + kBlockSize - 1) / kBlockSize; }
  ByteRange clamp(ByteRange range) const { return range.intersect({0, size_}); }
  Group& group_of(std::uint64_t block);
  const Group* find_group(std::uint64_t block) const;
  void arrive_in_block(std::uint64_t block, Bytes offset, std::span<const std::byte> data);

  Bytes size_;
  Bytes indexed_cost_ = 0;
  Bytes charged_cost_ = 0;
  std::unordered_map<std::uint64_t, std::unique_ptr<Group>> groups_;
  IntervalSet arrived_;  // never within indexed blocks
  std::unordered_map<std::uint64_t, Arriving> arriving_;
  std::set<std::uint64_t> changed_;
};

}  // namespace driveway::cache
