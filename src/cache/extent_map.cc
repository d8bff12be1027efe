#include "cache/extent_map.h"

#include <algorithm>

namespace driveway::cache {
namespace {

bool apart_and_within(const std::vector<ByteRange>& ranges, Bytes limit) {
  Bytes at = 0;
  for (const ByteRange& range : ranges) {
    if (range.empty() || range.offset < at || range.offset > limit ||
        range.length > limit - range.offset) {
      return false;
    }
    at = range.end() + 1;  // neighbours would be one range
  }
  return true;
}

}  // namespace

ExtentMap::ExtentMap(Bytes size, Bytes base_limit, const std::vector<ByteRange>& local,
                     const std::vector<ByteRange>& zeros)
    : size_(size), base_limit_(base_limit) {
  for (const ByteRange& range : local) local_.add(range);
  for (const ByteRange& range : zeros) zeros_.add(range);
}

bool ExtentMap::valid(Bytes size, Bytes base_limit, const std::vector<ByteRange>& local,
                      const std::vector<ByteRange>& zeros) {
  if (base_limit > size || !apart_and_within(local, size) || !apart_and_within(zeros, base_limit)) {
    return false;
  }
  IntervalSet written;
  for (const ByteRange& range : local) written.add(range);
  return std::none_of(zeros.begin(), zeros.end(),
                      [&](const ByteRange& range) { return written.intersects(range); });
}

void ExtentMap::write(ByteRange range) {
  if (range.empty()) return;
  local_.add(range);
  zeros_.subtract(range);
  size_ = std::max(size_, range.end());
}

void ExtentMap::punch(ByteRange range) {
  range = range.intersect({0, size_});
  local_.subtract(range);
  zeros_.add(range.intersect({0, base_limit_}));
}

void ExtentMap::truncate(Bytes size) {
  if (size < size_) {
    const ByteRange cut{size, size_ - size};
    local_.subtract(cut);
    zeros_.subtract(cut);
    base_limit_ = std::min(base_limit_, size);
  }
  size_ = size;
}

std::vector<Part> ExtentMap::parts(ByteRange range) const {
  std::vector<Part> found;
  const auto add = [&](ByteRange part, PartKind kind) {
    if (part.empty()) return;
    if (!found.empty() && found.back().kind == kind) {
      found.back().range.length += part.length;
    } else {
      found.push_back({part, kind});
    }
  };
  const auto add_unwritten = [&](ByteRange gap) {
    const ByteRange over_base = gap.intersect({0, base_limit_});
    Bytes at = gap.offset;
    for (const ByteRange& zero : zeros_.parts(over_base)) {
      add({at, zero.offset - at}, PartKind::kBase);
      add(zero, PartKind::kZero);
      at = zero.end();
    }
    if (!over_base.empty()) {
      add({at, over_base.end() - at}, PartKind::kBase);
      at = over_base.end();
    }
    add({at, gap.end() - at}, PartKind::kZero);
  };
  range = range.intersect({0, size_});
  Bytes at = range.offset;
  for (const ByteRange& local : local_.parts(range)) {
    add_unwritten({at, local.offset - at});
    add(local, PartKind::kLocal);
    at = local.end();
  }
  add_unwritten({at, range.end() - at});
  return found;
}

std::optional<Bytes> ExtentMap::next_data(Bytes offset) const {
  if (offset >= size_) return std::nullopt;
  for (const Part& part : parts({offset, size_ - offset})) {
    if (part.kind != PartKind::kZero) return part.range.offset;
  }
  return std::nullopt;
}

std::optional<Bytes> ExtentMap::next_hole(Bytes offset) const {
  if (offset >= size_) return std::nullopt;
  for (const Part& part : parts({offset, size_ - offset})) {
    if (part.kind == PartKind::kZero) return part.range.offset;
  }
  return size_;
}

}  // namespace driveway::cache
