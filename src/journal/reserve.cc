#include "journal/reserve.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "base/fault.h"
#include "base/file.h"
#include "base/log.h"
#include "base/strings.h"

namespace driveway::journal {

Status Reserve::take() {
  const std::lock_guard lock(mutex_);
  if (held_) return {};
  const Status filled = fill();
  if (!filled.ok()) {
    // A part of it would only keep others from the space.
    static_cast<void>(::truncate(path_.c_str(), 0));
    return filled;
  }
  held_ = true;
  return {};
}

Status Reserve::fill() const {
  DRIVEWAY_CHECK(DRIVEWAY_FAULT_STATUS("journal.reserve"));
  const UniqueFd fd(::open(path_.c_str(), O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!fd.valid()) return errno_error(errno, cat("cannot create ", path_.native()));
  // Where the file system cannot set space aside, this writes to each block.
  int code = 0;
  do {
    code = ::posix_fallocate(fd.get(), 0, static_cast<off_t>(size_));
  } while (code == EINTR);
  if (code != 0) return errno_error(code, cat("cannot set disk space aside in ", path_.native()));
  return {};
}

bool Reserve::empty() {
  if (!held_) return false;
  const UniqueFd fd(::open(path_.c_str(), O_WRONLY | O_TRUNC | O_NOFOLLOW | O_CLOEXEC));
  // Synced, since some file systems give the blocks to others only then.
  if (!fd.valid() || ::fsync(fd.get()) != 0) {
    log::warn("the journal's reserve: ", errno_error(errno, cat("cannot empty ", path_.native())));
  }
  held_ = false;
  return true;
}

}  // namespace driveway::journal
