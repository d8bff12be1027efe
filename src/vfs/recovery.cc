#include "vfs/recovery.h"

#include <string>

#include "base/log.h"
#include "vfs/local_side.h"

namespace driveway::vfs {

void Recovery::start() {
  const std::vector<InodeId> unclosed = journal_.unclosed();
  {
    const std::lock_guard lock(mutex_);
    left_.insert(unclosed.begin(), unclosed.end());
  }
  for (const InodeId inode : unclosed) recover(inode);
}

void Recovery::changed(const std::vector<InodeId>& inodes) {
  for (const InodeId inode : inodes) {
    if (!is_waiting(inode)) continue;
    const bool is_free = journal_.look([&](const journal::ChangeSet& set) {
      const journal::Change* const change = set.find(inode);
      return change == nullptr || !change->sent;
    });
    if (is_free) recover(inode);
  }
}

bool Recovery::is_waiting(InodeId inode) const {
  const std::lock_guard lock(mutex_);
  return left_.contains(inode);
}

void Recovery::recover(InodeId inode) {
  {
    const std::lock_guard lock(mutex_);
    if (!left_.contains(inode) || !recovering_.insert(inode).second) return;
  }
  const bool is_done = try_to_recover(inode);
  const std::lock_guard lock(mutex_);
  recovering_.erase(inode);
  if (is_done) left_.erase(inode);
  if (left_.empty()) done_.notify_all();
}

void Recovery::wait(const Context& context) {
  std::unique_lock lock(mutex_);
  const Status waited =
      driveway::wait(context, clock_, lock, done_, [this] { return left_.empty(); });
  if (waited.ok()) return;
  log::warn(
      "what was being written when driveway stopped is not put beside its file yet: Drive has ",
      "not said what it has of it");
}

// False: what was sent of it is not resolved yet.
bool Recovery::try_to_recover(InodeId inode) {
  const auto beside = journal_.inodes().allocate();
  if (!beside.ok()) {
    log::warn("what was not closed before the last stop stays unsent: ", beside.error());
    return true;
  }
  const std::string date = date_and_time_of(clock_.wall_now());
  std::string name;
  bool is_beside = false;
  const Status recovered =
      journal_.change({}, journal::Purpose::kProgress,
                      [&](journal::ChangeSet& set, WallTime now) -> Result<journal::Rows> {
                        DRIVEWAY_TRY(journal::Rows rows, set.recover(inode, *beside, date, now));
                        is_beside = rows.changed.contains(*beside);
                        const journal::Change* const change = set.find(is_beside ? *beside : inode);
                        if (change != nullptr) name = change->name();
                        return rows;
                      });
  if (recovered.failed_with(ErrorCode::kBusy)) return false;
  if (!recovered.ok()) {
    log::warn("what was not closed before the last stop stays unsent: ", recovered.error());
    return true;
  }
  if (is_beside) drafts_.move(inode, *beside);
  log::warn("a file that was being written when driveway stopped is kept as \"", name, "\"");
  return true;
}

}  // namespace driveway::vfs
