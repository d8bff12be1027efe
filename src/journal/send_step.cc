// How a step begins and ends.
#include <algorithm>
#include <utility>

#include "base/fault.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/strings.h"
#include "journal/sender_core.h"

namespace driveway::journal {
namespace {

bool makes_an_item(Action action) { return action == Action::kCreate || action == Action::kCopy; }

// For a content that is not found, with growing pauses: some 15 s.
constexpr std::uint64_t kMostLooks = 4;

// The draft of a copy says so of its bytes also where these are sent.
ContentState as_bytes(ContentState state) {
  state.copy.reset();
  return state;
}

Result<std::string> read_all(Snapshot& snapshot) {
  std::string bytes(static_cast<std::size_t>(snapshot.size()), '\0');
  if (bytes.empty()) return bytes;
  DRIVEWAY_CHECK(snapshot.read(0, std::as_writable_bytes(std::span(bytes))));
  return bytes;
}

// J7: bytes that Drive does not have any more, and that are not here, do not come by waiting.
Error as_reported(const Error& error) {
  if (error.code != ErrorCode::kStale) return error;
  return {ErrorCode::kCorrupt,
          cat("the file that it was written over has gone from Drive, and not all of its bytes are "
              "here; what was written is kept: ",
              error.message)};
}

}  // namespace

bool moves_bytes(const Step& step) { return step.sent.generation != 0 && !step.sent.content.copy; }

const std::string* operation_of(const Step& step) {
  if (!makes_an_item(step.sent.action) || !step.sent.id.empty()) return nullptr;
  const auto found = step.sent.properties.find(std::string(kOperation));
  return found == step.sent.properties.end() || !found->second ? nullptr : &*found->second;
}

bool may_be_done(const Error& error) {
  switch (error.code) {
    case ErrorCode::kInvalidArgument:
    case ErrorCode::kNotFound:
    case ErrorCode::kPermissionDenied:
    case ErrorCode::kLoginNeeded:
    case ErrorCode::kRateLimited:
    case ErrorCode::kQuotaExceeded:
    case ErrorCode::kStorageFull:
    case ErrorCode::kUnsupported:
    case ErrorCode::kTooLarge:
    case ErrorCode::kNameTooLong:
    case ErrorCode::kCrossDevice:
      return false;
    default:
      return true;
  }
}

bool is_done(const Step& step, const drive::Item& item) {
  const Sent& sent = step.sent;
  if (sent.action == Action::kTrash) return item.trashed;
  if (sent.action == Action::kRemove) return false;
  if (sent.generation == 0) return true;
  if (item.size && *item.size != sent.content.size) return false;
  if (makes_an_item(sent.action)) {
    return item.md5.empty() || sent.md5.empty() || item.md5 == sent.md5;
  }
  return item.head_revision != sent.base_revision && !sent.md5.empty() && item.md5 == sent.md5;
}

Status SenderCore::perform(Step step) {
  Job job;
  job.step = std::move(step);
  const InodeId inode = job.step.inode;
  job.context =
      cancellable().with_priority(job.step.raised ? Priority::kForeground : Priority::kBackground);
  const bool is_there = journal_.look([&](const ChangeSet& set) {
    const Change* const change = set.find(inode);
    if (change == nullptr) return false;
    job.name = change->name();
    job.drive = change->drive;
    return true;
  });
  if (!is_there) return {};
  const Sent& sent = job.step.sent;
  if (!job.step.resolve && makes_an_item(sent.action) && sent.parent_inode == InodeId()) {
    return find_home(inode);
  }
  figures_.steps.add();
  Sending sending;
  sending.inode = inode;
  sending.name = job.name;
  sending.action = sent.action;
  sending.size = moves_bytes(job.step) ? sent.content.size : 0;
  job.meter = meter_.begin(std::move(sending));
  const Status left = perform(job);
  meter_.end(job.meter);
  return left;
}

Status SenderCore::perform(Job& job) {
  DRIVEWAY_TRY(const bool begun, prepare(job));
  if (!begun) return {};
  if (job.step.resolve) return resolve(job);
  if (job.unreadable) return fail(job, as_reported(*job.unreadable), false);
  DRIVEWAY_TRY(const bool dealt_with, look_before(job));
  if (dealt_with) return {};
  return moves_bytes(job.step) ? send_content(job) : send_edit(job);
}

// Up to the record that it is being sent (J1).
Result<bool> SenderCore::prepare(Job& job) {
  Step& step = job.step;
  Begin begun;
  if (moves_bytes(step)) {
    DRIVEWAY_TRY(const bool is_same, take_snapshot(job));
    if (!is_same) return false;
    if (job.snapshot && !step.resolve && job.snapshot->size() <= drive::kMostInOneRequest) {
      auto bytes = read_all(*job.snapshot);
      if (bytes.ok()) {
        begun.md5 = hash_hex(HashKind::kMd5, *bytes);
        job.small = *std::move(bytes);
      } else {
        job.unreadable = std::move(bytes).error();
      }
    }
  }
  if (!step.resolve && step.sent.id.empty() && operation_of(step) == nullptr) {
    auto id = ids_.take_or_fetch(call_context(job.context.priority));
    if (id.failed_with(ErrorCode::kLoginNeeded)) {
      journal_.adjust([](ChangeSet& set) { set.login_refused(); });
      wake_care();
      return false;
    }
    DRIVEWAY_TRY(begun.id, std::move(id));
  }
  return begin(job, begun);
}

// The bytes as they are now, if the row says the same of them.
Result<bool> SenderCore::take_snapshot(Job& job) {
  auto taken = local_.snapshot(job.context, job.step.inode);
  if (!taken.ok()) {
    if (stopping_) return Error{ErrorCode::kCancelled, "the mount ends"};
    job.unreadable = std::move(taken).error();
    const auto tries = journal_.look([&](const ChangeSet& set) {
      const Change* const change = set.find(job.step.inode);
      return change == nullptr ? std::uint64_t{0} : change->tries;
    });
    // The row says that there is one: a rename moves the two one after the other.
    const bool is_missing = job.unreadable->code == ErrorCode::kNotFound && !job.step.resolve;
    if (is_missing && tries < kMostLooks) {
      job.unreadable = Error{ErrorCode::kUnavailable, job.unreadable->message, true};
    }
    return true;
  }
  job.snapshot = *std::move(taken);
  if (as_bytes(job.snapshot->state()) == job.step.sent.content) return true;
  if (!job.step.resolve) return take_state(job);
  job.snapshot.reset();  // what was sent is not what is here now
  return true;
}

// What is here is not what the row says: it says so from now on. Whether that may be sent at once,
// as where somebody waits for it: another look at a file that is being written would find others.
Result<bool> SenderCore::take_state(Job& job) {
  Step& step = job.step;
  const ContentState& state = job.snapshot->state();
  const auto tell = [&](ChangeSet& set, WallTime now) -> Result<Rows> {
    const Change* const change = set.find(step.inode);
    if (change == nullptr || !change->wanted.content ||
        as_bytes(change->wanted.content->bytes) != step.sent.content) {
      return Rows{};  // it says something else already
    }
    if (change->wanted.content->acknowledged) return set.synced(step.inode, state, {}, now);
    const WallTime modified = change->wanted.modified.value_or(change->known.modified);
    return set.written(step.inode, state, modified, now);
  };
  DRIVEWAY_CHECK(journal_.change({}, Purpose::kProgress, tell));
  Plan plan = journal_.look([&](const ChangeSet& set) {
    return set.next(journal_.now(), {.steps = set.size(), .contents = true});
  });
  for (Step& offered : plan.steps) {
    if (offered.inode != step.inode || offered.sent.content != as_bytes(state)) continue;
    step = std::move(offered);
    return true;
  }
  return false;
}

Result<bool> SenderCore::begin(Job& job, const Begin& begun) {
  DRIVEWAY_CHECK(DRIVEWAY_FAULT_STATUS("sender.before_began"));
  const Status recorded = journal_.change(
      cancellable(), Purpose::kProgress,
      [&](ChangeSet& set, WallTime now) { return set.began(job.step, begun, now); });
  if (recorded.failed_with(ErrorCode::kStale) || recorded.failed_with(ErrorCode::kNotFound)) {
    return false;
  }
  DRIVEWAY_CHECK(recorded);
  DRIVEWAY_CHECK(DRIVEWAY_FAULT_STATUS("sender.after_began"));
  return true;
}

Status SenderCore::before_first_byte(Job& job) {
  const Status synced = journal_.sync(cancellable());
  if (!synced.ok()) {
    DRIVEWAY_CHECK(fail(job, synced.error(), false));
    return synced;
  }
  return DRIVEWAY_FAULT_STATUS("sender.before_first_byte");
}

// --- How it ends (D4: meta, cache, record).

Status SenderCore::finish(Job& job, const drive::Item& item) {
  DRIVEWAY_CHECK(DRIVEWAY_FAULT_STATUS("sender.after_answer"));
  DRIVEWAY_CHECK(note_id(job, item));
  if (item.trashed && item.parent) {
    const std::lock_guard lock(mutex_);
    good_folders_.erase(*item.parent);  // it may have taken the item along
  }
  const auto parent = local_.accept(item);
  if (!parent.ok()) return fail(job, parent.error(), true);
  DRIVEWAY_CHECK(DRIVEWAY_FAULT_STATUS("sender.after_accept"));
  adopt_content(job, item);
  DRIVEWAY_CHECK(DRIVEWAY_FAULT_STATUS("sender.after_confirmed"));
  DRIVEWAY_CHECK(record(job.step, [&](ChangeSet& set, WallTime now) {
    return set.finished(job.step, item, *parent, now);
  }));
  DRIVEWAY_CHECK(DRIVEWAY_FAULT_STATUS("sender.after_record"));
  settle(job.step);
  return {};
}

Status SenderCore::note_id(Job& job, const drive::Item& item) {
  if (operation_of(job.step) == nullptr) return {};
  const Status noted = journal_.change(
      {}, Purpose::kProgress,
      [&](ChangeSet& set, WallTime /*now*/) { return set.identified(job.step, item.id); });
  if (noted.failed_with(ErrorCode::kNotFound)) return {};
  DRIVEWAY_CHECK(noted);
  job.step.sent.id = item.id;
  return {};
}

Status SenderCore::finish_removal(Job& job) {
  DRIVEWAY_CHECK(DRIVEWAY_FAULT_STATUS("sender.after_answer"));
  if (const Status gone = local_.removed(job.step.sent.id); !gone.ok()) {
    return fail(job, gone.error(), true);
  }
  DRIVEWAY_CHECK(DRIVEWAY_FAULT_STATUS("sender.after_accept"));
  DRIVEWAY_CHECK(
      record(job.step, [&](ChangeSet& set, WallTime now) { return set.removed(job.step, now); }));
  return DRIVEWAY_FAULT_STATUS("sender.after_record");
}

// The dirty content becomes a clean one, if Drive has just these bytes. So does what the server has
// copied, of which nothing is here: else it would count as changed once more. Without a snapshot,
// of what was sent before: also where that is not what is here now, or not all of it can be read,
// as Drive has the base of it no more.
void SenderCore::adopt_content(const Job& job, const drive::Item& item) {
  const Step& step = job.step;
  if (step.sent.generation == 0 || !is_done(step, item)) return;
  if (item.trashed) return;  // J10: it is made anew
  const bool is_its = journal_.look([&](const ChangeSet& set) {
    const Change* const holder = set.holder(step);  // J6: another one may have got the item
    return holder != nullptr && holder->inode == step.inode;
  });
  if (!is_its) return;
  const Status adopted = local_.confirmed(step.inode, job.snapshot.get(), item);
  if (!adopted.ok() && !adopted.failed_with(ErrorCode::kStale)) {
    log::warn(job.name, " is in Drive, but its bytes do not stay in the cache: ", adopted.error());
  }
}

Status SenderCore::fail(Job& job, const Error& error, bool may_be_done) {
  if (stopping_ && error.code == ErrorCode::kCancelled) return error;
  if (error.code == ErrorCode::kLoginNeeded) log::warn("Drive wants a new login: ", error);
  if (error.code == ErrorCode::kStorageFull && make_room(job.drive, job.step.sent.content.size)) {
    const Error again{ErrorCode::kUnavailable,
                      "Drive had no room; old revisions and files in its trash have made some",
                      true};
    return fail(job, again, may_be_done);
  }
  return record(job.step, [&](ChangeSet& set, WallTime now) -> Result<Outcome> {
    auto outcome = set.failed(job.step, error, may_be_done, now);
    if (outcome.ok() && outcome->verdict == Verdict::kFailed) {
      log::warn("cannot send ", job.name, " to Drive; it stays here: ", error);
    }
    return outcome;
  });
}

Status SenderCore::refused(Job& job, const Error& error) {
  if (stopping_ && error.code == ErrorCode::kCancelled) return error;
  const Sent& sent = job.step.sent;
  const bool is_new = makes_an_item(sent.action);
  // J2: somebody, and that can only be we, has made an item of this id.
  if (is_new && error.code == ErrorCode::kAlreadyExists) return resolve_by_get(job);
  if (is_new && error.code == ErrorCode::kInvalidArgument && operation_of(job.step) == nullptr) {
    log::info("Drive refuses to make ", job.name, " with an id of ours: ", error);
    return record(job.step,
                  [&](ChangeSet& set, WallTime now) { return set.id_refused(job.step, now); });
  }
  if (error.code == ErrorCode::kNotFound) {
    if (sent.action == Action::kTrash || sent.action == Action::kRemove) return finish_removal(job);
    if (!sent.parent.empty()) {
      const auto folder = get(job.context, sent.parent);
      if (!folder.ok()) return fail(job, folder.error(), false);
      if (!*folder || (*folder)->trashed) return lost_folder(job, *folder);
    }
    if (!is_new) return resolve_by_get(job);
  }
  // J10: another client has moved it, so it cannot be taken out of where it was.
  if (error.code == ErrorCode::kInvalidArgument && !sent.from.empty()) {
    const auto item = get(job.context, sent.id);
    if (item.ok() && *item && (*item)->parent.value_or(kNoFolder) != sent.from) {
      return resolve_by(job, *item);
    }
  }
  return fail(job, error, may_be_done(error));
}

// --- The record.

Status SenderCore::record(const Step& step, const Tell& tell) {
  std::optional<Outcome> outcome;
  bool login_needed = false;
  const Status recorded =
      journal_.change({}, Purpose::kProgress, [&](ChangeSet& set, WallTime now) -> Result<Rows> {
        DRIVEWAY_TRY(outcome, tell(set, now));
        DRIVEWAY_CHECK(answer_verdict(set, *outcome, now));
        login_needed = set.login_needed();
        return outcome->rows;
      });
  // What it was told of has been dealt with: by a conflict that was heard of, say.
  if (recorded.failed_with(ErrorCode::kNotFound)) return {};
  DRIVEWAY_CHECK(recorded);
  if (login_needed) wake_care();
  if (outcome->verdict == Verdict::kUploaded) figures_.uploaded.add(step.sent.content.size);
  if (outcome->verdict == Verdict::kFailed) figures_.failures.add();
  after_record(*outcome);
  return {};
}

void SenderCore::after_record(const Outcome& outcome) {
  bool found = false;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [inode, row] : outcome.rows.changed) {
      const bool is_homeless = row && !row->known.exists && !row->wanted.deleted && !row->sent &&
                               row->parent() == InodeId();
      if (is_homeless) homeless_.insert(inode);
      found = found || is_homeless;
    }
  }
  if (found || options_.revisions == RevisionsMode::kDrop) wake_care();
  hear_later();
}

void SenderCore::settle(const Step& step) {
  if (step.sent.generation == 0) return;
  const bool is_settled = journal_.look([&](const ChangeSet& set) {
    const Change* const change = set.find(step.inode);
    return change == nullptr || !change->wanted.content;
  });
  if (is_settled) local_.settled(step.inode);
}

}  // namespace driveway::journal
