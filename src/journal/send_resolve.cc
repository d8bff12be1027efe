// What was sent before, and nobody knows whether it was carried out (J2).
#include <utility>

#include "base/log.h"
#include "journal/sender_core.h"

namespace driveway::journal {

Status SenderCore::resolve(Job& job) {
  if (!job.step.sent.session.empty()) return resolve_session(job);
  return resolve_by_get(job);
}

Status SenderCore::resolve_session(Job& job) {
  const Sent& sent = job.step.sent;
  job.session = {sent.session, sent.content.size, sent.id};
  const auto progress = store_.progress(call_context(job.context.priority), job.session);
  if (!progress.ok()) {
    const Error& error = progress.error();
    // It has ended, or nobody knows it any more: the item tells how.
    if (error.code == ErrorCode::kStale ||
        !(error.retryable || may_be_done(error) || error.code == ErrorCode::kLoginNeeded ||
          error.code == ErrorCode::kRateLimited)) {
      return resolve_by_get(job);
    }
    if (error.code == ErrorCode::kAlreadyExists) return resolve_by_get(job);
    return fail(job, error, true);
  }
  if (progress->item) {
    DRIVEWAY_TRY(const bool saved, save_overwritten(job, *progress->item));
    return saved ? finish(job, *progress->item) : Status();
  }
  if (job.snapshot) {
    job.stored = progress->stored;
    figures_.resumed.add();
    log::info("goes on sending ", job.name, " from ", job.stored, " of ", sent.content.size,
              " bytes");
    return send_large(job);
  }
  // Its bytes may be here later: those of the base are asked of Drive.
  if (job.unreadable && job.unreadable->retryable) return fail(job, *job.unreadable, true);
  cancel_session(job);
  return resolve_by_get(job);
}

Status SenderCore::resolve_by_get(Job& job) {
  const auto item =
      operation_of(job.step) == nullptr ? get(job.context, job.step.sent.id) : find_made(job);
  if (!item.ok()) return fail(job, item.error(), true);
  return resolve_by(job, *item);
}

Status SenderCore::resolve_by(Job& job, const std::optional<drive::Item>& item) {
  const Sent& sent = job.step.sent;
  InodeId parent;
  if (item) {
    DRIVEWAY_CHECK(note_id(job, *item));
    if (job.step.resolve || is_done(job.step, *item)) {
      DRIVEWAY_TRY(const bool saved, save_overwritten(job, *item));
      if (!saved) return {};
    }
    auto accepted = local_.accept(*item);
    if (!accepted.ok()) return fail(job, accepted.error(), true);
    parent = *accepted;
    adopt_content(job, *item);
  } else if (sent.action != Action::kCreate && sent.action != Action::kCopy) {
    if (sent.overwritten) {
      log::error(job.name, " has gone from Drive, and with it revision ",
                 sent.overwritten->revision, ", which it had replaced");
    }
    const Status gone = local_.removed(sent.id);
    if (!gone.ok()) return fail(job, gone.error(), true);
  }
  DRIVEWAY_CHECK(record(job.step, [&](ChangeSet& set, WallTime now) {
    return set.resolved(job.step, item, parent, now);
  }));
  settle(job.step);
  return {};
}

}  // namespace driveway::journal
