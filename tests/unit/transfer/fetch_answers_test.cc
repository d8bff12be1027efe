// Of which revision bytes are, and who may see them when (R1).
#include "unit/transfer/fetch_fixture.h"

namespace driveway::transfer {
namespace {

using drive::Method;

class FetchAnswersTest : public FetchFixture {
 protected:
  FetchAnswersTest()
      : old_bytes_(random_bytes(1, 3 * kLong)), new_bytes_(random_bytes(2, 3 * kLong)) {}
  // A fetch of kLong bytes from `from` that runs; its number in hand_.
  std::size_t run(const std::shared_ptr<MemoryTarget>& target, Bytes from) {
    const std::size_t number = hand_.count();
    tickets_.push_back(want(target, {from, kLong}, std::make_shared<Told>()));
    EXPECT_TRUE(hand_.wait_for(number + 1));
    return number;
  }
  void give(std::size_t answer, Bytes bytes) {
    hand_.give(answer, bytes);
    EXPECT_TRUE(hand_.wait_until_written(answer));
  }
  // What a reader of all that is shown would see of `range` is of one revision.
  void expect_of(const std::string& revision, const std::shared_ptr<MemoryTarget>& target,
                 ByteRange range) {
    EXPECT_TRUE(target->bytes(range) ==
                std::string_view(revision).substr(range.offset, range.length));
  }
  void TearDown() override { tickets_.clear(); }

