// Contents on their way to Drive (J2, J5, J10, J12).
#include <algorithm>
#include <cstring>
#include <utility>

#include "base/fault.h"
#include "base/log.h"
#include "base/strings.h"
#include "journal/sender_core.h"
#include "journal/upload_source.h"

namespace driveway::journal {
namespace {

constexpr int kMostSessions = 3;  // of one upload, before it pauses
constexpr int kMostStuck = 3;     // requests in a row that brought nothing
constexpr Bytes kSavedAtOnce = 8 * kMiB;

// Where the last part begins: 256 to 512 KiB before the end (J12).
Bytes end_of_main_part(Bytes size) {
  return (size - drive::kUploadUnit) / drive::kUploadUnit * drive::kUploadUnit;
}

class StringContent final : public drive::ContentSource {
 public:
  // `bytes` are those from `offset` on, of a content of `size`.
  explicit StringContent(std::string_view bytes) : StringContent(bytes, 0, bytes.size()) {}
  StringContent(std::string_view bytes, Bytes offset, Bytes size)
      : bytes_(bytes), offset_(offset), size_(size) {}
  Bytes size() const override { return size_; }
  Status read(Bytes offset, std::span<std::byte> buffer) override {
    if (buffer.empty()) return {};
    std::memcpy(buffer.data(), bytes_.data() + (offset - offset_), buffer.size());
    return {};
  }

