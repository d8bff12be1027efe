// A Drive of a few lines, for tests of the order of changes: ids, parents, names, contents and
// their revisions, trash.
// It counts as a failure what must never be asked of Drive.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/hash.h"
#include "journal/change_set.h"

namespace driveway::journal {

inline const InodeId kRoot{1};
inline const FileId kRootId{"root"};

inline std::string md5_of(const std::string& content) { return hash_hex(HashKind::kMd5, content); }

class TinyDrive {
 public:
  struct Entry {
    drive::Item item;
    std::string content;
    std::vector<std::pair<Revision, std::string>> revisions{};  // the head last
  };

  TinyDrive() { add("root", "", "", true, ""); }

  void add(const std::string& id, const std::string& parent, const std::string& name, bool folder,
           const std::string& content) {
    Entry& entry = entries_[FileId(id)];
    entry.item.id = FileId(id);
    entry.item.name = name;
    entry.item.kind = folder ? drive::ItemKind::kFolder : drive::ItemKind::kFile;
    if (!parent.empty()) entry.item.parent = FileId(parent);
    if (!folder) set_content(entry, content);
    entry.item.version = ++version_;
  }

  bool has(const FileId& id) const { return entries_.contains(id); }
  Entry& at(const FileId& id) { return entries_.at(id); }
  std::map<FileId, Entry>& entries() { return entries_; }

  // As a get: `trashed` also where a folder above is.
  std::optional<drive::Item> get(const FileId& id) const {
    const auto found = entries_.find(id);
    if (found == entries_.end()) return std::nullopt;
    drive::Item item = found->second.item;
    item.trashed = is_trashed(id);
    return item;
  }
  bool is_trashed(FileId id) const {
    while (true) {
      const auto found = entries_.find(id);
      if (found == entries_.end() || found->second.item.trashed) return true;
      if (!found->second.item.parent) return false;
      id = *found->second.item.parent;
    }
  }
  bool is_usable_folder(const FileId& id) const { return has(id) && !is_trashed(id); }
  bool is_within(FileId id, const FileId& folder) const {
    while (true) {
      if (id == folder) return true;
      const auto found = entries_.find(id);
      if (found == entries_.end() || !found->second.item.parent) return false;
      id = *found->second.item.parent;
    }
  }
  std::vector<FileId> children(const FileId& folder) const {
    std::vector<FileId> found;
    for (const auto& [id, entry] : entries_) {
      if (entry.item.parent == folder && !entry.item.trashed) found.push_back(id);
    }
    return found;
  }
  // J2: the item that was made without an id of ours.
  std::optional<FileId> made_by(const std::string& operation) const {
    for (const auto& [id, entry] : entries_) {
      const auto found = entry.item.properties.find(std::string(kOperation));
      if (found != entry.item.properties.end() && found->second == operation) return id;
    }
    return std::nullopt;
  }
  std::vector<FileId> named(const FileId& folder, const std::string& name) const {
    std::vector<FileId> found;
    for (const FileId& id : children(folder)) {
      if (entries_.at(id).item.name == name) found.push_back(id);
    }
    return found;
  }

  // Carries a step out. Nothing: Drive has the id already (409).
  std::optional<drive::Item> carry_out(const Step& step) {
    const Sent& sent = step.sent;
    FileId id = sent.id;
    if (sent.action == Action::kCreate || sent.action == Action::kCopy) {
      if (id.empty()) id = FileId("chosen" + std::to_string(++version_));
      if (has(id)) return std::nullopt;
      EXPECT_TRUE(is_usable_folder(sent.parent)) << "parent before child: " << *sent.name;
      EXPECT_EQ(sent.content.copy.has_value(), sent.action == Action::kCopy);
      add(id.value(), sent.parent.value(), *sent.name, step.kind == drive::ItemKind::kFolder,
          sent.content.copy ? at(sent.content.copy->id).content : sent.content.state.get());
    }
    Entry& entry = entries_.at(id);
    if (sent.action == Action::kTrash) {
      entry.item.trashed = true;
    } else if (sent.action == Action::kRemove) {
      const drive::Item item = entry.item;
      entries_.erase(id);
      return item;
    } else {
      patch(entry, sent);
    }
    entry.item.version = ++version_;
    return get(id);
  }

  // What was the head before the one that is it now.
  static std::optional<std::pair<Revision, std::string>> before_head(const Entry& entry) {
    if (entry.revisions.size() < 2) return std::nullopt;
    return entry.revisions[entry.revisions.size() - 2];
  }
  static std::string revision(const Entry& entry, const Revision& wanted) {
    const auto found = std::find_if(entry.revisions.begin(), entry.revisions.end(),
                                    [&](const auto& revision) { return revision.first == wanted; });
    EXPECT_NE(found, entry.revisions.end());
    return found == entry.revisions.end() ? "" : found->second;
  }
  // As a revision of any item, at any time.
  bool had(const std::string& content) const { return contents_.contains(content); }

  void set_content(Entry& entry, const std::string& content) {
    entry.content = content;
    contents_.insert(content);
    entry.item.md5 = md5_of(content);
    entry.item.size = content.size();
    entry.item.head_revision = Revision("r" + std::to_string(++revision_));
    entry.revisions.emplace_back(entry.item.head_revision, content);
    entry.item.version = ++version_;
  }
  void changed(Entry& entry) { entry.item.version = ++version_; }

 private:
  void patch(Entry& entry, const Sent& sent) {
    if (sent.action == Action::kUpdate) {
      EXPECT_FALSE(sent.content.copy) << "Drive copies to new items only";
      set_content(entry, sent.content.state);
    }
    if (sent.name) entry.item.name = *sent.name;
    if (!sent.from.empty()) {
      EXPECT_TRUE(is_usable_folder(sent.parent)) << "a move after its folder";
      const bool is_cycle = is_within(sent.parent, sent.id);
      EXPECT_FALSE(is_cycle) << "a cycle of folders: " << sent.id << " into " << sent.parent;
      if (!is_cycle) entry.item.parent = sent.parent;
    }
    if (sent.modified) entry.item.modified = *sent.modified;
    if (sent.restored) entry.item.trashed = false;
    for (const auto& [key, value] : sent.properties) {
      if (value) {
        entry.item.properties[key] = *value;
      } else {
        entry.item.properties.erase(key);
      }
    }
  }

  std::map<FileId, Entry> entries_;
  std::set<std::string> contents_;
  std::uint64_t version_ = 0;
  std::uint64_t revision_ = 0;
};

}  // namespace driveway::journal
