// The start: rows of before, and what nobody had closed then.
#include <algorithm>

#include "base/strings.h"
#include "journal/change_set.h"

namespace driveway::journal {
namespace {

std::uint64_t highest_number(const Change& change) {
  std::uint64_t highest = std::max(
      {change.order, change.confirmed_order, change.confirmed_generation, change.after_order});
  if (const auto& content = change.wanted.content) {
    highest = std::max({highest, content->generation, content->began_order, content->closed_order});
  }
  if (change.sent) {
    highest = std::max({highest, change.sent->ticket, change.sent->order, change.sent->generation});
  }
  return highest;
}

// The clock may have been set back while nothing ran: nobody shall wait for what was then.
void not_in_the_future(Change& change, WallTime now) {
  for (WallTime* const time :
       {&change.since, &change.changed_at, &change.uploaded_at, &change.not_before}) {
    *time = std::min(*time, now);
  }
  if (change.confirmed_at) change.confirmed_at = std::min(*change.confirmed_at, now);
  if (auto& content = change.wanted.content) {
    content->dirty_since = std::min(content->dirty_since, now);
    if (content->closed_at) content->closed_at = std::min(*content->closed_at, now);
  }
}

}  // namespace

Status ChangeSet::load(std::vector<Change> rows, WallTime now) {
  for (Change& change : rows) {
    if (changes_.contains(change.inode)) {
      return Error{ErrorCode::kCorrupt,
                   cat("journal: inode ", std::to_string(change.inode.value()), " has two rows")};
    }
    counter_ = std::max(counter_, highest_number(change));
    not_in_the_future(change, now);
    insert(std::move(change));
  }
  for (auto& [inode, change] : changes_) {
    if (!change.wanted.content || change.wanted.deleted) continue;
    if (!change.wanted.content->acknowledged) {
      unclosed_.insert(inode);
      continue;
    }
    if (change.wanted.content->closed_at) continue;
    unindex(change);
    let_go(change, now);  // whoever had it open is gone
    index(change);
  }
  return {};
}

std::vector<InodeId> ChangeSet::unclosed() const { return {unclosed_.begin(), unclosed_.end()}; }

Result<Rows> ChangeSet::recover(InodeId inode, InodeId beside, std::string_view date,
                                WallTime now) {
  DRIVEWAY_TRY(Change change, copy_of(inode));
  if (!unclosed_.contains(inode)) {
    return Error{ErrorCode::kInvalidArgument, "nothing is to be recovered"};
  }
  if (change.sent) {
    return Error{ErrorCode::kBusy, "what was sent of the file is not known yet", true};
  }
  Rows rows;
  const std::string name = name_beside(change.name(), cat("recovered ", date));
  remembered_.conflict(
      {ConflictKind::kUnclosed, change.known.exists ? beside : inode, change.name(), name, now});
  touch(change, now);
  unclosed_.erase(inode);
  if (!change.known.exists) {
    change.wanted.name = name;
    change.wanted.content->acknowledged = true;
    let_go(change, now);
    put(std::move(change), rows);
    return rows;
  }
  Change saved = change;
  make_new(saved);
  saved.inode = beside;
  saved.wanted.name = name;
  saved.order = ++counter_;
  saved.confirmed_order = saved.confirmed_generation = 0;
  saved.confirmed_at.reset();
  saved.wanted.content->acknowledged = true;
  let_go(saved, now);
  change.wanted.content.reset();
  change.wanted.modified.reset();
  put(std::move(change), rows);
  put(std::move(saved), rows);
  return rows;
}

Result<Rows> ChangeSet::reverted(InodeId inode) {
  DRIVEWAY_TRY(Change change, copy_of(inode));
  change.wanted.content.reset();
  change.wanted.modified.reset();
  Rows rows;
  put(std::move(change), rows);
  return rows;
}

}  // namespace driveway::journal
