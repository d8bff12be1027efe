// An SQLite database of another program, which may have been killed while it wrote. Private to
// rescue/.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/result.h"

namespace driveway::rescue {

// A private copy, gone with the object: to open a database is to change it, since SQLite takes back
// what a killed writer had begun (its "hot journal", file format 1.3). Not thread-safe.
class Database {
 public:
  // Copies `file` and the journals beside it while no other process commits to it. Errors:
  // kNotFound; kBusy (a process is in the middle of writing, for 2 s); kNoSpace (of the folder for
  // temporary files); kCorrupt; as errno_error.
  static Result<Database> open_copy_of(const std::filesystem::path& file);
  ~Database();
  Database(Database&&) noexcept;

  // The columns of `table`; none where there is no such table. Errors: as rows().
  Result<std::set<std::string>> columns(const std::string& table);
  // What `query` selects, each value as text, nothing for NULL. Errors: kCorrupt, kNoSpace,
  // kLocalDisk.
  using Row = std::vector<std::optional<std::string>>;
  Result<std::vector<Row>> rows(const std::string& query);

 private:
  struct State;
  explicit Database(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace driveway::rescue
