// What changes nothing.
#include <algorithm>
#include <span>
#include <utility>
#include <vector>

#include "base/strings.h"
#include "tree/layout.h"
#include "vfs/attributes.h"
#include "vfs/vfs_impl.h"

namespace driveway::vfs {
namespace {

// What statfs shows where the account has no limit (drive-api reference 8.7: unlimited or pooled
// storage).
constexpr Bytes kUnlimitedStorage = 1024 * 1024 * kGiB;
constexpr Bytes kMaxSymlinkTarget = 4096;  // PATH_MAX
constexpr Bytes kStep = 1 * kMiB;

// Has the bytes fetched that a file that is being changed has from its content in Drive.
Status fetch_base(const Context& context, Draft& draft) {
  std::vector<std::byte> buffer(kStep);
  for (const cache::Part& part : draft.parts({0, draft.size()})) {
    if (part.kind != cache::PartKind::kBase) continue;
    for (Bytes offset = part.range.offset; offset < part.range.end(); offset += kStep) {
      const std::span<std::byte> step(buffer.data(), std::min(kStep, part.range.end() - offset));
      DRIVEWAY_TRY(const std::size_t count, draft.read(context, offset, step));
      static_cast<void>(count);
    }
  }
  return {};
}

}  // namespace

Result<tree::Node> VfsImpl::lookup(const Context& context, InodeId parent, std::string_view name) {
  return view_->lookup(context, parent, name);
}

// What is written to a file without a name, of which only its draft knows.
tree::Node VfsImpl::with_draft(tree::Node node) {
  if (const auto draft = drafts_->find(node.inode)) {
    node.size = draft->size();
    node.modified = draft->modified();
  }
  return node;
}

Result<tree::Node> VfsImpl::node(InodeId inode) {
  if (auto lost = open_nodes_.find_lost(inode)) return with_draft(*std::move(lost));
  auto node = view_->node(inode);
  if (!node.ok() && !node.failed_with(ErrorCode::kNotFound)) return node;
  const bool is_named = node.ok() && (node->parent != InodeId() ||
                                      (node->kind == tree::NodeKind::kDirectory && !node->unnamed));
  if (is_named) return node;
  const auto open = open_nodes_.find(inode);
  if (!open) return node;
  // It lost its name in Drive. What the tree may still say of it is of before it was changed here.
  if (!node.ok()) node = *open;
  node->parent = InodeId();
  node->mode = open->mode;
  node->uid = open->uid;
  node->gid = open->gid;
  if (node->item && open->item) node->item->properties = open->item->properties;
  return with_draft(*std::move(node));
}

std::shared_ptr<const void> VfsImpl::open_folder(InodeId folder) {
  const auto node = view_->node(folder);
  if (!node.ok()) return nullptr;
  open_nodes_.add(*node);
  return {this, [this, folder](const void*) { open_nodes_.remove(folder); }};
}

std::vector<std::optional<tree::Node>> VfsImpl::nodes(std::span<const InodeId> inodes) {
  return view_->nodes(inodes);
}

Result<std::vector<tree::DirEntry>> VfsImpl::list(const Context& context, InodeId directory) {
  return view_->list(context, directory);
}

Result<tree::Node> VfsImpl::resolve(const Context& context, std::string_view path) {
  return view_->resolve(context, path);
}

Result<tree::Node> VfsImpl::by_id(const Context& context, const FileId& id) {
  return view_->by_id(context, id);
}

std::string VfsImpl::path_of(InodeId inode) {
  std::string path;
  for (int depth = 0; inode != tree::Tree::root(); ++depth) {
    // Two clients have put two folders into each other.
    if (depth == tree::kMaxDepth) return "";
    const auto place = view_->place(inode);
    if (!place) return "";
    path = path.empty() ? place->name : cat(place->name, "/", path);
    inode = place->parent;
  }
  return path;
}

Result<std::shared_ptr<OpenFile>> VfsImpl::open_file(const Context& context, InodeId inode,
                                                     const OpenMode& mode) {
  if (!mode.write && !mode.truncate) {
    if (auto file = late_opens_.find(inode)) return file;
  }
  DRIVEWAY_TRY(tree::Node node, this->node(inode));
  if (node.kind == tree::NodeKind::kDirectory) {
    return Error{ErrorCode::kIsADirectory, cat("inode ", inode, " is a directory")};
  }
  if (mode.write || mode.truncate) DRIVEWAY_CHECK(check_writable());
  if (mode.write) return opener_->open_to_write(context, node, mode);
  if (mode.truncate) {
    DRIVEWAY_CHECK(opener_->truncate(context, node, 0));
    DRIVEWAY_TRY(node, this->node(inode));
  }
  return opener_->open_to_read(context, std::move(node));
}

Result<std::string> VfsImpl::read_link(const Context& context, InodeId inode) {
  DRIVEWAY_TRY(tree::Node node, this->node(inode));
  if (node.kind != tree::NodeKind::kSymlink) {
    return Error{ErrorCode::kInvalidArgument, cat("inode ", inode, " is not a symlink")};
  }
  const Bytes size = node.content == tree::ContentKind::kLink ? node.link_text.size() : node.size;
  if (size > kMaxSymlinkTarget) {
    return Error{ErrorCode::kNameTooLong, cat("the target of the symlink has ", size, " bytes")};
  }
  DRIVEWAY_TRY(const auto file, opener_->open_to_read(context, std::move(node)));
  std::string target(size, '\0');
  DRIVEWAY_TRY(const std::size_t count,
               file->read(context, 0, std::as_writable_bytes(std::span(target))));
  target.resize(count);
  return target;
}

Result<std::vector<std::string>> VfsImpl::list_attributes(InodeId inode) {
  DRIVEWAY_TRY(const tree::Node node, this->node(inode));
  std::vector<std::string> names;
  for (auto& [name, value] : drive_attributes(node)) names.push_back(std::move(name));
  return names;
}

Result<std::string> VfsImpl::attribute(InodeId inode, std::string_view name) {
  DRIVEWAY_TRY(const tree::Node node, this->node(inode));
  for (auto& [own_name, value] : drive_attributes(node)) {
    if (own_name == name) return std::move(value);
  }
  return Error{ErrorCode::kNotFound, cat("no attribute ", name)};
}

Result<Space> VfsImpl::space(const Context& context) {
  DRIVEWAY_TRY(const drive::About about, tree_->about(context));
  Space space;
  space.total = about.storage_limit.value_or(kUnlimitedStorage);
  space.free = space.total - std::min(space.total, about.usage);
  space.items = tree_->status().items;
  return space;
}

Status VfsImpl::fetch_content(const Context& context, const tree::Node& node) {
  if (node.content != tree::ContentKind::kBlob) {
    return Error{ErrorCode::kUnsupported, cat("inode ", node.inode, " has no content in Drive")};
  }
  if (const auto draft = drafts_->find(node.inode); draft != nullptr && draft->dirty()) {
    return fetch_base(context, *draft);
  }
  return whole_fetch_->fetch(context, node);
}

}  // namespace driveway::vfs
