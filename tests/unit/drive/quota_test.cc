// The rates, who goes first, and what refusals teach (design: 2026, legacy, unlimited, auto).
#include "drive/quota.h"

#include <gtest/gtest.h>

#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "drive/fake_store.h"
#include "drive/metered_store.h"
#include "drive/quota_store.h"
#include "drive/retry_hint.h"
#include "drive/store_stack.h"
#include "unit/drive/test_sinks.h"

namespace driveway::drive {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class QuotaTest : public testing::Test {
 protected:
  // How long `calls` calls take one after the other.
  double time_of(QuotaBudget& budget, Method method, int calls) {
    const TimePoint begin = clock.now();
    for (int i = 0; i < calls; ++i) EXPECT_TRUE(budget.take(context, method).ok());
    return to_seconds(clock.now() - begin);
  }
  void use_up(QuotaBudget& budget) {
    const TimePoint begin = clock.now();
    while (clock.now() == begin) EXPECT_TRUE(budget.take(context, Method::kRead).ok());
  }

  FakeClock clock{true};
  Metrics metrics;
  Context context;
};

TEST_F(QuotaTest, UnitsOf2026) {
  QuotaBudget budget(QuotaModel::k2026, clock, metrics);
  EXPECT_EQ(time_of(budget, Method::kRead, 270), 0);  // 54,000 units at once
  // Then 325,000 a minute: 1,625 downloads, 3,250 lists, 65,000 gets.
  EXPECT_NEAR(time_of(budget, Method::kRead, 1625), 60, 0.1);
  EXPECT_NEAR(time_of(budget, Method::kList, 3250), 60, 0.1);
  EXPECT_NEAR(time_of(budget, Method::kGet, 65'000), 60, 0.1);
  EXPECT_NEAR(static_cast<double>(budget.units_last_minute()), 325'000, 6'000);
  clock.advance(std::chrono::minutes(2));
  EXPECT_EQ(budget.units_last_minute(), 0U);
}

TEST_F(QuotaTest, RequestsOfLegacy) {
  QuotaBudget budget(QuotaModel::kLegacy, clock, metrics);
  EXPECT_EQ(time_of(budget, Method::kRead, 2000), 0);
  EXPECT_NEAR(time_of(budget, Method::kRead, 12'000), 60, 0.1);
  EXPECT_NEAR(time_of(budget, Method::kGet, 200), 1, 0.01);
}

TEST_F(QuotaTest, UnlimitedNeverWaits) {
  QuotaBudget budget(QuotaModel::kUnlimited, clock, metrics);
  EXPECT_EQ(time_of(budget, Method::kRead, 100'000), 0);
  budget.refused(std::nullopt);
  EXPECT_EQ(time_of(budget, Method::kRead, 1000), 0);
}

TEST_F(QuotaTest, WaitingEndsWithTheContext) {  // R5
  QuotaBudget budget(QuotaModel::k2026, clock, metrics);
  use_up(budget);
  context.deadline = clock.now() + milliseconds(10);
  EXPECT_TRUE(budget.take(context, Method::kRead).failed_with(ErrorCode::kDeadlineExceeded));
  CancelSource cancel;
  cancel.cancel();
  context = Context();
  context.cancel = cancel.token();
  EXPECT_TRUE(budget.take(context, Method::kRead).failed_with(ErrorCode::kCancelled));
  EXPECT_EQ(budget.waiting(), 0);
}

TEST_F(QuotaTest, EachPriorityLeavesAReserveToThoseAbove) {  // R4
  QuotaBudget budget(QuotaModel::k2026, clock, metrics);
  context.priority = Priority::kBackground;
  EXPECT_EQ(time_of(budget, Method::kRead, 135), 0);  // half of 54,000 units
  EXPECT_GT(time_of(budget, Method::kRead, 1), 0);
  context.priority = Priority::kPrefetch;
  EXPECT_EQ(time_of(budget, Method::kRead, 108), 0);  // up to 90 %
  EXPECT_GT(time_of(budget, Method::kRead, 1), 0);
  context.priority = Priority::kReadAhead;
  EXPECT_EQ(time_of(budget, Method::kRead, 13), 0);
  EXPECT_GT(time_of(budget, Method::kRead, 1), 0);
  context.priority = Priority::kForeground;
  EXPECT_EQ(time_of(budget, Method::kRead, 13), 0);
}

// The reserve is of what is saved up, not of the rate.
TEST_F(QuotaTest, WhoIsAloneGetsTheWholeRateAtAnyPriority) {  // R4
  for (const Priority priority :
       {Priority::kReadAhead, Priority::kPrefetch, Priority::kBackground}) {
    QuotaBudget budget(QuotaModel::k2026, clock, metrics);
    context.priority = priority;
    use_up(budget);
    EXPECT_NEAR(time_of(budget, Method::kRead, 1625), 60, 0.1);
  }
}

TEST_F(QuotaTest, ForegroundNeverWaitsForPrefetch) {  // R4
  for (const QuotaModel model : {QuotaModel::k2026, QuotaModel::kLegacy}) {
    QuotaBudget budget(model, clock, metrics);
    context.priority = Priority::kPrefetch;
    use_up(budget);
    for (int second = 0; second < 60; ++second) {
      context.priority = Priority::kPrefetch;
      EXPECT_GT(time_of(budget, Method::kRead, 30), 0);  // as many as there are
      context.priority = Priority::kForeground;
      EXPECT_EQ(time_of(budget, Method::kRead, 26), 0);
    }
  }
}

TEST_F(QuotaTest, UntilFreeSaysHowLongACallWouldWait) {
  QuotaBudget budget(QuotaModel::k2026, clock, metrics);
  const auto free_in = [&](Priority priority, int calls) {
    return to_seconds(budget.until_free(Method::kRead, priority, calls));
  };
  EXPECT_EQ(free_in(Priority::kBackground, 135), 0);
  EXPECT_GT(free_in(Priority::kBackground, 136), 0);
  EXPECT_EQ(free_in(Priority::kPrefetch, 243), 0);
  context.priority = Priority::kPrefetch;
  use_up(budget);
  EXPECT_EQ(free_in(Priority::kForeground, 20), 0);
  EXPECT_NEAR(free_in(Priority::kPrefetch, 10), 10 / 27.08, 0.04);
  clock.advance(budget.until_free(Method::kRead, Priority::kPrefetch, 10));
  EXPECT_EQ(free_in(Priority::kPrefetch, 10), 0);
  EXPECT_EQ(time_of(budget, Method::kRead, 10), 0);
  QuotaBudget unlimited(QuotaModel::kUnlimited, clock, metrics);
  EXPECT_EQ(unlimited.until_free(Method::kRead, Priority::kBackground, 1'000'000),
            Duration::zero());
}

// Who holds back needs a faster pace as much as who waits in line.
TEST_F(QuotaTest, HoldingBackCountsAsWaitingForAuto) {
  QuotaBudget budget(QuotaModel::kAuto, clock, metrics, {true, 0.5});
  use_up(budget);
  budget.refused(seconds(1));
  for (int i = 0; i < 200; ++i) {
    clock.advance(budget.until_free(Method::kRead, Priority::kForeground));
    ASSERT_TRUE(budget.take(context, Method::kRead).ok());
  }
  EXPECT_GT(budget.learned().pace, 0.5);
}

TEST(QuotaOrderTest, ForegroundGoesFirst) {
  FakeClock clock;
  Metrics metrics;
  QuotaBudget budget(QuotaModel::k2026, clock, metrics);
  Context context;
  for (int i = 0; i < 270; ++i) ASSERT_TRUE(budget.take(context, Method::kRead).ok());
  std::mutex mutex;
  std::vector<Priority> order;
  std::vector<std::thread> callers;
  for (const Priority priority :
       {Priority::kBackground, Priority::kPrefetch, Priority::kReadAhead, Priority::kForeground}) {
    callers.emplace_back([&, priority] {
      const Context mine = context.with_priority(priority);
      ASSERT_TRUE(budget.take(mine, Method::kRead).ok());
      const std::lock_guard lock(mutex);
      order.push_back(priority);
    });
    while (budget.waiting() < static_cast<int>(callers.size())) std::this_thread::yield();
  }
  for (std::size_t served = 0; served < callers.size();) {
    clock.advance(milliseconds(20));
    std::this_thread::yield();
    const std::lock_guard lock(mutex);
    served = order.size();
  }
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(order, (std::vector{Priority::kForeground, Priority::kReadAhead, Priority::kPrefetch,
                                Priority::kBackground}));
}

TEST(QuotaOrderTest, UntilFreeStandsBehindThoseWhoWaitAbove) {
  FakeClock clock;
  Metrics metrics;
  QuotaBudget budget(QuotaModel::k2026, clock, metrics);
  Context context;
  for (int i = 0; i < 270; ++i) ASSERT_TRUE(budget.take(context, Method::kRead).ok());
  const Duration foreground_alone = budget.until_free(Method::kRead, Priority::kForeground);
  const Duration alone = budget.until_free(Method::kRead, Priority::kPrefetch);
  CancelSource cancel;
  context.cancel = cancel.token();
  context.priority = Priority::kPrefetch;
  std::thread caller([&] { EXPECT_FALSE(budget.take(context, Method::kRead).ok()); });
  while (budget.waiting() < 1) std::this_thread::yield();
  EXPECT_EQ(budget.until_free(Method::kRead, Priority::kForeground), foreground_alone);
  EXPECT_GT(budget.until_free(Method::kRead, Priority::kPrefetch), alone);
  EXPECT_GT(budget.until_free(Method::kRead, Priority::kBackground), alone);
  cancel.cancel();
  caller.join();
}

TEST_F(QuotaTest, AutoStartsAtLegacyAndLearnsUnits) {
  QuotaBudget budget(QuotaModel::kAuto, clock, metrics);
  EXPECT_EQ(time_of(budget, Method::kRead, 1000), 0);
  EXPECT_FALSE(budget.learned().counts_units);
  budget.refused(std::nullopt);
  EXPECT_TRUE(budget.learned().counts_units);
  EXPECT_NEAR(time_of(budget, Method::kRead, 542), 20, 0.1);
  // Refused again and again at that pace: slower, but once for a burst of refusals.
  for (int i = 0; i < 60; ++i) budget.refused(std::nullopt);
  EXPECT_NEAR(budget.learned().pace, 0.7, 1e-9);
  EXPECT_NEAR(time_of(budget, Method::kRead, 135), 5 / 0.7, 0.1);
  EXPECT_NEAR(budget.learned().pace, 0.7, 1e-9);
  // Ten seconds without refusals under load: faster again, up to the stated rate in 40 s, and from
  // there on more carefully.
  EXPECT_LT(time_of(budget, Method::kRead, 1083), 40 / 0.75);
  EXPECT_NEAR(budget.learned().pace, 1, 0.001);
}

// Drive refuses some calls at any rate: that must cost those calls only.
TEST_F(QuotaTest, SporadicRefusalsDoNotSlowDown) {
  QuotaBudget budget(QuotaModel::kAuto, clock, metrics, {true, 1});
  for (int refusals = 0; refusals < 60; ++refusals) {  // five minutes at full speed
    time_of(budget, Method::kRead, 135);               // about 5 s
    budget.refused(std::nullopt);
  }
  EXPECT_GE(budget.learned().pace, 1);
}

TEST_F(QuotaTest, ManyRefusalsAmongManyMoreCallsDoNotSlowDown) {
  QuotaBudget budget(QuotaModel::kAuto, clock, metrics, {true, 1});
  time_of(budget, Method::kList, 500);
  for (int i = 0; i < 20; ++i) budget.refused(std::nullopt);
  EXPECT_EQ(budget.learned().pace, 1);
}

TEST_F(QuotaTest, ThePaceNeverFallsBelowAQuarter) {
  QuotaBudget budget(QuotaModel::kAuto, clock, metrics, {true, 1});
  for (int i = 0; i < 200; ++i) {
    time_of(budget, Method::kRead, 10);
    for (int refusals = 0; refusals < 20; ++refusals) budget.refused(std::nullopt);
  }
  EXPECT_GE(budget.learned().pace, 0.25);
  EXPECT_LE(budget.learned().pace, 0.5);
}

TEST_F(QuotaTest, ARefusalOfAQuietClientTeachesNothing) {
  QuotaBudget budget(QuotaModel::kAuto, clock, metrics);
  EXPECT_EQ(time_of(budget, Method::kGet, 20), 0);
  budget.refused(std::nullopt);
  EXPECT_FALSE(budget.learned().counts_units);
  EXPECT_EQ(time_of(budget, Method::kGet, 20), 0);
  EXPECT_EQ(metrics.counter("drive.quota.refused").value(), 1U);
}

TEST_F(QuotaTest, WhatWasLearnedIsKept) {
  QuotaBudget budget(QuotaModel::kAuto, clock, metrics, {true, 0.5});
  EXPECT_EQ(time_of(budget, Method::kRead, 270), 0);
  EXPECT_NEAR(time_of(budget, Method::kRead, 100), 20'000 / (325'000 / 60.0 * 0.5), 0.1);
  QuotaBudget odd(QuotaModel::kAuto, clock, metrics, {true, -7});
  EXPECT_GT(odd.learned().pace, 0);
}

TEST_F(QuotaTest, RetryAfterHoldsAllCallsBack) {
  QuotaBudget budget(QuotaModel::kLegacy, clock, metrics);
  budget.refused(seconds(7));
  EXPECT_NEAR(time_of(budget, Method::kGet, 1), 7, 0.01);
  budget.refused(std::chrono::hours(5));
  EXPECT_NEAR(time_of(budget, Method::kGet, 1), 60, 0.01);
}

TEST_F(QuotaTest, Names) {
  for (const char* name : {"auto", "2026", "legacy", "unlimited"}) {
    EXPECT_EQ(to_string(parse_quota_model(name).value()), name);
  }
  EXPECT_TRUE(parse_quota_model("2027").failed_with(ErrorCode::kInvalidArgument));
}

TEST_F(QuotaTest, TheStackPaysForEachTryAndCountsIt) {
  auto owned = std::make_unique<FakeStore>(clock);
  FakeStore& fake = *owned;
  const Item item = fake.get(context, fake.add_file(fake.root(), "f", "0123456789")).value();
  fake.reset_calls();
  StackOptions options;
  options.retry.seed = 1;
  const auto stack = make_store_stack(std::move(owned), options, clock, metrics);
  fake.faults().cut(Method::kRead, 4,
                    with_retry_after({ErrorCode::kRateLimited, "429", true}, seconds(3)));
  const TimePoint begin = clock.now();
  StringSink sink;
  ASSERT_TRUE(stack->store().read(context, item, {0, 10}, sink).ok());
  EXPECT_EQ(sink.text, "0123456789");
  EXPECT_GE(clock.now() - begin, seconds(3));
  EXPECT_EQ(metrics.counter("drive.read.calls").value(), 2U);
  EXPECT_EQ(metrics.counter("drive.read.errors").value(), 1U);
  EXPECT_EQ(metrics.histogram("drive.read.latency").count(), 1U);
  EXPECT_GE(metrics.counter("drive.bytes_read").value(), 10U);
  EXPECT_EQ(metrics.counter("drive.quota.refused").value(), 1U);
  EXPECT_EQ(stack->quota().units_last_minute(), 400U);
}

}  // namespace
}  // namespace driveway::drive
