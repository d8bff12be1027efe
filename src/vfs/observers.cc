#include "vfs/observers.h"

#include <algorithm>

#include "base/strings.h"
#include "tree/names.h"
#include "vfs/entry_rows.h"

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

namespace {

constexpr int kSuffixDigits = 8;  // of what the tree shows beside an older one

}  // namespace

std::optional<RowWatch::Place> RowWatch::place_of(InodeId inode) const {
  return journal_.look([&](const journal::ChangeSet& set) -> std::optional<Place> {
    const journal::Change* const change = set.find(inode);
    if (change == nullptr || change->wanted.deleted) return std::nullopt;
    if (journal::is_lost(*change)) return Place{};
    if (!set.is_dirty(*change)) return std::nullopt;
    return Place{change->parent(), change->name(),
                 change->known.exists ? change->known.id : FileId()};
  });
}

std::string RowWatch::shown_name(const Place& place, InodeId inode) {
  return tree::shown_name(place.name, "", place.id.empty() ? FileId(cat(inode)) : place.id);
}

// It has lost its item: then the tree does not tell of it any more.
bool RowWatch::is_moved(const Place& before, const Place& now) {
  if (before.parent != now.parent || before.name != now.name) return true;
  return !before.id.empty() && before.id != now.id;
}

void RowWatch::start() {
  const auto inodes = journal_.look([](const journal::ChangeSet& set) { return set.dirty(); });
  for (const InodeId inode : inodes) {
    auto place = place_of(inode);
    const std::lock_guard lock(mutex_);
    if (place) told_[inode] = *std::move(place);
  }
}

void RowWatch::tell(const Place& place, InodeId inode, std::optional<InodeId> child) {
  if (place.parent == InodeId()) return;
  observers_.entry_changed(place.parent, shown_name(place, inode), child);
  tell_twins(place, inode);
  observers_.directory_changed(place.parent);
}

// The tree may have shown it beside an older one of its name.
void RowWatch::tell_twin_in_drive(const Place& place, InodeId inode) {
  if (place.parent == InodeId() || place.id.empty()) return;
  const std::string name = shown_name(place, inode);
  observers_.entry_changed(place.parent, tree::suffixed_name(name, place.id, kSuffixDigits), inode);
}

// Rows of one name: who comes or goes may give them others (View::rows_in()).
void RowWatch::tell_twins(const Place& place, InodeId inode) {
  if (place.parent == InodeId()) return;
  auto twins = journal_.look(
      [&](const journal::ChangeSet& set) { return set.wanted_in(place.parent, place.name); });
  std::erase(twins, inode);
  if (twins.empty()) return;
  const std::string name = shown_name(place, inode);
  twins.push_back(inode);
  for (const InodeId twin : twins) {
    observers_.entry_changed(place.parent, name_of_twin(name, twin), std::nullopt);
  }
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
    if (before && now && is_moved(*before, *now)) {
      if (before->id != now->id) tell_twin_in_drive(*before, inode);
      tell(*before, inode, inode);
      tell(*now, inode, std::nullopt);
    } else if (before && (!now || before->id != now->id)) {
      tell_twins(*before, inode);  // the tree shows it from now on
    }
    // One that has just been made was shown to nobody yet.
    const bool is_new = !before && now && now->id.empty();
    if (now && !is_new) observers_.attributes_changed(inode);
  }
}

}  // namespace driveway::vfs
