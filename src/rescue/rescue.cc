#include "rescue/rescue.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/file.h"
#include "base/strings.h"
#include "rescue/safe_path.h"
#include "rescue/target_folder.h"

namespace driveway::rescue {
namespace {

namespace fs = std::filesystem;

// Also where parts of it are not there yet.
bool lies_in(const fs::path& path, const fs::path& folder) {
  std::error_code unknown;
  const fs::path whole = fs::weakly_canonical(path, unknown);
  const fs::path outer = fs::weakly_canonical(folder, unknown);
  const auto [end, ignored] = std::mismatch(outer.begin(), outer.end(), whole.begin(), whole.end());
  return !unknown && end == outer.end();
}

}  // namespace

struct Rescue::State {
  TargetFolder target;
  fs::path target_path;
  fs::path cache_path;
  UniqueFd cache;
};

Rescue::Rescue(std::unique_ptr<State> state) : state_(std::move(state)) {}
Rescue::~Rescue() = default;
Rescue::Rescue(Rescue&&) noexcept = default;

Result<Rescue> Rescue::into(const fs::path& target, const fs::path& cache_folder) {
  if (lies_in(target, cache_folder)) {
    return Error{ErrorCode::kInvalidArgument,
                 cat("'", target.native(),
                     "' lies in the old cache, which google-drive-ocamlfuse empties: name another "
                     "folder")};
  }
  UniqueFd cache(::open(cache_folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!cache.valid()) {
    return errno_error(errno, cat("cannot open the folder '", cache_folder.native(), "'"));
  }
  DRIVEWAY_TRY(TargetFolder folder, TargetFolder::open(target));
  return Rescue(
      std::make_unique<State>(State{std::move(folder), target, cache_folder, std::move(cache)}));
}

Result<Rescued> Rescue::copy(const CancelToken& cancel, const UnsentFile& file,
                             const std::function<void(Bytes)>& copied) {
  const fs::path content = state_->cache_path / file.content_name;
  const UniqueFd source(::openat(state_->cache.get(), file.content_name.c_str(),
                                 O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  if (!source.valid()) return errno_error(errno, cat("cannot open '", content.native(), "'"));
  struct stat info {};
  if (::fstat(source.get(), &info) != 0 || !S_ISREG(info.st_mode)) {
    return Error{ErrorCode::kUnsupported, cat("'", content.native(), "' is no plain file")};
  }
  DRIVEWAY_TRY(const TargetFolder::Placed placed,
               state_->target.place(cancel, file.path, source, copied));
  return Rescued{state_->target_path / joined(placed.path), placed.was_there};
}

}  // namespace driveway::rescue
