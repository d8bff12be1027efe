#include "control/writes_document.h"

#include <optional>
#include <set>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "base/strings.h"
#include "control/json_text.h"

namespace driveway::control {
namespace {

using journal::Action;
using journal::Change;
using journal::ChangeSet;
using journal::Wait;
using nlohmann::json;

constexpr std::size_t kMostQueued = 100;
constexpr std::size_t kMostFailed = 1'000;

const char* name_of(Action action) {
  switch (action) {
    case Action::kCreate:
      return "create";
    case Action::kCopy:
      return "copy";
    case Action::kUpdate:
      return "update";
    case Action::kPatch:
      return "patch";
    case Action::kTrash:
      return "trash";
    case Action::kRemove:
      break;
  }
  return "remove";
}

const char* name_of(Wait wait) {
  switch (wait) {
    case Wait::kNothing:
    case Wait::kConfirmed:
      break;
    case Wait::kSent:
      return "sent";
    case Wait::kSettle:
      return "settle";
    case Wait::kHold:
      return "hold";
    case Wait::kWriter:
      return "writer";
    case Wait::kParent:
      return "parent";
    case Wait::kFolders:
      return "folders";
    case Wait::kName:
      return "name";
    case Wait::kData:
      return "data";
    case Wait::kReplacer:
      return "replacer";
    case Wait::kMovesOut:
      return "moves_out";
    case Wait::kCovered:
      return "covered";
    case Wait::kPause:
      return "pause";
    case Wait::kFailed:
      return "failed";
    case Wait::kBlocked:
      return "blocked";
    case Wait::kLogin:
      return "login";
    case Wait::kRecovery:
      return "recovery";
  }
  return "ready";
}

Action action_of(const Change& change) {
  if (change.sent) return change.sent->action;
  if (change.wanted.deleted) return change.wanted.permanently ? Action::kRemove : Action::kTrash;
  const bool content = change.wanted.content.has_value();
  if (!change.known.exists) {
    return content && change.wanted.content->bytes.copy ? Action::kCopy : Action::kCreate;
  }
  return content ? Action::kUpdate : Action::kPatch;
}

// A dirty row and what it waits for.
struct Queued {
  Change change;
  journal::Waiting waiting;
  std::optional<Change> on;
};

// All that is looked at under the journal's lock; paths are asked for afterwards.
struct Look {
  journal::Backlog backlog;
  std::uint64_t files = 0;
  std::vector<Queued> queue;
  std::vector<Change> failed;
  bool login_needed = false;
  std::optional<journal::Stop> stop;
  std::vector<journal::Conflict> conflicts;
  journal::LeftoverTotals left;
};

// A rate that Drive refuses is no matter of one file alone. The last pause of all counts.
void note_rate_limit(const Change& change, WallTime now, std::optional<journal::Stop>& stop) {
  const auto& problem = change.problem;
  if (!problem || problem->code != ErrorCode::kRateLimited || change.not_before <= now) return;
  if (stop && stop->until >= change.not_before) return;
  stop = journal::Stop{*problem, change.drive, true, change.not_before};
}

Look look_at(const ChangeSet& set, WallTime now, double bytes_per_second, bool figures_only,
             const std::set<InodeId>& sending) {
  Look look;
  look.backlog = set.backlog(now, bytes_per_second);
  look.login_needed = set.login_needed();
  if (!figures_only) {
    look.conflicts = set.notes().conflicts();
    look.left = set.notes().totals();
  }
  std::optional<journal::Stop> rate_limit;
  for (const InodeId inode : set.dirty()) {
    const Change& change = *set.find(inode);
    if (change.wanted.content && !change.wanted.deleted) ++look.files;
    if (figures_only) continue;
    if (is_failed(change)) {
      if (look.failed.size() < kMostFailed) look.failed.push_back(change);
    } else {
      note_rate_limit(change, now, rate_limit);
    }
    if (look.queue.size() == kMostQueued || sending.contains(inode)) continue;
    Queued queued{change, set.waiting(inode, now), std::nullopt};
    if (const Change* const on = set.find(queued.waiting.on)) queued.on = *on;
    look.queue.push_back(std::move(queued));
  }
  const auto stops = set.stops();
  look.stop = stops.empty() ? rate_limit : stops.front();
  return look;
}

json figures_of(const Look& look) {
  return {{"changes", look.backlog.changes},    {"failed", look.backlog.failed},
          {"dirty_files", look.files},          {"bytes", look.backlog.bytes},
          {"age_ms", look.backlog.age.count()}, {"eta_ms", look.backlog.eta.count()}};
}

json queue_entry(vfs::Vfs& vfs, const Queued& queued, WallTime now) {
  const Change& change = queued.change;
  json entry = {{"path", valid_utf8(path_of(vfs, change))},
                {"action", name_of(action_of(change))},
                {"size", change.wanted.content ? change.wanted.content->bytes.size : 0},
                {"tries", change.tries},
                {"waiting", name_of(queued.waiting.wait)}};
  if (queued.on) entry["on"] = valid_utf8(path_of(vfs, *queued.on));
  if (queued.waiting.until && *queued.waiting.until != WallTime::max()) {
    entry["until_ms"] = std::max<std::int64_t>(0, (*queued.waiting.until - now).count());
  }
  if (change.problem) entry["error"] = valid_utf8(change.problem->message);
  return entry;
}

json sending_entry(vfs::Vfs& vfs, const journal::Sending& sending,
                   const std::optional<Change>& change) {
  json entry = {{"path", valid_utf8(change ? path_of(vfs, *change) : sending.name)},
                {"action", name_of(sending.action)},
                {"size", sending.size},
                {"sent", sending.sent},
                {"rate", static_cast<Bytes>(sending.rate)}};
  if (sending.rate >= 1 && sending.size >= sending.sent) {
    entry["eta_ms"] = static_cast<std::int64_t>(static_cast<double>(sending.size - sending.sent) /
                                                sending.rate * 1000);
  }
  return entry;
}

json failed_entry(vfs::Vfs& vfs, const Change& change) {
  return {{"path", valid_utf8(path_of(vfs, change))},
          {"code", to_string(change.problem->code)},
          {"message", valid_utf8(change.problem->message)},
          {"since", format_rfc3339(change.problem->at)}};
}

// What a user is to make of it, beyond what Drive says. Null: nothing.
const char* meaning_of(ErrorCode code) {
  switch (code) {
    case ErrorCode::kQuotaExceeded:
    case ErrorCode::kRateLimited:
      return "Drive takes some 750 GB a day of an account, and may refuse more for hours: it goes "
             "on "
             "by itself";
    case ErrorCode::kStorageFull:
      return "make room in Drive, or empty its trash: it goes on by itself";
    default:
      return nullptr;
  }
}

// J11, E1, E2: what stops more than one file, and what can be done about it.
json paused_document(const Look& look) {
  if (look.login_needed) {
    return {{"code", to_string(ErrorCode::kLoginNeeded)},
            {"message", "Drive takes no more of this login: run driveway login"}};
  }
  if (!look.stop) return nullptr;
  const journal::Problem& problem = look.stop->problem;
  json paused = {{"code", to_string(problem.code)},
                 {"message", valid_utf8(problem.message)},
                 {"since", format_rfc3339(problem.at)},
                 {"until", format_rfc3339(look.stop->until)}};
  if (const char* const meaning = meaning_of(problem.code)) paused["meaning"] = meaning;
  if (!look.stop->drive.empty()) paused["drive"] = look.stop->drive.value();
  return paused;
}

json conflict_entry(vfs::Vfs& vfs, const journal::Conflict& conflict) {
  json entry = {{"name", valid_utf8(conflict.name)},
                {"kept_as", valid_utf8(conflict.kept_as)},
                {"kind", to_string(conflict.kind)},
                {"at", format_rfc3339(conflict.at)}};
  const std::string path = conflict.inode == InodeId() ? "" : vfs.path_of(conflict.inode);
  if (!path.empty()) entry["path"] = valid_utf8(path);
  return entry;
}

}  // namespace

std::string path_of(vfs::Vfs& vfs, const Change& change) {
  std::string shown = vfs.path_of(change.inode);
  if (!shown.empty()) return shown;
  const std::string folder = vfs.path_of(change.parent());
  const std::string& name = change.name().empty() ? change.known.name : change.name();
  return folder.empty() ? name : cat(folder, "/", name);
}

json leftovers_document(const journal::LeftoverTotals& left) {
  return {{"revisions", left.revisions},
          {"revision_bytes", left.revision_bytes},
          {"trashed", left.trashed},
          {"trashed_bytes", left.trashed_bytes}};
}

json backlog_document(vfs::Vfs& vfs, Clock& clock) {
  if (vfs.journal() == nullptr) return nullptr;
  const WallTime now = clock.wall_now();
  const double rate = vfs.sender() == nullptr ? 0 : vfs.sender()->bytes_per_second();
  return figures_of(vfs.journal()->look(
      [&](const ChangeSet& set) { return look_at(set, now, rate, /*figures_only=*/true, {}); }));
}

json writes_document(vfs::Vfs& vfs, Clock& clock) {
  journal::Journal* const journal = vfs.journal();
  if (journal == nullptr) return nullptr;
  const WallTime now = clock.wall_now();
  std::vector<journal::Sending> sending;
  double rate = 0;
  if (vfs.sender() != nullptr) {
    sending = vfs.sender()->sending();
    rate = vfs.sender()->bytes_per_second();
  }
  std::set<InodeId> being_sent;
  for (const journal::Sending& one : sending) being_sent.insert(one.inode);
  std::map<InodeId, Change> rows;
  const Look look = journal->look([&](const ChangeSet& set) {
    for (const InodeId inode : being_sent) {
      if (const Change* const row = set.find(inode)) rows.emplace(inode, *row);
    }
    return look_at(set, now, rate, /*figures_only=*/false, being_sent);
  });
  json document = figures_of(look);
  for (const char* key : {"sending", "queue", "failed_items"}) document[key] = json::array();
  for (const journal::Sending& one : sending) {
    const auto row = rows.find(one.inode);
    document["sending"].push_back(
        sending_entry(vfs, one, row == rows.end() ? std::nullopt : std::optional(row->second)));
  }
  for (const Queued& one : look.queue) document["queue"].push_back(queue_entry(vfs, one, now));
  for (const Change& one : look.failed) {
    document["failed_items"].push_back(failed_entry(vfs, one));
  }
  document["conflicts"] = json::array();
  for (const journal::Conflict& one : look.conflicts) {
    document["conflicts"].push_back(conflict_entry(vfs, one));
  }
  document["left_in_drive"] = leftovers_document(look.left);
  if (json paused = paused_document(look); !paused.is_null()) document["paused"] = paused;
  return document;
}

}  // namespace driveway::control
