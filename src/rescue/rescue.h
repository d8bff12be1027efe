// Takes unsent files out of an old cache into a folder.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "base/bytes.h"
#include "base/context.h"
#include "base/result.h"
#include "rescue/old_cache.h"

namespace driveway::rescue {

struct Rescued {
  std::filesystem::path file;  // where it is now
  bool was_there = false;      // with the same bytes: an earlier rescue, perhaps
};

// Not thread-safe.
class Rescue {
 public:
  // Makes `target` if it is missing. Errors: kInvalidArgument (it lies in the cache folder, which
  // the old program empties); as errno_error.
  static Result<Rescue> into(const std::filesystem::path& target,
                             const std::filesystem::path& cache_folder);
  ~Rescue();
  Rescue(Rescue&&) noexcept;

  // Copies `file`, whose content is kThere, to its path below the target, as TargetFolder::place()
  // does it, down to the disk. Errors: as there; kNotFound (the content has gone since).
  Result<Rescued> copy(const CancelToken& cancel, const UnsentFile& file,
                       const std::function<void(Bytes)>& copied);

 private:
  struct State;
  explicit Rescue(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace driveway::rescue
