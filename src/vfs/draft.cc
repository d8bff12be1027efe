#include "vfs/draft.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "base/strings.h"

namespace driveway::vfs {
namespace {

// Bytes that change while they are read are read again, so often at most.
constexpr int kMostLooks = 16;
// Adoptions that one change may meet in a row.
constexpr int kMostAdoptions = 100;
// D6: how often a full disk is looked at.
constexpr Duration kBetweenTries = std::chrono::milliseconds(300);

}  // namespace

OverlayDraft::OverlayDraft(const Services& services, InodeId inode, std::optional<drive::Item> item,
                           WallTime modified)
    : parts_(services.parts),
      unsynced_(services.unsynced),
      freed_(services.freed),
      timer_(services.timer),
      inode_(inode) {
  now_.modified = modified;
  if (item) now_.base = make_base(*item);
}

OverlayDraft::~OverlayDraft() {
  if (has_no_name_.load() && now_.dirty != nullptr) discard(now_.dirty);
  const bool is_named = acknowledged_ && !has_no_name_.load();
  drop_retired(is_named ? acknowledged_->record.bytes.number : 0);
}

std::shared_ptr<DraftBase> OverlayDraft::make_base(const drive::Item& item,
                                                   const std::shared_ptr<DraftBase>& before) const {
  return std::make_shared<DraftBase>(inode(), item, parts_.blobs, parts_.fetcher, before);
}

// --- What is there

InodeId OverlayDraft::inode() const {
  const std::lock_guard lock(mutex_);
  return inode_;
}

void OverlayDraft::set_inode(InodeId inode) {
  const std::lock_guard turn(turn_);
  const std::lock_guard lock(mutex_);
  inode_ = inode;
}

OverlayDraft::Facts OverlayDraft::facts() const {
  const std::lock_guard lock(mutex_);
  return now_;
}

std::shared_ptr<cache::DirtyContent> OverlayDraft::dirty_content() const {
  const std::lock_guard lock(mutex_);
  return now_.dirty;
}

Bytes OverlayDraft::size() const {
  const std::lock_guard lock(mutex_);
  if (now_.dirty != nullptr) return now_.dirty->size();
  return now_.base == nullptr ? 0 : now_.base->size();
}

bool OverlayDraft::is_adopting() const {
  const std::lock_guard lock(mutex_);
  return adopting_;
}

WallTime OverlayDraft::modified() const {
  const std::lock_guard lock(mutex_);
  return now_.modified;
}

bool OverlayDraft::dirty() const {
  const std::lock_guard lock(mutex_);
  return now_.dirty != nullptr;
}

void OverlayDraft::set_modified(WallTime modified) {
  const std::lock_guard turn(turn_);
  const std::lock_guard lock(mutex_);
  now_.modified = modified;
  now_.modified_told = false;
}

std::optional<Bytes> OverlayDraft::next_data(Bytes offset) {
  if (const auto dirty = dirty_content()) return dirty->next_data(offset);
  if (offset >= size()) return std::nullopt;
  return offset;
}

std::optional<Bytes> OverlayDraft::next_hole(Bytes offset) {
  if (const auto dirty = dirty_content()) return dirty->next_hole(offset);
  const Bytes end = size();
  if (offset >= end) return std::nullopt;
  return end;
}

bool OverlayDraft::refresh(const drive::Item& item, WallTime modified) {
  const std::lock_guard turn(turn_);
  auto base = make_base(item);
  const std::lock_guard lock(mutex_);
  if (now_.dirty != nullptr || has_writers()) return true;
  if (!drive::content_id(item)) return now_.base != nullptr;
  now_.modified = modified;
  if (now_.base == nullptr || !drive::same_revision(now_.base->item(), item)) {
    now_.base.swap(base);
  }
  return true;
}

// For messages.
std::string OverlayDraft::name() const {
  const InodeId inode = this->inode();
  std::string name = parts_.journal.look([inode](const journal::ChangeSet& set) {
    const journal::Change* const change = set.find(inode);
    return change == nullptr ? std::string() : change->name();
  });
  if (!name.empty()) return name;
  const Facts now = facts();
  return now.base == nullptr ? cat("inode ", std::to_string(inode.value())) : now.base->item().name;
}

OverlayDraft::Row OverlayDraft::row() const {
  const InodeId inode = this->inode();
  return parts_.journal.look([inode](const journal::ChangeSet& set) {
    Row row;
    const journal::Change* const change = set.find(inode);
    if (change == nullptr) return row;
    row.missing = false;
    row.removed = change->wanted.deleted;
    const auto& content = change->wanted.content;
    if (content) row.number = content->bytes.number;
    row.is_copy = content && content->bytes.copy;
    if (!change->sent) return row;
    row.sent_number = change->sent->content.number;
    row.sent_md5 = change->sent->md5;
    row.sent_is_last = content && change->sent->generation == content->generation;
    return row;
  });
}

// --- Reading

OverlayView OverlayDraft::look(ByteRange range) const {
  const std::lock_guard lock(mutex_);
  OverlayView view;
  view.base = now_.base;
  if (now_.dirty == nullptr) {
    const Bytes size = view.base == nullptr ? 0 : view.base->size();
    range = range.intersect({0, size});
    if (!range.empty()) view.parts.push_back({range, cache::PartKind::kBase});
    return view;
  }
  view.overlay = now_.dirty;
  do {  // what it lies over, and its parts, change at once
    view.over = now_.dirty->base();
    view.parts = now_.dirty->parts(range);
  } while (now_.dirty->base() != view.over);
  if (adopting_ && view.over != now_.over) view.base = next_base_;
  return view;
}

bool OverlayDraft::is_view_of_before(const OverlayView& view) const {
  const std::lock_guard lock(mutex_);
  return adopting_ || view.overlay != now_.dirty || view.base != now_.base;
}

Result<std::size_t> OverlayDraft::read(const Context& context, Bytes offset,
                                       std::span<std::byte> buffer) {
  Status status;
  for (int looks = 0; looks < kMostLooks; ++looks) {
    const OverlayView view = look({offset, buffer.size()});
    status = read_view(context, view, offset, buffer);
    if (status.ok()) {
      return view.parts.empty() ? std::size_t{0} : view.parts.back().range.end() - offset;
    }
    const bool changed = status.failed_with(ErrorCode::kNotFound) ||
                         (status.failed_with(ErrorCode::kStale) && is_view_of_before(view));
    if (!changed) break;
    DRIVEWAY_CHECK(wait_for_adoption(context));
  }
  return std::move(status).error();
}

std::vector<cache::Part> OverlayDraft::parts(ByteRange range) const { return look(range).parts; }

// --- Taking turns

Status OverlayDraft::wait_for_adoption(const Context& context) {
  std::unique_lock lock(mutex_);
  return wait(context, parts_.clock, lock, adopted_, [this] { return !adopting_; });
}

Status OverlayDraft::in_turn(const Context& context, const std::function<Status()>& step) {
  std::optional<TimePoint> full_since;
  std::uint64_t seen = 0;
  for (int adoptions = 0;;) {
    Status status;
    {
      const std::lock_guard turn(turn_);
      status = step();
      keep_if_needed();
    }
    if (status.failed_with(ErrorCode::kStale) && ++adoptions < kMostAdoptions) {
      DRIVEWAY_CHECK(wait_for_adoption(context));
      continue;
    }
    if (!status.failed_with(ErrorCode::kNoSpace)) return status;
    const TimePoint now = parts_.clock.now();
    const std::uint64_t changes = parts_.journal.changes();
    if (!full_since) {  // J12: what is open may be what fills the disk
      parts_.journal.adjust([](journal::ChangeSet& set) { set.raise_open(); });
    }
    if (!full_since || changes != std::exchange(seen, changes)) full_since = now;
    if (now - *full_since >= parts_.space_patience) return status;
    DRIVEWAY_CHECK(sleep_until(context, parts_.clock, now + kBetweenTries));
  }
}

}  // namespace driveway::vfs
