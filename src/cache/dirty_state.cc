#include "cache/dirty_state.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "cache/dirty_content.h"
#include "cache/extent_map.h"
#include "store/codec.h"

namespace driveway::cache {
namespace {

using store::Reader;
using store::Writer;

constexpr std::uint8_t kVersion = 1;
constexpr std::uint8_t kHasBase = 1;
constexpr std::uint8_t kInMemory = 2;
constexpr std::uint8_t kHasStamp = 4;

void write_ranges(Writer& writer, const std::vector<ByteRange>& ranges) {
  writer.varint(ranges.size());
  Bytes at = 0;
  for (const ByteRange& range : ranges) {
    writer.varint(range.offset - at).varint(range.length);
    at = range.end();
  }
}

std::vector<ByteRange> read_ranges(Reader& reader) {
  std::vector<ByteRange> ranges;
  const std::uint64_t count = reader.varint();
  Bytes at = 0;
  for (std::uint64_t i = 0; i < count && reader.ok(); ++i) {
    const Bytes gap = reader.varint();
    const Bytes length = reader.varint();
    // What is not within 64 bits is not within any size: the map will say so.
    if (gap > std::numeric_limits<Bytes>::max() - at) return {{0, 0}};
    if (length > std::numeric_limits<Bytes>::max() - at - gap) return {{0, 0}};
    ranges.push_back({at + gap, length});
    at = ranges.back().end();
  }
  return ranges;
}

Bytes total(const std::vector<ByteRange>& ranges) {
  Bytes sum = 0;
  for (const ByteRange& range : ranges) sum += range.length;
  return sum;
}

// As many as units_of() gives, also of ranges that no list has room for.
std::uint64_t count_units(const std::vector<ByteRange>& local) {
  std::uint64_t count = 0;
  std::uint64_t next = 0;
  for (const ByteRange& range : local) {
    const std::uint64_t first = std::max(next, range.offset / kCrcUnit);
    next = (range.end() - 1) / kCrcUnit + 1;
    count += next - first;
  }
  return count;
}

Error damaged_state() {
  return Error{ErrorCode::kCorrupt, "the record of a local file's bytes is damaged"};
}

// Either the bytes themselves, or what is known of those in the file.
bool read_bytes(Reader& reader, std::uint8_t flags, DirtyState& state) {
  if ((flags & kInMemory) != 0) {
    state.bytes = std::string(reader.text());
    return reader.ok() && state.bytes->size() == total(state.local);
  }
  if ((flags & kHasStamp) != 0) {
    state.stamp = FileStamp{reader.zigzag(), reader.varint()};
  }
  const std::uint64_t units = reader.varint();
  if (units != count_units(state.local)) return false;
  for (std::uint64_t i = 0; i < units && reader.ok(); ++i) state.crcs.push_back(reader.fixed32());
  return reader.ok();
}

}  // namespace

std::vector<std::uint64_t> units_of(const std::vector<ByteRange>& local) {
  std::vector<std::uint64_t> units;
  for (const ByteRange& range : local) {
    std::uint64_t unit = range.offset / kCrcUnit;
    if (!units.empty() && units.back() == unit) ++unit;
    for (; unit * kCrcUnit < range.end(); ++unit) units.push_back(unit);
  }
  return units;
}

std::string encode(const DirtyState& state) {
  Writer writer;
  const int flags =
      (state.base ? kHasBase : 0) | (state.bytes ? kInMemory : 0) | (state.stamp ? kHasStamp : 0);
  writer.u8(kVersion)
      .varint(state.number)
      .varint(state.generation)
      .varint(state.size)
      .varint(state.base_limit)
      .u8(static_cast<std::uint8_t>(flags));
  if (state.base) writer.text(state.base->id.value()).varint(state.base->size);
  write_ranges(writer, state.local);
  write_ranges(writer, state.zeros);
  if (state.bytes) return writer.text(*state.bytes).take();
  if (state.stamp) writer.zigzag(state.stamp->seconds).varint(state.stamp->nanoseconds);
  writer.varint(state.crcs.size());
  for (const std::uint32_t crc : state.crcs) writer.fixed32(crc);
  return writer.take();
}

Result<DirtyState> decode_dirty_state(std::string_view bytes) {
  Reader reader(bytes);
  DirtyState state;
  if (reader.u8() != kVersion) return damaged_state();
  state.number = reader.varint();
  state.generation = reader.varint();
  state.size = reader.varint();
  state.base_limit = reader.varint();
  const std::uint8_t flags = reader.u8();
  if ((flags & kHasBase) != 0) {
    DirtyState::Base base;
    base.id = ContentId(std::string(reader.text()));
    base.size = reader.varint();
    state.base = std::move(base);
  }
  state.local = read_ranges(reader);
  state.zeros = read_ranges(reader);
  if (!reader.ok() || state.size > kMaxDirtySize ||
      !ExtentMap::valid(state.size, state.base_limit, state.local, state.zeros) ||
      state.base_limit > (state.base ? state.base->size : 0)) {
    return damaged_state();
  }
  if (!read_bytes(reader, flags, state) || !reader.ok() || !reader.at_end()) {
    return damaged_state();
  }
  return state;
}

}  // namespace driveway::cache
