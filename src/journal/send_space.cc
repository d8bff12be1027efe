// Room in Drive (J13): what this client has left there goes for good, where that is wanted.
#include <algorithm>
#include <utility>

#include "base/bytes.h"
#include "base/log.h"
#include "journal/sender_core.h"

namespace driveway::journal {
namespace {

constexpr Duration kLookForRoom = std::chrono::minutes(10);
constexpr Duration kAgainSoon = std::chrono::seconds(10);
constexpr double kFull = 0.9;

}  // namespace

bool SenderCore::make_room(const DriveId& drive, Bytes wanted) {
  if (options_.revisions == RevisionsMode::kKeep) return false;
  const auto leftovers =
      journal_.look([](const ChangeSet& set) { return set.notes().leftovers(); });
  if (leftovers.empty()) return false;
  {
    const std::lock_guard lock(mutex_);
    if (makes_room_) return true;  // somebody is at it: whoever needs it tries again
    makes_room_ = true;
  }
  Bytes freed = 0;
  for (const Leftover& leftover : leftovers) {
    if (freed >= std::max<Bytes>(wanted, 1) || stopping_) break;
    if (leftover.drive != drive) continue;
    const auto bytes = give_back(leftover);
    if (!bytes.ok()) {
      log::warn("what takes room in Drive in vain stays there for now: ", bytes.error());
      break;
    }
    freed += *bytes;
  }
  const std::lock_guard lock(mutex_);
  makes_room_ = false;
  return freed > 0;
}

Result<Bytes> SenderCore::give_back(const Leftover& leftover) {
  const auto freed =
      leftover.revision.empty() ? give_back_file(leftover) : give_back_revision(leftover);
  if (!freed.ok()) {
    if (!is_permanent(freed.error())) return freed;
    log::info("Drive does not remove what ", leftover.name, " holds in vain: ", freed.error());
  }
  DRIVEWAY_CHECK(forget_leftover(leftover));
  return freed.ok() ? *freed : Bytes{0};
}

Result<Bytes> SenderCore::give_back_revision(const Leftover& leftover) {
  const Context context = call_context(Priority::kBackground);
  DRIVEWAY_TRY(const auto revisions, store_.revisions(context, leftover.id));
  const auto found = std::find_if(revisions.begin(), revisions.end(), [&](const auto& revision) {
    return revision.id == leftover.revision;
  });
  // Somebody may have brought it back to the head, or want it for ever.
  const bool is_old = found != revisions.end() && std::next(found) != revisions.end();
  if (!is_old || found->keep_forever) return Bytes{0};
  DRIVEWAY_CHECK(store_.remove_revision(context, leftover.id, leftover.revision));
  log::info("removed revision ", leftover.revision, " of ", leftover.name, " (",
            format_size(leftover.size), "), which a later one had replaced, to make room in Drive");
  return leftover.size;
}

Result<Bytes> SenderCore::give_back_file(const Leftover& leftover) {
  const bool is_free = journal_.look([&](const ChangeSet& set) {
    const Change* const row = set.find(set.find_id(leftover.id));
    return row == nullptr || !set.is_dirty(*row);  // it is about to be restored, say
  });
  if (!is_free) return Bytes{0};
  const Context context = call_context(Priority::kBackground);
  DRIVEWAY_TRY(const auto item, get(context, leftover.id));
  // Somebody may have restored it, or written to it.
  if (!item || !item->trashed || item->head_revision != leftover.head) return Bytes{0};
  const Status removed = store_.remove(context, leftover.id);
  if (!removed.failed_with(ErrorCode::kNotFound)) DRIVEWAY_CHECK(removed);
  log::info("removed ", leftover.name, " (", format_size(leftover.size),
            ") from the trash, to make room in Drive");
  DRIVEWAY_CHECK(local_.removed(leftover.id));
  return leftover.size;
}

Status SenderCore::forget_leftover(const Leftover& leftover) {
  return journal_.change({}, Purpose::kProgress, [&](ChangeSet& set, WallTime /*now*/) {
    set.notes().given_up(leftover);
    return Result<Rows>(Rows{});
  });
}

// How much more than it should be is in the account's storage.
Bytes SenderCore::too_much() {
  const auto about = store_.about(call_context(Priority::kBackground));
  if (!about.ok() || !about->storage_limit) return 0;
  const auto most = static_cast<Bytes>(kFull * static_cast<double>(*about->storage_limit));
  return about->usage > most ? about->usage - most : 0;
}

void SenderCore::look_for_room() {
  const bool has_any =
      journal_.look([](const ChangeSet& set) { return set.notes().has_leftovers(); });
  if (options_.revisions == RevisionsMode::kKeep || !has_any) {
    room_at_ = TimePoint();
    return;
  }
  if (clock_.now() < room_at_) return;
  if (options_.revisions == RevisionsMode::kAuto) {
    room_at_ = clock_.now() + kLookForRoom;
    if (const Bytes bytes = too_much(); bytes > 0) make_room(DriveId(), bytes);
    return;
  }
  room_at_ = clock_.now() + kAgainSoon;
  for (const Leftover& leftover :
       journal_.look([](const ChangeSet& set) { return set.notes().leftovers(); })) {
    const auto freed = give_back(leftover);
    if (!freed.ok()) return;
  }
  room_at_ = TimePoint();
}

}  // namespace driveway::journal
