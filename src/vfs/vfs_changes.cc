// What changes something, and what becomes of it.
#include <set>
#include <utility>
#include <vector>

#include "base/strings.h"
#include "tree/layout.h"
#include "vfs/copying.h"
#include "vfs/export_unsent.h"
#include "vfs/vfs_impl.h"

namespace driveway::vfs {

Status VfsImpl::check_writable() const {
  if (!options_.read_only) return {};
  return Error{ErrorCode::kReadOnly, "mounted for reading only"};
}

// What an operation on the attributes of `inode` is about: the target of a shortcut, and what is
// behind a view of a folder.
Result<tree::Node> VfsImpl::changeable(const Context& context, InodeId inode) {
  DRIVEWAY_CHECK(check_writable());
  DRIVEWAY_TRY(tree::Node node, this->node(inode));
  if (node.kind != tree::NodeKind::kDirectory) return opener_->target_of(context, std::move(node));
  DRIVEWAY_TRY(const InodeId real, view_->real_directory(inode));
  if (real == inode) return node;
  return view_->node(real);
}

Status VfsImpl::set_attribute(const Context& context, InodeId inode, std::string_view name,
                              std::string_view value, AttributeMode mode) {
  DRIVEWAY_TRY(const tree::Node node, changeable(context, inode));
  return changing_->attributes.set_extended(context, node, name, value, mode);
}

Status VfsImpl::remove_attribute(const Context& context, InodeId inode, std::string_view name) {
  DRIVEWAY_TRY(const tree::Node node, changeable(context, inode));
  return changing_->attributes.remove_extended(context, node, name);
}

Result<tree::Node> VfsImpl::set_attributes(const Context& context, InodeId inode,
                                           const AttributeChange& change) {
  DRIVEWAY_TRY(tree::Node node, changeable(context, inode));
  if (change.size) {
    if (node.kind == tree::NodeKind::kDirectory) {
      return Error{ErrorCode::kIsADirectory, cat("inode ", inode, " is a directory")};
    }
    DRIVEWAY_CHECK(opener_->truncate(context, node, *change.size));
    DRIVEWAY_TRY(node, this->node(node.inode));
  }
  if (change.mode || change.uid || change.gid || change.modified) {
    DRIVEWAY_TRY(node, changing_->attributes.set(context, node, change));
  }
  return this->node(inode);
}

Result<Opened> VfsImpl::create_file(const Context& context, InodeId parent, std::string_view name,
                                    const NewNode& attributes, const OpenMode& mode) {
  DRIVEWAY_CHECK(check_writable());
  if (options_.max_backlog > Duration::zero()) {
    DRIVEWAY_CHECK(sender_->wait_for_backlog(context, options_.max_backlog));  // J11
  }
  DRIVEWAY_CHECK(check_accepted(parent));
  DRIVEWAY_TRY(auto made, changing_->naming.create_file(context, parent, name, attributes));
  tree::Node node = made.node;
  return Opened{std::move(node), opener_->open_made(std::move(made), mode)};
}

// E2.
Status VfsImpl::check_accepted(InodeId parent) {
  DRIVEWAY_TRY(const InodeId real, view_->real_directory(parent));
  DRIVEWAY_TRY(const tree::Node folder, view_->node(real));
  const auto drive = folder.item ? folder.item->drive.value_or(DriveId()) : DriveId();
  return opener_->check_accepted(real, drive, InodeId());
}

Result<tree::Node> VfsImpl::make_folder(const Context& context, InodeId parent,
                                        std::string_view name, const NewNode& attributes) {
  DRIVEWAY_CHECK(check_writable());
  return changing_->naming.make_folder(context, parent, name, attributes);
}

Result<tree::Node> VfsImpl::make_symlink(const Context& context, InodeId parent,
                                         std::string_view name, std::string_view target,
                                         const NewNode& attributes) {
  DRIVEWAY_CHECK(check_writable());
  DRIVEWAY_CHECK(check_accepted(parent));
  return changing_->naming.make_symlink(context, parent, name, target, attributes);
}

Status VfsImpl::unlink(const Context& context, InodeId parent, std::string_view name) {
  DRIVEWAY_CHECK(check_writable());
  return changing_->naming.unlink(context, parent, name);
}

Status VfsImpl::remove_folder(const Context& context, InodeId parent, std::string_view name) {
  DRIVEWAY_CHECK(check_writable());
  return changing_->naming.remove_folder(context, parent, name);
}

Status VfsImpl::rename(const Context& context, InodeId parent, std::string_view name,
                       InodeId new_parent, std::string_view new_name, RenameMode mode) {
  DRIVEWAY_CHECK(check_writable());
  return changing_->naming.rename(context, parent, name, new_parent, new_name, mode);
}

Result<Bytes> VfsImpl::copy_range(const Context& context, OpenFile& from, Bytes from_offset,
                                  OpenFile& to, Bytes to_offset, Bytes length) {
  DRIVEWAY_CHECK(check_writable());
  return vfs::copy_range(context, from, from_offset, to, to_offset, length);
}

Status VfsImpl::sync_folder(const Context& context, InodeId /*inode*/) {
  if (options_.read_only) return {};
  return journal_->sync(context);
}

// The inodes that Drive does not have as they are, at and below `inode` (0: all).
std::vector<InodeId> VfsImpl::unsent_below(InodeId inode) {
  std::vector<InodeId> found =
      journal_->look([](const journal::ChangeSet& set) { return set.dirty(); });
  if (inode == InodeId()) return found;
  const auto parent_of = [&](InodeId child) {
    const auto known = journal_->look([&](const journal::ChangeSet& set) {
      const journal::Change* const change = set.find(child);
      return change == nullptr ? std::nullopt : std::optional(change->parent());
    });
    if (known) return *known;
    const auto node = view_->node(child);
    return node.ok() ? node->parent : InodeId();
  };
  std::erase_if(found, [&](InodeId child) {
    for (int depth = 0; depth < tree::kMaxDepth; ++depth) {
      if (child == inode) return false;
      if (child == InodeId() || child == tree::Tree::root()) return true;
      child = parent_of(child);
    }
    return true;
  });
  return found;
}

Status VfsImpl::flush(const Context& context, InodeId inode) {
  DRIVEWAY_CHECK(check_writable());
  if (inode == tree::Tree::root()) inode = InodeId();
  if (inode != InodeId()) {
    DRIVEWAY_TRY(const tree::Node node, changeable(context, inode));
    inode = node.inode;
  }
  const auto unsent = unsent_below(inode);
  for (const InodeId each : unsent) {
    // What is written and not told of yet is meant too.
    if (const auto draft = drafts_->find(each)) DRIVEWAY_CHECK(draft->flush(context));
  }
  if (inode == InodeId()) return sender_->flush(context, {});
  if (unsent.empty()) return {};
  return sender_->flush(context, unsent);
}

Result<std::uint64_t> VfsImpl::export_unsent(const Context& context,
                                             const std::filesystem::path& folder) {
  std::vector<UnsentEntry> entries;
  for (const InodeId inode : unsent_below(InodeId())) {
    const auto node = view_->node(inode);
    if (!node.ok()) continue;
    const std::string path = path_of(inode);
    if (path.empty()) continue;  // removed
    entries.push_back({path, *node, drafts_->find(inode)});
  }
  return export_entries(context, entries, folder);
}

}  // namespace driveway::vfs
