// The rows of the cache: an LMDB environment without syncs (docs/FORMAT.md, cache). What stands
// here is on disk already (a row is written after the bytes that it names), and all of it can be
// fetched again: a damaged index is thrown away.
//
// Thread-safe; writes take turns. Errors: kCorrupt, kNoSpace, kLocalDisk.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/ids.h"
#include "base/result.h"
#include "cache/block_map.h"
#include "store/env.h"

namespace driveway::cache {

// What rows are found by: the ContentId, or where that is too long for a key its hash.
std::string index_key(const ContentId& id);

struct ContentRow {
  std::uint64_t number = 0;  // of the content file; 0: inline
  Bytes size = 0;
  Bytes stored = 0;            // disk space that the indexed blocks take
  std::uint64_t accessed = 0;  // ms since 1970, strictly growing: the order of eviction
  bool verified = false;       // all of it had the right hash
  bool pinned = false;         // not to be evicted; keeps its row also when no block is left
};

// What one commit writes for one content.
struct ContentUpdate {
  std::string key;
  ContentRow row;
  std::vector<GroupRow> groups;                       // those that changed
  std::shared_ptr<const std::string> data = nullptr;  // inline bytes, when they are new
  bool remove = false;                                // nothing of it is left
};

struct Totals {
  Bytes file_bytes = 0;    // sum of `stored`, content files
  Bytes inline_bytes = 0;  // sum of `stored`, inline
  std::uint64_t contents = 0;
  std::uint64_t next_number = 1;
  Bytes pinned_bytes = 0;  // of both
  std::uint64_t pinned_contents = 0;
};

enum class Kind { kFile, kInline };

// The orders in which rows are kept: the unpinned of a kind, and the pinned of both.
enum class Order : std::uint8_t { kFiles = 0, kInlines = 1, kPinned = 2 };

class Index {
 public:
  struct Loaded {
    ContentRow row;
    std::vector<GroupRow> groups;
  };

  // `map_size`: address space. Errors: kCorrupt (also another version): wipe_folder and open again.
  static Result<std::unique_ptr<Index>> open(const std::filesystem::path& folder, Bytes map_size);
  static Status wipe_folder(const std::filesystem::path& folder);

  Totals totals() const;
  Bytes used_bytes() const { return env_->used_bytes(); }

  Result<std::optional<Loaded>> load(const std::string& key) const;
  // Gives an inline content's bytes to `use`; false when there is no row.
  Result<bool> read_inline(const std::string& key,
                           const std::function<void(std::string_view)>& use) const;
  Result<bool> has_number(std::uint64_t number) const;
  // Of the content that has the file; nothing where none has.
  Result<std::optional<std::string>> key_of(std::uint64_t number) const;
  // Visits the rows of `order`, least recently used first, until `visit` gives false.
  Status visit_oldest(
      Order order, const std::function<bool(const std::string&, const ContentRow&)>& visit) const;
  // When its first row was used; the end of all time where it has none, or cannot be read.
  std::uint64_t oldest(Order order) const;

  // Each in one transaction: all or nothing.
  Status write(const std::vector<ContentUpdate>& updates, std::uint64_t next_number);
  Status remove(const std::vector<std::string>& keys);
  Status sync() { return env_->sync(); }

 private:
  struct Tables {
    store::Table contents, groups, inlines, numbers, ages, state;
  };
  explicit Index(std::unique_ptr<store::Env> env) : env_(std::move(env)) {}
  Status open_tables();
  Status load_totals();
  Status write_one(store::WriteTxn& txn, const ContentUpdate& update, Totals& totals);
  Status remove_one(store::WriteTxn& txn, const std::string& key, Totals& totals);
  Status erase_groups(store::WriteTxn& txn, std::uint64_t number);
  Status finish(store::WriteTxn& txn, const Totals& totals);

  const std::unique_ptr<store::Env> env_;
  Tables tables_;
  std::mutex write_mutex_;           // one write at a time, with what it makes of totals_
  mutable std::mutex totals_mutex_;  // guards totals_
  Totals totals_;
};

}  // namespace driveway::cache
