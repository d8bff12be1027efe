// The journal of an account: what Drive does not have yet, in order (ChangeSet) and durable
// (Ledger).
//
//   journal.change(context, Purpose::kNew, [&](ChangeSet& set, WallTime now) {
//     set.know(inode, entry, known);
//     return set.rename(inode, place, now);
//   });
//
// What change() was told stands in the log when it returns ok: it survives kill -9 (D1). When it
// fails, nothing has changed. Changes take turns; looks never wait for the disk.
//
// Thread-safe. One for each account's folder, whose lock the caller holds (D5); fork or daemonize
// first. Errors: those of Ledger, and of `call`.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <type_traits>
#include <vector>

#include "base/clock.h"
#include "base/context.h"
#include "base/metrics.h"
#include "base/result.h"
#include "journal/change_set.h"
#include "journal/ledger.h"

namespace driveway::journal {

struct JournalOptions {
  LedgerOptions ledger;  // folder, account, boot_id; `tables` and `before_sync` are set here
  Options changes;
};

class Journal {
 public:
  using Call = std::function<Result<Rows>(ChangeSet& set, WallTime now)>;

  // Loads what an earlier process left. Errors: also kCorrupt (a row that cannot be read; the
  // message says what to do).
  static Result<std::unique_ptr<Journal>> open(const JournalOptions& options, Clock& clock,
                                               Metrics& metrics);
  ~Journal();
  Journal(const Journal&) = delete;
  Journal& operator=(const Journal&) = delete;

  // Syncs the contents of all that was changed before the call, before its rows are synced (D2).
  // Set before the first change(); it is called by one thread at a time, without locks.
  void on_sync(std::function<Status()> sync_contents);
  // Told up to which sequence (LedgerState) the rows were synced, behind who waited for it. Set and
  // called as the former.
  void on_synced(std::function<void(std::uint64_t sequence)> tell);
  // Told the inodes of rows that changed, after the change is acknowledged, without locks.
  void on_change(std::function<void(const std::vector<InodeId>&)> tell);

  // `call` runs alone and must not wait for anything, nor call the journal.
  Status change(const Context& context, Purpose purpose, const Call& call);
  // What `call` gives; nothing changes meanwhile. It must not wait, nor call the journal.
  template <typename Look>
  auto look(const Look& look) const {
    const std::shared_lock lock = lock_to_look();
    return look(static_cast<const ChangeSet&>(set_));
  }
  // As change(), for what ChangeSet keeps in no row: raise(), opened(), login_restored().
  template <typename Adjust>
  auto adjust(const Adjust& call) {
    const std::lock_guard changing(change_mutex_);
    const std::unique_lock lock(mutex_);
    if constexpr (std::is_void_v<std::invoke_result_t<Adjust, ChangeSet&>>) {
      call(set_);
      rows_.store(set_.size(), std::memory_order_release);
      wake();
    } else {
      auto result = call(set_);
      rows_.store(set_.size(), std::memory_order_release);
      wake();
      return result;
    }
  }
  // Whether there is no row at all. Cheap.
  bool empty() const { return rows_.load(std::memory_order_acquire) == 0; }

  // ChangeSet::settlements(). Cheap. Who reads the tree and then the rows has to see the same one
  // before and after: in between, what the rows said of what he read may have gone (D4: the tree
  // comes first).
  std::uint64_t settlements() const { return settlements_.load(std::memory_order_acquire); }

  // All that was changed before survives a crash of the machine (fsync).
  Status sync(const Context& context) { return ledger_->sync(context); }
  LedgerState ledger_state() const { return ledger_->state(); }
  InodeAllocator& inodes() { return ledger_->inodes(); }

  // Grows with every change; wait_for_change() returns when it is no longer `seen`. Errors: those
  // of the context.
  std::uint64_t changes() const;
  Status wait_for_change(const Context& context, std::uint64_t seen);
  // As if something had changed: for who waits for more than rows.
  void wake();
  // What change() gives its call: the wall time, but for steps back.
  WallTime now() const;

  // J4: what nobody closed nor synced before the last stop. As ChangeSet::unclosed().
  std::vector<InodeId> unclosed() const;
  // Syncs, drains, ends the threads. REQUIRES: once, when nobody changes or syncs any more; the
  // destructor does it too.
  Status close();

 private:
  Journal(Clock& clock, Options options);
  std::shared_lock<std::shared_mutex> lock_to_look() const;
  Status load();
  Status load_notes();
  Status sync_contents();
  void tell_synced(std::uint64_t sequence);
  // With change_mutex_ held.
  Result<Rows> apply(const Call& call);
  Status append(const Context& context, Purpose purpose, const Rows& rows);
  void take_back();

  Clock& clock_;
  mutable std::atomic<WallTime::rep> latest_{0};
  std::mutex change_mutex_;  // of who changes something; before mutex_
  std::function<void(const std::vector<InodeId>&)> tell_;  // guarded by it
  mutable std::shared_mutex mutex_;                        // guards set_; never held over disk work
  ChangeSet set_;
  std::atomic<std::size_t> rows_{0};
  std::atomic<std::uint64_t> settlements_{0};
  mutable std::mutex wake_mutex_;  // a leaf; guards changes_
  std::condition_variable woken_;
  std::uint64_t changes_ = 0;
  std::mutex sync_mutex_;  // a leaf; guards the next two
  std::function<Status()> sync_contents_;
  std::function<void(std::uint64_t)> tell_synced_;
  std::unique_ptr<Ledger> ledger_;  // last: its threads use what stands above
};

}  // namespace driveway::journal
