#include "rescue/target_folder.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <span>
#include <utility>

#include "base/hash.h"
#include "base/strings.h"
#include "rescue/safe_path.h"

namespace driveway::rescue {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kStep = 1 * kMiB;
constexpr unsigned kMostTries = 1000;

// As the umask lets them be.
constexpr mode_t kFolderMode = 0777;
constexpr mode_t kFileMode = 0666;

Error cannot(std::string_view doing, std::string_view name) {
  return errno_error(errno, cat("cannot ", doing, " '", name, "'"));
}

Error all_taken(std::string_view name) {
  return Error{ErrorCode::kAlreadyExists,
               cat("'", name, "' and ", kMostTries - 1, " names like it are taken")};
}

Status sync_names(const UniqueFd& folder, std::string_view name) {
  // EINVAL: a file system that has nothing to sync for a folder.
  if (::fsync(folder.get()) != 0 && errno != EINVAL) return cannot("sync the folder of", name);
  return {};
}

// The folder `name` in `parent`, made if missing; `name` becomes what it is called.
Result<UniqueFd> enter(const UniqueFd& parent, std::string& name) {
  for (unsigned number = 1; number <= kMostTries; ++number) {
    const std::string tried = numbered(name, number);
    if (::mkdirat(parent.get(), tried.c_str(), kFolderMode) == 0) {
      DRIVEWAY_CHECK(sync_names(parent, tried));
    } else if (errno != EEXIST) {
      return cannot("make the folder", tried);
    }
    UniqueFd folder(
        ::openat(parent.get(), tried.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (folder.valid()) {
      name = tried;
      return folder;
    }
    // ENOTDIR, ELOOP: it is a file, or a link.
    if (errno != ENOTDIR && errno != ELOOP) return cannot("open the folder", tried);
  }
  return all_taken(name);
}

struct Version {
  Bytes size = 0;
  timespec modified{};

  bool operator==(const Version& other) const {
    return size == other.size && modified.tv_sec == other.modified.tv_sec &&
           modified.tv_nsec == other.modified.tv_nsec;
  }
};

Result<Version> version_of(const UniqueFd& source) {
  struct stat info {};
  if (::fstat(source.get(), &info) != 0) return errno_error(errno, "cannot look at its content");
  return Version{static_cast<Bytes>(info.st_size), info.st_mtim};
}

// A file under a name that nobody uses; gone with the object, unless it got another name.
class NewFile {
 public:
  explicit NewFile(const UniqueFd& folder)
      : folder_(folder), name_(cat(".driveway-", hex(random_bytes(8)), ".tmp")) {}
  ~NewFile() {
    if (fd_.valid() && !named_) ::unlinkat(folder_.get(), name_.c_str(), 0);
  }
  NewFile(const NewFile&) = delete;
  NewFile& operator=(const NewFile&) = delete;

  bool is_written() const { return fd_.valid(); }

  Status write(const CancelToken& cancel, const UniqueFd& source, const Version& version,
               const std::function<void(Bytes)>& copied) {
    fd_.reset(::openat(folder_.get(), name_.c_str(),
                       O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, kFileMode));
    if (!fd_.valid()) return cannot("make", name_);
    DRIVEWAY_TRY(const Bytes size, copy(cancel, source, version.size, copied));
    DRIVEWAY_TRY(const Version now, version_of(source));
    if (size != version.size || !(now == version)) {
      return Error{ErrorCode::kBusy,
                   "its content changed while it was copied: end google-drive-ocamlfuse first "
                   "(fusermount -u MOUNTPOINT)"};
    }
    const std::array<timespec, 2> times{timespec{0, UTIME_OMIT}, version.modified};
    if (::futimens(fd_.get(), times.data()) != 0) return cannot("set the time of", name_);
    if (::fsync(fd_.get()) != 0) return cannot("sync", name_);
    DRIVEWAY_TRY(const Version written, version_of(fd_));
    if (written.size == size) return {};
    return Error{ErrorCode::kLocalDisk,
                 cat("only ", written.size, " of ", size, " bytes arrived in the folder")};
  }

  // Errors: kAlreadyExists.
  Status name(const std::string& name) {
    if (::renameat2(folder_.get(), name_.c_str(), folder_.get(), name.c_str(), RENAME_NOREPLACE) !=
        0) {
      if (errno == EEXIST) return Error{ErrorCode::kAlreadyExists, cat("'", name, "' is taken")};
      // A file system that cannot say it in one call.
      if (errno != EINVAL && errno != ENOSYS) return cannot("make", name);
      struct stat info {};
      if (::fstatat(folder_.get(), name.c_str(), &info, AT_SYMLINK_NOFOLLOW) == 0) {
        return Error{ErrorCode::kAlreadyExists, cat("'", name, "' is taken")};
      }
      if (::renameat(folder_.get(), name_.c_str(), folder_.get(), name.c_str()) != 0) {
        return cannot("make", name);
      }
    }
    named_ = true;
    return sync_names(folder_, name);
  }

 private:
  // Up to the end, or until it is longer than `expected`: a file that grows may go on so. Gives the
  // count of bytes.
  Result<Bytes> copy(const CancelToken& cancel, const UniqueFd& source, Bytes expected,
                     const std::function<void(Bytes)>& copied) const {
    std::vector<std::byte> buffer(kStep);
    for (Bytes size = 0;;) {
      if (cancel.cancelled()) return Error{ErrorCode::kCancelled, "interrupted"};
      const auto offset = static_cast<off_t>(size);
      DRIVEWAY_TRY(const std::size_t count, pread_all(source.get(), buffer, offset));
      if (count == 0 || size > expected) return size;
      DRIVEWAY_CHECK(pwrite_all(fd_.get(), std::span(buffer).first(count), offset));
      size += count;
      copied(count);
    }
  }

  const UniqueFd& folder_;
  const std::string name_;
  UniqueFd fd_;
  bool named_ = false;
};

bool have_same_bytes(const UniqueFd& one, const UniqueFd& other) {
  std::vector<std::byte> first(kStep);
  std::vector<std::byte> second(kStep);
  for (off_t offset = 0;;) {
    const auto count = pread_all(one.get(), first, offset);
    const auto same = pread_all(other.get(), second, offset);
    if (!count.ok() || !same.ok() || *count != *same) return false;
    if (*count == 0) return true;
    if (std::memcmp(first.data(), second.data(), *count) != 0) return false;
    offset += static_cast<off_t>(*count);
  }
}

enum class Taken { kNo, kBySame, kByOther };

Result<Taken> who_has(const UniqueFd& folder, const std::string& name, const UniqueFd& source,
                      const Version& version) {
  struct stat info {};
  if (::fstatat(folder.get(), name.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0) {
    if (errno == ENOENT) return Taken::kNo;
    return cannot("look at", name);
  }
  if (!S_ISREG(info.st_mode) || static_cast<Bytes>(info.st_size) != version.size) {
    return Taken::kByOther;
  }
  const UniqueFd fd(
      ::openat(folder.get(), name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  return fd.valid() && have_same_bytes(fd, source) ? Taken::kBySame : Taken::kByOther;
}

}  // namespace

Result<TargetFolder> TargetFolder::open(const fs::path& path) {
  std::error_code error;
  fs::create_directories(path, error);
  if (error) {
    return errno_error(error.value(), cat("cannot make the folder '", path.native(), "'"));
  }
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd.valid()) return cannot("open the folder", path.native());
  return TargetFolder(std::move(fd), path);
}

Result<TargetFolder::Placed> TargetFolder::place(const CancelToken& cancel,
                                                 const std::vector<std::string>& path,
                                                 const UniqueFd& source,
                                                 const std::function<void(Bytes)>& copied) const {
  Placed placed{.path = path};
  DRIVEWAY_TRY(const Version version, version_of(source));
  UniqueFd below(::fcntl(folder_.get(), F_DUPFD_CLOEXEC, 0));
  if (!below.valid()) return cannot("open the folder", path_.native());
  for (std::size_t i = 0; i + 1 < placed.path.size(); ++i) {
    DRIVEWAY_TRY(below, enter(below, placed.path[i]));
  }
  NewFile file(below);
  for (unsigned number = 1; number <= kMostTries; ++number) {
    placed.path.back() = numbered(path.back(), number);
    DRIVEWAY_TRY(const Taken taken, who_has(below, placed.path.back(), source, version));
    placed.was_there = taken == Taken::kBySame;
    if (placed.was_there) return placed;
    if (taken == Taken::kByOther) continue;
    if (!file.is_written()) DRIVEWAY_CHECK(file.write(cancel, source, version, copied));
    const Status named = file.name(placed.path.back());
    if (named.ok()) return placed;
    if (!named.failed_with(ErrorCode::kAlreadyExists)) return named.error();
  }
  return all_taken(path.back());
}

}  // namespace driveway::rescue
