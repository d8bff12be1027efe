#include "journal/journal.h"

#include <algorithm>
#include <thread>
#include <utility>

#include "base/log.h"
#include "base/strings.h"
#include "store/codec.h"

namespace driveway::journal {
namespace {

constexpr std::string_view kChanges = "changes";

std::string key_of(InodeId inode) { return store::Writer().key64(inode.value()).take(); }

Result<Change> change_of(std::string_view key, std::string_view value) {
  store::Reader reader(key);
  const InodeId inode(reader.key64());
  auto change = decode_change(value);
  if (!change.ok()) return change;
  if (!reader.ok() || !reader.at_end() || change->inode != inode) {
    return Error{ErrorCode::kCorrupt, "the journal has a change under another inode's key"};
  }
  return change;
}

}  // namespace

Journal::Journal(Clock& clock, Options options) : clock_(clock), set_(options) {}

Result<std::unique_ptr<Journal>> Journal::open(const JournalOptions& options, Clock& clock,
                                               Metrics& metrics) {
  std::unique_ptr<Journal> journal(new Journal(clock, options.changes));
  LedgerOptions ledger = options.ledger;
  ledger.tables = {std::string(kChanges), Notes::kMadeTable, Notes::kConflictTable};
  ledger.before_sync = [journal = journal.get()] { return journal->sync_contents(); };
  ledger.after_sync = [journal = journal.get()](std::uint64_t sequence) {
    journal->tell_synced(sequence);
  };
  DRIVEWAY_TRY(journal->ledger_, Ledger::open(ledger, clock, metrics));
  DRIVEWAY_CHECK(journal->load());
  return journal;
}

Journal::~Journal() = default;

Status Journal::load() {
  std::vector<Change> rows;
  Status read;
  DRIVEWAY_CHECK(
      ledger_->for_each(kChanges, "", "", [&](std::string_view key, std::string_view value) {
        auto change = change_of(key, value);
        if (change.ok()) {
          rows.push_back(*std::move(change));
        } else {
          read = std::move(change).error();
        }
        return read.ok();
      }));
  if (!read.ok()) {
    return wrap(read.error(),
                cat(read.error().message,
                    ": what Drive does not have yet cannot be read. Nothing was thrown away: "
                    "keep a copy of the account's folder, and look for the cause (a failing disk, "
                    "an older driveway) before you remove its journal"));
  }
  const std::unique_lock lock(mutex_);
  DRIVEWAY_CHECK(load_notes());
  DRIVEWAY_CHECK(set_.load(std::move(rows), now()));
  rows_.store(set_.size(), std::memory_order_release);
  return {};
}

// With mutex_ held.
Status Journal::load_notes() {
  std::size_t unreadable = 0;
  for (const char* const table : {Notes::kMadeTable, Notes::kConflictTable}) {
    DRIVEWAY_CHECK(
        ledger_->for_each(table, "", "", [&](std::string_view key, std::string_view value) {
          if (!set_.notes().load(table, key, value)) ++unreadable;
          return true;
        }));
  }
  if (unreadable > 0) log::warn(unreadable, " notes of the journal cannot be read: left out");
  return {};
}

void Journal::on_sync(std::function<Status()> sync_contents) {
  const std::lock_guard lock(sync_mutex_);
  sync_contents_ = std::move(sync_contents);
}

void Journal::on_synced(std::function<void(std::uint64_t)> tell) {
  const std::lock_guard lock(sync_mutex_);
  tell_synced_ = std::move(tell);
}

void Journal::on_change(std::function<void(const std::vector<InodeId>&)> tell) {
  const std::lock_guard changing(change_mutex_);
  tell_ = std::move(tell);
}

// What an earlier process appended may be synced before anybody has said how: its contents are on
// disk or they are not, and that is found out when they are opened (D2).
Status Journal::sync_contents() {
  std::function<Status()> sync;
  {
    const std::lock_guard lock(sync_mutex_);
    sync = sync_contents_;
  }
  return sync ? sync() : Status();
}

void Journal::tell_synced(std::uint64_t sequence) {
  std::function<void(std::uint64_t)> tell;
  {
    const std::lock_guard lock(sync_mutex_);
    tell = tell_synced_;
  }
  if (tell) tell(sequence);
}

WallTime Journal::now() const {
  const WallTime::rep wall = clock_.wall_now().time_since_epoch().count();
  WallTime::rep latest = latest_.load(std::memory_order_relaxed);
  while (latest < wall && !latest_.compare_exchange_weak(latest, wall)) {
  }
  return WallTime(WallTime::duration(std::max(latest, wall)));
}

Status Journal::change(const Context& context, Purpose purpose, const Call& call) {
  std::vector<InodeId> told;
  std::function<void(const std::vector<InodeId>&)> tell;
  {
    const std::lock_guard changing(change_mutex_);
    DRIVEWAY_TRY(const Rows rows, apply(call));
    if (const Status kept = append(context, purpose, rows); !kept.ok()) {
      take_back();
      return kept;
    }
    {
      const std::unique_lock lock(mutex_);
      set_.keep();
    }
    told.reserve(rows.changed.size());
    for (const auto& [inode, row] : rows.changed) told.push_back(inode);
    tell = tell_;
  }
  wake();
  if (tell && !told.empty()) tell(told);
  return {};
}

Result<Rows> Journal::apply(const Call& call) {
  const std::unique_lock lock(mutex_);
  set_.begin();
  auto rows = call(set_, now());
  if (!rows.ok()) set_.undo();
  rows_.store(set_.size(), std::memory_order_release);
  settlements_.store(set_.settlements(), std::memory_order_release);
  return rows;
}

Status Journal::append(const Context& context, Purpose purpose, const Rows& rows) {
  const std::vector<Notes::Edit>& notes = set_.notes().edits();  // only changes make any
  if (rows.changed.empty() && notes.empty()) return {};
  Batch batch;
  for (const auto& [inode, row] : rows.changed) {
    if (row) {
      batch.put(kChanges, key_of(inode), encode(*row));
    } else {
      batch.erase(kChanges, key_of(inode));
    }
  }
  for (const Notes::Edit& note : notes) {
    if (note.value) {
      batch.put(note.table, note.key, *note.value);
    } else {
      batch.erase(note.table, note.key);
    }
  }
  const auto sequence = ledger_->append(context, batch, purpose);
  return sequence.ok() ? Status() : Status(sequence.error());
}

void Journal::take_back() {
  {
    const std::unique_lock lock(mutex_);
    set_.undo();
    rows_.store(set_.size(), std::memory_order_release);
  }
  wake();  // somebody may have waited for what is no more
}

void Journal::wake() {
  {
    const std::lock_guard lock(wake_mutex_);
    ++changes_;
  }
  woken_.notify_all();
}

std::uint64_t Journal::changes() const {
  const std::lock_guard lock(wake_mutex_);
  return changes_;
}

Status Journal::wait_for_change(const Context& context, std::uint64_t seen) {
  std::unique_lock lock(wake_mutex_);
  return wait(context, clock_, lock, woken_, [&] { return changes_ != seen; });
}

// A change holds it for some 10 µs, and to sleep and be woken takes several times as long.
std::shared_lock<std::shared_mutex> Journal::lock_to_look() const {
  constexpr int kTries = 50;
  std::shared_lock lock(mutex_, std::defer_lock);
  for (int i = 0; i < kTries; ++i) {
    if (lock.try_lock()) return lock;
    std::this_thread::yield();
  }
  lock.lock();
  return lock;
}

std::vector<InodeId> Journal::unclosed() const {
  const std::shared_lock lock(mutex_);
  return set_.unclosed();
}

Status Journal::close() { return ledger_->close(); }

}  // namespace driveway::journal
