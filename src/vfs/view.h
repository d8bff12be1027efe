// What is shown: the tree, overlaid with what the journal has that Drive has not (design: where
// bytes live).
//
// An inode with a row that is not confirmed is shown where the row says and nowhere else, with the
// row's name and attributes; all others as the tree says. Size and times of a file that is written
// to come from its draft (drafts.h). A confirmed row says nothing any more: the tree has merged the
// item before the row was confirmed (D4), and guards it against listings that lag (J3).
//
// * Where the tree shows another inode for the item of a row (another client changed its content,
//   or a rename gave the item to another file here, J6), the row's is shown in its place.
// * Where a row and an entry of the tree would have the same shown name, the row has it, and the
//   entry is not shown until the row was sent (J9); of two rows the second gets a suffix.
// * What has taken a name in Drive before the one that had it was removed or moved away there keeps
//   the name: the tree, which has both, would give it a suffix. Its row says where it is until
//   then.
// * What was removed or replaced is shown nowhere; by its inode it is still known, to who has it
//   open, as long as the tree or its row knows it: as Node::unnamed.
//
// Thread-safe. Errors: as Tree.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/context.h"
#include "base/ids.h"
#include "base/result.h"
#include "journal/journal.h"
#include "tree/tree.h"
#include "vfs/drafts.h"

namespace driveway::vfs {

class View {
 public:
  // `journal` may be null: nothing is overlaid.
  View(tree::Tree& tree, journal::Journal* journal, Drafts* drafts)
      : tree_(tree), journal_(journal), drafts_(drafts) {}

  Result<tree::Node> lookup(const Context& context, InodeId parent, std::string_view name) const;
  Result<tree::Node> node(InodeId inode) const;
  std::vector<std::optional<tree::Node>> nodes(std::span<const InodeId> inodes) const;
  Result<std::vector<tree::DirEntry>> list(const Context& context, InodeId directory) const;
  // As list(), where that is known without asking Drive; else nothing.
  std::optional<std::vector<tree::DirEntry>> known_list(InodeId directory) const;
  Result<tree::Node> resolve(const Context& context, std::string_view path) const;
  Result<tree::Node> by_id(const Context& context, const FileId& id) const;
  // Where an inode is shown: nothing for what has no name (any more). `name`: as shown. Never waits
  // for Drive.
  struct Place {
    InodeId parent;
    std::string name;
  };
  std::optional<Place> place(InodeId inode) const;
  // The folders from `folder` (itself included) to the top, the root of the mount left out.
  Result<std::vector<InodeId>> above(InodeId folder) const;
  // The folder whose entries `directory` shows. Errors: kNotFound, kNotADirectory.
  Result<InodeId> real_directory(InodeId directory) const;

 private:
  // A directory, as rows and tree know it.
  struct Folder {
    InodeId real;
    FileId id;             // empty: Drive has no such folder (yet)
    bool in_tree = false;  // the tree has entries of it
  };
  // A row that is shown in a folder.
  struct Row {
    journal::Change change;
    tree::Node node;
    std::string name;
  };

  // What `read` gives, which reads the tree and then rows: read again where a row that was about
  // what it had read may have gone in between.
  template <typename Read>
  auto consistent(const Read& read) const;
  Result<tree::Node> overlaid_lookup(const Context& context, InodeId parent,
                                     std::string_view name) const;
  Result<std::vector<tree::DirEntry>> overlaid_list(const Context& context,
                                                    InodeId directory) const;
  std::optional<std::vector<tree::DirEntry>> overlaid_known_list(InodeId directory) const;
  std::vector<std::optional<tree::Node>> overlaid_nodes(std::span<const InodeId> inodes) const;
  Result<tree::Node> overlaid_node(InodeId inode) const;
  bool overlaid() const { return journal_ != nullptr && !journal_->empty(); }
  std::optional<journal::Change> row_of(InodeId inode) const;
  Result<tree::Node> node_of(const journal::Change& change) const;
  // Whether it is shown where the tree has it.
  bool stays(const journal::Change& change) const;
  tree::Node with_target(tree::Node node) const;
  std::string shown_name(const journal::Change& change, const tree::Node& node) const;
  Result<Folder> folder_of(InodeId directory) const;
  std::optional<InodeId> shown_for(InodeId inode, const FileId& id) const;
  bool is_of_another(const tree::Node& node) const;
  std::optional<Row> row_named(const Folder& folder, std::string_view name) const;
  std::vector<Row> rows_in(const Folder& folder) const;
  void keep_shown(const Folder& folder, std::vector<tree::DirEntry>& entries) const;
  void add_rows(const Folder& folder, std::vector<tree::DirEntry>& entries) const;

  tree::Tree& tree_;
  journal::Journal* const journal_;
  Drafts* const drafts_;
};

}  // namespace driveway::vfs
