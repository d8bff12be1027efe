#include "base/file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "base/hash.h"
#include "base/strings.h"

namespace driveway {

namespace {

namespace fs = std::filesystem;

Error failed(std::string_view doing, const fs::path& path) {
  const int error_number = errno;
  return errno_error(error_number, cat(doing, " '", path.native(), "'"));
}

int open_retrying(const fs::path& path, int flags, mode_t mode = 0) {
  for (;;) {
    const int fd = open(path.c_str(), flags | O_CLOEXEC, mode);
    if (fd >= 0 || errno != EINTR) return fd;
  }
}

// The folder that `path` is in, as one that can be opened.
fs::path folder_of(const fs::path& path) {
  return path.has_parent_path() ? path.parent_path() : fs::path(".");
}

Status write_all(int fd, std::string_view content) {
  while (!content.empty()) {
    const ssize_t written = write(fd, content.data(), content.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return errno_error(errno, "write");
    content.remove_prefix(static_cast<std::size_t>(written));
  }
  return {};
}

// Fills a new file of exactly `mode`, down to the disk.
Status write_new_file(const fs::path& path, std::string_view content, mode_t mode) {
  UniqueFd fd(open_retrying(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode));
  if (!fd.valid()) return failed("cannot create", path);
  if (fchmod(fd.get(), mode) != 0) return failed("cannot set the mode of", path);  // past the umask
  if (auto written = write_all(fd.get(), content); !written.ok()) {
    return wrap(std::move(written).error(), cat("cannot write '", path.native(), "'"));
  }
  if (fsync(fd.get()) != 0) return failed("cannot sync", path);
  if (close(fd.release()) != 0) return failed("cannot close", path);
  return {};
}

}  // namespace

void UniqueFd::reset(int fd) {
  if (fd_ >= 0) close(fd_);
  fd_ = fd;
}

Status sync_folder(const fs::path& folder) {
  const UniqueFd fd(open_retrying(folder, O_RDONLY | O_DIRECTORY));
  if (!fd.valid()) return failed("cannot open", folder);
  // EINVAL: a file system that has nothing to sync for a folder.
  if (fsync(fd.get()) != 0 && errno != EINVAL) return failed("cannot sync", folder);
  return {};
}

Result<std::string> read_file(const fs::path& path, std::size_t max_bytes) {
  const UniqueFd fd(open_retrying(path, O_RDONLY));
  if (!fd.valid()) return failed("cannot open", path);
  std::string content;
  char buffer[64 * 1024];
  for (;;) {
    const ssize_t count = read(fd.get(), buffer, sizeof buffer);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return failed("cannot read", path);
    if (count == 0) return content;
    content.append(buffer, static_cast<std::size_t>(count));
    if (content.size() > max_bytes) {
      return Error{ErrorCode::kTooLarge,
                   cat("'", path.native(), "' is larger than ", max_bytes, " bytes")};
    }
  }
}

Status write_file_atomically(const fs::path& path, std::string_view content, mode_t mode) {
  const fs::path folder = folder_of(path);
  // Not made from the file's own name, which may already be as long as a name can be.
  const fs::path temporary = folder / cat(".driveway-", hex(random_bytes(8)), ".tmp");
  auto status = write_new_file(temporary, content, mode);
  if (status.ok() && rename(temporary.c_str(), path.c_str()) != 0) {
    status = failed("cannot replace", path);
  }
  if (!status.ok()) {
    unlink(temporary.c_str());  // harmless where it was never made: the name is random
    return status;
  }
  return sync_directory(folder);
}

Status make_private_directory(const fs::path& path, mode_t mode) {
  const fs::path bare = path.has_filename() || !path.has_parent_path() ? path : path.parent_path();
  const fs::path folder = folder_of(bare);
  struct stat info {};
  if (folder != bare && stat(folder.c_str(), &info) != 0) {
    constexpr mode_t kParentMode = 0700;  // as the XDG base directory specification has it
    DRIVEWAY_CHECK(make_private_directory(folder, kParentMode));
  }
  if (mkdir(bare.c_str(), mode) == 0) {
    if (chmod(bare.c_str(), mode) != 0) return failed("cannot set the mode of", bare);
    return {};
  }
  if (errno != EEXIST) return failed("cannot create", bare);
  // Both what stands there (perhaps a link, which its owner can turn elsewhere) and what it leads
  // to must be ours. An existing folder keeps its mode: it may be one the user shares on purpose.
  for (const int flags : {AT_SYMLINK_NOFOLLOW, 0}) {
    if (fstatat(AT_FDCWD, bare.c_str(), &info, flags) != 0) return failed("cannot examine", bare);
    if (info.st_uid != geteuid()) {
      return Error{ErrorCode::kPermissionDenied,
                   cat("'", bare.native(), "' belongs to another user; name another folder")};
    }
  }
  if (!S_ISDIR(info.st_mode)) {
    return errno_error(ENOTDIR, cat("cannot use '", bare.native(), "'"));
  }
  return {};
}

Status sync_directory(const fs::path& folder) {
  const UniqueFd fd(open_retrying(folder, O_RDONLY | O_DIRECTORY));
  if (!fd.valid()) return failed("cannot open", folder);
  // EINVAL: a file system that has nothing to sync for a folder.
  if (fsync(fd.get()) != 0 && errno != EINVAL) return failed("cannot sync", folder);
  return {};
}

Status pwrite_all(int fd, std::span<const std::byte> data, off_t offset) {
  while (!data.empty()) {
    const ssize_t written = pwrite(fd, data.data(), data.size(), offset);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return errno_error(errno, cat("cannot write at offset ", offset));
    data = data.subspan(static_cast<std::size_t>(written));
    offset += written;
  }
  return {};
}

Result<std::size_t> pread_all(int fd, std::span<std::byte> data, off_t offset) {
  std::size_t done = 0;
  while (done < data.size()) {
    const ssize_t count =
        pread(fd, data.data() + done, data.size() - done, offset + static_cast<off_t>(done));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return errno_error(errno, cat("cannot read at offset ", offset));
    if (count == 0) break;
    done += static_cast<std::size_t>(count);
  }
  return done;
}

namespace {

// Opens the lock file and takes the lock; `operation` is flock's.
Result<UniqueFd> open_and_lock(const fs::path& path, int operation) {
  UniqueFd fd(open_retrying(path, O_RDWR | O_CREAT | O_NOFOLLOW, 0600));
  if (!fd.valid()) return failed("cannot open the lock", path);
  while (flock(fd.get(), operation) != 0) {
    if (errno == EINTR) continue;
    if (errno == EWOULDBLOCK) {
      return Error{ErrorCode::kBusy, cat("'", path.native(), "' is locked by another process")};
    }
    return failed("cannot lock", path);
  }
  return fd;
}

}  // namespace

Result<FileLock> FileLock::try_lock(const fs::path& path) {
  DRIVEWAY_TRY(auto fd, open_and_lock(path, LOCK_EX | LOCK_NB));
  return FileLock(std::move(fd));
}

Result<FileLock> FileLock::lock(const fs::path& path) {
  DRIVEWAY_TRY(auto fd, open_and_lock(path, LOCK_EX));
  return FileLock(std::move(fd));
}

}  // namespace driveway
