// What a transaction changed, to be told to the TreeObserver after its commit, outside all locks.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/ids.h"
#include "drive/item.h"
#include "tree/tree.h"

namespace driveway::tree {

// Belongs to one thread.
class Events {
 public:
  // Nothing is told of the entries of `directory`: nobody can have seen them yet.
  void silence(InodeId directory) { silent_.insert(directory.value()); }

  void entry(InodeId directory, std::string_view name, std::optional<InodeId> child) {
    if (silent_.contains(directory.value())) return;
    entries_.push_back({directory, std::string(name), child});
    directories_.insert(directory.value());
  }
  void attributes(InodeId inode) { attributes_.insert(inode.value()); }
  void directory(InodeId inode) {
    if (!silent_.contains(inode.value())) directories_.insert(inode.value());
  }

  // TreeObserver::item_changed.
  void item(InodeId inode, const FileId& id, std::optional<drive::Item> item, InodeId parent) {
    items_.push_back({inode, id, std::move(item), parent});
  }

  // `view` shows the entries of `directory` too (views.h).
  void mirror(InodeId directory, InodeId view) {
    for (std::size_t i = 0, count = entries_.size(); i < count; ++i) {
      if (entries_[i].directory != directory) continue;
      entries_.push_back({view, entries_[i].name, std::nullopt});
    }
    directories_.insert(view.value());
  }

  // Directories of which an entry came or went.
  const std::set<std::uint64_t>& directories() const { return directories_; }
  bool empty() const {
    return entries_.empty() && attributes_.empty() && directories_.empty() && items_.empty();
  }
  void clear() { *this = Events(); }

  void tell(TreeObserver* observer) const {
    if (observer == nullptr) return;
    for (const Entry& each : entries_) {
      observer->entry_changed(each.directory, each.name, each.child);
    }
    for (const std::uint64_t inode : attributes_) observer->attributes_changed(InodeId(inode));
    for (const std::uint64_t inode : directories_) observer->directory_changed(InodeId(inode));
    for (const Item& each : items_) {
      observer->item_changed(each.inode, each.id, each.item, each.parent);
    }
  }

 private:
  struct Entry {
    InodeId directory;
    std::string name;
    std::optional<InodeId> child;
  };
  struct Item {
    InodeId inode;
    FileId id;
    std::optional<drive::Item> item;
    InodeId parent;
  };
  std::vector<Entry> entries_;
  std::vector<Item> items_;
  std::set<std::uint64_t> attributes_;
  std::set<std::uint64_t> directories_;
  std::set<std::uint64_t> silent_;
};

}  // namespace driveway::tree
