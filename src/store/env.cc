#include "store/env.h"

#include <fcntl.h>
#include <lmdb.h>
#include <sys/mman.h>
#include <sys/statvfs.h>

#include <algorithm>
#include <cerrno>
#include <map>
#include <mutex>
#include <utility>
#include <vector>

#include "base/file.h"
#include "base/log.h"
#include "base/strings.h"
#include "store/codec.h"
#include "store/data_file.h"
#include "store/env_open.h"
#include "store/folder_claim.h"

namespace driveway::store {
namespace {

// Ended read transactions kept for the next reader: begun anew they would take a lock that
// processes share.
constexpr std::size_t kMaxIdleReaders = 64;

MDB_val to_val(std::string_view bytes) {
  return MDB_val{bytes.size(), const_cast<char*>(bytes.data())};  // LMDB does not write to it
}

std::string_view to_view(const MDB_val& val) {
  return {static_cast<const char*>(val.mv_data), val.mv_size};
}

}  // namespace

struct Env::State {
  State(std::filesystem::path path, FolderClaim folder_claim, EnvHandle handle)
      : folder(std::move(path)), claim(std::move(folder_claim)), env(std::move(handle)) {}
  ~State() {
    for (MDB_txn* txn : idle_readers) mdb_txn_abort(txn);
  }

  Error error(int code, std::string_view what) const {
    return lmdb_error(code, cat(what, " ", folder.native()));
  }

  Result<MDB_txn*> begin_read() {
    MDB_txn* txn = nullptr;
    {
      const std::lock_guard lock(mutex);
      ++transactions;
      if (!idle_readers.empty()) {
        txn = idle_readers.back();
        idle_readers.pop_back();
      }
    }
    int code = 0;
    if (txn != nullptr) {
      code = mdb_txn_renew(txn);
      if (code != 0) mdb_txn_abort(txn);
    } else {
      code = mdb_txn_begin(env.get(), nullptr, MDB_RDONLY, &txn);
    }
    if (code == 0) return txn;
    end_transaction();
    return error(code, "read");
  }

  void end_read(MDB_txn* txn) {
    mdb_txn_reset(txn);
    {
      const std::lock_guard lock(mutex);
      --transactions;
      if (idle_readers.size() < kMaxIdleReaders) {
        idle_readers.push_back(txn);
        return;
      }
    }
    mdb_txn_abort(txn);
  }

  Result<MDB_txn*> begin_write() {
    {
      const std::lock_guard lock(mutex);
      ++transactions;
    }
    MDB_txn* txn = nullptr;
    const int code = mdb_txn_begin(env.get(), nullptr, 0, &txn);
    if (code == 0) return txn;
    end_transaction();
    return error(code, "write to");
  }

  void end_transaction() {
    const std::lock_guard lock(mutex);
    --transactions;
  }

  const std::filesystem::path folder;
  const FolderClaim claim;
  const EnvHandle env;  // closed before the claim ends
  std::mutex mutex;     // guards what follows
  std::vector<MDB_txn*> idle_readers;
  std::map<std::string, MDB_dbi> tables;
  int transactions = 0;       // open ones: the map must not be moved under them
  Bytes allocated_until = 0;  // of the data file, by preallocate()
};

struct ReadTxn::State {
  Env::State* env = nullptr;
  MDB_txn* txn = nullptr;  // null: ended
  bool writes = false;
  bool map_full = false;