 private:
  const std::string_view bytes_;
  const Bytes offset_;
  const Bytes size_;
};

class StringSink final : public ByteSink {
 public:
  Status write(std::span<const std::byte> data) override {
    bytes.append(reinterpret_cast<const char*>(data.data()), data.size());
    return {};
  }
  std::string bytes;
};

// Null: there is none (any more).
const drive::RevisionInfo* find_revision(const std::vector<drive::RevisionInfo>& revisions,
                                         const Revision& id) {
  const auto found = std::find_if(revisions.begin(), revisions.end(),
                                  [&](const auto& revision) { return revision.id == id; });
  return found == revisions.end() ? nullptr : &*found;
}

// The revision that stood where ours is now. Null: it was the base, or ours is not there.
const drive::RevisionInfo* replaced_by_ours(const Step& step,
                                            const std::vector<drive::RevisionInfo>& revisions,
                                            const Revision& head) {
  const Sent& sent = step.sent;
  const auto has_our_bytes = [&](const drive::RevisionInfo& revision) {
    return !revision.md5.empty() && revision.md5 == sent.md5;
  };
  const drive::RevisionInfo* ours = find_revision(revisions, head);
  if (step.resolve && ours != nullptr && !has_our_bytes(*ours)) {
    // Another client may have written once more since.
    const drive::RevisionInfo* const base = find_revision(revisions, sent.base_revision);
    const auto after =
        base == nullptr ? revisions.begin() : revisions.begin() + (base - revisions.data()) + 1;
    const auto found = std::find_if(after, revisions.end(), has_our_bytes);
    ours = found == revisions.end() ? nullptr : &*found;
  }
  if (ours == nullptr) return nullptr;
  // A call that was repeated may have made ours twice.
  for (const drive::RevisionInfo* before = ours; before != revisions.data();) {
    --before;
    if (before->id == sent.base_revision) return nullptr;
    if (!has_our_bytes(*before)) return before;
  }
  return nullptr;
}

}  // namespace

Status SenderCore::send_content(Job& job) {
  return job.step.sent.content.size <= drive::kMostInOneRequest ? send_small(job) : send_large(job);
}

// --- In one request.

Status SenderCore::send_small(Job& job) {
  const Step& step = job.step;
  if (step.sent.replaces != InodeId()) {
    const Status fetched = local_.replacing(job.context, step.sent.replaces);
    if (!fetched.ok()) return fail(job, fetched.error(), false);
  }
  DRIVEWAY_CHECK(before_first_byte(job));
  const TimePoint begun = clock_.now();
  StringContent content(job.small);
  const auto item = step.sent.action == Action::kCreate
                        ? store_.create(job.context, new_item(step), &content)
                        : store_.update(job.context, step.sent.id, patch_of(step), &content);
  if (!item.ok()) return refused(job, item.error());
  meter_.add(job.meter, job.small.size());
  figures_.upload.record(clock_.now() - begun);
  DRIVEWAY_TRY(const bool saved, save_overwritten(job, *item));
  return saved ? finish(job, *item) : Status();
}

// --- In a session.

// Also goes on with one, from job.stored.
Status SenderCore::send_large(Job& job) {
  const bool is_raised = job.step.raised;
  const std::uint64_t meter = job.meter;
  meter_.at(meter, job.stored);
  UploadSource::Watch watch;
  watch.stops_when_outdated = !is_raised;
  watch.sent = [this, meter](Bytes bytes) { meter_.add(meter, bytes); };
  watch.reached = [this, &job](Bytes offset) {
    const Bytes before = std::exchange(job.stored, offset);
    static_cast<void>(note_progress(job, ""));  // a hint: Drive is asked where it stands
    job.stored = before;
  };
  UploadSource source(*job.snapshot, std::move(watch));
  const TimePoint begun = clock_.now();
  for (int sessions = 0; sessions < kMostSessions; ++sessions) {
    if (job.session.uri.empty()) {
      DRIVEWAY_CHECK(begin_session(job));
      if (job.session.uri.empty()) return {};  // dealt with
    }
    Status pushed = source.hash_to(job.context, clock_, job.stored);
    if (pushed.ok()) {
      auto progress = push(job, end_of_main_part(job.session.size), source);
      if (!progress.ok()) pushed = progress.error();
    }
    if (pushed.ok()) {
      const Status sent = send_end(job, source);
      figures_.upload.record(clock_.now() - begun);
      return sent;
    }
    bool again = false;
    DRIVEWAY_CHECK(main_part_failed(job, pushed.error(), source, &again));
    if (!again) return {};
    figures_.restarted.add();
  }
  return fail(job, {ErrorCode::kUnavailable, "Drive forgets the upload again and again", true},
              false);
}

Status SenderCore::begin_session(Job& job) {
  const Step& step = job.step;
  DRIVEWAY_CHECK(before_first_byte(job));
  const Context context = call_context(job.context.priority);
  const Bytes size = step.sent.content.size;
  auto session = step.sent.action == Action::kCreate
                     ? store_.begin_create(context, new_item(step), size)
                     : store_.begin_update(context, step.sent.id, patch_of(step), size);
  if (!session.ok()) return refused(job, session.error());
  job.session = *std::move(session);
  job.stored = 0;
  meter_.at(job.meter, 0);
  return note_progress(job, "");
}

// Sends up to `until`. Gives an item, or job.stored is there.
Result<drive::UploadProgress> SenderCore::push(Job& job, Bytes until, UploadSource& source) {
  for (int stuck = 0; job.stored < until;) {
    const Bytes before = job.stored;
    auto sent = store_.send(job.context, job.session, {before, until - before}, source);
    if (!sent.ok()) {
      const Error& error = sent.error();
      const bool is_cut = error.retryable && error.code != ErrorCode::kStale;
      if (source.failure() || source.is_outdated() || !is_cut) return sent;
      Error cause = error;
      sent = store_.progress(call_context(job.context.priority), job.session);
      if (!sent.ok()) return sent;
      if (!sent->item && sent->stored <= before && ++stuck >= kMostStuck) return cause;
    } else if (!sent->item && sent->stored <= before && ++stuck >= kMostStuck) {
      return Error{ErrorCode::kUnavailable, "Drive takes nothing more of the upload", true};
    }
    if (sent->item) return sent;
    if (sent->stored > before) stuck = 0;
    job.stored = sent->stored;
    meter_.at(job.meter, job.stored);
    DRIVEWAY_CHECK(DRIVEWAY_FAULT_STATUS("sender.in_body"));
  }
  return drive::UploadProgress{job.stored, std::nullopt};
}

// Nothing of it is in Drive yet. `again`: by another session.
Status SenderCore::main_part_failed(Job& job, const Error& error, UploadSource& source,
                                    bool* again) {
  if (stopping_ && error.code == ErrorCode::kCancelled) return error;
  if (source.is_outdated()) {
    log::info(job.name, " was written to while it was sent: begins again with what it is now");
    cancel_session(job);
    return resolve_by_get(job);
  }
  if (source.failure()) {
    if (source.failure()->retryable) return fail(job, *source.failure(), true);
    cancel_session(job);
    DRIVEWAY_CHECK(note_progress(job, ""));
    return fail(job, *source.failure(), false);
  }
  if (error.code == ErrorCode::kStale) {
    *again = true;
    job.session.uri = Secret();
    job.stored = 0;
    return note_progress(job, "");
  }
  if (error.retryable || may_be_done(error)) return fail(job, error, true);
  cancel_session(job);
  return refused(job, error);
}

// The last part, when all is known that can be known before.
Status SenderCore::send_end(Job& job, UploadSource& source) {
  const Sent& sent = job.step.sent;
  const Status hashed = source.hash_to(job.context, clock_, job.session.size);
  if (!hashed.ok()) {
    bool again = false;
    return main_part_failed(job, hashed.error(), source, &again);
  }
  job.step.sent.md5 = source.md5();
  DRIVEWAY_CHECK(note_progress(job, sent.md5));
  const Status synced = journal_.sync(cancellable());
  if (!synced.ok()) return fail(job, synced.error(), true);
  if (sent.action == Action::kUpdate) {
    if (sent.replaces != InodeId()) {
      const Status fetched = local_.replacing(job.context, sent.replaces);
      if (!fetched.ok()) return fail(job, fetched.error(), true);
    }
    const auto item = get(job.context, sent.id);
    if (!item.ok()) return fail(job, item.error(), true);
    const bool is_same =
        *item && !(*item)->trashed &&
        (sent.base_revision.empty() || (*item)->head_revision == sent.base_revision);
    if (!is_same) {
      cancel_session(job);
      return resolve_by(job, *item);
    }
  }
  DRIVEWAY_CHECK(DRIVEWAY_FAULT_STATUS("sender.before_last_byte"));
  const auto progress = push(job, job.session.size, source);
  if (!progress.ok()) {
    const Error& error = progress.error();
    if (stopping_ && error.code == ErrorCode::kCancelled) return error;
    if (source.is_outdated()) {
      cancel_session(job);
      return resolve_by_get(job);
    }
    // The session may have gone because it has done its work.
    if (error.code == ErrorCode::kStale) return resolve_by_get(job);
    if (source.failure() || may_be_done(error)) return fail(job, error, true);
    return refused(job, error);
  }
  if (!progress->item) {
    return fail(job, {ErrorCode::kUnavailable, "Drive has all of it and names no file", true},
                true);
  }
  DRIVEWAY_TRY(const bool saved, save_overwritten(job, *progress->item));
  return saved ? finish(job, *progress->item) : Status();
}

Status SenderCore::note_progress(Job& job, const std::string& md5) {
  job.step.sent.session = job.session.uri;
  const Status noted =
      journal_.change({}, Purpose::kProgress, [&](ChangeSet& set, WallTime /*now*/) {
        return set.uploading(job.step, job.session.uri, job.stored, md5);
      });
  return noted.failed_with(ErrorCode::kNotFound) ? Status() : noted;
}

void SenderCore::cancel_session(Job& job) {
  if (job.session.uri.empty()) return;
  const Status cancelled = store_.cancel(call_context(job.context.priority), job.session);
  if (!cancelled.ok()) log::debug("an upload that is not wanted stays: ", cancelled.error());
  job.session.uri = Secret();
  job.stored = 0;
}

// --- What was overwritten (J10).

Result<bool> SenderCore::save_overwritten(Job& job, const drive::Item& item) {
  const Sent& sent = job.step.sent;
  if (sent.action != Action::kUpdate || sent.base_revision.empty()) return true;
  if (!sent.overwritten && item.head_revision == sent.base_revision) return true;
  const Context context = call_context(job.context.priority);
  const auto revisions = store_.revisions(context, item.id);
  if (!revisions.ok()) return not_saved(job, revisions.error());
  const drive::RevisionInfo* const theirs =
      sent.overwritten ? find_revision(*revisions, sent.overwritten->revision)
                       : replaced_by_ours(job.step, *revisions, item.head_revision);
  if (!sent.overwritten) {
    if (theirs == nullptr) return true;
    const auto id = ids_.take_or_fetch(context);
    if (!id.ok()) return not_saved(job, id.error());
    DRIVEWAY_CHECK(note_overwritten(job, item.name, {theirs->id, *id}));
  }
  if (theirs == nullptr) return not_saved(job, {ErrorCode::kNotFound, "Drive has it no more"});
  const Status saved = copy_revision(job, item, *theirs);
  // An earlier try has made it.
  if (saved.ok() || saved.failed_with(ErrorCode::kAlreadyExists)) return true;
  return not_saved(job, saved.error());
}

Result<bool> SenderCore::not_saved(Job& job, const Error& error) {
  if (!is_permanent(error)) {
    DRIVEWAY_CHECK(fail(job, error, true));
    return false;
  }
  const Sent& sent = job.step.sent;
  log::error(job.name, " may have replaced what another client had just written, and that could ",
             "not be copied; it is among the revisions of ", sent.id, " in Drive",
             sent.overwritten ? cat(" (", sent.overwritten->revision, ")") : std::string(), ": ",
             error);
  return true;
}

// On the disk, too: with another id it would be made twice.
Status SenderCore::note_overwritten(Job& job, const std::string& name, const Overwritten& theirs) {
  figures_.conflicts.add();
  const Status noted =
      journal_.change({}, Purpose::kProgress, [&](ChangeSet& set, WallTime now) -> Result<Rows> {
        DRIVEWAY_TRY(Rows rows, set.overwrote(job.step, theirs));
        set.notes().conflict(
            {ConflictKind::kOverwritten, job.step.inode, name, local_.conflict_name(name), now});
        return rows;
      });
  if (!noted.failed_with(ErrorCode::kNotFound)) DRIVEWAY_CHECK(noted);
  job.step.sent.overwritten = theirs;
  return journal_.sync(cancellable());
}

// Where what `item` had is saved. Nothing is put into a folder that is in the trash, or that cannot
// be seen.
Result<Place> SenderCore::place_beside(const Context& context, const drive::Item& item) {
  const std::string name = local_.conflict_name(item.name);
  std::optional<drive::Item> folder;
  if (item.parent) {
    DRIVEWAY_TRY(folder, get(context, *item.parent));
  }
  if (folder && !folder->trashed) return Place{InodeId(), folder->id, name};
  return local_.recovery_place(context, name);
}

Status SenderCore::copy_revision(Job& job, const drive::Item& item,
                                 const drive::RevisionInfo& lost) {
  const Context context = call_context(job.context.priority);
  DRIVEWAY_CHECK(store_.keep_revision(context, item.id, lost.id, true));
  drive::NewItem copy;
  copy.id = job.step.sent.overwritten->saved_as;
  DRIVEWAY_TRY(const Place place, place_beside(context, item));
  copy.name = place.name;
  copy.parent = place.parent_id;
  copy.mime_type = item.mime_type;
  copy.modified = lost.modified;
  copy.properties = item.properties;
  copy.properties.erase(std::string(kOperation));  // of one item
  log::warn("another client has changed ", item.name, " at the same time: its content becomes ",
            copy.name);
  const Bytes size = lost.size.value_or(0);
  return make_copy(job, copy, size, [&](ByteRange range) -> Result<std::string> {
    StringSink sink;
    if (range.empty()) return std::string();
    DRIVEWAY_CHECK(store_.read_revision(job.context, item.id, lost.id, size, range, sink));
    return std::move(sink.bytes);
  });
}

Status SenderCore::make_copy(Job& job, const drive::NewItem& copy, Bytes size,
                             const ReadBytes& read) {
  const auto accept = [this](const drive::Item& made) {
    const auto accepted = local_.accept(made);
    return accepted.ok() ? Status() : Status(accepted.error());
  };
  if (size <= drive::kMostInOneRequest) {
    DRIVEWAY_TRY(const std::string bytes, read({0, size}));
    StringContent content(bytes);
    DRIVEWAY_TRY(const drive::Item made, store_.create(job.context, copy, &content));
    return accept(made);
  }
  const Context context = call_context(job.context.priority);
  DRIVEWAY_TRY(const drive::UploadSession session, store_.begin_create(context, copy, size));
  for (Bytes offset = 0; offset < size;) {
    const ByteRange range{offset, std::min(kSavedAtOnce, size - offset)};
    DRIVEWAY_TRY(const std::string bytes, read(range));
    StringContent content(bytes, offset, size);
    DRIVEWAY_TRY(const drive::UploadProgress progress,
                 store_.send(job.context, session, range, content));
    if (progress.item) return accept(*progress.item);
    if (progress.stored <= offset) {
      return Error{ErrorCode::kUnavailable, "Drive takes nothing more of the copy", true};
    }
    offset = progress.stored;
  }
  return Error{ErrorCode::kUnavailable, "Drive has all of the copy and names no file", true};
}

}  // namespace driveway::journal
