// The other client of change_model_test.cc, and what the tree shows of what Drive says.
#pragma once

#include "unit/journal/change_model.h"

namespace driveway::journal {

class ModelRemote : public ModelTree {
 protected:
  explicit ModelRemote(Trial& trial) : ModelTree(trial) {}

  // What a verdict means for the tree.
  void settle(const Outcome& outcome) {
    const InodeId inode = outcome.inode;
    note("    verdict ", static_cast<int>(outcome.verdict), " for ", inode);
    if (!nodes_.contains(inode)) return;
    if (outcome.verdict == Verdict::kGone) return erase_all(inode);
    if (outcome.verdict == Verdict::kConflict) {
      sync(inode);
      const FileId id = set_.find(inode)->known.id;
      nodes_.at(inode).name = cat("conflict ", std::to_string(++names_));
      apply(must(set_.conflict(inode, nodes_.at(inode).name, now_)));
      nodes_.at(inode).id = FileId();
      keep_in_sight(inode);
      return show(id, InodeId(next_inode_++));
    }
    sync(inode);
    keep_in_sight(inode);
  }

  // What is to be made anew from an item whose folder is shown nowhere stays where that was shown.
  void keep_in_sight(InodeId inode) {
    const Node& node = nodes_.at(inode);
    const Change* const change = set_.find(inode);
    if (change == nullptr || change->known.exists || change->parent() != InodeId()) return;
    apply(must(set_.rename(inode, place(node.parent, node.name), now_)));
  }

  // With what it shows in it: none of that is wanted.
  void erase_all(InodeId inode) {
    for (const auto& [child, node] : std::map(nodes_)) {
      if (node.parent == inode) erase_all(child);
    }
    erase(inode);
  }

  // The tree shows of an item what Drive said, where the change set wants nothing else.
  void sync(InodeId inode) {
    take_from_drive(inode);
    const Node& node = nodes_.at(inode);
    const bool taken = std::any_of(nodes_.begin(), nodes_.end(), [&](const auto& entry) {
      return entry.first != inode && entry.second.parent == node.parent &&
             entry.second.name == node.name;
    });
    if (taken) set_aside(inode);
  }
  // It gets a name of its own.
  void set_aside(InodeId inode) {
    nodes_[inode].name = cat("kept ", std::to_string(++names_));
    note("    set aside ", inode, ": ", nodes_[inode].name);
    know(inode);
    apply(must(set_.rename(inode, place(nodes_[inode].parent, nodes_[inode].name), now_)));
  }
  void take_from_drive(InodeId inode) {
    Node& node = nodes_.at(inode);
    const Change* const change = set_.find(inode);
    if (change == nullptr) {
      const auto item = drive_.get(node.id);
      if (!item || item->trashed) return;
      node.name = item->name;
      node.parent = parent_of(node.id);
      node.content = drive_.at(node.id).content;
      heard_.erase(node.id);
      return;
    }
    if (!change->known.exists) return;
    if (!change->wanted.name) node.name = change->known.name;
    if (!change->wanted.parent) {
      const InodeId parent = inode_of(change->known.parent);
      if (parent != InodeId()) node.parent = parent;
    }
    heard_.erase(change->known.id);
    if (node.folder || change->wanted.content || change->sent) return;
    if (drive_.has(change->known.id)) node.content = drive_.at(change->known.id).content;
  }

  // An item that the tree did not have (any more).
  void show(const FileId& id, InodeId inode) {
    const auto item = drive_.get(id);
    if (!item || item->trashed) return;
    const InodeId parent = inode_of(item->parent.value_or(FileId()));
    if (parent == InodeId()) return;
    kept_.insert(id);
    note("    show ", id, " ", item->name, " in ", parent, " as ", inode);
    const bool taken = lookup(parent, item->name) != InodeId();
    Node node{parent, item->name, item->kind == drive::ItemKind::kFolder, drive_.at(id).content,
              {},     id};
    node.properties = item->properties;
    node.properties.erase(std::string(kOperation));
    nodes_[inode] = node;
    unheard_.erase(id);
    heard_.erase(id);
    graveyard_.erase(inode);
    if (set_.find(inode) != nullptr) {  // it may know an older state of the item
      unheard_.insert(id);
      hear(id);
      if (!nodes_.contains(inode) || nodes_.at(inode).id != id) return;
    }
    if (taken) set_aside(inode);
    for (const FileId& child : drive_.children(id)) {  // as its listing shows
      const InodeId known = set_.find_id(child);
      if (inode_of(child) != InodeId() || is_being_made(child)) continue;
      if (known == InodeId()) {
        show(child, InodeId(next_inode_++));
      } else if (!set_.find(known)->wanted.deleted) {
        show(child, known);
      }
    }
  }

  void revive(const Outcome& outcome) {
    std::vector<std::pair<InodeId, FileId>> folders;
    for (const auto& [inode, row] : outcome.rows.changed) {
      const auto dead = graveyard_.find(inode);
      if (dead == graveyard_.end() || (row && row->wanted.deleted)) continue;
      const FileId id = row ? row->known.id : dead->second;
      kept_.insert(id);
      folders.emplace_back(inode, id);
    }
    for (const auto& [inode, id] : folders) {  // the uppermost brings the others
      if (!nodes_.contains(inode)) show(id, inode);
    }
  }

