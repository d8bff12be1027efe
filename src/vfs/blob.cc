#include "vfs/blob.h"

#include <algorithm>
#include <cstring>
#include <iterator>

#include "base/log.h"
#include "base/strings.h"

namespace driveway::vfs {
namespace {

// A block may be dropped between ensure() and read() (its crc failed): it is fetched again, so
// often at most.
constexpr int kReadAttempts = 4;

class BufferSink final : public ByteSink {
 public:
  explicit BufferSink(std::span<std::byte> buffer) : rest_(buffer) {}
  Status write(std::span<const std::byte> data) override {
    if (data.size() > rest_.size()) {
      return Error{ErrorCode::kCorrupt, "more bytes came than were asked for"};
    }
    std::memcpy(rest_.data(), data.data(), data.size());
    rest_ = rest_.subspan(data.size());
    return {};
  }

 private:
  std::span<std::byte> rest_;
};

}  // namespace

bool Blob::has(ByteRange range) const {
  if (!content_->has(range)) return false;
  const std::lock_guard lock(mutex_);
  return !hidden_.intersects(range);
}

Status Blob::write(Bytes offset, std::span<const std::byte> data) {
  {
    const std::lock_guard lock(mutex_);
    hidden_.add({offset, data.size()});
  }
  return content_->write(offset, data);
}

void Blob::expose(ByteRange range) {
  const std::lock_guard lock(mutex_);
  hidden_.subtract(range);
}

Status Blob::commit(ByteRange range) {
  const Status committed = content_->commit(range);
  expose(range);
  // A content of one piece is compared as it comes.
  if (committed.ok() && range.length < content_->size()) verify_if_whole();
  return committed;
}

void Blob::discard(ByteRange range) {
  content_->discard(range);
  expose(range);
}

void Blob::verify_if_whole() {
  if (!verified() && has({0, content_->size()})) verifier_.enqueue(item_);
}

Result<std::shared_ptr<Blob>> Blobs::open(const drive::Item& item) {
  const auto id = drive::content_id(item);
  if (!id) return Error{ErrorCode::kUnsupported, cat("\"", item.name, "\" has no content")};
  const std::lock_guard lock(mutex_);
  auto& entry = open_[{item.id, *id}];
  if (auto blob = entry.lock()) return blob;
  auto content = cache_.open_content(*id, item.size.value_or(0));
  if (!content.ok()) {
    open_.erase({item.id, *id});
    return std::move(content).error();
  }
  auto blob = std::make_shared<Blob>(item, *std::move(content), verifier_);
  blob->verify_if_whole();
  entry = blob;
  std::erase_if(open_, [](const auto& other) { return other.second.expired(); });
  return blob;
}

Result<std::size_t> Blobs::read(const Context& context, const std::shared_ptr<Blob>& blob,
                                Bytes offset, std::span<std::byte> buffer) {
  cache::Content& content = blob->content();
  const ByteRange range = ByteRange{offset, buffer.size()}.intersect(ByteRange{0, content.size()});
  if (range.empty()) return std::size_t{0};
  const auto part = buffer.first(range.length);
  for (int attempt = 1; attempt <= kReadAttempts; ++attempt) {
    if (!blob->has(range)) {
      const Status fetched = fetcher_.ensure(context, blob, range);
      if (fetched.failed_with(ErrorCode::kNoSpace) || fetched.failed_with(ErrorCode::kLocalDisk)) {
        log::debug("reading past the cache: ", fetched.error());
        return read_uncached(context, blob->item(), range, part);
      }
      if (fetched.failed_with(
              ErrorCode::kNotFound)) {  // R1a: the name has gone, the handle has not
        return Error{ErrorCode::kStale, cat("\"", blob->item().name, "\" was deleted in Drive")};
      }
      DRIVEWAY_CHECK(fetched);
    }
    auto count = content.read(offset, part);
    if (count.ok() || count.error().code != ErrorCode::kNotFound) return count;
  }
  return Error{ErrorCode::kCorrupt,
               cat("the cached bytes of \"", blob->item().name,
                   "\" keep failing their checksum: the local disk is damaged")};
}

// R1 holds here too: the bytes are given only when the item is at the same revision after they
// came.
Result<std::size_t> Blobs::read_uncached(const Context& context, const drive::Item& item,
                                         ByteRange range, std::span<std::byte> buffer) {
  BufferSink sink(buffer);
  DRIVEWAY_CHECK(store_.read(context, item, range, sink));
  DRIVEWAY_TRY(const drive::Item now, store_.get(context, item.id));
  if (drive::content_id(now) != drive::content_id(item)) {
    return Error{ErrorCode::kStale, cat("\"", item.name, "\" was replaced in Drive")};
  }
  return static_cast<std::size_t>(range.length);
}

}  // namespace driveway::vfs
