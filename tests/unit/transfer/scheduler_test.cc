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
