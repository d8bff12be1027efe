#include "vfs/observers.h"

#include <algorithm>

#include "tree/names.h"

namespace driveway::vfs {

void ObserverRelay::add(tree::TreeObserver& observer) {
  const std::unique_lock lock(mutex_);
  observers_.push_back(&observer);
}

void ObserverRelay::remove(tree::TreeObserver& observer) {
  const std::unique_lock lock(mutex_);
  std::erase(observers_, &observer);
}

void ObserverRelay::entry_changed(InodeId parent, const std::string& name,
                                  std::optional<InodeId> child) {
  const std::shared_lock lock(mutex_);
  for (auto* observer : observers_) observer->entry_changed(parent, name, child);
}

void ObserverRelay::attributes_changed(InodeId inode) {
  const std::shared_lock lock(mutex_);
  for (auto* observer : observers_) observer->attributes_changed(inode);
}

void ObserverRelay::directory_changed(InodeId inode) {
  const std::shared_lock lock(mutex_);
  for (auto* observer : observers_) observer->directory_changed(inode);
}

void ObserverRelay::item_changed(InodeId /*inode*/, const FileId& id,
                                 const std::optional<drive::Item>& item, InodeId parent) {
  if (on_item_) on_item_(id, item, parent);
}

// --- RowWatch.

std::optional<RowWatch::Place> RowWatch::place_of(InodeId inode) const {
  return journal_.look([&](const journal::ChangeSet& set) -> std::optional<Place> {
    const journal::Change* const change = set.find(inode);
    if (change == nullptr || !set.is_dirty(*change) || change->wanted.deleted) return std::nullopt;
    return Place{change->parent(), change->name()};
  });
}

void RowWatch::start() {
  const auto inodes = journal_.look([](const journal::ChangeSet& set) { return set.dirty(); });
  for (const InodeId inode : inodes) {
    auto place = place_of(inode);
    const std::lock_guard lock(mutex_);
    if (place) told_[inode] = *std::move(place);
  }
}

void RowWatch::tell(const Place& place, std::optional<InodeId> child) {
  observers_.entry_changed(place.parent, tree::escape_name(place.name), child);
  observers_.directory_changed(place.parent);
}

void RowWatch::changed(const std::vector<InodeId>& inodes) {
  writes_.note();
  for (const InodeId inode : inodes) {
    const auto now = place_of(inode);
    std::optional<Place> before;
    {
      const std::lock_guard lock(mutex_);
      if (const auto found = told_.find(inode); found != told_.end()) before = found->second;
      if (now) {
        told_[inode] = *now;
      } else {
        told_.erase(inode);
      }
    }
    if (before && now && *before != *now) {
      tell(*before, inode);
      tell(*now, std::nullopt);
    }
    if (now) observers_.attributes_changed(inode);
  }
}

}  // namespace driveway::vfs
