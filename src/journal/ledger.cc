#include "journal/ledger.h"

#include <algorithm>
#include <utility>

#include "base/file.h"
#include "base/log.h"
#include "base/strings.h"
#include "base/threads.h"
#include "journal/ledger_core.h"
#include "store/codec.h"

namespace driveway::journal {
namespace {

constexpr std::string_view kAccountKey = "account";
constexpr std::size_t kMaxKey = 511;  // LMDB's
// Tables of the environment that are not the owner's.
constexpr std::string_view kReservedTables[] = {"format", "inodes", kStateTable};

}  // namespace

LedgerCore::Figures::Figures(Metrics& metrics)
    : append(metrics.histogram("journal.append")),
      syncs(metrics.counter("journal.syncs")),
      sync_failures(metrics.counter("journal.sync_failures")),
      sync(metrics.histogram("journal.sync")),
      drained(metrics.counter("journal.drained")),
      drain(metrics.histogram("journal.drain")),
      backlog(metrics.gauge("journal.log_bytes")),
      waiting(metrics.gauge("journal.appends_waiting")),
      disk_full(metrics.gauge("journal.disk_full")) {}

Result<std::unique_ptr<Ledger>> Ledger::open(const LedgerOptions& options, Clock& clock,
                                             Metrics& metrics) {
  DRIVEWAY_TRY(auto core, LedgerCore::open(options, clock, metrics));
  return std::unique_ptr<Ledger>(std::move(core));
}

// --- Opening

LedgerCore::LedgerCore(const LedgerOptions& options, Clock& clock, Metrics& metrics)
    : options_(options),
      clock_(clock),
      figures_(metrics),
      reserve_(options.folder / "reserve", options.reserve),
      group_bytes_(options.max_backlog) {}

Result<std::unique_ptr<LedgerCore>> LedgerCore::open(const LedgerOptions& options, Clock& clock,
                                                     Metrics& metrics) {
  std::unique_ptr<LedgerCore> core(new LedgerCore(options, clock, metrics));
  DRIVEWAY_CHECK(core->open_env());
  DRIVEWAY_CHECK(core->replay());
  DRIVEWAY_CHECK(core->sync_folders());
  core->take_reserve();
  core->sync_thread_ = start_thread("journal-sync", [core = core.get()] { core->run_sync(); });
  core->drain_thread_ = start_thread("journal-drain", [core = core.get()] { core->run_drain(); });
  return core;
}

Status LedgerCore::open_env() {
  store::EnvOptions env_options;
  env_options.sync = true;
  env_options.format_version = kJournalFormatVersion;
  env_options.map_size = options_.map_size;
  env_options.max_tables = static_cast<unsigned>(options_.tables.size() + 2);
  DRIVEWAY_TRY(env_, store::Env::open(options_.folder, env_options));
  DRIVEWAY_TRY(state_table_, env_->table(kStateTable));
  DRIVEWAY_CHECK(check_account());
  for (const std::string& name : options_.tables) {
    if (std::find(std::begin(kReservedTables), std::end(kReservedTables), name) !=
        std::end(kReservedTables)) {
      return Error{ErrorCode::kInvalidArgument,
                   cat("the journal keeps the table ", name, " itself")};
    }
    DRIVEWAY_TRY(const store::Table opened, env_->table(name));
    tables_.emplace(name, opened);
  }
  DRIVEWAY_TRY(inodes_, inode_allocator_in(*env_));
  return {};
}

// D5: what one account changed is never sent by another.
Status LedgerCore::check_account() {
  {
    DRIVEWAY_TRY(const store::ReadTxn txn, env_->read());
    DRIVEWAY_TRY(const auto drained, txn.get(state_table_, kDrainedKey));
    store::Reader reader(drained.value_or(std::string_view("\0", 1)));
    drained_ = reader.varint();
    if (!reader.ok() || !reader.at_end()) {
      return Error{ErrorCode::kCorrupt, cat(options_.folder.native(), " is damaged")};
    }
    DRIVEWAY_TRY(const auto account, txn.get(state_table_, kAccountKey));
    if (account && *account == options_.account) return {};
    if (account) {
      return Error{ErrorCode::kPermissionDenied,
                   cat(options_.folder.native(), " belongs to the account ", *account, ", not to ",
                       options_.account)};
    }
  }
  DRIVEWAY_TRY(store::WriteTxn txn, env_->write());
  DRIVEWAY_CHECK(txn.put(state_table_, kAccountKey, options_.account));
  return txn.commit();
}

Status LedgerCore::replay() {
  LogOptions log_options;
  log_options.folder = options_.folder / "log";
  log_options.account = options_.account;
  log_options.boot_id = options_.boot_id;
  log_options.segment_size = options_.segment_size;
  log_options.salvage = options_.salvage;
  DRIVEWAY_TRY(log_, Log::open(log_options, drained_));
  appended_ = log_->last();
  synced_ = drained_;
  for (const auto& record : log_->oldest(appended_, ~Bytes{0})) {
    DRIVEWAY_CHECK(check(record->payload));
    overlay_.apply(record->sequence, record->payload);
  }
  if (!options_.salvage) {
    if (appended_ > drained_) next_sync_ = clock_.now();  // nobody knows what of it is on disk
    return {};
  }
  DRIVEWAY_TRY(synced_, log_->sync());
  return drain(appended_);
}

// What was made is found after a crash of the machine only when its names are on disk: those in the
// folder, its own, and the account folder's, which may be as new.
Status LedgerCore::sync_folders() const {
  DRIVEWAY_CHECK(sync_directory(options_.folder));
  const std::filesystem::path account = options_.folder.parent_path();
  if (account.empty()) return {};
  DRIVEWAY_CHECK(sync_directory(account));
  if (!account.has_relative_path() || account.parent_path().empty()) return {};
  return sync_directory(account.parent_path());
}

LedgerCore::~LedgerCore() {
  if (const Status closed = close(); !closed.ok()) log::warn("the journal: ", closed.error());
}

Status LedgerCore::close() {
  {
    const std::scoped_lock locks(append_mutex_, mutex_);
    if (closed_) return {};
    closed_ = true;
    stop_sync_ = true;
  }
  sync_thread_wake_.notify_all();
  room_.notify_all();
  if (sync_thread_.joinable()) sync_thread_.join();
  {
    const std::lock_guard lock(mutex_);
    stop_drain_ = true;
  }
  synced_or_failed_.notify_all();
  drain_thread_wake_.notify_all();
  if (drain_thread_.joinable()) drain_thread_.join();
  const std::lock_guard lock(mutex_);
  if (log_ && drained_ == appended_) log_->drained_all();
  if (sync_failure_) return *sync_failure_;
  if (drain_failure_) return *drain_failure_;
  return {};
}

// --- Appending

Result<store::Table> LedgerCore::table(std::string_view name) const {
  const auto found = tables_.find(name);
  if (found == tables_.end()) {
    return Error{ErrorCode::kInvalidArgument, cat("the journal has no table '", name, "'")};
  }
  return found->second;
}

Status LedgerCore::check(std::string_view batch) const {
  return for_each_edit(batch, [&](const RowEdit& edit) -> Status {
    DRIVEWAY_TRY([[maybe_unused]] const store::Table found, table(edit.table));
    if (edit.key.empty() || edit.key.size() > kMaxKey) {
      return Error{ErrorCode::kInvalidArgument,
                   cat("a key of ", edit.key.size(), " bytes in the table '", edit.table, "'")};
    }
    return {};
  });
}

Result<std::uint64_t> LedgerCore::append(const Context& context, const Batch& batch,
                                         Purpose purpose) {
  const TimePoint begun = clock_.now();
  DRIVEWAY_CHECK(check(batch.bytes()));
  DRIVEWAY_CHECK(wait_for_room(context, purpose));
  const std::lock_guard order(append_mutex_);
  DRIVEWAY_TRY(const std::uint64_t sequence, append_to_log(batch, purpose));
  overlay_.apply(sequence, batch.bytes());
  note_appended(sequence);
  figures_.append.record(clock_.now() - begun);
  return sequence;
}

Status LedgerCore::wait_for_room(const Context& context, Purpose purpose) {
  const Bytes limit = purpose == Purpose::kNew ? options_.max_backlog : 2 * options_.max_backlog;
  const auto full = [&]() -> Status {
    if (purpose == Purpose::kProgress) return {};
    // Progress must find room: so what is new may not take the last of it (D6).
    if (!reserve_.held()) {
      return Error{ErrorCode::kNoSpace,
                   cat("the disk of ", options_.folder.native(), " is full: free some of it")};
    }
    if (drain_failure_ && drain_failure_->code == ErrorCode::kNoSpace) return *drain_failure_;
    return {};
  };
  const auto failed = [&]() -> const std::optional<Error>& {
    return sync_failure_ ? sync_failure_ : drain_failure_;
  };
  std::unique_lock lock(mutex_);
  DRIVEWAY_CHECK(full());
  if (log_->held_bytes() < limit) return {};
  sync_wanted_ = std::max(sync_wanted_, appended_);
  sync_thread_wake_.notify_one();
  figures_.waiting.add(1);
  const Status waited = wait(context, clock_, lock, room_, [&] {
    return closed_ || failed().has_value() || log_->held_bytes() < limit;
  });
  figures_.waiting.add(-1);
  DRIVEWAY_CHECK(waited);
  if (failed() && log_->held_bytes() >= limit) return *failed();
  return full();
}

Result<std::uint64_t> LedgerCore::append_to_log(const Batch& batch, Purpose purpose) {
  {
    const std::lock_guard lock(mutex_);
    if (closed_) return Error{ErrorCode::kCancelled, "the journal is closed"};
  }
  auto sequence = log_->append(batch.bytes());
  if (!sequence.failed_with(ErrorCode::kNoSpace) || purpose == Purpose::kNew) return sequence;
  const bool given_up = reserve_.without([&] { sequence = log_->append(batch.bytes()); });
  if (given_up) note_reserve_given_up();
  return sequence;
}

void LedgerCore::note_appended(std::uint64_t sequence) {
  const std::lock_guard lock(mutex_);
  appended_ = sequence;
  const Bytes backlog = log_->held_bytes();
  figures_.backlog.set(static_cast<std::int64_t>(backlog));
  bool wake = false;
  if (next_sync_ == TimePoint::max()) {
    next_sync_ = clock_.now() + kSyncInterval;
    wake = true;
  }
  // Well before anybody has to wait for the drain, which begins with a sync.
  if (backlog >= options_.max_backlog / kDrainAt && sync_wanted_ <= synced_) {
    sync_wanted_ = appended_;
    wake = true;
  }
  if (wake) sync_thread_wake_.notify_one();
}

// --- Reading

Result<std::optional<std::string>> LedgerCore::get(std::string_view table_name,
                                                   std::string_view key) const {
  DRIVEWAY_TRY(const store::Table table, this->table(table_name));
  // The overlay first: a row leaves it only when it is in LMDB.
  if (auto row = overlay_.get(table_name, key)) return std::move(row->value);
  DRIVEWAY_TRY(const store::ReadTxn txn, env_->read());
  DRIVEWAY_TRY(const auto value, txn.get(table, key));
  if (!value) return std::optional<std::string>();
  return std::optional<std::string>(*value);
}

Status LedgerCore::for_each(
    std::string_view table_name, std::string_view from, std::string_view until,
    const std::function<bool(std::string_view, std::string_view)>& visit) const {
  DRIVEWAY_TRY(const store::Table table, this->table(table_name));
  std::optional<Result<store::ReadTxn>> begun;
  const Overlay::Rows rows =
      overlay_.range(table_name, from, until, [&] { begun.emplace(env_->read()); });
  if (!begun->ok()) return begun->error();
  const store::ReadTxn& txn = **begun;
  DRIVEWAY_TRY(store::Cursor cursor, store::Cursor::open(txn, table));
  DRIVEWAY_TRY(bool more, cursor.seek(from));
  auto row = rows.begin();
  for (;;) {
    const bool stored = more && (until.empty() || cursor.key() < until);
    if (!stored && row == rows.end()) return {};
    // What is in the overlay hides what LMDB has.
    if (!stored || (row != rows.end() && row->first <= cursor.key())) {
      const bool both = stored && row->first == cursor.key();
      if (row->second.value && !visit(row->first, *row->second.value)) return {};
      ++row;
      if (!both) continue;
    } else if (!visit(cursor.key(), cursor.value())) {
      return {};
    }
    DRIVEWAY_TRY(more, cursor.next());
  }
}

LedgerState LedgerCore::state() const {
  const std::lock_guard lock(mutex_);
  LedgerState state{appended_, synced_, drained_, log_->held_bytes(), !reserve_.held(), {}};
  state.failure = sync_failure_ ? sync_failure_ : drain_failure_;
  return state;
}

}  // namespace driveway::journal
