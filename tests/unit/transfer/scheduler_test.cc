#include "transfer/scheduler.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <mutex>
#include <optional>
#include <random>
#include <thread>
#include <vector>

namespace driveway::transfer {
namespace {

using std::chrono::seconds;

class SchedulerTest : public testing::Test {
 protected:
  static Context with(Priority priority) { return Context{.priority = priority}; }

  Scheduler::Slot must_acquire(Scheduler& scheduler, Priority priority, Lane lane = Lane::kMedia) {
    auto slot = scheduler.acquire(with(priority), lane);
    EXPECT_TRUE(slot.ok());
    return std::move(slot).value();
  }
  FakeClock clock_;
  Metrics metrics_;
};

TEST_F(SchedulerTest, LanesAreApartAndSlotsComeBack) {
  FakeClock clock(true);  // whoever has to wait, waits in vain
  Scheduler scheduler({.listing_slots = 1, .media_slots = 1}, clock, metrics_);
  const auto soon = with(Priority::kForeground).with_deadline(clock.now() + seconds(1));
  {
    const auto listing = must_acquire(scheduler, Priority::kForeground, Lane::kListing);
    const auto media = must_acquire(scheduler, Priority::kForeground);
    EXPECT_EQ(metrics_.gauge("transfer.slots.media").value(), 1);
    EXPECT_TRUE(scheduler.acquire(soon, Lane::kMedia).failed_with(ErrorCode::kDeadlineExceeded));
  }
  EXPECT_EQ(metrics_.gauge("transfer.slots.media").value(), 0);
  EXPECT_EQ(metrics_.gauge("transfer.slots.listing").value(), 0);
  must_acquire(scheduler, Priority::kBackground);
}

TEST_F(SchedulerTest, LastQuarterIsForTheForeground) {
  FakeClock clock(true);
  Scheduler scheduler({.listing_slots = 16, .media_slots = 8}, clock, metrics_);
  std::vector<Scheduler::Slot> slots;
  slots.reserve(8);
  for (int i = 0; i < 6; ++i) slots.push_back(must_acquire(scheduler, Priority::kPrefetch));
  for (const Priority priority :
       {Priority::kReadAhead, Priority::kPrefetch, Priority::kBackground}) {
    const auto soon = with(priority).with_deadline(clock.now() + seconds(1));
    EXPECT_TRUE(scheduler.acquire(soon, Lane::kMedia).failed_with(ErrorCode::kDeadlineExceeded));
  }
  slots.push_back(must_acquire(scheduler, Priority::kForeground));
  slots.push_back(must_acquire(scheduler, Priority::kForeground));
  const auto soon = with(Priority::kForeground).with_deadline(clock.now() + seconds(1));
  EXPECT_TRUE(scheduler.acquire(soon, Lane::kMedia).failed_with(ErrorCode::kDeadlineExceeded));
}

TEST_F(SchedulerTest, SingleSlotServesEveryPriority) {
  FakeClock clock(true);
  Scheduler scheduler({.listing_slots = 1, .media_slots = 1}, clock, metrics_);
  must_acquire(scheduler, Priority::kBackground);
  must_acquire(scheduler, Priority::kForeground);
}

// Callers that wait are served by priority, then in the order of asking.
TEST_F(SchedulerTest, ServesByPriorityThenByAge) {
  Scheduler scheduler({.listing_slots = 1, .media_slots = 1}, clock_, metrics_);
  std::optional<Scheduler::Slot> held(must_acquire(scheduler, Priority::kForeground));
  std::mutex mutex;
  std::vector<int> order;
  std::vector<std::thread> threads;
  const std::vector<Priority> priorities = {Priority::kBackground, Priority::kPrefetch,
                                            Priority::kForeground, Priority::kForeground,
                                            Priority::kReadAhead};
  const TimePoint far = clock_.now() + std::chrono::hours(1);
  for (std::size_t i = 0; i < priorities.size(); ++i) {
    threads.emplace_back([&, i] {
      const auto slot = scheduler.acquire(with(priorities[i]).with_deadline(far), Lane::kMedia);
      EXPECT_TRUE(slot.ok());
      const std::lock_guard lock(mutex);
      order.push_back(static_cast<int>(i));
    });
    while (clock_.waiting() != static_cast<int>(i) + 1) std::this_thread::yield();
  }
  held.reset();
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(order, (std::vector<int>{2, 3, 4, 1, 0}));
}

TEST_F(SchedulerTest, CancelledCallerLeavesTheQueue) {
  Scheduler scheduler({.listing_slots = 1, .media_slots = 1}, clock_, metrics_);
  std::optional<Scheduler::Slot> held(must_acquire(scheduler, Priority::kForeground));
  CancelSource source;
  Context context = with(Priority::kForeground).with_deadline(clock_.now() + seconds(60));
  context.cancel = source.token();
  std::thread waiting([&] {
    EXPECT_TRUE(scheduler.acquire(context, Lane::kMedia).failed_with(ErrorCode::kCancelled));
  });
  while (clock_.waiting() != 1) std::this_thread::yield();
  source.cancel();
  waiting.join();
  EXPECT_TRUE(scheduler.acquire(context, Lane::kMedia).failed_with(ErrorCode::kCancelled));
  held.reset();
  must_acquire(scheduler, Priority::kForeground);
}

// --- Bytes in flight

class SchedulerBytesTest : public SchedulerTest {
 protected:
  static constexpr Bytes kBudget = 100;
  FakeClock waiting_clock_{true};  // whoever has to wait, waits in vain
  Scheduler scheduler_{{.listing_slots = 1, .media_slots = 100, .bytes_in_flight = kBudget},
                       waiting_clock_,
                       metrics_};

