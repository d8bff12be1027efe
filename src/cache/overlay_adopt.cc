// OverlayContent: becoming a clean content, in its own file (D4). Copying the base in changes no
// byte that anybody reads, so reads and changes go on meanwhile, and a kill at any point leaves the
// overlay that the record describes.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <set>
#include <utility>

#include "base/fault.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/strings.h"
#include "cache/overlay_content.h"
#include "cache/overlay_snapshot.h"

namespace driveway::cache {
namespace {

Error changed_meanwhile() {
  return Error{ErrorCode::kStale, "the content was changed after what Drive has of it"};
}

// A clean content is as long as it is; also where its end is a hole.
Status set_length(int fd, Bytes size, bool shorten) {
  struct stat info {};
  if (::fstat(fd, &info) != 0) return errno_error(errno, "cannot examine local bytes");
  const auto length = static_cast<Bytes>(info.st_size);
  if (length == size || (length > size && !shorten)) return {};
  if (::ftruncate(fd, static_cast<off_t>(size)) != 0) {
    return as_disk_failure(errno_error(errno, "cannot set the length of local bytes"));
  }
  return {};
}

// Zeros where the file may hold bytes that mean nothing.
Status zero_file(int fd, ByteRange range) {
  while (::fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                     static_cast<off_t>(range.offset), static_cast<off_t>(range.length)) != 0) {
    if (errno == EINTR) continue;
    if (errno != EOPNOTSUPP) return as_disk_failure(errno_error(errno, "cannot free local bytes"));
    const std::vector<std::byte> zeros(range.length);  // no more than a block
    return as_disk_failure(pwrite_all(fd, zeros, static_cast<off_t>(range.offset)));
  }
  return {};
}

}  // namespace

// What was made whole of these blocks counts no more.
void OverlayContent::forget_prepared(ByteRange range) {
  if (range.empty()) return;
  filled_.subtract(range);
  const auto first = prepared_.lower_bound(range.offset / kBlockSize);
  prepared_.erase(first, prepared_.upper_bound((range.end() - 1) / kBlockSize));
}

Status OverlayContent::prepare(std::uint64_t generation) {
  for (std::uint64_t block = 0;; ++block) {
    const std::lock_guard turn(write_mutex_);
    if (generation_ != generation) return changed_meanwhile();
    if (block * kBlockSize >= map_.size()) return {};
    if (prepared_.contains(block)) continue;
    DRIVEWAY_FAULT_POINT("cache.adopt_block");
    DRIVEWAY_TRY(const bool whole, prepare_block(block));
    if (!whole) log::debug("block ", block, " of dirty content ", number_, " is not here");
  }
}

// False where the block cannot be whole: the base lacks some of it, there is no room, or its bytes
// are damaged.
Result<bool> OverlayContent::prepare_block(std::uint64_t block) {
  const ByteRange range = ByteRange{block * kBlockSize, kBlockSize}.intersect({0, map_.size()});
  const std::vector<Part> parts = map_.parts(range);
  for (const Part& part : parts) {
    if (part.kind == PartKind::kBase && !base_->has(part.range)) return false;
  }
  if (!charge(range, Room::kWithinCapacity).ok()) return false;
  DRIVEWAY_TRY(const auto fd, file_for_change());
  DRIVEWAY_CHECK(set_length(fd->get(), map_.size(), /*shorten=*/false));
  bool whole = true;
  for (const Part& part : parts) {
    if (part.kind == PartKind::kZero) {
      save_for_snapshots(part.range);
      DRIVEWAY_CHECK(zero_file(fd->get(), part.range));
    } else if (part.kind == PartKind::kBase && whole) {
      DRIVEWAY_TRY(whole, fill(part.range));
    }
  }
  Result<BlockCrcs> crcs = BlockCrcs{};
  if (whole) crcs = block_crcs(range);
  whole = whole && crcs.ok();
  if (whole) {
    prepared_[block] = *crcs;
  } else {
    uncharge_unused(range);
  }
  if (!crcs.ok() && !crcs.failed_with(ErrorCode::kCorrupt)) return crcs.error();
  return whole;
}

Result<bool> OverlayContent::fill(ByteRange part) {
  for (const ByteRange& gap : filled_.gaps(part)) {
    std::vector<std::byte> bytes(gap.length);
    const auto count = base_->read(gap.offset, bytes);
    if (!count.ok() || *count < bytes.size()) return false;  // its block was dropped just now
    save_for_snapshots(gap);
    std::size_t done = 0;
    const Status status = write_bytes(gap.offset, bytes, done);
    if (status.failed_with(ErrorCode::kNoSpace)) return false;
    DRIVEWAY_CHECK(status);
    filled_.add(gap);
  }
  return true;
}

// Of a block that is whole. What is known already is not read again; damaged bytes get no new
// checksum.
Result<BlockCrcs> OverlayContent::block_crcs(ByteRange range) const {
  BlockCrcs crcs{};
  std::vector<std::byte> bytes;
  for (std::uint64_t i = 0; i < kUnitsPerBlock; ++i) {
    const std::uint64_t unit = range.offset / kCrcUnit + i;
    const ByteRange part = UnitCrcs::unit_range(unit).intersect(range);
    if (part.empty()) break;
    const auto known = units_.crc(unit);
    if (known && map_.local().contains(part) && !units_.damaged(unit)) {
      crcs[i] = *known;
      continue;
    }
    bytes.resize(part.length);
    DRIVEWAY_CHECK(read_checked(part, bytes));
    crcs[i] = crc32c(bytes);
  }
  return crcs;
}

Result<OverlayContent::Whole> OverlayContent::freeze(std::uint64_t generation) {
  const std::lock_guard turn(write_mutex_);
  if (generation_ != generation) return changed_meanwhile();
  Whole whole;
  if (!memory_) {
    DRIVEWAY_TRY(const auto fd, file());
    const Bytes size = map_.size();
    save_for_snapshots({size, kMaxDirtySize - size});
    DRIVEWAY_CHECK(set_length(fd->get(), size, /*shorten=*/true));
    for (const auto& [block, crcs] : prepared_) {
      const std::uint64_t group = block / kBlocksPerGroup;
      if (whole.groups.empty() || whole.groups.back().group != group) {
        whole.groups.push_back({.group = group});
      }
      GroupRow& row = whole.groups.back();
      row.present |= static_cast<std::uint16_t>(1u << (block % kBlocksPerGroup));
      row.crcs[block % kBlocksPerGroup] = crcs;
    }
    std::set<std::uint64_t> rest;
    for (const ByteRange& pages : charged_.parts({0, size})) {
      for (std::uint64_t block = pages.offset / kBlockSize; block * kBlockSize < pages.end();
           ++block) {
        if (!prepared_.contains(block)) rest.insert(block);
      }
    }
    whole.rest.assign(rest.begin(), rest.end());
  }
  frozen_ = true;
  return whole;
}

void OverlayContent::thaw() {
  const std::lock_guard turn(write_mutex_);
  frozen_ = false;
}

OverlayContent::Former OverlayContent::become(std::shared_ptr<Content> clean, bool file_given) {
  const std::lock_guard turn(write_mutex_);
  Former former;
  file_given_ = file_given;
  if (file_given || memory_) {
    former.charged = charged_.total();
    charged_.clear();
  }
  prepared_.clear();
  filled_.clear();
  shrink_memory(0);
  const std::unique_lock lock(mutex_);
  map_ = ExtentMap(map_.size());
  memory_.reset();
  units_.clear();
  former.base = std::exchange(base_, clean);
  adopted_ = std::move(clean);
  return former;
}

}  // namespace driveway::cache
