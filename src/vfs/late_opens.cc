#include "vfs/late_opens.h"

#include <utility>

#include "base/log.h"

namespace driveway::vfs {

std::shared_ptr<const void> LateOpens::hold(InodeId inode) {
  {
    const std::lock_guard lock(mutex_);
    ++entries_[inode].holders;
  }
  return {this, [this, inode](const void*) { release(inode); }};
}

void LateOpens::release(InodeId inode) {
  std::shared_ptr<OpenFile> last;  // outlives the lock
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(inode);
  if (found == entries_.end() || --found->second.holders > 0) return;
  last = std::move(found->second.file);
  entries_.erase(found);
}

bool LateOpens::is_held(InodeId inode) const {
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(inode);
  return found != entries_.end() && found->second.file == nullptr;
}

void LateOpens::losing_name(const tree::Node& node) {
  if (!is_held(node.inode)) return;
  auto file = open_(node);
  if (!file.ok()) {
    log::debug("inode ", node.inode, " loses its name, and cannot be read: ", file.error());
    return;
  }
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(node.inode);
  if (found != entries_.end()) found->second.file.swap(*file);
}

std::shared_ptr<OpenFile> LateOpens::find(InodeId inode) const {
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(inode);
  return found == entries_.end() ? nullptr : found->second.file;
}

}  // namespace driveway::vfs