  // Two inodes of one folder have become one.
  void merge_adopted(const Outcome& outcome) {
    for (const auto& [other, row] : outcome.rows.changed) {
      if (row || !nodes_.contains(other) || nodes_.at(other).id.empty()) continue;
      const FileId id = nodes_.at(other).id;
      const InodeId inode = outcome.inode;
      if (inode == other || !nodes_.contains(inode) || nodes_.at(inode).id != id) continue;
      for (auto& [each, node] : nodes_) {
        if (node.parent == other) node.parent = inode;
      }
      note("    merge ", other, " into ", inode);
      erase(other);
    }
  }

  InodeId inode_of(const FileId& id) {
    if (id == kRootId) return kRoot;
    for (const auto& [inode, node] : nodes_) {
      if (node.id == id) return inode;
    }
    return {};
  }

  InodeId parent_of(const FileId& id) {
    const auto item = drive_.get(id);
    return item && item->parent ? inode_of(*item->parent) : InodeId();
  }

  // --- The other client.

  void remote() {
    std::vector<FileId> files;
    std::vector<FileId> folders;
    for (const auto& [id, entry] : drive_.entries()) {
      if (drive_.is_trashed(id)) continue;
      (entry.item.kind == drive::ItemKind::kFolder ? folders : files).push_back(id);
    }
    const FileId folder = folders[below(static_cast<std::uint32_t>(folders.size()))];
    const std::uint32_t what = below(8);
    if (what == 0 || files.empty()) {
      const FileId id(cat("foreign", std::to_string(++names_)));
      std::string name = cat("r", std::to_string(names_));
      const std::string wanted(1, static_cast<char>('a' + below(5)));  // J9: as here
      if (below(2) == 0 && drive_.named(folder, wanted).empty()) name = wanted;
      drive_.add(id.value(), folder.value(), name, name == wanted && below(3) != 0, id.value());
      note("  theirs: new ", id, " in ", folder, ": ", name);
      foreign_.insert(id);
      unheard_.insert(id);
      return;
    }
    FileId id = files[below(static_cast<std::uint32_t>(files.size()))];
    if (what >= 6) {
      if (folder == kRootId || (what == 6 && !drive_.children(folder).empty())) return;
      id = folder;
    }
    touch(id);
    TinyDrive::Entry& entry = drive_.at(id);
    if (what < 3) {
      drive_.set_content(entry, cat("remote", std::to_string(++names_)));
    } else if (what == 3 || what == 7) {
      entry.item.name = cat("r", std::to_string(++names_));
    } else if (what == 4) {
      entry.item.parent = folder;
      entry.item.name = cat("r", std::to_string(++names_));
    } else {
      entry.item.trashed = true;
    }
    drive_.changed(entry);
    note("  theirs: ", id, " ", entry.item.name, " in ", *entry.item.parent, ": ",
         what < 3                 ? "content"
         : what == 3 || what == 7 ? "renamed"
         : what == 4              ? "moved"
                                  : "trashed");
  }

  // The other client is about to change it.
  void touch(const FileId& id) {
    if (!unheard_.contains(id)) heard_[id] = *drive_.get(id);
    unheard_.insert(id);
    touched_.insert(id);
  }

  void poll() {
    for (const FileId& id : std::set(unheard_)) hear(id);
    for (const auto& [inode, node] : std::map(nodes_)) {
      if (const auto item = drive_.get(node.id)) apply(set_.echoed(node.id, item->version));
    }
  }

  void hear(const FileId& id) {
    const auto item = drive_.get(id);
    InodeId inode = inode_of(id);
    if (inode == InodeId()) inode = set_.find_id(id);
    if (inode == InodeId()) {
      if (is_being_made(id)) return;
      unheard_.erase(id);
      if (item && !item->trashed) {
        unheard_.insert(id);  // its folder may be shown later
        show(id, InodeId(next_inode_++));
      }
      return;
    }
    if (recovering_.contains(inode)) return;
    InodeId parent;
    if (item && !item->trashed) {
      parent = inode_of(item->parent.value_or(FileId()));
      if (parent == InodeId()) return;  // its folder is not shown: later
    }
    note("  hear ", id, " of ", inode, item ? " " : " gone", item ? item->name : "",
         item && item->trashed ? " trashed" : "", " in ", parent);
    if (nodes_.contains(inode)) know(inode);
    if (!item || item->trashed) know_folders_below(inode);
    const auto outcome = set_.remote_changed(inode, item, parent, now_);
    ASSERT_TRUE(outcome.ok()) << outcome.error().to_string();
    if (outcome->verdict == Verdict::kLater) return;
    unheard_.erase(id);
    apply(outcome->rows);
    settle(*outcome);
    const Change* const row = set_.find(inode);
    if (!nodes_.contains(inode) && row != nullptr && !row->wanted.deleted) show(id, inode);
  }
  // J3: by what was sent without an id, and its outcome is not known.
  bool is_being_made(const FileId& id) {
    const auto item = drive_.get(id);
    return item && set_.find_operation(*item) != InodeId();
  }
  void know_folders_below(InodeId folder) {
    for (const auto& [inode, node] : nodes_) {
      if (node.parent != folder || !node.folder) continue;
      know(inode);
      know_folders_below(inode);
    }
  }

  std::set<FileId> kept_;     // theirs, at a name that may be wanted here
  std::set<FileId> touched_;  // by the other client
  int names_ = 0;
};

}  // namespace driveway::journal
