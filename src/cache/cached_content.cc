#include "cache/cached_content.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/fault.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/strings.h"

namespace driveway::cache {
namespace {

constexpr Bytes kPage = 4 * kKiB;

Bytes whole_pages(Bytes bytes) { return (bytes + kPage - 1) / kPage * kPage; }

// What an inline content takes in LMDB: small values share a page, others have their own.
Bytes inline_cost(Bytes size) {
  constexpr Bytes kRowOverhead = 256;
  const Bytes bytes = size + kRowOverhead;
  return bytes <= 2 * kKiB ? bytes : whole_pages(bytes);
}

Error not_here(const ContentId& id, ByteRange range) {
  return Error{ErrorCode::kNotFound,
               cat("bytes ", range.offset, "-", range.end(), " of ", id, " are not in the cache")};
}

}  // namespace

Bytes disk_cost(Bytes size) { return size <= kInlineLimit ? inline_cost(size) : whole_pages(size); }

CachedContent::CachedContent(ContentOwner& owner, ContentId id, std::string key, Bytes size,
                             Kind kind, Counters counters)
    : owner_(owner),
      id_(std::move(id)),
      key_(std::move(key)),
      size_(size),
      kind_(kind),
      counters_(counters),
      map_(size) {}

bool CachedContent::has(ByteRange range) const {
  const std::shared_lock lock(mutex_);
  return map_.has(range);
}

std::vector<ByteRange> CachedContent::missing(ByteRange range) const {
  const std::shared_lock lock(mutex_);
  return map_.missing(range);
}

std::size_t CachedContent::groups() const {
  const std::shared_lock lock(mutex_);
  return map_.groups();
}

Bytes CachedContent::cost_of(const BlockMap::Charge& charge) const {
  if (charge.blocks.empty()) return 0;
  return kind_ == Kind::kInline ? inline_cost(size_) : charge.cost;
}

Bytes CachedContent::charged() const {
  const std::shared_lock lock(mutex_);
  if (map_.charged_cost() == 0) return 0;
  return kind_ == Kind::kInline ? inline_cost(size_) : map_.charged_cost();
}

// --- Reading

Result<std::size_t> CachedContent::read(Bytes offset, std::span<std::byte> buffer) {
  const ByteRange range = ByteRange{offset, buffer.size()}.intersect({0, size_});
  if (range.empty()) return std::size_t{0};
  buffer = buffer.first(range.length);
  std::vector<BlockMap::Unit> unchecked;
  {
    const std::shared_lock lock(mutex_);
    if (!map_.has(range)) return not_here(id_, range);
    unchecked = map_.unchecked(range);
  }
  DRIVEWAY_CHECK(kind_ == Kind::kInline ? read_inline(offset, buffer, unchecked)
                                        : read_file(offset, buffer, unchecked));
  counters_.read_bytes.add(buffer.size());
  return buffer.size();
}

Status CachedContent::read_inline(Bytes offset, std::span<std::byte> buffer,
                                  const std::vector<BlockMap::Unit>& unchecked) {
  {
    const std::shared_lock lock(mutex_);
    if (data_ != nullptr && map_.has({offset, buffer.size()})) {
      std::memcpy(buffer.data(), data_->data() + offset, buffer.size());
      return {};
    }
  }
  bool intact = true;
  const auto use = [&](std::string_view data) {
    if (data.size() != size_) {
      intact = false;
      return;
    }
    const auto bytes = std::as_bytes(std::span(data));
    for (const BlockMap::Unit& unit : unchecked) {
      intact &= crc32c(bytes.subspan(unit.range.offset, unit.range.length)) == unit.crc;
    }
    std::memcpy(buffer.data(), data.data() + offset, buffer.size());
  };
  DRIVEWAY_TRY(const bool found, owner_.index().read_inline(key_, use));
  if (!found || !intact) {
    drop_blocks({0}, found ? "checksum" : "its row is gone");
    return not_here(id_, {offset, buffer.size()});
  }
  const std::shared_lock lock(mutex_);
  for (const BlockMap::Unit& unit : unchecked) map_.mark_checked(unit);
  return {};
}

Status CachedContent::read_file(Bytes offset, std::span<std::byte> buffer,
                                const std::vector<BlockMap::Unit>& unchecked) {
  const ByteRange range{offset, buffer.size()};
  auto fd = owner_.files().open(number_.load());
  std::size_t count = 0;
  if (fd.ok()) {
    DRIVEWAY_TRY(count, pread_all((*fd)->get(), buffer, static_cast<off_t>(offset)));
  } else if (!fd.failed_with(ErrorCode::kNotFound)) {
    return std::move(fd).error();
  }
  if (count < buffer.size()) {
    std::vector<std::uint64_t> lost;
    for (std::uint64_t block = (offset + count) / kBlockSize; block * kBlockSize < range.end();
         ++block) {
      lost.push_back(block);
    }
    drop_blocks(lost, "its file is too short");
    return not_here(id_, range);
  }
  if (unchecked.empty()) return {};

  std::vector<std::uint64_t> damaged;
  std::vector<std::byte> own;  // for units that the read takes a part of
  for (const BlockMap::Unit& unit : unchecked) {
    std::span<const std::byte> bytes;
    if (range.contains(unit.range)) {
      bytes = std::span(buffer).subspan(unit.range.offset - offset, unit.range.length);
    } else {
      own.resize(unit.range.length);
      DRIVEWAY_TRY(const std::size_t own_count,
                   pread_all((*fd)->get(), own, static_cast<off_t>(unit.range.offset)));
      bytes = std::span(own).first(own_count);
    }
    if (bytes.size() != unit.range.length || crc32c(bytes) != unit.crc) {
      damaged.push_back(unit.block);
      continue;
    }
    const std::shared_lock lock(mutex_);
    map_.mark_checked(unit);
  }
  if (damaged.empty()) return {};
  drop_blocks(damaged, "checksum");
  return not_here(id_, range);
}

void CachedContent::drop_blocks(const std::vector<std::uint64_t>& blocks, std::string_view why) {
  {
    const std::unique_lock lock(mutex_);
    for (const std::uint64_t block : blocks) map_.drop(block);
    if (kind_ == Kind::kInline) data_.reset();
    distrust();
  }
  counters_.crc_errors.add();
  log::warn("cache: ", blocks.size(), " damaged block(s) of ", id_, " dropped, the first at ",
            blocks.empty() ? 0 : blocks.front() * kBlockSize, ": ", why);
  owner_.mark_dirty(key_, 0);
}

// --- Writing

Status CachedContent::write(Bytes offset, std::span<const std::byte> data) {
  if (offset > size_ || data.size() > size_ - offset) {
    return Error{ErrorCode::kInvalidArgument, cat("bytes behind the end of ", id_)};
  }
  if (data.empty()) return {};
  BlockMap::Charge charge;
  {
    const std::unique_lock lock(mutex_);
    charge = map_.charge({offset, data.size()});
  }
  if (!charge.blocks.empty()) {
    if (Status status = owner_.reserve(kind_, cost_of(charge)); !status.ok()) {
      const std::unique_lock lock(mutex_);
      map_.uncharge(charge);
      return status;
    }
  }
  return kind_ == Kind::kInline ? write_inline(offset, data) : write_file(offset, data);
}

Status CachedContent::write_inline(Bytes offset, std::span<const std::byte> data) {
  const std::unique_lock lock(mutex_);
  if (map_.indexed(0)) return {};
  if (data_ == nullptr) data_ = std::make_shared<std::string>(size_, '\0');
  std::memcpy(data_->data() + offset, data.data(), data.size());
  map_.arrive(offset, data);
  return {};
}

Status CachedContent::write_file(Bytes offset, std::span<const std::byte> data) {
  // Indexed bytes are never written again: they may be another revision's by mistake (R1).
  std::vector<ByteRange> parts;
  {
    const std::shared_lock lock(mutex_);
    parts = map_.unindexed({offset, data.size()});
  }
  for (const ByteRange& part : parts) {
    const auto bytes = data.subspan(part.offset - offset, part.length);
    DRIVEWAY_CHECK(write_part(bytes, part.offset));
    const std::unique_lock lock(mutex_);
    map_.arrive(part.offset, bytes);
  }
  return {};
}

Status CachedContent::write_part(std::span<const std::byte> data, Bytes offset) {
  auto opened = file_for_writing();
  if (!opened.ok()) return as_disk_failure(std::move(opened).error());
  const auto fd = *std::move(opened);
  const auto attempt = [&]() -> Status {
    DRIVEWAY_CHECK(DRIVEWAY_FAULT_STATUS("cache.pwrite"));
    return pwrite_all(fd->get(), data, static_cast<off_t>(offset));
  };
  Status status = attempt();
  if (status.failed_with(ErrorCode::kNoSpace)) {
    owner_.relieve_disk(data.size());
    status = attempt();
  }
  return as_disk_failure(std::move(status));
}

Result<std::shared_ptr<const UniqueFd>> CachedContent::file_for_writing() {
  if (number_.load() == 0) {
    const std::lock_guard lock(create_mutex_);
    if (number_.load() == 0) {
      DRIVEWAY_TRY(const std::uint64_t number, owner_.new_file());
      number_.store(number);
    }
  }
  return owner_.files().open(number_.load(), /*create=*/true);
}

Status CachedContent::commit(ByteRange range) {
  if (kind_ == Kind::kInline) DRIVEWAY_CHECK(owner_.make_inline_room(size_));
  std::vector<std::uint64_t> unknown;
  {
    const std::unique_lock lock(mutex_);
    unknown = map_.commit(range);
  }
  for (const std::uint64_t block : unknown) {
    DRIVEWAY_TRY(const BlockCrcs crcs, read_crcs(block));
    const std::unique_lock lock(mutex_);
    map_.index(block, crcs);
  }
  Bytes unsaved = 0;
  {
    const std::unique_lock lock(mutex_);
    if (!map_.changed()) return {};
    if (data_ != nullptr && unsaved_ == 0 && map_.indexed(0)) unsaved = unsaved_ = size_;
  }
  owner_.mark_dirty(key_, unsaved);
  return {};
}

Result<BlockCrcs> CachedContent::read_crcs(std::uint64_t block) {
  const ByteRange range = map_.block_range(block);
  std::vector<std::byte> bytes(range.length);
  if (kind_ == Kind::kInline) {
    const std::shared_lock lock(mutex_);
    if (data_ == nullptr) return not_here(id_, range);
    std::memcpy(bytes.data(), data_->data(), bytes.size());
  } else {
    DRIVEWAY_TRY(const auto fd, owner_.files().open(number_.load()));
    DRIVEWAY_TRY(const std::size_t count,
                 pread_all(fd->get(), bytes, static_cast<off_t>(range.offset)));
    if (count < bytes.size()) return not_here(id_, range);
  }
  BlockCrcs crcs{};
  for (std::uint64_t unit = 0; unit * kCrcUnit < bytes.size(); ++unit) {
    const Bytes begin = unit * kCrcUnit;
    crcs[unit] = crc32c(std::span(bytes).subspan(begin, std::min(kCrcUnit, bytes.size() - begin)));
  }
  return crcs;
}

void CachedContent::discard(ByteRange range) {
  const std::unique_lock lock(mutex_);
  map_.discard(range);
}

bool CachedContent::complete() const {
  const std::shared_lock lock(mutex_);
  return map_.complete();
}

bool CachedContent::verified() const {
  const std::shared_lock lock(mutex_);
  return verified_;
}

std::uint64_t CachedContent::generation() const {
  const std::shared_lock lock(mutex_);
  return generation_;
}

void CachedContent::set_verified(std::uint64_t generation) {
  {
    const std::unique_lock lock(mutex_);
    if (verified_ || generation != generation_ || !map_.complete()) return;
    verified_ = true;
  }
  owner_.mark_dirty(key_, 0);
}

// With mutex_ held: some of its bytes have gone.
void CachedContent::distrust() {
  verified_ = false;
  ++generation_;
}

void CachedContent::reject() {
  {
    const std::unique_lock lock(mutex_);
    for (const std::uint64_t block : map_.indexed_blocks()) map_.drop(block);
    map_.discard({0, size_});
    data_.reset();
    distrust();
  }
  owner_.mark_dirty(key_, 0);
}

bool CachedContent::pinned() const {
  const std::shared_lock lock(mutex_);
  return pinned_;
}

void CachedContent::set_pinned(bool pinned) {
  {
    const std::unique_lock lock(mutex_);
    if (std::exchange(pinned_, pinned) == pinned) return;
  }
  owner_.mark_dirty(key_, 0);
}

// --- For the cache

bool CachedContent::load(const Index::Loaded& loaded) {
  number_.store(loaded.row.number);
  verified_ = loaded.row.verified;
  pinned_ = loaded.row.pinned;
  for (const GroupRow& group : loaded.groups) map_.load(group);
  if (kind_ == Kind::kInline) return false;
  struct stat info {};
  const auto fd = owner_.files().open(number_.load());
  if (!fd.ok() || ::fstat((*fd)->get(), &info) != 0) info = {};
  std::size_t lost = 0;
  for (const std::uint64_t block : map_.indexed_blocks()) {
    if (map_.block_range(block).end() <= static_cast<Bytes>(info.st_size)) continue;
    map_.drop(block);
    verified_ = false;
    ++lost;
  }
  if (lost > 0) {
    counters_.crc_errors.add();
    log::warn("cache: the file of ", id_, " is too short: ", lost, " block(s) dropped");
  }
  // Bytes that arrived before a crash and never entered the index: nobody counts them.
  constexpr Bytes kSlack = 1 * kMiB;
  if (static_cast<Bytes>(info.st_blocks) * 512 > map_.indexed_cost() + kSlack) {
    punch(map_.unindexed({0, size_}));
  }
  return lost > 0;
}

void CachedContent::take_over(std::uint64_t number, const std::vector<GroupRow>& groups,
                              const std::vector<std::uint64_t>& rest) {
  number_.store(number);
  for (const GroupRow& group : groups) map_.load(group);
  map_.mark_changed(groups);
  for (const std::uint64_t block : rest) map_.charge(map_.block_range(block));
}

CachedContent::Changes CachedContent::take_changes() {
  const std::unique_lock lock(mutex_);
  Changes changes;
  changes.unsaved = std::exchange(unsaved_, 0);
  changes.update.key = key_;
  changes.update.row.number = number_.load();
  changes.update.row.size = size_;
  changes.update.row.verified = verified_;
  changes.update.row.pinned = pinned_;
  changes.update.groups = map_.take_changed();
  changes.update.remove = map_.indexed_cost() == 0 && !pinned_;
  if (kind_ == Kind::kFile) {
    changes.update.row.stored = map_.indexed_cost();
  } else if (map_.indexed_cost() > 0) {
    changes.update.row.stored = inline_cost(size_);
    changes.update.data = data_;
  }
  return changes;
}

void CachedContent::saved(const Changes& changes) {
  const std::unique_lock lock(mutex_);
  // From now on they are read from the index. Dropped and fetched anew meanwhile: other bytes.
  if (changes.update.data != nullptr && data_ == changes.update.data) data_.reset();
}

void CachedContent::restore(const Changes& changes) {
  const std::unique_lock lock(mutex_);
  unsaved_ += changes.unsaved;
  map_.mark_changed(changes.update.groups);
}

Bytes CachedContent::settle() {
  BlockMap::Charge unused;
  std::vector<ByteRange> holes;
  {
    const std::unique_lock lock(mutex_);
    unused = map_.uncharge_unused();
    for (const std::uint64_t block : unused.blocks) holes.push_back(map_.block_range(block));
    if (!map_.indexed(0)) data_.reset();
    // Without a row the file goes as a whole.
    if (map_.indexed_cost() == 0 && !pinned_) holes.clear();
  }
  if (kind_ == Kind::kFile) punch(holes);
  return cost_of(unused);
}

void CachedContent::punch(const std::vector<ByteRange>& ranges) {
  if (ranges.empty() || number_.load() == 0) return;
  const auto fd = owner_.files().open(number_.load());
  if (!fd.ok()) return;
  for (const ByteRange& range : ranges) {
    // Where the file system has no holes the space stays taken until the content is evicted.
    ::fallocate((*fd)->get(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                static_cast<off_t>(range.offset), static_cast<off_t>(range.length));
  }
}

}  // namespace driveway::cache
