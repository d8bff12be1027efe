#include "vfs/file_set.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "base/strings.h"
#include "tree/layout.h"

namespace driveway::vfs {
namespace {

constexpr std::size_t kBatch = 1000;  // nodes asked for at once

std::string below(const std::string& path, const std::string& name) {
  return path.empty() || path.ends_with('/') || path.ends_with(':') ? cat(path, name)
                                                                    : cat(path, "/", name);
}

}  // namespace

FileSetWalk::FileSetWalk(Vfs& vfs, Clock& clock, Duration step_deadline,
                         std::function<Status(const FileSet&)> looked)
    : vfs_(vfs), clock_(clock), step_deadline_(step_deadline), looked_(std::move(looked)) {}

Context FileSetWalk::step(const Context& context) const {
  return context.with_deadline(clock_.now() + step_deadline_);
}

void FileSetWalk::add_failure(std::string path, Error error) {
  set_.failures.push_back({std::move(path), std::move(error)});
}

Status FileSetWalk::add(const Context& context, const tree::Node& node, const std::string& path) {
  std::vector<Folder> folders;  // the last one is looked at next
  add_node(node, path, folders);
  while (!folders.empty()) {
    const Folder folder = std::move(folders.back());
    folders.pop_back();
    std::vector<Folder> found;
    const Status listed = add_folder(context, folder, found);
    DRIVEWAY_CHECK(context.check(clock_));
    if (!listed.ok()) add_failure(folder.path, listed.error());
    // In the order of their names.
    std::move(found.rbegin(), found.rend(), std::back_inserter(folders));
    DRIVEWAY_CHECK(looked_(set_));
  }
  return {};
}

Status FileSetWalk::add_folder(const Context& context, const Folder& folder,
                               std::vector<Folder>& found) {
  DRIVEWAY_TRY(const auto entries, vfs_.list(step(context), folder.inode));
  ++set_.folders;
  for (std::size_t begin = 0; begin < entries.size(); begin += kBatch) {
    const std::size_t end = std::min(entries.size(), begin + kBatch);
    std::vector<InodeId> inodes;
    for (std::size_t i = begin; i < end; ++i) inodes.push_back(entries[i].inode);
    auto nodes = vfs_.nodes(inodes);
    for (std::size_t i = begin; i < end; ++i) {
      const std::string path = below(folder.path, entries[i].name);
      std::optional<tree::Node>& node = nodes[i - begin];
      if (!node) {
        auto asked = look_up(context, folder.inode, entries[i].name);
        DRIVEWAY_CHECK(context.check(clock_));
        if (!asked.ok()) add_failure(path, asked.error());
        if (asked.ok()) node = *std::move(asked);
      }
      if (node && node->inode != tree::kTrashInode) add_node(*node, path, found);
    }
  }
  return {};
}

// A shortcut whose target must be asked for; nothing for what has gone since the listing.
Result<std::optional<tree::Node>> FileSetWalk::look_up(const Context& context, InodeId folder,
                                                       const std::string& name) {
  auto asked = vfs_.lookup(step(context), folder, name);
  if (asked.failed_with(ErrorCode::kNotFound)) return std::optional<tree::Node>();
  DRIVEWAY_TRY(tree::Node node, std::move(asked));
  return std::optional(std::move(node));
}

void FileSetWalk::add_node(const tree::Node& node, const std::string& path,
                           std::vector<Folder>& found) {
  if (node.kind == tree::NodeKind::kDirectory) {
    const bool seen = node.item && !folders_.insert(node.item->id.value()).second;
    if (!seen) found.push_back({node.inode, path});
    return;
  }
  const bool plain = node.kind == tree::NodeKind::kFile &&
                     node.content == tree::ContentKind::kBlob && node.item.has_value();
  const auto content = plain ? drive::content_id(*node.item) : std::nullopt;
  if (!content) {
    ++set_.skipped;
    return;
  }
  if (!contents_.insert(content->value()).second) return;
  set_.files.push_back({node.inode, *content, node.item->size.value_or(0), path});
}

}  // namespace driveway::vfs
