// Which fetches bring what readers ask for: what is asked in one GET, and fetches that are split.
#include <algorithm>

#include "unit/transfer/fetch_fixture.h"

namespace driveway::transfer {
namespace {

using drive::Method;

constexpr Bytes kMost = 36 * kMiB;  // of one GET
constexpr Bytes kSize = 44 * kMiB + 77;
constexpr Bytes kFar = 18 * kMiB;

class FetchSplitTest : public FetchFixture {
 protected:
  FetchSplitTest() { start({}, {.piece = kPiece, .longest = kMost, .block = kBlock}); }
  // Not whole, so that no hash judges it.
  std::shared_ptr<MemoryTarget> large() {
    static const std::string shared = random_bytes(1, kSize);
    bytes_ = shared;
    return add(bytes_);
  }
  // A fetch of `ask` that runs, and has brought a block for its reader.
  std::unique_ptr<Ticket> running(const std::shared_ptr<MemoryTarget>& target, ByteRange ask,
                                  const std::shared_ptr<Told>& told) {
    const std::size_t number = hand_.count();
    auto ticket = want(target, ask, told);
    EXPECT_TRUE(hand_.wait_for(number + 1));
    hand_.give(number, kBlock);
    EXPECT_TRUE(hand_.wait_until_written(number));
    return ticket;
  }
  bool right(const std::shared_ptr<MemoryTarget>& target, ByteRange range) {
    return target->has(range) &&
           target->bytes(range) == std::string_view(bytes_).substr(range.offset, range.length);
  }

