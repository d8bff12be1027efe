#include "vfs/timer.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <future>

namespace driveway::vfs {
namespace {

using std::chrono::seconds;

class TimerTest : public ::testing::Test {
 protected:
  // Returns when the call has been made.
  void make(TimePoint time) {
    std::promise<void> made;
    timer_.at(time, [&] { made.set_value(); });
    clock_.advance(time - clock_.now());
    made.get_future().wait();
  }

  FakeClock clock_;
  Timer timer_{"timer", clock_};
};

TEST_F(TimerTest, IsWokenByWhatIsNext) {
  for (int i = 0; i < 100; ++i) make(clock_.now() + seconds(1));
}

TEST_F(TimerTest, IsWokenByWhatIsToComeBeforeTheOthers) {
  std::atomic<bool> late = false;
  timer_.at(clock_.now() + seconds(1000), [&] { late = true; });
  for (int i = 0; i < 100; ++i) make(clock_.now() + seconds(1));
  EXPECT_FALSE(late);
  make(clock_.now() + seconds(900));
  EXPECT_TRUE(late);
}

TEST_F(TimerTest, WhatIsNotDueIsDroppedAtTheEnd) {
  std::atomic<bool> called = false;
  timer_.at(clock_.now() + seconds(1), [&] { called = true; });
  timer_.stop();
  timer_.at(clock_.now(), [&] { called = true; });
  clock_.advance(seconds(10));
  EXPECT_FALSE(called);
}

}  // namespace
}  // namespace driveway::vfs