  std::optional<Scheduler::Slot> acquire(Bytes bytes, Priority priority = Priority::kForeground,
                                         const void* file = nullptr) {
    const auto soon = with(priority).with_deadline(waiting_clock_.now() + seconds(1));
    auto slot = scheduler_.acquire(soon, Lane::kMedia, {.bytes = bytes, .file = file});
    if (!slot.ok()) return std::nullopt;
    return std::move(slot).value();
  }
  std::int64_t in_flight() { return metrics_.gauge("transfer.in_flight_bytes").value(); }
};

TEST_F(SchedulerBytesTest, LastSixteenthIsForTheForeground) {
  auto first = acquire(70, Priority::kReadAhead);
  ASSERT_TRUE(first);
  EXPECT_FALSE(acquire(21, Priority::kReadAhead));
  EXPECT_TRUE(acquire(20, Priority::kReadAhead));  // given back at once
  const auto foreground = acquire(30);
  EXPECT_TRUE(foreground);
  EXPECT_FALSE(acquire(1));
  EXPECT_TRUE(acquire(0));  // what takes none needs none
  EXPECT_EQ(in_flight(), 100);
}

TEST_F(SchedulerBytesTest, WhatArrivesMakesRoomAndIsNotGivenBackTwice) {
  auto first = acquire(100);
  ASSERT_TRUE(first);
  EXPECT_FALSE(acquire(40));
  first->arrived(40);
  EXPECT_EQ(in_flight(), 60);
  const auto second = acquire(40);
  EXPECT_TRUE(second);
  first->arrived(1000);  // more than was asked for: of a second try, say
  EXPECT_EQ(in_flight(), 40);
  first.reset();
  EXPECT_EQ(in_flight(), 40);
}

TEST_F(SchedulerBytesTest, OneThatIsLargerThanTheBudgetGoesAlone) {
  auto small = acquire(1);
  ASSERT_TRUE(small);
  EXPECT_FALSE(acquire(1000));
  small.reset();
  auto large = acquire(1000);
  ASSERT_TRUE(large);
  EXPECT_FALSE(acquire(1));
  large->arrived(950);
  EXPECT_TRUE(acquire(1));
  large.reset();
  EXPECT_EQ(in_flight(), 0);
  EXPECT_TRUE(acquire(1000, Priority::kBackground));
}

// Who waits for bytes is served when they arrive, and one that gives up lets the next one go.
TEST_F(SchedulerBytesTest, ArrivalsWakeThoseThatWait) {
  Scheduler scheduler({.listing_slots = 1, .media_slots = 10, .bytes_in_flight = kBudget}, clock_,
                      metrics_);
  const Context context = with(Priority::kForeground).with_deadline(clock_.now() + seconds(60));
  auto first = std::move(scheduler.acquire(context, Lane::kMedia, {.bytes = 100})).value();
  std::thread waiting(
      [&] { EXPECT_TRUE(scheduler.acquire(context, Lane::kMedia, {.bytes = 50}).ok()); });
  while (clock_.waiting() != 1) std::this_thread::yield();
  EXPECT_EQ(metrics_.gauge("transfer.waiting").value(), 1);
  first.arrived(50);
  waiting.join();

  CancelSource source;
  Context first_in_line = context;
  first_in_line.cancel = source.token();
  std::thread large([&] {
    EXPECT_TRUE(scheduler.acquire(first_in_line, Lane::kMedia, {.bytes = 90})
                    .failed_with(ErrorCode::kCancelled));
  });
  while (clock_.waiting() != 1) std::this_thread::yield();
  std::thread small(
      [&] { EXPECT_TRUE(scheduler.acquire(context, Lane::kMedia, {.bytes = 20}).ok()); });
  while (clock_.waiting() != 2) std::this_thread::yield();
  source.cancel();
  large.join();
  small.join();
  EXPECT_EQ(metrics_.gauge("transfer.waiting").value(), 0);
}

TEST_F(SchedulerTest, FileThatHasFewestSlotsIsNext) {
  Scheduler scheduler({.listing_slots = 1, .media_slots = 2}, clock_, metrics_);
  const int files[3] = {};
  const Context context = with(Priority::kForeground).with_deadline(clock_.now() + seconds(60));
  const auto held = scheduler.acquire(context, Lane::kMedia, {.bytes = 0, .file = &files[0]});
  std::optional<Scheduler::Slot> other(must_acquire(scheduler, Priority::kForeground));
  std::mutex mutex;
  std::vector<int> order;
  std::vector<std::thread> threads;
  for (const int file : {0, 0, 1, 2}) {
    threads.emplace_back([&, file] {
      const auto slot =
          scheduler.acquire(context, Lane::kMedia, {.bytes = 0, .file = &files[file]});
      EXPECT_TRUE(slot.ok());
      const std::lock_guard lock(mutex);
      order.push_back(file);
    });
    while (clock_.waiting() != static_cast<int>(threads.size())) std::this_thread::yield();
  }
  other.reset();
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(order, (std::vector<int>{1, 2, 0, 0}));
}

TEST_F(SchedulerTest, RandomDemandsLeaveNothing) {
  SystemClock clock;
  const auto seed = std::random_device()();
  SCOPED_TRACE(seed);
  constexpr Bytes kBudget = 1000;
  Scheduler scheduler({.listing_slots = 1, .media_slots = 6, .bytes_in_flight = kBudget}, clock,
                      metrics_);
  std::atomic<int> too_many = 0;
  std::vector<std::thread> threads;
  for (unsigned t = 0; t < 8; ++t) {
    threads.emplace_back([&, t] {
      std::mt19937 random(seed + t);
      for (int i = 0; i < 150; ++i) {
        Context context = with(static_cast<Priority>(random() % 4));
        if (random() % 4 == 0) {
          context.deadline = clock.now() + std::chrono::microseconds(random() % 200);
        }
        const Bytes bytes = random() % kBudget;
        auto slot = scheduler.acquire(context, Lane::kMedia,
                                      {.bytes = bytes, .file = &threads + random() % 3});
        if (!slot.ok()) continue;
        if (metrics_.gauge("transfer.in_flight_bytes").value() > std::int64_t{kBudget}) ++too_many;
        slot->arrived(random() % (bytes + 1));
        std::this_thread::yield();
        slot->arrived(random() % (bytes + 1));
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(too_many, 0);
  for (const char* gauge :
       {"transfer.in_flight_bytes", "transfer.slots.media", "transfer.waiting"}) {
    EXPECT_EQ(metrics_.gauge(gauge).value(), 0) << gauge;
  }
}

TEST_F(SchedulerTest, RandomCallersNeverExceedTheSlots) {
  SystemClock clock;
  const auto seed = std::random_device()();
  SCOPED_TRACE(seed);
  Scheduler scheduler({.listing_slots = 1, .media_slots = 4}, clock, metrics_);
  std::atomic<int> inside = 0;
  std::atomic<int> most = 0;
  std::vector<std::thread> threads;
  for (unsigned t = 0; t < 12; ++t) {
    threads.emplace_back([&, t] {
      std::mt19937 random(seed + t);
      for (int i = 0; i < 200; ++i) {
        Context context = with(static_cast<Priority>(random() % 4));
        if (random() % 4 == 0) {
          context.deadline = clock.now() + std::chrono::microseconds(random() % 200);
        }
        const auto slot = scheduler.acquire(context, Lane::kMedia);
        if (!slot.ok()) continue;
        const int now = ++inside;
        int seen = most;
        while (now > seen && !most.compare_exchange_weak(seen, now)) continue;
        std::this_thread::yield();
        --inside;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_LE(most, 4);
  EXPECT_EQ(metrics_.gauge("transfer.slots.media").value(), 0);
}

}  // namespace
}  // namespace driveway::transfer
