// What a change waits for.
#include <algorithm>

#include "journal/change_set.h"

namespace driveway::journal {
namespace {

constexpr WallTime kNever = WallTime::max();

// Whether anything but the content is different. `modified` belongs to a content that is to come.
bool has_metadata(const Change& change) {
  const Wanted& wanted = change.wanted;
  return wanted.parent || wanted.name || wanted.restored || !wanted.properties.empty() ||
         (wanted.modified && !wanted.content);
}

// Whether it is, or may be, in another folder of Drive than it shall be.
bool is_moving_folder(const Change& change) {
  const auto& sent = change.sent;
  if (sent && !sent->from.empty()) return true;
  if (change.wanted.deleted || !change.wanted.parent) return false;
  return change.known.exists || (sent && sent->parent_inode != *change.wanted.parent);
}

}  // namespace

bool ChangeSet::carries_content(const Change& change, bool raised) const {
  if (!change.wanted.content || change.wanted.deleted) return false;
  return !change.known.exists || raised || writers(change.inode) == 0;
}

bool ChangeSet::moves_bytes(const Change& change, bool raised) const {
  if (change.sent) return change.sent->generation != 0;
  return carries_content(change, raised);
}

// --- For whom. No cycle is of hard edges alone: parents and `kFolders` go up the wanted tree,
// `kData` goes back in time, and who waits for a removal waits for its name.

std::optional<ChangeSet::Edge> ChangeSet::hard_edge(const Change& change) const {
  if (change.sent || !is_dirty(change)) return std::nullopt;
  if (change.wanted.deleted) {
    if (is_covered(change)) return Edge{Wait::kCovered, find_id(change.known.parent)};
    if (change.is_folder()) return removal_edge(change);
    const Change* const replacer = change.after == InodeId() ? nullptr : find(change.after);
    if (replacer != nullptr && !replacer->wanted.deleted && is_dirty(*replacer) &&
        replacer->confirmed_order < change.after_order) {
      return Edge{Wait::kReplacer, change.after};
    }
    return std::nullopt;
  }
  if ((!change.known.exists || change.wanted.parent) && !parent_id(change)) {
    return Edge{Wait::kParent, change.parent()};
  }
  if (change.is_folder() && is_moving_folder(change)) {
    if (const auto above = folders_edge(change)) return above;
  }
  // J6: who kept the source's own item in the air, say.
  return carries_content(change, true) ? data_edge(change) : std::nullopt;
}

bool ChangeSet::is_covered(const Change& change) const {
  if (!change.wanted.deleted || !change.present()) return false;
  const Change* const folder = find(find_id(change.known.parent));
  return folder != nullptr && folder->wanted.deleted && folder->present() && !is_failed(*folder);
}

std::optional<ChangeSet::Edge> ChangeSet::removal_edge(const Change& folder) const {
  for (const InodeId inode : rows_within(folder.known.id)) {
    const Change& child = changes_.at(inode);
    // What neither goes nor moves out is the listing's business.
    if (child.sent || (!child.wanted.deleted && child.wanted.parent)) {
      return Edge{Wait::kMovesOut, inode};
    }
  }
  return std::nullopt;
}

std::optional<ChangeSet::Edge> ChangeSet::data_edge(const Change& change) const {
  const auto folder = closed_contents_.find(change.parent());
  if (folder == closed_contents_.end()) return std::nullopt;
  const Content& marker = *change.wanted.content;
  const auto vouches_for = [this, &marker](Bytes size) {
    const std::uint64_t ratio = options_.marker_ratio;
    return ratio == 0 || size / ratio > marker.bytes.size;
  };
  // Mostly the files of a folder are of a size: then none of them is looked at.
  if (const auto& sizes = folder->second.sizes; !sizes.empty() && !vouches_for(*sizes.rbegin())) {
    return std::nullopt;
  }
  for (const auto& [closed, inode] : folder->second.by_order) {
    if (closed >= marker.began_order) break;
    const Change& data = changes_.at(inode);
    if (inode == change.inode || is_failed(data) || writers(inode) > 0) continue;
    if (vouches_for(data.wanted.content->bytes.size)) return Edge{Wait::kData, inode};
  }
  return std::nullopt;
}

// A folder that moves below one that has still to leave it would make a cycle, which Drive
// refuses. Up the wanted tree: rows know their parent; where there is none, `path` does.
std::optional<ChangeSet::Edge> ChangeSet::folders_edge(const Change& change) const {
  constexpr int kDeepest = 1'000;
  InodeId folder = change.parent();
  std::span<const InodeId> above = change.path;
  for (int depth = 0; depth < kDeepest && folder != change.inode; ++depth) {
    if (const Change* const row = find(folder)) {
      if (is_moving_folder(*row)) return Edge{Wait::kFolders, folder};
      const bool moved = above.empty() || above.front() != row->parent();
      folder = row->parent();
      above = moved ? std::span<const InodeId>(row->path) : above.subspan(1);
    } else {
      if (above.empty()) break;
      folder = above.front();
      above = above.subspan(1);
    }
  }
  return std::nullopt;
}

// Those that have its new name in Drive and are about to leave it.
std::vector<InodeId> ChangeSet::name_holders(const Change& change) const {
  std::vector<InodeId> holders;
  const Wanted& wanted = change.wanted;
  if (change.sent || wanted.deleted) return holders;
  if (change.known.exists && !wanted.parent && !wanted.name && !wanted.restored) return holders;
  const auto folder = parent_id(change);
  if (!folder) return holders;
  const auto found = names_in_drive_.find(Slot(folder->value(), change.name()));
  if (found == names_in_drive_.end()) return holders;
  for (const InodeId inode : found->second) {
    if (inode == change.inode) continue;
    const Change& holder = changes_.at(inode);
    const bool stays =
        !holder.wanted.deleted && holder.name() == change.name() && parent_id(holder) == folder;
    if (!stays) holders.push_back(inode);
  }
  return holders;
}

std::optional<ChangeSet::Edge> ChangeSet::first_edge(const Change& change) const {
  if (const auto hard = hard_edge(change)) return hard;
  for (const InodeId holder : name_holders(change)) {
    if (!is_failed(changes_.at(holder))) return Edge{Wait::kName, holder};
  }
  return std::nullopt;
}

// Whether whoever `on` waits for waits for `start` in the end.
bool ChangeSet::is_cyclic(InodeId start, InodeId on) const {
  std::set<InodeId> seen;
  while (on != start) {
    const Change* const change = find(on);
    if (change == nullptr || !seen.insert(on).second) return false;
    const auto next = first_edge(*change);
    if (!next) return false;
    on = next->on;
  }
  return true;
}

std::optional<ChangeSet::Edge> ChangeSet::edge(const Change& change) const {
  if (const auto hard = hard_edge(change)) return hard;
  for (const InodeId holder : name_holders(change)) {
    if (is_failed(changes_.at(holder)) || is_cyclic(change.inode, holder)) continue;
    return Edge{Wait::kName, holder};
  }
  return std::nullopt;
}

// --- For what else.

// The key in blocks_ of what stops it: its drive, or all (E2). Null: nothing does.
const std::string* ChangeSet::block_key(const Change& change) const {
  for (const std::string& key : {change.drive.value(), kAllDrives}) {
    if (const auto found = blocks_.find(key); found != blocks_.end()) return &found->first;
  }
  return nullptr;
}

std::optional<Problem> ChangeSet::refusal(InodeId folder, const DriveId& drive) const {
  for (const std::string& key : {drive.value(), kAllDrives}) {
    if (const auto found = blocks_.find(key); found != blocks_.end()) return found->second.problem;
  }
  for (const InodeId inode : failed_) {
    const Change& change = changes_.at(inode);
    if (change.parent() == folder && change.problem->code == ErrorCode::kPermissionDenied) {
      return change.problem;
    }
  }
  return std::nullopt;
}

std::vector<Stop> ChangeSet::stops() const {
  std::vector<Stop> stops;
  for (const auto& [key, block] : blocks_) {
    const bool is_all = key == kAllDrives;
    stops.push_back({block.problem, is_all ? DriveId() : DriveId(key), is_all, block.probe_at});
  }
  std::stable_partition(stops.begin(), stops.end(), [](const Stop& one) { return one.all_drives; });
  return stops;
}

WallTime ChangeSet::content_due(const Change& change) const {
  const Content& content = *change.wanted.content;
  if (!content.closed_at) return kNever;
  const WallTime closed = *content.closed_at;
  if (content.bytes.truncated_only)
    return closed + std::max(options_.truncate_hold, options_.settle);
  const Milliseconds pace =
      std::max<Milliseconds>(options_.pace, change.upload_took * options_.pace_factor);
  const WallTime settled = closed + options_.settle;
  const WallTime paced = std::max(content.dirty_since, change.uploaded_at) + pace;
  if (change.uploaded_at == WallTime()) return std::min(settled, paced);
  const WallTime quiet = closed + std::max(options_.quiet, options_.settle);
  return std::min({quiet, paced, std::max(settled, change.uploaded_at + pace)});
}

WallTime ChangeSet::metadata_due(const Change& change) const {
  if (!change.wanted.deleted) {
    return std::min(change.changed_at + options_.settle, change.since + options_.pace);
  }
  const Slot name(std::to_string(change.known.parent_inode.value()), change.known.name);
  const bool is_wanted = names_wanted_.contains(name);
  return is_wanted ? change.changed_at : change.changed_at + options_.removal_hold;
}

Waiting ChangeSet::time_wait(const Change& change, WallTime now) const {
  if (!change.wanted.deleted && writers(change.inode) > 0 &&
      (!change.known.exists || (change.wanted.content && !has_metadata(change)))) {
    return {Wait::kWriter, {}, {}};
  }
  WallTime due = WallTime::min();
  if (change.wanted.deleted || !change.known.exists || has_metadata(change) ||
      change.wanted.modified) {
    due = metadata_due(change);
  }
  if (carries_content(change, false)) due = std::max(due, content_due(change));
  if (due <= now) return {Wait::kNothing, {}, {}};
  return {change.wanted.deleted ? Wait::kHold : Wait::kSettle, {}, due};
}

Waiting ChangeSet::sent_wait(const Change& change, WallTime now, bool raised) const {
  if (in_flight_.contains(change.sent->ticket)) return {Wait::kSent, {}, {}};
  if (is_failed(change)) return {Wait::kFailed, {}, item_probe_at_};
  if (login_needed_) return {Wait::kLogin, {}, {}};
  // What another client had written finds no room beside ours (J10).
  if (change.problem && is_block(change.problem->code)) {
    const std::string* const key = block_key(change);
    if (key != nullptr && blocks_.at(*key).probe_at > now) {
      return {Wait::kBlocked, {}, blocks_.at(*key).probe_at};
    }
  }
  if (change.not_before > now && !raised) return {Wait::kPause, {}, change.not_before};
  return {Wait::kNothing, {}, {}};
}

Waiting ChangeSet::waiting(const Change& change, WallTime now, bool raised) const {
  if (!is_dirty(change)) return {Wait::kConfirmed, {}, {}};
  if (change.sent) return sent_wait(change, now, raised);
  if (is_failed(change)) return {Wait::kFailed, {}, item_probe_at_};
  if (login_needed_) return {Wait::kLogin, {}, {}};
  if (unclosed_.contains(change.inode)) return {Wait::kRecovery, {}, {}};
  if (const auto found = edge(change)) return {found->wait, found->on, {}};
  if (moves_bytes(change, raised)) {
    if (const std::string* const key = block_key(change)) {
      const WallTime probe_at = blocks_.at(*key).probe_at;
      if (probe_at > now) return {Wait::kBlocked, {}, probe_at};
    }
  }
  if (change.not_before > now) return {Wait::kPause, {}, change.not_before};
  return raised ? Waiting{Wait::kNothing, {}, {}} : time_wait(change, now);
}

Waiting ChangeSet::waiting(InodeId inode, WallTime now) const {
  const Change* const change = find(inode);
  if (change == nullptr) return {};
  return waiting(*change, now, raised_closure().contains(inode));
}

}  // namespace driveway::journal
