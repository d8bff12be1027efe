// The one module that knows LMDB.
//
// An Env is one LMDB environment in one folder (design: where bytes live). Rules that hold here: no
// WRITEMAP, no MAPASYNC, no DUPSORT, no nested transactions; MDB_NOTLS; stale readers are cleared
// at open; one write transaction at a time; a transaction never spans network I/O (the caller's
// duty). Fork or daemonize first, open after. Errors: kCorrupt (not LMDB, or damaged, or another
// format version), kNoSpace (disk or map full), kLocalDisk, kBusy.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/result.h"

namespace driveway::store {

struct EnvOptions {
  Bytes map_size = 64 * kGiB;  // address space, not disk
  bool sync = false;  // true: each commit is on disk when it returns (journal); false: MDB_NOSYNC
                      // and sync()
  bool no_read_ahead = false;  // MDB_NORDAHEAD (cache)
  unsigned max_tables = 16;
  // Written at creation and compared at each open; another value is kCorrupt with both named in the
  // message.
  std::uint32_t format_version = 1;
};

class Env;

// A named table. Cheap to copy; valid as long as its Env.
class Table {
 public:
  Table() = default;

 private:
  friend class Env;
  friend class ReadTxn;
  friend class WriteTxn;
  friend class Cursor;
  explicit Table(unsigned handle) : handle_(handle) {}
  unsigned handle_ = 0;
};

// A snapshot. Views that it gives are valid until it ends. Not thread-safe; keep it short (a held
// one makes the file grow).
class ReadTxn {
 public:
  ReadTxn(ReadTxn&&) noexcept;
  ReadTxn& operator=(ReadTxn&&) noexcept;
  virtual ~ReadTxn();
  // Nothing when there is no such key.
  Result<std::optional<std::string_view>> get(Table table, std::string_view key) const;
  Result<std::uint64_t> count(Table table) const;

 protected:
  friend class Env;
  friend class Cursor;
  struct State;
  explicit ReadTxn(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// Begins and ends on one thread (its lock belongs to the thread); a thread has at most one.
class WriteTxn : public ReadTxn {
 public:
  WriteTxn(WriteTxn&&) noexcept;
  WriteTxn& operator=(WriteTxn&&) noexcept;
  ~WriteTxn() override;  // aborts unless committed
  Status put(Table table, std::string_view key, std::string_view value);
  // False when there was no such key.
  Result<bool> erase(Table table, std::string_view key);
  Status clear(Table table);
  Status commit();
  // Whether what failed with kNoSpace did so because the map is full, and not the disk: grow().
  bool map_full() const;

 private:
  friend class Env;
  friend class Cursor;
  explicit WriteTxn(std::unique_ptr<State> state);
};

// Walks keys in byte order. The transaction must outlive it.
class Cursor {
 public:
  static Result<Cursor> open(const ReadTxn& txn, Table table);
  Cursor(Cursor&&) noexcept;
  ~Cursor();
  // Moves to the first key >= `key`; false at the end. ("" = the first.)
  Result<bool> seek(std::string_view key);
  Result<bool> next();
  // REQUIRES the last move to have given true.
  std::string_view key() const;
  std::string_view value() const;

 private:
  struct State;
  explicit Cursor(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// Thread-safe. Transactions and cursors must be gone before it is destroyed. One Env a folder and
// process (kBusy). Keys are 1 to 511 bytes long (kInvalidArgument).
class Env {
 public:
  static Result<std::unique_ptr<Env>> open(const std::filesystem::path& folder,
                                           const EnvOptions& options);
  ~Env();
  Env(const Env&) = delete;
  Env& operator=(const Env&) = delete;

  // Opens the table, creating it when it is not there. Call at start, before other threads use the
  // Env.
  Result<Table> table(const std::string& name);
  Result<ReadTxn> read() const;
  // Waits for the write transaction of another thread.
  Result<WriteTxn> write();
  Status sync();
  // Bytes of the data file up to its last page: what was freed in between is used again, never
  // given back.
  Bytes used_bytes() const;
  Bytes map_size() const;
  // Makes the map `map_size` large; false, and nothing changed, while any transaction is open: try
  // again. Errors: kNoSpace where the address space has no room for it.
  Result<bool> grow(Bytes map_size);
  // Sets disk aside for the next `ahead` bytes that the data file grows by (where the file system
  // can). Errors: kNoSpace, kLocalDisk.
  Status preallocate(Bytes ahead);

 private:
  friend class ReadTxn;
  friend class Cursor;
  struct State;
  explicit Env(std::unique_ptr<State> state);
  Status check_format(std::uint32_t version);
  std::unique_ptr<State> state_;
};

}  // namespace driveway::store
