#include <algorithm>
#include <utility>

#include "base/fault.h"
#include "base/log.h"
#include "base/strings.h"
#include "base/threads.h"
#include "journal/ledger_core.h"
#include "store/codec.h"

namespace driveway::journal {
namespace {

// What is drained in one commit: a commit costs two syncs, and its pages are held in memory.
constexpr Bytes kGroupBytes = 1 * kMiB;
// How much of the environment's file has its disk beforehand: what a group may take.
constexpr Bytes kAhead = 4 * kMiB;
// A reader ends within microseconds; where one does not, the next pass tries again.
constexpr int kGrowTries = 1000;

}  // namespace

// --- Syncing

Status LedgerCore::sync(const Context& context) {
  std::unique_lock lock(mutex_);
  const std::uint64_t wanted = appended_;
  if (synced_ >= wanted) return {};
  const std::uint64_t failures = failed_attempts_;
  sync_wanted_ = std::max(sync_wanted_, wanted);
  sync_thread_wake_.notify_one();
  const auto failed = [&] { return failed_attempts_ != failures && failed_cover_ >= wanted; };
  DRIVEWAY_CHECK(wait(context, clock_, lock, synced_or_failed_,
                      [&] { return synced_ >= wanted || failed() || stop_drain_; }));
  if (synced_ >= wanted) return {};
  return sync_failure_.value_or(Error{ErrorCode::kCancelled, "the journal is closed"});
}

void LedgerCore::run_sync() {
  std::unique_lock lock(mutex_);
  for (;;) {
    const TimePoint timer = next_sync_;
    clock_.wait_until(lock, sync_thread_wake_, timer,
                      [&] { return stop_sync_ || sync_wanted_ > synced_ || next_sync_ < timer; });
    const bool last = stop_sync_;
    if (synced_ == appended_) {
      next_sync_ = TimePoint::max();
    } else if (last || sync_wanted_ > synced_ || clock_.now() >= next_sync_) {
      const std::uint64_t cover = appended_;
      lock.unlock();
      const Status status = sync_once();
      lock.lock();
      end_attempt(cover, status);
      if (status.ok() && options_.after_sync) {
        lock.unlock();
        options_.after_sync(cover);
        lock.lock();
      }
    }
    if (last) return;
  }
}

// D2: the contents, then the log.
Status LedgerCore::sync_once() {
  const TimePoint begun = clock_.now();
  if (options_.before_sync) DRIVEWAY_CHECK(options_.before_sync());
  DRIVEWAY_FAULT_POINT("journal.between_syncs");
  DRIVEWAY_TRY([[maybe_unused]] const std::uint64_t through, log_->sync());
  figures_.syncs.add();
  figures_.sync.record(clock_.now() - begun);
  return {};
}

void LedgerCore::end_attempt(std::uint64_t cover, const Status& status) {
  const TimePoint now = clock_.now();
  if (status.ok()) {
    synced_ = cover;
    sync_failure_.reset();
    next_sync_ = appended_ > cover ? now + kSyncInterval : TimePoint::max();
    if (next_drain_ == TimePoint::max()) next_drain_ = now + kDrainInterval;
    drain_thread_wake_.notify_one();
  } else {
    figures_.sync_failures.add();
    if (!sync_failure_) log::error("the journal cannot be synced: ", status.error());
    sync_failure_ = status.error();
    ++failed_attempts_;
    failed_cover_ = cover;
    // Who asked for this gets the error; the timer tries again.
    if (sync_wanted_ <= cover) sync_wanted_ = synced_;
    next_sync_ = now + kSyncInterval;
    room_.notify_all();
  }
  synced_or_failed_.notify_all();
}

// --- Draining

bool LedgerCore::drain_is_urgent() const {
  return synced_ > drained_ && !drain_failure_ &&
         log_->held_bytes() >= options_.max_backlog / kDrainAt;
}

void LedgerCore::run_drain() {
  std::unique_lock lock(mutex_);
  for (;;) {
    const TimePoint timer = next_drain_;
    clock_.wait_until(lock, drain_thread_wake_, timer,
                      [&] { return stop_drain_ || drain_is_urgent() || next_drain_ < timer; });
    const bool last = stop_drain_;
    if (last || drain_is_urgent() || clock_.now() >= next_drain_) {
      lock.unlock();
      drain_pass();
      lock.lock();
    }
    if (last) return;
  }
}

void LedgerCore::drain_pass() {
  std::uint64_t through = 0;
  {
    const std::lock_guard lock(mutex_);
    through = synced_;
  }
  const Status status = drain(through);
  if (status.ok()) take_reserve();
  const std::lock_guard lock(mutex_);
  if (!status.ok() && !drain_failure_)
    log::error("the journal cannot be drained: ", status.error());
  drain_failure_ = status.ok() ? std::nullopt : std::optional<Error>(status.error());
  const bool again = drain_failure_ || !reserve_.held() || synced_ > drained_;
  next_drain_ = again ? clock_.now() + kDrainInterval : TimePoint::max();
  room_.notify_all();
}

Status LedgerCore::drain(std::uint64_t through) {
  for (;;) {
    const LogRecords records = log_->oldest(through, std::min(group_bytes_, kGroupBytes));
    if (records.empty()) return {};
    bool map_full = false;
    const Status status = drain_group(records, &map_full);
    if (status.ok()) {
      group_bytes_ = std::min(2 * group_bytes_, kGroupBytes);
      continue;
    }
    if (!status.failed_with(ErrorCode::kNoSpace)) return status;
    // A smaller group takes fewer new pages.
    if (!make_room(map_full) && records.size() == 1) return status;
    group_bytes_ = std::max<Bytes>(group_bytes_ / 4, 1);
  }
}

Status LedgerCore::drain_group(const LogRecords& records, bool* map_full) {
  const TimePoint begun = clock_.now();
  // Best effort: the commit finds out.
  static_cast<void>(env_->preallocate(kAhead).ok());
  {
    DRIVEWAY_TRY(store::WriteTxn txn, env_->write());
    Status status = fill(txn, records);
    if (status.ok()) status = DRIVEWAY_FAULT_STATUS("journal.before_drain_commit");
    if (status.ok()) status = txn.commit();
    *map_full = txn.map_full();
    DRIVEWAY_CHECK(status);
  }
  DRIVEWAY_FAULT_POINT("journal.after_drain_commit");
  const std::uint64_t through = records.back()->sequence;
  for (const auto& record : records) overlay_.drop(record->sequence, record->payload);
  log_->drained(through);
  figures_.drained.add(records.size());
  figures_.drain.record(clock_.now() - begun);
  const std::lock_guard lock(mutex_);
  drained_ = through;
  figures_.backlog.set(static_cast<std::int64_t>(log_->held_bytes()));
  room_.notify_all();
  return {};
}

// The rows, and with them up to where they are: a replay goes on from there.
Status LedgerCore::fill(store::WriteTxn& txn, const LogRecords& records) const {
  const auto apply = [&](const RowEdit& edit) -> Status {
    DRIVEWAY_TRY(const store::Table found, table(edit.table));
    if (edit.value) return txn.put(found, edit.key, *edit.value);
    DRIVEWAY_TRY([[maybe_unused]] const bool was_there, txn.erase(found, edit.key));
    return {};
  };
  for (const auto& record : records) {
    DRIVEWAY_CHECK(for_each_edit(record->payload, apply));
  }
  return txn.put(state_table_, kDrainedKey,
                 store::Writer().varint(records.back()->sequence).bytes());
}

// --- A full disk (D6)

// Whether there is more room than before.
bool LedgerCore::make_room(bool map_full) {
  if (!map_full) {
    if (!reserve_.release()) return false;
    note_reserve_given_up();
    return true;
  }
  const Bytes size = 2 * env_->map_size();
  for (int i = 0; i < kGrowTries; ++i) {
    const auto grown = env_->grow(size);
    if (!grown.ok()) {
      log::error("the journal: ", grown.error());
      return false;
    }
    if (*grown) return true;
    std::this_thread::yield();
  }
  return false;
}

void LedgerCore::note_reserve_given_up() {
  log::warn("the disk of ", options_.folder.native(),
            " is full: no new changes are taken until there is room");
  figures_.disk_full.set(1);
  const std::lock_guard lock(mutex_);
  next_drain_ = std::min(next_drain_, clock_.now() + kDrainInterval);  // then it is taken again
  drain_thread_wake_.notify_one();
}

void LedgerCore::take_reserve() {
  if (reserve_.held()) return;
  const Status taken = reserve_.take();
  figures_.disk_full.set(taken.ok() ? 0 : 1);
  if (!taken.ok()) log::debug("the journal's reserve: ", taken.error());
}

}  // namespace driveway::journal
