// What others did, and which rows are needed no more.
#include "journal/change_set.h"

namespace driveway::journal {

// `change` has nothing sent. Three-way: where we want nothing else, theirs is taken.
Outcome ChangeSet::hear(Change change, const drive::Item& item, InodeId parent, WallTime now) {
  Outcome outcome{{}, Verdict::kAgain, change.inode};
  Known& known = change.known;
  // J8: of what went with its folder no version was told, so what is known as the last one is of
  // before, and no news.
  const bool is_removed = change.wanted.deleted && known.trashed;
  if (item.version < known.version || (is_removed && item.version == known.version)) {
    put(std::move(change), outcome.rows);
    return outcome;
  }
  const bool dirty = change.wanted.content.has_value();
  const Known before = known;
  learn(known, item, parent);
  if (dirty && keep_content(known, before.head_revision, before.md5, before.size)) {
    outcome.verdict = Verdict::kConflict;
  }
  if (item.trashed && !change.wanted.restored) {
    if (!change.wanted.deleted) return lost(std::move(change), now);
    change.confirmed_order = change.order;
    change.confirmed_at = now;
  }
  put(std::move(change), outcome.rows);
  return outcome;
}

// Whether something in the folder, at any depth, is to be sent. Not by recursion: what two clients
// moved into each other is a circle until Drive has refused one of the moves.
bool ChangeSet::holds_wanted(InodeId folder) const {
  std::vector<InodeId> folders{folder};
  std::set<InodeId> seen;
  while (!folders.empty()) {
    const InodeId next = folders.back();
    folders.pop_back();
    const auto children = children_.find(next);
    if (children == children_.end() || !seen.insert(next).second) continue;
    for (const InodeId inode : children->second) {
      const Change& child = changes_.at(inode);
      if (child.wanted.deleted) continue;
      if (is_dirty(child)) return true;
      if (child.is_folder()) folders.push_back(inode);
    }
  }
  return false;
}

// J10: the item has gone. `change` has nothing sent.
Outcome ChangeSet::lost(Change change, WallTime now) {
  Outcome outcome{{}, Verdict::kGone, change.inode};
  if (change.wanted.deleted) {
    change.known.trashed = true;
    change.confirmed_order = change.order;
    change.confirmed_at = now;
    put(std::move(change), outcome.rows);
    outcome.verdict = Verdict::kDone;
    return outcome;
  }
  if (!change.wanted.content && !holds_wanted(change.inode)) {
    if (change.is_folder() || writers(change.inode) == 0) {
      drop(change.inode, outcome.rows);
      return outcome;
    }
    // Whoever has it open may write it yet, and then it is made anew.
    make_new(change);
    change.confirmed_at.reset();
    put(std::move(change), outcome.rows);
    return outcome;
  }
  note_conflict(ConflictKind::kRemovedThere, change, change.name(), now);
  touch(change, now);
  make_new(change);
  put(std::move(change), outcome.rows);
  outcome.verdict = Verdict::kAgain;
  return outcome;
}

void ChangeSet::note_conflict(ConflictKind kind, const Change& change, std::string kept_as,
                              WallTime now) {
  remembered_.conflict({kind, change.inode, change.name(), std::move(kept_as), now});
}

Result<Outcome> ChangeSet::remote_changed(InodeId inode, const std::optional<drive::Item>& item,
                                          InodeId parent, WallTime now) {
  DRIVEWAY_TRY(Change change, copy_of(inode));
  if (change.sent) return Outcome{{}, Verdict::kLater, inode};
  if (!change.known.exists) return Outcome{{}, Verdict::kDone, inode};
  if (!item) return lost(std::move(change), now);
  return hear(std::move(change), *item, parent, now);
}

Result<Rows> ChangeSet::rehome(InodeId from, const InodeId& to, const FileId& to_id, WallTime now) {
  Rows rows;
  const auto children = children_.find(from);
  if (children == children_.end()) return rows;
  for (const InodeId inode : std::set(children->second)) {
    Change child = changes_.at(inode);
    if (child.wanted.deleted || !is_dirty(child) || (child.known.exists && !child.wanted.parent)) {
      continue;
    }
    note_conflict(ConflictKind::kFolderGone, child, child.name(), now);
    touch(child, now);
    set_place(child, {to, to_id, child.name()}, {});
    put(std::move(child), rows);
  }
  return rows;
}

Rows ChangeSet::echoed(const FileId& id, std::uint64_t version) {
  Rows rows;
  const Change* const found = find(find_id(id));
  if (found == nullptr || found->echoed || !found->confirmed_at || is_dirty(*found) ||
      version < found->known.version) {
    return rows;
  }
  Change change = *found;
  change.echoed = true;
  put(std::move(change), rows);
  return rows;
}

std::vector<InodeId> ChangeSet::unechoed(WallTime time) const {
  std::vector<InodeId> inodes;
  for (const auto& [inode, change] : changes_) {
    if (change.confirmed_at && *change.confirmed_at < time && !change.echoed && !is_dirty(change)) {
      inodes.push_back(inode);
    }
  }
  return inodes;
}

Rows ChangeSet::forget(WallTime now) {
  Rows rows;
  std::vector<InodeId> done;
  for (const auto& [inode, change] : changes_) {
    const auto children = children_.find(inode);
    const bool is_needed = is_dirty(change) || shares_name(change) || writers(inode) > 0 ||
                           (children != children_.end() && !children->second.empty());
    const bool is_settled =
        !change.confirmed_at || (change.echoed && now >= *change.confirmed_at + options_.overlay);
    if (!is_needed && is_settled) done.push_back(inode);
  }
  for (const InodeId inode : done) drop(inode, rows);
  remembered_.forget(now);
  return rows;
}

}  // namespace driveway::journal
