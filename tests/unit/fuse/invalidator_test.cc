#include "fuse/invalidator.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <future>
#include <memory>
#include <thread>
#include <vector>

#include "fuse/local_change.h"

namespace driveway::fuse {
namespace {

using namespace std::chrono_literals;

class InvalidatorTest : public ::testing::Test {
 protected:
  void start() {
    invalidator_.start(
        {.drop_entry =
             [this](InodeId parent, const std::string& name) {
               record("entry " + std::to_string(parent.value()) + " " + name);
             },
         .drop_attributes =
             [this](InodeId inode) { record("attributes " + std::to_string(inode.value())); },
         .drop_content =
             [this](InodeId inode) { record("content " + std::to_string(inode.value())); },
         .drop_directory =
             [this](InodeId inode) { record("directory " + std::to_string(inode.value())); }});
  }

  void record(const std::string& event) {
    const std::lock_guard lock(mutex_);
    told_.push_back(event);
    changed_.notify_all();
  }

  // Waits until `count` events were told.
  std::vector<std::string> told(std::size_t count) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, 10s, [&] { return told_.size() >= count; });
    return told_;
  }

  Metrics metrics_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::string> told_;
  KernelCache kernel_cache_;
  Invalidator invalidator_{kernel_cache_, metrics_};
};

TEST_F(InvalidatorTest, TellsTheKernelInOrder) {
  start();
  invalidator_.entry_changed(InodeId(1), "a", InodeId(7));
  invalidator_.attributes_changed(InodeId(7));
  invalidator_.directory_changed(InodeId(1));
  EXPECT_EQ(told(3), (std::vector<std::string>{"entry 1 a", "attributes 7", "directory 1"}));
}

TEST_F(InvalidatorTest, AnAnswerIsCacheableOnlyIfNothingChangedSince) {
  start();
  const std::uint64_t epoch = invalidator_.epoch();
  bool cacheable = false;
  invalidator_.reply(epoch, [&](bool yes) { cacheable = yes; });
  EXPECT_TRUE(cacheable);
  invalidator_.attributes_changed(InodeId(7));
  invalidator_.reply(epoch, [&](bool yes) { cacheable = yes; });
  EXPECT_FALSE(cacheable);
}

// A change that comes while a cacheable answer is being sent is told after it.
TEST_F(InvalidatorTest, AChangeIsToldAfterTheAnswersThatDoNotKnowIt) {
  start();
  const std::uint64_t epoch = invalidator_.epoch();
  invalidator_.reply(epoch, [&](bool cacheable) {
    EXPECT_TRUE(cacheable);
    std::thread other([this] { invalidator_.entry_changed(InodeId(1), "a", std::nullopt); });
    other.join();
    // The event is queued; as long as this answer is on its way it is not told.
    const std::lock_guard lock(mutex_);
    EXPECT_TRUE(told_.empty());
  });
  EXPECT_EQ(told(1).size(), 1U);
}

// What changed is not believed any more when the change is queued, long before the kernel is told.
TEST_F(InvalidatorTest, WhatChangedIsNoLongerBelieved) {
  const InodeId parent(2000);
  const InodeId child(2001);
  const auto keep = [&](InodeId directory) {
    auto listing = std::make_shared<Listing>();
    listing->stamp = kernel_cache_.listing_stamp(directory);
    listing->settled = true;
    kernel_cache_.keep(directory, std::move(listing));
  };
  keep(parent);
  kernel_cache_.trust(child, kernel_cache_.file_stamp(child));
  invalidator_.attributes_changed(child);
  EXPECT_TRUE(kernel_cache_.trusts(child)) << "R1a: others do not change its bytes";
  invalidator_.entry_changed(parent, "a", child);
  EXPECT_EQ(kernel_cache_.listing(parent), nullptr);
  EXPECT_FALSE(kernel_cache_.trusts(child));
  keep(parent);
  invalidator_.directory_changed(parent);
  EXPECT_EQ(kernel_cache_.listing(parent), nullptr);
}

// Its listing names the folder that it is in.
TEST_F(InvalidatorTest, TheListingOfAMovedDirectoryIsDropped) {
  start();
  auto listing = std::make_shared<Listing>();
  listing->stamp = kernel_cache_.listing_stamp(InodeId(7));
  listing->settled = true;
  kernel_cache_.keep(InodeId(7), std::move(listing));
  invalidator_.entry_changed(InodeId(1), "a", InodeId(7));
  EXPECT_EQ(told(2), (std::vector<std::string>{"entry 1 a", "directory 7"}));
}

TEST_F(InvalidatorTest, EventsBeforeTheStartAreDropped) {
  invalidator_.attributes_changed(InodeId(1));
  start();
  invalidator_.attributes_changed(InodeId(2));
  EXPECT_EQ(told(1), std::vector<std::string>{"attributes 2"});
}

