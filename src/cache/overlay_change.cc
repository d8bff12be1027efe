// OverlayContent: changes. Each is made on the disk first and then in the extents, so that whatever
// fails has not happened (D6).
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/fault.h"
#include "base/file.h"
#include "base/log.h"
#include "base/strings.h"
#include "cache/overlay_content.h"
#include "cache/overlay_snapshot.h"

namespace driveway::cache {
namespace {

// A content whose state is taken again and again would fill the log with its bytes.
constexpr int kMostMemoryStates = 4;

Status check_end(Bytes offset, Bytes length) {
  if (offset <= kMaxDirtySize && length <= kMaxDirtySize - offset) return {};
  return Error{ErrorCode::kTooLarge, "no local file is that large"};
}

}  // namespace

Status OverlayContent::check_changeable() const {
  if (!frozen_) return {};
  return Error{ErrorCode::kStale, "this content is in Drive now: begin another one over it"};
}

// With mutex_ held, too.
void OverlayContent::note_change(Bytes offset) {
  ++generation_;
  changes_.note(generation_, offset);
}

// --- Room

// Gives the pages that count now and did not before.
Result<std::vector<ByteRange>> OverlayContent::charge(ByteRange range, Room room) {
  std::vector<ByteRange> pages = charged_.gaps(whole_pages(range));
  Bytes cost = 0;
  for (const ByteRange& some : pages) cost += some.length;
  if (cost > 0) DRIVEWAY_CHECK(owner_->reserve_dirty(cost, room));
  for (const ByteRange& some : pages) charged_.add(some);
  return pages;
}

void OverlayContent::uncharge(const std::vector<ByteRange>& pages) {
  Bytes cost = 0;
  for (const ByteRange& some : pages) {
    charged_.subtract(some);
    cost += some.length;
  }
  if (cost > 0) owner_->give_back_dirty(cost);
}

// The pages of `range` in which nothing is left.
void OverlayContent::uncharge_unused(ByteRange range) {
  range = whole_pages(range);
  IntervalSet unused;
  for (const ByteRange& pages : charged_.parts(range)) unused.add(pages);
  const std::array<const IntervalSet*, 4> in_use = {&map_.local(), &filled_, &reserved_,
                                                    &condemned_};
  for (const IntervalSet* used : in_use) {
    for (const ByteRange& part : used->parts(range)) unused.subtract(whole_pages(part));
  }
  uncharge(unused.ranges());
}

bool OverlayContent::fits_in_memory(Bytes end) {
  if (end > kInlineLimit || memory_states_ >= kMostMemoryStates) return false;
  if (end <= memory_taken_) return true;
  if (!owner_->take_memory(end - memory_taken_)) return false;
  memory_taken_ = end;
  return true;
}

void OverlayContent::shrink_memory(Bytes size) {
  if (size >= memory_taken_) return;
  owner_->give_memory(memory_taken_ - size);
  memory_taken_ = size;
}

// --- Writing

// The file's time is about to change.
Result<std::shared_ptr<const UniqueFd>> OverlayContent::file_for_change() {
  stamp_.reset();
  return file();
}

Status OverlayContent::write(Bytes offset, std::span<const std::byte> data) {
  if (data.empty()) return {};
  DRIVEWAY_CHECK(check_end(offset, data.size()));
  const ByteRange range{offset, data.size()};
  const std::lock_guard turn(write_mutex_);
  DRIVEWAY_CHECK(check_changeable());
  DRIVEWAY_TRY(const std::vector<ByteRange> pages, charge(range, Room::kMustHave));
  Status status = write_charged(range, data);
  if (!status.ok()) uncharge(pages);
  return status;
}

Status OverlayContent::write_charged(ByteRange range, std::span<const std::byte> data) {
  if (memory_) {
    if (fits_in_memory(range.end())) return write_memory(range, data);
    DRIVEWAY_CHECK(move_to_file_locked());
  }
  return write_file(range, data);
}

Status OverlayContent::write_memory(ByteRange range, std::span<const std::byte> data) {
  const std::unique_lock lock(mutex_);
  if (memory_->size() < range.end()) memory_->resize(range.end());
  std::memcpy(memory_->data() + range.offset, data.data(), data.size());
  const Bytes old_size = map_.size();
  map_.write(range);
  note_change(std::min(range.offset, old_size));
  return {};
}

// First the parts that take new space: where there is none, no old byte has been touched.
Status OverlayContent::write_file(ByteRange range, std::span<const std::byte> data) {
  DRIVEWAY_CHECK(check_kept(range));
  save_for_snapshots(range);
  forget_prepared(range);
  const std::vector<ByteRange> fresh = map_.local().gaps(range);
  const std::vector<ByteRange> old = map_.local().parts(range);
  for (const auto* parts : {&fresh, &old}) {
    for (const ByteRange& part : *parts) {
      std::size_t done = 0;
      const Status status =
          write_bytes(part.offset, data.subspan(part.offset - range.offset, part.length), done);
      if (status.ok()) continue;
      write_failed(range, parts == &fresh ? range.offset : part.offset + done);
      return status;
    }
  }
  const UnitCrcs::Update update = units_.plan(map_.local(), range.offset, data);
  condemned_.subtract(range);
  const std::unique_lock lock(mutex_);
  units_.apply(update);
  const Bytes old_size = map_.size();
  map_.write(range);
  note_change(std::min(range.offset, old_size));
  return {};
}

// Old bytes up to `written_end` have been overwritten; what went into new space is nobody's.
void OverlayContent::write_failed(ByteRange range, Bytes written_end) {
  IntervalSet nobodys;
  for (const ByteRange& gap : map_.local().gaps(range)) nobodys.add(gap);
  for (const ByteRange& kept : condemned_.parts(range)) nobodys.subtract(kept);
  for (const ByteRange& kept : reserved_.parts(range)) nobodys.subtract(kept);
  for (const ByteRange& part : nobodys.ranges()) punch_file(part);
  const std::vector<ByteRange> overwritten =
      map_.local().parts({range.offset, written_end - range.offset});
  if (overwritten.empty()) return;
  const std::unique_lock lock(mutex_);
  for (const ByteRange& part : overwritten) units_.forget(part);
  note_change(overwritten.front().offset);
}

// `done`: how many bytes stand in the file, also after an error.
Status OverlayContent::write_bytes(Bytes offset, std::span<const std::byte> data,
                                   std::size_t& done) {
  done = 0;
  DRIVEWAY_TRY(const auto fd, file_for_change());
  bool relieved = false;
  while (done < data.size()) {
    Status status = DRIVEWAY_FAULT_STATUS("cache.dirty_write");
    if (status.ok()) {
      const auto rest = data.subspan(done);
      const ssize_t count =
          ::pwrite(fd->get(), rest.data(), rest.size(), static_cast<off_t>(offset + done));
      if (count > 0) {
        done += static_cast<std::size_t>(count);
        continue;
      }
      if (count < 0 && errno == EINTR) continue;
      status = errno_error(count < 0 ? errno : ENOSPC, "cannot write local bytes");
    }
    if (!status.failed_with(ErrorCode::kNoSpace) || std::exchange(relieved, true)) {
      return as_disk_failure(std::move(status));
    }
    owner_->relieve_disk(data.size() - done);
  }
  return {};
}

Status OverlayContent::move_to_file() {
  const std::lock_guard turn(write_mutex_);
  return memory_ ? move_to_file_locked() : Status();
}

Status OverlayContent::move_to_file_locked() {
  DRIVEWAY_CHECK(as_disk_failure(owner_->files().create(number_)));
  has_file_ = true;
  UnitCrcs units;
  IntervalSet written;
  for (const ByteRange& part : map_.local().ranges()) {
    const auto bytes = std::as_bytes(std::span(*memory_)).subspan(part.offset, part.length);
    std::size_t done = 0;
    if (Status status = write_bytes(part.offset, bytes, done); !status.ok()) {
      owner_->files().release(number_);
      has_file_ = false;
      return status;
    }
    units.apply(units.plan(written, part.offset, bytes));
    written.add(part);
  }
  {
    const std::unique_lock lock(mutex_);
    units_ = std::move(units);
    memory_.reset();
  }
  shrink_memory(0);
  return {};
}

// --- Cutting

Status OverlayContent::truncate(Bytes size) {
  DRIVEWAY_CHECK(check_end(0, size));
  const std::lock_guard turn(write_mutex_);
  DRIVEWAY_CHECK(check_changeable());
  const Bytes old_size = map_.size();
  if (size < old_size) return cut({size, old_size - size}, [&] { map_.truncate(size); });
  if (size == old_size) return {};
  forget_prepared({old_size, size - old_size});
  const std::unique_lock lock(mutex_);
  map_.truncate(size);
  note_change(old_size);
  return {};
}

Status OverlayContent::punch(ByteRange range) {
  DRIVEWAY_CHECK(check_end(range.offset, range.length));
  const std::lock_guard turn(write_mutex_);
  DRIVEWAY_CHECK(check_changeable());
  range = range.intersect({0, map_.size()});
  if (range.empty()) return {};
  return cut(range, [&] { map_.punch(range); });
}

// `change` takes `range` out of the extents.
Status OverlayContent::cut(ByteRange range, const std::function<void()>& change) {
  if (!memory_) DRIVEWAY_CHECK(check_kept(range));
  std::vector<ByteRange> freed = map_.local().parts(range);
  for (const IntervalSet* others : {&filled_, &reserved_}) {
    for (const ByteRange& part : others->parts(range)) freed.push_back(part);
  }
  forget_prepared(range);
  reserved_.subtract(range);
  {
    const std::unique_lock lock(mutex_);
    change();
    units_.forget(range);
    note_change(range.offset);
    if (memory_) memory_->resize(std::min(memory_->size(), map_.size()));
  }
  if (memory_) {
    shrink_memory(memory_->size());
    uncharge_unused(range);
  } else {
    condemn(freed);
  }
  return {};
}

// Frees them, as soon as no record that stands needs them.
void OverlayContent::condemn(const std::vector<ByteRange>& ranges) {
  for (const ByteRange& range : ranges) condemned_.add(range);
  condemned_generation_ = generation_;
  if (!state_taken_) free_condemned();
}

void OverlayContent::recorded(std::uint64_t generation) {
  const std::lock_guard turn(write_mutex_);
  if (frozen_ || condemned_.empty() || generation < condemned_generation_) return;
  const std::optional<FileStamp> stamp = stamp_;
  free_condemned();
  // That changed the file's time, but no byte that the record names.
  if (stamp && state_generation_ == generation_) stamp_ = stamp_file(*stamp);
}

// What a snapshot may read stays until the next record.
void OverlayContent::free_condemned() {
  if (condemned_.empty() || !live_snapshots().empty()) return;
  const std::vector<ByteRange> ranges = condemned_.ranges();
  condemned_.clear();
  for (const ByteRange& range : ranges) {
    punch_file(range);
    uncharge_unused(range);
  }
}

// The file's length stays, so that nobody who reads beside it finds it too short. Where the file
// system has no holes the space stays taken until the file goes; zeros are known by the extents.
void OverlayContent::punch_file(ByteRange range) {
  const auto fd = file_for_change();
  if (!fd.ok()) return;
  while (::fallocate((*fd)->get(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                     static_cast<off_t>(range.offset), static_cast<off_t>(range.length)) != 0 &&
         errno == EINTR) {
  }
}

// --- Space ahead

Status OverlayContent::allocate(ByteRange range, bool keep_size) {
  DRIVEWAY_CHECK(check_end(range.offset, range.length));
  if (range.empty()) return {};
  const std::lock_guard turn(write_mutex_);
  DRIVEWAY_CHECK(check_changeable());
  if (memory_) DRIVEWAY_CHECK(move_to_file_locked());
  DRIVEWAY_TRY(const std::vector<ByteRange> pages, charge(range, Room::kMustHave));
  if (Status status = allocate_file(range); !status.ok()) {
    for (const ByteRange& some : pages) punch_file(some);
    uncharge(pages);
    return status;
  }
  reserved_.add(range);
  condemned_.subtract(range);
  const Bytes old_size = map_.size();
  if (keep_size || range.end() <= old_size) return {};
  forget_prepared({old_size, range.end() - old_size});
  const std::unique_lock lock(mutex_);
  map_.truncate(range.end());
  note_change(old_size);
  return {};
}

Status OverlayContent::allocate_file(ByteRange range) {
  DRIVEWAY_TRY(const auto fd, file_for_change());
  for (bool relieved = false;;) {
    Status status = DRIVEWAY_FAULT_STATUS("cache.dirty_allocate");
    if (status.ok()) {
      if (::fallocate(fd->get(), FALLOC_FL_KEEP_SIZE, static_cast<off_t>(range.offset),
                      static_cast<off_t>(range.length)) == 0) {
        return {};
      }
      if (errno == EINTR) continue;
      if (errno == EOPNOTSUPP) {
        return Error{ErrorCode::kUnsupported, "the local file system cannot allocate ahead"};
      }
      status = errno_error(errno, "cannot allocate local space");
    }
    if (!status.failed_with(ErrorCode::kNoSpace) || std::exchange(relieved, true)) {
      return as_disk_failure(std::move(status));
    }
    owner_->relieve_disk(range.length);
  }
}

// --- Snapshots

std::vector<std::shared_ptr<OverlaySnapshot>> OverlayContent::live_snapshots() {
  std::vector<std::shared_ptr<OverlaySnapshot>> live;
  std::erase_if(snapshots_, [&](const std::weak_ptr<OverlaySnapshot>& weak) {
    auto snapshot = weak.lock();
    if (snapshot == nullptr) return true;
    live.push_back(std::move(snapshot));
    return false;
  });
  return live;
}

// Before the file's bytes in `range` become others.
void OverlayContent::save_for_snapshots(ByteRange range) {
  if (snapshots_.empty()) return;
  for (const auto& snapshot : live_snapshots()) snapshot->save(range);
}

}  // namespace driveway::cache
