// The file calls of the test program: its own definitions come before those of libc and of the
// sanitizers. They ask the kernel directly, since libc may need them before it is ready.
#include <fcntl.h>
#include <sched.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <mutex>
#include <string>
#include <string_view>

#include "unit/support/crash_recorder.h"

namespace {

using driveway::CrashDisk;
using Recorder = CrashDisk::Recorder;

bool exists(const char* path) {
  struct stat info {};
  return ::lstat(path, &info) == 0;
}

int do_open(int folder, const char* path, int flags, mode_t mode) {
  const auto ask = [&] {
    return static_cast<int>(::syscall(SYS_openat, folder, path, flags, mode));
  };
  Recorder* const recorder = Recorder::current();
  if (recorder == nullptr || (flags & (O_CREAT | O_TRUNC)) == 0 || !recorder->covers(path)) {
    return ask();
  }
  const std::lock_guard lock(recorder->mutex());
  const bool was_there = exists(path);
  const int fd = ask();
  if (fd < 0) return fd;
  if (!was_there) {
    recorder->created(path, false);
  } else if ((flags & O_TRUNC) != 0) {
    recorder->resized(fd, 0, false);
  }
  return fd;
}

// Runs the call `ask`, which gives what write(2) gives; `offset` is where it wrote.
template <typename Ask>
ssize_t do_write(int fd, const iovec* parts, int count, off_t offset, const Ask& ask) {
  Recorder* const recorder = Recorder::current();
  if (recorder == nullptr) return ask();
  const std::lock_guard lock(recorder->mutex());
  const off_t at = offset >= 0 ? offset : ::lseek(fd, 0, SEEK_CUR);
  const ssize_t done = ask();
  if (done <= 0 || at < 0) return done;
  std::string bytes;
  for (int i = 0; i < count; ++i) {
    bytes.append(static_cast<const char*>(parts[i].iov_base), parts[i].iov_len);
  }
  bytes.resize(static_cast<std::size_t>(done));
  recorder->written(fd, static_cast<std::uint64_t>(at), bytes);
  return done;
}

template <typename Ask>
int do_resize(int fd, off_t size, bool only_up, const Ask& ask) {
  Recorder* const recorder = Recorder::current();
  if (recorder == nullptr) return ask();
  const std::lock_guard lock(recorder->mutex());
  const int code = ask();
  if (code == 0) recorder->resized(fd, static_cast<std::uint64_t>(size), only_up);
  return code;
}

// Zeros, as far as the file goes.
template <typename Ask>
int do_punch(int fd, off_t offset, off_t length, const Ask& ask) {
  Recorder* const recorder = Recorder::current();
  if (recorder == nullptr) return ask();
  const std::lock_guard lock(recorder->mutex());
  const int code = ask();
  struct stat info {};
  if (code != 0 || ::fstat(fd, &info) != 0 || offset >= info.st_size) return code;
  const auto count = static_cast<std::size_t>(std::min(length, info.st_size - offset));
  recorder->written(fd, static_cast<std::uint64_t>(offset), std::string(count, '\0'));
  return code;
}

// Not carried out while anything is recorded: images go by the record, and are made much faster.
int do_sync(int fd, long number) {
  Recorder* const recorder = Recorder::current();
  if (recorder == nullptr) return static_cast<int>(::syscall(number, fd));
  std::size_t began = 0;
  {
    const std::lock_guard lock(recorder->mutex());
    began = recorder->sync_begins(fd);
  }
  ::sched_yield();  // whoever writes meanwhile is not covered
  const std::lock_guard lock(recorder->mutex());
  recorder->sync_ends(fd, began);
  return 0;
}

template <typename Ask, typename TakeDown>
int do_name(const char* path, const Ask& ask, const TakeDown& take_down) {
  Recorder* const recorder = Recorder::current();
  if (recorder == nullptr || !recorder->covers(path)) return ask();
  const std::lock_guard lock(recorder->mutex());
  const auto before = recorder->identity(path);
  const int code = ask();
  if (code != 0) return code;
  if (before) recorder->forget(*before);  // its inode number may be given to any file now
  take_down(*recorder);
  return code;
}

mode_t mode_argument(int flags, va_list arguments) {
  return (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(arguments, mode_t) : 0;
}

}  // namespace

extern "C" {

// NOLINTBEGIN(readability-inconsistent-declaration-parameter-name)

int open(const char* path, int flags, ...) {
  va_list arguments;
  va_start(arguments, flags);
  const mode_t mode = mode_argument(flags, arguments);
  va_end(arguments);
  return do_open(AT_FDCWD, path, flags, mode);
}

int open64(const char* path, int flags, ...) {
  va_list arguments;
  va_start(arguments, flags);
  const mode_t mode = mode_argument(flags, arguments);
  va_end(arguments);
  return do_open(AT_FDCWD, path, flags, mode);
}

int openat(int folder, const char* path, int flags, ...) {
  va_list arguments;
  va_start(arguments, flags);
  const mode_t mode = mode_argument(flags, arguments);
  va_end(arguments);
  return do_open(folder, path, flags, mode);
}

ssize_t write(int fd, const void* bytes, size_t count) {
  const iovec part{const_cast<void*>(bytes), count};
  return do_write(fd, &part, 1, -1, [&] { return ::syscall(SYS_write, fd, bytes, count); });
}

ssize_t writev(int fd, const iovec* parts, int count) {
  return do_write(fd, parts, count, -1, [&] { return ::syscall(SYS_writev, fd, parts, count); });
}

ssize_t pwrite(int fd, const void* bytes, size_t count, off_t offset) {
  const iovec part{const_cast<void*>(bytes), count};
  return do_write(fd, &part, 1, offset,
                  [&] { return ::syscall(SYS_pwrite64, fd, bytes, count, offset); });
}

ssize_t pwrite64(int fd, const void* bytes, size_t count, off_t offset) {
  return ::pwrite(fd, bytes, count, offset);
}

ssize_t pwritev(int fd, const iovec* parts, int count, off_t offset) {
  return do_write(fd, parts, count, offset,
                  [&] { return ::syscall(SYS_pwritev, fd, parts, count, offset, 0); });
}

int ftruncate(int fd, off_t size) noexcept {
  return do_resize(fd, size, false,
                   [&] { return static_cast<int>(::syscall(SYS_ftruncate, fd, size)); });
}

int ftruncate64(int fd, off_t size) noexcept { return ::ftruncate(fd, size); }

int truncate(const char* path, off_t size) noexcept {
  const int fd = ::open(path, O_WRONLY | O_CLOEXEC);
  if (fd < 0) return fd;
  const int code = ::ftruncate(fd, size);
  const int error_number = errno;
  ::syscall(SYS_close, fd);
  errno = error_number;
  return code;
}

int fallocate(int fd, int mode, off_t offset, off_t length) {
  const auto ask = [&] {
    return static_cast<int>(::syscall(SYS_fallocate, fd, mode, offset, length));
  };
  if (mode == 0) return do_resize(fd, offset + length, true, ask);
  // With FALLOC_FL_KEEP_SIZE alone nothing that can be read changes.
  return (mode & FALLOC_FL_PUNCH_HOLE) != 0 ? do_punch(fd, offset, length, ask) : ask();
}

int posix_fallocate(int fd, off_t offset, off_t length) {
  return ::fallocate(fd, 0, offset, length) == 0 ? 0 : errno;
}

int rename(const char* from, const char* to) noexcept {
  return do_name(
      to,
      [&] { return static_cast<int>(::syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0)); },
      [&](Recorder& recorder) { recorder.renamed(from, to); });
}

int unlink(const char* path) noexcept {
  return do_name(
      path, [&] { return static_cast<int>(::syscall(SYS_unlinkat, AT_FDCWD, path, 0)); },
      [&](Recorder& recorder) { recorder.removed(path); });
}

int rmdir(const char* path) noexcept {
  return do_name(
      path, [&] { return static_cast<int>(::syscall(SYS_unlinkat, AT_FDCWD, path, AT_REMOVEDIR)); },
      [&](Recorder& recorder) { recorder.removed(path); });
}

int mkdir(const char* path, mode_t mode) noexcept {
  return do_name(
      path, [&] { return static_cast<int>(::syscall(SYS_mkdirat, AT_FDCWD, path, mode)); },
      [&](Recorder& recorder) { recorder.created(path, true); });
}

int fsync(int fd) { return do_sync(fd, SYS_fsync); }
int fdatasync(int fd) { return do_sync(fd, SYS_fdatasync); }

// NOLINTEND(readability-inconsistent-declaration-parameter-name)

}  // extern "C"
