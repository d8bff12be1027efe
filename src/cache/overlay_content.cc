#include "cache/overlay_content.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/fault.h"
#include "base/file.h"
#include "base/strings.h"
#include "cache/overlay_snapshot.h"

namespace driveway::cache {

Status read_merged(const std::vector<Part>& parts, Content* base, Bytes offset,
                   std::span<std::byte> buffer,
                   const std::function<Status(ByteRange, std::span<std::byte>)>& read_local) {
  for (const Part& part : parts) {
    const auto into = buffer.subspan(part.range.offset - offset, part.range.length);
    if (part.kind == PartKind::kZero) {
      std::memset(into.data(), 0, into.size());
    } else if (part.kind == PartKind::kLocal) {
      DRIVEWAY_CHECK(read_local(part.range, into));
    } else {
      DRIVEWAY_TRY(const std::size_t count, base->read(part.range.offset, into));
      if (count < into.size()) {
        return Error{ErrorCode::kInternal, cat("the base of a dirty content, ", base->id(),
                                               ", is shorter than its overlay says")};
      }
    }
  }
  return {};
}

OverlayContent::OverlayContent(std::shared_ptr<OverlayOwner> owner, std::uint64_t number,
                               std::shared_ptr<Content> base)
    : owner_(std::move(owner)),
      number_(number),
      map_(base == nullptr ? 0 : base->size()),
      memory_(std::string()),
      base_(std::move(base)) {}

OverlayContent::OverlayContent(std::shared_ptr<OverlayOwner> owner, const DirtyState& state,
                               std::shared_ptr<Content> base)
    : owner_(std::move(owner)),
      number_(state.number),
      has_file_(!state.bytes),
      state_taken_(true),
      map_(state.size, state.base_limit, state.local, state.zeros),
      base_(std::move(base)),
      generation_(state.generation) {}

OverlayContent::~OverlayContent() {
  if (doomed_ && has_file_ && !file_given_) owner_->files().release(number_);
  owner_->give_back_dirty(charged_.total());
  owner_->give_memory(memory_taken_);
}

void OverlayContent::doom() {
  const std::lock_guard turn(write_mutex_);
  doomed_ = true;
}

Bytes OverlayContent::size() const {
  const std::shared_lock lock(mutex_);
  return map_.size();
}

std::shared_ptr<Content> OverlayContent::base() const {
  const std::shared_lock lock(mutex_);
  return base_;
}

std::vector<Part> OverlayContent::parts(ByteRange range) const {
  const std::shared_lock lock(mutex_);
  return map_.parts(range);
}

std::optional<Bytes> OverlayContent::next_data(Bytes offset) const {
  const std::shared_lock lock(mutex_);
  return map_.next_data(offset);
}

std::optional<Bytes> OverlayContent::next_hole(Bytes offset) const {
  const std::shared_lock lock(mutex_);
  return map_.next_hole(offset);
}

Bytes OverlayContent::written_bytes() const {
  const std::shared_lock lock(mutex_);
  return map_.local().total();
}

Bytes OverlayContent::memory_bytes() const {
  const std::shared_lock lock(mutex_);
  return memory_ ? map_.local().total() : 0;
}

bool OverlayContent::in_memory() const {
  const std::shared_lock lock(mutex_);
  return memory_.has_value();
}

std::uint64_t OverlayContent::generation() const {
  const std::shared_lock lock(mutex_);
  return generation_;
}

std::optional<Bytes> OverlayContent::lowest_change_since(std::uint64_t generation) const {
  const std::shared_lock lock(mutex_);
  return changes_.lowest_since(generation);
}

std::shared_ptr<Content> OverlayContent::adopted() const {
  const std::shared_lock lock(mutex_);
  return adopted_;
}

// --- Reading

Result<std::size_t> OverlayContent::read(Bytes offset, std::span<std::byte> buffer) const {
  while (true) {
    std::vector<Part> parts;
    std::shared_ptr<Content> base;
    std::uint64_t generation = 0;
    bool unsure = false;
    Bytes count = 0;
    {
      const std::shared_lock lock(mutex_);
      const ByteRange range = ByteRange{offset, buffer.size()}.intersect({0, map_.size()});
      count = range.length;
      parts = map_.parts(range);
      base = base_;
      generation = generation_;
      for (const Part& part : parts) {
        if (part.kind != PartKind::kLocal) continue;
        if (memory_) {
          std::memcpy(buffer.data() + (part.range.offset - offset),
                      memory_->data() + part.range.offset, part.range.length);
        } else {
          unsure =
              unsure || !units_.unchecked(part.range).empty() || units_.any_damaged(part.range);
        }
      }
      if (memory_) std::erase_if(parts, [](const Part& p) { return p.kind == PartKind::kLocal; });
    }
    const auto read_local = [&](ByteRange range, std::span<std::byte> into) -> Status {
      if (unsure) DRIVEWAY_CHECK(check_units(range));
      return read_file(range, into);
    };
    const Status status = read_merged(parts, base.get(), offset, buffer, read_local);
    if (status.ok()) return std::size_t{count};
    // What was cut off meanwhile is no damage.
    const bool changed = this->generation() != generation || this->base() != base;
    if (!status.failed_with(ErrorCode::kCorrupt) || !changed) return status.error();
  }
}

Result<std::shared_ptr<const UniqueFd>> OverlayContent::file() const {
  auto opened = owner_->files().open(number_);
  if (opened.failed_with(ErrorCode::kNotFound)) {
    return Error{ErrorCode::kCorrupt,
                 cat("the file of a dirty content, number ", number_, ", has gone")};
  }
  return opened;
}

Status OverlayContent::read_file(ByteRange range, std::span<std::byte> buffer) const {
  DRIVEWAY_TRY(const auto fd, file());
  DRIVEWAY_TRY(const std::size_t count,
               pread_all(fd->get(), buffer, static_cast<off_t>(range.offset)));
  if (count < buffer.size()) return corrupt(range);
  return {};
}

// --- To the disk

Status OverlayContent::sync() {
  // Once it is clean its bytes are Drive's, and there need be no file.
  if (in_memory() || adopted() != nullptr) return {};
  std::unique_lock lock(sync_mutex_);
  // The one that runs may have begun before the caller's bytes were written.
  const std::uint64_t mine = syncs_begun_ + 1;
  while (syncs_ended_ < mine) {
    if (syncing_) {
      sync_ended_.wait(lock);
      continue;
    }
    syncing_ = true;
    const std::uint64_t turn = ++syncs_begun_;
    lock.unlock();
    Status status = sync_file();
    if (!status.ok()) status = sync_failed(std::move(status).error());
    lock.lock();
    if (!status.ok() && !sync_error_) sync_error_ = status.error();
    syncing_ = false;
    syncs_ended_ = turn;
    sync_ended_.notify_all();
  }
  if (sync_error_) return *sync_error_;
  return {};
}

// For who has set syncing_.
Status OverlayContent::sync_file() {
  DRIVEWAY_CHECK(DRIVEWAY_FAULT_STATUS("cache.dirty_sync"));
  DRIVEWAY_TRY(const auto fd, file());
  if (::fdatasync(fd->get()) != 0) {
    return errno_error(errno, "cannot bring local bytes to the disk");
  }
  if (name_synced_) return {};
  DRIVEWAY_CHECK(owner_->files().sync_name(number_));
  name_synced_ = true;
  return {};
}

// The kernel may have dropped pages that it could not write: no byte is believed any more without
// a look.
Status OverlayContent::sync_failed(Error error) {
  const std::lock_guard turn(write_mutex_);
  const std::unique_lock lock(mutex_);
  units_.uncheck_all();
  error.code = error.code == ErrorCode::kNoSpace ? error.code : ErrorCode::kLocalDisk;
  return error;
}

Result<std::shared_ptr<const OverlayReader>> OverlayContent::snapshot() {
  const std::lock_guard turn(write_mutex_);
  auto taken = std::make_shared<OverlaySnapshot>(shared_from_this(), owner_, map_, base_, memory_);
  if (!memory_) snapshots_.push_back(taken);
  return std::shared_ptr<const OverlayReader>(std::move(taken));
}

}  // namespace driveway::cache
