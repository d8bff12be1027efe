#include "vfs/open_file.h"

#include <algorithm>
#include <cstring>

#include "base/strings.h"

namespace driveway::vfs {
namespace {

// A draft that ends while somebody looks is rare; that many in turn are not to be expected.
constexpr int kMostLooks = 8;

// Of a file without holes.
std::optional<Bytes> data_from(Bytes offset, Bytes size) {
  if (offset >= size) return std::nullopt;
  return offset;
}

std::optional<Bytes> hole_from(Bytes offset, Bytes size) {
  if (offset >= size) return std::nullopt;
  return size;
}

}  // namespace

// --- OpenNodes.

void OpenNodes::add(const tree::Node& node) {
  const std::lock_guard lock(mutex_);
  Entry& entry = nodes_[node.inode];
  if (entry.files++ == 0) entry.node = node;
}

void OpenNodes::remove(InodeId inode) {
  const std::lock_guard lock(mutex_);
  const auto found = nodes_.find(inode);
  if (found != nodes_.end() && --found->second.files <= 0) nodes_.erase(found);
}

std::optional<tree::Node> OpenNodes::find(InodeId inode) const {
  const std::lock_guard lock(mutex_);
  const auto found = nodes_.find(inode);
  if (found == nodes_.end()) return std::nullopt;
  return without_name(found->second.node);
}

void OpenNodes::lost_name(const tree::Node& node) {
  const std::lock_guard lock(mutex_);
  const auto found = nodes_.find(node.inode);
  if (found == nodes_.end()) return;
  found->second.node = node;
  found->second.lost = true;
}

void OpenNodes::has_name(InodeId inode) {
  const std::lock_guard lock(mutex_);
  const auto found = nodes_.find(inode);
  if (found != nodes_.end()) found->second.lost = false;
}

std::optional<tree::Node> OpenNodes::find_lost(InodeId inode) const {
  const std::lock_guard lock(mutex_);
  const auto found = nodes_.find(inode);
  if (found == nodes_.end() || !found->second.lost) return std::nullopt;
  return without_name(found->second.node);
}

std::optional<tree::Node> OpenNodes::change(InodeId inode,
                                            const std::function<void(tree::Node&)>& change) {
  const std::lock_guard lock(mutex_);
  const auto found = nodes_.find(inode);
  if (found == nodes_.end()) return std::nullopt;
  change(found->second.node);
  return without_name(found->second.node);
}

tree::Node OpenNodes::without_name(tree::Node node) {
  node.parent = InodeId();
  node.unnamed = true;
  return node;
}

// --- BlobFile.

BlobFile::~BlobFile() {
  writes_.open_nodes().remove(source_);
  if (origin_.read_ahead != nullptr) origin_.read_ahead->close();
}

BlobFile::Origin BlobFile::origin() const {
  const std::lock_guard lock(mutex_);
  return origin_;
}

Status BlobFile::open() { return look_again(); }

// With looking_ held.
Status BlobFile::open_blob(tree::Node node) {
  DRIVEWAY_TRY(auto blob, blobs_.open(*node.item, node_.inode));
  const std::lock_guard lock(mutex_);
  if (origin_.read_ahead != nullptr) origin_.read_ahead->close();
  origin_ = {nullptr, std::move(blob), std::make_shared<const tree::Node>(std::move(node)),
             nullptr};
  return {};
}

BlobFile::Now BlobFile::look(std::optional<tree::Node> known) const {
  for (int look = 1;; ++look) {
    if (auto draft = writes_.draft_of(source_)) return {std::move(draft), std::nullopt};
    if (!known) {
      auto node = writes_.node_of(source_);
      if (!node.ok() || !node->item) return {};
      known = *std::move(node);
    }
    // Else it was a draft's when it was looked at, and that has ended since.
    if (drive::content_id(*known->item) || look == kMostLooks) return {nullptr, std::move(known)};
    known.reset();
  }
}

// Who writes has a draft, and readers read that, as long as it lives; behind it the file is a blob
// again, with another content.
Status BlobFile::look_again() {
  const std::lock_guard looking(looking_);
  const std::uint64_t count = writes_.count();
  if (seen_.load(std::memory_order_acquire) == count) return {};
  const Origin before = origin();
  const bool is_first = before.blob == nullptr && before.draft == nullptr;
  Now now = look(is_first ? std::optional(node_) : std::nullopt);
  if (now.draft != nullptr) {
    const std::lock_guard lock(mutex_);
    origin_.draft = std::move(now.draft);
  } else if (now.node) {
    const bool same = before.blob != nullptr && before.draft == nullptr &&
                      drive::content_id(*now.node->item) == drive::content_id(*before.node->item);
    now.node->inode = node_.inode;
    if (!same) DRIVEWAY_CHECK(open_blob(*std::move(now.node)));
  } else if (is_first) {
    return Error{ErrorCode::kNotFound, "the file was removed while it was opened"};
  }  // else it has no name any more, and goes on with what it has
  seen_.store(count, std::memory_order_release);
  return {};
}

bool BlobFile::keep_cache() const {
  const Origin now = origin();
  return now.draft == nullptr && now.blob->trusted();
}

void BlobFile::set_shown() {
  if (const Origin now = origin(); now.blob != nullptr) now.blob->set_shown();
}

bool BlobFile::is_clean() const {
  if (seen_.load(std::memory_order_acquire) != writes_.count() &&
      writes_.draft_of(source_) != nullptr) {
    return false;
  }
  const Origin now = origin();
  return now.draft == nullptr &&
         drive::content_id(*now.node->item) == drive::content_id(*node_.item);
}

Result<std::size_t> BlobFile::read(const Context& context, Bytes offset,
                                   std::span<std::byte> buffer) {
  if (seen_.load(std::memory_order_acquire) != writes_.count()) DRIVEWAY_CHECK(look_again());
  Origin now = origin();
  if (now.draft != nullptr) return now.draft->read(context, offset, buffer);
  return read_blob(context, std::move(now), offset, buffer);
}

// Null for a file that is fetched whole by its first read.
std::shared_ptr<ReadAhead> BlobFile::read_ahead(const Origin& origin) {
  const std::lock_guard lock(mutex_);
  if (origin_.node != origin.node) return origin.read_ahead;
  if (origin_.read_ahead == nullptr) {
    origin_.read_ahead = blobs_.make_read_ahead(*origin.node->item);
  }
  return origin_.read_ahead;
}

Result<std::size_t> BlobFile::read_blob(const Context& context, Origin origin, Bytes offset,
                                        std::span<std::byte> buffer) {
  const std::shared_ptr<Blob> before = origin.blob;
  const ByteRange range = ByteRange{offset, buffer.size()}.intersect({0, before->content().size()});
  if (!read_before_.load(std::memory_order_relaxed) && !read_before_.exchange(true)) {
    siblings_.read(node_, before->content().complete());
  }
  ByteRange ask;
  if (const auto ahead = read_ahead(origin); ahead != nullptr && !range.empty()) {
    ask = ahead->before_read(before, range, before->has(range));
  }
  auto count = blobs_.read(context, *origin.node, origin.blob, offset, buffer, ask);
  if (count.failed_with(ErrorCode::kStale)) blobs_.noticed_stale(context, Blobs::Look::kSoon);
  if (origin.blob != before) {
    const std::lock_guard lock(mutex_);
    if (origin_.blob == before) origin_.blob = std::move(origin.blob);
  }
  return count;
}

std::optional<Bytes> BlobFile::next_data(Bytes offset) {
  const Origin now = origin();
  if (now.draft != nullptr) return now.draft->next_data(offset);
  return data_from(offset, now.blob->content().size());
}

std::optional<Bytes> BlobFile::next_hole(Bytes offset) {
  const Origin now = origin();
  if (now.draft != nullptr) return now.draft->next_hole(offset);
  return hole_from(offset, now.blob->content().size());
}

// --- TextFile.

Result<std::size_t> TextFile::read(const Context&, Bytes offset, std::span<std::byte> buffer) {
  if (offset >= text_.size()) return std::size_t{0};
  const std::size_t count = std::min<std::size_t>(buffer.size(), text_.size() - offset);
  std::memcpy(buffer.data(), text_.data() + offset, count);
  return count;
}

std::optional<Bytes> TextFile::next_data(Bytes offset) { return data_from(offset, text_.size()); }
std::optional<Bytes> TextFile::next_hole(Bytes offset) { return hole_from(offset, text_.size()); }

}  // namespace driveway::vfs
