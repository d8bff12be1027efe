// Fetcher::want: wishes that nobody waits for.
#include <atomic>
#include <optional>

#include "unit/transfer/fetch_fixture.h"

namespace driveway::transfer {
namespace {

class FetchTicketsTest : public FetchFixture {
 protected:
  TimePoint far() const { return clock_.now() + std::chrono::hours(1); }
  std::shared_ptr<Told> told_ = std::make_shared<Told>();
};

TEST_F(FetchTicketsTest, DoneIsCalledOnceWhenAllIsHere) {
  const std::string bytes = random_bytes(1, 2 * kLong);
  const auto target = add(bytes);
  const auto ticket = want(target, {0, kLong}, told_);
  ASSERT_TRUE(hand_.wait_for(1));
  EXPECT_EQ(hand_.range(0), (ByteRange{0, kLong}));
  EXPECT_EQ(hand_.priority(0), Priority::kReadAhead);
  hand_.give(0, kLong - 1);
  ASSERT_TRUE(hand_.wait_until_written(0));
  EXPECT_FALSE(ticket->finished());
  hand_.give(0, 1);
  ASSERT_TRUE(await([&] { return told_->yet(); }));
  EXPECT_TRUE(ticket->finished());
  EXPECT_TRUE(told_->status.ok());
  EXPECT_TRUE(target->has({0, kLong}));
  EXPECT_EQ(target->bytes({0, kLong}), bytes.substr(0, kLong));
  ASSERT_TRUE(fetcher_->confirm({}, target).ok());
  EXPECT_EQ(told_->times, 1);
  ASSERT_TRUE(await([&] { return idle(); }));
}

TEST_F(FetchTicketsTest, WhatIsHereIsToldAtOnce) {
  hand_.set_open(true);
  const auto target = add(random_bytes(1, kLong));
  ASSERT_TRUE(ensure(target, {0, kLong}).ok());
  const auto ticket = want(target, {0, kLong}, told_);
  EXPECT_TRUE(ticket->finished());
  EXPECT_TRUE(await([&] { return told_->yet(); }));
  const auto nothing = std::make_shared<Told>();
  const auto behind_the_end = want(target, {2 * kLong, kLong}, nothing);
  EXPECT_TRUE(behind_the_end->finished());
  EXPECT_TRUE(await([&] { return nothing->yet(); }));
  EXPECT_EQ(hand_.count(), 1u);
}

TEST_F(FetchTicketsTest, ErrorIsToldOnceAndNothingIsFetchedAnew) {
  const auto target = add(random_bytes(1, 2 * kLong));
  const auto ticket = want(target, {0, kLong}, told_);
  ASSERT_TRUE(hand_.wait_for(1));
  hand_.give(0, kPiece);
  ASSERT_TRUE(hand_.wait_until_written(0));
  hand_.fail(0, unavailable());
  ASSERT_TRUE(await([&] { return told_->yet(); }));
  EXPECT_TRUE(told_->status.failed_with(ErrorCode::kUnavailable));
  EXPECT_TRUE(ticket->finished());
  ASSERT_TRUE(fetcher_->confirm({}, target).ok());
  EXPECT_EQ(hand_.count(), 1u);
  EXPECT_EQ(target->indexed_bytes(), kPiece);  // what came whole is kept
}

// A reader who joined late looks again; a ticket that joined late cannot, and is told.
TEST_F(FetchTicketsTest, ErrorIsToldToEachTicketOfTheFetch) {
  const auto target = add(random_bytes(1, 2 * kLong));
  const auto other_told = std::make_shared<Told>();
  const auto ticket = want(target, {0, kLong}, told_);
  const auto other = want(target, {kPiece, kPiece}, other_told);
  ASSERT_TRUE(hand_.wait_for(1));
  hand_.fail(0, unavailable());
  ASSERT_TRUE(await([&] { return told_->yet() && other_told->yet(); }));
  EXPECT_TRUE(told_->status.failed_with(ErrorCode::kUnavailable));
  EXPECT_TRUE(other_told->status.failed_with(ErrorCode::kUnavailable));
  EXPECT_EQ(hand_.count(), 1u);
}

TEST_F(FetchTicketsTest, EndedTicketIsNotToldAndItsFetchIsCancelled) {
  const auto target = add(random_bytes(1, 2 * kLong));
  auto ticket = want(target, {0, kLong}, told_);
  ASSERT_TRUE(hand_.wait_for(1));
  hand_.give(0, 2 * kBlock + 7);
  ASSERT_TRUE(hand_.wait_until_written(0));
  ticket.reset();
  ASSERT_TRUE(hand_.wait_until_over(0));
  ASSERT_TRUE(await([&] { return idle(); }));
  ASSERT_TRUE(fetcher_->confirm({}, target).ok());
  EXPECT_EQ(told_->times, 0);
  EXPECT_EQ(target->indexed_bytes(), 2 * kBlock);  // whole blocks are kept
}

TEST_F(FetchTicketsTest, FetchThatIsQueuedGoesWithItsTicket) {
  start({.listing_slots = 1, .media_slots = 8},
        {.piece = kPiece, .longest = kLongest, .block = kBlock, .threads = 1});
  const auto first = add(random_bytes(1, kLong));
  const auto second = add(random_bytes(2, kLong));
  const auto ticket = want(first, {0, kLong}, told_);
  ASSERT_TRUE(hand_.wait_for(1));
  auto queued = want(second, {0, kLong}, std::make_shared<Told>());
  queued.reset();
  EXPECT_TRUE(fetcher_->confirm({}, second).ok());  // nothing is on its way
  hand_.give_all(0);
  ASSERT_TRUE(await([&] { return told_->yet() && idle(); }));
  EXPECT_EQ(hand_.count(), 1u);
}

TEST_F(FetchTicketsTest, FetchThatAReaderWaitsForOutlivesTheTicket) {
  const auto target = add(random_bytes(1, 2 * kLong));
  auto ticket = want(target, {0, kLong}, told_);
  ASSERT_TRUE(hand_.wait_for(1));
  auto reader = begin(target, {kLong - kBlock, kBlock}, {}, {.deadline = far()});
  ASSERT_TRUE(await([&] { return clock_.waiting() >= 3; }));  // with the store and the watch
  ticket.reset();
  hand_.give_all(0);
  EXPECT_TRUE(reader.get().ok());
  EXPECT_EQ(hand_.count(), 1u);
  EXPECT_EQ(told_->times, 0);
}

TEST_F(FetchTicketsTest, FetchWhoseEndIsNearOutlivesTheTicket) {
  const auto target = add(random_bytes(1, 2 * kLong));
  auto ticket = want(target, {0, kLong}, told_);
  ASSERT_TRUE(hand_.wait_for(1));
  hand_.give(0, kLong - kPiece / 4);
  ASSERT_TRUE(hand_.wait_until_written(0));
  ticket.reset();
  hand_.give_all(0);
  ASSERT_TRUE(hand_.wait_until_over(0));
  ASSERT_TRUE(fetcher_->confirm({}, target).ok());
  EXPECT_EQ(target->indexed_bytes(), kLong);
  EXPECT_EQ(told_->times, 0);
}

TEST_F(FetchTicketsTest, TicketsAndReadersShareOneFetch) {
  const auto target = add(random_bytes(1, 2 * kLong));
  const auto other_told = std::make_shared<Told>();
  const auto ticket = want(target, {0, kLong}, told_);
  const auto other = want(target, {kPiece, 2 * kPiece}, other_told, Priority::kBackground);
  ASSERT_TRUE(hand_.wait_for(1));
  auto reader = begin(target, {0, kBlock});
  hand_.give(0, 3 * kPiece);
  EXPECT_TRUE(reader.get().ok());
  ASSERT_TRUE(await([&] { return other_told->yet(); }));
  EXPECT_FALSE(ticket->finished());
  hand_.give_all(0);
  ASSERT_TRUE(await([&] { return told_->yet(); }));
  EXPECT_EQ(hand_.count(), 1u);
}

TEST_F(FetchTicketsTest, OnlyTheGapsOfARangeAreFetched) {
  const std::string bytes = random_bytes(1, 4 * kLong);
  const auto target = add(bytes);
  hand_.set_open(true);
  ASSERT_TRUE(ensure(target, {kLong, kPiece}, {kLong, kPiece}).ok());
  ASSERT_TRUE(fetcher_->confirm({}, target).ok());
  hand_.set_open(false);
  const auto on_its_way = want(target, {2 * kLong, kPiece}, std::make_shared<Told>());
  ASSERT_TRUE(hand_.wait_for(2));
  const auto ticket = want(target, {0, 3 * kLong}, told_);
  ASSERT_TRUE(hand_.wait_for(5));
  std::vector<ByteRange> ranges{hand_.range(2), hand_.range(3), hand_.range(4)};
  std::sort(ranges.begin(), ranges.end());
  EXPECT_EQ(ranges, (std::vector<ByteRange>{{0, kLong},
                                            {kLong + kPiece, kLong - kPiece},
                                            {2 * kLong + kPiece, kLong - kPiece}}));
  for (const std::size_t answer : {2, 3, 4}) hand_.give_all(answer);
  for (const std::size_t answer : {2, 3, 4}) ASSERT_TRUE(hand_.wait_until_over(answer));
  EXPECT_FALSE(ticket->finished());  // it wants that of the other ticket too
  hand_.give_all(1);
  ASSERT_TRUE(await([&] { return told_->yet(); }));
  EXPECT_TRUE(told_->status.ok());
  EXPECT_EQ(hand_.count(), 5u);
  EXPECT_TRUE(target->bytes({0, 3 * kLong}) == std::string_view(bytes).substr(0, 3 * kLong));
}

// The fetch that another ticket gave up ends first; then the bytes are fetched for this one.
TEST_F(FetchTicketsTest, TicketThatJoinsAFetchThatIsCancelledGetsItsBytes) {
  for (int round = 0; round < 20; ++round) {
    const auto target = add(random_bytes(1, 2 * kLong));
    const std::size_t first = hand_.count();
    hand_.set_open(false);
    auto ticket = want(target, {0, kLong}, std::make_shared<Told>());
    ASSERT_TRUE(hand_.wait_for(first + 1));
    hand_.set_open(true);
    std::thread ends([&] { ticket.reset(); });
    const auto told = std::make_shared<Told>();
    const auto other = want(target, {0, kLong}, told);
    ends.join();
    hand_.give_all(first);
    ASSERT_TRUE(await([&] { return told->yet(); }));
    EXPECT_TRUE(told->status.ok());
    EXPECT_TRUE(target->missing({0, kLong}).empty());
  }
}

TEST_F(FetchTicketsTest, StaleTargetIsTold) {
  const auto target = add(random_bytes(1, 3 * kLong));
  hand_.set_open(true);
  ASSERT_TRUE(ensure(target, {0, kPiece}).ok());
  ASSERT_TRUE(fetcher_->confirm({}, target).ok());
  store_.set_content(file_, random_bytes(2, 3 * kLong));
  const auto ticket = want(target, {kLong, kLong}, told_);
  ASSERT_TRUE(await([&] { return told_->yet(); }));
  // What has come may still be hidden when it is told: the verdict comes with its get.
  EXPECT_TRUE(told_->status.ok() || told_->status.failed_with(ErrorCode::kStale));
  EXPECT_TRUE(fetcher_->confirm({}, target).failed_with(ErrorCode::kStale));
  const std::size_t asked = hand_.count();
  const auto later = std::make_shared<Told>();
  const auto other = want(target, {0, kLong}, later);
  EXPECT_TRUE(other->finished());
  ASSERT_TRUE(await([&] { return later->yet(); }));
  EXPECT_TRUE(later->status.failed_with(ErrorCode::kStale));
  EXPECT_EQ(hand_.count(), asked);
}

// Drive itself says that the file is of another length: the target is stale from then on.
TEST_F(FetchTicketsTest, TargetOfAnotherLengthStaysStale) {
  const std::string bytes = random_bytes(1, 3 * kLong);
  const auto target = add(bytes);
  ASSERT_TRUE(fetcher_->want(target, {0, kPiece}, Priority::kReadAhead)  // ends at once
              != nullptr);
  auto reader = begin(target, {kLong, kBlock}, {kLong, kPiece});
  ASSERT_TRUE(await([&] {
    for (std::size_t i = 0; i < hand_.count(); ++i) {
      if (hand_.range(i).offset == kLong) return true;
    }
    return false;
  }));
  for (std::size_t i = 0; i < hand_.count(); ++i) {
    hand_.fail(i, Error{ErrorCode::kStale, "another length"});
  }
  EXPECT_TRUE(reader.get().failed_with(ErrorCode::kStale));
  const std::size_t asked = hand_.count();
  hand_.set_open(true);
  EXPECT_TRUE(ensure(target, {0, kBlock}).failed_with(ErrorCode::kStale));
  EXPECT_EQ(hand_.count(), asked);
  EXPECT_EQ(metric("transfer.stale"), 1);
}

TEST_F(FetchTicketsTest, StoppingFinishesTickets) {
  const auto target = add(random_bytes(1, 2 * kLong));
  auto ticket = want(target, {0, kLong}, told_);
  ASSERT_TRUE(hand_.wait_for(1));
  fetcher_.reset();
  EXPECT_TRUE(ticket->finished());
  EXPECT_TRUE(hand_.over(0));
  EXPECT_TRUE(idle());
  ticket.reset();
  EXPECT_EQ(told_->times, 0);
}

TEST_F(FetchTicketsTest, EndOfATicketWaitsForItsDone) {
  const auto target = add(random_bytes(1, kLong));
  std::promise<void> entered;
  std::promise<void> leave;
  std::atomic<bool> left = false;
  auto ticket = fetcher_->want(target, {0, kLong}, Priority::kReadAhead, [&](const Status&) {
    entered.set_value();
    leave.get_future().wait();
    left = true;
  });
  ASSERT_TRUE(hand_.wait_for(1));
  hand_.give_all(0);
  entered.get_future().wait();
  std::promise<void> ending;
  auto end = std::async(std::launch::async, [&] {
    ending.set_value();
    ticket.reset();
    return left.load();
  });
  ending.get_future().wait();
  leave.set_value();
  EXPECT_TRUE(end.get());
}

// What a callback holds must not outlive the ticket.
TEST_F(FetchTicketsTest, CallbackEndsWithTheTicket) {
  const auto target = add(random_bytes(1, kLong));
  auto held = std::make_shared<int>(1);
  auto ticket = fetcher_->want(target, {0, kLong}, Priority::kReadAhead, [held](const Status&) {});
  EXPECT_EQ(held.use_count(), 2);
  ticket.reset();
  EXPECT_EQ(held.use_count(), 1);
}

// A worker gets bytes of a second answer, for which it would have a check made, while its Fetcher
// ends.
TEST_F(FetchTicketsTest, BytesThatComeDuringTheStopDoNoHarm) {
  struct Late final : drive::PassingStore {
    using PassingStore::PassingStore;
    Status read(const Context& context, const drive::Item&, ByteRange range,
                ByteSink& sink) override {
      std::promise<void> cancelled;
      const auto registration = context.cancel.on_cancel([&] { cancelled.set_value(); });
      reading.set_value();
      cancelled.get_future().wait();
      const std::string bytes(range.length, 'x');
      return sink.write(std::as_bytes(std::span(bytes)));
    }
    std::promise<void> reading;
  };
  const auto target = add(random_bytes(1, 2 * kLong));
  hand_.set_open(true);
  ASSERT_TRUE(ensure(target, {0, kPiece}, {0, kPiece}).ok());
  ASSERT_TRUE(fetcher_->confirm({}, target).ok());
  Late late(store_);
  Fetcher fetcher({.piece = kPiece, .block = kBlock}, late, *scheduler_, clock_, metrics_);
  const auto ticket = fetcher.want(target, {kLong, kPiece}, Priority::kReadAhead);
  late.reading.get_future().wait();
}

}  // namespace
}  // namespace driveway::transfer
