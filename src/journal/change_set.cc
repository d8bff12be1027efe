// Operations: what is wanted.
#include "journal/change_set.h"

#include <algorithm>

#include "base/strings.h"

namespace driveway::journal {
namespace {

// All properties as they shall be.
std::map<std::string, std::string> wanted_properties(const Change& change) {
  std::map<std::string, std::string> all = change.known.properties;
  for (const auto& [key, value] : change.wanted.properties) {
    if (value) {
      all[key] = *value;
    } else {
      all.erase(key);
    }
  }
  all.erase(std::string(kOperation));  // of one item
  return all;
}

// J10: the content that is about to be changed may be older than the one that Drive is known to
// have by now: that of before its open, say. It is `base` then that ours may replace.
void lay_over(Known& known, const ContentBase& base) {
  if (!known.exists || base.id != known.id || base.revision.empty()) return;
  keep_content(known, base.revision, base.md5, base.size);
}

}  // namespace

void ChangeSet::make_new(Change& change) {
  Wanted& wanted = change.wanted;
  std::map<std::string, std::optional<std::string>> properties;
  for (const auto& [key, value] : wanted_properties(change)) properties[key] = value;
  wanted.properties = std::move(properties);
  if (!wanted.parent) {
    wanted.parent = change.known.parent_inode;
    wanted.parent_id = change.known.parent;
  }
  if (!wanted.name) wanted.name = change.known.name;
  if (!wanted.modified) wanted.modified = change.known.modified;
  wanted.restored = false;
  change.known = Known{};
  change.sent.reset();
  change.replaces = InodeId();
  change.mismatches = 0;
}

// --- Operations.

void ChangeSet::know(InodeId inode, const NewEntry& entry, const Known& known) {
  if (const Change* const row = find(inode)) {
    if (!is_lost(*row)) return;
    note(inode);  // another client has brought it back
    unindex(*row);
  }
  Change change;
  change.inode = inode;
  change.kind = entry.kind;
  change.mime_type = entry.mime_type;
  change.drive = entry.drive;
  change.known = known;
  insert(std::move(change));
}

Result<Rows> ChangeSet::create(InodeId inode, const Place& place, NewEntry entry, WallTime now) {
  if (changes_.contains(inode)) {
    return Error{ErrorCode::kInvalidArgument, "the inode of a new entry is in use"};
  }
  Change change;
  change.inode = inode;
  change.kind = entry.kind;
  change.mime_type = std::move(entry.mime_type);
  change.drive = std::move(entry.drive);
  change.known.id = std::move(entry.id);
  touch(change, now);
  change.since = now;
  set_place(change, place, {});
  change.wanted.modified = entry.modified;
  for (auto& [key, value] : entry.properties) change.wanted.properties[key] = std::move(value);
  if (change.kind == drive::ItemKind::kFile) {
    set_content(change, entry.content, now);
    change.wanted.content->acknowledged = true;
    let_go(change, now);
  }
  Rows rows;
  put(std::move(change), rows);
  return rows;
}

Status ChangeSet::opened(InodeId inode) {
  if (!changes_.contains(inode)) return Error{ErrorCode::kNotFound, "journal: no such inode"};
  note(inode);
  ++writers_[inode];
  return {};
}

Result<Rows> ChangeSet::closed(InodeId inode, const std::optional<ContentState>& bytes,
                               std::optional<WallTime> modified, WallTime now) {
  note(inode);
  if (const auto writers = writers_.find(inode);
      writers != writers_.end() && --writers->second <= 0) {
    writers_.erase(writers);
  }
  Rows rows;
  const Change* const found = find(inode);
  if (found == nullptr || found->wanted.deleted) return rows;  // nobody can find the file any more
  Change change = *found;
  const auto& content = change.wanted.content;
  // load() takes what is acknowledged for closed.
  const bool is_recorded =
      !bytes && !modified && content && content->acknowledged && content->closed_order != 0;
  if (bytes || modified) touch(change, now);
  if (bytes) set_content(change, *bytes, now);
  if (modified) change.wanted.modified = modified;
  if (content) {
    acknowledge(change);
    if (writers(inode) == 0) let_go(change, now);
  }
  put(std::move(change), rows);
  if (is_recorded) std::erase_if(rows.changed, [](const auto& row) { return row.second; });
  return rows;
}

Result<Rows> ChangeSet::written(InodeId inode, const ContentState& bytes, WallTime modified,
                                WallTime now) {
  DRIVEWAY_TRY(Change change, copy_of(inode));
  Rows rows;
  if (change.wanted.deleted) return rows;
  touch(change, now);
  set_content(change, bytes, now);
  change.wanted.modified = modified;
  if (writers(inode) == 0) let_go(change, now);
  put(std::move(change), rows);
  return rows;
}

Result<Rows> ChangeSet::synced(InodeId inode, const std::optional<ContentState>& bytes,
                               std::optional<WallTime> modified, WallTime now) {
  DRIVEWAY_TRY(Change change, copy_of(inode));
  Rows rows;
  if (change.wanted.deleted || (!bytes && !modified && !change.wanted.content)) return rows;
  if (bytes || modified) touch(change, now);
  if (bytes) set_content(change, *bytes, now);
  if (modified) change.wanted.modified = modified;
  if (change.wanted.content) {
    acknowledge(change);
    if (bytes && writers(inode) == 0) let_go(change, now);
  }
  put(std::move(change), rows);
  return rows;
}

Result<Rows> ChangeSet::set_attributes(InodeId inode, const Attributes& attributes, WallTime now) {
  DRIVEWAY_TRY(Change change, copy_of(inode));
  Rows rows;
  if (change.wanted.deleted) return rows;
  touch(change, now);
  change.changed_at = now;
  if (attributes.modified) change.wanted.modified = attributes.modified;
  for (const auto& [key, value] : attributes.properties) change.wanted.properties[key] = value;
  put(std::move(change), rows);
  return rows;
}

Result<Rows> ChangeSet::rename(InodeId inode, const Place& place, WallTime now,
                               std::span<const InodeId> above) {
  DRIVEWAY_TRY(Change change, copy_of(inode));
  touch(change, now);
  change.changed_at = now;
  set_place(change, place, above);
  Rows rows;
  put(std::move(change), rows);
  return rows;
}

Result<Rows> ChangeSet::rename_over(InodeId inode, InodeId target, const Place& place, WallTime now,
                                    std::span<const InodeId> above) {
  DRIVEWAY_TRY(Change source, copy_of(inode));
  DRIVEWAY_TRY(Change replaced, copy_of(target));
  touch(source, now);
  touch(replaced, now);
  source.changed_at = replaced.changed_at = now;
  set_place(source, place, above);
  Rows rows;
  // Whose removal waited for the target waits for who has its place now.
  if (const auto followers = followers_.find(target); followers != followers_.end()) {
    for (const InodeId follower : std::set(followers->second)) {
      Change change = changes_.at(follower);
      change.after = inode;
      change.after_order = source.order;
      put(std::move(change), rows);
    }
  }
  const auto& content = source.wanted.content;
  const bool was_sent = source.known.exists || source.sent.has_value();
  const bool has_bytes =
      content && !content->bytes.copy && (!was_sent || content->bytes.size <= options_.small);
  replaced.wanted = Wanted::nothing(options_.delete_permanently);
  if (!source.is_folder() && (replaced.present() || replaced.sent)) {
    if (has_bytes) take_over(source, replaced);
    replaced.after = inode;
    replaced.after_order = source.order;
  }
  put(std::move(source), rows);
  put(std::move(replaced), rows);
  return rows;
}

Result<Rows> ChangeSet::exchange(InodeId a, InodeId b, WallTime now,
                                 std::span<const InodeId> above_a,
                                 std::span<const InodeId> above_b) {
  DRIVEWAY_TRY(Change first, copy_of(a));
  DRIVEWAY_TRY(Change second, copy_of(b));
  const auto place_of = [](const Change& change) {
    return Place{change.parent(),
                 change.wanted.parent ? change.wanted.parent_id : change.known.parent,
                 change.name()};
  };
  const Place place_a = place_of(second);
  const Place place_b = place_of(first);
  touch(first, now);
  touch(second, now);
  first.changed_at = second.changed_at = now;
  set_place(first, place_a, above_a);
  set_place(second, place_b, above_b);
  Rows rows;
  put(std::move(first), rows);
  put(std::move(second), rows);
  return rows;
}

Result<Rows> ChangeSet::remove(InodeId inode, WallTime now) {
  DRIVEWAY_TRY(Change change, copy_of(inode));
  touch(change, now);
  change.changed_at = now;
  // J1: what nobody but us has ever seen is deleted; it need not lie in the trash.
  const bool just_sent = change.sent && !change.known.exists;
  const bool permanently = !change.is_folder() && (just_sent || options_.delete_permanently);
  change.wanted = Wanted::nothing(permanently);
  Rows rows;
  put(std::move(change), rows);
  return rows;
}

// --- Parts of them.

Result<Change> ChangeSet::copy_of(InodeId inode) const {
  const Change* const change = find(inode);
  if (change == nullptr) {
    return Error{ErrorCode::kNotFound,
                 cat("journal: inode ", std::to_string(inode.value()), " has no row")};
  }
  return *change;
}

void ChangeSet::touch(Change& change, WallTime now) {
  if (!is_dirty(change)) change.since = now;
  if (change.order == 0) change.changed_at = now;
  change.order = ++counter_;
  change.problem.reset();  // E2: it is another change now
  change.not_before = WallTime();
}

void ChangeSet::set_place(Change& change, const Place& place,
                          std::span<const InodeId> above) const {
  Wanted& wanted = change.wanted;
  wanted.parent = place.parent;
  wanted.parent_id = place.parent_id;
  wanted.name = place.name;
  wanted.deleted = wanted.permanently = false;
  wanted.restored = change.known.trashed || (change.sent && change.sent->action == Action::kTrash);
  change.path.assign(above.begin(), above.end());
}

void ChangeSet::set_content(Change& change, const ContentState& bytes, WallTime now) {
  auto& content = change.wanted.content;
  if (!content) {
    const Change* const row = find(change.inode);  // none: it is being created
    if (row != nullptr && is_lost(*row)) {
      note_conflict(ConflictKind::kRemovedThere, change, change.name(), now);
    }
    lay_over(change.known, bytes.base);
    content.emplace();
    content->began_order = ++counter_;
    content->dirty_since = now;
  }
  content->bytes = bytes;
  if (content->refused && bytes.copy == content->refused) content->bytes.copy.reset();
  content->generation = ++counter_;
  content->closed_at.reset();
  content->acknowledged = false;
  change.mismatches = 0;
}

void ChangeSet::acknowledge(Change& change) {
  Content& content = *change.wanted.content;
  content.acknowledged = true;
  if (content.closed_order == 0) content.closed_order = ++counter_;
}

void ChangeSet::let_go(Change& change, WallTime now) {
  Content& content = *change.wanted.content;
  content.closed_at = now;
  if (content.closed_order == 0) content.closed_order = ++counter_;
}

void ChangeSet::take_over(Change& source, Change& target) const {
  auto properties = wanted_properties(source);
  const WallTime modified = source.wanted.modified.value_or(source.known.modified);
  std::swap(source.known, target.known);
  std::swap(source.sent, target.sent);
  // J5: whoever waits for one of them does not wait for what was sent of the other.
  for (Change* const change : {&source, &target}) {
    if (change->sent) change->sent->order = 0;
  }
  std::swap(source.uploaded_at, target.uploaded_at);
  std::swap(source.upload_took, target.upload_took);
  std::swap(source.confirmed_at, target.confirmed_at);
  std::swap(source.echoed, target.echoed);
  source.wanted.modified = modified;
  source.wanted.properties.clear();
  for (auto& [key, value] : properties) source.wanted.properties[key] = std::move(value);
  const auto without = [&source](const std::string& key) {
    source.wanted.properties.try_emplace(key, std::nullopt);
  };
  for (const auto& [key, value] : source.known.properties) without(key);
  if (source.sent) {
    for (const auto& [key, value] : source.sent->properties) without(key);
  }
  source.wanted.restored = false;
  source.replaces = target.inode;
  // J5: it is the name that keeps changing.
  source.since = std::min(source.since, target.since);
  source.wanted.content->dirty_since = std::min(source.wanted.content->dirty_since, target.since);
  target.wanted.permanently |= target.sent.has_value() && !target.known.exists;  // J1
  target.replaces = InodeId();
}

std::optional<FileId> ChangeSet::parent_id(const Change& change) const {
  if (!change.wanted.parent) return change.known.parent;
  if (const Change* const parent = find(*change.wanted.parent)) {
    if (parent->present()) return parent->known.id;
    return std::nullopt;
  }
  if (change.wanted.parent_id.empty()) return std::nullopt;
  return change.wanted.parent_id;
}

int ChangeSet::writers(InodeId inode) const {
  const auto found = writers_.find(inode);
  return found == writers_.end() ? 0 : found->second;
}

// Drops from what is wanted what Drive has. Not while something is sent: it may make Drive another.
void ChangeSet::normalise(Change& change) const {
  Wanted& wanted = change.wanted;
  if (wanted.deleted || wanted.name || wanted.parent) {
    if (const auto id = parent_id(change); id && wanted.parent) wanted.parent_id = *id;
  }
  if (!change.known.exists || change.sent || wanted.deleted) return;
  const Known& known = change.known;
  if (wanted.parent && parent_id(change) == known.parent) {
    change.known.parent_inode = *wanted.parent;
    wanted.parent.reset();
    wanted.parent_id = FileId();
  }
  if (wanted.name == known.name) wanted.name.reset();
  if (wanted.modified == known.modified) wanted.modified.reset();
  std::erase_if(wanted.properties, [&known](const auto& entry) {
    const auto found = known.properties.find(entry.first);
    return entry.second ? found != known.properties.end() && found->second == *entry.second
                        : found == known.properties.end();
  });
  if (!known.trashed) wanted.restored = false;
}

bool ChangeSet::is_dirty(const Change& change) const {
  const Wanted& wanted = change.wanted;
  if (change.sent) return true;
  if (is_lost(change)) return false;
  if (wanted.deleted) return change.present();
  if (!change.known.exists) return wanted.name.has_value();
  return wanted.parent || wanted.name || wanted.modified || wanted.restored ||
         !wanted.properties.empty() || wanted.content.has_value();
}

bool ChangeSet::is_gone(const Change& change) const {
  if (change.wanted.deleted && !change.known.exists && !change.sent) return true;
  const auto children = children_.find(change.inode);
  return !is_dirty(change) && !change.confirmed_at && writers(change.inode) == 0 &&
         (children == children_.end() || children->second.empty());
}

void ChangeSet::insert(Change change) {
  const InodeId inode = change.inode;
  note(inode);
  const Change& kept = changes_[inode] = std::move(change);
  index(kept);
}

void ChangeSet::note_settlement(const Change& before, const Change* now) {
  if (!is_dirty(before)) return;
  const bool is_clean = now == nullptr || !is_dirty(*now);
  // Not where a rename gives its item to another one (J6): Drive has done nothing.
  const bool is_another =
      !is_clean && before.known.id == now->known.id && before.known != now->known;
  if (is_clean || is_another) ++settlements_;
}

void ChangeSet::put(Change change, Rows& rows) {
  normalise(change);
  const InodeId inode = change.inode;
  note(inode);
  if (const auto old = changes_.find(inode); old != changes_.end()) {
    if (old->second == change && !is_gone(change)) return;
    note_settlement(old->second, &change);
    unindex(old->second);
  }
  if (!change.wanted.content) unclosed_.erase(inode);  // it got to Drive, or nobody wants it
  if (is_gone(change)) {
    changes_.erase(inode);
    rows.changed[inode] = std::nullopt;
  } else {
    rows.changed[inode] = change;
    insert(std::move(change));
  }
  if (const auto raised = raised_.find(inode); raised != raised_.end()) {
    if (is_reached(raised->second)) raised_.erase(raised);
  }
}

void ChangeSet::drop(InodeId inode, Rows& rows) {
  const auto found = changes_.find(inode);
  if (found == changes_.end()) return;
  note(inode);
  note_settlement(found->second, nullptr);
  unindex(found->second);
  changes_.erase(found);
  unclosed_.erase(inode);
  raised_.erase(inode);
  rows.changed[inode] = std::nullopt;
}

const Change* ChangeSet::find(InodeId inode) const {
  const auto found = changes_.find(inode);
  return found == changes_.end() ? nullptr : &found->second;
}

InodeId ChangeSet::find_id(const FileId& id) const {
  const auto found = by_id_.find(id);
  return found == by_id_.end() ? InodeId() : found->second;
}

const Change* ChangeSet::holder(const Step& step) const {
  const auto found = tickets_.find(step.sent.ticket);
  return found == tickets_.end() ? nullptr : find(found->second);
}

InodeId ChangeSet::find_operation(const drive::Item& item) const {
  const auto property = item.properties.find(std::string(kOperation));
  if (property == item.properties.end()) return {};
  const auto found = by_operation_.find(property->second);
  return found == by_operation_.end() ? InodeId() : found->second;
}

std::vector<InodeId> ChangeSet::dirty() const {
  std::vector<InodeId> inodes;
  inodes.reserve(dirty_.size());
  for (const auto& [order, inode] : dirty_) inodes.push_back(inode);
  return inodes;
}

}  // namespace driveway::journal
