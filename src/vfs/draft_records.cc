// OverlayDraft: what the journal is told. Its bytes come first, on the way to the disk too (D2).
#include <utility>

#include "vfs/draft.h"

namespace driveway::vfs {
// Of the bytes as they are now. `on_disk`: REQUIRES that they were synced.
Result<OverlayDraft::Record> OverlayDraft::take_record(bool on_disk) {
  if (is_adopting()) return Error{ErrorCode::kStale, "its content is being adopted"};
  return take_record(facts(), recorded_, on_disk);
}

// `last`: of the same content; nothing: there is none.
Result<OverlayDraft::Record> OverlayDraft::take_record(const Facts& of,
                                                       const std::optional<Record>& last,
                                                       bool on_disk) {
  Record record;
  if (last && last->generation == of.dirty->generation()) {
    record = *last;
    record.on_disk = record.on_disk || on_disk;
    DRIVEWAY_CHECK(describe(record, of.base.get()));
  } else {
    DRIVEWAY_TRY(auto state, of.dirty->state());
    record.generation = state.generation;
    record.on_disk = on_disk;
    record.is_whole = of.dirty->memory_bytes() == of.dirty->written_bytes();
    record.bytes.number = of.dirty->number();
    DraftState described{on_disk, {}, std::move(state.bytes)};
    if (!on_disk) described.former = former_state(of);
    encode_over(of.base.get(), described, record);
    record.bytes.size = of.dirty->size();
    record.bytes.copy = of.copy;
    record.bytes.truncated_only = of.truncated_only;
    // Before the record stands: from then on the log may be synced at any moment.
    if (!on_disk) unsynced_.add(of.dirty, record.generation);
  }
  return record;
}

// What a crash of the machine must leave, whatever it leaves of the next record and its bytes (D2):
// what was acknowledged last, and is on the disk. An empty file is no such thing: of one that was
// only made, half is worth more.
std::optional<std::string> OverlayDraft::former_state(const Facts& of) const {
  const Record* last = recorded_ ? &*recorded_ : nullptr;
  if (last == nullptr && acknowledged_) last = &acknowledged_->record;
  if (last == nullptr) {
    const bool has_bytes = of.base != nullptr && of.base->size() > 0;
    return has_bytes ? std::optional<std::string>("") : std::nullopt;
  }
  auto state = decode_draft_state(last->bytes.state);
  if (!state.ok()) return std::nullopt;
  const bool is_on_disk = last->on_disk || last->is_whole || !unsynced_.holds(last->bytes.number);
  if (!last->acknowledged || !is_on_disk || last->bytes.size == 0) return std::move(state->former);
  return std::move(state->dirty);
}

// What of `record` does not depend on its bytes.
Status OverlayDraft::describe(Record& record, const DraftBase* base) {
  DRIVEWAY_TRY(DraftState state, decode_draft_state(record.bytes.state));
  state.on_disk = record.on_disk;
  encode_over(base, state, record);
  return {};
}

void OverlayDraft::encode_over(const DraftBase* base, DraftState& state, Record& record) {
  state.base_sha256.clear();
  record.bytes.base = {};
  if (base != nullptr) {
    const drive::Item& item = base->item();
    record.bytes.base = {item.id, item.head_revision, item.md5, base->size()};
    state.base_sha256 = item.sha256;
  }
  record.bytes.state = encode(state);
}

Status OverlayDraft::tell(const Context& context, journal::Purpose purpose, const Tell& call) {
  const InodeId inode = this->inode();
  const Facts now = facts();
  Status told = parts_.journal.change(
      context, purpose,
      [&](journal::ChangeSet& set, WallTime time) { return call(set, inode, now, time); });
  // It was removed before anything of it had been sent: nobody can find the file any more.
  if (told.failed_with(ErrorCode::kNotFound) && (recorded_ || untold_)) return {};
  return told;
}

// With turn_ held since the record was taken.
void OverlayDraft::note_record(Record record) {
  const auto dirty = dirty_content();
  freed_.recorded(dirty, record.generation);
  if (just_made_ && (!recorded_ || recorded_->generation != record.generation)) {
    just_made_ = false;
    writing_told_ = true;
  }
  recorded_ = std::move(record);
  recorded_at_ = parts_.clock.now();
  untold_ = false;
  acknowledged_.reset();
  if (!retired_.empty()) drop_retired(dirty->number());
  const std::lock_guard lock(mutex_);
  now_.modified_told = true;
}

Status OverlayDraft::tell_written(const Context& context, journal::Purpose purpose) {
  if (has_no_name_) return {};
  DRIVEWAY_TRY(Record record, take_record(/*on_disk=*/false));
  DRIVEWAY_CHECK(tell(context, purpose,
                      [&](journal::ChangeSet& set, InodeId inode, const Facts& now, WallTime time) {
                        return set.written(inode, record.bytes, now.modified, time);
                      }));
  record.acknowledged = false;
  note_record(std::move(record));
  writing_told_ = true;
  return {};
}

Status OverlayDraft::tell_synced(const Context& context, bool on_disk) {
  const Facts before = facts();
  if (before.dirty == nullptr || has_no_name_ || !(recorded_ || untold_)) return {};
  std::optional<journal::ContentState> bytes;
  Record record = recorded_.value_or(Record{});
  if (untold_ || record.generation != before.dirty->generation() || (on_disk && !record.on_disk)) {
    DRIVEWAY_TRY(record, take_record(on_disk));
    bytes = record.bytes;
  } else if (record.acknowledged && before.modified_told) {
    return {};
  }
  DRIVEWAY_CHECK(tell(context, journal::Purpose::kNew,
                      [&](journal::ChangeSet& set, InodeId inode, const Facts& now, WallTime time) {
                        std::optional<WallTime> modified;
                        if (!now.modified_told) modified = now.modified;
                        return set.synced(inode, bytes, modified, time);
                      }));
  record.acknowledged = true;
  note_record(std::move(record));
  return {};
}

Status OverlayDraft::flush(const Context& context) {
  return in_turn(context, [&] { return tell_synced(context, /*on_disk=*/false); });
}

// First the bytes, then the record that says that they are there, then the log with it (D2): so
// what a crash leaves of the record tells whether the bytes can be relied upon.
Status OverlayDraft::sync(const Context& context) {
  DRIVEWAY_CHECK(in_turn(context, [&]() -> Status {
    const auto dirty = dirty_content();
    if (dirty == nullptr || has_no_name_) return {};
    DRIVEWAY_CHECK(unsynced_.sync(dirty));
    return tell_synced(context, /*on_disk=*/true);
  }));
  return parts_.journal.sync(context);
}

// --- Writers

Status OverlayDraft::add_writer(const Context& context) {
  DRIVEWAY_CHECK(context.check(parts_.clock));
  const std::lock_guard turn(turn_);
  if (untold_closes_ > 0) {
    --untold_closes_;
  } else if (!has_no_name_) {
    const InodeId inode = this->inode();
    DRIVEWAY_CHECK(parts_.journal.adjust(
        [inode](journal::ChangeSet& set) -> Status { return set.opened(inode); }));
  }
  ++writers_;
  keep_if_needed();
  return {};
}

// The writer is gone, whatever the journal says to that; so nobody's interrupt ends it.
Status OverlayDraft::remove_writer(const Context& context) {
  const Context until{context.deadline, {}, context.priority};
  Status told = in_turn(until, [&] { return tell_closed(until); });
  const std::lock_guard turn(turn_);
  --writers_;
  if (!told.ok()) ++untold_closes_;
  keep_if_needed();
  return told;
}

Status OverlayDraft::tell_closed(const Context& context) {
  const bool is_last = writers_.load() == 1;
  if (is_last) drop_untouched();
  const Facts before = facts();
  const bool is_changed = before.dirty != nullptr && !has_no_name_ && (recorded_ || untold_);
  std::optional<journal::ContentState> bytes;
  std::optional<Record> record;
  if (is_changed) record = recorded_;
  if (is_changed && is_last && (untold_ || record->generation != before.dirty->generation())) {
    DRIVEWAY_TRY(record, take_record(/*on_disk=*/false));
    bytes = record->bytes;
  }
  DRIVEWAY_CHECK(tell(context, journal::Purpose::kProgress,
                      [&](journal::ChangeSet& set, InodeId inode, const Facts& now, WallTime time) {
                        std::optional<WallTime> modified;
                        if (record && !now.modified_told) modified = now.modified;
                        return set.closed(inode, bytes, modified, time);
                      }));
  if (record) {
    record->acknowledged = true;
    note_record(*std::move(record));
  }
  return {};
}

// --- Contents that are needed no more

// It was begun, and then nothing was changed.
void OverlayDraft::drop_untouched() {
  if (recorded_ || untold_ || has_no_name_) return;
  std::shared_ptr<cache::DirtyContent> dirty;
  {
    const std::lock_guard lock(mutex_);
    if (now_.dirty == nullptr) return;
    dirty = std::exchange(now_.dirty, nullptr);
    now_.over.reset();
  }
  discard(dirty);
}

void OverlayDraft::drop_retired(std::uint64_t named) {
  std::erase_if(retired_, [&](const auto& dirty) {
    if (dirty->number() == named) return false;
    discard(dirty);
    return true;
  });
}

void OverlayDraft::discard(const std::shared_ptr<cache::DirtyContent>& dirty) {
  unsynced_.forget(*dirty);
  freed_.discard(dirty);
}

}  // namespace driveway::vfs
