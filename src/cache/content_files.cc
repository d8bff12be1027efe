#include "cache/content_files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <optional>
#include <string>
#include <system_error>
#include <utility>

#include "base/fault.h"
#include "base/log.h"
#include "base/strings.h"

namespace driveway::cache {
namespace {

namespace fs = std::filesystem;

std::optional<std::uint64_t> parse_number(const std::string& name) {
  std::uint64_t number = 0;
  const char* end = name.data() + name.size();
  const auto result = std::from_chars(name.data(), end, number, 16);
  if (result.ec != std::errc() || result.ptr != end) return std::nullopt;
  return number;
}

// Opens or creates `path`, with its folder.
Result<UniqueFd> create_file(const fs::path& path) {
  constexpr int kFlags = O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW;
  UniqueFd fd(::open(path.c_str(), kFlags, 0600));
  if (!fd.valid() && errno == ENOENT) {
    DRIVEWAY_CHECK(make_private_directory(path.parent_path()));
    fd = UniqueFd(::open(path.c_str(), kFlags, 0600));
  }
  if (!fd.valid()) return errno_error(errno, cat("create ", path.native()));
  return fd;
}

}  // namespace

Status as_disk_failure(Status status) {
  if (status.ok() || status.failed_with(ErrorCode::kNoSpace)) return status;
  Error error = wrap(status.error(), "the cache cannot be written");
  error.code = ErrorCode::kLocalDisk;
  return error;
}

fs::path ContentFiles::path(std::uint64_t number) const {
  char name[32];
  std::snprintf(name, sizeof name, "%02x/%llx", static_cast<unsigned>(number & 0xff),
                static_cast<unsigned long long>(number));
  return folder_ / name;
}

Status ContentFiles::create(std::uint64_t number) {
  DRIVEWAY_CHECK(DRIVEWAY_FAULT_STATUS("cache.create_file"));
  const fs::path target = path(number);
  fs::path spare;
  {
    const std::lock_guard lock(mutex_);
    if (!spares_.empty()) {
      spare = std::move(spares_.back());
      spares_.pop_back();
    }
  }
  if (!spare.empty()) {
    int result = ::rename(spare.c_str(), target.c_str());
    if (result != 0 && errno == ENOENT && make_private_directory(target.parent_path()).ok()) {
      result = ::rename(spare.c_str(), target.c_str());
    }
    if (result == 0) return {};
    ::unlink(spare.c_str());
  }
  DRIVEWAY_TRY(UniqueFd fd, create_file(target));
  remember(number, std::move(fd));
  return {};
}

Result<std::shared_ptr<const UniqueFd>> ContentFiles::open(std::uint64_t number, bool create) {
  {
    const std::lock_guard lock(mutex_);
    const auto found = open_.find(number);
    if (found != open_.end()) {
      recently_used_.splice(recently_used_.begin(), recently_used_, found->second.place);
      return found->second.fd;
    }
  }
  const fs::path file = path(number);
  UniqueFd fd(::open(file.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW));
  if (!fd.valid() && (errno == EROFS || errno == EACCES)) {
    // What is there can be read all the same; who writes gets an error from that.
    fd = UniqueFd(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  }
  if (!fd.valid() && errno == ENOENT && create) {
    DRIVEWAY_TRY(fd, create_file(file));
  }
  if (!fd.valid()) return errno_error(errno, cat("open ", file.native()));
  return remember(number, std::move(fd));
}

std::shared_ptr<const UniqueFd> ContentFiles::remember(std::uint64_t number, UniqueFd fd) {
  std::vector<std::shared_ptr<const UniqueFd>> closed;  // outside the lock
  const std::lock_guard lock(mutex_);
  const auto found = open_.find(number);
  if (found != open_.end()) return found->second.fd;
  auto shared = std::make_shared<const UniqueFd>(std::move(fd));
  recently_used_.push_front(number);
  open_.emplace(number, Open{shared, recently_used_.begin()});
  while (open_.size() > max_open_) {
    const auto oldest = open_.find(recently_used_.back());
    closed.push_back(std::move(oldest->second.fd));
    open_.erase(oldest);
    recently_used_.pop_back();
  }
  return shared;
}

Status ContentFiles::sync_name(std::uint64_t number) const {
  DRIVEWAY_CHECK(DRIVEWAY_FAULT_STATUS("cache.sync_name"));
  DRIVEWAY_CHECK(sync_folder(path(number).parent_path()));
  return sync_folder(folder_);
}

void ContentFiles::cut(std::uint64_t number, Bytes size) {
  const fs::path file = path(number);
  if (::truncate(file.c_str(), static_cast<off_t>(size)) != 0 && errno != ENOENT) {
    log::warn(errno_error(errno, cat("truncate ", file.native())));
  }
}

void ContentFiles::release(std::uint64_t number) {
  std::shared_ptr<const UniqueFd> fd;
  {
    const std::lock_guard lock(mutex_);
    const auto found = open_.find(number);
    if (found != open_.end()) {
      fd = std::move(found->second.fd);
      recently_used_.erase(found->second.place);
      open_.erase(found);
    }
  }
  DRIVEWAY_FAULT_POINT("cache.release_file");
  const fs::path file = path(number);
  if (::truncate(file.c_str(), 0) != 0) {
    if (errno == ENOENT) return;
    log::warn(errno_error(errno, cat("truncate ", file.native())));
    ::unlink(file.c_str());
    return;
  }
  {
    const std::lock_guard lock(mutex_);
    if (spares_.size() < kMaxSpares) {
      spares_.push_back(file);
      return;
    }
  }
  ::unlink(file.c_str());
}

Result<std::uint64_t> ContentFiles::sweep(const std::function<Result<bool>(std::uint64_t)>& keep) {
  DRIVEWAY_CHECK(make_private_directory(folder_));
  // Its own name: those in it are worth nothing without (sync_name).
  DRIVEWAY_CHECK(sync_folder(folder_.parent_path()));
  {
    const std::lock_guard lock(mutex_);
    open_.clear();
    recently_used_.clear();
    spares_.clear();
  }
  std::uint64_t highest = 0;
  std::error_code error;
  for (fs::recursive_directory_iterator entry(folder_, error), end; !error && entry != end;
       entry.increment(error)) {
    if (entry->is_directory(error)) continue;
    const auto number = parse_number(entry->path().filename().native());
    bool wanted = false;
    if (number && entry->path() == path(*number)) {
      highest = std::max(highest, *number);
      DRIVEWAY_TRY(wanted, keep(*number));
    }
    if (!wanted && ::unlink(entry->path().c_str()) != 0) {
      log::warn(errno_error(errno, cat("delete ", entry->path().native())));
    }
  }
  if (error) return errno_error(error.value(), cat("list ", folder_.native()));
  return highest;
}

}  // namespace driveway::cache
