#include "tree/walk.h"

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "tree/directories.h"
#include "tree/layout.h"

namespace driveway::tree {
namespace {

constexpr std::size_t kMostFolders = 1024;
constexpr std::size_t kMostFromOneFolder = 10'000;

}  // namespace

Planner::Callbacks::Ahead Walk::may_go_ahead() {
  const TimePoint now = parts_.clock.now();
  const std::lock_guard lock(mutex_);
  if (now - last_follow_ > kFollows) {
    unread_.clear();
    return Planner::Callbacks::Ahead::kGiveUp;
  }
  return unread_.size() < kMostUnread ? Planner::Callbacks::Ahead::kGo
                                      : Planner::Callbacks::Ahead::kWait;
}

// Whether the reading of `read` shows a walk through `folder`.
bool Walk::note(InodeId folder, InodeId read, TimePoint now) {
  if (folders_.size() > kMostFolders) {
    std::erase_if(folders_, [&](const auto& each) { return now - each.second.at > kWithin; });
    if (folders_.size() > kMostFolders) folders_.clear();
  }
  auto [entry, fresh] = folders_.try_emplace(folder.value());
  Folder& known = entry->second;
  const bool second = !fresh && known.last_read != read && now - known.at <= kWithin;
  known.last_read = read;
  known.at = now;
  if (!second || (known.expanded != TimePoint{} && now - known.expanded <= kFollows)) return false;
  known.expanded = now;
  return true;
}

Status Walk::see(Planner& planner, InodeId directory) {
  std::vector<InodeId> walked;
  InodeId after = directory;
  {
    DRIVEWAY_TRY(const MetaReader meta, parts_.meta.read());
    DRIVEWAY_TRY(const auto row, meta.item(directory));
    if (!row || row->directory.value() == 0) return {};
    std::vector<InodeId> above = {row->directory};
    if (!is_fixed(row->directory)) {
      DRIVEWAY_TRY(const auto parent, meta.item(row->directory));
      if (parent && parent->directory.value() != 0) above.push_back(parent->directory);
    }
    const TimePoint now = parts_.clock.now();
    const std::lock_guard lock(mutex_);
    for (const InodeId folder : above) {
      // Opening a shared drive is a decision: each has a feed that is read from then on.
      if (folder == kTrashInode || folder == kSharedDrivesInode) continue;
      if (!note(folder, directory, now)) continue;
      walked.push_back(folder);
      last_follow_ = now;
    }
    if (walked.empty()) return {};
    if (walked.front() != row->directory) after = row->directory;
  }
  return expand(planner, walked, after);
}

void Walk::read(Planner& planner, InodeId directory) {
  bool followed = false;
  {
    const std::lock_guard lock(mutex_);
    followed = unread_.erase(directory.value()) > 0;
    if (followed) {
      last_follow_ = parts_.clock.now();
      parts_.metrics.counter("tree.ahead_used").add();
    }
  }
  if (followed) planner.kick();
  if (const Status seen = see(planner, directory); !seen.ok()) log::debug(seen.error());
}

// In the order of names, as a walk goes, beginning behind `after`.
Result<std::vector<ListTarget>> Walk::unlisted_subfolders(const MetaReader& meta, InodeId folder,
                                                          InodeId after) const {
  std::vector<InodeId> folders;
  DRIVEWAY_CHECK(meta.each_dentry(folder, [&](std::string_view, const Dentry& dentry) {
    if (dentry.kind == EntryKind::kDirectory && !dentry.fixed) folders.push_back(dentry.inode);
    return folders.size() < kMostFromOneFolder;
  }));
  const auto here = std::find(folders.begin(), folders.end(), after);
  if (here != folders.end()) std::rotate(folders.begin(), here, folders.end());
  std::vector<ListTarget> targets;
  for (const InodeId each : folders) {
    DRIVEWAY_TRY(const Completeness known, completeness(meta, each, parts_.options));
    if (known != Completeness::kUnlisted) continue;
    DRIVEWAY_TRY(ListTarget target, list_target(meta, each, parts_.options));
    targets.push_back(std::move(target));
  }
  return targets;
}

Status Walk::expand(Planner& planner, const std::vector<InodeId>& folders, InodeId after) {
  std::vector<ListTarget> targets;
  std::uint64_t children = 0;
  {
    DRIVEWAY_TRY(const MetaReader meta, parts_.meta.read());
    for (const InodeId folder : folders) {
      DRIVEWAY_TRY(auto more, unlisted_subfolders(meta, folder, after));
      std::move(more.begin(), more.end(), std::back_inserter(targets));
    }
    DRIVEWAY_TRY(const auto listing, meta.listing(after));
    if (listing) children = listing->children;
  }
  if (!targets.empty()) planner.list_ahead(targets, children);
  return {};
}

void Walk::listed_ahead(Planner& planner, const std::vector<ListTarget>& targets) {
  std::vector<InodeId> directories;
  {
    const TimePoint now = parts_.clock.now();
    const std::lock_guard lock(mutex_);
    if (now - last_follow_ > kFollows) return;
    for (const ListTarget& target : targets) {
      unread_.insert(target.directory.value());
      directories.push_back(target.directory);
    }
  }
  const Status expanded = expand(planner, directories, InodeId());
  if (!expanded.ok()) log::debug(expanded.error());
}

}  // namespace driveway::tree
