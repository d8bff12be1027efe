#include "vfs/export_unsent.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <span>
#include <utility>

#include "base/file.h"
#include "base/log.h"
#include "base/strings.h"

namespace driveway::vfs {
namespace {

namespace fs = std::filesystem;

constexpr Bytes kStep = 1 * kMiB;
constexpr mode_t kPermissionBits = 0777;

Result<UniqueFd> make_file(const fs::path& path, mode_t mode) {
  UniqueFd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode));
  if (fd.get() >= 0) return fd;
  if (errno == EEXIST) {
    return Error{ErrorCode::kAlreadyExists, cat(path.native(), " is there already")};
  }
  return errno_error(errno, cat("cannot make ", path.native()));
}

Status make_folders(const fs::path& path) {
  std::error_code error;
  fs::create_directories(path, error);
  if (error) return errno_error(error.value(), cat("cannot make the folder ", path.native()));
  return {};
}

Status copy_bytes(const Context& context, Draft& draft, ByteRange range, int fd) {
  std::vector<std::byte> buffer(std::min(range.length, kStep));
  while (!range.empty()) {
    const std::span<std::byte> step(buffer.data(), std::min(range.length, kStep));
    DRIVEWAY_TRY(const std::size_t count, draft.read(context, range.offset, step));
    if (count == 0) break;
    DRIVEWAY_CHECK(pwrite_all(fd, step.first(count), static_cast<off_t>(range.offset)));
    range = {range.offset + count, range.length - count};
  }
  return {};
}

// Closes the file as `entry` says, durably.
Status finish(const UnsentEntry& entry, Bytes size, int fd, const fs::path& path) {
  if (::ftruncate(fd, static_cast<off_t>(size)) != 0) {
    return errno_error(errno, cat("cannot write ", path.native()));
  }
  const auto since = entry.node.modified.time_since_epoch();
  const auto seconds = std::chrono::floor<std::chrono::seconds>(since);
  const timespec time{static_cast<time_t>(seconds.count()),
                      static_cast<long>(std::chrono::nanoseconds(since - seconds).count())};
  const std::array<timespec, 2> times{time, time};
  static_cast<void>(::futimens(fd, times.data()));  // the bytes are what counts
  if (::fsync(fd) != 0) return errno_error(errno, cat("cannot write ", path.native()));
  return {};
}

std::string extents_document(Bytes size, const std::vector<ByteRange>& extents) {
  std::string text = cat("{\"size\":", size, ",\"extents\":[");
  for (const ByteRange& extent : extents) {
    if (&extent != &extents.front()) text += ',';
    text += cat("{\"offset\":", extent.offset, ",\"length\":", extent.length, "}");
  }
  return text + "]}\n";
}

// What is here of a file whose base is not.
Status export_part(const Context& context, const UnsentEntry& entry, const fs::path& path) {
  const fs::path part = path.native() + ".part";
  DRIVEWAY_TRY(const UniqueFd fd, make_file(part, entry.node.mode & kPermissionBits));
  const Bytes size = entry.draft->size();
  std::vector<ByteRange> extents;
  for (const cache::Part& each : entry.draft->parts({0, size})) {
    if (each.kind == cache::PartKind::kBase) continue;
    if (each.kind == cache::PartKind::kLocal) {
      DRIVEWAY_CHECK(copy_bytes(context, *entry.draft, each.range, fd.get()));
    }
    if (!extents.empty() && extents.back().end() == each.range.offset) {
      extents.back().length += each.range.length;
    } else {
      extents.push_back(each.range);
    }
  }
  DRIVEWAY_CHECK(finish(entry, size, fd.get(), part));
  const fs::path document = part.native() + ".json";
  DRIVEWAY_TRY(const UniqueFd text, make_file(document, 0644));
  const std::string bytes = extents_document(size, extents);
  DRIVEWAY_CHECK(pwrite_all(text.get(), std::as_bytes(std::span(bytes)), 0));
  log::warn(entry.path, ": what was not changed here can be had from nowhere: what was is in ",
            part.native());
  return {};
}

Status export_file(const Context& context, const UnsentEntry& entry, const fs::path& path) {
  {
    DRIVEWAY_TRY(const UniqueFd fd, make_file(path, entry.node.mode & kPermissionBits));
    const Bytes size = entry.draft->size();
    const Status copied = copy_bytes(context, *entry.draft, {0, size}, fd.get());
    if (copied.ok()) return finish(entry, size, fd.get(), path);
    if (copied.failed_with(ErrorCode::kCancelled) || copied.failed_with(ErrorCode::kNoSpace)) {
      return copied;
    }
    log::warn(entry.path, ": ", copied.error());
  }
  if (::unlink(path.c_str()) != 0) return errno_error(errno, cat("cannot remove ", path.native()));
  return export_part(context, entry, path);
}

Status export_symlink(const Context& context, const UnsentEntry& entry, const fs::path& path) {
  std::string target(entry.draft->size(), '\0');
  DRIVEWAY_TRY(const std::size_t count,
               entry.draft->read(context, 0, std::as_writable_bytes(std::span(target))));
  target.resize(count);
  if (::symlink(target.c_str(), path.c_str()) == 0) return {};
  if (errno == EEXIST) {
    return Error{ErrorCode::kAlreadyExists, cat(path.native(), " is there already")};
  }
  return errno_error(errno, cat("cannot make ", path.native()));
}

}  // namespace

Result<std::uint64_t> export_entries(const Context& context,
                                     const std::vector<UnsentEntry>& entries,
                                     const std::filesystem::path& folder) {
  std::uint64_t files = 0;
  for (const UnsentEntry& entry : entries) {
    const fs::path path = folder / entry.path;
    if (entry.node.kind == tree::NodeKind::kDirectory) {
      DRIVEWAY_CHECK(make_folders(path));
      continue;
    }
    if (entry.draft == nullptr || !entry.draft->dirty()) continue;  // Drive has its bytes
    DRIVEWAY_CHECK(make_folders(path.parent_path()));
    DRIVEWAY_CHECK(entry.node.kind == tree::NodeKind::kSymlink
                       ? export_symlink(context, entry, path)
                       : export_file(context, entry, path));
    ++files;
  }
  return files;
}

}  // namespace driveway::vfs
