// What a Ledger is made of. Private to journal/: ledger.cc has what callers see, ledger_threads.cc
// what happens behind them.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "journal/ledger.h"
#include "journal/log.h"
#include "journal/overlay.h"
#include "journal/reserve.h"
#include "store/env.h"

namespace driveway::journal {

// The timer of D2, and how soon what is synced is drained: later drains find more rows that changed
// again, and fewer syncs of their own between those of who waits.
inline constexpr Duration kSyncInterval = std::chrono::seconds(1);
inline constexpr Duration kDrainInterval = std::chrono::seconds(1);
// What is drained at once, and synced for it: an nth part of max_backlog.
inline constexpr Bytes kDrainAt = 4;
inline constexpr const char* kStateTable = "ledger";
inline constexpr std::string_view kDrainedKey = "drained";

class LedgerCore final : public Ledger {
 public:
  static Result<std::unique_ptr<LedgerCore>> open(const LedgerOptions& options, Clock& clock,
                                                  Metrics& metrics);
  ~LedgerCore() override;

  Result<std::uint64_t> append(const Context& context, const Batch& batch,
                               Purpose purpose) override;
  Result<std::optional<std::string>> get(std::string_view table,
                                         std::string_view key) const override;
  Status for_each(
      std::string_view table, std::string_view from, std::string_view until,
      const std::function<bool(std::string_view, std::string_view)>& visit) const override;
  Status sync(const Context& context) override;
  LedgerState state() const override;
  InodeAllocator& inodes() override { return *inodes_; }
  Status close() override;

 private:
  using Tables = std::map<std::string, store::Table, std::less<>>;

  LedgerCore(const LedgerOptions& options, Clock& clock, Metrics& metrics);

  // Opening.
  Status open_env();
  Status check_account();
  Status replay();
  Status sync_folders() const;

  // Appending.
  Result<store::Table> table(std::string_view name) const;
  Status check(std::string_view batch) const;
  Status wait_for_room(const Context& context, Purpose purpose);
  Result<std::uint64_t> append_to_log(const Batch& batch, Purpose purpose);
  void note_appended(std::uint64_t sequence);

  // The thread that syncs.
  void run_sync();
  Status sync_once();
  void end_attempt(std::uint64_t cover, const Status& status);

  // The thread that drains.
  void run_drain();
  bool drain_is_urgent() const;  // with mutex_ held
  void drain_pass();
  Status drain(std::uint64_t through);
  Status drain_group(const LogRecords& records, bool* map_full);
  Status fill(store::WriteTxn& txn, const LogRecords& records) const;
  bool make_room(bool map_full);
  void note_reserve_given_up();
  void take_reserve();

  const LedgerOptions options_;
  Clock& clock_;
  struct Figures {
    explicit Figures(Metrics& metrics);
    Histogram& append;
    Counter& syncs;
    Counter& sync_failures;
    Histogram& sync;
    Counter& drained;
    Histogram& drain;
    Gauge& backlog;
    Gauge& waiting;
    Gauge& disk_full;
  } figures_;

  std::unique_ptr<store::Env> env_;
  store::Table state_table_;
  Tables tables_;
  std::unique_ptr<InodeAllocator> inodes_;
  std::unique_ptr<Log> log_;
  Overlay overlay_;
  Reserve reserve_;
  Bytes group_bytes_;  // of the thread that drains

  std::mutex append_mutex_;  // makes the order of the overlay that of the log; before all others

  mutable std::mutex mutex_;  // guards what follows; before the log's
  bool closed_ = false;
  std::uint64_t appended_ = 0;
  std::uint64_t synced_ = 0;
  std::uint64_t drained_ = 0;
  // Syncing: up to where somebody waits, when the timer does it, and how the attempts went.
  std::uint64_t sync_wanted_ = 0;
  TimePoint next_sync_ = TimePoint::max();
  std::uint64_t failed_attempts_ = 0;
  std::uint64_t failed_cover_ = 0;
  std::optional<Error> sync_failure_;
  bool stop_sync_ = false;
  std::condition_variable sync_thread_wake_;
  std::condition_variable synced_or_failed_;
  // Draining.
  TimePoint next_drain_ = TimePoint::max();
  std::optional<Error> drain_failure_;
  bool stop_drain_ = false;
  std::condition_variable drain_thread_wake_;
  std::condition_variable room_;

  std::thread sync_thread_;
  std::thread drain_thread_;
};

}  // namespace driveway::journal
