// What lies at a mountpoint, and the removal of dead mounts (E5).

#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <string>

#include "base/file.h"
#include "base/strings.h"
#include "fuse/mount.h"
#include "fuse/unmount.h"

namespace driveway::fuse {
namespace {

// /proc/self/mountinfo writes blanks, tabs, line feeds and backslashes as \ooo.
std::string unescape_octal(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 3 < text.size()) {
      out += static_cast<char>((text[i + 1] - '0') * 64 + (text[i + 2] - '0') * 8 +
                               (text[i + 3] - '0'));
      i += 3;
    } else {
      out += text[i];
    }
  }
  return out;
}

// The type of the file system that is mounted exactly at `path` ("" = none): the last one wins, as
// in the kernel.
std::string mounted_type(const std::string& path) {
  std::string type;
  const std::string table = read_file("/proc/self/mountinfo").value_or("");
  for (const std::string_view line : split(table, '\n')) {
    const auto fields = split(line, ' ');
    if (fields.size() < 10 || unescape_octal(fields[4]) != path) continue;
    for (std::size_t i = 6; i + 1 < fields.size(); ++i) {
      if (fields[i] == "-") {
        type = fields[i + 1];
        break;
      }
    }
  }
  return type;
}

bool means_dead(int error) { return error == ENOTCONN || error == ECONNABORTED; }

// Asks for what the kernel never remembers, as it does the attributes of a dead mount's top, and
// what a daemon answers without asking Drive.
bool answers(const std::string& path) {
  return ::getxattr(path.c_str(), "user.drive.id", nullptr, 0) >= 0 || !means_dead(errno);
}

// The absolute path without asking the last component, which may be a dead mount.
std::string mount_path(const std::filesystem::path& mountpoint) {
  std::error_code ignored;
  std::filesystem::path path = std::filesystem::absolute(mountpoint, ignored).lexically_normal();
  if (!path.has_filename()) path = path.parent_path();
  const auto parent = std::filesystem::canonical(path.parent_path(), ignored);
  return ignored ? path.string() : (parent / path.filename()).string();
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

MountpointState inspect_mountpoint(const std::filesystem::path& mountpoint) {
  const std::string path = mount_path(mountpoint);
  struct stat attributes {};
  if (::stat(path.c_str(), &attributes) != 0) {
    if (means_dead(errno)) return MountpointState::kStale;
    return MountpointState::kMissing;
  }
  if (!S_ISDIR(attributes.st_mode)) return MountpointState::kNotADirectory;
  if (mounted_type(path) == "fuse.driveway") {
    return answers(path) ? MountpointState::kOurs : MountpointState::kStale;
  }
  std::error_code error;
  const bool empty = std::filesystem::is_empty(path, error);
  return error || empty ? MountpointState::kFree : MountpointState::kNotEmpty;
}

Status unmount_path(const std::filesystem::path& mountpoint, bool lazy) {
  const std::string path = mount_path(mountpoint);
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
