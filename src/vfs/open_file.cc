#include "vfs/open_file.h"

#include <algorithm>
#include <cstring>

namespace driveway::vfs {

std::shared_ptr<Blob> BlobFile::blob() const {
  const std::lock_guard lock(mutex_);
  return blob_;
}

BlobFile::~BlobFile() {
  if (read_ahead_ != nullptr) read_ahead_->close();
}

// Null for a file that is fetched whole by its first read.
std::shared_ptr<ReadAhead> BlobFile::read_ahead() {
  const std::lock_guard lock(mutex_);
  if (read_ahead_ == nullptr) read_ahead_ = blobs_.make_read_ahead(*node_.item);
  return read_ahead_;
}

Result<std::size_t> BlobFile::read(const Context& context, Bytes offset,
                                   std::span<std::byte> buffer) {
  const std::shared_ptr<Blob> before = blob();
  std::shared_ptr<Blob> now = before;
  const auto ahead = read_ahead();
  const ByteRange range = ByteRange{offset, buffer.size()}.intersect({0, before->content().size()});
  if (!read_before_.load(std::memory_order_relaxed) && !read_before_.exchange(true)) {
    siblings_.read(node_, before->content().complete());
  }
  ByteRange ask;
  if (ahead != nullptr && !range.empty()) {
    ask = ahead->before_read(before, range, before->has(range));
  }
  auto count = blobs_.read(context, node_, now, offset, buffer, ask);
  if (count.failed_with(ErrorCode::kStale)) blobs_.noticed_stale(context, Blobs::Look::kSoon);
  if (now != before) {
    const std::lock_guard lock(mutex_);
    blob_ = std::move(now);
  }
  return count;
}

Result<std::size_t> TextFile::read(const Context&, Bytes offset, std::span<std::byte> buffer) {
  if (offset >= text_.size()) return std::size_t{0};
  const std::size_t count = std::min<std::size_t>(buffer.size(), text_.size() - offset);
  std::memcpy(buffer.data(), text_.data() + offset, count);
  return count;
}

}  // namespace driveway::vfs