  std::string bytes_;
  std::shared_ptr<Told> told_ = std::make_shared<Told>();
};

TEST_F(FetchSplitTest, AskIsFetchedInOneGet) {
  hand_.set_open(true);
  const auto target = large();
  ASSERT_TRUE(ensure(target, {5 * kMiB + 3, 10}, {4 * kMiB, 30 * kMiB}).ok());
  ASSERT_TRUE(hand_.wait_until_over(0));
  EXPECT_EQ(hand_.count(), 1u);
  EXPECT_EQ(hand_.range(0), (ByteRange{4 * kMiB, 30 * kMiB}));
}

TEST_F(FetchSplitTest, DefaultAskIsThePiecesThatHoldTheRange) {
  hand_.set_open(true);
  const auto target = large();
  ASSERT_TRUE(ensure(target, {2 * kPiece - 1, 2}).ok());
  EXPECT_EQ(hand_.range(0), (ByteRange{kPiece, 2 * kPiece}));
  ASSERT_TRUE(ensure(target, {kSize - 1, 1}).ok());
  EXPECT_EQ(hand_.range(1), (ByteRange{44 * kMiB, 77}));
}

TEST_F(FetchSplitTest, AskIsWidenedToWholeBlocks) {
  hand_.set_open(true);
  const auto target = large();
  ASSERT_TRUE(ensure(target, {kBlock + 9, 2}, {kBlock + 5, 3 * kBlock}).ok());
  EXPECT_EQ(hand_.range(0), (ByteRange{kBlock, 4 * kBlock}));
  // Not so far that it meets what is here.
  ASSERT_TRUE(ensure(target, {3, 2}, {1, 4 * kBlock}).ok());
  EXPECT_EQ(hand_.range(1), (ByteRange{0, kBlock}));
  ASSERT_TRUE(fetcher_->confirm({}, target).ok());
  EXPECT_EQ(target->indexed_bytes(), 5 * kBlock);
}

// What a reader needs is fetched, even where it asks for something else.
TEST_F(FetchSplitTest, AskThatMissesTheRangeStillBringsIt) {
  hand_.set_open(true);
  const auto target = large();
  ASSERT_TRUE(ensure(target, {10 * kMiB, kBlock}, {0, kBlock}).ok());
  EXPECT_TRUE(right(target, {10 * kMiB, kBlock}));
}

TEST_F(FetchSplitTest, LongAskIsSeveralGets) {
  hand_.set_open(true);
  const auto target = large();
  const ByteRange all{0, kSize};
  ASSERT_TRUE(ensure(target, all, all).ok());
  ASSERT_EQ(hand_.count(), 2u);
  std::vector<ByteRange> ranges{hand_.range(0), hand_.range(1)};
  std::sort(ranges.begin(), ranges.end());
  EXPECT_EQ(ranges, (std::vector<ByteRange>{{0, kMost}, {kMost, kSize - kMost}}));
  EXPECT_TRUE(right(target, all));
}

// A reader far behind the begin of a gap is not made to wait for what lies before it.
TEST_F(FetchSplitTest, GetOfALongAskHoldsTheRange) {
  hand_.set_open(true);
  const auto target = large();
  ASSERT_TRUE(ensure(target, {36 * kMiB, kBlock}, {0, kSize}).ok());
  EXPECT_TRUE(hand_.range(0).contains({36 * kMiB, kBlock}));
  EXPECT_LE(hand_.range(0).length, kMost);
}

TEST_F(FetchSplitTest, HolesOfTheAskThatAreHereOrOnTheirWayAreNotFetched) {
  hand_.set_open(true);
  const auto target = large();
  ASSERT_TRUE(ensure(target, {kMiB, kBlock}, {kMiB, kBlock}).ok());
  hand_.set_open(false);
  const auto ticket = running(target, {6 * kMiB, kMiB}, told_);
  hand_.set_open(true);
  const ByteRange ask{0, 10 * kMiB};
  ASSERT_TRUE(ensure(target, {3 * kMiB, kBlock}, ask).ok());
  ASSERT_TRUE(ensure(target, {8 * kMiB, kBlock}, ask).ok());
  EXPECT_EQ(hand_.range(2), (ByteRange{kMiB + kBlock, 5 * kMiB - kBlock}));
  EXPECT_EQ(hand_.range(3), (ByteRange{7 * kMiB, 3 * kMiB}));
  EXPECT_EQ(hand_.count(), 4u);
}

// --- Splitting

TEST_F(FetchSplitTest, ReaderFarAheadGetsAFetchOfItsOwn) {
  const auto target = large();
  const auto ticket = running(target, {0, 2 * kFar}, told_);
  auto reader = begin(target, {kFar, kBlock});
  ASSERT_TRUE(hand_.wait_for(2));
  EXPECT_EQ(hand_.range(1), (ByteRange{kFar, kFar}));
  EXPECT_EQ(hand_.priority(1), Priority::kForeground);
  hand_.give(1, kBlock);
  EXPECT_TRUE(reader.get().ok());
  EXPECT_TRUE(right(target, {kFar, kBlock}));
  EXPECT_FALSE(hand_.over(0));
  EXPECT_EQ(metric("transfer.split"), 1);
  // The first ends where the second begins, and the ticket has all when both have ended.
  hand_.give_all(0);
  ASSERT_TRUE(hand_.wait_until_over(0));
  EXPECT_FALSE(ticket->finished());
  hand_.give_all(1);
  ASSERT_TRUE(await([&] { return told_->yet(); }));
  EXPECT_TRUE(told_->status.ok());
  EXPECT_TRUE(right(target, {0, 2 * kFar}));
  ASSERT_TRUE(fetcher_->confirm({}, target).ok());
  EXPECT_EQ(target->indexed_bytes(), 2 * kFar);
  EXPECT_EQ(metric("transfer.bytes"), static_cast<std::int64_t>(2 * kFar));  // nothing twice
  EXPECT_EQ(hand_.count(), 2u);
  ASSERT_TRUE(await([&] { return idle(); }));
}

// The reader goes away, but what it had split off is still wanted by the ticket.
TEST_F(FetchSplitTest, TicketKeepsWhatWasSplitOff) {
  const auto target = large();
  const auto ticket = running(target, {0, 2 * kFar}, told_);
  CancelSource cancel;
  auto reader = begin(target, {kFar, kBlock}, {}, {.cancel = cancel.token()});
  ASSERT_TRUE(hand_.wait_for(2));
  cancel.cancel();
  EXPECT_TRUE(reader.get().failed_with(ErrorCode::kCancelled));
  hand_.give_all(0);
  hand_.give_all(1);
  ASSERT_TRUE(await([&] { return told_->yet(); }));
  EXPECT_TRUE(told_->status.ok());
  EXPECT_TRUE(right(target, {0, 2 * kFar}));
  EXPECT_EQ(hand_.count(), 2u);
}

TEST_F(FetchSplitTest, ErrorOfWhatWasSplitOffIsTold) {
  const auto target = large();
  const auto ticket = running(target, {0, 2 * kFar}, told_);
  auto reader = begin(target, {kFar, kBlock});
  ASSERT_TRUE(hand_.wait_for(2));
  hand_.fail(1, unavailable());
  EXPECT_TRUE(await([&] { return told_->yet(); }));
  EXPECT_TRUE(told_->status.failed_with(ErrorCode::kUnavailable));
  ASSERT_TRUE(hand_.wait_for(3));  // the ticket was there first: the reader has another try
  hand_.fail(2, unavailable());
  EXPECT_TRUE(reader.get().failed_with(ErrorCode::kUnavailable));
}

TEST_F(FetchSplitTest, ReadersOfTheCutPartAreServed) {
  const auto target = large();
  const auto ticket = running(target, {0, 2 * kFar}, told_);
  // Low priorities wait for the fetch to get to them.
  const Context low{.priority = Priority::kPrefetch};
  const auto across = want(target, {kFar - kBlock, 2 * kBlock}, std::make_shared<Told>());
  const auto behind = want(target, {kFar + kMiB, kBlock}, std::make_shared<Told>());
  auto waiting = begin(target, {kFar + 2 * kMiB, kBlock}, {}, low);
  EXPECT_EQ(hand_.count(), 1u);
  auto reader = begin(target, {kFar, kBlock});
  ASSERT_TRUE(hand_.wait_for(2));
  hand_.give_all(1);
  EXPECT_TRUE(reader.get().ok());
  EXPECT_TRUE(waiting.get().ok());
  ASSERT_TRUE(await([&] { return behind->finished(); }));
  EXPECT_TRUE(await([&] { return right(target, {kFar + kMiB, 2 * kMiB}); }));
  EXPECT_FALSE(across->finished());
  hand_.give_all(0);
  ASSERT_TRUE(await([&] { return across->finished(); }));
  EXPECT_TRUE(right(target, {kFar - kBlock, 2 * kBlock}));
  EXPECT_EQ(hand_.count(), 2u);
}

TEST_F(FetchSplitTest, LowPrioritiesAndReadersNearByDoNotSplit) {
  const auto target = large();
  const auto ticket = running(target, {0, 2 * kFar}, told_);
  const auto far_away = want(target, {kFar, kBlock}, std::make_shared<Told>());
  auto near_by = begin(target, {7 * kMiB, kBlock});
  hand_.give(0, 8 * kMiB);
  EXPECT_TRUE(near_by.get().ok());
  EXPECT_EQ(metric("transfer.split"), 0);
  hand_.give_all(0);
  ASSERT_TRUE(await([&] { return told_->yet() && far_away->finished(); }));
  EXPECT_EQ(hand_.count(), 1u);
}

// R1: a content that was to be judged by its hash is judged by a get where it was split.
TEST_F(FetchSplitTest, WholeFetchThatWasSplitIsJudgedByAGet) {
  bytes_ = random_bytes(1, 2 * kFar);
  const auto target = add(bytes_);
  const auto ticket = running(target, {0, 2 * kFar}, told_);
  auto reader = begin(target, {kFar, kBlock});
  ASSERT_TRUE(hand_.wait_for(2));
  hand_.give_all(0);
  hand_.give_all(1);
  EXPECT_TRUE(reader.get().ok());
  ASSERT_TRUE(await([&] { return told_->yet(); }));
  ASSERT_TRUE(fetcher_->confirm({}, target).ok());
  EXPECT_FALSE(target->verified());
  EXPECT_GE(store_.calls(Method::kGet), 1);
  EXPECT_EQ(target->indexed_bytes(), 2 * kFar);
  EXPECT_TRUE(right(target, {0, 2 * kFar}));
  EXPECT_EQ(metric("transfer.md5_mismatches"), 0);
}

// The other way round, it is judged by its hash, and needs no get.
TEST_F(FetchSplitTest, WholeFetchIsJudgedByItsHash) {
  hand_.set_open(true);
  const auto target = add(random_bytes(1, 2 * kFar));
  const ByteRange whole{0, 2 * kFar};
  ASSERT_TRUE(ensure(target, whole, whole).ok());
  ASSERT_TRUE(await([&] { return target->verified(); }));
  EXPECT_EQ(store_.calls(Method::kGet), 0);
}

}  // namespace
}  // namespace driveway::transfer
