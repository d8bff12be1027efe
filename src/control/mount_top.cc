#include "control/mount_top.h"

#include <algorithm>
#include <utility>

#include "base/strings.h"
#include "tree/resolve_path.h"

namespace driveway::control {
namespace {

Result<tree::Node> look_up(const Context& context, vfs::Vfs& vfs, std::string_view top) {
  const tree::Layout layout = vfs.tree_options().layout;
  if (top.starts_with("id=")) {
    top.remove_prefix(3);
    const auto slash = std::min(top.find('/'), top.size());
    DRIVEWAY_TRY(tree::Node folder, vfs.by_id(context, FileId(std::string(top.substr(0, slash)))));
    return find_below(context, vfs, folder.inode, top.substr(slash));
  }
  if (top.starts_with('@')) {
    return vfs.resolve(context, path_in_shared_drives(layout, top.substr(1)));
  }
  return vfs.resolve(context, path_in_my_drive(layout, top));
}

}  // namespace

std::string path_in_my_drive(tree::Layout layout, std::string_view path) {
  return layout == tree::Layout::kColab ? cat("MyDrive/", path) : std::string(path);
}

std::string path_in_shared_drives(tree::Layout layout, std::string_view path) {
  return cat(layout == tree::Layout::kColab ? "Shareddrives/" : ".Shareddrives/", path);
}

Result<tree::Node> find_below(const Context& context, vfs::Vfs& vfs, InodeId top,
                              std::string_view below) {
  DRIVEWAY_TRY(tree::Node here, vfs.node(top));
  return tree::resolve_path(std::move(here), below, [&](InodeId folder, std::string_view name) {
    return vfs.lookup(context, folder, name);
  });
}

Result<InodeId> find_top(const Context& context, vfs::Vfs& vfs, std::string_view top) {
  auto node = look_up(context, vfs, top);
  if (node.failed_with(ErrorCode::kNotFound)) {
    return Error{ErrorCode::kNotFound,
                 cat("--top ", top,
                     ": there is no such folder in this Drive; it takes a path in My Drive, "
                     "@TEAM/PATH, or id=ID")};
  }
  if (!node.ok()) return wrap(std::move(node).error(), cat("--top ", top));
  if (node->kind != tree::NodeKind::kDirectory || !node->item) {
    return Error{ErrorCode::kNotADirectory, cat("--top ", top, ": that is no folder of Drive")};
  }
  if (node->item->trashed) {
    return Error{ErrorCode::kNotFound,
                 cat("--top ", top, ": the folder is in the trash; restore it first")};
  }
  return node->inode;
}

}  // namespace driveway::control
