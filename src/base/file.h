// Local files: descriptors, whole-file reads, atomic private writes, locks.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "base/result.h"

namespace driveway {

// Owns a file descriptor.
class UniqueFd {
 public:
  UniqueFd() = default;
  explicit UniqueFd(int fd) : fd_(fd) {}
  ~UniqueFd() { reset(); }
  UniqueFd(UniqueFd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  UniqueFd& operator=(UniqueFd&& other) noexcept {
    if (this != &other) reset(std::exchange(other.fd_, -1));
    return *this;
  }
  int get() const { return fd_; }
  bool valid() const { return fd_ >= 0; }
  int release() { return std::exchange(fd_, -1); }
  void reset(int fd = -1);

 private:
  int fd_ = -1;
};

// The whole file. Errors: as errno_error; kTooLarge above `max_bytes`.
Result<std::string> read_file(const std::filesystem::path& path, std::size_t max_bytes = 64 << 20);
// Replaces `path` by `content` so that a reader or a crash sees the old or the new whole: a
// temporary file in the same folder (O_EXCL, O_NOFOLLOW, `mode`), fsync, rename, fsync of the
// folder. A symbolic link at `path` is replaced, not followed.
Status write_file_atomically(const std::filesystem::path& path, std::string_view content,
                             mode_t mode);
// Brings the names in `folder` down to the disk (a file's own fsync does not promise its name).
Status sync_folder(const std::filesystem::path& folder);
// Creates `path` (with `mode`) and its missing parents (0700). An existing one keeps its mode, and
// is refused where another user owns it. Errors: as errno_error; kPermissionDenied.
Status make_private_directory(const std::filesystem::path& path, mode_t mode = 0700);

// Makes the names in `folder` durable: what was created, renamed or removed there. Errors: as
// errno_error.
Status sync_directory(const std::filesystem::path& folder);

// pwrite/pread of all bytes, retried on EINTR and short counts; pread_all gives the count up to the
// end of the file.
Status pwrite_all(int fd, std::span<const std::byte> data, off_t offset);
Result<std::size_t> pread_all(int fd, std::span<std::byte> data, off_t offset);

// An exclusive flock on `path` (created 0600), held while the object lives. Errors: kBusy when
// another holds it (try_lock).
class FileLock {
 public:
  static Result<FileLock> try_lock(const std::filesystem::path& path);
  static Result<FileLock> lock(const std::filesystem::path& path);  // waits

 private:
  explicit FileLock(UniqueFd fd) : fd_(std::move(fd)) {}
  UniqueFd fd_;
};

}  // namespace driveway
