#include "doctor/cache_check.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <system_error>
#include <utility>

#include "base/file.h"
#include "base/mount_table.h"
#include "base/strings.h"

namespace driveway::doctor {
namespace {

constexpr std::string_view kCache = "cache";
// Below, what is written may find no room for its journal.
constexpr Bytes kLeastDisk = 256 * kMiB;
// Above what is to stay free; a cache of less is emptied all the time.
constexpr Bytes kComfort = 1 * kGiB;
constexpr std::uint64_t kLeastFiles = 100;
constexpr int kSliceMs = 20;

constexpr std::string_view kElsewhere =
    "put the cache on a local disk: --cache-dir DIR, DRIVEWAY_CACHE_DIR=DIR, or cache-dir in "
    "config.toml";

constexpr std::array<std::string_view, 14> kNetworkSystems = {
    "nfs", "nfs4", "cifs",   "smb3", "smbfs", "9p",        "virtiofs",
    "afs", "ceph", "lustre", "gfs2", "ocfs2", "glusterfs", "beegfs"};

bool is_network(std::string_view type) {
  return std::find(kNetworkSystems.begin(), kNetworkSystems.end(), type) != kNetworkSystems.end();
}

// fuseblk is a local disk (NTFS).
bool is_fuse(std::string_view type) { return type == "fuse" || type.starts_with("fuse."); }

// errno of making a file in `folder`; 0 = it can be made.
int error_of_writing(const std::filesystem::path& folder) {
  return ::faccessat(AT_FDCWD, folder.c_str(), W_OK | X_OK, AT_EACCESS) == 0 ? 0 : errno;
}

// What is wrong with the place itself, or nothing.
std::optional<Finding> judge_place(const CacheFacts& facts) {
  const std::string folder = facts.folder.string();
  const std::string& type = facts.file_system;
  if (type == "fuse.driveway") {
    return fail(kCache, cat(folder, " lies in a Drive that is mounted at ", facts.mountpoint),
                std::string(kElsewhere));
  }
  if (!facts.is_folder) {
    return fail(kCache, cat(facts.existing.string(), " is not a folder"),
                cat("move it away, or ", kElsewhere));
  }
  if (facts.foreign) {
    return fail(kCache, cat(folder, " belongs to another user"),
                "run driveway as that user, or give this one a folder of its own: --cache-dir DIR");
  }
  if (facts.error != 0) {
    return fail(
        kCache,
        cat("nothing can be made in ", facts.existing.string(), ": ", std::strerror(facts.error)),
        cat("make it writable for this user, or ", kElsewhere));
  }
  return std::nullopt;
}

struct Doubt {
  std::string found;
  std::string remedy;
};

// What speaks against this kind of file system; nothing for a local disk.
std::optional<Doubt> doubt_of(const std::string& type) {
  if (type == "tmpfs" || type == "ramfs") {
    return Doubt{
        "memory: the cache takes the programs' memory, and what is not in Drive yet is "
        "lost at a restart",
        std::string(kElsewhere)};
  }
  if (type == "overlay" || type == "aufs") {
    return Doubt{
        "a container's own layer, which goes with the container, with what is not in "
        "Drive yet",
        cat("keep it if that is so for all of this machine (as in Colab), and run "
            "`driveway flush` before it ends; else ",
            kElsewhere)};
  }
  if (is_network(type)) {
    return Doubt{"a network file system: slow, and its locks may not hold",
                 std::string(kElsewhere)};
  }
  if (is_fuse(type)) {
    return Doubt{"inside a FUSE mount: slow, and it ends with the program that serves it",
                 std::string(kElsewhere)};
  }
  return std::nullopt;
}

std::string as_text(const Finding& finding) {
  std::string text(1, static_cast<char>('0' + static_cast<int>(finding.outcome)));
  text += finding.found;
  text += '\0';
  text += finding.remedy;
  return text;
}

Finding from_text(std::string_view text) {
  const auto middle = text.find('\0');
  if (text.empty() || middle == std::string_view::npos) {
    return not_checked(kCache, "the look at it ended without a word");
  }
  return {std::string(kCache), static_cast<Outcome>(text[0] - '0'),
          std::string(text.substr(1, middle - 1)), std::string(text.substr(middle + 1))};
}

// All that comes on `input` until its end.
Result<std::string> read_patiently(const Context& context, Clock& clock, int input) {
  std::string text;
  std::array<char, 4096> buffer{};
  for (;;) {
    DRIVEWAY_CHECK(context.check(clock));
    pollfd poller{.fd = input, .events = POLLIN, .revents = 0};
    if (::poll(&poller, 1, kSliceMs) <= 0) continue;
    const ssize_t count = ::read(input, buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return text;
    text.append(buffer.data(), static_cast<std::size_t>(count));
  }
}

[[noreturn]] void look_and_end(int output, const std::function<std::string()>& look) {
  // Should it hang, nobody who reads what the command prints is to wait for it.
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) ::close(fd);
  const std::string text = look();
  std::string_view rest = text;
  while (!rest.empty()) {
    const ssize_t count = ::write(output, rest.data(), rest.size());
    if (count < 0 && errno != EINTR) break;
    if (count > 0) rest.remove_prefix(static_cast<std::size_t>(count));
  }
  ::_exit(rest.empty() ? 0 : 1);
}

}  // namespace

Result<std::string> look_in_child(const Context& context, Clock& clock,
                                  const std::function<std::string()>& look) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return errno_error(errno, "cannot make a pipe");
  const UniqueFd input(ends[0]);
  UniqueFd output(ends[1]);
  const pid_t child = ::fork();
  if (child < 0) return errno_error(errno, "cannot start a process");
  if (child == 0) look_and_end(output.get(), look);
  output.reset();
  auto text = read_patiently(context, clock, input.get());
  if (!text.ok()) {
    ::kill(child, SIGKILL);  // not waited for: in a wedged mount not even that frees it
    return text;
  }
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (status != 0) return Error{ErrorCode::kInternal, "the process that looked has died"};
  return text;
}

