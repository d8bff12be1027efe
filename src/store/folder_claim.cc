#include "store/folder_claim.h"

#include <sys/stat.h>

#include <cerrno>
#include <mutex>
#include <set>

#include "base/strings.h"

namespace driveway::store {
namespace {

// The folders that this process has open.
class OpenFolders {
 public:
  using Identity = std::pair<dev_t, ino_t>;

  static OpenFolders& instance() {
    static OpenFolders folders;
    return folders;
  }
  bool insert(const Identity& identity) {
    const std::lock_guard lock(mutex_);
    return identities_.insert(identity).second;
  }
  void erase(const Identity& identity) {
    const std::lock_guard lock(mutex_);
    identities_.erase(identity);
  }

 private:
  std::mutex mutex_;
  std::set<Identity> identities_;
};

}  // namespace

Result<FolderClaim> FolderClaim::claim(const std::filesystem::path& folder) {
  struct stat info {};
  if (::stat(folder.c_str(), &info) != 0) {
    return errno_error(errno, cat("stat ", folder.native()));
  }
  const Identity identity(info.st_dev, info.st_ino);
  if (!OpenFolders::instance().insert(identity)) {
    return Error{ErrorCode::kBusy, cat(folder.native(), " is already open in this process")};
  }
  return FolderClaim(identity);
}

FolderClaim::~FolderClaim() {
  if (identity_) OpenFolders::instance().erase(*identity_);
}

}  // namespace driveway::store
