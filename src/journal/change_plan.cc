// What may be sent now, and what is left.
#include <algorithm>
#include <cmath>

#include "base/strings.h"
#include "journal/change_set.h"

namespace driveway::journal {
namespace {

// What of a content Drive does not have yet.
Bytes unsent_bytes(const Change& change) {
  const auto& content = change.wanted.content;
  if (!content || content->bytes.copy) return 0;
  const Bytes sent =
      change.sent && change.sent->generation == content->generation ? change.sent->offset : 0;
  return content->bytes.size - std::min(sent, content->bytes.size);
}

}  // namespace

// All that somebody waits for, with what these wait for in turn (J11).
std::set<InodeId> ChangeSet::raised_closure() const {
  std::set<InodeId> closure;
  for (const auto& [inode, goal] : raised_) {
    InodeId next = inode;
    while (const Change* const change = find(next)) {
      if (!closure.insert(next).second) break;
      const auto on = edge(*change);
      if (!on) break;
      next = on->on;
    }
  }
  return closure;
}

// The change with a permanent error that is let through as a probe (E2): who waited longest.
std::optional<InodeId> ChangeSet::probe_candidate(WallTime now) const {
  if (failed_.empty() || item_probe_at_ > now) return std::nullopt;
  const auto oldest =
      std::min_element(failed_.begin(), failed_.end(), [this](InodeId a, InodeId b) {
        return changes_.at(a).problem->at < changes_.at(b).problem->at;
      });
  return *oldest;
}

Plan ChangeSet::next(WallTime now, const Limits& limits) const {
  Plan plan;
  const std::set<InodeId> raised = raised_closure();
  const auto probe = probe_candidate(now);
  std::set<std::string> probed_blocks;
  const auto consider = [&](InodeId inode, bool is_raised) {
    const Change* change = &changes_.at(inode);
    Change freed;
    if (probe == inode) {
      freed = *change;
      freed.problem.reset();
      change = &freed;
    }
    const Waiting wait = waiting(*change, now, is_raised);
    if (wait.until && *wait.until > now)
      plan.wake = std::min(plan.wake.value_or(*wait.until), *wait.until);
    if (wait.wait != Wait::kNothing) return;
    if (moves_bytes(*change, is_raised)) {
      if (!limits.contents) return;
      const std::string* const key = change->sent ? nullptr : block_key(*change);
      if (key != nullptr && !probed_blocks.insert(*key).second) return;
    }
    plan.steps.push_back(step_of(*change, is_raised));
  };
  for (const bool first : {true, false}) {
    for (const auto& [order, inode] : dirty_) {
      if (plan.steps.size() >= limits.steps) return plan;
      if (raised.contains(inode) == first) consider(inode, first);
    }
  }
  return plan;
}

Sent ChangeSet::snapshot(const Change& change, bool raised) const {
  const Wanted& wanted = change.wanted;
  const Known& known = change.known;
  Sent sent;
  sent.order = change.order;
  sent.id = known.id;
  if (wanted.deleted) {
    sent.action = wanted.permanently && !change.is_folder() ? Action::kRemove : Action::kTrash;
    return sent;
  }
  if (!known.exists || wanted.parent) {
    sent.parent = parent_id(change).value_or(FileId());
    sent.parent_inode = change.parent();
    if (known.exists) sent.from = known.parent.empty() ? kNoFolder : known.parent;
  }
  sent.name = wanted.name;
  sent.properties = wanted.properties;
  sent.restored = wanted.restored;
  sent.modified = wanted.modified;
  const bool content = carries_content(change, raised);
  if (content) {
    sent.content = wanted.content->bytes;
    sent.generation = wanted.content->generation;
  } else if (known.exists && wanted.content) {
    sent.modified.reset();  // goes with the content
  }
  if (!known.exists) {
    std::erase_if(sent.properties, [](const auto& entry) { return !entry.second; });
    if (known.id.empty() && !known.operation.empty()) {
      sent.properties[std::string(kOperation)] = known.operation;
    }
    sent.action = content && sent.content.copy ? Action::kCopy : Action::kCreate;
    return sent;
  }
  sent.action = content ? Action::kUpdate : Action::kPatch;
  if (content) {
    sent.content.copy.reset();  // Drive copies to new items only
    sent.base_revision = known.head_revision;
    sent.replaces = change.replaces;
    if (!sent.modified) sent.modified = known.modified;  // else it would be the server's time
  }
  return sent;
}

std::vector<FileId> ChangeSet::take_along(const FileId& folder) const {
  std::vector<FileId> ids;
  for (const InodeId inode : rows_within(folder)) {
    const Change& child = changes_.at(inode);
    if (child.wanted.deleted && child.present()) ids.push_back(child.known.id);
  }
  return ids;
}

Step ChangeSet::step_of(const Change& change, bool raised) const {
  Step step;
  step.inode = change.inode;
  step.raised = raised;
  step.kind = change.kind;
  step.mime_type = change.mime_type;
  step.resolve = change.sent.has_value();
  step.sent = change.sent ? *change.sent : snapshot(change, raised);
  if (change.sent) return step;
  if (change.is_folder() && change.wanted.deleted) step.takes_along = take_along(change.known.id);
  for (const InodeId holder : name_holders(change)) {
    step.beside.push_back(changes_.at(holder).known.id);
  }
  return step;
}

Result<Rows> ChangeSet::began(Step& step, const Begin& begin, WallTime now) {
  const Error stale{ErrorCode::kStale, "the change is another one by now", true};
  DRIVEWAY_TRY(Change change, copy_of(step.inode));
  Rows rows;
  if (is_failed(change)) item_probe_at_ = now + options_.probe;
  if (step.resolve) {
    if (!change.sent || change.sent->ticket != step.sent.ticket) return stale;
    if (!in_flight_.insert(step.sent.ticket).second) return stale;
    return rows;
  }
  if (change.sent || edge(change) || snapshot(change, step.raised) != step.sent) return stale;
  const std::string* const block = step.sent.generation == 0 ? nullptr : block_key(change);
  // E2: it was planned before Drive refused another. One at a time is a probe.
  if (block != nullptr && blocks_.at(*block).probe_at > now) return stale;
  if (step.sent.id.empty() && change.known.operation.empty()) {
    if (begin.id.empty()) {
      return Error{ErrorCode::kInvalidArgument, "a new item needs an id from Drive"};
    }
    step.sent.id = change.known.id = begin.id;
  }
  if (block != nullptr) blocks_.at(*block).probe_at = now + options_.probe;
  step.sent.ticket = ++counter_;
  step.sent.md5 = begin.md5;
  step.sent.at = now;
  change.sent = step.sent;
  in_flight_.insert(step.sent.ticket);
  put(std::move(change), rows);
  return rows;
}

Result<Rows> ChangeSet::identified(const Step& step, const FileId& id) {
  const auto holder = tickets_.find(step.sent.ticket);
  if (holder == tickets_.end()) return Error{ErrorCode::kNotFound, "no such step is out"};
  Change change = changes_.at(holder->second);
  change.known.id = change.sent->id = id;
  Rows rows;
  put(std::move(change), rows);
  return rows;
}

Result<Rows> ChangeSet::uploading(const Step& step, const Secret& session, Bytes offset,
                                  const std::string& md5) {
  const auto holder = tickets_.find(step.sent.ticket);
  if (holder == tickets_.end()) return Error{ErrorCode::kNotFound, "no such step is out"};
  Change change = changes_.at(holder->second);
  change.sent->session = session;
  change.sent->offset = offset;
  if (!md5.empty()) change.sent->md5 = md5;
  Rows rows;
  put(std::move(change), rows);
  return rows;
}

Result<Rows> ChangeSet::overwrote(const Step& step, const Overwritten& theirs) {
  const auto holder = tickets_.find(step.sent.ticket);
  if (holder == tickets_.end()) return Error{ErrorCode::kNotFound, "no such step is out"};
  Change change = changes_.at(holder->second);
  change.sent->overwritten = theirs;
  Rows rows;
  put(std::move(change), rows);
  return rows;
}

// --- Flush, figures.

Flush ChangeSet::raise(std::span<const InodeId> inodes) {
  Flush flush;
  for (const InodeId inode : inodes) {
    const Change* const change = find(inode);
    if (change == nullptr || !is_dirty(*change)) continue;
    const auto& content = change->wanted.content;
    const Flush::Goal goal{inode, change->order, content ? content->generation : 0};
    note(inode);
    raised_[inode] = goal;  // a later goal holds the earlier one
    flush.goals.push_back(goal);
    ask_for_probe(*change);
  }
  return flush;
}

Flush ChangeSet::raise_all() { return raise(dirty()); }

void ChangeSet::raise_open() {
  std::vector<InodeId> open;
  for (const InodeId inode : dirty()) {
    if (writers(inode) > 0 && find(inode)->wanted.content) open.push_back(inode);
  }
  raise(open);
}

bool ChangeSet::is_reached(const Flush::Goal& goal) const {
  const Change* const change = find(goal.inode);
  if (change == nullptr || !is_dirty(*change)) return true;
  if (change->confirmed_order < goal.order) return false;
  // A later removal or replacement has done away with the content.
  return goal.generation == 0 || !change->wanted.content ||
         change->confirmed_generation >= goal.generation;
}

FlushProgress ChangeSet::progress(const Flush& flush) const {
  FlushProgress progress;
  for (const Flush::Goal& goal : flush.goals) {
    if (is_reached(goal)) continue;
    const Problem* const problem = obstacle(*find(goal.inode));
    if (problem == nullptr || is_asked(*problem)) {
      ++progress.waiting;
    } else {
      progress.failed.push_back(goal.inode);
    }
  }
  return progress;
}

const Problem* ChangeSet::obstacle(const Change& change) const {
  const Change* end = &change;
  std::set<InodeId> seen;
  while (!is_failed(*end) && seen.insert(end->inode).second) {
    const auto on = edge(*end);
    const Change* const next = on ? find(on->on) : nullptr;
    if (next == nullptr) break;
    end = next;
  }
  if (is_failed(*end)) return &*end->problem;
  const std::string* const block = moves_bytes(*end, true) ? block_key(*end) : nullptr;
  return block == nullptr ? nullptr : &blocks_.at(*block).problem;
}

void ChangeSet::ask_for_probe(const Change& change) {
  if (blocks_.empty()) return;
  const Problem* const problem = obstacle(change);
  for (auto& [key, block] : blocks_) {
    if (&block.problem != problem) continue;
    block.asked = true;
    block.probe_at = WallTime();
  }
}

bool ChangeSet::is_asked(const Problem& problem) const {
  return std::any_of(blocks_.begin(), blocks_.end(), [&problem](const auto& entry) {
    return &entry.second.problem == &problem && entry.second.asked;
  });
}

std::optional<Problem> ChangeSet::obstacle(InodeId inode) const {
  const Change* const change = find(inode);
  const Problem* const found = change == nullptr ? nullptr : obstacle(*change);
  return found == nullptr ? std::nullopt : std::optional(*found);
}

Rows ChangeSet::retry(std::optional<InodeId> inode) {
  Rows rows;
  blocks_.clear();
  item_probe_at_ = WallTime();
  for (const InodeId each : inode ? std::vector<InodeId>{*inode} : dirty()) {
    const Change* const change = find(each);
    if (change == nullptr) continue;
    Change freed = *change;
    freed.problem.reset();
    freed.not_before = WallTime();
    freed.tries = freed.mismatches = 0;
    put(std::move(freed), rows);
  }
  return rows;
}

Backlog ChangeSet::backlog(WallTime now, double bytes_per_second) const {
  Backlog backlog;
  std::size_t calls = 0;
  for (const auto& [order, inode] : dirty_) {
    const Change& change = changes_.at(inode);
    ++backlog.changes;
    if (is_failed(change)) ++backlog.failed;
    backlog.bytes += unsent_bytes(change);
    backlog.age = std::max(backlog.age, now - change.since);
    if (!is_covered(change)) ++calls;
  }
  const double seconds =
      std::max(static_cast<double>(calls) / options_.writes_per_second,
               bytes_per_second > 0 ? static_cast<double>(backlog.bytes) / bytes_per_second : 0.0);
  backlog.eta = Milliseconds(std::llround(seconds * 1000));
  return backlog;
}

}  // namespace driveway::journal
