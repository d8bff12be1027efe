#include "fuse/invalidator.h"

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <thread>
#include <vector>

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
  Invalidator invalidator_{metrics_};
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

TEST_F(InvalidatorTest, EventsBeforeTheStartAreDropped) {
  invalidator_.attributes_changed(InodeId(1));
  start();
  invalidator_.attributes_changed(InodeId(2));
  EXPECT_EQ(told(1), std::vector<std::string>{"attributes 2"});
}

TEST_F(InvalidatorTest, StopsWhileManyEventsWait) {
  start();
  for (int i = 0; i < 10'000; ++i) invalidator_.attributes_changed(InodeId(2));
  invalidator_.stop();
  const std::size_t count = told_.size();
  invalidator_.attributes_changed(InodeId(3));
  EXPECT_EQ(told_.size(), count);
}

}  // namespace
}  // namespace driveway::fuse
