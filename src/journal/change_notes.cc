#include "journal/change_notes.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "store/codec.h"

namespace driveway::journal {
namespace {

constexpr std::uint8_t kNoteVersion = 1;
constexpr std::uint8_t kMostKinds = 6;

void pack(store::Writer& writer, WallTime time) { writer.zigzag(time.time_since_epoch().count()); }
WallTime wall_time(store::Reader& reader) { return WallTime(WallTime::duration(reader.zigzag())); }

std::string encode_conflict(const Conflict& conflict) {
  store::Writer writer;
  writer.u8(kNoteVersion)
      .u8(static_cast<std::uint8_t>(conflict.kind))
      .varint(conflict.inode.value());
  writer.text(conflict.name).text(conflict.kept_as);
  pack(writer, conflict.at);
  return writer.take();
}

std::optional<Conflict> decode_conflict(std::string_view bytes) {
  store::Reader reader(bytes);
  Conflict conflict;
  const std::uint8_t version = reader.u8();
  const std::uint8_t kind = reader.u8();
  conflict.inode = InodeId(reader.varint());
  conflict.name = reader.text();
  conflict.kept_as = reader.text();
  conflict.at = wall_time(reader);
  if (version != kNoteVersion || kind >= kMostKinds || !reader.ok() || !reader.at_end()) return {};
  conflict.kind = static_cast<ConflictKind>(kind);
  return conflict;
}

std::string key_of(std::uint64_t number) { return store::Writer().key64(number).take(); }

}  // namespace

const char* to_string(ConflictKind kind) {
  switch (kind) {
    case ConflictKind::kChangedToo:
      return "changed_too";
    case ConflictKind::kNameTaken:
      return "name_taken";
    case ConflictKind::kOverwritten:
      return "overwritten";
    case ConflictKind::kRemovedThere:
      return "removed_there";
    case ConflictKind::kFolderGone:
      return "folder_gone";
    case ConflictKind::kUnclosed:
      break;
  }
  return "unclosed";
}

std::string Notes::encode(const Made& made) {
  store::Writer writer;
  writer.u8(kNoteVersion).u8(made.created ? 1 : 0).text(made.head.value()).text(made.drive.value());
  writer.text(made.name).varint(made.size);
  pack(writer, made.at);
  writer.u8(made.trashed_at ? 1 : 0);
  if (made.trashed_at) pack(writer, *made.trashed_at);
  writer.varint(made.superseded.size());
  for (const Superseded& one : made.superseded) {
    writer.text(one.revision.value()).varint(one.size);
    pack(writer, one.since);
  }
  return writer.take();
}

std::optional<Notes::Made> Notes::decode_made(std::string_view bytes) {
  store::Reader reader(bytes);
  if (reader.u8() != kNoteVersion) return std::nullopt;
  Made made;
  made.created = reader.u8() != 0;
  made.head = Revision(std::string(reader.text()));
  made.drive = DriveId(std::string(reader.text()));
  made.name = reader.text();
  made.size = reader.varint();
  made.at = wall_time(reader);
  if (reader.u8() != 0) made.trashed_at = wall_time(reader);
  const std::uint64_t count = reader.varint();
  for (std::uint64_t i = 0; i < count && reader.ok(); ++i) {
    Superseded one;
    one.revision = Revision(std::string(reader.text()));
    one.size = reader.varint();
    one.since = wall_time(reader);
    made.superseded.push_back(std::move(one));
  }
  if (!reader.ok() || !reader.at_end()) return std::nullopt;
  return made;
}

bool Notes::load(std::string_view table, std::string_view key, std::string_view value) {
  if (table == kMadeTable) {
    auto made = decode_made(value);
    if (!made) return false;
    set(FileId(std::string(key)), std::move(made));
    return true;
  }
  store::Reader reader(key);
  const std::uint64_t number = reader.key64();
  auto conflict = decode_conflict(value);
  if (!reader.ok() || !conflict) return false;
  conflicts_[number] = *std::move(conflict);
  return true;
}

// --- Taking back.

void Notes::begin() {
  keep();
  notes_ = true;
}

void Notes::keep() {
  notes_ = false;
  edits_.clear();
  made_before_.clear();
  conflicts_before_.clear();
}

void Notes::undo() {
  for (auto& [id, before] : made_before_) set(id, std::move(before));
  for (auto& [number, before] : conflicts_before_) {
    conflicts_.erase(number);
    if (before) conflicts_[number] = *std::move(before);
  }
  keep();
}

void Notes::edit(const char* table, std::string key, std::optional<std::string> value) {
  if (notes_) edits_.push_back({table, std::move(key), std::move(value)});
}

void Notes::set(const FileId& id, std::optional<Made> made) {
  const bool has_left = made && (made->trashed_at || !made->superseded.empty());
  if (has_left) {
    left_.insert(id);
  } else {
    left_.erase(id);
  }
  if (made) {
    made_[id] = *std::move(made);
  } else {
    made_.erase(id);
  }
}

void Notes::put(const FileId& id, std::optional<Made> made) {
  if (notes_) {
    const auto before = made_.find(id);
    made_before_.try_emplace(id,
                             before == made_.end() ? std::nullopt : std::optional(before->second));
  }
  edit(kMadeTable, id.value(), made ? std::optional(encode(*made)) : std::nullopt);
  set(id, std::move(made));
}

// --- Room in Drive (J13).

void Notes::uploaded(const drive::Item& item, const DriveId& drive,
                     const std::optional<Revision>& replaced, WallTime now) {
  if (item.head_revision.empty() || item.head_revision == replaced) return;
  const auto found = made_.find(item.id);
  Made made = found == made_.end() ? Made{} : found->second;
  if (made.head == item.head_revision) return;  // told twice
  if (replaced && !made.head.empty() && made.head == *replaced) {
    made.superseded.push_back({made.head, made.size, now});
    if (made.superseded.size() > kMostSuperseded) made.superseded.erase(made.superseded.begin());
  }
  made.created = made.created || !replaced;
  made.head = item.head_revision;
  made.drive = drive;
  made.name = item.name;
  made.size = item.size.value_or(0);
  made.at = now;
  made.trashed_at.reset();
  put(item.id, std::move(made));
}

void Notes::trashed(const FileId& id, const Revision& head, WallTime now) {
  const auto found = made_.find(id);
  if (found == made_.end()) return;
  Made made = found->second;
  if (!made.created || made.head.empty() || made.head != head) return;
  made.trashed_at = now;
  put(id, std::move(made));
}

void Notes::restored(const FileId& id) {
  const auto found = made_.find(id);
  if (found == made_.end() || !found->second.trashed_at) return;
  Made made = found->second;
  made.trashed_at.reset();
  put(id, std::move(made));
}

void Notes::removed(const FileId& id) {
  if (made_.contains(id)) put(id, std::nullopt);
}

void Notes::given_up(const Leftover& leftover) {
  const auto found = made_.find(leftover.id);
  if (found == made_.end()) return;
  if (leftover.revision.empty()) return removed(leftover.id);
  Made made = found->second;
  std::erase_if(made.superseded,
                [&](const Superseded& one) { return one.revision == leftover.revision; });
  put(leftover.id, std::move(made));
}

std::vector<Leftover> Notes::leftovers() const {
  std::vector<Leftover> all;
  for (const FileId& id : left_) {
    const Made& made = made_.at(id);
    if (made.trashed_at) {  // its revisions go with it
      Bytes size = made.size;
      for (const Superseded& one : made.superseded) size += one.size;
      all.push_back({id, Revision(), made.drive, made.name, size, *made.trashed_at, made.head});
      continue;
    }
    for (const Superseded& one : made.superseded) {
      all.push_back({id, one.revision, made.drive, made.name, one.size, one.since, Revision()});
    }
  }
  std::stable_sort(all.begin(), all.end(),
                   [](const Leftover& a, const Leftover& b) { return a.since < b.since; });
  return all;
}

LeftoverTotals Notes::totals() const {
  LeftoverTotals totals;
  for (const FileId& id : left_) {
    const Made& made = made_.at(id);
    for (const Superseded& one : made.superseded) {
      (made.trashed_at ? totals.trashed_bytes : totals.revision_bytes) += one.size;
      if (!made.trashed_at) ++totals.revisions;
    }
    if (!made.trashed_at) continue;
    ++totals.trashed;
    totals.trashed_bytes += made.size;
  }
  return totals;
}

// --- Conflicts.

void Notes::put_conflict(std::uint64_t number, std::optional<Conflict> conflict) {
  const auto before = conflicts_.find(number);
  if (notes_) {
    conflicts_before_.try_emplace(
        number, before == conflicts_.end() ? std::nullopt : std::optional(before->second));
  }
  edit(kConflictTable, key_of(number),
       conflict ? std::optional(encode_conflict(*conflict)) : std::nullopt);
  if (conflict) {
    conflicts_[number] = *std::move(conflict);
  } else {
    conflicts_.erase(number);
  }
}

void Notes::conflict(Conflict conflict) {
  const std::uint64_t number = conflicts_.empty() ? 1 : conflicts_.rbegin()->first + 1;
  put_conflict(number, std::move(conflict));
  while (conflicts_.size() > kMostConflicts) put_conflict(conflicts_.begin()->first, std::nullopt);
}

std::vector<Conflict> Notes::conflicts() const {
  std::vector<Conflict> all;
  all.reserve(conflicts_.size());
  for (const auto& [number, conflict] : conflicts_) all.push_back(conflict);
  return all;
}

// --- The end.

void Notes::forget(WallTime now) {
  std::vector<std::pair<FileId, std::optional<Made>>> changed;
  for (const FileId& id : left_) {
    const Made& made = made_.at(id);
    if (made.trashed_at && *made.trashed_at + kKept <= now) {
      changed.emplace_back(id, std::nullopt);
      continue;
    }
    Made less = made;
    std::erase_if(less.superseded, [&](const Superseded& one) { return one.since + kKept <= now; });
    if (less.superseded.size() < made.superseded.size()) changed.emplace_back(id, std::move(less));
  }
  for (auto& [id, made] : changed) put(id, std::move(made));
  while (!conflicts_.empty() && conflicts_.begin()->second.at + kKept <= now) {
    put_conflict(conflicts_.begin()->first, std::nullopt);
  }
  if (made_.size() <= kMostMade) return;
  // What takes no room in vain goes first, and what was sent longest ago; a tenth, so that it is
  // not at each look.
  std::vector<std::tuple<bool, WallTime, FileId>> by_use;
  for (const auto& [id, made] : made_) by_use.emplace_back(left_.contains(id), made.at, id);
  std::sort(by_use.begin(), by_use.end());
  by_use.resize(made_.size() - kMostMade / 10 * 9);
  for (const auto& [is_left, at, id] : by_use) removed(id);
}

}  // namespace driveway::journal
