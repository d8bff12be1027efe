// A folder that files are put into. Nothing in it is overwritten, and no name leads out of it:
// below it no symbolic link is followed. Private to rescue/.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/context.h"
#include "base/file.h"
#include "base/result.h"

namespace driveway::rescue {

class TargetFolder {
 public:
  // Makes `path` and its missing parents. Errors: as errno_error.
  static Result<TargetFolder> open(const std::filesystem::path& path);

  struct Placed {
    std::vector<std::string> path;  // where it is now, below the folder
    bool was_there = false;         // with the same bytes
  };
  // Puts a copy of `source`, a plain file, at `path` (safe_names(), not empty). Missing folders are
  // made. A name that is taken by anything else than the same bytes, or than a folder where one is
  // needed, becomes `NAME (2)`, and so on. The file appears whole, with the bytes and the name on
  // the disk, and the source's time of change. `copied` hears of the bytes as they come. Errors:
  // kCancelled; kBusy (the source changed meanwhile); kAlreadyExists (1,000 names are taken); as
  // errno_error.
  Result<Placed> place(const CancelToken& cancel, const std::vector<std::string>& path,
                       const UniqueFd& source, const std::function<void(Bytes)>& copied) const;

 private:
  TargetFolder(UniqueFd folder, std::filesystem::path path)
      : folder_(std::move(folder)), path_(std::move(path)) {}

  UniqueFd folder_;
  std::filesystem::path path_;
};

}  // namespace driveway::rescue
