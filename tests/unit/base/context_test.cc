#include "base/context.h"

#include <gtest/gtest.h>

#include <atomic>
#include <optional>
#include <thread>
#include <vector>

namespace driveway {
namespace {

using namespace std::chrono_literals;

TEST(CancelTest, ADefaultTokenIsNeverCancelled) {
  const CancelToken token;
  bool called = false;
  const auto registration = token.on_cancel([&] { called = true; });
  EXPECT_FALSE(token.cancelled());
  EXPECT_FALSE(called);
}

TEST(CancelTest, CallsEachCallbackOnce) {
  CancelSource source;
  const auto token = source.token();
  int calls = 0;
  const auto first = token.on_cancel([&] { ++calls; });
  const auto second = token.on_cancel([&] { ++calls; });
  EXPECT_FALSE(token.cancelled());
  source.cancel();
  EXPECT_TRUE(token.cancelled());
  EXPECT_EQ(calls, 2);
  CancelSource copy = source;
  copy.cancel();
  EXPECT_EQ(calls, 2);
  const auto late = token.on_cancel([&] { ++calls; });  // at once
  EXPECT_EQ(calls, 3);
}

TEST(CancelTest, AnEndedRegistrationIsNotCalled) {
  CancelSource source;
  int calls = 0;
  {
    const auto ended = source.token().on_cancel([&] { ++calls; });
  }
  auto kept = source.token().on_cancel([&] { calls += 10; });
  auto moved = std::move(kept);
  auto replaced = source.token().on_cancel([&] { calls += 100; });
  replaced = CancelToken::Registration();
  source.cancel();
  EXPECT_EQ(calls, 10);
}

TEST(CancelTest, ACallbackMayEndItsOwnAndOtherRegistrations) {
  CancelSource source;
  std::optional<CancelToken::Registration> self;
  std::optional<CancelToken::Registration> other;
  bool other_called = false;
  self = source.token().on_cancel([&] {
    self.reset();
    other.reset();
  });
  other = source.token().on_cancel([&] { other_called = true; });
  source.cancel();
  EXPECT_FALSE(self.has_value());
  EXPECT_FALSE(other_called);
}

TEST(CancelTest, EndingARegistrationWaitsForItsRunningCallback) {
  CancelSource source;
  std::atomic<bool> entered = false;
  std::atomic<bool> leave = false;
  std::atomic<bool> left = false;
  std::optional registration = source.token().on_cancel([&] {
    entered = true;
    while (!leave) std::this_thread::yield();
    left = true;
  });
  std::thread canceller([&] { source.cancel(); });
  while (!entered) std::this_thread::yield();
  std::thread releaser([&] { leave = true; });
  registration.reset();
  EXPECT_TRUE(left);
  canceller.join();
  releaser.join();
}

TEST(CancelTest, AParentCancelsItsChildrenButNotTheOtherWay) {
  CancelSource parent;
  CancelSource child(parent.token());
  CancelSource sibling(parent.token());
  CancelSource grandchild(child.token());
  child.cancel();
  EXPECT_TRUE(grandchild.token().cancelled());
  EXPECT_FALSE(sibling.token().cancelled());
  EXPECT_FALSE(parent.token().cancelled());
  parent.cancel();
  EXPECT_TRUE(sibling.token().cancelled());
  EXPECT_TRUE(CancelSource(parent.token()).token().cancelled());
}

TEST(CancelTest, ATokenOutlivesItsSourceWithItsParent) {
  CancelSource parent;
  const CancelToken token = CancelSource(parent.token()).token();
  parent.cancel();
  EXPECT_TRUE(token.cancelled());
}

TEST(CancelTest, ACallbackMayDropTheLastChild) {
  CancelSource parent;
  auto child = std::make_unique<CancelSource>(parent.token());
  auto registration = child->token().on_cancel([&] { child.reset(); });
  parent.cancel();
  EXPECT_EQ(child, nullptr);
}

TEST(CancelTest, RegistrationsAgainstCancel) {
  for (int round = 0; round < 200; ++round) {
    CancelSource source;
    CancelSource child(source.token());
    std::atomic<int> calls = 0;
    std::atomic<int> alive = 0;
    std::vector<std::thread> threads;
    threads.reserve(4);
    for (int i = 0; i < 2; ++i) {
      threads.emplace_back([&] {
        while (!child.token().cancelled()) {
          ++alive;
          const auto registration = child.token().on_cancel([&] { ++calls; });
        }
      });
    }
    while (alive == 0) std::this_thread::yield();
    source.cancel();
    for (auto& thread : threads) thread.join();
    EXPECT_LE(calls, alive);
  }
}

TEST(ContextTest, ChecksCancellationThenDeadline) {
  FakeClock clock;
  CancelSource source;
  const Context forever;
  EXPECT_TRUE(forever.check(clock).ok());
  const Context context{clock.now() + 1s, source.token()};
  EXPECT_TRUE(context.check(clock).ok());
  clock.advance(1s);
  EXPECT_TRUE(context.check(clock).failed_with(ErrorCode::kDeadlineExceeded));
  source.cancel();
  EXPECT_TRUE(context.check(clock).failed_with(ErrorCode::kCancelled));
}

TEST(ContextTest, WithDeadlineTakesTheEarlier) {
  FakeClock clock;
  const Context context{clock.now() + 10s};
  EXPECT_EQ(context.with_deadline(clock.now() + 5s).deadline, clock.now() + 5s);
  EXPECT_EQ(context.with_deadline(clock.now() + 15s).deadline, clock.now() + 10s);
  EXPECT_EQ(context.with_priority(Priority::kBackground).priority, Priority::kBackground);
}

// A thread in wait(), on something that the test sets.
class Waiter {
 public:
  Waiter(const Context& context, Clock& clock)
      : thread_([this, context, &clock] {
          std::unique_lock lock(mutex_);
          const auto status = wait(context, clock, lock, condition_, [this] { return ready_; });
          EXPECT_TRUE(lock.owns_lock());
          code_ = status.ok() ? std::nullopt : std::optional(status.error().code);
        }) {}
  void set_ready() {
    const std::lock_guard lock(mutex_);
    ready_ = true;
    condition_.notify_all();
  }
  // How the wait ended; nothing for ok.
  std::optional<ErrorCode> code() {
    thread_.join();
    return code_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable condition_;
  bool ready_ = false;
  std::optional<ErrorCode> code_;
  std::thread thread_;
};

void await_waiting(const FakeClock& clock) {
  while (clock.waiting() == 0) std::this_thread::yield();
}

TEST(WaitTest, EndsWhenReady) {
  FakeClock clock;
  CancelSource source;
  Waiter waiter({clock.now() + 1s, source.token()}, clock);
  await_waiting(clock);
  waiter.set_ready();
  EXPECT_EQ(waiter.code(), std::nullopt);
}

TEST(WaitTest, EndsAtTheDeadline) {
  FakeClock clock;
  Waiter waiter({clock.now() + 1s}, clock);
  await_waiting(clock);
  clock.advance(1s);
  EXPECT_EQ(waiter.code(), ErrorCode::kDeadlineExceeded);
}

TEST(WaitTest, EndsWhenCancelledWithAndWithoutADeadline) {
  FakeClock clock;
  for (const auto deadline : {clock.now() + 1s, TimePoint::max()}) {
    CancelSource source;
    Waiter waiter({deadline, source.token()}, clock);
    source.cancel();
    EXPECT_EQ(waiter.code(), ErrorCode::kCancelled);
  }
}

TEST(WaitTest, ReadyWinsOverAContextThatIsOver) {
  FakeClock clock;
  CancelSource source;
  source.cancel();
  std::mutex mutex;
  std::condition_variable condition;
  std::unique_lock lock(mutex);
  const Context context{clock.now(), source.token()};
  EXPECT_TRUE(wait(context, clock, lock, condition, [] { return true; }).ok());
  EXPECT_TRUE(wait(context, clock, lock, condition, [] {
                return false;
              }).failed_with(ErrorCode::kCancelled));
}

TEST(WaitTest, WorksOnTheSystemClock) {
  SystemClock clock;
  std::mutex mutex;
  std::condition_variable condition;
  std::unique_lock lock(mutex);
  EXPECT_TRUE(wait({clock.now() + 2ms}, clock, lock, condition, [] {
                return false;
              }).failed_with(ErrorCode::kDeadlineExceeded));
}

// No wake-up is lost however cancel(), a change and the wait interleave, and ok means ready.
TEST(WaitTest, NoLostWakeUps) {
  SystemClock clock;
  for (int round = 0; round < 300; ++round) {
    CancelSource source;
    Waiter cancelled({TimePoint::max(), source.token()}, clock);
    Waiter served({TimePoint::max(), CancelSource(source.token()).token()}, clock);
    std::thread canceller([&] { source.cancel(); });
    served.set_ready();
    EXPECT_EQ(cancelled.code(), ErrorCode::kCancelled);
    const auto code = served.code();
    EXPECT_TRUE(!code || *code == ErrorCode::kCancelled);
    canceller.join();
  }
}

// Each token of work is taken by one waiter only, although wait() lets the mutex go in between.
TEST(WaitTest, OkMeansReadyUnderTheMutex) {
  SystemClock clock;
  CancelSource source;
  std::mutex mutex;
  std::condition_variable condition;
  constexpr int kWork = 2000;
  int available = 0;
  int taken = 0;
  std::vector<std::thread> takers;
  takers.reserve(4);
  for (int i = 0; i < 3; ++i) {
    takers.emplace_back([&] {
      std::unique_lock lock(mutex);
      while (wait({TimePoint::max(), source.token()}, clock, lock, condition, [&] {
               return available > 0;
             }).ok()) {
        ASSERT_GT(available, 0);
        --available;
        ++taken;
        condition.notify_all();
      }
    });
  }
  std::unique_lock lock(mutex);
  for (int i = 0; i < kWork; ++i) {
    ++available;
    condition.notify_one();
    if (i % 16 == 0) condition.wait(lock, [&] { return available == 0; });
  }
  condition.wait(lock, [&] { return taken == kWork; });
  lock.unlock();
  source.cancel();
  for (auto& taker : takers) taker.join();
}

TEST(SleepUntilTest, EndsAtItsTimeOrWithItsContext) {
  FakeClock clock(true);
  const auto start = clock.now();
  EXPECT_TRUE(sleep_until({}, clock, start + 5s).ok());
  EXPECT_EQ(clock.now(), start + 5s);
  EXPECT_TRUE(
      sleep_until({start + 8s}, clock, start + 9s).failed_with(ErrorCode::kDeadlineExceeded));
  EXPECT_EQ(clock.now(), start + 8s);
  EXPECT_TRUE(sleep_until({start + 9s}, clock, start + 9s).ok());
  EXPECT_TRUE(sleep_until({}, clock, start).ok());
  CancelSource source;
  source.cancel();
  EXPECT_TRUE(sleep_until({TimePoint::max(), source.token()}, clock, start + 20s)
                  .failed_with(ErrorCode::kCancelled));
  EXPECT_EQ(clock.now(), start + 9s);
}

}  // namespace
}  // namespace driveway
