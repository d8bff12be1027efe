// What is shown: the tree, overlaid with what the journal has that Drive has not (design: where
// bytes live).
//
// An inode with a row that is not confirmed is shown where the row says and nowhere else, with the
// row's name and attributes; all others as the tree says. Size and times of a file that is written
// to come from its draft (drafts.h). A confirmed row says nothing any more: the tree has merged the
// item before the row was confirmed (D4), and guards it against listings that lag (J3).
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
  Result<tree::Node> resolve(const Context& context, std::string_view path) const;
  // Where an inode is shown: nothing for what has no name (any more). `name`: as shown.
  struct Place {
    InodeId parent;
    std::string name;
  };
  std::optional<Place> place(InodeId inode) const;
  // The folders from `folder` (itself included) to the top.
  Result<std::vector<InodeId>> above(InodeId folder) const;

 private:
  std::optional<journal::Change> overlaid(InodeId inode) const;
  Result<tree::Node> node_of(const journal::Change& change) const;

  tree::Tree& tree_;
  journal::Journal* const journal_;
  Drafts* const drafts_;
};

}  // namespace driveway::vfs
