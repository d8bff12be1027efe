// What became of what was sent.
#include <algorithm>

#include "base/strings.h"
#include "journal/change_set.h"

namespace driveway::journal {
namespace {

constexpr std::uint64_t kMostMismatches = 3;  // J5

bool is_create(Action action) { return action == Action::kCreate || action == Action::kCopy; }
bool is_removal(Action action) { return action == Action::kTrash || action == Action::kRemove; }

// J2: whether `item` has the content that was sent. Nothing: it cannot be told.
std::optional<bool> has_content(const drive::Item& item, const Sent& sent) {
  if (item.size && *item.size != sent.content.size) return false;
  if (item.md5.empty() || sent.md5.empty()) return std::nullopt;
  return item.md5 == sent.md5;
}

// J2: whether the patch that was sent is to be seen.
bool shows(const drive::Item& item, const Sent& sent) {
  if (sent.name && item.name != *sent.name) return false;
  if (!sent.from.empty() && item.parent != sent.parent) return false;
  if (sent.modified && item.modified != *sent.modified) return false;
  if (sent.restored && item.trashed) return false;
  return std::all_of(sent.properties.begin(), sent.properties.end(), [&item](const auto& entry) {
    const auto found = item.properties.find(entry.first);
    return entry.second ? found != item.properties.end() && found->second == *entry.second
                        : found == item.properties.end();
  });
}

// Whether Drive does not copy, or what was to be copied is no more.
bool refuses_copy(const Error& error) {
  return error.code == ErrorCode::kUnsupported || error.code == ErrorCode::kPermissionDenied ||
         error.code == ErrorCode::kNotFound || error.code == ErrorCode::kStale;
}

// The content goes as bytes from now on, if there are any here. False: there are none.
bool without_copy(Change& change, const Sent& sent) {
  auto& content = change.wanted.content;
  const auto& refused = sent.content.copy;
  if (!content || content->bytes.copy != refused) return true;  // it is another content by now
  if (content->bytes.number == 0) return false;
  content->refused = refused;
  content->bytes.copy.reset();
  return true;
}

}  // namespace

Result<Change> ChangeSet::take_out(const Step& step) {
  const auto holder = tickets_.find(step.sent.ticket);
  if (holder == tickets_.end() || in_flight_.erase(step.sent.ticket) == 0) {
    return Error{ErrorCode::kNotFound, "journal: no such step is out"};
  }
  return changes_.at(holder->second);
}

void ChangeSet::learn(Known& known, const drive::Item& item, InodeId parent) const {
  if (known.exists && known.id == item.id && item.version < known.version) return;
  known.id = item.id;
  known.exists = true;
  known.operation.clear();
  // In the trash: it may have to be made anew where it was. Shown nowhere: it has left its old
  // folder all the same, and the removal of that does not take it along (J8).
  if (!item.trashed) {
    const bool is_same = item.parent == known.parent;
    if (parent != InodeId() || !is_same) known.parent_inode = parent;
    known.parent = item.parent.value_or(FileId());
  }
  known.name = item.name;
  known.trashed = item.trashed;
  known.modified = item.modified;
  known.properties = item.properties;
  known.head_revision = item.head_revision;
  known.md5 = item.md5;
  known.size = item.size;
  known.version = item.version;
}

// --- It was done.

Result<Outcome> ChangeSet::finished(const Step& step, const drive::Item& item, InodeId parent,
                                    WallTime now) {
  DRIVEWAY_TRY(Change change, take_out(step));
  if (is_removal(change.sent->action)) {
    Outcome outcome{{}, Verdict::kDone, change.inode};
    const Sent sent = *change.sent;
    change.known.version = std::max(change.known.version, item.version);
    confirm_removal(std::move(change), sent, outcome.rows, now);
    return outcome;
  }
  return confirm(std::move(change), item, parent, now);
}

Result<Outcome> ChangeSet::removed(const Step& step, WallTime now) {
  return finished(step, drive::Item(), InodeId(), now);
}

Outcome ChangeSet::confirm(Change change, const drive::Item& item, InodeId parent, WallTime now) {
  Outcome outcome{{}, Verdict::kDone, change.inode};
  const Sent sent = *change.sent;
  change.sent.reset();
  clear_errors_like(change, outcome.rows);
  // A folder that this set was told of by inode need not be in the tree yet.
  if (!sent.parent.empty() && item.parent == sent.parent) parent = sent.parent_inode;
  const Known before = change.known;
  learn(change.known, item, parent);
  // J10: another client's content is none that ours lies over. It is found before ours is sent.
  if (sent.generation == 0 && change.wanted.content && before.exists) {
    keep_content(change.known, before.head_revision, before.md5, before.size);
  }
  change.tries = 0;
  change.not_before = WallTime();
  change.problem.reset();
  change.confirmed_order = std::max(change.confirmed_order, sent.order);
  change.confirmed_at = now;
  change.echoed = false;
  if (!item.trashed) remembered_.restored(item.id);
  // Another client put it, or its folder, there in the meantime.
  const bool is_lost = item.trashed && !change.wanted.deleted && !change.wanted.restored;
  if (sent.generation != 0) {
    note_upload(change, sent, item, now);
    if (!is_lost) outcome.verdict = confirm_content(change, sent, item, now);
    clear_blocks(change.drive, sent.ticket);
  }
  if (is_lost) {
    Outcome gone = lost(std::move(change), now);
    gone.rows.changed.merge(outcome.rows.changed);
    return gone;
  }
  put(std::move(change), outcome.rows);
  return outcome;
}

// J13: what others may have written is none of ours.
void ChangeSet::note_upload(const Change& change, const Sent& sent, const drive::Item& item,
                            WallTime now) {
  if (!has_content(item, sent).value_or(sent.action == Action::kCopy)) return;
  const auto replaced = is_create(sent.action) ? std::nullopt : std::optional(sent.base_revision);
  remembered_.uploaded(item, change.drive, replaced, now);
}

Verdict ChangeSet::confirm_content(Change& change, const Sent& sent, const drive::Item& item,
                                   WallTime now) {
  auto& content = change.wanted.content;
  const bool is_ours = content && content->bytes.number == sent.content.number;
  if (!has_content(item, sent).value_or(true)) {
    if (!is_ours) return Verdict::kDone;  // a later content replaces it anyway
    if (++change.mismatches < kMostMismatches) return Verdict::kAgain;
    change.problem =
        Problem{ErrorCode::kCorrupt, "Drive has other bytes than were sent", true, now};
    item_probe_at_ = std::max(item_probe_at_, now + options_.probe);
    return Verdict::kFailed;
  }
  change.mismatches = 0;
  change.uploaded_at = now;
  change.upload_took = std::max(now - sent.at, Milliseconds(0));
  if (!is_ours) return Verdict::kDone;  // J6: what was replaced meanwhile; no flush waits for that
  change.confirmed_generation = std::max(change.confirmed_generation, sent.generation);
  change.replaces = InodeId();
  if (content->generation == sent.generation) {
    content.reset();
    return Verdict::kUploaded;
  }
  // J5: it was written to meanwhile. What Drive lacks began after what it has.
  content->began_order = content->generation;
  content->closed_order = content->closed_at ? content->generation : 0;
  content->dirty_since = std::min(content->closed_at.value_or(now), now);
  return Verdict::kDone;
}

void ChangeSet::confirm_removal(Change change, const Sent& sent, Rows& rows, WallTime now) {
  change.sent.reset();
  clear_errors_like(change, rows);
  change.tries = 0;
  change.problem.reset();
  change.known.trashed = true;
  change.confirmed_order = std::max(change.confirmed_order, sent.order);
  change.confirmed_at = now;
  change.echoed = !is_removal(sent.action);  // the feed does not list what went along
  const FileId id = change.known.id;
  const bool is_folder = change.is_folder();
  if (sent.action == Action::kRemove) {
    remembered_.removed(id);
  } else {
    remembered_.trashed(id, change.known.head_revision, now);
  }
  put(std::move(change), rows);
  if (!is_folder) return;
  const auto inside = in_drive_.find(id);
  if (inside == in_drive_.end()) return;
  for (const InodeId inode : std::set(inside->second)) {  // J8: they went with it
    const Change& child = changes_.at(inode);
    // What was removed after the call had been sent is not in the folder, whatever its row says:
    // the listing would have shown it.
    const bool is_later = child.sent || child.order > sent.ticket;
    if (!child.wanted.deleted || !child.present() || is_later) continue;
    Sent along;  // kCreate: nothing was sent for it
    along.order = child.order;
    along.ticket = sent.ticket;
    confirm_removal(child, along, rows, now);
  }
}

// E2: a probe has gone through. What was under way beside the one that was refused tells nothing.
void ChangeSet::clear_blocks(const DriveId& drive, std::uint64_t ticket) {
  for (const std::string& key : {drive.value(), kAllDrives}) {
    const auto block = blocks_.find(key);
    if (block != blocks_.end() && !block->second.beside.contains(ticket)) blocks_.erase(block);
  }
}

// E2: one that was tried again has gone through, so what failed alike in its folder may.
void ChangeSet::clear_errors_like(const Change& change, Rows& rows) {
  if (!change.problem || !change.problem->permanent) return;
  for (const InodeId inode : std::set(failed_)) {
    Change other = changes_.at(inode);
    if (inode == change.inode || other.parent() != change.parent() ||
        other.problem->code != change.problem->code) {
      continue;
    }
    other.problem.reset();
    other.not_before = WallTime();
    put(std::move(other), rows);
  }
}

// --- It may have been done.

Result<Outcome> ChangeSet::resolved(const Step& step, const std::optional<drive::Item>& item,
                                    InodeId parent, WallTime now) {
  DRIVEWAY_TRY(Change change, take_out(step));
  const Sent sent = *change.sent;
  Outcome outcome{{}, Verdict::kDone, change.inode};
  if (is_removal(sent.action)) {
    if (!item || (sent.action == Action::kTrash && item->trashed)) {
      if (item) change.known.version = std::max(change.known.version, item->version);
      confirm_removal(std::move(change), sent, outcome.rows, now);
      return outcome;
    }
  } else if (!item) {
    change.sent.reset();
    change.problem.reset();
    if (!is_create(sent.action)) return lost(std::move(change), now);
    put(std::move(change), outcome.rows);
    outcome.verdict = Verdict::kAgain;
    return outcome;
  } else if (is_create(sent.action)) {
    return confirm(std::move(change), *item, parent, now);
  } else if (sent.action == Action::kPatch) {
    if (shows(*item, sent)) return confirm(std::move(change), *item, parent, now);
  } else if (item->head_revision != sent.base_revision &&
             has_content(*item, sent).value_or(false)) {
    return confirm(std::move(change), *item, parent, now);
  }
  change.sent.reset();
  change.problem.reset();
  return hear(std::move(change), *item, parent, now);
}

Result<Outcome> ChangeSet::failed(const Step& step, const Error& error, bool may_be_done,
                                  WallTime now) {
  DRIVEWAY_TRY(Change change, take_out(step));
  Outcome outcome{{}, Verdict::kAgain, change.inode};
  if (!may_be_done && !step.resolve) change.sent.reset();
  const bool no_copy = step.sent.action == Action::kCopy && !change.sent && refuses_copy(error);
  if (no_copy && without_copy(change, step.sent)) {
    change.problem.reset();
    put(std::move(change), outcome.rows);
    return outcome;
  }
  const bool permanent = no_copy || is_permanent(error);
  change.problem = Problem{error.code, error.message, permanent, now};
  if (permanent) {
    outcome.verdict = Verdict::kFailed;
    item_probe_at_ = std::max(item_probe_at_, now + options_.probe);
  } else if (error.code == ErrorCode::kLoginNeeded) {
    login_needed_ = true;
  } else if (is_block(error.code)) {
    const bool is_full = error.code == ErrorCode::kStorageFull;
    const std::string key = is_full ? change.drive.value() : kAllDrives;
    blocks_[key] = Block{*change.problem, now + options_.probe, in_flight_};
  } else {
    const auto doublings = std::min<std::uint64_t>(change.tries++, 20);
    change.not_before = now + std::min<Milliseconds>(options_.first_pause * (1LL << doublings),
                                                     options_.longest_pause);
  }
  put(std::move(change), outcome.rows);
  return outcome;
}

Result<Outcome> ChangeSet::id_refused(const Step& step, WallTime now) {
  if (step.sent.id.empty() || !is_create(step.sent.action)) {
    return failed(step, {ErrorCode::kInvalidArgument, "Drive refuses what was sent"}, false, now);
  }
  DRIVEWAY_TRY(Change change, take_out(step));
  Outcome outcome{{}, Verdict::kAgain, change.inode};
  change.known.operation = change.sent->id.value();  // as good a name as any: nobody else has it
  change.known.id = FileId();
  change.sent.reset();
  change.problem.reset();
  put(std::move(change), outcome.rows);
  return outcome;
}

Result<Outcome> ChangeSet::adopted(const Step& step, const drive::Item& folder, InodeId parent,
                                   WallTime now) {
  DRIVEWAY_TRY(Change change, take_out(step));
  const InodeId inode = change.inode;
  const InodeId other = find_id(folder.id);
  const Sent sent = *change.sent;
  const auto not_now = [&](Verdict verdict) {
    Outcome outcome{{}, verdict, inode};
    change.sent.reset();
    put(std::move(change), outcome.rows);
    return outcome;
  };
  // Nothing was made. What is wanted elsewhere by now, or no more, is another folder than theirs,
  // which it would move or remove.
  if (change.wanted.deleted) return not_now(Verdict::kDone);
  if (change.name() != sent.name || change.parent() != sent.parent_inode) {
    return not_now(Verdict::kAgain);
  }
  if (const Change* const row = other == inode ? nullptr : find(other); row != nullptr) {
    // J3: its outcome comes first; it may be about to leave the name.
    const bool is_out = row->sent && in_flight_.contains(row->sent->ticket);
    if (is_out || (is_dirty(*row) && !is_failed(*row))) {
      change.not_before = now + options_.first_pause;
      return not_now(Verdict::kAgain);
    }
  }
  change.wanted.modified.reset();  // its time is theirs
  Outcome outcome = confirm(std::move(change), folder, parent, now);
  if (other == InodeId() || other == inode) return outcome;
  // It has been known by another inode: what is in that one is in ours.
  const auto children = children_.find(other);
  const std::set<InodeId> inside =
      children == children_.end() ? std::set<InodeId>() : children->second;
  for (const InodeId each : inside) {
    Change child = changes_.at(each);
    if (child.wanted.parent == other) child.wanted.parent = inode;
    if (child.known.parent_inode == other) child.known.parent_inode = inode;
    put(std::move(child), outcome.rows);
  }
  drop(other, outcome.rows);
  return outcome;
}

Result<Rows> ChangeSet::conflict(InodeId inode, std::string name, WallTime now) {
  DRIVEWAY_TRY(Change change, copy_of(inode));
  if (change.sent) in_flight_.erase(change.sent->ticket);
  note_conflict(change.known.exists ? ConflictKind::kChangedToo : ConflictKind::kNameTaken, change,
                name, now);
  touch(change, now);
  make_new(change);
  change.wanted.name = std::move(name);
  Rows rows;
  put(std::move(change), rows);
  return rows;
}

Result<Outcome> ChangeSet::listing_differs(const Step& step, const FileId& kept, WallTime now) {
  DRIVEWAY_TRY(Change change, take_out(step));
  const InodeId top = change.inode;
  Outcome outcome{{}, Verdict::kAgain, change.inode};
  const auto keep = [&](Change folder) {
    folder.sent.reset();
    folder.wanted = Wanted{};
    folder.problem.reset();
    folder.confirmed_at = now;
    put(std::move(folder), outcome.rows);
  };
  for (InodeId inode = find_id(kept); inode != top && inode != InodeId();) {
    const Change* const folder = find(inode);
    if (folder == nullptr || !folder->wanted.deleted) break;
    const InodeId above = find_id(folder->known.parent);
    keep(*folder);
    inode = above;
  }
  keep(std::move(change));
  return outcome;
}

}  // namespace driveway::journal
