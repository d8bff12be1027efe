// What lies at a mountpoint, and the removal of dead mounts (E5).

#include <fcntl.h>
#include <poll.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <csignal>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>

#include "base/file.h"
#include "base/mount_table.h"
#include "base/strings.h"
#include "fuse/mount.h"
#include "fuse/unmount.h"

namespace driveway::fuse {
namespace {

constexpr std::string_view kType = "fuse.driveway";
constexpr int kPatienceMs = 2000;
constexpr int kMostLinks = 40;  // as the kernel's MAXSYMLINKS

// What is mounted exactly at `path`: the last one wins, as in the kernel.
FileSystem mounted_at(const std::string& path) {
  FileSystem mounted;
  for (FileSystem& each : parse_mount_table(read_file("/proc/self/mountinfo").value_or(""))) {
    if (each.mountpoint == path) mounted = std::move(each);
  }
  return mounted;
}

bool means_dead(int error) { return error == ENOTCONN || error == ECONNABORTED; }

enum class Look { kAnswers, kDead, kMissing, kNotADirectory, kSilent };

// Only calls that are safe after a fork.
Look look_at(const char* path) {
  struct stat attributes {};
  if (::stat(path, &attributes) != 0) return means_dead(errno) ? Look::kDead : Look::kMissing;
  if (!S_ISDIR(attributes.st_mode)) return Look::kNotADirectory;
  // The kernel remembers the attributes of a dead mount's top, but no extended ones; and a daemon
  // answers this without asking Drive.
  const bool dead = ::getxattr(path, "user.drive.id", nullptr, 0) < 0 && means_dead(errno);
  return dead ? Look::kDead : Look::kAnswers;
}

// look_at() in a child, which is left behind if it hangs: in a wedged mount not even SIGKILL frees
// it.
Look look_with_patience(const std::string& path) {
  const pid_t child = ::fork();
  if (child < 0) return Look::kSilent;
  if (child == 0) {
    // Should it hang, nobody who reads what the command prints is to wait for it.
    for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) ::close(fd);
    ::_exit(static_cast<int>(look_at(path.c_str())));
  }
  const UniqueFd process(static_cast<int>(::syscall(SYS_pidfd_open, child, 0)));
  pollfd poller{.fd = process.get(), .events = POLLIN, .revents = 0};
  int status = 0;
  // Where there are no pidfds, it is waited for whatever comes.
  const bool ended = !process.valid() || ::poll(&poller, 1, kPatienceMs) == 1;
  if (ended && ::waitpid(child, &status, 0) == child && WIFEXITED(status)) {
    return static_cast<Look>(WEXITSTATUS(status));
  }
  ::kill(child, SIGKILL);
  return Look::kSilent;
}

// readlink(2) of a mountpoint asks nothing of what is mounted on it.
std::optional<std::filesystem::path> link_target(const std::filesystem::path& path) {
  std::array<char, PATH_MAX> target{};
  const ssize_t length = ::readlink(path.c_str(), target.data(), target.size());
  if (length <= 0) return std::nullopt;
  return std::string(target.data(), static_cast<std::size_t>(length));
}

// Whoever waits in the mount gets an error.
void abort_connection(const std::string& path, const std::string& device) {
  if (::umount2(path.c_str(), UMOUNT_NOFOLLOW | MNT_FORCE) == 0 || errno != EPERM) return;
  const std::string number = device.substr(device.find(':') + 1);
  const UniqueFd file(
      ::open(cat("/sys/fs/fuse/connections/", number, "/abort").c_str(), O_WRONLY | O_CLOEXEC));
  if (file.valid() && ::write(file.get(), "1", 1) < 0) return;
}

Status run_fusermount(const std::string& path, bool lazy) {
  const pid_t child = ::fork();
  if (child < 0) return errno_error(errno, "cannot start fusermount3");
  if (child == 0) {
    ::execlp("fusermount3", "fusermount3", lazy ? "-uz" : "-u", "--", path.c_str(),
             static_cast<char*>(nullptr));
    ::_exit(127);
  }
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (status == 0) return {};
  return Error{ErrorCode::kBusy, cat("fusermount3 could not unmount ", path)};
}

}  // namespace

std::filesystem::path canonical_mountpoint(const std::filesystem::path& mountpoint) {
  std::error_code ignored;
  std::filesystem::path path = std::filesystem::absolute(mountpoint, ignored);
  for (int links = 0; links < kMostLinks; ++links) {
    path = path.lexically_normal();
    if (!path.has_filename()) path = path.parent_path();
    if (!path.has_relative_path()) return path;
    std::error_code error;
    const auto parent = std::filesystem::weakly_canonical(path.parent_path(), error);
    if (!error) path = parent / path.filename();
    const auto target = link_target(path);
    if (!target) return path;
    path = path.parent_path() / *target;  // an absolute target replaces all
  }
  return path;
}

MountpointState inspect_mountpoint(const std::filesystem::path& mountpoint) {
  const std::string path = canonical_mountpoint(mountpoint).string();
  switch (look_with_patience(path)) {
    case Look::kDead:
      return MountpointState::kStale;
    case Look::kMissing:
      return MountpointState::kMissing;
    case Look::kNotADirectory:
      return MountpointState::kNotADirectory;
    case Look::kSilent:
      return MountpointState::kSilent;
    case Look::kAnswers:
      break;
  }
  if (mounted_at(path).type == kType) return MountpointState::kOurs;
  std::error_code error;
  const bool empty = std::filesystem::is_empty(path, error);
  return error || empty ? MountpointState::kFree : MountpointState::kNotEmpty;
}

bool is_driveway_mount(const std::filesystem::path& mountpoint) {
  return !mounted_device(mountpoint).empty();
}

std::string mounted_device(const std::filesystem::path& mountpoint) {
  FileSystem mounted = mounted_at(canonical_mountpoint(mountpoint).string());
  return mounted.type == kType ? std::move(mounted.device) : "";
}

void end_mount(const std::filesystem::path& mountpoint, const std::string& device) {
  const std::string path = canonical_mountpoint(mountpoint).string();
  const FileSystem mounted = mounted_at(path);
  if (mounted.type != kType || mounted.device != device) return;
  // In use: what is not, MNT_FORCE would unmount, and programs would go on in the folder below.
  const UniqueFd user(::open(path.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (user.valid()) abort_connection(path, device);
}

Status unmount_abandoned(const std::filesystem::path& mountpoint, bool force) {
  const std::string path = canonical_mountpoint(mountpoint).string();
  const FileSystem mounted = mounted_at(path);
  if (force && mounted.type == kType) abort_connection(path, mounted.device);
  return unmount_path(path, force);
}

Status unmount_path(const std::filesystem::path& mountpoint, bool lazy) {
  const std::string path = canonical_mountpoint(mountpoint).string();
  if (::umount2(path.c_str(), UMOUNT_NOFOLLOW | (lazy ? MNT_DETACH : 0)) == 0) return {};
  if (errno == EPERM) return run_fusermount(path, lazy);
  if (errno == EINVAL || errno == ENOENT) return {};  // not mounted any more
  if (errno == EBUSY) {
    return Error{ErrorCode::kBusy, cat(path,
                                       " is in use: close the files that are open in it, and leave "
                                       "it with your shells (or use --force)")};
  }
  return errno_error(errno, cat("cannot unmount ", path));
}

Status detach_stale(const std::filesystem::path& mountpoint) {
  if (inspect_mountpoint(mountpoint) != MountpointState::kStale) return {};
  return unmount_path(mountpoint, true);
}

}  // namespace driveway::fuse
