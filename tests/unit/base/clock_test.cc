#include "base/clock.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

namespace driveway {
namespace {

using namespace std::chrono_literals;

void await_waiters(const FakeClock& clock, int count) {
  while (clock.waiting() != count) std::this_thread::yield();
}

TEST(SystemClockTest, WaitsForReadyOrTheDeadline) {
  SystemClock clock;
  std::mutex mutex;
  std::condition_variable condition;
  std::unique_lock lock(mutex);
  const auto deadline = clock.now() + 2ms;
  EXPECT_FALSE(clock.wait_until(lock, condition, deadline, [] { return false; }));
  EXPECT_GE(clock.now(), deadline);
  EXPECT_TRUE(clock.wait_until(lock, condition, clock.now() - 1h, [] { return true; }));
  bool ready = false;
  std::thread other([&] {
    const std::lock_guard own(mutex);
    ready = true;
    condition.notify_all();
  });
  EXPECT_TRUE(clock.wait_until(lock, condition, TimePoint::max(), [&] { return ready; }));
  other.join();
}

TEST(FakeClockTest, StandsStillUntilAdvanced) {
  FakeClock clock;
  const auto start = clock.now();
  const auto wall = clock.wall_now();
  EXPECT_EQ(clock.now(), start);
  clock.advance(1500us);
  EXPECT_EQ(clock.now() - start, 1500us);
  EXPECT_EQ(clock.wall_now() - wall, 1ms);
  clock.advance(500us);  // halves of a ms add up
  EXPECT_EQ(clock.wall_now() - wall, 2ms);
}

TEST(FakeClockTest, AWaitEndsWhenItsDeadlineIsReached) {
  FakeClock clock;
  const auto deadline = clock.now() + 10s;
  std::atomic<bool> over = false;
  std::thread waiter([&] {
    std::mutex mutex;
    std::condition_variable condition;
    std::unique_lock lock(mutex);
    EXPECT_FALSE(clock.wait_until(lock, condition, deadline, [] { return false; }));
    over = true;
  });
  await_waiters(clock, 1);
  clock.advance(9s);
  EXPECT_EQ(clock.waiting(), 1);
  EXPECT_FALSE(over);
  clock.advance(1s);
  waiter.join();
  EXPECT_EQ(clock.waiting(), 0);
}

TEST(FakeClockTest, AWaitEndsWhenNotified) {
  FakeClock clock;
  std::mutex mutex;
  std::condition_variable condition;
  bool ready = false;
  std::thread waiter([&] {
    std::unique_lock lock(mutex);
    EXPECT_TRUE(clock.wait_until(lock, condition, clock.now() + 1h, [&] { return ready; }));
  });
  await_waiters(clock, 1);
  {
    const std::lock_guard lock(mutex);
    ready = true;
  }
  condition.notify_all();
  waiter.join();
}

TEST(FakeClockTest, APassedDeadlineDoesNotWait) {
  FakeClock clock;
  std::mutex mutex;
  std::condition_variable condition;
  std::unique_lock lock(mutex);
  EXPECT_FALSE(clock.wait_until(lock, condition, clock.now(), [] { return false; }));
  EXPECT_TRUE(clock.wait_until(lock, condition, clock.now(), [] { return true; }));
}

TEST(FakeClockTest, AutoAdvanceJumpsToTheDeadline) {
  FakeClock clock(true);
  const auto deadline = clock.now() + 5min;
  std::mutex mutex;
  std::condition_variable condition;
  std::unique_lock lock(mutex);
  EXPECT_FALSE(clock.wait_until(lock, condition, deadline, [] { return false; }));
  EXPECT_EQ(clock.now(), deadline);
  EXPECT_FALSE(clock.wait_until(lock, condition, deadline - 1min, [] { return false; }));
  EXPECT_EQ(clock.now(), deadline);  // never back
}

// No wake-up is lost between a waiter's look at the clock and its sleep, and none touches a mutex
// or condition that is gone: each wait has its own, which die with it.
TEST(FakeClockTest, ManyWaitersAgainstManyAdvances) {
  constexpr int kThreads = 4;
  constexpr int kRounds = 300;
  FakeClock clock;
  std::atomic<int> running = kThreads;
  std::vector<std::thread> waiters;
  waiters.reserve(4);
  for (int thread = 0; thread < kThreads; ++thread) {
    waiters.emplace_back([&] {
      for (int round = 0; round < kRounds; ++round) {
        auto mutex = std::make_unique<std::mutex>();
        auto condition = std::make_unique<std::condition_variable>();
        std::unique_lock lock(*mutex);
        clock.wait_until(lock, *condition, clock.now() + 1ms, [] { return false; });
      }
      --running;
    });
  }
  std::thread other([&] {
    while (running > 0) clock.advance(300us);
  });
  while (running > 0) {
    clock.advance(700us);
    std::this_thread::yield();
  }
  for (auto& waiter : waiters) waiter.join();
  other.join();
  EXPECT_EQ(clock.waiting(), 0);
}

}  // namespace
}  // namespace driveway
