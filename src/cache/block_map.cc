#include "cache/block_map.h"

#include <algorithm>

#include "base/hash.h"

namespace driveway::cache {
namespace {

std::uint16_t bit_of(std::uint64_t block) {
  return static_cast<std::uint16_t>(1u << (block % kBlocksPerGroup));
}

std::uint16_t unit_bit(std::uint64_t unit) { return static_cast<std::uint16_t>(1u << unit); }

}  // namespace

ByteRange BlockMap::block_range(std::uint64_t block) const {
  return clamp({block * kBlockSize, kBlockSize});
}

Bytes BlockMap::block_cost(std::uint64_t block) const {
  constexpr Bytes kPage = 4 * kKiB;
  return (block_range(block).length + kPage - 1) / kPage * kPage;
}

std::vector<std::uint64_t> BlockMap::indexed_blocks() const {
  std::vector<std::uint64_t> blocks;
  for (const auto& [number, group] : groups_) {
    for (std::uint64_t i = 0; i < kBlocksPerGroup; ++i) {
      const std::uint64_t block = number * kBlocksPerGroup + i;
      if ((group->present & bit_of(block)) != 0) blocks.push_back(block);
    }
  }
  return blocks;
}

std::uint64_t BlockMap::units_of(std::uint64_t block) const {
  return (block_range(block).length + kCrcUnit - 1) / kCrcUnit;
}

BlockMap::Group& BlockMap::group_of(std::uint64_t block) {
  auto& group = groups_[block / kBlocksPerGroup];
  if (!group) group = std::make_unique<Group>();
  return *group;
}

const BlockMap::Group* BlockMap::find_group(std::uint64_t block) const {
  const auto found = groups_.find(block / kBlocksPerGroup);
  return found == groups_.end() ? nullptr : found->second.get();
}

bool BlockMap::indexed(std::uint64_t block) const {
  const Group* group = find_group(block);
  return group != nullptr && (group->present & bit_of(block)) != 0;
}

bool BlockMap::complete() const {
  if (size_ == 0) return true;
  const std::uint64_t last = blocks() - 1;
  return indexed_cost_ == last * kBlockSize + block_cost(last);
}

bool BlockMap::has(ByteRange range) const {
  for (const ByteRange& part : unindexed(clamp(range))) {
    if (!arrived_.contains(part)) return false;
  }
  return true;
}

std::vector<ByteRange> BlockMap::unindexed(ByteRange range) const {
  std::vector<ByteRange> parts;
  range = clamp(range);
  if (range.empty()) return parts;
  const std::uint64_t last = (range.end() - 1) / kBlockSize;
  for (std::uint64_t block = range.offset / kBlockSize; block <= last; ++block) {
    if (indexed(block)) continue;
    const ByteRange part = block_range(block).intersect(range);
    if (!parts.empty() && parts.back().end() == part.offset) {
      parts.back().length += part.length;
    } else {
      parts.push_back(part);
    }
  }
  return parts;
}

std::vector<ByteRange> BlockMap::missing(ByteRange range) const {
  std::vector<ByteRange> found;
  for (const ByteRange& part : unindexed(range)) {
    for (const ByteRange& gap : arrived_.gaps(part)) {
      const Bytes begin = gap.offset / kBlockSize * kBlockSize;
      const Bytes end = std::min(size_, (gap.end() + kBlockSize - 1) / kBlockSize * kBlockSize);
      if (!found.empty() && found.back().end() >= begin) {
        found.back().length = std::max(found.back().end(), end) - found.back().offset;
      } else {
        found.push_back({begin, end - begin});
      }
    }
  }
  return found;
}

void BlockMap::arrive(Bytes offset, std::span<const std::byte> data) {
  while (!data.empty() && offset < size_) {
    const std::uint64_t block = offset / kBlockSize;
    const std::size_t count = std::min<std::size_t>(data.size(), block_range(block).end() - offset);
    if (!indexed(block)) arrive_in_block(block, offset, data.first(count));
    offset += count;
    data = data.subspan(count);
  }
}

void BlockMap::arrive_in_block(std::uint64_t block, Bytes offset, std::span<const std::byte> data) {
  arrived_.add({offset, data.size()});
  Arriving& arriving = arriving_[block];
  while (!data.empty() && arriving.in_order) {
    const std::uint64_t unit = offset % kBlockSize / kCrcUnit;
    const auto within = static_cast<std::uint32_t>(offset % kCrcUnit);
    const std::size_t count = std::min<std::size_t>(data.size(), kCrcUnit - within);
    if (arriving.lengths[unit] != within) {
      arriving.in_order = false;
      return;
    }
    arriving.crcs[unit] = crc32c(data.first(count), arriving.crcs[unit]);
    arriving.lengths[unit] += static_cast<std::uint32_t>(count);
    offset += count;
    data = data.subspan(count);
  }
}

void BlockMap::discard(ByteRange range) {
  range = clamp(range);
  if (range.empty()) return;
  arrived_.subtract(range);
  // What is left of a block that was cut has checksums of bytes that are gone.
  std::erase_if(arriving_,
                [&](const auto& entry) { return range.contains(block_range(entry.first)); });
  for (const Bytes edge : {range.offset, range.end() - 1}) {
    const auto cut = arriving_.find(edge / kBlockSize);
    if (cut != arriving_.end()) cut->second.in_order = false;
  }
}

std::vector<std::uint64_t> BlockMap::commit(ByteRange range) {
  std::vector<std::uint64_t> unknown;
  range = clamp(range);
  if (range.empty()) return unknown;
  const std::uint64_t last = (range.end() - 1) / kBlockSize;
  for (std::uint64_t block = range.offset / kBlockSize; block <= last; ++block) {
    const ByteRange whole = block_range(block);
    if (!range.contains(whole) || indexed(block) || !arrived_.contains(whole)) continue;
    const Arriving& arriving = arriving_[block];
    Bytes counted = 0;
    for (const std::uint32_t length : arriving.lengths) counted += length;
    if (arriving.in_order && counted == whole.length) {
      index(block, BlockCrcs(arriving.crcs));
    } else {
      unknown.push_back(block);
    }
  }
  return unknown;
}

void BlockMap::index(std::uint64_t block, const BlockCrcs& crcs) {
  const ByteRange whole = block_range(block);
  if (indexed(block) || !arrived_.contains(whole)) return;
  Group& group = group_of(block);
  group.crcs[block % kBlocksPerGroup] = crcs;
  group.checked[block % kBlocksPerGroup] = 0xffff;
  group.present |= bit_of(block);
  indexed_cost_ += block_cost(block);
  arrived_.subtract(whole);
  arriving_.erase(block);
  changed_.insert(block / kBlocksPerGroup);
}

void BlockMap::drop(std::uint64_t block) {
  const ByteRange whole = block_range(block);
  arrived_.subtract(whole);
  arriving_.erase(block);
  if (!indexed(block)) return;
  Group& group = group_of(block);
  group.present &= static_cast<std::uint16_t>(~bit_of(block));
  group.crcs[block % kBlocksPerGroup] = {};
  group.checked[block % kBlocksPerGroup] = 0;
  indexed_cost_ -= block_cost(block);
  changed_.insert(block / kBlocksPerGroup);
}

std::vector<BlockMap::Unit> BlockMap::unchecked(ByteRange range) const {
  std::vector<Unit> units;
  range = clamp(range);
  if (range.empty()) return units;
  const std::uint64_t last = (range.end() - 1) / kBlockSize;
  for (std::uint64_t block = range.offset / kBlockSize; block <= last; ++block) {
    if (!indexed(block)) continue;
    const Group& group = *find_group(block);
    const std::uint16_t checked =
        group.checked[block % kBlocksPerGroup].load(std::memory_order_relaxed);
    const ByteRange whole = block_range(block);
    const ByteRange part = whole.intersect(range);
    for (std::uint64_t unit = (part.offset - whole.offset) / kCrcUnit;
         unit <= (part.end() - 1 - whole.offset) / kCrcUnit; ++unit) {
      if ((checked & unit_bit(unit)) != 0) continue;
      const ByteRange bytes = clamp({whole.offset + unit * kCrcUnit, kCrcUnit});
      units.push_back({bytes, block, group.crcs[block % kBlocksPerGroup][unit]});
    }
  }
  return units;
}

void BlockMap::mark_checked(const Unit& unit) const {
  const Group* group = find_group(unit.block);
  const std::uint64_t slot = unit.block % kBlocksPerGroup;
  const std::uint64_t number = unit.range.offset % kBlockSize / kCrcUnit;
  // The block may have been dropped and fetched anew meanwhile.
  if (!indexed(unit.block) || group->crcs[slot][number] != unit.crc) return;
  group->checked[slot].fetch_or(unit_bit(number), std::memory_order_relaxed);
}

BlockMap::Charge BlockMap::charge(ByteRange range) {
  Charge charge;
  range = clamp(range);
  if (range.empty()) return charge;
  const std::uint64_t last = (range.end() - 1) / kBlockSize;
  for (std::uint64_t block = range.offset / kBlockSize; block <= last; ++block) {
    Group& group = group_of(block);
    if ((group.charged & bit_of(block)) != 0) continue;
    group.charged |= bit_of(block);
    charge.blocks.push_back(block);
    charge.cost += block_cost(block);
  }
  charged_cost_ += charge.cost;
  return charge;
}

void BlockMap::uncharge(const Charge& charge) {
  for (const std::uint64_t block : charge.blocks) {
    group_of(block).charged &= static_cast<std::uint16_t>(~bit_of(block));
  }
  charged_cost_ -= charge.cost;
}

BlockMap::Charge BlockMap::uncharge_unused() {
  Charge unused;
  for (const auto& [number, group] : groups_) {
    for (std::uint64_t i = 0; i < kBlocksPerGroup; ++i) {
      const std::uint64_t block = number * kBlocksPerGroup + i;
      if ((group->charged & ~group->present & bit_of(block)) == 0) continue;
      unused.blocks.push_back(block);
      unused.cost += block_cost(block);
    }
  }
  std::sort(unused.blocks.begin(), unused.blocks.end());
  uncharge(unused);
  arrived_.clear();
  arriving_.clear();
  return unused;
}

void BlockMap::load(const GroupRow& row) {
  for (std::uint64_t i = 0; i < kBlocksPerGroup; ++i) {
    const std::uint64_t block = row.group * kBlocksPerGroup + i;
    if ((row.present & bit_of(block)) == 0 || block >= blocks()) continue;
    Group& group = group_of(block);
    group.present |= bit_of(block);
    group.charged |= bit_of(block);
    group.crcs[i] = row.crcs[i];
    indexed_cost_ += block_cost(block);
    charged_cost_ += block_cost(block);
  }
}

std::vector<GroupRow> BlockMap::take_changed() {
  std::vector<GroupRow> rows;
  rows.reserve(changed_.size());
  for (const std::uint64_t number : changed_) {
    const Group& group = group_of(number * kBlocksPerGroup);
    rows.push_back({number, group.present, group.crcs});
  }
  changed_.clear();
  return rows;
}

void BlockMap::mark_changed(const std::vector<GroupRow>& rows) {
  for (const GroupRow& row : rows) changed_.insert(row.group);
}

}  // namespace driveway::cache
