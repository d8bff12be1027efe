#include "doctor/machine_checks.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdint>
#include <cstring>
#include <optional>
#include <utility>

#include "base/file.h"
#include "base/strings.h"

namespace driveway::doctor {
namespace {

constexpr std::string_view kFuseDevice = "fuse_device";
constexpr std::string_view kMountRight = "mount_right";
constexpr std::string_view kKernel = "kernel";

constexpr std::string_view kWithoutMount =
    "without a mount, `driveway ls`, `stat` and `cat` work all the same";
constexpr std::string_view kContainer =
    "start the container with --device /dev/fuse --cap-add SYS_ADMIN";

constexpr int kCapSysAdmin = 21;  // linux/capability.h

using Version = std::pair<int, int>;      // major, minor
constexpr Version kPidfdOpen{5, 3};       // pidfd_open(2): given up on a mount that hangs
constexpr Version kParallelDirops{4, 7};  // linux/fuse.h: protocol 7.25
constexpr Version kPassthrough{6, 9};     // linux/fuse.h: protocol 7.40

std::optional<Version> parse_release(std::string_view release) {
  Version version;
  const char* const end = release.data() + release.size();
  const auto major = std::from_chars(release.data(), end, version.first);
  if (major.ec != std::errc() || major.ptr == end || *major.ptr != '.') return std::nullopt;
  const auto minor = std::from_chars(major.ptr + 1, end, version.second);
  if (minor.ec != std::errc()) return std::nullopt;
  return version;
}

// "Key:\tvalue" of /proc/self/status; "" where it is not there.
std::string_view status_field(std::string_view status, std::string_view key) {
  for (const std::string_view line : split(status, '\n')) {
    if (line.starts_with(key) && line.substr(key.size()).starts_with(':')) {
      return trim(line.substr(key.size() + 1));
    }
  }
  return {};
}

// Why fusermount3 at `path` gives no right; "" if it does. Its owner must be root.
std::string why_not_setuid(const std::filesystem::path& path, const struct stat& attributes) {
  if (attributes.st_uid != 0 || (attributes.st_mode & S_ISUID) == 0) {
    return cat(path.string(), " is not setuid root");
  }
  struct statvfs system {};
  if (::statvfs(path.c_str(), &system) == 0 && (system.f_flag & ST_NOSUID) != 0) {
    return cat(path.string(), " lies on a file system that is mounted nosuid");
  }
  return "";
}

std::string passthrough_text(Version version, std::string_view config) {
  if (version < kPassthrough) return "no (since 6.9)";
  if (config.find("CONFIG_FUSE_PASSTHROUGH=y") != std::string_view::npos) return "built in";
  if (!config.empty()) return "not built in";
  return "cannot be told without a mount";
}

}  // namespace

Finding check_fuse_device(const std::filesystem::path& device) {
  const std::string path = device.string();
  struct stat attributes {};
  if (::stat(path.c_str(), &attributes) != 0) {
    if (errno != ENOENT) {
      return fail(kFuseDevice, cat(path, ": ", std::strerror(errno)),
                  cat("let this user see it, or run driveway as root; ", kWithoutMount));
    }
    return fail(kFuseDevice, cat(path, " is not there"),
                cat("as root: modprobe fuse; in a container: ", kContainer, "; ", kWithoutMount));
  }
  if (!S_ISCHR(attributes.st_mode)) {
    return fail(kFuseDevice, cat(path, " is not a device"),
                cat("as root: rm -r ", path, " && mknod -m 666 ", path, " c 10 229"));
  }
  const UniqueFd opened(::open(path.c_str(), O_RDWR | O_CLOEXEC));
  if (opened.valid()) return ok(kFuseDevice, cat(path, " can be opened"));
  const int error = errno;
  const std::string found = cat(path, " cannot be opened: ", std::strerror(error));
  if (error == ENODEV || error == ENXIO) {
    return fail(kFuseDevice, found, "the kernel has no FUSE yet; as root: modprobe fuse");
  }
  if (error == EPERM) {  // the cgroup's list of devices
    return fail(kFuseDevice, found, cat(kContainer, "; ", kWithoutMount));
  }
  return fail(kFuseDevice, found, cat("as root: chmod 666 ", path, ", or run driveway as root"));
}

Privileges parse_privileges(std::string_view status) {
  Privileges privileges;
  // Real, effective, saved, file system.
  const auto users = split(status_field(status, "Uid"), '\t');
  privileges.root = users.size() > 1 && users[1] == "0";
  const std::string_view mask = status_field(status, "CapEff");
  std::uint64_t bits = 0;
  std::from_chars(mask.data(), mask.data() + mask.size(), bits, 16);
  privileges.may_mount = (bits >> kCapSysAdmin & 1) != 0;
  privileges.no_new_privileges = status_field(status, "NoNewPrivs") == "1";
  return privileges;
}

Finding check_mount_right(const Privileges& privileges,
                          const std::vector<std::filesystem::path>& search_path) {
  if (privileges.may_mount) {
    return ok(kMountRight, privileges.root ? "root" : "this user has CAP_SYS_ADMIN");
  }
  if (privileges.root) {
    return fail(kMountRight, "root, but without CAP_SYS_ADMIN, as in most containers",
                cat(kContainer, "; ", kWithoutMount));
  }
  for (const auto& folder : search_path) {
    const auto program = folder / "fusermount3";
    struct stat attributes {};
    if (::stat(program.c_str(), &attributes) != 0 || !S_ISREG(attributes.st_mode)) continue;
    const std::string why = why_not_setuid(program, attributes);
    if (!why.empty()) {
      return fail(kMountRight, cat("not root, and ", why),
                  "install it anew as root (apt-get install --reinstall fuse3), or run driveway "
                  "as root");
    }
    if (privileges.no_new_privileges) {
      return fail(kMountRight,
                  cat("not root, and ", program.string(),
                      " gets no rights: this process may not gain any (no_new_privs)"),
                  "run driveway as root, or without the sandbox that sets no_new_privs");
    }
    return ok(kMountRight, cat("not root; ", program.string(), " is setuid root"));
  }
  return fail(kMountRight, "not root, and there is no fusermount3",
              "as root: apt-get install fuse3; or run driveway as root");
}

std::vector<std::filesystem::path> program_folders(std::string_view path_variable) {
  std::vector<std::filesystem::path> folders = {"/usr/bin"};  // libfuse's own, before PATH
  for (const std::string_view folder : split(path_variable, ':')) {
    if (folder.starts_with('/')) folders.emplace_back(folder);
  }
  return folders;
}

Finding check_kernel(std::string_view release, std::string_view config) {
  const auto version = parse_release(release);
  if (!version) {
    return warn(kKernel, cat("\"", release, "\" is no Linux version: what it can do is not known"),
                "mount and see: driveway mount says what is missing");
  }
  const std::string found =
      cat("Linux ", release, "; parallel look-ups in one folder (PARALLEL_DIROPS): ",
          *version < kParallelDirops ? "no (since 4.7)" : "expected, agreed on at a mount",
          "; FUSE passthrough: ", passthrough_text(*version, config), ", not used by driveway");
  if (*version < kPidfdOpen) {
    return warn(kKernel, cat(found, "; older than 5.3: commands may wait for a mount that hangs"),
                "use a machine with a newer kernel");
  }
  return ok(kKernel, found);
}

}  // namespace driveway::doctor
