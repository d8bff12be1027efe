// From rows to what is shown: nodes, and the directories behind folder shortcuts. Within the
// caller's snapshot.
//
// A shortcut has an inode of its own. One to a file shows the file's attributes and bytes. One to a
// folder is a directory that shows the folder's entries: files with the inodes they have there,
// subfolders with inodes of their own again ("aliases"), because a directory may stand in one place
// only. So `cp -r SHORTCUT`, `find SHORTCUT` and os.walk() go through it, as through a folder.
// Three rules keep every walk finite:
//
// * A shortcut to a folder that it stands in, however deep, is a relative symlink ("..", "../..",
//   "."): walkers do not follow it, and opening it leads to the right place.
// * Behind kMostCrossings folder shortcuts a further one is a small file that says so.
// * A shortcut whose target was deleted or is not visible is a small file that says so.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/ids.h"
#include "base/result.h"
#include "tree/meta_store.h"
#include "tree/node.h"
#include "tree/rows.h"
#include "tree/tree.h"

namespace driveway::tree {

inline constexpr int kMostCrossings = 3;

// A shortcut's target, as far as `meta` knows it.
struct Target {
  enum class State {
    kKnown,
    kStale,     // known, but it may have changed unheard
    kUnknown,   // never asked for
    kDangling,  // Drive said that there is none
  };
  State state = State::kUnknown;
  InodeId inode;  // kKnown, kStale
  bool folder = false;
};

class Views {
 public:
  Views(const MetaReader& meta, const TreeOptions& options) : meta_(meta), options_(options) {}

  // The node of an inode; nothing for a shortcut whose target is kUnknown. Errors: kNotFound.
  Result<std::optional<Node>> node(InodeId inode) const;

  // The folder whose entries directory `inode` shows: itself, or what it is a view of. Errors:
  // kNotFound, kNotADirectory.
  Result<InodeId> real_directory(InodeId inode) const;
  // REQUIRES a live or superseded shortcut's row.
  Result<Target> target(const ItemRow& shortcut) const;
  // The shortcut that `inode` shows, itself or as an alias; nothing for other inodes.
  Result<std::optional<ItemRow>> shortcut_behind(InodeId inode) const;

  // Whether the entry needs an inode of its own in a view.
  static bool needs_alias(EntryKind kind) {
    return kind == EntryKind::kDirectory || kind == EntryKind::kFolderShortcut;
  }
  static AliasRow alias_row(InodeId view, const Dentry& dentry);
  // What readdir says of the entry `dentry` of directory `inode` (a view, perhaps).
  Result<NodeKind> kind_in(InodeId inode, const Dentry& dentry) const;

 private:
  struct Way {  // a folder shortcut as it is shown in one place
    enum class Kind { kDirectory, kLoop, kTooDeep } kind = Kind::kDirectory;
    std::string link;  // kLoop: to the ancestor
  };
  Result<Way> way_to(InodeId folder, InodeId directory) const;
  Result<InodeId> parent_of(InodeId directory) const;
  Result<bool> is_crossing(InodeId directory) const;
  Node fixed_node(InodeId inode) const;
  Node plain_node(const ItemRow& row) const;
  void set_attributes(Node& node, const drive::Item& item) const;
  void set_content(Node& node, const drive::Item& item) const;
  static void make_text(Node& node, NodeKind kind, std::string text);
  // `inode` shows `shortcut` in `directory`.
  Result<std::optional<Node>> shortcut_node(InodeId inode, InodeId directory,
                                            const ItemRow& shortcut) const;
  Result<std::optional<Node>> alias_node(InodeId inode, const AliasRow& alias) const;
  Result<Node> folder_shortcut_node(InodeId inode, InodeId directory, const ItemRow& shortcut,
                                    InodeId target) const;
  Status learn_account() const;

  const MetaReader& meta_;
  const TreeOptions& options_;
  mutable std::optional<drive::About> account_;
  mutable WallTime begun_{};
};

}  // namespace driveway::tree
