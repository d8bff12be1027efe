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
  // At one moment: what is discarded is hidden no more.
  const std::lock_guard lock(mutex_);
  return !hidden_.intersects(range) && content_->has(range);
}

Status Blob::write(Bytes offset, std::span<const std::byte> data) {
  const std::shared_lock writing(gate_);
  if (retired_) return drive::replaced(item_);
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
  for (const ByteRange& unconfirmed : unconfirmed_.ranges()) {
    seen_.add(unconfirmed.intersect(range));
  }
}

Status Blob::commit(ByteRange range) {
  const std::shared_lock writing(gate_);
  if (retired_) return drive::replaced(item_);  // what is here now is of the Blob that came after
  const Status committed = content_->commit(range);
  expose(range);
  {
    const std::lock_guard lock(mutex_);
    unconfirmed_.subtract(range);
    seen_.subtract(range);
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

// With mutex_ held. What readers may have seen is of one revision, but perhaps not of this
// content's (R1).
void Blob::take_back(ByteRange range) {
  took_back_ = took_back_ || seen_.intersects(range);
  seen_.subtract(range);
  hidden_.subtract(range);
  unconfirmed_.subtract(range);
}

void Blob::retire() {
  {
    // First: who opens it may find it retired at any moment from then on, and must know why.
    const std::lock_guard lock(mutex_);
    stale_ = true;
  }
  give_up();
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
  misled_ = took_back_;
}

void Blob::read_as(InodeId inode) {
  const std::lock_guard lock(mutex_);
  inodes_.insert(inode);
}

bool Blob::is_read_as(InodeId inode) const {
  const std::lock_guard lock(mutex_);
  return inodes_.contains(inode);
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
  if (!drive::expected_hash(item_)) return content_->complete();
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

void Blobs::noticed_stale(const Context& context, Look look) {
  if (!tell_stale_) return;
  constexpr Duration kBetween = std::chrono::milliseconds(100);
  std::unique_lock lock(stale_mutex_);
  const std::uint64_t before = tellings_;
  while (telling_stale_ || (told_stale_ && clock_.now() < *told_stale_ + kBetween)) {
    const bool was_telling = telling_stale_;
    if (!was_telling && (look == Look::kSoon || tellings_ > before)) return;
    const Context until = was_telling ? context : context.with_deadline(*told_stale_ + kBetween);
    const Status waited =
        wait(until, clock_, lock, stale_told_, [&] { return telling_stale_ != was_telling; });
    if (!waited.ok() && !context.check(clock_).ok()) return;
  }
  telling_stale_ = true;
  ++tellings_;
  stale_told_.notify_all();
  lock.unlock();
  tell_stale_(context);
  lock.lock();
  telling_stale_ = false;
  told_stale_ = clock_.now();
  stale_told_.notify_all();
}

std::shared_ptr<ReadAhead> Blobs::make_read_ahead(const drive::Item& item) {
  const Bytes size = item.size.value_or(0);
  if (size <= kShortestGet) return nullptr;
  return ReadAhead::make(size, container_of(item.name), most_whole_, fetcher_);
}

Result<std::shared_ptr<Blob>> Blobs::open(const drive::Item& item, InodeId inode) {
  const auto id = drive::content_id(item);
  if (!id) return Error{ErrorCode::kUnsupported, cat("\"", item.name, "\" has no content")};
  const std::lock_guard lock(mutex_);
  std::shared_ptr<Blob> blob;
  if (const auto found = open_.find(*id); found != open_.end()) blob = found->second.lock();
  if (blob == nullptr || blob->retired()) {
    look_at_open_ones();
    const bool refused =
        misled_now(inode) || std::any_of(retired_.begin(), retired_.end(), [&](const auto& other) {
          const auto old = other.lock();
          return old != nullptr && old->is_stale_of(item);
        });
    if (refused) return drive::replaced(item);
    DRIVEWAY_TRY(blob, make(item, *id));
  }
  blob->read_as(inode);
  return blob;
}

bool Blobs::misled(InodeId inode) {
  const std::lock_guard lock(mutex_);
  look_at_open_ones();
  return misled_now(inode);
}

// With mutex_ held.
bool Blobs::misled_now(InodeId inode) const {
  return std::any_of(retired_.begin(), retired_.end(), [&](const auto& other) {
    const auto blob = other.lock();
    return blob != nullptr && blob->misled() && blob->is_read_as(inode);
  });
}

// With mutex_ held. Puts those that were retired where they belong, and forgets the closed ones.
void Blobs::look_at_open_ones() {
  std::erase_if(open_, [&](const auto& entry) {
    const auto blob = entry.second.lock();
    if (blob == nullptr) return true;
    const bool retired = blob->retired();  // once: it may be retired at any moment
    if (retired) retired_.push_back(blob);
    return retired;
  });
  std::erase_if(retired_, [](const auto& other) { return other.expired(); });
}

// With mutex_ held.
Result<std::shared_ptr<Blob>> Blobs::make(const drive::Item& item, const ContentId& id) {
  DRIVEWAY_TRY(auto content, cache_.open_content(id, item.size.value_or(0)));
  auto blob = std::make_shared<Blob>(item, std::move(content), verifier_, clock_);
  // What readers of the one before have is of this content; so must be all that comes (R1).
  for (const auto& other : retired_) {
    const auto before = other.lock();
    if (before != nullptr && before->was_shown() && before->content().id() == id) {
      blob->set_shown();
    }
  }
  blob->verify_if_whole();
  open_[id] = blob;
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

Result<std::size_t> Blobs::read(const Context& context, const tree::Node& node,
                                std::shared_ptr<Blob>& blob, Bytes offset,
                                std::span<std::byte> buffer, ByteRange ask) {
  const drive::Item& item = *node.item;
  const ByteRange range =
      ByteRange{offset, buffer.size()}.intersect(ByteRange{0, blob->content().size()});
  if (range.empty()) return std::size_t{0};
  for (int attempt = 1; attempt <= kReadAttempts; ++attempt) {
    DRIVEWAY_CHECK(blob->check());
    Attempt result = try_to_read(context, item, blob, range, buffer.first(range.length), ask);
    if (is_of_the_item(result.fetched) && blob->item().id != item.id) {
      blob->give_up();
      DRIVEWAY_TRY(blob, open(item, node.inode));  // fetches from `item`
      continue;
    }
    // Also after the bytes were read: they may be of who came after it.
    if (blob->misled()) {
      return Error{ErrorCode::kStale,
                   cat("\"", item.name, "\" was replaced while it was read: open it again")};
    }
    if (result.fetched.failed_with(ErrorCode::kNotFound)) {
      // R1a: the name has gone, the handle has not.
      return Error{ErrorCode::kStale, cat("\"", item.name, "\" was deleted in Drive")};
    }
    DRIVEWAY_CHECK(result.fetched);
    if (!result.count.failed_with(ErrorCode::kNotFound)) return result.count;
  }
  return Error{ErrorCode::kCorrupt,
               cat("the cached bytes of \"", item.name,
                   "\" keep failing their checksum: the local disk is damaged")};
}

Blobs::Attempt Blobs::try_to_read(const Context& context, const drive::Item& item,
                                  const std::shared_ptr<Blob>& blob, ByteRange range,
                                  std::span<std::byte> buffer, ByteRange ask) {
  const bool here = is_here(*blob, range);
  if (!here) {
    if (blob->lacks_room()) return read_uncached(context, item, blob, range, buffer);
    Status fetched = fetcher_.ensure(context, blob, range, ask);
    if (is_of_the_disk(fetched)) {
      log::debug("reading past the cache: ", fetched.error());
      return read_uncached(context, item, blob, range, buffer);
    }
    if (!fetched.ok()) return {std::move(fetched)};
  }
  auto count = blob->content().read(range.offset, buffer);
  if (count.ok()) (here ? from_cache_ : from_drive_).add(*count);
  if (count.failed_with(ErrorCode::kLocalDisk)) {
    log::debug("reading past the cache: ", count.error());
    return read_uncached(context, item, blob, range, buffer);
  }
  return {{}, std::move(count)};
}

// R1: these bytes are of the item's revision. What comes through `blob` must be so too: what has
// come is confirmed, what comes will not be shown before it is.
Blobs::Attempt Blobs::read_uncached(const Context& context, const drive::Item& item,
                                    const std::shared_ptr<Blob>& blob, ByteRange range,
                                    std::span<std::byte> buffer) {
  blob->set_shown();
  Status fetched = past_cache_.read(context, item, range.offset, buffer);
  if (fetched.ok()) fetched = fetcher_.confirm_shown(context, blob);
  if (!fetched.ok()) return {std::move(fetched)};
  uncached_.add(range.length);
  return {{}, static_cast<std::size_t>(range.length)};
}

}  // namespace driveway::vfs
