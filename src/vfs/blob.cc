#include "vfs/blob.h"

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "base/strings.h"
#include "vfs/read_ahead.h"

namespace driveway::vfs {
namespace {

// A block may be dropped between ensure() and read() (its crc failed): it is fetched again, so
// often at most.
constexpr int kReadAttempts = 4;

// After the disk had no room: others' contents may be evicted, or closed, meanwhile.
constexpr Duration kNoRoom = std::chrono::seconds(5);

bool is_of_the_disk(const Status& status) {
  return status.failed_with(ErrorCode::kNoSpace) || status.failed_with(ErrorCode::kLocalDisk);
}

// Whether what `status` says is of the item that was asked: another one of equal content may do.
bool is_of_the_item(const Status& status) {
  return status.failed_with(ErrorCode::kStale) || status.failed_with(ErrorCode::kNotFound) ||
         status.failed_with(ErrorCode::kPermissionDenied) ||
         status.failed_with(ErrorCode::kQuotaExceeded);
}

}  // namespace

Blob::Blob(drive::Item item, std::shared_ptr<cache::Content> content, Verifier& verifier,
           const Clock& clock)
    : item_(std::move(item)), content_(std::move(content)), verifier_(verifier), clock_(clock) {
  const ByteRange whole{0, content_->size()};
  shown_ = content_->missing(whole) != std::vector{whole};
}

bool Blob::has(ByteRange range) const {
  if (!content_->has(range)) return false;
  const std::lock_guard lock(mutex_);
  return !hidden_.intersects(range);
}

Error Blob::stale() const {
  return {ErrorCode::kStale, cat("\"", item_.name, "\" was replaced in Drive")};
}

Status Blob::write(Bytes offset, std::span<const std::byte> data) {
  const std::shared_lock writing(gate_);
  if (retired_) return stale();
  {
    const std::lock_guard lock(mutex_);
    hidden_.add({offset, data.size()});
    unconfirmed_.add({offset, data.size()});
  }
  const Status written = content_->write(offset, data);
  if (is_of_the_disk(written)) no_room_until_ = clock_.now() + kNoRoom;
  return written;
}

void Blob::expose(ByteRange range) {
  shown_ = true;
  const std::lock_guard lock(mutex_);
  hidden_.subtract(range);
}

Status Blob::commit(ByteRange range) {
  const std::shared_lock writing(gate_);
  if (retired_) return stale();  // what is here now is of the Blob that came after
  const Status committed = content_->commit(range);
  expose(range);
  {
    const std::lock_guard lock(mutex_);
    unconfirmed_.subtract(range);
  }
  // A content of one piece is compared as it comes.
  if (committed.ok() && range.length < content_->size()) verify_if_whole();
  return committed;
}

void Blob::discard(ByteRange range) {
  const std::shared_lock writing(gate_);
  if (retired_) return;  // what is here now is of the Blob that came after
  content_->discard(range);
  const std::lock_guard lock(mutex_);
  take_back(range);
}

// With mutex_ held. Readers may have seen some of what is not hidden: of one revision, but perhaps
// not of this content's (R1).
void Blob::take_back(ByteRange range) {
  for (const ByteRange& unconfirmed : unconfirmed_.ranges()) {
    const ByteRange part = unconfirmed.intersect(range);
    misled_ = misled_ || !(part.empty() || hidden_.contains(part));
  }
  hidden_.subtract(range);
  unconfirmed_.subtract(range);
}

void Blob::retire() {
  give_up();
  const std::lock_guard lock(mutex_);
  stale_ = true;
}

bool Blob::is_stale_of(const drive::Item& item) const {
  const std::lock_guard lock(mutex_);
  return stale_ && item.id == item_.id && item.head_revision == item_.head_revision;
}

void Blob::give_up() {
  const std::unique_lock no_write(gate_);
  if (std::exchange(retired_, true)) return;
  const std::lock_guard lock(mutex_);
  for (const ByteRange& range : unconfirmed_.ranges()) {
    content_->discard(range);
    take_back(range);
  }
}

bool Blob::misled() const {
  const std::lock_guard lock(mutex_);
  return misled_;
}

bool Blob::retired() const {
  const std::shared_lock lock(gate_);
  return retired_;
}

void Blob::verify_if_whole() {
  if (content_->complete() && !content_->verified() && drive::expected_hash(item_)) {
    verifier_.enqueue(item_);
  }
}

bool Blob::trusted() const {
  if (!drive::expected_hash(item_)) return true;
  return content_->verified() && verifier_.rejections(content_->id()) == 0;
}

Status Blob::check() const {
  constexpr int kMostRejections = 2;
  if (verifier_.rejections(content_->id()) < kMostRejections) return {};
  return Error{ErrorCode::kCorrupt,
               cat("\"", item_.name, "\" does not have the checksum that Drive names")};
}

Blobs::Blobs(cache::ContentCache& cache, transfer::Fetcher& fetcher, PastCache& past_cache,
             Verifier& verifier, Bytes most_whole, Clock& clock, Metrics& metrics)
    : cache_(cache),
      fetcher_(fetcher),
      past_cache_(past_cache),
      verifier_(verifier),
      clock_(clock),
      most_whole_(most_whole),
      from_cache_(metrics.counter("vfs.read_bytes.cache")),
      from_drive_(metrics.counter("vfs.read_bytes.drive")),
      uncached_(metrics.counter("vfs.read_bytes.uncached")) {}

void Blobs::noticed_stale(const Context& context) {
  constexpr Duration kBetween = std::chrono::milliseconds(100);
  const TimePoint now = clock_.now();
  TimePoint last = told_stale_.load();
  if (last != TimePoint::min() && now - last < kBetween) return;
  if (tell_stale_ && told_stale_.compare_exchange_strong(last, now)) tell_stale_(context);
}

std::shared_ptr<ReadAhead> Blobs::make_read_ahead(const drive::Item& item) {
  const Bytes size = item.size.value_or(0);
  if (size <= kShortestGet) return nullptr;
  return ReadAhead::make(size, container_of(item.name), most_whole_, fetcher_);
}

Result<std::shared_ptr<Blob>> Blobs::open(const drive::Item& item) {
  const auto id = drive::content_id(item);
  if (!id) return Error{ErrorCode::kUnsupported, cat("\"", item.name, "\" has no content")};
  const std::lock_guard lock(mutex_);
  if (const auto found = open_.find(*id); found != open_.end()) {
    const auto blob = found->second.lock();
    if (blob != nullptr && !blob->retired()) return blob;
    if (blob != nullptr) retired_.push_back(blob);
    open_.erase(found);
  }
  std::erase_if(retired_, [](const auto& other) { return other.expired(); });
  for (const auto& other : retired_) {
    const auto blob = other.lock();
    if (blob != nullptr && blob->is_stale_of(item)) {
      return Error{ErrorCode::kStale, cat("\"", item.name, "\" was replaced in Drive")};
    }
  }
  return make(item, *id);
}

// With mutex_ held.
Result<std::shared_ptr<Blob>> Blobs::make(const drive::Item& item, const ContentId& id) {
  DRIVEWAY_TRY(auto content, cache_.open_content(id, item.size.value_or(0)));
  auto blob = std::make_shared<Blob>(item, std::move(content), verifier_, clock_);
  blob->verify_if_whole();
  open_[id] = blob;
  std::erase_if(open_, [](const auto& other) { return other.second.expired(); });
  return blob;
}

// R1: of a content that another Blob fetches now, also what that one knows.
bool Blobs::is_here(const Blob& blob, ByteRange range) {
  if (!blob.has(range)) return false;
  if (!blob.retired()) return true;
  const std::lock_guard lock(mutex_);
  const auto found = open_.find(blob.content().id());
  const auto successor = found == open_.end() ? nullptr : found->second.lock();
  return successor == nullptr || successor->has(range);
}

// `blob` cannot go on: from now on its content is fetched from `item`.
Result<std::shared_ptr<Blob>> Blobs::replace(const std::shared_ptr<Blob>& blob,
                                             const drive::Item& item) {
  blob->give_up();
  return open(item);
}

Result<std::size_t> Blobs::read(const Context& context, const drive::Item& item,
                                std::shared_ptr<Blob>& blob, Bytes offset,
                                std::span<std::byte> buffer, ByteRange ask) {
  const ByteRange range =
      ByteRange{offset, buffer.size()}.intersect(ByteRange{0, blob->content().size()});
  if (range.empty()) return std::size_t{0};
  const auto part = buffer.first(range.length);
  bool waited = false;
  for (int attempt = 1; attempt <= kReadAttempts; ++attempt) {
    DRIVEWAY_CHECK(blob->check());
    if (!is_here(*blob, range)) {
      if (blob->lacks_room()) return read_uncached(context, item, range, part);
      waited = true;
      const Status fetched = fetcher_.ensure(context, blob, range, ask);
      if (is_of_the_item(fetched) && blob->item().id != item.id) {
        DRIVEWAY_TRY(const auto other, replace(blob, item));
        // What this reader got may have been the other item's new content: no mixture of the two.
        if (blob->misled())
          return Error{
              ErrorCode::kStale,
              cat("\"", item.name,
                  "\" was read from an equal file that was replaced meanwhile: open it again")};
        blob = other;
        continue;
      }
      if (is_of_the_disk(fetched)) {
        log::debug("reading past the cache: ", fetched.error());
        return read_uncached(context, item, range, part);
      }
      if (fetched.failed_with(
              ErrorCode::kNotFound)) {  // R1a: the name has gone, the handle has not
        return Error{ErrorCode::kStale, cat("\"", item.name, "\" was deleted in Drive")};
      }
      DRIVEWAY_CHECK(fetched);
    }
    auto count = blob->content().read(offset, part);
    if (count.ok()) (waited ? from_drive_ : from_cache_).add(*count);
    if (count.failed_with(ErrorCode::kLocalDisk)) {
      log::debug("reading past the cache: ", count.error());
      return read_uncached(context, item, range, part);
    }
    if (count.ok() || count.error().code != ErrorCode::kNotFound) return count;
  }
  return Error{ErrorCode::kCorrupt,
               cat("the cached bytes of \"", item.name,
                   "\" keep failing their checksum: the local disk is damaged")};
}

Result<std::size_t> Blobs::read_uncached(const Context& context, const drive::Item& item,
                                         ByteRange range, std::span<std::byte> buffer) {
  DRIVEWAY_CHECK(past_cache_.read(context, item, range.offset, buffer));
  uncached_.add(range.length);
  return static_cast<std::size_t>(range.length);
}

}  // namespace driveway::vfs
