// OverlayDraft: what the sender takes, and what becomes of it when Drive has it (D4, J5).
#include <algorithm>
#include <chrono>
#include <span>
#include <utility>

#include "base/log.h"
#include "base/strings.h"
#include "vfs/draft.h"
#include "vfs/draft_snapshot.h"

namespace driveway::vfs {
namespace {

constexpr Duration kConfirmAtMost = std::chrono::seconds(30);

}  // namespace

// --- Beginnings

Status OverlayDraft::begin_new(std::string_view bytes) {
  const std::lock_guard turn(turn_);
  auto dirty = parts_.cache.begin_dirty(nullptr);
  const Status written =
      bytes.empty() ? Status() : dirty->write(0, std::as_bytes(std::span(bytes)));
  if (!written.ok()) {
    parts_.cache.discard(dirty);
    return written;
  }
  {
    const std::lock_guard lock(mutex_);
    now_.dirty = std::move(dirty);
  }
  just_made_ = bytes.empty();
  keep_if_needed();
  return {};
}

Result<journal::ContentState> OverlayDraft::first_state() {
  const std::lock_guard turn(turn_);
  if (dirty_content() == nullptr) {
    return Error{ErrorCode::kInvalidArgument, "a file that is not changed has no state"};
  }
  DRIVEWAY_TRY(recorded_, take_record(/*on_disk=*/false));
  recorded_->acknowledged = true;
  return recorded_->bytes;
}

void OverlayDraft::restore(const journal::Change& row, const DraftState& state,
                           std::shared_ptr<cache::DirtyContent> dirty, bool overwritten) {
  const journal::Content& content = *row.wanted.content;
  const std::lock_guard turn(turn_);
  overwritten_ = overwritten;
  recorded_ = Record{dirty->generation(), content.bytes, content.acknowledged, state.on_disk};
  // After a kill nobody knows what of it is on the disk.
  if (!state.on_disk) unsynced_.add(dirty, dirty->generation());
  writing_told_ = true;
  const auto over = dirty->base();
  std::shared_ptr<DraftBase> base;
  if (!content.bytes.base.id.empty()) {
    base = make_base(base_item(content.bytes.base, state, row.name()));
  }
  {
    const std::lock_guard lock(mutex_);
    now_.dirty = std::move(dirty);
    now_.over = over;
    now_.base = std::move(base);
    now_.copy = content.bytes.copy;
    now_.truncated_only = content.bytes.truncated_only;
    now_.modified = row.wanted.modified.value_or(row.known.modified);
  }
  keep_if_needed();
}

bool OverlayDraft::is_damaged() const {
  const auto dirty = dirty_content();
  return dirty != nullptr && !dirty->damaged().empty();
}

// With turn_ held. Whoever calls holds it too, so it does not end here.
void OverlayDraft::keep_if_needed() {
  if (has_writers() || (dirty() && !has_no_name_) || !retired_.empty()) {
    self_ = shared_from_this();
  } else {
    self_.reset();
  }
  keeps_itself_ = self_ != nullptr;
}

void OverlayDraft::let_go() {
  const std::lock_guard turn(turn_);
  self_.reset();
  keeps_itself_ = false;
}

// --- Snapshots

Status OverlayDraft::check_undamaged(const cache::DirtyContent& dirty) const {
  const std::vector<ByteRange> damaged = dirty.damaged();
  if (damaged.empty()) return {};
  return Error{ErrorCode::kCorrupt,
               cat("\"", name(),
                   "\": what was written did not reach the disk before the machine "
                   "stopped, from byte ",
                   damaged.front().offset, " on: it is kept here and not sent")};
}

Result<std::unique_ptr<journal::Snapshot>> OverlayDraft::snapshot(const Context& context) {
  std::unique_ptr<DraftSnapshot> taken;
  DRIVEWAY_CHECK(in_turn(context, [&]() -> Status {
    if (!dirty() || has_no_name_) {
      return Error{ErrorCode::kNotFound, "the file has nothing that Drive lacks"};
    }
    drop_copy();
    const Facts of = acknowledged_ ? acknowledged_->facts : facts();
    DRIVEWAY_CHECK(check_undamaged(*of.dirty));
    DRIVEWAY_TRY(Record record, acknowledged_ ? take_record(of, acknowledged_->record, false)
                                              : take_record(/*on_disk=*/false));
    DRIVEWAY_TRY(auto overlay, of.dirty->snapshot());
    const auto is_replaced = [self = weak_from_this(), number = record.bytes.number] {
      const auto draft = self.lock();
      return draft != nullptr && draft->has_begun_anew(number);
    };
    taken = std::make_unique<DraftSnapshot>(
        context, name(),
        DraftSnapshot::Taken{of.dirty, std::move(record.bytes), record.generation,
                             std::move(overlay), of.base},
        is_replaced);
    return {};
  }));
  DRIVEWAY_CHECK(taken->prepare());
  return std::unique_ptr<journal::Snapshot>(std::move(taken));
}

// Drive has refused to copy, and the row asks for the bytes.
void OverlayDraft::drop_copy() {
  if (row().is_copy) return;
  if (recorded_) recorded_->bytes.copy.reset();
  if (acknowledged_) {
    acknowledged_->facts.copy.reset();
    acknowledged_->record.bytes.copy.reset();
    return;
  }
  const std::lock_guard lock(mutex_);
  now_.copy.reset();
}

bool OverlayDraft::has_begun_anew(std::uint64_t number) const {
  const auto dirty = dirty_content();
  return dirty != nullptr && dirty->number() != number;
}

// --- Drive has it

Status OverlayDraft::confirmed(const journal::Snapshot* snapshot, const drive::Item& item) {
  const auto* const taken = dynamic_cast<const DraftSnapshot*>(snapshot);
  std::shared_ptr<cache::DirtyContent> dirty;
  std::uint64_t generation = 0;
  bool verified = false;
  {
    const std::lock_guard turn(turn_);
    const Facts now = facts();
    if (now.dirty == nullptr || has_no_name_) return {};  // it was done before, or nobody wants it
    const Row row = this->row();
    const std::uint64_t number = taken != nullptr ? taken->number() : row.sent_number;
    const bool differs = !item.md5.empty() && !row.sent_md5.empty() && item.md5 != row.sent_md5;
    if (acknowledged_ && number == acknowledged_->record.bytes.number && !differs) {
      // What is here now lies over nothing; settled() tells of it.
      const auto base = make_base(item);
      const std::lock_guard lock(mutex_);
      now_.base = base;
      return {};
    }
    if (number != now.dirty->number() || differs || !recorded_) return {};
    generation = taken != nullptr ? taken->generation() : recorded_->generation;
    // Without a snapshot that was read, the bytes that are here now were not hashed.
    const bool is_read = taken != nullptr && taken->is_read();
    const bool is_changed = now.dirty->generation() != generation || !row.sent_is_last;
    if (is_changed || (overwritten_ && !is_read)) return lie_over(item, row);
    if (now.copy) {  // nothing of it is here
      become_clean(make_base(item));
      return {};
    }
    dirty = now.dirty;
    verified = is_read && !item.md5.empty() && item.md5 == row.sent_md5;
    const auto next = make_base(item);
    const std::lock_guard lock(mutex_);
    adopting_ = true;
    next_base_ = next;
  }
  return adopt(dirty, item, generation, verified);
}

// Without turn_: it takes as long as copying from the base takes.
Status OverlayDraft::adopt(const std::shared_ptr<cache::DirtyContent>& dirty,
                           const drive::Item& item, std::uint64_t generation, bool verified) {
  if (const auto base = facts().base) {
    // R1: only bytes of the base's revision are copied. Its item has another one now.
    base->stop_fetching();
    const auto until = Context{}.with_deadline(parts_.clock.now() + kConfirmAtMost);
    if (base->item().id == item.id || !base->confirm(until).ok()) base->give_up();
  }
  Status status;
  if (const auto id = drive::content_id(item)) {
    auto clean = parts_.cache.adopt(dirty, *id, generation, verified);
    if (!clean.ok()) status = std::move(clean).error();
  }
  const std::lock_guard turn(turn_);
  if (status.failed_with(ErrorCode::kStale)) {
    {
      const std::lock_guard lock(mutex_);
      end_adoption();
    }
    return lie_over(item, row());
  }
  if (!status.ok()) {
    // Drive has it: it can be fetched again.
    log::warn("\"", item.name,
              "\" was uploaded, but what is here of it is lost to the cache: ", status.error());
  }
  if (status.ok() && !has_no_name_ && !has_item(item.id) && row().number == dirty->number()) {
    return go_on_over(make_base(item));
  }
  become_clean(make_base(item));
  return {};
}

bool OverlayDraft::has_item(const FileId& id) const {
  const InodeId inode = this->inode();
  return parts_.journal.look(
      [&](const journal::ChangeSet& set) { return set.find_id(id) == inode; });
}

// With mutex_ held.
void OverlayDraft::end_adoption() {
  adopting_ = false;
  next_base_.reset();
  adopted_.notify_all();
}

// With turn_ held. `next`: nothing, or what it goes on as.
void OverlayDraft::become_clean(std::shared_ptr<DraftBase> base, Begun next) {
  recorded_.reset();
  overwritten_ = false;
  writing_told_ = just_made_ = false;
  const std::lock_guard lock(mutex_);
  retired_.push_back(std::move(now_.dirty));
  now_.dirty = std::move(next.dirty);
  now_.over = std::move(next.over);
  now_.base = next_base_ != nullptr ? next_base_ : std::move(base);
  now_.copy.reset();
  now_.truncated_only = false;
  end_adoption();
}

// --- Wanted once more
//
// Between the adoption of what was uploaded and the record of that, a rename over another file may
// make it wanted as that one's next revision (J6). Then it is dirty again, with all its bytes from
// the content that was adopted; nobody sees it otherwise meanwhile.

Status OverlayDraft::while_whole(const std::function<Status()>& rename) {
  const std::lock_guard turn(turn_);
  const Row row = this->row();
  const bool is_adopted = std::any_of(retired_.begin(), retired_.end(), [&](const auto& content) {
    return content->number() == row.number;
  });
  if (is_adopted && !dirty() && !has_no_name_) {
    const Facts before = facts();
    DRIVEWAY_CHECK(become_dirty());
    if (const Status told = tell_again(); !told.ok()) {
      undo(before);
      return told;
    }
  }
  return rename();
}

// With turn_ held, at the end of an adoption.
Status OverlayDraft::go_on_over(std::shared_ptr<DraftBase> base) {
  auto begun = lay_over(base.get());
  if (!begun.ok()) {
    become_clean(std::move(base));
    return begun.error();
  }
  become_clean(std::move(base), *std::move(begun));
  return tell_again();
}

// With turn_ held, of a content that was begun just now.
Status OverlayDraft::tell_again() {
  DRIVEWAY_TRY(Record record, take_record(/*on_disk=*/false));
  DRIVEWAY_CHECK(tell(Context{}, journal::Purpose::kProgress,
                      [&](journal::ChangeSet& set, InodeId inode, const Facts&, WallTime time) {
                        return set.synced(inode, record.bytes, std::nullopt, time);
                      }));
  record.acknowledged = true;
  note_record(std::move(record));
  writing_told_ = true;
  return {};
}

// J5: it was changed after what Drive has of it, and goes on over that: where the base shows
// through, the bytes are the same. The row must say so before it is told of the upload.
Status OverlayDraft::lie_over(const drive::Item& item, const Row& row) {
  const auto before = facts().base;
  const bool is_overwritten =
      std::exchange(overwritten_, false) && facts().dirty->generation() == recorded_->generation;
  auto base = make_base(item, before);
  if (before != nullptr) before->stop_fetching();
  {
    const std::lock_guard lock(mutex_);
    now_.base = base;
  }
  if (row.sent_is_last && !is_overwritten) {
    return tell_written(Context{}, journal::Purpose::kProgress);
  }
  // A later record stands: it stays what it is, over another base.
  Record record = *recorded_;
  if (is_overwritten) {
    DRIVEWAY_TRY(record, take_record(facts(), std::nullopt, /*on_disk=*/false));
    record.acknowledged = recorded_->acknowledged;
  }
  DRIVEWAY_CHECK(describe(record, base.get()));
  DRIVEWAY_CHECK(tell(Context{}, journal::Purpose::kProgress,
                      [&](journal::ChangeSet& set, InodeId inode, const Facts& now, WallTime time) {
                        return record.acknowledged
                                   ? set.synced(inode, record.bytes, std::nullopt, time)
                                   : set.written(inode, record.bytes, now.modified, time);
                      }));
  const bool modified_told = now_.modified_told || !record.acknowledged;
  note_record(std::move(record));
  const std::lock_guard lock(mutex_);
  now_.modified_told = modified_told;
  return {};
}

void OverlayDraft::unnamed() {
  const std::lock_guard turn(turn_);
  lose_name();
}

// With turn_ held. What is there can be read and changed until it is closed.
void OverlayDraft::lose_name() {
  has_no_name_ = true;
  acknowledged_.reset();
  drop_retired(0);
  if (const auto dirty = dirty_content()) discard(dirty);
  keep_if_needed();
}

void OverlayDraft::settled() {
  const std::lock_guard turn(turn_);
  const Row row = this->row();
  drop_retired(row.number);
  if (row.removed || (row.missing && (recorded_ || untold_))) return lose_name();
  const auto dirty = dirty_content();
  keep_if_needed();
  if (dirty == nullptr || !(recorded_ || untold_) || row.number == dirty->number()) return;
  if (acknowledged_ && row.number == acknowledged_->record.bytes.number) return;
  // It was changed after what Drive has of it, and the journal could not be told then (J5).
  recorded_.reset();
  acknowledged_.reset();
  untold_ = true;
  if (const Status told = tell_written(Context{}, journal::Purpose::kProgress); !told.ok()) {
    log::error("\"", name(), "\": the journal cannot be told that it was changed: ", told.error());
  }
}

}  // namespace driveway::vfs
