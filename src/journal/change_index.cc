// The indexes over the rows.
#include <algorithm>

#include "journal/change_set.h"

namespace driveway::journal {
namespace {

template <typename Map, typename Key>
void erase_from(Map& map, const Key& key, InodeId inode) {
  const auto found = map.find(key);
  if (found == map.end()) return;
  found->second.erase(inode);
  if (found->second.empty()) map.erase(found);
}

template <typename Map, typename Key>
void erase_if_is(Map& map, const Key& key, InodeId inode) {
  const auto found = map.find(key);
  if (found != map.end() && found->second == inode) map.erase(found);
}

// The folders that it is in, or may be once what is sent has been carried out.
std::set<FileId> folders_in_drive(const Change& change) {
  std::set<FileId> folders;
  if (change.present()) folders.insert(change.known.parent);
  if (change.sent && !change.sent->parent.empty()) folders.insert(change.sent->parent);
  return folders;
}

template <typename Map, typename Key>
std::vector<InodeId> found_in(const Map& map, const Key& key) {
  const auto found = map.find(key);
  if (found == map.end()) return {};
  return {found->second.begin(), found->second.end()};
}

}  // namespace

// The names that it has, or may have once what is sent has been carried out.
std::vector<ChangeSet::Slot> ChangeSet::slots_in_drive(const Change& change) const {
  std::vector<Slot> slots;
  const Known& known = change.known;
  if (change.present()) slots.emplace_back(known.parent.value(), known.name);
  if (const auto& sent = change.sent;
      sent && sent->action != Action::kTrash && sent->action != Action::kRemove) {
    const FileId& parent = sent->parent.empty() ? known.parent : sent->parent;
    Slot slot(parent.value(), sent->name.value_or(known.name));
    if (std::find(slots.begin(), slots.end(), slot) == slots.end()) {
      slots.push_back(std::move(slot));
    }
  }
  return slots;
}

std::vector<InodeId> ChangeSet::wanted_in(InodeId parent) const {
  return found_in(children_, parent);
}

std::vector<InodeId> ChangeSet::wanted_in(InodeId parent, const std::string& name) const {
  return found_in(names_wanted_, Slot(std::to_string(parent.value()), name));
}

std::vector<InodeId> ChangeSet::in_drive(const FileId& folder) const {
  return found_in(in_drive_, folder);
}

bool ChangeSet::shares_name(const Change& change) const {
  if (!change.present() || change.wanted.deleted) return false;
  const auto holders = names_in_drive_.find(Slot(change.known.parent.value(), change.known.name));
  if (holders == names_in_drive_.end()) return false;
  return std::any_of(holders->second.begin(), holders->second.end(), [&](InodeId inode) {
    const Change& other = changes_.at(inode);
    const Wanted& wanted = other.wanted;
    const bool leaves = wanted.deleted || wanted.parent || wanted.name;
    return inode != change.inode && leaves && other.present();
  });
}

// Not by recursion: what another client moved about, and what is known of that is of different
// times, may lie in each other.
std::vector<InodeId> ChangeSet::rows_within(const FileId& folder) const {
  std::vector<InodeId> rows;
  std::vector<FileId> folders{folder};
  std::set<FileId> seen;
  while (!folders.empty()) {
    const FileId next = folders.back();
    folders.pop_back();
    const auto inside = in_drive_.find(next);
    if (inside == in_drive_.end() || !seen.insert(next).second) continue;
    for (const InodeId inode : inside->second) {
      const Change& row = changes_.at(inode);
      rows.push_back(inode);
      if (row.is_folder() && row.known.exists) folders.push_back(row.known.id);
    }
  }
  return rows;
}

void ChangeSet::index(const Change& change) {
  const InodeId inode = change.inode;
  if (!change.known.id.empty()) by_id_[change.known.id] = inode;
  if (!change.known.operation.empty()) by_operation_[change.known.operation] = inode;
  if (is_dirty(change)) dirty_[change.order] = inode;
  if (is_failed(change)) failed_.insert(inode);
  if (change.sent) tickets_[change.sent->ticket] = inode;
  if (change.after != InodeId()) followers_[change.after].insert(inode);
  children_[change.parent()].insert(inode);
  for (const FileId& folder : folders_in_drive(change)) in_drive_[folder].insert(inode);
  for (const Slot& slot : slots_in_drive(change)) names_in_drive_[slot].insert(inode);
  if (change.wanted.deleted) return;
  names_wanted_[Slot(std::to_string(change.parent().value()), change.name())].insert(inode);
  if (const auto& content = change.wanted.content; content && content->closed_order != 0) {
    ClosedContents& closed = closed_contents_[change.parent()];
    closed.by_order[content->closed_order] = inode;
    closed.sizes.insert(content->bytes.size);
  }
}

void ChangeSet::unindex(const Change& change) {
  const InodeId inode = change.inode;
  erase_if_is(by_id_, change.known.id, inode);
  erase_if_is(by_operation_, change.known.operation, inode);
  erase_if_is(dirty_, change.order, inode);
  failed_.erase(inode);
  if (change.sent) erase_if_is(tickets_, change.sent->ticket, inode);
  erase_from(followers_, change.after, inode);
  erase_from(children_, change.parent(), inode);
  for (const FileId& folder : folders_in_drive(change)) erase_from(in_drive_, folder, inode);
  for (const Slot& slot : slots_in_drive(change)) erase_from(names_in_drive_, slot, inode);
  if (change.wanted.deleted) return;
  erase_from(names_wanted_, Slot(std::to_string(change.parent().value()), change.name()), inode);
  if (const auto& content = change.wanted.content; content && content->closed_order != 0) {
    const auto folder = closed_contents_.find(change.parent());
    if (folder == closed_contents_.end()) return;
    ClosedContents& closed = folder->second;
    erase_if_is(closed.by_order, content->closed_order, inode);
    if (const auto size = closed.sizes.find(content->bytes.size); size != closed.sizes.end()) {
      closed.sizes.erase(size);
    }
    if (closed.by_order.empty()) closed_contents_.erase(folder);
  }
}

}  // namespace driveway::journal
