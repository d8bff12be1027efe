#include "vfs/open_file.h"

#include <algorithm>
#include <cstring>

namespace driveway::vfs {

std::shared_ptr<Blob> BlobFile::blob() const {
  const std::lock_guard lock(mutex_);
  return blob_;
}

Result<std::size_t> BlobFile::read(const Context& context, Bytes offset,
                                   std::span<std::byte> buffer) {
  const std::shared_ptr<Blob> before = blob();
  std::shared_ptr<Blob> now = before;
  auto count = blobs_.read(context, *node_.item, now, offset, buffer);
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
