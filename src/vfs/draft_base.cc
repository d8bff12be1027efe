#include "vfs/draft_base.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/strings.h"
#include "vfs/read_ahead.h"

namespace driveway::vfs {
namespace {

tree::Node reader_node(InodeId inode, drive::Item item) {
  tree::Node node;
  node.inode = inode;
  node.size = item.size.value_or(0);
  node.item = std::move(item);
  return node;
}

// Who waits for bytes comes first; what an upload will need comes right behind.
constexpr Priority kBehindReaders = Priority::kReadAhead;

}  // namespace

DraftBase::DraftBase(InodeId inode, drive::Item item, Blobs& blobs, transfer::Fetcher& fetcher,
                     const std::shared_ptr<DraftBase>& before)
    : node_(reader_node(inode, std::move(item))),
      first_(before != nullptr && before->first_ != nullptr ? before->first_ : before),
      blobs_(blobs),
      fetcher_(fetcher) {}

DraftBase::~DraftBase() {
  if (read_ahead_ != nullptr) read_ahead_->close();
}

Result<std::shared_ptr<Blob>> DraftBase::blob() {
  const std::lock_guard lock(mutex_);
  if (blob_ == nullptr) {
    DRIVEWAY_TRY(blob_, blobs_.open(item(), node_.inode));
  }
  return blob_;
}

std::shared_ptr<Blob> DraftBase::opened() const {
  const std::lock_guard lock(mutex_);
  return blob_;
}

std::shared_ptr<ReadAhead> DraftBase::read_ahead() {
  const std::lock_guard lock(mutex_);
  if (read_ahead_ == nullptr) read_ahead_ = blobs_.make_read_ahead(item());
  return read_ahead_;
}

// Of a content that is not this one's: whether all of `range` is known to be right (R1).
bool DraftBase::is_here(const cache::Content& over, ByteRange range) const {
  const auto first = first_ == nullptr ? nullptr : first_->opened();
  if (first != nullptr && first->content().id() == over.id()) return first->has(range);
  return over.has(range);
}

Error DraftBase::gone(const Error& error) const {
  if (error.code != ErrorCode::kStale) return error;
  return wrap(error, cat("\"", item().name,
                         "\" was changed here, but what was not changed is no longer in Drive and "
                         "not on this disk: what was written here is kept"));
}

Status DraftBase::read(const Context& context, cache::Content* over, Bytes offset,
                       std::span<std::byte> buffer, ByteRange ask) {
  const ByteRange range{offset, buffer.size()};
  const auto found = blob();
  const bool lies_over_another =
      over != nullptr && !(found.ok() && over->id() == (*found)->content().id());
  if (lies_over_another && is_here(*over, range)) {
    const auto count = over->read(offset, buffer);
    if (count.ok() && *count == buffer.size()) return {};
    if (!count.ok() && count.error().code != ErrorCode::kNotFound) return count.error();
  }
  if (!found.ok()) return gone(found.error());
  std::shared_ptr<Blob> now = *found;
  if (over != nullptr) now->set_shown();
  if (ask.empty()) {
    if (const auto ahead = read_ahead()) ask = ahead->before_read(now, range, now->has(range));
  }
  const auto count = blobs_.read(context, node_, now, offset, buffer, ask);
  if (now != *found) {
    const std::lock_guard lock(mutex_);
    blob_ = std::move(now);
  }
  if (count.failed_with(ErrorCode::kStale)) blobs_.noticed_stale(context, Blobs::Look::kSoon);
  if (!count.ok()) return gone(count.error());
  if (*count < buffer.size()) {
    return Error{ErrorCode::kInternal,
                 cat("\"", item().name, "\" is shorter than its overlay says")};
  }
  return {};
}

void DraftBase::fetch(const cache::OverlayReader& overlay) {
  const auto found = blob();
  if (!found.ok()) return;  // whoever needs the bytes will be told
  const std::shared_ptr<cache::Content> over = overlay.base();
  (*found)->set_shown();
  const std::lock_guard lock(mutex_);
  std::erase_if(tickets_, [](const auto& ticket) { return ticket->finished(); });
  if (!tickets_.empty()) return;
  for (const cache::Part& part : overlay.parts({0, overlay.size()})) {
    if (part.kind != cache::PartKind::kBase) continue;
    for (const ByteRange& missing : (*found)->missing(part.range)) {
      const ByteRange range = missing.intersect({0, size()});
      if (range.empty() || (over != nullptr && is_here(*over, range.intersect(part.range))))
        continue;
      tickets_.push_back(fetcher_.want(*found, range, kBehindReaders));
    }
  }
}

void DraftBase::stop_fetching() {
  std::vector<std::unique_ptr<transfer::Ticket>> ended;  // outside of the lock
  const std::lock_guard lock(mutex_);
  ended.swap(tickets_);
}

Status DraftBase::confirm(const Context& context) {
  const auto blob = opened();
  if (blob == nullptr) return {};
  const Status confirmed = fetcher_.confirm(context, blob);
  if (!confirmed.ok()) return gone(confirmed.error());
  return {};
}

void DraftBase::give_up() {
  stop_fetching();
  const auto blob = opened();
  // Another item of the same content goes on.
  if (blob != nullptr && blob->item().id == item().id) blob->give_up();
}

Status read_view(const Context& context, const OverlayView& view, Bytes offset,
                 std::span<std::byte> buffer, Bytes ahead) {
  const auto changed = [] {
    return Error{ErrorCode::kNotFound, "the file was changed while it was read", true};
  };
  for (const cache::Part& part : view.parts) {
    const auto into = buffer.subspan(part.range.offset - offset, part.range.length);
    if (part.kind == cache::PartKind::kBase) {
      if (view.base == nullptr) return changed();
      const ByteRange ask =
          ahead == 0 ? ByteRange{} : ByteRange{part.range.offset, std::max(ahead, into.size())};
      DRIVEWAY_CHECK(view.base->read(context, view.over.get(), part.range.offset, into,
                                     ask.empty() ? ask : ask.intersect({0, view.base->size()})));
    } else if (part.kind == cache::PartKind::kZero) {
      std::memset(into.data(), 0, into.size());
    } else {
      DRIVEWAY_TRY(const std::size_t count, view.overlay->read(part.range.offset, into));
      if (count < into.size()) return changed();
    }
  }
  return {};
}

}  // namespace driveway::vfs