TEST_F(InvalidatorTest, StopsWhileManyEventsWait) {
  start();
  for (std::uint64_t i = 0; i < 10'000; ++i) invalidator_.attributes_changed(InodeId(i + 2));
  invalidator_.stop();
  const std::size_t count = told_.size();
  invalidator_.attributes_changed(InodeId(3));
  EXPECT_EQ(told_.size(), count);
}

// What the kernel asked this mount to change it knows; what came of it elsewhere it does not.
TEST_F(InvalidatorTest, AChangeOfItsOwnIsNotTold) {
  start();
  const LocalChange change{.names = {{{InodeId(1), "a"}, {InodeId(2), "b"}}}, .inode = InodeId(7)};
  const std::uint64_t epoch = invalidator_.epoch();
  {
    const LocalChangeScope scope(invalidator_, change);
    invalidator_.entry_changed(InodeId(1), "a", std::nullopt);
    invalidator_.entry_changed(InodeId(2), "b", InodeId(8));
    invalidator_.directory_changed(InodeId(2));
    invalidator_.attributes_changed(InodeId(1));
    invalidator_.attributes_changed(InodeId(7));
    EXPECT_EQ(invalidator_.epoch(), epoch) << "its answer may be cached";
    invalidator_.entry_changed(InodeId(3), "a", std::nullopt);
    invalidator_.attributes_changed(InodeId(3));
  }
  invalidator_.attributes_changed(InodeId(7));
  EXPECT_EQ(told(3), (std::vector<std::string>{"entry 3 a", "attributes 3", "attributes 7"}));
}

TEST_F(InvalidatorTest, AListingIsForgottenByAChangeOfItsOwn) {
  const LocalChange change{.names = {{{InodeId(1), "a"}}}};
  const std::uint64_t stamp = kernel_cache_.listing_stamp(InodeId(1));
  const LocalChangeScope scope(invalidator_, change);
  invalidator_.entry_changed(InodeId(1), "a", std::nullopt);
  EXPECT_NE(kernel_cache_.listing_stamp(InodeId(1)), stamp);
}

// The attributes on the writer's thread, before its request is answered; the pages behind that.
TEST_F(InvalidatorTest, BytesThatAnotherMountWritesAreDropped) {
  Metrics metrics;
  KernelCache kernel_cache;
  const Invalidator other(kernel_cache, metrics);
  start();
  kernel_cache_.trust(InodeId(7), kernel_cache_.file_stamp(InodeId(7)));
  const LocalChange change{.inode = InodeId(7), .bytes = true};
  {
    const LocalChangeScope scope(other, change);
    invalidator_.attributes_changed(InodeId(7));
    EXPECT_FALSE(kernel_cache_.trusts(InodeId(7)));
    const std::vector<std::string> events = told(1);
    EXPECT_TRUE(std::ranges::count(events, "attributes 7") == 1);
  }
  const std::vector<std::string> events = told(2);
  EXPECT_TRUE(std::ranges::count(events, "content 7") == 1);
}

// A shortcut's inode has the bytes of its target.
TEST_F(InvalidatorTest, ItsOwnBytesUnderAnotherInodeAreDropped) {
  start();
  const LocalChange change{.inode = InodeId(7), .bytes = true};
  {
    const LocalChangeScope scope(invalidator_, change);
    invalidator_.attributes_changed(InodeId(7));
    invalidator_.attributes_changed(InodeId(9));
  }
  std::vector<std::string> events = told(2);
  std::ranges::sort(events);
  EXPECT_EQ(events, (std::vector<std::string>{"attributes 9", "content 9"}));
}

TEST_F(InvalidatorTest, WhatIsQueuedAlreadyIsToldOnce) {
  std::promise<void> go_on;
  std::atomic<int> dropped{0};
  invalidator_.start({.drop_entry = [&](InodeId, const std::string&) { go_on.get_future().wait(); },
                      .drop_attributes = [](InodeId) {},
                      .drop_content = [&](InodeId) { ++dropped; },
                      .drop_directory = [this](InodeId) { record("end"); }});
  invalidator_.entry_changed(InodeId(1), "a", std::nullopt);
  for (int i = 0; i < 100; ++i) invalidator_.drop_content(InodeId(7));
  EXPECT_TRUE(invalidator_.has_stale_content(InodeId(7)));
  EXPECT_FALSE(invalidator_.has_stale_content(InodeId(8)));
  invalidator_.directory_changed(InodeId(1));
  go_on.set_value();
  EXPECT_EQ(told(1).size(), 1U);
  EXPECT_EQ(dropped, 1);
  EXPECT_FALSE(invalidator_.has_stale_content(InodeId(7)));
}

}  // namespace
}  // namespace driveway::fuse
