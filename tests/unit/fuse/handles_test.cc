#include "fuse/handles.h"

#include <gtest/gtest.h>

#include <memory>
#include <thread>
#include <vector>

namespace driveway::fuse {
namespace {

class CountedHandle final : public Handle {
 public:
  explicit CountedHandle(std::atomic<int>& alive) : alive_(alive) { ++alive_; }
  ~CountedHandle() override { --alive_; }

 private:
  std::atomic<int>& alive_;
};

class HandlesTest : public ::testing::Test {
 protected:
  Handle* keep(Handles& handles) {
    auto handle = std::make_unique<CountedHandle>(alive_);
    Handle* const key = handle.get();
    handles.keep(std::move(handle));
    return key;
  }
  std::atomic<int> alive_{0};
};

TEST_F(HandlesTest, EachLivesUntilItIsReleased) {
  Handles handles;
  std::vector<Handle*> kept;
  kept.reserve(100);
  for (int i = 0; i < 100; ++i) kept.push_back(keep(handles));
  EXPECT_EQ(alive_, 100);
  // From the middle, the ends, and all of a shard.
  for (std::size_t i = 0; i < kept.size(); i += 3) handles.release(kept[i]);
  EXPECT_EQ(alive_, 66);
  for (std::size_t i = 0; i < kept.size(); ++i) {
    if (i % 3 != 0) handles.release(kept[i]);
  }
  EXPECT_EQ(alive_, 0);
}

TEST_F(HandlesTest, WhatWasNeverReleasedEndsWithThem) {
  {
    Handles handles;
    for (int i = 0; i < 100; ++i) keep(handles);
    handles.release(keep(handles));
  }
  EXPECT_EQ(alive_, 0);
}

TEST_F(HandlesTest, ManyThreadsOpenAndClose) {
  Handles handles;
  std::vector<std::thread> threads;
  threads.reserve(8);
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] {
      std::vector<Handle*> own;
      for (int step = 0; step < 1000; ++step) {
        own.push_back(keep(handles));
        if (step % 4 == 3) {
          for (Handle* const handle : own) handles.release(handle);
          own.clear();
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(alive_, 0);
}

}  // namespace
}  // namespace driveway::fuse
