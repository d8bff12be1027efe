#include "tree/views.h"

#include <utility>

#include "base/strings.h"
#include "drive/mime.h"
#include "tree/docs.h"
#include "tree/layout.h"
#include "tree/posix.h"

namespace driveway::tree {
namespace {

constexpr mode_t kSymlinkMode = 0777;

Error no_inode(InodeId inode) { return {ErrorCode::kNotFound, cat("no inode ", inode)}; }

}  // namespace

AliasRow Views::alias_row(InodeId view, const Dentry& dentry) {
  AliasRow row;
  row.parent = view;
  (dentry.kind == EntryKind::kDirectory ? row.real : row.shortcut) = dentry.inode;
  return row;
}

Status Views::learn_account() const {
  if (account_) return {};
  DRIVEWAY_TRY(auto about, meta_.about());
  DRIVEWAY_TRY(begun_, meta_.begun());
  account_ = std::move(about).value_or(drive::About());
  return {};
}

Result<Target> Views::target(const ItemRow& shortcut) const {
  Target target;
  std::optional<ItemRow> row;
  if (shortcut.superseded) {
    target.state = Target::State::kDangling;
    if (shortcut.last_target.value() == 0) return target;
    target.inode = shortcut.last_target;
    DRIVEWAY_TRY(row, meta_.item(target.inode));
    if (row) target.state = Target::State::kKnown;
  } else if (shortcut.item.shortcut) {
    DRIVEWAY_TRY(const auto inode, meta_.inode_of(shortcut.item.shortcut->target));
    if (inode && is_fixed(*inode)) return Target{Target::State::kKnown, *inode, true};
    DRIVEWAY_TRY(row, meta_.item(shortcut.item.shortcut->target));
    const auto account = meta_.epoch_of(std::nullopt);
    if (!account.ok()) return account.error();
    if (row) {
      target.inode = row->inode;
      DRIVEWAY_TRY(const std::uint64_t epoch, meta_.epoch_of(row->item.drive));
      target.state =
          row->epoch == epoch && epoch != 0 ? Target::State::kKnown : Target::State::kStale;
    } else if (shortcut.dangling_epoch != 0 && shortcut.dangling_epoch == *account) {
      target.state = Target::State::kDangling;
    }
  }
  target.folder = row && row->item.kind == drive::ItemKind::kFolder;
  if (row && row->item.shortcut) target.state = Target::State::kDangling;  // Drive has no such ones
  return target;
}

Result<std::optional<ItemRow>> Views::shortcut_behind(InodeId inode) const {
  DRIVEWAY_TRY(const auto alias, meta_.alias(inode));
  if (alias && alias->shortcut.value() == 0) return std::optional<ItemRow>();
  DRIVEWAY_TRY(auto row, meta_.item(alias ? alias->shortcut : inode));
  if (row && !row->item.shortcut) row.reset();
  return row;
}

Result<InodeId> Views::real_directory(InodeId inode) const {
  if (is_fixed(inode)) return inode;
  DRIVEWAY_TRY(const auto alias, meta_.alias(inode));
  if (alias && alias->shortcut.value() == 0) return alias->real;
  DRIVEWAY_TRY(const auto row, meta_.item(alias ? alias->shortcut : inode));
  if (!row) return no_inode(inode);
  if (row->item.kind == drive::ItemKind::kFolder) return inode;
  if (row->item.shortcut) {
    DRIVEWAY_TRY(const Target to, target(*row));
    if (to.folder) return to.inode;
  }
  return Error{ErrorCode::kNotADirectory, cat(row->item.name, " is not a folder")};
}

Result<InodeId> Views::parent_of(InodeId directory) const {
  if (is_fixed(directory)) return InodeId();
  DRIVEWAY_TRY(const auto alias, meta_.alias(directory));
  if (alias) return alias->parent;
  DRIVEWAY_TRY(const auto row, meta_.item(directory));
  return row ? row->directory : InodeId();
}

// Whether `directory` is a folder shortcut.
Result<bool> Views::is_crossing(InodeId directory) const {
  if (is_fixed(directory)) return false;
  DRIVEWAY_TRY(const auto shortcut, shortcut_behind(directory));
  return shortcut.has_value();
}

// How a shortcut to `folder` is shown in `directory`.
Result<Views::Way> Views::way_to(InodeId folder, InodeId directory) const {
  int crossings = 0;
  std::string up;
  for (int depth = 0; directory.value() != 0 && depth < kMaxDepth; ++depth) {
    DRIVEWAY_TRY(const InodeId real, real_directory(directory));
    if (real == folder) return Way{Way::Kind::kLoop, up.empty() ? "." : up};
    DRIVEWAY_TRY(const bool crossing, is_crossing(directory));
    if (crossing) ++crossings;
    up += up.empty() ? ".." : "/..";
    DRIVEWAY_TRY(directory, parent_of(directory));
  }
  if (crossings >= kMostCrossings) return Way{Way::Kind::kTooDeep, ""};
  return Way{};
}

Result<NodeKind> Views::kind_in(InodeId inode, const Dentry& dentry) const {
  if (dentry.kind != EntryKind::kFolderShortcut) return node_kind(dentry.kind);
  DRIVEWAY_TRY(const auto row, meta_.item(dentry.inode));
  if (!row) return NodeKind::kDirectory;
  DRIVEWAY_TRY(const Target to, target(*row));
  if (to.state == Target::State::kDangling) return NodeKind::kFile;
  if (to.state == Target::State::kUnknown) return NodeKind::kDirectory;
  if (!to.folder) return NodeKind::kFile;
  DRIVEWAY_TRY(const Way way, way_to(to.inode, inode));
  switch (way.kind) {
    case Way::Kind::kDirectory:
      return NodeKind::kDirectory;
    case Way::Kind::kLoop:
      return NodeKind::kSymlink;
    case Way::Kind::kTooDeep:
      return NodeKind::kFile;
  }
  return NodeKind::kDirectory;
}

void Views::make_text(Node& node, NodeKind kind, std::string text) {
  node.kind = kind;
  node.content = ContentKind::kLink;
  node.size = text.size();
  node.link_text = std::move(text);
}

// REQUIRES learn_account().
Node Views::fixed_node(InodeId inode) const {
  Node node;
  node.inode = inode;
  node.parent = kRootInode;
  node.kind = NodeKind::kDirectory;
  node.mode = type_bits(node.kind) | options_.directory_mode;
  node.uid = options_.uid;
  node.gid = options_.gid;
  node.created = node.modified = begun_;
  if (inode == my_drive_inode(options_.layout)) {
    drive::Item item;
    item.id = account_->root;
    item.name = "My Drive";
    item.kind = drive::ItemKind::kFolder;
    item.mime_type = drive::kFolderMimeType;
    node.item = std::move(item);
  }
  return node;
}

void Views::set_attributes(Node& node, const drive::Item& item) const {
  node.modified = item.modified;
  node.created = item.created;
  const Owner owner = owner_of(item, options_);
  node.uid = owner.uid;
  node.gid = owner.gid;
  node.mode = type_bits(node.kind) |
              (node.kind == NodeKind::kSymlink ? kSymlinkMode : permissions_of(item, options_));
}

void Views::set_content(Node& node, const drive::Item& item) const {
  node.kind = node_kind(entry_kind(item));
  if (item.kind == drive::ItemKind::kFolder) {
    node.content = ContentKind::kNone;
  } else if (auto link = link_target_property(item)) {
    make_text(node, NodeKind::kSymlink, *std::move(link));
  } else if (item.kind == drive::ItemKind::kFile) {
    node.content = ContentKind::kBlob;
    node.size = item.size.value_or(0);
  } else if (const auto format = export_format(item.mime_type, options_.docs)) {
    node.content = ContentKind::kExport;
    node.export_mime = format->mime_type;
  } else {
    make_text(node, NodeKind::kFile, doc_text(item, account_->email, options_.docs));
  }
}

// REQUIRES learn_account(), and a row that is no shortcut.
Node Views::plain_node(const ItemRow& row) const {
  Node node;
  node.inode = row.inode;
  node.parent = row.directory;
  node.unnamed = !row.live();
  set_content(node, row.item);
  set_attributes(node, row.item);
  node.item = row.item;
  return node;
}

Result<Node> Views::folder_shortcut_node(InodeId inode, InodeId directory, const ItemRow& shortcut,
                                         InodeId target) const {
  DRIVEWAY_TRY(const Way way, way_to(target, directory));
  DRIVEWAY_TRY(auto folder, node(target));
  if (!folder) return no_inode(target);
  Node node = *std::move(folder);
  node.inode = inode;
  node.parent = directory;
  node.unnamed = !shortcut.live();
  if (way.kind == Way::Kind::kLoop) make_text(node, NodeKind::kSymlink, way.link);
  if (way.kind == Way::Kind::kTooDeep) {
    make_text(node, NodeKind::kFile, too_deep_text(shortcut.item));
  }
  if (way.kind != Way::Kind::kDirectory) {
    node.item.reset();
    set_attributes(node, shortcut.item);
  }
  node.shortcut = shortcut.item;
  return node;
}

Result<std::optional<Node>> Views::shortcut_node(InodeId inode, InodeId directory,
                                                 const ItemRow& shortcut) const {
  DRIVEWAY_TRY(const Target to, target(shortcut));
  if (to.state == Target::State::kUnknown) return std::optional<Node>();
  if (to.state == Target::State::kDangling) {
    Node node;
    node.inode = inode;
    node.parent = directory;
    node.unnamed = !shortcut.live();
    make_text(node, NodeKind::kFile, dangling_text(shortcut.item));
    set_attributes(node, shortcut.item);
    node.shortcut = shortcut.item;
    return std::optional<Node>(std::move(node));
  }
  if (to.folder) {
    DRIVEWAY_TRY(Node node, folder_shortcut_node(inode, directory, shortcut, to.inode));
    return std::optional<Node>(std::move(node));
  }
  DRIVEWAY_TRY(const auto row, meta_.item(to.inode));
  if (!row) return no_inode(to.inode);
  Node node = plain_node(*row);
  node.inode = inode;
  node.parent = directory;
  node.unnamed = !shortcut.live();
  node.shortcut = shortcut.item;
  return std::optional<Node>(std::move(node));
}

Result<std::optional<Node>> Views::alias_node(InodeId inode, const AliasRow& alias) const {
  if (alias.shortcut.value() != 0) {
    DRIVEWAY_TRY(const auto row, meta_.item(alias.shortcut));
    if (!row) return no_inode(inode);
    return shortcut_node(inode, alias.parent, *row);
  }
  DRIVEWAY_TRY(auto folder, node(alias.real));
  if (!folder) return no_inode(inode);
  folder->inode = inode;
  folder->parent = alias.parent;
  return folder;
}

Result<std::optional<Node>> Views::node(InodeId inode) const {
  DRIVEWAY_CHECK(learn_account());
  if (is_fixed(inode)) {
    return std::optional<Node>(fixed_node(inode));
  }
  DRIVEWAY_TRY(const auto row, meta_.item(inode));
  if (row) {
    if (row->item.shortcut) return shortcut_node(inode, row->directory, *row);
    return std::optional<Node>(plain_node(*row));
  }
  DRIVEWAY_TRY(const auto alias, meta_.alias(inode));
  if (!alias) return no_inode(inode);
  return alias_node(inode, *alias);
}

}  // namespace driveway::tree
