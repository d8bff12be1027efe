#include <gtest/gtest.h>

#include <future>

#include "sim/net/pacer.h"

namespace driveway::sim {
namespace {

using namespace std::chrono_literals;

constexpr TimePoint kStart{std::chrono::hours(1)};

TEST(SimRateLimiter, KeepsItsRateFromTheFirstByteOn) {
  RateLimiter limiter;
  limiter.begin(kStart);
  TimePoint now = kStart;
  for (int i = 1; i <= 100; ++i) {
    now = limiter.reserve(10'000, 1'000'000, now);
    EXPECT_EQ(now, kStart + i * 10ms);
  }
}

TEST(SimRateLimiter, SharesFairlyInOrder) {
  RateLimiter limiter;
  limiter.begin(kStart);
  limiter.begin(kStart);
  EXPECT_EQ(limiter.reserve(1000, 1'000'000, kStart), kStart + 1ms);
  EXPECT_EQ(limiter.reserve(1000, 1'000'000, kStart), kStart + 2ms);
  EXPECT_EQ(limiter.reserve(1000, 1'000'000, kStart + 1ms), kStart + 3ms);
  EXPECT_EQ(limiter.reserve(1000, 1'000'000, kStart + 2ms), kStart + 4ms);
}

TEST(SimRateLimiter, RepaysLateThreadsButSavesNothingUp) {
  RateLimiter limiter;
  limiter.begin(kStart);
  // Late by 5 ms: the next one is due at once, and the rate is kept.
  EXPECT_EQ(limiter.reserve(1000, 1'000'000, kStart), kStart + 1ms);
  EXPECT_EQ(limiter.reserve(1000, 1'000'000, kStart + 6ms), kStart + 2ms);
  // Late by a second: only kCatchUp is repaid.
  EXPECT_EQ(limiter.reserve(1000, 1'000'000, kStart + 1s),
            kStart + 1s - RateLimiter::kCatchUp + 1ms);
  limiter.end();
  // Nothing moved for a second: no burst.
  limiter.begin(kStart + 2s);
  EXPECT_EQ(limiter.reserve(1000, 1'000'000, kStart + 2s), kStart + 2s + 1ms);
}

TEST(SimRateLimiter, QuantumIsAboutTwoMilliseconds) {
  EXPECT_EQ(pacing_quantum(0, 0), 256 * kKiB);
  EXPECT_EQ(pacing_quantum(40'000'000, 200'000'000), 80'000u);
  EXPECT_EQ(pacing_quantum(0, 40'000'000), 80'000u);
  EXPECT_EQ(pacing_quantum(1000, 0), 16 * kKiB);
  EXPECT_EQ(pacing_quantum(10'000'000'000, 0), 256 * kKiB);
}

TEST(SimTransfer, TakesTheTimeOfTheSlowerLimit) {
  FakeClock clock(true);
  Waiter waiter(clock);
  RateLimiter connection;
  RateLimiter total;
  const TimePoint start = clock.now();
  Transfer transfer(waiter, connection, total);
  for (int i = 0; i < 1000; ++i) {
    ASSERT_TRUE(transfer.pass(40'000, {.connection = 40'000'000, .total = 200'000'000}));
  }
  EXPECT_NEAR(to_seconds(clock.now() - start), 1.0, 0.001);
  // Without caps nothing waits.
  const TimePoint later = clock.now();
  ASSERT_TRUE(transfer.pass(kGiB, {}));
  EXPECT_EQ(clock.now(), later);
}

TEST(SimWaiter, StopEndsEveryWait) {
  FakeClock clock;
  Waiter waiter(clock);
  auto timed = std::async(std::launch::async,
                          [&] { return waiter.wait_until(clock.now() + std::chrono::hours(1)); });
  auto endless =
      std::async(std::launch::async, [&] { return waiter.wait_for([] { return false; }); });
  waiter.stop();
  EXPECT_FALSE(timed.get());
  EXPECT_FALSE(endless.get());
  EXPECT_FALSE(waiter.wait_until(clock.now() + 1s));
  EXPECT_TRUE(waiter.stopped());
}

TEST(SimWaiter, NotifyAsksAgain) {
  FakeClock clock;
  Waiter waiter(clock);
  std::atomic<bool> ready = false;
  auto waits =
      std::async(std::launch::async, [&] { return waiter.wait_for([&] { return ready.load(); }); });
  ready = true;
  waiter.notify();
  EXPECT_TRUE(waits.get());
}

}  // namespace
}  // namespace driveway::sim
