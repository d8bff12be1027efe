// A Tree of a client that changes something, and what it says of its changes.
#pragma once

#include "base/hash.h"
#include "tree/own_changes.h"
#include "tree_fixture.h"

namespace driveway::tree {

class FakeOwnChanges final : public OwnChanges {
 public:
  std::optional<InodeId> inode_of(const FileId& id) const override {
    const std::lock_guard lock(mutex_);
    const auto found = inodes_.find(id);
    return found == inodes_.end() ? std::nullopt : std::optional(found->second);
  }
  bool wrote(InodeId inode, const drive::Item& item) const override {
    const std::lock_guard lock(mutex_);
    return wrote_.contains({inode, item.md5});
  }
  bool removes(const FileId& id) const override {
    const std::lock_guard lock(mutex_);
    return removed_.contains(id);
  }
  std::optional<InodeId> maker_of(const drive::Item& item) const override {
    const std::lock_guard lock(mutex_);
    const auto mark = item.properties.find("made.by");
    const auto found = mark == item.properties.end() ? made_.end() : made_.find(mark->second);
    if (found != made_.end()) return found->second;
    const auto known = inodes_.find(item.id);
    return known == inodes_.end() ? std::nullopt : std::optional(known->second);
  }
  bool is_fresh_folder(const FileId& id) const override {
    const std::lock_guard lock(mutex_);
    return fresh_.contains(id);
  }

  void knows(const FileId& id, InodeId inode) {
    const std::lock_guard lock(mutex_);
    inodes_.insert_or_assign(id, inode);
  }
  // An item with this mark, whose id is not known yet, is that of `inode`.
  void made(const std::string& mark, InodeId inode) {
    const std::lock_guard lock(mutex_);
    made_.emplace(mark, inode);
  }
  void writes(InodeId inode, const std::string& content) {
    const std::lock_guard lock(mutex_);
    wrote_.emplace(inode, hash_hex(HashKind::kMd5, content));
  }
  void forgets(const FileId& id) {
    const std::lock_guard lock(mutex_);
    inodes_.erase(id);
    removed_.erase(id);
  }
  void removes_it(const FileId& id) {
    const std::lock_guard lock(mutex_);
    removed_.insert(id);
  }
  void made_just_now(const FileId& id) {
    const std::lock_guard lock(mutex_);
    fresh_.insert(id);
  }

 private:
  mutable std::mutex mutex_;
  std::map<FileId, InodeId> inodes_;
  std::map<std::string, InodeId> made_;
  std::set<std::pair<InodeId, std::string>> wrote_;
  std::set<FileId> removed_;
  std::set<FileId> fresh_;
};

// MyDrive/data/a.txt ("one") is there, and both folders have been listed.
class OwnChangesFixture : public TreeFixture {
 protected:
  ~OwnChangesFixture() override { tree.reset(); }  // its threads ask `ours`
  void SetUp() override {
    own = &ours;
    data = store.add_folder(store.root(), "data");
    file = store.add_file(data, "a.txt", "one");
    start();
    names("MyDrive/data");
    names(".Trash");
    directory = at("MyDrive/data").inode;
    before = at("MyDrive/data/a.txt").inode;
    forget_calls();
  }

  void forget_calls() {
    recorder.clear();
    store.reset_calls();
  }
  drive::Item drives(const FileId& id) { return store.find(id).value_or(drive::Item()); }
  InodeId new_inode() { return *inodes.allocate(); }
  // As Drive has it now. Gives its folder.
  InodeId accept(const FileId& id) { return accept(drives(id)); }
  InodeId accept(const drive::Item& item) {
    const auto home = tree->accept(item);
    EXPECT_TRUE(home.ok()) << (home.ok() ? "" : home.error().to_string());
    return home.ok() ? *home : InodeId();
  }
  // A file that is made here, which Drive has; nobody has said so yet.
  FileId make(const FileId& parent, const std::string& name, const std::string& content,
              InodeId inode) {
    const FileId id = store.add_file(parent, name, content);
    ours.knows(id, inode);
    ours.writes(inode, content);
    return id;
  }
  // The bytes of `inode` become those of `id`.
  void upload(const FileId& id, InodeId inode, const std::string& content) {
    ours.knows(id, inode);
    ours.writes(inode, content);
    store.set_content(id, content);
  }
  // Makes all listings old.
  void lose_feed() {
    store.expire_tokens();
    poll();
  }

  FakeOwnChanges ours;
  FileId data, file;
  InodeId directory, before;
};

}  // namespace driveway::tree
