// The journal's rows, durable: a log in front of an LMDB environment, read as one.
//
// Rows are bytes under keys (1–511 bytes) in named tables. A Batch changes several at once, wholly
// or not at all. What append() returned stands in the log: it survives kill -9 (D1) and is seen by
// every reader at once. sync(), and by itself a timer of at most 1 s, make it survive a crash of
// the machine: first the owner syncs the contents (before_sync), then the log is synced, once for
// all who wait (D2). What is synced is drained into LMDB in groups, each with the sequence that it
// brings the rows to, and the log's segments go. So LMDB never holds a record whose content was not
// synced before, and a replay changes nothing twice.
//
// After a kill, the rows are those of all appended batches, in order. After a crash of the machine,
// those of a first part of them, which holds at least what sync() covered.
//
// A full disk (D6): a reserve is kept for what finishes something (Purpose::kProgress) and for the
// drain. While it cannot be had, new changes (kNew) fail with kNoSpace; it is asked for again each
// second. Appends wait for the drain when it is max_backlog behind; progress, when it is twice
// that.
//
// Errors: kInvalidArgument (no such table, bad key), kTooLarge, kNoSpace, kLocalDisk (a disk that
// fails: then nothing more is acknowledged), kCorrupt, kPermissionDenied (another account's, D5).
//
// Thread-safe. One Ledger for each account's folder, whose lock the caller holds; fork or daemonize
// before opening it. Fault points, beside the log's (log.h): journal.between_syncs,
// .before_drain_commit, .after_drain_commit, .reserve.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/context.h"
#include "base/metrics.h"
#include "base/result.h"
#include "journal/batch.h"
#include "journal/inode_allocator.h"
#include "journal/log.h"

namespace driveway::journal {

enum class Purpose {
  kNew,       // something more for Drive
  kProgress,  // takes something off, or what it needs to be taken off
};

struct LedgerOptions {
  std::filesystem::path folder;  // CACHE/<permissionId>/journal
  std::string account;           // permission id
  std::vector<std::string> tables;
  // Syncs the contents of all that was appended before the call. Called without locks, by one
  // thread at a time, when something was appended since the last time; content that no record names
  // is not its business. While it fails, so does sync(), and nothing is drained.
  std::function<Status()> before_sync = nullptr;
  // Told up to which sequence the log was synced; by the same thread, behind who waited for it.
  std::function<void(std::uint64_t sequence)> after_sync = nullptr;
  // What is not drained is also in memory, twice. 8 MiB are some 30,000 changes of rows.
  Bytes max_backlog = 8 * kMiB;
  // Room for a segment of the log (4 MiB) and for some groups that are drained (a group of 1 MiB
  // touches at most some 3,000 rows, each in a page of 4 KiB of its own).
  Bytes reserve = 32 * kMiB;
  Bytes map_size = 64 * kGiB;  // grows when it is full
  Bytes segment_size = 4 * kMiB;
  std::string boot_id = current_boot_id();
  // See LogOptions. What can be read is drained before the ledger opens.
  bool salvage = false;
};

struct LedgerState {
  std::uint64_t appended = 0;  // sequences, of the last batch that is …
  std::uint64_t synced = 0;
  std::uint64_t drained = 0;
  Bytes backlog = 0;             // bytes that are not drained
  bool disk_full = false;        // the reserve cannot be had
  std::optional<Error> failure;  // of the last sync or drain
};

class Ledger {
 public:
  static Result<std::unique_ptr<Ledger>> open(const LedgerOptions& options, Clock& clock,
                                              Metrics& metrics);
  // Closes, where that was not done.
  virtual ~Ledger() = default;

  // Gives the batch's sequence. Waits only for the drain, as long as `context` allows.
  virtual Result<std::uint64_t> append(const Context& context, const Batch& batch,
                                       Purpose purpose) = 0;
  virtual Result<std::optional<std::string>> get(std::string_view table,
                                                 std::string_view key) const = 0;
  // Calls `visit` for the rows with keys in [from, until) (until "": to the end), in order, as they
  // were at one moment, until it gives false. No lock is held; it should not take long.
  virtual Status for_each(
      std::string_view table, std::string_view from, std::string_view until,
      const std::function<bool(std::string_view key, std::string_view value)>& visit) const = 0;
  // All that was appended before survives a crash of the machine when this succeeds. When it fails,
  // that is not known; what stands in the log still survives a kill.
  virtual Status sync(const Context& context) = 0;
  virtual LedgerState state() const = 0;
  // The allocator that lives here; as long as the ledger.
  virtual InodeAllocator& inodes() = 0;
  // Syncs, drains, and ends the threads; appends fail from now on. What could not be drained is
  // replayed by the next open. Once; REQUIRES that no sync() or append() begins any more.
  virtual Status close() = 0;
};

}  // namespace driveway::journal
