// One Env a folder and process: LMDB keeps its lock by process, and opening a folder twice would
// break the lock of the first. Private to store/.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <optional>
#include <utility>

#include "base/result.h"

namespace driveway::store {

// Holds the folder for this process while it lives. Thread-safe.
class FolderClaim {
 public:
  // Errors: kBusy, and those of errno_error.
  static Result<FolderClaim> claim(const std::filesystem::path& folder);
  ~FolderClaim();
  FolderClaim(FolderClaim&& other) noexcept
      : identity_(std::exchange(other.identity_, std::nullopt)) {}
  FolderClaim& operator=(FolderClaim&&) = delete;

 private:
  using Identity = std::pair<dev_t, ino_t>;
  explicit FolderClaim(Identity identity) : identity_(identity) {}
  std::optional<Identity> identity_;
};

}  // namespace driveway::store
