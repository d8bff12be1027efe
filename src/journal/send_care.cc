// What is heard of others, and what is to be done beside the steps.
#include <algorithm>
#include <utility>

#include "base/log.h"
#include "base/strings.h"
#include "journal/sender_core.h"

namespace driveway::journal {
namespace {

constexpr Duration kProbeLogin = std::chrono::seconds(10);
constexpr Duration kForget = std::chrono::minutes(1);
// A feed tells within minutes; what it told just before a crash it does not tell again.
constexpr std::chrono::minutes kEchoMissed{60};
constexpr std::size_t kAskedAtOnce = 50;
constexpr Duration kTryAgain = std::chrono::seconds(10);

void merge(Rows& rows, Rows&& later) {
  for (auto& [inode, row] : later.changed) rows.changed[inode] = std::move(row);
}

InodeId row_of(const ChangeSet& set, const FileId& id, const std::optional<drive::Item>& item) {
  const InodeId inode = set.find_id(id);
  return inode == InodeId() && item ? set.find_operation(*item) : inode;
}

}  // namespace

// --- What is heard (J3, J10).

void SenderCore::heard(const FileId& id, const std::optional<drive::Item>& item, InodeId parent) {
  const bool has_row =
      journal_.look([&](const ChangeSet& set) { return row_of(set, id, item) != InodeId(); });
  if (!has_row || hear(id, item, parent)) return;
  const std::lock_guard lock(mutex_);
  const auto [entry, is_new] = later_.try_emplace(id, Heard{item, parent});
  if (is_new) return;
  const auto& before = entry->second.item;
  if (!item || (before && before->version <= item->version)) entry->second = {item, parent};
}

// Gives false where the outcome of what is sent comes first.
bool SenderCore::hear(const FileId& id, const std::optional<drive::Item>& item, InodeId parent) {
  std::optional<Outcome> outcome;
  const Status recorded =
      journal_.change({}, Purpose::kProgress, [&](ChangeSet& set, WallTime now) -> Result<Rows> {
        outcome.reset();
        const InodeId inode = row_of(set, id, item);
        const Change* const change = set.find(inode);
        if (change == nullptr) return Rows{};
        const std::uint64_t version = item ? item->version : change->known.version;
        Rows rows = set.echoed(id, version);
        DRIVEWAY_TRY(outcome, set.remote_changed(inode, item, parent, now));
        DRIVEWAY_CHECK(answer_verdict(set, *outcome, now));
        merge(rows, std::move(outcome->rows));
        outcome->rows = rows;
        return rows;
      });
  if (!recorded.ok()) {
    // It is asked for again before anything is sent over it (J10); what was echoed, later.
    log::warn("the journal does not take what another client did: ", recorded.error());
    return true;
  }
  if (!outcome) return true;
  if (outcome->verdict == Verdict::kLater) return false;
  after_record(*outcome);
  return true;
}

void SenderCore::hear_later() {
  std::map<FileId, Heard> waiting;
  {
    const std::lock_guard lock(mutex_);
    if (later_.empty()) return;
    waiting.swap(later_);
  }
  for (const auto& [id, what] : waiting) heard(id, what.item, what.parent);
}

Status SenderCore::answer_verdict(ChangeSet& set, Outcome& outcome, WallTime now) {
  if (outcome.verdict != Verdict::kConflict) return {};
  const Change* const change = set.find(outcome.inode);
  if (change == nullptr) return {};
  const std::string name = local_.conflict_name(change->name());
  log::warn("another client has changed ", change->name(), ", too: what is here becomes ", name);
  figures_.conflicts.add();
  DRIVEWAY_TRY(Rows rows, set.conflict(outcome.inode, name, now));
  merge(outcome.rows, std::move(rows));
  return {};
}

// --- Beside the steps.

void SenderCore::wake_care() {
  {
    const std::lock_guard lock(mutex_);
    care_wanted_ = true;
  }
  care_changed_.notify_all();
}

void SenderCore::run_care() {
  find_homeless();
  while (!stopping_) {
    const bool login_needed =
        journal_.look([](const ChangeSet& set) { return set.login_needed(); });
    if (login_needed) {
      probe_login();
    } else {
      probe_at_ = TimePoint();
      if (ids_.is_low() && clock_.now() >= ids_at_) {
        const Status filled = ids_.refill(call_context(Priority::kBackground));
        ids_at_ = filled.ok() ? TimePoint() : clock_.now() + kTryAgain;
      }
      find_homes();
      look_for_room();
    }
    forget();
    TimePoint until = forget_at_;
    for (const TimePoint at : {probe_at_, ids_at_, homes_at_, room_at_}) {
      if (at != TimePoint()) until = std::min(until, at);
    }
    std::unique_lock lock(mutex_);
    clock_.wait_until(lock, care_changed_, until, [this] { return stopping_ || care_wanted_; });
    care_wanted_ = false;
  }
}

// E1.
void SenderCore::probe_login() {
  const TimePoint now = clock_.now();
  if (probe_at_ == TimePoint()) probe_at_ = now + kProbeLogin;
  if (now < probe_at_) return;
  try_login(call_context(Priority::kBackground));
  probe_at_ = clock_.now() + kProbeLogin;
}

void SenderCore::try_login(const Context& context) {
  if (!store_.about(context).ok()) return;
  log::info("Drive takes the login: what waited for it is sent");
  journal_.adjust([](ChangeSet& set) { set.login_restored(); });
}

// J3.
void SenderCore::forget() {
  if (clock_.now() < forget_at_) return;
  forget_at_ = clock_.now() + kForget;
  if (journal_.empty()) return;
  const Status forgotten = journal_.change(
      {}, Purpose::kProgress, [](ChangeSet& set, WallTime now) { return set.forget(now); });
  if (!forgotten.ok()) log::warn("the journal keeps what it need not: ", forgotten.error());
  ask_for_echoes();
}

// J3: where the feed has not told of what we did, a get does as well.
void SenderCore::ask_for_echoes() {
  std::vector<FileId> ids;
  journal_.look([&](const ChangeSet& set) {
    for (const InodeId inode : set.unechoed(journal_.now() - kEchoMissed)) {
      if (ids.size() < kAskedAtOnce) ids.push_back(set.find(inode)->known.id);
    }
  });
  for (const FileId& id : ids) {
    const auto item = get(cancellable().with_priority(Priority::kBackground), id);
    if (!item.ok()) return;  // the next minute
    InodeId parent;
    if (*item) {
      const auto accepted = local_.accept(**item);
      if (!accepted.ok()) return;
      parent = *accepted;
    } else if (!local_.removed(id).ok()) {
      return;
    }
    heard(id, *item, parent);
  }
}

// J10: rows without a folder, from before a restart.
void SenderCore::find_homeless() {
  std::set<InodeId> found;
  journal_.look([&](const ChangeSet& set) {
    for (const InodeId inode : set.dirty()) {
      const Change& change = *set.find(inode);
      const bool is_homeless = !change.known.exists && !change.sent && !change.wanted.deleted &&
                               change.parent() == InodeId();
      if (is_homeless) found.insert(inode);
    }
  });
  const std::lock_guard lock(mutex_);
  homeless_.merge(found);
}

void SenderCore::find_homes() {
  if (clock_.now() < homes_at_) return;
  homes_at_ = TimePoint();
  std::set<InodeId> homeless;
  {
    const std::lock_guard lock(mutex_);
    homeless.swap(homeless_);
  }
  for (const InodeId inode : homeless) {
    const Status found = find_home(inode);
    if (found.ok()) continue;
    if (!stopping_) log::warn("what has no folder any more waits: ", found.error());
    homes_at_ = clock_.now() + kTryAgain;
    const std::lock_guard lock(mutex_);
    homeless_.insert(inode);
  }
}

Status SenderCore::find_home(InodeId inode) {
  const auto name_of = [&](const ChangeSet& set) -> std::optional<std::string> {
    const Change* const change = set.find(inode);
    const bool is_homeless = change != nullptr && !change->known.exists && !change->sent &&
                             !change->wanted.deleted && change->parent() == InodeId();
    return is_homeless ? std::optional(change->name()) : std::nullopt;
  };
  const auto name = journal_.look(name_of);
  if (!name) return {};
  DRIVEWAY_TRY(const Place home, local_.recovery_place(call_context(Priority::kBackground), *name));
  log::warn("the folder of ", *name, " has gone from Drive: it goes to driveway-recovered");
  return journal_.change({}, Purpose::kProgress, [&](ChangeSet& set, WallTime now) -> Result<Rows> {
    if (name_of(set) != name) return Rows{};
    set.notes().conflict({ConflictKind::kFolderGone, inode, *name, home.name, now});
    return set.rename(inode, home, now);
  });
}

}  // namespace driveway::journal
