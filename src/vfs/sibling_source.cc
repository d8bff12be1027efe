#include "vfs/sibling_source.h"

#include <algorithm>
#include <span>
#include <utility>

#include "base/strings.h"

namespace driveway::vfs {
namespace {

class BlobFetching final : public SiblingSource::Fetching {
 public:
  explicit BlobFetching(std::unique_ptr<transfer::Ticket> ticket) : ticket_(std::move(ticket)) {}

 private:
  const std::unique_ptr<transfer::Ticket> ticket_;
};

}  // namespace

// What is being written here is not fetched.
bool LocalSiblings::is_sibling(const tree::Node& node) const {
  if (!is_small_file(node) || !node.item || !drive::content_id(*node.item)) return false;
  const auto draft = drafts_.find(node.inode);
  return draft == nullptr || !draft->dirty();
}

std::optional<std::vector<Sibling>> LocalSiblings::small_files(InodeId folder) {
  const auto entries = view_.known_list(folder);
  if (!entries) return std::nullopt;
  constexpr std::size_t kBatch = 1000;
  std::vector<Sibling> files;
  std::vector<InodeId> inodes;
  for (std::size_t begin = 0; begin < entries->size(); begin += kBatch) {
    inodes.clear();
    const std::size_t end = std::min(entries->size(), begin + kBatch);
    for (std::size_t i = begin; i < end; ++i) {
      const tree::DirEntry& entry = (*entries)[i];
      if (entry.kind == tree::NodeKind::kFile) inodes.push_back(entry.inode);
    }
    for (const auto& node : view_.nodes(inodes)) {
      if (node && is_sibling(*node)) files.push_back({node->inode, node->size});
    }
  }
  return files;
}

bool LocalSiblings::present(const Sibling& file) {
  const auto node = view_.node(file.inode);
  if (!node.ok() || !node->item) return true;  // it has gone: nothing to be done for it
  const auto id = drive::content_id(*node->item);
  if (!id) return true;
  const auto content = cache_.open_content(*id, node->size);
  return content.ok() && (*content)->complete();
}

Result<std::unique_ptr<SiblingSource::Fetching>> LocalSiblings::fetch(
    const Sibling& file, Priority priority, std::function<void(const Status&)> done) {
  DRIVEWAY_TRY(const tree::Node node, view_.node(file.inode));
  if (!is_sibling(node)) {
    return Error{ErrorCode::kNotFound, cat("inode ", file.inode, " is no small file any more")};
  }
  DRIVEWAY_TRY(const auto blob, blobs_.open(*node.item, node.inode));
  return std::unique_ptr<Fetching>(std::make_unique<BlobFetching>(
      fetcher_.want(blob, {0, node.size}, priority, std::move(done))));
}

}  // namespace driveway::vfs