CacheFacts look_at_cache(const std::filesystem::path& folder, std::string_view mountinfo) {
  CacheFacts facts;
  std::error_code error;
  facts.folder = std::filesystem::weakly_canonical(std::filesystem::absolute(folder, error), error);
  if (error) facts.folder = folder.lexically_normal();
  if (!facts.folder.has_filename()) facts.folder = facts.folder.parent_path();
  facts.existing = facts.folder;
  while (!std::filesystem::exists(facts.existing, error) && facts.existing.has_relative_path()) {
    facts.existing = facts.existing.parent_path();
  }
  FileSystem system = file_system_of(facts.existing.string(), mountinfo);
  facts.file_system = std::move(system.type);
  facts.mountpoint = std::move(system.mountpoint);
  struct stat attributes {};
  if (::stat(facts.existing.c_str(), &attributes) == 0) {
    facts.is_folder = S_ISDIR(attributes.st_mode);
    facts.foreign = facts.existing == facts.folder && attributes.st_uid != ::geteuid();
  }
  facts.error = facts.is_folder ? error_of_writing(facts.existing) : 0;
  struct statvfs space {};
  if (::statvfs(facts.existing.c_str(), &space) == 0) {
    facts.total = Bytes{space.f_blocks} * space.f_frsize;
    facts.available = Bytes{space.f_bavail} * space.f_frsize;
    if (space.f_files > 0) facts.files = space.f_favail;
  } else if (facts.error == 0) {
    facts.error = errno;
  }
  return facts;
}

Finding judge_cache(const CacheFacts& facts, double min_free) {
  if (auto refused = judge_place(facts)) return *std::move(refused);
  const auto floor = static_cast<Bytes>(static_cast<double>(facts.total) * min_free);
  std::string found =
      cat(facts.folder.string(), " on ",
          facts.file_system.empty() ? "an unknown file system" : facts.file_system, ", ",
          format_size(facts.available), " free of ", format_size(facts.total));
  const std::string room =
      cat("make room on the disk, or give the cache a larger one: ", "--cache-dir DIR");
  if (facts.available < kLeastDisk) {
    return fail(kCache, cat(found, ": too little for what is written"), room);
  }
  if (facts.files < kLeastFiles) {
    return fail(kCache, cat(found, ", but only ", facts.files, " inodes are left"), room);
  }
  if (auto doubt = doubt_of(facts.file_system)) {
    return warn(kCache, cat(found, "; ", doubt->found), std::move(doubt->remedy));
  }
  if (facts.available < floor + kComfort) {
    return warn(kCache,
                cat(found, ", of which ", format_size(floor),
                    " are to stay free "
                    "(--min-free-disk): little can be cached"),
                room);
  }
  return ok(kCache, std::move(found));
}

Finding check_cache(const Context& context, Clock& clock, const std::filesystem::path& folder,
                    std::string_view mountinfo, double min_free) {
  const auto text = look_in_child(context, clock, [&] {
    return as_text(judge_cache(look_at_cache(folder, mountinfo), min_free));
  });
  if (text.ok()) return from_text(*text);
  if (!text.failed_with(ErrorCode::kDeadlineExceeded)) {
    return not_checked(kCache, text.error().to_string());
  }
  const FileSystem system = file_system_of(folder.lexically_normal().string(), mountinfo);
  return fail(kCache,
              cat(folder.string(), " does not answer", system.type.empty() ? "" : " (it lies in ",
                  system.mountpoint, system.type.empty() ? "" : cat(", ", system.type, ")")),
              std::string(kElsewhere));
}

}  // namespace driveway::doctor
