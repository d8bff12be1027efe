// A Tree over a FakeStore, and what tests ask of it.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/metrics.h"
#include "base/strings.h"
#include "drive/fake_store.h"
#include "transfer/scheduler.h"
#include "tree/tree.h"
#include "unit/base/temporary_folder.h"
#include "unit/support/random_runs.h"

namespace driveway::tree {

class CountingInodes final : public InodeSource {
 public:
  Result<InodeId> allocate() override { return InodeId(next_.fetch_add(1)); }

 private:
  std::atomic<std::uint64_t> next_{1024};
};

// Writes down what it is told.
class Recorder final : public TreeObserver {
 public:
  void entry_changed(InodeId parent, const std::string& name, std::optional<InodeId>) override {
    const std::lock_guard lock(mutex_);
    entries_.emplace(parent, name);
  }
  void attributes_changed(InodeId inode) override {
    const std::lock_guard lock(mutex_);
    attributes_.insert(inode);
  }
  void directory_changed(InodeId inode) override {
    const std::lock_guard lock(mutex_);
    directories_.insert(inode);
  }
  struct Heard {
    InodeId inode;
    FileId id;
    std::optional<drive::Item> item;
    InodeId parent;
  };
  void item_changed(InodeId inode, const FileId& id, const std::optional<drive::Item>& item,
                    InodeId parent) override {
    const std::lock_guard lock(mutex_);
    heard_.push_back({inode, id, item, parent});
  }
  std::vector<Heard> heard() const {
    const std::lock_guard lock(mutex_);
    return heard_;
  }
  bool entry(InodeId parent, const std::string& name) const {
    const std::lock_guard lock(mutex_);
    return entries_.contains({parent, name});
  }
  bool attributes(InodeId inode) const {
    const std::lock_guard lock(mutex_);
    return attributes_.contains(inode);
  }
  bool directory(InodeId inode) const {
    const std::lock_guard lock(mutex_);
    return directories_.contains(inode);
  }
  void clear() {
    const std::lock_guard lock(mutex_);
    entries_.clear();
    attributes_.clear();
    directories_.clear();
    heard_.clear();
  }

 private:
  mutable std::mutex mutex_;
  std::set<std::pair<InodeId, std::string>> entries_;
  std::set<InodeId> attributes_;
  std::set<InodeId> directories_;
  std::vector<Heard> heard_;
};

class TreeFixture : public ::testing::Test {
 protected:
  TreeFixture() : store(clock), scheduler({}, clock, metrics) {}

  void open() {
    tree.reset();
    auto opened =
        Tree::open(folder.path() / "meta", options, store, scheduler, inodes, clock, metrics, own);
    ASSERT_TRUE(opened.ok()) << opened.error().to_string();
    tree = std::move(opened).value();
  }
  void start() {
    open();
    const Status started = tree->start({}, &recorder);
    ASSERT_TRUE(started.ok()) << started.error().to_string();
  }
  void poll() {
    const Status polled = tree->poll({});
    ASSERT_TRUE(polled.ok()) << polled.error().to_string();
  }

  Node at(const std::string& path) {
    auto node = tree->resolve({}, path);
    EXPECT_TRUE(node.ok()) << path << ": " << (node.ok() ? "" : node.error().to_string());
    return node.ok() ? *node : Node();
  }
  bool exists(const std::string& path) { return tree->resolve({}, path).ok(); }
  std::vector<std::string> names(const std::string& path) {
    std::vector<std::string> names;
    for (const DirEntry& entry : entries(path)) names.push_back(entry.name);
    return names;
  }
  std::vector<DirEntry> entries(const std::string& path) {
    auto listed = tree->list({}, at(path).inode);
    EXPECT_TRUE(listed.ok()) << path << ": " << (listed.ok() ? "" : listed.error().to_string());
    return listed.ok() ? *listed : std::vector<DirEntry>();
  }
  int lists() { return store.calls(drive::Method::kList); }
  std::int64_t metric(const std::string& name) {
    const auto all = metrics.snapshot();
    const auto found = all.find(name);
    return found == all.end() ? 0 : found->second;
  }
  // Waits, in real time, until `ready()`; false after 20 s.
  template <typename Ready>
  static bool eventually(const Ready& ready) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (!ready()) {
      if (std::chrono::steady_clock::now() > end) return false;
      std::this_thread::yield();
    }
    return true;
  }

  FakeClock clock;
  drive::FakeStore store;
  Metrics metrics;
  transfer::Scheduler scheduler;
  TemporaryFolder folder;
  CountingInodes inodes;
  Recorder recorder;
  TreeOptions options;
  const OwnChanges* own = nullptr;
  std::unique_ptr<Tree> tree;
};

}  // namespace driveway::tree
