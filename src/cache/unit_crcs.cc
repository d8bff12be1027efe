#include "cache/unit_crcs.h"

#include <iterator>

#include "base/hash.h"

namespace driveway::cache {
namespace {

std::uint16_t bit_of(std::uint64_t unit) {
  return static_cast<std::uint16_t>(1u << (unit % kUnitsPerBlock));
}

std::uint16_t without(std::uint16_t mask, std::uint64_t unit) {
  return static_cast<std::uint16_t>(mask & ~bit_of(unit));
}

}  // namespace

UnitCrcs::Block* UnitCrcs::find(std::uint64_t unit) {
  const auto found = blocks_.find(unit / kUnitsPerBlock);
  return found == blocks_.end() ? nullptr : &found->second;
}

const UnitCrcs::Block* UnitCrcs::find(std::uint64_t unit) const {
  const auto found = blocks_.find(unit / kUnitsPerBlock);
  return found == blocks_.end() ? nullptr : &found->second;
}

UnitCrcs::Update UnitCrcs::plan(const IntervalSet& local, Bytes offset,
                                std::span<const std::byte> data) const {
  const ByteRange range{offset, data.size()};
  Update update;
  update.first = first_unit(range);
  for (std::uint64_t unit = update.first; unit < last_unit(range); ++unit) {
    const ByteRange part = unit_range(unit).intersect(range);
    const auto bytes = data.subspan(part.offset - offset, part.length);
    const std::vector<ByteRange> before = local.parts(unit_range(unit));
    std::optional<std::uint32_t> crc;
    if (before.empty() ||
        part.contains({before.front().offset, before.back().end() - before.front().offset})) {
      crc = crc32c(bytes);
    } else if (before.back().end() == part.offset) {
      if (const auto known = this->crc(unit)) crc = crc32c(bytes, *known);
    }
    update.crcs.push_back(crc);
  }
  return update;
}

void UnitCrcs::apply(const Update& update) {
  std::uint64_t unit = update.first;
  for (const auto& crc : update.crcs) {
    if (crc) {
      set(unit, *crc);
    } else {
      forget(unit_range(unit));
    }
    ++unit;
  }
}

std::optional<std::uint32_t> UnitCrcs::crc(std::uint64_t unit) const {
  const Block* block = find(unit);
  if (block == nullptr || (block->known & bit_of(unit)) == 0) return std::nullopt;
  return block->crcs[unit % kUnitsPerBlock];
}

bool UnitCrcs::checked(std::uint64_t unit) const {
  const Block* block = find(unit);
  return block == nullptr || (block->suspect & bit_of(unit)) == 0;
}

bool UnitCrcs::damaged(std::uint64_t unit) const {
  const Block* block = find(unit);
  return block != nullptr && (block->damaged & bit_of(unit)) != 0;
}

void UnitCrcs::set(std::uint64_t unit, std::uint32_t crc) {
  load(unit, crc);
  mark_checked(unit, /*intact=*/true);
}

void UnitCrcs::load(std::uint64_t unit, std::uint32_t crc) {
  Block& block = blocks_[unit / kUnitsPerBlock];
  block.crcs[unit % kUnitsPerBlock] = crc;
  block.known |= bit_of(unit);
  block.suspect |= bit_of(unit);
  block.damaged = without(block.damaged, unit);
}

void UnitCrcs::forget(ByteRange range) {
  if (range.empty()) return;
  const std::uint64_t end = last_unit(range);
  auto block = blocks_.lower_bound(first_unit(range) / kUnitsPerBlock);
  while (block != blocks_.end() && block->first * kUnitsPerBlock < end) {
    for (std::uint64_t i = 0; i < kUnitsPerBlock; ++i) {
      const std::uint64_t unit = block->first * kUnitsPerBlock + i;
      if (unit < first_unit(range) || unit >= end) continue;
      block->second.known = without(block->second.known, unit);
      block->second.suspect = without(block->second.suspect, unit);
      block->second.damaged = without(block->second.damaged, unit);
    }
    block = block->second.known == 0 ? blocks_.erase(block) : std::next(block);
  }
}

void UnitCrcs::mark_checked(std::uint64_t unit, bool intact) {
  Block* block = find(unit);
  if (block == nullptr || (block->known & bit_of(unit)) == 0) return;
  block->suspect = without(block->suspect, unit);
  block->damaged = without(block->damaged, unit);
  if (!intact) block->damaged |= bit_of(unit);
}

void UnitCrcs::uncheck_all() {
  for (auto& [number, block] : blocks_) {
    block.suspect = static_cast<std::uint16_t>(block.known & ~block.damaged);
  }
}

std::vector<std::uint64_t> UnitCrcs::unchecked(ByteRange range) const {
  std::vector<std::uint64_t> units;
  for (std::uint64_t unit = first_unit(range); unit < last_unit(range); ++unit) {
    if (!checked(unit)) units.push_back(unit);
  }
  return units;
}

bool UnitCrcs::any_damaged(ByteRange range) const {
  for (std::uint64_t unit = first_unit(range); unit < last_unit(range); ++unit) {
    if (damaged(unit)) return true;
  }
  return false;
}

std::vector<std::uint64_t> UnitCrcs::damaged_units() const {
  std::vector<std::uint64_t> units;
  for (const auto& [number, block] : blocks_) {
    for (std::uint64_t i = 0; i < kUnitsPerBlock; ++i) {
      if ((block.damaged & bit_of(i)) != 0) units.push_back(number * kUnitsPerBlock + i);
    }
  }
  return units;
}

}  // namespace driveway::cache