  ~State() {
    if (txn == nullptr) return;
    if (writes) {
      mdb_txn_abort(txn);
      env->end_transaction();
    } else {
      env->end_read(txn);
    }
  }
  // Of a write.
  Error failed(int code, std::string_view what) {
    if (code == MDB_MAP_FULL) map_full = true;
    return env->error(code, what);
  }
};

// --- ReadTxn

ReadTxn::ReadTxn(std::unique_ptr<State> state) : state_(std::move(state)) {}
ReadTxn::ReadTxn(ReadTxn&&) noexcept = default;
ReadTxn& ReadTxn::operator=(ReadTxn&&) noexcept = default;
ReadTxn::~ReadTxn() = default;

Result<std::optional<std::string_view>> ReadTxn::get(Table table, std::string_view key) const {
  MDB_val key_val = to_val(key);
  MDB_val value{};
  // LMDB takes no empty key; so there is none.
  if (key.empty()) return std::optional<std::string_view>();
  const int code = mdb_get(state_->txn, table.handle_, &key_val, &value);
  if (code == MDB_NOTFOUND) return std::optional<std::string_view>();
  if (code != 0) return state_->env->error(code, "get from");
  return std::optional(to_view(value));
}

Result<std::uint64_t> ReadTxn::count(Table table) const {
  MDB_stat stat{};
  const int code = mdb_stat(state_->txn, table.handle_, &stat);
  if (code != 0) return state_->env->error(code, "count in");
  return static_cast<std::uint64_t>(stat.ms_entries);
}

// --- WriteTxn

WriteTxn::WriteTxn(std::unique_ptr<State> state) : ReadTxn(std::move(state)) {}
WriteTxn::WriteTxn(WriteTxn&&) noexcept = default;
WriteTxn& WriteTxn::operator=(WriteTxn&&) noexcept = default;
WriteTxn::~WriteTxn() = default;

Status WriteTxn::put(Table table, std::string_view key, std::string_view value) {
  MDB_val key_val = to_val(key);
  MDB_val data = to_val(value);
  const int code = mdb_put(state_->txn, table.handle_, &key_val, &data, 0);
  if (code != 0) return state_->failed(code, "put into");
  return {};
}

Result<bool> WriteTxn::erase(Table table, std::string_view key) {
  if (key.empty()) return false;
  MDB_val key_val = to_val(key);
  const int code = mdb_del(state_->txn, table.handle_, &key_val, nullptr);
  if (code == MDB_NOTFOUND) return false;
  if (code != 0) return state_->failed(code, "erase from");
  return true;
}

Status WriteTxn::clear(Table table) {
  const int code = mdb_drop(state_->txn, table.handle_, 0);
  if (code != 0) return state_->failed(code, "clear in");
  return {};
}

Status WriteTxn::commit() {
  const int code = commit_to(state_->env->folder, std::exchange(state_->txn, nullptr));
  state_->env->end_transaction();
  if (code != 0) return state_->failed(code, "commit to");
  return {};
}

bool WriteTxn::map_full() const { return state_->map_full; }

// --- Cursor

struct Cursor::State {
  Env::State* env = nullptr;
  MDB_cursor* cursor = nullptr;
  MDB_val key{};
  MDB_val value{};

