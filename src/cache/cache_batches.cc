// CacheCore: what goes to the index, in batches. A commit of a block costs no transaction of its
// own; the bytes are in their file before their row is written.
#include <algorithm>
#include <chrono>
#include <utility>

#include "base/fault.h"
#include "base/log.h"
#include "cache/cache_core.h"

namespace driveway::cache {
namespace {

constexpr auto kCoalesce = std::chrono::milliseconds(20);
constexpr auto kPauseAfterFailure = std::chrono::seconds(1);
// How often the thread looks whether others have filled the disk.
constexpr auto kLookAtDisk = std::chrono::seconds(10);
constexpr std::size_t kMaxBatch = 4096;  // contents in one transaction
// Inline bytes in memory: the thread hurries, the writers help, the writers are refused.
constexpr Bytes kUnsavedHurry = 8 * kMiB;
constexpr Bytes kUnsavedHelp = 32 * kMiB;
constexpr Bytes kUnsavedLimit = 64 * kMiB;

}  // namespace

void CacheCore::run() {
  bool failed = false;
  std::unique_lock lock(mutex_);
  while (true) {
    const bool called = clock_.wait_until(lock, changed_, clock_.now() + kLookAtDisk, [this] {
      return stopping_ || evict_wanted_ || !dirty_.empty();
    });
    if (stopping_) return;
    if (std::exchange(evict_wanted_, false) || !called) {
      lock.unlock();
      evict_to_low_water();
      lock.lock();
      continue;
    }
    const TimePoint due =
        clock_.now() + (failed ? Duration(kPauseAfterFailure) : Duration(kCoalesce));
    clock_.wait_until(lock, changed_, due, [&] {
      return stopping_ || evict_wanted_ || dirty_.empty() || (!failed && batch_is_due());
    });
    if (stopping_ || evict_wanted_ || dirty_.empty()) continue;
    lock.unlock();
    failed = !write_batch().ok();
    lock.lock();
  }
}

// With mutex_ held.
bool CacheCore::batch_is_due() const {
  return dirty_.size() >= kMaxBatch || unsaved_.load() >= kUnsavedHurry;
}

void CacheCore::mark_dirty(const std::string& key, Bytes unsaved) {
  unsaved_ += unsaved;
  const std::lock_guard lock(mutex_);
  mark_dirty_locked(key, entries_.at(key));
}

// With mutex_ held.
void CacheCore::mark_dirty_locked(const std::string& key, Entry& entry) {
  if (entry.dirty) return;
  entry.dirty = true;
  dirty_.push_back(key);
  if (dirty_.size() == 1 || batch_is_due()) changed_.notify_all();
}

Status CacheCore::make_inline_room(Bytes bytes) {
  if (unsaved_.load() + bytes <= kUnsavedHelp) return {};
  Status status = write_batch();
  if (status.ok() || unsaved_.load() + bytes <= kUnsavedLimit) return {};
  return status;
}

std::vector<CacheCore::Batch> CacheCore::take_batch() {
  std::vector<Batch> batch;
  std::vector<std::uint64_t> accessed;
  {
    const std::lock_guard lock(mutex_);
    const std::size_t count = std::min(dirty_.size(), kMaxBatch);
    for (std::size_t i = 0; i < count; ++i) {
      Entry& entry = entries_.at(dirty_[i]);
      entry.dirty = false;
      entry.writing = true;
      batch.push_back({entry.content, {}});
      accessed.push_back(entry.accessed);
    }
    dirty_.erase(dirty_.begin(), dirty_.begin() + static_cast<std::ptrdiff_t>(count));
  }
  for (std::size_t i = 0; i < batch.size(); ++i) {
    batch[i].changes = batch[i].content->take_changes();
    batch[i].changes.update.row.accessed = accessed[i];
  }
  return batch;
}

Status CacheCore::write_batch() {
  const std::lock_guard turn(batch_mutex_);
  const std::vector<Batch> batch = take_batch();
  if (batch.empty()) return {};
  std::vector<ContentUpdate> updates;
  updates.reserve(batch.size());
  for (const Batch& one : batch) updates.push_back(one.changes.update);
  Status status = DRIVEWAY_FAULT_STATUS("cache.before_commit");
  if (status.ok()) status = index_->write(updates, next_number_.load());
  DRIVEWAY_FAULT_POINT("cache.after_commit");
  if (!status.ok()) {
    if (status.failed_with(ErrorCode::kCorrupt)) {
      note_damage(status);
    } else if (!index_failing_) {
      log::warn("the cache's index cannot be written: ", status.error());
    }
  }
  index_failing_ = !status.ok();
  finish_batch(batch, status);
  return status;
}

void CacheCore::finish_batch(const std::vector<Batch>& batch, const Status& status) {
  // A damaged index takes nothing more: what is open stays readable, the rest is forgotten.
  const bool again = !status.ok() && !status.failed_with(ErrorCode::kCorrupt);
  for (const Batch& one : batch) {
    if (again) {
      one.content->restore(one.changes);
      continue;
    }
    if (status.ok()) one.content->saved(one.changes);
    unsaved_ -= one.changes.unsaved;
  }
  std::vector<std::uint64_t> released;
  {
    const std::lock_guard lock(mutex_);
    for (const Batch& one : batch) {
      Entry& entry = entries_.at(one.changes.update.key);
      entry.writing = false;
      if (status.ok()) {
        entry.has_row = !one.changes.update.remove;
        entry.row_accessed = one.changes.update.row.accessed;
      }
      if (again) mark_dirty_locked(one.changes.update.key, entry);
      const bool needed = entry.has_row && !too_many_closed();
      if (!needed && !entry.busy()) unload(one.changes.update.key, released);
    }
  }
  release_files(released);
  contents_gauge_.set(static_cast<std::int64_t>(index_->totals().contents));
}

Status CacheCore::flush() {
  {
    const std::lock_guard lock(mutex_);
    for (auto& [key, entry] : entries_) {
      const bool stays = entry.has_row && !evicting_.contains(key);
      if (stays && entry.accessed > entry.row_accessed) mark_dirty_locked(key, entry);
    }
  }
  while (true) {
    DRIVEWAY_CHECK(write_batch());
    const std::lock_guard lock(mutex_);
    if (dirty_.empty()) break;
  }
  return index_->sync();
}

}  // namespace driveway::cache
