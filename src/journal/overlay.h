// The rows that stand in the log and not yet in LMDB.
//
// Thread-safe. Private to journal/.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace driveway::journal {

class Overlay {
 public:
  struct Row {
    std::uint64_t sequence = 0;        // of the batch that it came with
    std::optional<std::string> value;  // none: erased
  };
  using Rows = std::map<std::string, Row, std::less<>>;

  // Takes over what the batch of record `sequence` changes. REQUIRES: rising sequences, and a batch
  // that was checked.
  void apply(std::uint64_t sequence, std::string_view batch);
  // The batch of record `sequence` is in LMDB: forgets what no later one changed again.
  void drop(std::uint64_t sequence, std::string_view batch);

  // Nothing: LMDB has the row, or it has not.
  std::optional<Row> get(std::string_view table, std::string_view key) const;
  // The rows of `table` with keys in [from, until) (until "": to the end). `with` is run before
  // anything can change: to begin the read transaction that belongs to them.
  template <typename With>
  Rows range(std::string_view table, std::string_view from, std::string_view until,
             const With& with) const {
    const std::lock_guard lock(mutex_);
    with();
    return copy(table, from, until);
  }

 private:
  Rows copy(std::string_view table, std::string_view from, std::string_view until) const;

  mutable std::mutex mutex_;
  std::map<std::string, Rows, std::less<>> tables_;
};

}  // namespace driveway::journal
