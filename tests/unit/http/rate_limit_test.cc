#include "http/rate_limit.h"

#include <gtest/gtest.h>

#include <limits>

namespace driveway::http {
namespace {

using namespace std::chrono_literals;

// Only their places are used.
class RateLimitTest : public testing::Test {
 protected:
  static Transfer* transfer(int number) {
    return reinterpret_cast<Transfer*>(static_cast<std::uintptr_t>(number));
  }
  TimePoint now_ = TimePoint{} + 1h;
};

TEST_F(RateLimitTest, NoneLetsEverythingThrough) {
  RateLimit limit(0);
  limit.spend(1 * kGiB);
  EXPECT_EQ(limit.allowance(now_), std::numeric_limits<Bytes>::max());
  EXPECT_EQ(limit.next_at(now_), TimePoint::max());
}

TEST_F(RateLimitTest, GivesTheRateAndATenthOfASecondAtOnce) {
  RateLimit limit(1'000'000);
  Bytes taken = 0;
  for (int ms = 0; ms <= 10'000; ++ms, now_ += 1ms) {
    const Bytes allowed = limit.allowance(now_);
    limit.spend(allowed);
    taken += allowed;
  }
  EXPECT_GE(taken, 10'000'000u);
  EXPECT_LE(taken, 10'100'000u);
  now_ += 1h;
  EXPECT_LE(limit.allowance(now_), 100'000u) << "what was not used is lost";
}

TEST_F(RateLimitTest, WhatWasTakenTooMuchIsPaid) {
  RateLimit limit(1000);
  ASSERT_EQ(limit.allowance(now_), 100u);
  limit.spend(16 * kKiB);
  limit.enqueue(transfer(1));
  EXPECT_EQ(limit.next(now_), nullptr);
  const TimePoint then = limit.next_at(now_);
  EXPECT_GE(then - now_, 16384ms);
  EXPECT_LE(then - now_, 16385ms);
  EXPECT_EQ(limit.next(then - 1ms), nullptr);
  EXPECT_EQ(limit.next(then), transfer(1));
}

TEST_F(RateLimitTest, WhoWaitsHasHisTurn) {
  RateLimit limit(1'000'000);
  limit.spend(100'000);
  for (const int number : {1, 2, 1, 3}) limit.enqueue(transfer(number));
  limit.remove(transfer(2));
  for (const int number : {1, 3, 1, 3}) {
    EXPECT_EQ(limit.allowance(now_), 0u);
    EXPECT_EQ(limit.next(now_), nullptr);
    now_ = limit.next_at(now_);
    ASSERT_EQ(limit.next(now_), transfer(number));
    limit.spend(16 * kKiB);
    limit.enqueue(transfer(number));
  }
}

}  // namespace
}  // namespace driveway::http
