// Who is told of what changes. Private to vfs/.
#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <string>
#include <vector>

#include "drive/item.h"
#include "journal/journal.h"
#include "tree/tree.h"
#include "vfs/open_file.h"
#include "vfs/siblings.h"

namespace driveway::vfs {

// Passes on to the observers of the moment. Thread-safe.
class ObserverRelay final : public tree::TreeObserver {
 public:
  using ItemListener =
      std::function<void(const FileId& id, const std::optional<drive::Item>& item, InodeId parent)>;

  void add(tree::TreeObserver& observer);
  void remove(tree::TreeObserver& observer);
  // Told of items, without a lock of the relay: it may change the journal. Before the tree starts.
  void on_item(ItemListener listener) { on_item_ = std::move(listener); }

  void entry_changed(InodeId parent, const std::string& name,
                     std::optional<InodeId> child) override;
  void attributes_changed(InodeId inode) override;
  void directory_changed(InodeId inode) override;
  void item_changed(InodeId inode, const FileId& id, const std::optional<drive::Item>& item,
                    InodeId parent) override;

 private:
  ItemListener on_item_;
  std::shared_mutex mutex_;
  std::vector<tree::TreeObserver*> observers_;
};

// Files that came or went are siblings that came or went.
class FolderWatch final : public tree::TreeObserver {
 public:
  void tell(Siblings* siblings) { siblings_ = siblings; }
  void entry_changed(InodeId, const std::string&, std::optional<InodeId>) override {}
  void attributes_changed(InodeId) override {}
  void directory_changed(InodeId inode) override { siblings_->folder_changed(inode); }

 private:
  Siblings* siblings_ = nullptr;
};

// Tells of rows that changed: of those that came to be shown elsewhere without an operation of
// naming.h (a conflict, or what was made anew, J10), with the names that their twins may have had
// or may have now, and of attributes. For Journal::on_change(). Thread-safe.
class RowWatch {
 public:
  RowWatch(const journal::Journal& journal, LocalWrites& writes, tree::TreeObserver& observers)
      : journal_(journal), writes_(writes), observers_(observers) {}
  // Rows that an earlier run left.
  void start();
  void changed(const std::vector<InodeId>& inodes);

 private:
  struct Place {
    InodeId parent;    // 0: it is not shown
    std::string name;  // in Drive
    FileId id;         // empty: Drive does not have it (yet)
  };
  static std::string shown_name(const Place& place, InodeId inode);
  static bool is_moved(const Place& before, const Place& now);
  std::optional<Place> place_of(InodeId inode) const;
  void tell(const Place& place, InodeId inode, std::optional<InodeId> child);
  void tell_twins(const Place& place, InodeId inode);
  void tell_twin_in_drive(const Place& place, InodeId inode);

  const journal::Journal& journal_;
  LocalWrites& writes_;
  tree::TreeObserver& observers_;
  std::mutex mutex_;  // a leaf
  std::map<InodeId, Place> told_;
};

}  // namespace driveway::vfs