  const std::string old_bytes_;
  const std::string new_bytes_;
  std::vector<std::unique_ptr<Ticket>> tickets_;
};

TEST_F(FetchAnswersTest, FirstAnswerIsShownWithoutAGet) {
  const auto target = add(old_bytes_);
  const auto answer = run(target, 0);
  const auto gets = store_.faults().block(Method::kGet);
  give(answer, kBlock);
  EXPECT_TRUE(ensure(target, {0, kBlock}).ok());
  EXPECT_EQ(gets->arrived(), 0);
  expect_of(old_bytes_, target, {0, kBlock});
}

TEST_F(FetchAnswersTest, SecondAnswerIsHiddenUntilItsGet) {
  const auto target = add(old_bytes_);
  give(run(target, 0), kBlock);
  const auto gets = store_.faults().block(Method::kGet);
  const auto second = run(target, kLong);
  give(second, kBlock);
  // Nobody reads, and yet it is asked: the next reader finds them shown.
  ASSERT_TRUE(gets->wait_for_blocked(1));
  EXPECT_FALSE(target->has({kLong, kBlock}));
  give(second, kBlock);
  EXPECT_FALSE(target->has({kLong + kBlock, kBlock}));
  gets->open();
  ASSERT_TRUE(await([&] { return target->has({kLong, 2 * kBlock}); }));
  give(second, kBlock);  // the rest of the answer is as good
  EXPECT_TRUE(target->has({kLong, 3 * kBlock}));
  EXPECT_EQ(store_.calls(Method::kGet), 1);
}

TEST_F(FetchAnswersTest, WhatFollowsABreakIsHiddenUntilItsGet) {
  const auto target = add(old_bytes_);
  const auto answer = run(target, 0);
  give(answer, kBlock);
  const auto gets = store_.faults().block(Method::kGet);
  hand_.break_off(answer);
  give(answer, kBlock);
  ASSERT_TRUE(gets->wait_for_blocked(1));
  EXPECT_TRUE(target->has({0, kBlock}));
  EXPECT_FALSE(target->has({kBlock, kBlock}));
  gets->open();
  EXPECT_TRUE(await([&] { return target->has({kBlock, kBlock}); }));
}

TEST_F(FetchAnswersTest, BreakBeforeTheFirstByteChangesNothing) {
  const auto target = add(old_bytes_);
  const auto answer = run(target, 0);
  hand_.break_off(answer);
  give(answer, kBlock);
  EXPECT_TRUE(target->has({0, kBlock}));
  EXPECT_EQ(store_.calls(Method::kGet), 0);
}

TEST_F(FetchAnswersTest, ReaderOfAReplacedFileSeesOneRevisionThenStale) {
  const auto target = add(old_bytes_);
  store_.set_content(file_, new_bytes_);
  const auto first = run(target, 0);
  give(first, 2 * kBlock);
  ASSERT_TRUE(ensure(target, {0, 2 * kBlock}).ok());
  expect_of(new_bytes_, target, {0, 2 * kBlock});
  const auto second = run(target, kLong);
  hand_.give(second, kBlock);
  EXPECT_TRUE(ensure(target, {kLong, kBlock}).failed_with(ErrorCode::kStale));
  EXPECT_FALSE(target->has({kLong, kBlock}));
  hand_.give_all(first);
  EXPECT_TRUE(fetcher_->confirm({}, target).failed_with(ErrorCode::kStale));
  EXPECT_EQ(target->indexed_bytes(), 0u);
}

// The content comes back under another head, and a fetch that began while there was another in
// between ends after that: the gets cannot tell, and nothing of it may be kept.
TEST_F(FetchAnswersTest, AnswerOfARevisionThatCameAndWentIsNotKept) {
  const auto target = add(old_bytes_);
  hand_.give_all(run(target, 2 * kLong));
  ASSERT_TRUE(fetcher_->confirm({}, target).ok());
  ASSERT_EQ(target->indexed_bytes(), kLong);
  store_.set_content(file_, new_bytes_);
  const auto between = run(target, 0);
  store_.set_content(file_, old_bytes_);
  const auto gets = store_.faults().block(Method::kGet);
  give(between, kBlock);
  const auto back = run(target, kLong);
  hand_.give_all(back);
  ASSERT_TRUE(hand_.wait_until_over(back));
  gets->open();
  ASSERT_TRUE(await([&] { return store_.calls(Method::kGet) >= 3; }));
  ASSERT_TRUE(await([&] { return !target->missing({kLong, kLong}).empty(); }));
  EXPECT_FALSE(target->has({0, 1}));
  hand_.set_open(true);
  hand_.give_all(between);
  ASSERT_TRUE(ensure(target, {0, 2 * kLong}).ok());
  ASSERT_TRUE(fetcher_->confirm({}, target).ok());
  expect_of(old_bytes_, target, {0, 3 * kLong});
}

// As before, but the reader has seen bytes of the first answer: they cannot be taken back.
TEST_F(FetchAnswersTest, ReaderOfARevisionThatCameAndWentGetsStale) {
  const auto target = add(old_bytes_);
  store_.set_content(file_, new_bytes_);
  const auto between = run(target, 0);
  give(between, kBlock);
  ASSERT_TRUE(ensure(target, {0, kBlock}).ok());
  expect_of(new_bytes_, target, {0, kBlock});
  store_.set_content(file_, old_bytes_);
  hand_.set_open(true);
  hand_.give_all(between);
  EXPECT_TRUE(fetcher_->confirm({}, target).failed_with(ErrorCode::kStale));
  EXPECT_TRUE(ensure(target, {kLong, kBlock}).failed_with(ErrorCode::kStale));
  EXPECT_EQ(target->indexed_bytes(), 0u);
}

TEST_F(FetchAnswersTest, CheckThatFailsIsNotRepeatedUntilAReaderAsks) {
  const auto target = add(old_bytes_);
  give(run(target, 0), kBlock);
  store_.faults().fail(Method::kGet, unavailable(), 2);
  const auto second = run(target, kLong);
  give(second, kBlock);
  ASSERT_TRUE(await([&] { return store_.calls(Method::kGet) == 1; }));
  give(second, kBlock);
  EXPECT_FALSE(target->has({kLong, kBlock}));
  EXPECT_TRUE(ensure(target, {kLong, kBlock}).failed_with(ErrorCode::kUnavailable));
  EXPECT_TRUE(ensure(target, {kLong, kBlock}).ok());
  EXPECT_EQ(store_.calls(Method::kGet), 3);
  EXPECT_TRUE(target->has({kLong, 2 * kBlock}));
}

}  // namespace
}  // namespace driveway::transfer
