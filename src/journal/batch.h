// One atomic change of the journal's rows.
//
// A batch is self-contained (D3): it names its tables, and holds whole keys and values, so that it
// can be replayed with nothing else at hand, any number of times. Not thread-safe.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace driveway::journal {

class Batch {
 public:
  // Of two changes of one key the later one counts. Keys are 1 to 511 bytes long.
  void put(std::string_view table, std::string_view key, std::string_view value);
  void erase(std::string_view table, std::string_view key);  // also where there is no such row
  bool empty() const { return bytes_.empty(); }
  // As it stands in the log (docs/FORMAT.md).
  const std::string& bytes() const { return bytes_; }

 private:
  std::string bytes_;
};

// One row, put or erased.
struct RowEdit {
  std::string_view table;
  std::string_view key;
  std::optional<std::string_view> value;  // none: erased
};

// Calls `visit` for each edit in `batch` (Batch::bytes()), in order, until it fails. Errors:
// kCorrupt (not a batch), and what `visit` gives.
Status for_each_edit(std::string_view batch, const std::function<Status(const RowEdit&)>& visit);

}  // namespace driveway::journal
