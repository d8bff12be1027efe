// Answers that do not come, or much more slowly than others (R4).
#include "unit/transfer/fetch_fixture.h"

namespace driveway::transfer {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class FetchWatchTest : public FetchFixture {
 protected:
  // Time may run ahead of the watch, but not past the end of a fetch.
  FetchWatchTest() {
    start({}, {.piece = kPiece,
               .longest = kLongest,
               .block = kBlock,
               .time_limit = std::chrono::hours(100'000)});
  }
  // Time passes, and the watch looks at each quarter of a second of it.
  void pass(Duration time) {
    for (Duration passed{}; passed < time; passed += milliseconds(250)) {
      ASSERT_TRUE(await([&] { return clock_.waiting() >= waiting_; }));
      clock_.advance(milliseconds(250));
    }
    ASSERT_TRUE(await([&] { return clock_.waiting() >= waiting_; }));
  }
  // Time passes until the watch has acted.
  template <typename Done>
  [[nodiscard]] bool pass_until(const Done& done) {
    return await([&] {
      if (!done()) clock_.advance(milliseconds(250));
      return done();
    });
  }
  std::size_t run(ByteRange range, Priority priority = Priority::kReadAhead) {
    const std::size_t number = hand_.count();
    tickets_.push_back(want(target_, range, std::make_shared<Told>(), priority));
    EXPECT_TRUE(hand_.wait_for(number + 1));
    waiting_ = 1 + static_cast<int>(tickets_.size());  // the watch, and each answer
    return number;
  }
  void give(std::size_t answer, Bytes bytes) {
    hand_.give(answer, bytes);
    EXPECT_TRUE(hand_.wait_until_written(answer));
  }
  void TearDown() override { tickets_.clear(); }

  const std::string bytes_ = random_bytes(1, 5 * kLong);
  std::shared_ptr<MemoryTarget> target_ = add(bytes_);
  std::vector<std::unique_ptr<Ticket>> tickets_;
  int waiting_ = 0;
};

TEST_F(FetchWatchTest, AnswerThatDoesNotBeginIsAskedForAgain) {
  const auto answer = run({0, kLong});
  pass(milliseconds(2500));
  EXPECT_EQ(hand_.count(), 1u);
  ASSERT_TRUE(pass_until([&] { return hand_.count() == 2; }));
  EXPECT_TRUE(hand_.over(answer));
  EXPECT_EQ(hand_.range(1), (ByteRange{0, kLong}));
  EXPECT_EQ(metric("transfer.asked_again"), 1);
}

TEST_F(FetchWatchTest, AnswerThatFallsSilentIsAskedForAgainFromThere) {
  const auto answer = run({0, kLong});
  give(answer, 5 * kBlock + 7);
  ASSERT_TRUE(pass_until([&] { return hand_.count() == 2; }));
  EXPECT_EQ(hand_.range(1), (ByteRange{5 * kBlock + 7, kLong - 5 * kBlock - 7}));
  hand_.give_all(1);
  ASSERT_TRUE(await([&] { return tickets_.front()->finished(); }));
  ASSERT_TRUE(fetcher_->confirm({}, target_).ok());
  EXPECT_EQ(target_->indexed_bytes(), kLong);
  EXPECT_TRUE(target_->bytes({0, kLong}) == std::string_view(bytes_).substr(0, kLong));
  EXPECT_EQ(metric("transfer.bytes"), static_cast<std::int64_t>(kLong));
}

TEST_F(FetchWatchTest, AnswerThatKeepsComingIsLeftAlone) {
  const auto answer = run({0, kLong});
  for (int i = 0; i < 20; ++i) {
    give(answer, 100);
    pass(seconds(1));
  }
  EXPECT_EQ(hand_.count(), 1u);  // slow, but so is the link, for all that is known
}

TEST_F(FetchWatchTest, OneFetchIsAskedForAgainThreeTimes) {
  run({0, kLong});
  ASSERT_TRUE(pass_until([&] { return hand_.count() == 4; }));
  pass(seconds(30));
  EXPECT_EQ(hand_.count(), 4u);
  EXPECT_EQ(metric("transfer.asked_again"), 3);
}

TEST_F(FetchWatchTest, AllFetchesShareABudget) {
  for (Bytes i = 0; i < 5; ++i) run({i * kLong, kLong});
  ASSERT_TRUE(pass_until([&] { return hand_.count() == 13; }));
  pass(seconds(20));
  EXPECT_EQ(metric("transfer.asked_again"), 8);  // of 15
  EXPECT_EQ(hand_.count(), 13u);
}

TEST_F(FetchWatchTest, AnswerMuchSlowerThanItsPeersIsAskedForAgain) {
  for (Bytes i = 0; i < 4; ++i) give(run({i * kLong, kLong}), kBlock);
  for (int i = 0; i < 8; ++i) {
    for (std::size_t answer = 0; answer < 3; ++answer) give(answer, 6 * kBlock);
    give(3, kBlock / 8);
    pass(seconds(1));
    if (hand_.count() > 4) break;
  }
  ASSERT_EQ(hand_.count(), 5u);
  EXPECT_TRUE(hand_.over(3));
  EXPECT_EQ(hand_.range(4).end(), 4 * kLong);
}

TEST_F(FetchWatchTest, WaitForQuotaIsNoSilence) {
  hand_.hold_back();
  run({0, kLong});
  pass(seconds(20));
  EXPECT_EQ(hand_.count(), 1u);
  hand_.ask_now();
  EXPECT_EQ(metric("transfer.asked_again"), 0);
}

// A fetch that is judged by its hash shows nobody how far it has come; it comes nevertheless.
TEST_F(FetchWatchTest, SmallContentThatKeepsComingIsLeftAlone) {
  target_ = add(random_bytes(2, kMiB));
  const auto answer = run({0, kMiB});
  for (int i = 0; i < 10; ++i) {
    give(answer, 1000);
    pass(seconds(2));
  }
  EXPECT_EQ(hand_.count(), 1u);
  ASSERT_TRUE(pass_until([&] { return hand_.count() == 2; }));  // now it is silent
  EXPECT_EQ(hand_.range(1), (ByteRange{10'000, kMiB - 10'000}));
  hand_.give_all(1);
  EXPECT_TRUE(await([&] { return target_->verified(); }));
}

// R5, R4: the foreground does not wait behind read-ahead for quota.
TEST_F(FetchWatchTest, FetchThatWaitsForQuotaIsRaised) {
  hand_.hold_back();
  run({0, kLong});
  auto reader = begin(target_, {0, kBlock});
  ASSERT_TRUE(hand_.wait_for(2));
  EXPECT_TRUE(hand_.over(0));
  EXPECT_EQ(hand_.priority(1), Priority::kForeground);
  EXPECT_EQ(hand_.range(1), (ByteRange{0, kLong}));
  hand_.ask_now();
  give(1, kBlock);
  EXPECT_TRUE(reader.get().ok());
  EXPECT_EQ(metric("transfer.asked_again"), 0);  // that is no fault of the answer
}

}  // namespace
}  // namespace driveway::transfer
