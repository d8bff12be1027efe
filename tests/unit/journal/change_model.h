// The tree of change_model_test.cc: a few folders and files, and random operations on them that go
// to a ChangeSet as vfs would tell it.
#pragma once

#include <gtest/gtest-spi.h>

#include <algorithm>
#include <functional>
#include <sstream>
#include <stdexcept>

#include "base/strings.h"
#include "unit/journal/choices.h"
#include "unit/journal/tiny_drive.h"

namespace driveway::journal {
using drive::ItemKind;

struct Node {
  InodeId parent;
  std::string name;
  bool folder = false;
  std::string content;
  std::map<std::string, std::string> properties;
  FileId id;  // as of the last row
  int writers = 0;
  std::uint64_t number = 0;  // of its content
  bool unclosed = false;     // written since it was acknowledged
};

// What the rule of data before its marker is checked with, in the model's own time.
struct Period {
  std::uint64_t began = 0;
  std::uint64_t closed = 0;   // the first close after it
  std::uint64_t written = 0;  // the last write
};

// What a run is made of, and what it leaves.
struct Trial {
  Choices choices;
  testing::TestPartResultArray failures{};
  std::vector<std::string> notes{};  // what was done, in words
};

class ModelTree {
 public:
  virtual ~ModelTree() = default;

 protected:
  explicit ModelTree(Trial& trial) : trial_(trial), set_(options()) {
    for (int i = 0; i < 6; ++i) {
      const bool folder = i < 3;
      const std::string id = cat("clean", std::to_string(i));
      const InodeId parent = i == 2 ? InodeId(next_inode_ - 1) : kRoot;
      drive_.add(id, parent == kRoot ? "root" : "clean1", cat("c", std::to_string(i)), folder, id);
      const InodeId inode(next_inode_++);
      nodes_[inode] = {parent,    cat("c", std::to_string(i)), folder, folder ? "" : id, {},
                       FileId(id)};
    }
  }

  Options options() {
    Options options;
    options.marker_ratio = below(2) == 0 ? 0 : 2;
    options.small = 12;
    ratio_ = options.marker_ratio;
    options_ = options;
    return options;
  }
  std::uint32_t below(std::uint32_t bound) { return trial_.choices.below(bound); }
  bool has_failed() const { return trial_.failures.size() > 0; }
  template <typename... Parts>
  void note(const Parts&... parts) {
    std::ostringstream text;
    (text << ... << parts);
    trial_.notes.push_back(text.str());
  }

  // --- The tree.

