// OverlayDraft: changes. What fails has not happened, and a draft that was clean is so again.
#include <chrono>
#include <utility>

#include "base/log.h"
#include "vfs/draft.h"

namespace driveway::vfs {
namespace {

// A state has some 4 bytes for each 64 KiB that were written: recorded each second, that of a GiB
// is what the log takes lightly, and that of more is not.
constexpr Duration kBetweenRecords = std::chrono::seconds(1);
constexpr Bytes kRecordedEachTime = kGiB;
// Of a file that has just been made: most are closed by then, and that tells all at once.
constexpr Duration kUntilBegun = std::chrono::milliseconds(20);  // at least, and twice at most

}  // namespace

Status OverlayDraft::write(const Context& context, std::optional<Bytes> offset,
                           std::span<const std::byte> data) {
  if (data.empty()) return {};
  const Edit edit = [&](cache::DirtyContent& dirty) {
    return dirty.write(offset.value_or(dirty.size()), data);
  };
  return change(context, edit, {});
}

Status OverlayDraft::truncate(const Context& context, Bytes size, bool opening) {
  return change(context, [size](cache::DirtyContent& dirty) { return dirty.truncate(size); },
                {.cuts_to = size, .by_opening = opening});
}

Status OverlayDraft::allocate(const Context& context, ByteRange range, bool keep_size) {
  const Edit edit = [&](cache::DirtyContent& dirty) { return dirty.allocate(range, keep_size); };
  return change(context, edit, {});
}

Status OverlayDraft::punch(const Context& context, ByteRange range) {
  return change(context, [range](cache::DirtyContent& dirty) { return dirty.punch(range); }, {});
}

Status OverlayDraft::change(const Context& context, const Edit& edit, const Kind& kind) {
  bool is_done = false;
  bool must_tell = false;
  return in_turn(context, [&]() -> Status {
    const Facts before = facts();
    if (!is_done) {
      DRIVEWAY_TRY(is_done, try_change(before, edit, kind));
      if (!is_done) return touch(context);
      must_tell = !has_writers() || must_tell_beginning(before);
    }
    if (must_tell) {
      Status told = tell_written(context, journal::Purpose::kNew);
      if (!told.ok()) {
        is_done = !undo(before);  // what was dirty before stays changed: only the telling is left
        return told;
      }
    } else if (lacks_record() && !will_record_) {
      record_at(just_made_ ? beginning_due() : record_due());
    }
    if (must_tell || kind.is_truncation()) fetch_or_stop();
    return {};
  });
}

bool OverlayDraft::must_tell_beginning(const Facts& before) const {
  if (acknowledged_) return false;
  return before.copy || !(writing_told_ || just_made_);
}

// J4: what nobody has acknowledged is recovered as the last record has it. (A record that is
// acknowledged stands until the next one that is: it is worth more than newer bytes. But for the
// empty one of a file that has just been made.)
bool OverlayDraft::lacks_record() const {
  if (!recorded_ || (recorded_->acknowledged && !just_made_) || has_no_name_) return false;
  const auto dirty = dirty_content();
  return dirty != nullptr && dirty->generation() != recorded_->generation;
}

// The same for many that are made at a time: the timer's thread is woken once for them.
TimePoint OverlayDraft::beginning_due() const {
  const Duration later = parts_.clock.now().time_since_epoch() + 2 * kUntilBegun;
  return TimePoint(later - later % kUntilBegun);
}

TimePoint OverlayDraft::record_due() const {
  if (just_made_) return {};
  return recorded_at_ + kBetweenRecords * (1 + size() / kRecordedEachTime);
}

void OverlayDraft::record_at(TimePoint time) {
  will_record_ = true;
  timer_.at(time, [weak = weak_from_this()] {
    if (const auto draft = weak.lock()) draft->record();
  });
}

// Without turn_.
void OverlayDraft::record() {
  const std::lock_guard turn(turn_);
  will_record_ = false;
  if (!lacks_record()) return;
  const TimePoint now = parts_.clock.now();
  if (record_due() > now) return record_at(record_due());
  const Status told = tell_written(Context{}, journal::Purpose::kProgress);
  keep_if_needed();
  if (told.ok()) return;
  log::debug("what was written is not recorded yet: ", told.error());
  record_at(now + kBetweenRecords);
}

// Whether bytes or the size have changed.
Result<bool> OverlayDraft::try_change(const Facts& before, const Edit& edit, const Kind& kind) {
  if (kind.cuts_to == size()) return false;
  if (must_begin_anew(before, kind)) {
    begin_anew(before);
    const std::lock_guard lock(mutex_);
    note_change(kind);
    return true;
  }
  if (before.dirty == nullptr) DRIVEWAY_CHECK(become_dirty());
  const auto dirty = dirty_content();
  const std::uint64_t generation = dirty->generation();
  const Status status = edit(*dirty);
  if (!status.ok()) {
    undo(before);
    return status.error();
  }
  if (dirty->generation() == generation) {
    // What was only set aside (allocate) stays as long as somebody has the file open.
    if (!has_writers()) undo(before);
    return false;
  }
  const std::lock_guard lock(mutex_);
  note_change(kind);
  return true;
}

// With mutex_ held, too.
void OverlayDraft::note_change(const Kind& kind) {
  now_.modified = parts_.clock.wall_now();
  now_.modified_told = false;
  now_.copy.reset();
  now_.truncated_only = kind.is_truncation() && kind.by_opening;
}

// As on a local disk, what changes no byte (truncation to the same size, say) changes the time all
// the same.
Status OverlayDraft::touch(const Context& context) {
  const WallTime modified = parts_.clock.wall_now();
  if (!has_no_name_) {
    DRIVEWAY_CHECK(tell(context, journal::Purpose::kNew,
                        [&](journal::ChangeSet& set, InodeId inode, const Facts&, WallTime time) {
                          return set.set_attributes(inode, {modified, {}}, time);
                        }));
  }
  const std::lock_guard lock(mutex_);
  now_.modified = modified;
  return {};
}

// J4. Without a writer each change is told at once, so that the row never says less than the file.
bool OverlayDraft::must_begin_anew(const Facts& before, const Kind& kind) const {
  return kind.is_truncation() && before.dirty != nullptr && before.dirty->size() > 0 &&
         has_writers() && !has_no_name_ && recorded_ && recorded_->acknowledged && !just_made_ &&
         !is_adopting();
}

void OverlayDraft::begin_anew(const Facts& before) {
  auto dirty = parts_.cache.begin_dirty(nullptr);
  acknowledged_ = Acknowledged{before, *std::exchange(recorded_, std::nullopt)};
  retired_.push_back(before.dirty);
  untold_ = true;
  const std::lock_guard lock(mutex_);
  now_.dirty = std::move(dirty);
  now_.over.reset();
}

// Fetches nothing. `base`: null for nothing.
Result<OverlayDraft::Begun> OverlayDraft::lay_over(const DraftBase* base) {
  Begun begun;
  if (base != nullptr && base->size() > 0) {
    const auto id = drive::content_id(base->item());
    if (!id) return Error{ErrorCode::kUnsupported, "\"" + base->item().name + "\" has no content"};
    DRIVEWAY_TRY(begun.over, parts_.cache.open_content(*id, base->size()));
  }
  begun.dirty = parts_.cache.begin_dirty(begun.over);
  return begun;
}

Status OverlayDraft::become_dirty() {
  DRIVEWAY_TRY(Begun begun, lay_over(facts().base.get()));
  recorded_.reset();
  writing_told_ = just_made_ = false;
  untold_ = false;
  const std::lock_guard lock(mutex_);
  now_.over = std::move(begun.over);
  now_.dirty = std::move(begun.dirty);
  return {};
}

// Nobody has been told of what is dirty now and was not before. False where that was so before.
bool OverlayDraft::undo(const Facts& before) {
  if (before.dirty != nullptr) return false;
  const auto dirty = dirty_content();
  {
    const std::lock_guard lock(mutex_);
    now_ = before;
  }
  discard(dirty);
  return true;
}

// J7: what shows through is fetched as soon as writing begins.
void OverlayDraft::fetch_or_stop() {
  const Facts now = facts();
  if (now.base == nullptr || now.dirty == nullptr || now.copy) return;
  const auto parts = now.dirty->parts({0, now.dirty->size()});
  bool shows = false;
  for (const cache::Part& part : parts) shows = shows || part.kind == cache::PartKind::kBase;
  if (shows) {
    now.base->fetch(*now.dirty);
  } else {
    now.base->stop_fetching();
  }
}

Status OverlayDraft::become_copy(const Context& context, const tree::Node& source) {
  return in_turn(context, [&]() -> Status {
    const Facts before = facts();
    if (size() != 0 || !source.item || source.size == 0) {
      return Error{ErrorCode::kInvalidArgument, "only an empty file can become a copy of another"};
    }
    const drive::Item& item = *source.item;
    const auto id = drive::content_id(item);
    if (!id) return Error{ErrorCode::kUnsupported, "\"" + item.name + "\" has no content"};
    DRIVEWAY_TRY(auto over, parts_.cache.open_content(*id, item.size.value_or(0)));
    auto recorded = std::exchange(recorded_, std::nullopt);
    {
      auto dirty = parts_.cache.begin_dirty(over);
      auto base = make_base(item);
      const std::lock_guard lock(mutex_);
      now_.dirty = std::move(dirty);
      now_.over = std::move(over);
      now_.base = std::move(base);
      now_.copy = journal::CopySource{item.id, item.head_revision};
      now_.truncated_only = false;
      now_.modified = parts_.clock.wall_now();
      now_.modified_told = false;
    }
    const Status told = acknowledged_ ? Status() : tell_written(context, journal::Purpose::kNew);
    if (told.ok()) {
      if (before.dirty != nullptr) retired_.push_back(before.dirty);
      drop_retired(row().number);
      return told;
    }
    discard(dirty_content());
    recorded_ = std::move(recorded);
    const std::lock_guard lock(mutex_);
    now_ = before;
    return told;
  });
}

}  // namespace driveway::vfs