  ~State() {
    if (cursor != nullptr) mdb_cursor_close(cursor);
  }
  Result<bool> move(MDB_cursor_op op) {
    const int code = mdb_cursor_get(cursor, &key, &value, op);
    if (code == MDB_NOTFOUND) return false;
    if (code != 0) return env->error(code, "walk");
    return true;
  }
};

Cursor::Cursor(std::unique_ptr<State> state) : state_(std::move(state)) {}
Cursor::Cursor(Cursor&&) noexcept = default;
Cursor::~Cursor() = default;

Result<Cursor> Cursor::open(const ReadTxn& txn, Table table) {
  auto state = std::make_unique<State>();
  state->env = txn.state_->env;
  const int code = mdb_cursor_open(txn.state_->txn, table.handle_, &state->cursor);
  if (code != 0) return state->env->error(code, "walk");
  return Cursor(std::move(state));
}

Result<bool> Cursor::seek(std::string_view key) {
  if (key.empty()) return state_->move(MDB_FIRST);
  state_->key = to_val(key);
  return state_->move(MDB_SET_RANGE);
}

Result<bool> Cursor::next() { return state_->move(MDB_NEXT); }

std::string_view Cursor::key() const { return to_view(state_->key); }
std::string_view Cursor::value() const { return to_view(state_->value); }

// --- Env

Env::Env(std::unique_ptr<State> state) : state_(std::move(state)) {}
Env::~Env() = default;

Result<std::unique_ptr<Env>> Env::open(const std::filesystem::path& folder,
                                       const EnvOptions& options) {
  DRIVEWAY_CHECK(make_private_directory(folder));
  DRIVEWAY_TRY(FolderClaim claim, FolderClaim::claim(folder));
  DRIVEWAY_CHECK(check_data_file(folder / kDataFile));
  DRIVEWAY_TRY(EnvHandle handle, open_env(folder, options));
  int dead_readers = 0;
  if (const int code = mdb_reader_check(handle.get(), &dead_readers); code != 0) {
    return lmdb_error(code, cat("open ", folder.native()));
  }
  std::unique_ptr<Env> env(
      new Env(std::make_unique<State>(folder, std::move(claim), std::move(handle))));
  DRIVEWAY_CHECK(env->check_format(options.format_version));
  return env;
}

Status Env::check_format(std::uint32_t version) {
  DRIVEWAY_TRY(WriteTxn txn, write());
  MDB_dbi handle = 0;
  const int code = mdb_dbi_open(txn.state_->txn, kFormatTable, 0, &handle);
  if (code == MDB_NOTFOUND) {
    return Error{ErrorCode::kCorrupt, cat(state_->folder.native(), " is not driveway's")};
  }
  if (code != 0) return state_->error(code, "open");
  DRIVEWAY_TRY(const auto row, txn.get(Table(handle), kVersionKey));
  Reader reader(row.value_or(std::string_view()));
  const std::uint32_t found = reader.fixed32();
  if (!reader.ok() || !reader.at_end()) {
    return Error{ErrorCode::kCorrupt, cat(state_->folder.native(), " has no format version")};
  }
  if (found != version) {
    return Error{ErrorCode::kCorrupt, cat(state_->folder.native(), " has format version ", found,
                                          ", this program knows ", version)};
  }
  return txn.commit();
}

Result<Table> Env::table(const std::string& name) {
  {
    const std::lock_guard lock(state_->mutex);
    const auto known = state_->tables.find(name);
    if (known != state_->tables.end()) return Table(known->second);
  }
  DRIVEWAY_TRY(WriteTxn txn, write());
  MDB_dbi handle = 0;
  const int code = mdb_dbi_open(txn.state_->txn, name.c_str(), MDB_CREATE, &handle);
  if (code != 0) return state_->error(code, cat("open table ", name, " in"));
  DRIVEWAY_CHECK(txn.commit());
  const std::lock_guard lock(state_->mutex);
  state_->tables.emplace(name, handle);
  return Table(handle);
}

Result<ReadTxn> Env::read() const {
  auto state = std::make_unique<ReadTxn::State>();
  state->env = state_.get();
  DRIVEWAY_TRY(state->txn, state_->begin_read());
  return ReadTxn(std::move(state));
}

Result<WriteTxn> Env::write() {
  auto state = std::make_unique<ReadTxn::State>();
  state->env = state_.get();
  state->writes = true;
  DRIVEWAY_TRY(state->txn, state_->begin_write());
  return WriteTxn(std::move(state));
}

Status Env::sync() {
  const int code = mdb_env_sync(state_->env.get(), 1);
  if (code != 0) return state_->error(code, "sync");
  return {};
}

Bytes Env::used_bytes() const {
  MDB_envinfo info{};
  MDB_stat stat{};
  if (mdb_env_info(state_->env.get(), &info) != 0 || mdb_env_stat(state_->env.get(), &stat) != 0) {
    return 0;
  }
  return (static_cast<Bytes>(info.me_last_pgno) + 1) * stat.ms_psize;
}

Bytes Env::map_size() const {
  MDB_envinfo info{};
  return mdb_env_info(state_->env.get(), &info) == 0 ? info.me_mapsize : 0;
}

Result<bool> Env::grow(Bytes map_size) {
  const std::lock_guard lock(state_->mutex);
  if (state_->transactions > 0) return false;
  // LMDB gives the old map up before it asks for the new one, and is unusable if it does not get
  // it: so it is asked for beforehand.
  void* const probe =
      ::mmap(nullptr, map_size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (probe == MAP_FAILED) {
    return Error{ErrorCode::kNoSpace, cat("no address space to map ", format_size(map_size), " of ",
                                          state_->folder.native())};
  }
  ::munmap(probe, map_size);
  const int code = mdb_env_set_mapsize(state_->env.get(), map_size);
  if (code != 0) return state_->error(code, "grow");
  return true;
}

Status Env::preallocate(Bytes ahead) {
  const Bytes from = used_bytes();
  const std::lock_guard lock(state_->mutex);
  if (from + ahead <= state_->allocated_until) return {};
  mdb_filehandle_t fd = -1;
  if (const int code = mdb_env_get_fd(state_->env.get(), &fd); code != 0) {
    return state_->error(code, "set disk aside for");
  }
  // Twice what is asked for, so that it is not asked for at each commit. The length stays: LMDB and
  // the check at open go by it.
  const Bytes length = 2 * ahead;
  if (::fallocate(fd, FALLOC_FL_KEEP_SIZE, static_cast<off_t>(from), static_cast<off_t>(length)) !=
      0) {
    if (errno == EOPNOTSUPP || errno == ENOSYS) return {};
    return errno_error(errno, cat("set disk aside for ", state_->folder.native()));
  }
  state_->allocated_until = from + length;
  return {};
}

}  // namespace driveway::store