  // As compare() shows it.
  static std::string words_of(const std::map<std::string, std::string>& properties) {
    std::string text;
    for (const auto& [key, value] : properties) {
      if (key != kOperation) text += cat(" ", key, "=", value);
    }
    return text;
  }
  std::vector<InodeId> where(const std::function<bool(InodeId, const Node&)>& wanted) {
    std::vector<InodeId> found;
    for (const auto& [inode, node] : nodes_) {
      if (!recovering_.contains(inode) && wanted(inode, node)) found.push_back(inode);
    }
    return found;
  }
  InodeId any(const std::function<bool(InodeId, const Node&)>& wanted) {
    const auto found = where(wanted);
    return found.empty() ? InodeId() : found[below(static_cast<std::uint32_t>(found.size()))];
  }
  InodeId any_folder() {
    const InodeId found = any([](InodeId, const Node& node) { return node.folder; });
    return found == InodeId() || below(3) == 0 ? kRoot : found;
  }
  InodeId any_file() {
    return any([](InodeId, const Node& node) { return !node.folder; });
  }
  InodeId any_node() {
    return any([](InodeId, const Node&) { return true; });
  }
  InodeId lookup(InodeId parent, const std::string& name) {
    for (const auto& [inode, node] : nodes_) {
      if (node.parent == parent && node.name == name) return inode;
    }
    return {};
  }
  bool is_below(InodeId inode, InodeId folder) {
    for (int depth = 0; inode != kRoot && inode != folder; ++depth) {
      inode = parent_of_node(inode, depth);
    }
    return inode == folder;
  }
  // On the way up. The test shall fail and not hang.
  InodeId parent_of_node(InodeId inode, int depth) {
    if (depth > 1'000) throw std::logic_error("folders of the tree lie in each other");
    return nodes_.at(inode).parent;
  }
  // Another client moved it to a folder that is shown nowhere (until poll() it stays where it was).
  bool is_out_of_sight(InodeId inode) {
    const Change* const change = set_.find(inode);
    return change != nullptr && change->parent() == InodeId();
  }
  bool is_empty(InodeId folder) {
    return std::none_of(nodes_.begin(), nodes_.end(),
                        [&](const auto& entry) { return entry.second.parent == folder; });
  }
  std::vector<InodeId> above(InodeId folder) {
    std::vector<InodeId> found;
    while (folder != kRoot) {
      folder = parent_of_node(folder, static_cast<int>(found.size()));
      found.push_back(folder);
    }
    return found;
  }
  Place place(InodeId parent, const std::string& name) {
    return {parent, parent == kRoot ? kRootId : nodes_.at(parent).id, name};
  }

  // --- Operations.

  template <typename T>
  T must(Result<T> result) {
    EXPECT_TRUE(result.ok()) << result.error().to_string();
    return result.ok() ? std::move(result).value() : T{};
  }
  void apply(const Rows& rows) {
    for (const auto& [inode, change] : rows.changed) {
      if (!change) {
        rows_.erase(inode);
        continue;
      }
      rows_[inode] = encode(*change);
      const auto node = nodes_.find(inode);
      if (node != nodes_.end() && !change->wanted.deleted) node->second.id = change->known.id;
    }
  }
  void know(InodeId inode) {
    if (set_.find(inode) != nullptr) return;
    const Node& node = nodes_.at(inode);
    const auto item = drive_.get(node.id);
    ASSERT_TRUE(item) << "nobody knows " << node.name;
    // What the tree has heard so far; a later version is told by poll().
    const drive::Item& heard = heard_.contains(node.id) ? heard_.at(node.id) : *item;
    Known known;
    known.id = node.id;
    known.exists = true;
    known.parent = heard.parent.value_or(FileId());
    known.parent_inode = node.parent;
    known.name = heard.name;
    known.modified = heard.modified;
    known.properties = heard.properties;
    known.head_revision = heard.head_revision;
    known.md5 = heard.md5;
    known.size = heard.size;
    known.version = heard.version;
    NewEntry entry;
    entry.kind = node.folder ? ItemKind::kFolder : ItemKind::kFile;
    set_.know(inode, entry, known);
  }
  ContentState bytes_of(InodeId inode) {
    ContentState bytes;
    Node& node = nodes_.at(inode);
    if (node.number == 0) node.number = ++numbers_;
    bytes.number = node.number;
    bytes.state = nodes_.at(inode).content;
    bytes.size = bytes.state.size();
    return bytes;
  }
  void write(InodeId inode) {
    Node& node = nodes_.at(inode);
    node.content = cat("w", std::to_string(++writes_), std::string(below(24), '.'));
    node.unclosed = true;
    Period& period = periods_[inode];
    note("  write ", inode, " ", node.name, ": ", node.content);
    period.written = ++clock_;
    if (period.began == 0) period.began = period.written;
    apply(must(set_.written(inode, bytes_of(inode), now_, now_)));
  }
  void close(InodeId inode) {
    Node& node = nodes_.at(inode);
    note("  close ", inode, " ", node.name);
    --node.writers;
    node.unclosed = false;
    apply(must(set_.closed(inode, std::nullopt, std::nullopt, now_)));
    note_closed(inode);
  }
  void note_closed(InodeId inode) {
    const auto period = periods_.find(inode);
    if (nodes_.at(inode).writers == 0 && period != periods_.end() && period->second.closed == 0) {
      period->second.closed = ++clock_;
    }
  }
  void create(InodeId parent, const std::string& name, bool folder) {
    const InodeId inode(next_inode_++);
    NewEntry entry;
    entry.kind = folder ? ItemKind::kFolder : ItemKind::kFile;
    if (below(2) == 0) entry.id = new_id();
    entry.modified = now_;
    note("  create ", inode, " in ", parent, ": ", name, folder ? "/" : "", " id ", entry.id);
    nodes_[inode] = {parent, name, folder, "", {}, entry.id};
    const InodeId source = !folder && below(6) == 0 ? any_file() : InodeId();
    const auto copy = source == InodeId() ? std::nullopt : copy_of(nodes_.at(source));
    if (copy) nodes_.at(inode).content = drive_.at(copy->id).content;
    entry.content = bytes_of(inode);
    entry.content.copy = copy;
    apply(must(set_.create(inode, place(parent, name), entry, now_)));
    if (folder) return;
    const std::uint64_t began = ++clock_;
    periods_[inode] = {began, ++clock_, began};
    if (copy) return note("    as a copy of ", source);
    must_ok(set_.opened(inode));
    nodes_.at(inode).writers = 1;
    if (below(3) != 0) write(inode);
    if (below(8) != 0) close(inode);
  }
  std::optional<CopySource> copy_of(const Node& source) {
    const auto item = drive_.get(source.id);
    if (!item || item->kind == ItemKind::kFolder) return std::nullopt;
    return CopySource{item->id, item->head_revision};
  }
  void must_ok(const Status& status) { EXPECT_TRUE(status.ok()); }
  void erase(InodeId inode) {
    graveyard_[inode] = nodes_.at(inode).id;
    nodes_.erase(inode);
    periods_.erase(inode);
  }
  void unlink(InodeId inode) {
    note("  unlink ", inode, " ", nodes_.at(inode).name);
    know(inode);
    apply(must(set_.remove(inode, now_)));
    while (nodes_.at(inode).writers-- > 0) {
      apply(must(set_.closed(inode, std::nullopt, std::nullopt, now_)));
    }
    erase(inode);
  }
  void remove_all(InodeId folder) {
    for (const auto& [inode, node] : std::map(nodes_)) {
      if (node.parent != folder) continue;
      if (recovering_.contains(inode)) return;
      if (node.folder) {
        remove_all(inode);
      } else {
        unlink(inode);
      }
    }
    if (is_empty(folder)) unlink(folder);
  }
  void rename(InodeId inode, InodeId parent, const std::string& name) {
    Node& node = nodes_.at(inode);
    const InodeId target = lookup(parent, name);
    if (target == inode || recovering_.contains(target)) return;
    if (node.folder && is_below(parent, inode)) return;
    know(inode);
    const auto up = node.folder ? above(parent) : std::vector<InodeId>();
    if (target == InodeId()) {
      note("  rename ", inode, " ", node.name, " to ", parent, " ", name);
      apply(must(set_.rename(inode, place(parent, name), now_, up)));
    } else if (below(4) == 0) {
      if (nodes_.at(target).folder && is_below(node.parent, target)) return;
      know(target);
      if (is_out_of_sight(inode) || is_out_of_sight(target)) return;
      const auto up_b = nodes_.at(target).folder ? above(node.parent) : std::vector<InodeId>();
      note("  exchange ", inode, " and ", target);
      apply(must(set_.exchange(inode, target, now_, up, up_b)));
      nodes_.at(target).parent = node.parent;
      nodes_.at(target).name = node.name;
    } else {
      if (nodes_.at(target).folder != node.folder) return;
      if (node.folder && !is_empty(target)) return;
      know(target);
      const int writers = nodes_.at(target).writers;
      note("  rename ", inode, " over ", target, " to ", parent, " ", name);
      apply(must(set_.rename_over(inode, target, place(parent, name), now_, up)));
      for (int i = 0; i < writers; ++i) {
        apply(must(set_.closed(target, std::nullopt, std::nullopt, now_)));
      }
      erase(target);
    }
    node.parent = parent;
    node.name = name;
  }
  void operate() {
    const std::string name(1, static_cast<char>('a' + below(5)));
    const InodeId parent = any_folder();
    const std::uint32_t what = below(10);
    if (what < 3) {
      if (lookup(parent, name) == InodeId()) create(parent, name, below(3) == 0);
      return;
    }
    const InodeId file = any_file();
    const InodeId node = any_node();
    if (what < 5 && file != InodeId()) {
      know(file);
      if (nodes_.at(file).writers == 0) {
        must_ok(set_.opened(file));
        nodes_.at(file).writers = 1;
      }
      if (below(4) != 0) write(file);
      if (below(4) != 0) close(file);
    } else if (what < 8 && node != InodeId()) {
      rename(node, parent, name);
    } else if (what == 8 && node != InodeId()) {
      know(node);
      const std::string key = below(2) == 0 ? "driveway.mode" : "x-colour";
      const std::uint32_t value = below(4);
      note("  attribute ", key, " of ", node, " ", nodes_.at(node).name, ": ", value);
      Attributes attributes;
      auto& properties = nodes_.at(node).properties;
      if (value == 0) {
        properties.erase(key);
        attributes.properties[key] = std::nullopt;
      } else {
        properties[key] = std::to_string(value);
        attributes.properties[key] = properties[key];
      }
      apply(must(set_.set_attributes(node, attributes, now_)));
    } else if (what == 9 && node != InodeId()) {
      if (nodes_.at(node).folder) {
        remove_all(node);
      } else {
        unlink(node);
      }
    }
  }
  FileId new_id() { return FileId(cat("id", std::to_string(++ids_))); }

  Trial& trial_;
  Options options_;
  std::uint64_t ratio_ = 0;
  WallTime now_{std::chrono::hours(400'000)};
  TinyDrive drive_;
  ChangeSet set_;
  std::map<InodeId, std::string> rows_;  // what is durable
  std::map<InodeId, Node> nodes_;
  std::map<InodeId, Period> periods_;
  std::map<FileId, drive::Item> heard_;  // as it was before the other client changed it
  std::set<FileId> foreign_;             // made by the other client
  std::set<FileId> unheard_;
  std::set<InodeId> recovering_;
  std::uint64_t next_inode_ = 100;
  std::uint64_t clock_ = 0;
  std::uint64_t numbers_ = 0;
  int writes_ = 0;
  int ids_ = 0;
  std::map<InodeId, FileId> graveyard_;
};

}  // namespace driveway::journal
