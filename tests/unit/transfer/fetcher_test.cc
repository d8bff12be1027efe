#include "transfer/fetcher.h"

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "base/strings.h"
#include "drive/fake_store.h"
#include "unit/drive/passing_store.h"
#include "unit/transfer/fetch_fixture.h"
#include "unit/transfer/memory_target.h"

namespace driveway::transfer {
namespace {

using drive::CallInfo;
using drive::FakeStore;
using drive::FlippingStore;
using drive::Method;
using drive::PassingStore;
using std::chrono::seconds;

constexpr Bytes kBlock = 64 * kKiB;
constexpr Bytes kPiece = 8 * kBlock;

class FetcherTest : public testing::Test {
 protected:
  FetcherTest() { start({}); }

  void start(SchedulerOptions slots, int threads = 32) {
    fetcher_.reset();
    scheduler_ = std::make_unique<Scheduler>(slots, clock_, metrics_);
    fetcher_ = std::make_unique<Fetcher>(
        FetcherOptions{.piece = kPiece, .longest = kPiece, .block = kBlock, .threads = threads},
        store_, *scheduler_, clock_, metrics_);
  }
  std::shared_ptr<MemoryTarget> target_of(const FileId& file) {
    return std::make_shared<MemoryTarget>(*store_.find(file), kBlock);
  }
  std::shared_ptr<MemoryTarget> add(std::string content) {
    file_ = store_.add_file(store_.root(), cat("file", count_++), std::move(content));
    return target_of(file_);
  }
  Status ensure(const std::shared_ptr<MemoryTarget>& target, ByteRange range,
                const Context& context = {}) {
    return fetcher_->ensure(context, target, range);
  }
  Status whole(const std::shared_ptr<MemoryTarget>& target) {
    return ensure(target, {0, target->item().size.value_or(0)});
  }
  Status confirm(const std::shared_ptr<MemoryTarget>& target) {
    return fetcher_->confirm({}, target);
  }
  std::int64_t metric(const std::string& name) {
    const auto all = metrics_.snapshot();
    const auto found = all.find(name);
    return found == all.end() ? 0 : found->second;
  }
  // Waits for what another thread does.
  template <typename Done>
  void await(const Done& done) {
    const auto until = std::chrono::steady_clock::now() + seconds(20);
    while (!done()) {
      ASSERT_LT(std::chrono::steady_clock::now(), until);
      std::this_thread::yield();
    }
  }
  static Error unavailable() { return {ErrorCode::kUnavailable, "cut", true}; }

  FakeClock clock_;
  Metrics metrics_;
  FakeStore store_{clock_};
  std::unique_ptr<Scheduler> scheduler_;
  std::unique_ptr<Fetcher> fetcher_;
  FileId file_;
  int count_ = 0;
};

TEST_F(FetcherTest, SmallContentIsFetchedWholeAndVerifiedByItsHash) {
  const std::string bytes = random_bytes(1, 3 * kBlock + 5);
  const auto target = add(bytes);
  ASSERT_TRUE(ensure(target, {10, 1}).ok());
  EXPECT_EQ(target->bytes({0, bytes.size()}), bytes);
  EXPECT_EQ(target->indexed_bytes(), bytes.size());
  EXPECT_EQ(store_.calls(Method::kRead), 1);
  EXPECT_EQ(store_.calls(Method::kGet), 0);  // R1: by its md5
  EXPECT_TRUE(target->verified());
  ASSERT_TRUE(whole(target).ok());
  EXPECT_EQ(store_.calls(Method::kRead), 1);
  EXPECT_EQ(metric("transfer.bytes"), static_cast<std::int64_t>(bytes.size()));
  EXPECT_EQ(metric("transfer.in_flight_bytes"), 0);
}

TEST_F(FetcherTest, EmptyContentNeedsNoFetch) {
  const auto target = add("");
  EXPECT_TRUE(whole(target).ok());
  EXPECT_TRUE(ensure(target, {0, 100}).ok());
  EXPECT_EQ(store_.calls(), 0);
}

TEST_F(FetcherTest, LargeContentIsFetchedInPiecesAndConfirmedByAGet) {
  const std::string bytes = random_bytes(1, 3 * kPiece + 77);
  const auto target = add(bytes);
  ASSERT_TRUE(ensure(target, {kPiece + 5, 10}).ok());
  ASSERT_TRUE(confirm(target).ok());
  EXPECT_EQ(target->missing({0, bytes.size()}),
            (std::vector<ByteRange>{{0, kPiece}, {2 * kPiece, kPiece + 77}}));
  EXPECT_EQ(target->indexed_bytes(), kPiece);
  // R1: one to show the bytes as they come, one when all have come.
  EXPECT_LE(store_.calls(Method::kGet), 2);
  ASSERT_TRUE(whole(target).ok());
  ASSERT_TRUE(confirm(target).ok());
  EXPECT_EQ(target->bytes({0, bytes.size()}), bytes);
  EXPECT_EQ(target->indexed_bytes(), bytes.size());
  EXPECT_EQ(store_.calls(Method::kRead), 4);
  EXPECT_LE(store_.calls(Method::kGet), 8);
}

TEST_F(FetcherTest, FetchesOnlyWhatIsMissing) {
  const std::string bytes = random_bytes(1, 2 * kPiece);
  const auto target = add(bytes);
  ASSERT_TRUE(
      target->write(2 * kBlock, std::as_bytes(std::span(bytes)).subspan(2 * kBlock, kBlock)).ok());
  ASSERT_TRUE(target->commit({2 * kBlock, kBlock}).ok());
  ASSERT_TRUE(ensure(target, {0, kPiece}).ok());
  ASSERT_TRUE(confirm(target).ok());
  EXPECT_EQ(store_.bytes_read(), kPiece - kBlock);
  EXPECT_EQ(target->bytes({0, kPiece}), bytes.substr(0, kPiece));
}

// "64 parallel readers of one cold file cause at most 1.02 times its size": here exactly its size.
class FetcherReadersTest : public FetcherTest, public testing::WithParamInterface<bool> {};

TEST_P(FetcherReadersTest, ParallelReadersShareTheFetches) {
  const bool random_order = GetParam();
  const auto seed = std::random_device()();
  SCOPED_TRACE(seed);
  constexpr Bytes kSize = 48 * kPiece + 12'345;
  const std::string bytes = random_bytes(1, kSize);
  const auto target = add(bytes);
  std::atomic<int> wrong = 0;
  std::vector<std::thread> readers;
  for (unsigned t = 0; t < 64; ++t) {
    readers.emplace_back([&, t] {
      std::mt19937 random(seed + t);
      constexpr Bytes kRead = 4 * kBlock;
      const Bytes count = (kSize + kRead - 1) / kRead;
      for (Bytes i = 0; i < count; ++i) {
        const Bytes at = random_order ? random() % count : i;
        const ByteRange range = ByteRange{at * kRead, kRead}.intersect({0, kSize});
        if (!ensure(target, range).ok() || !target->has(range)) ++wrong;
      }
    });
  }
  for (auto& reader : readers) reader.join();
  ASSERT_TRUE(whole(target).ok());  // what no reader came to
  ASSERT_TRUE(confirm(target).ok());
  EXPECT_EQ(wrong, 0);
  EXPECT_TRUE(target->bytes({0, kSize}) == bytes);
  EXPECT_EQ(store_.bytes_read(), kSize);
  EXPECT_LE(store_.calls(Method::kRead), 49);
  EXPECT_LE(store_.calls(Method::kGet), 2 * 49);
  EXPECT_EQ(metric("transfer.in_flight_bytes"), 0);
  EXPECT_EQ(metric("transfer.slots.media"), 0);
}
INSTANTIATE_TEST_SUITE_P(Order, FetcherReadersTest, testing::Bool());

// Gives the first `before` bytes of each read, waits, gives the rest.
class SlowStore final : public PassingStore {
 public:
  SlowStore(RemoteStore& inner, Bytes before) : PassingStore(inner), before_(before) {}
  Status read(const Context& context, const drive::Item& item, ByteRange range,
              ByteSink& sink) override {
    DRIVEWAY_CHECK(inner_.read(context, item, {range.offset, before_}, sink));
    opened_.wait();
    return inner_.read(context, item, {range.offset + before_, range.length - before_}, sink);
  }
  void open() { open_.set_value(); }

 private:
  const Bytes before_;
  std::promise<void> open_;
  std::shared_future<void> opened_ = open_.get_future().share();
};

TEST_F(FetcherTest, ReaderWakesWhenItsOwnBytesHaveArrived) {
  SlowStore slow(store_, 2 * kBlock);
  Fetcher fetcher({.piece = kPiece, .block = kBlock}, slow, *scheduler_, clock_, metrics_);
  const std::string bytes = random_bytes(1, 2 * kPiece);
  const auto target = add(bytes);
  EXPECT_TRUE(fetcher.ensure({}, target, {0, kBlock}).ok());
  // R1: one answer is of one revision, and nobody has seen another.
  EXPECT_EQ(store_.calls(Method::kGet), 0);
  EXPECT_TRUE(fetcher.ensure({}, target, {kBlock, kBlock}).ok());
  EXPECT_EQ(store_.calls(Method::kGet), 0);
  EXPECT_EQ(target->bytes({0, 2 * kBlock}), bytes.substr(0, 2 * kBlock));
  EXPECT_EQ(target->indexed_bytes(), 0u);
  slow.open();
  EXPECT_TRUE(fetcher.confirm({}, target).ok());
  EXPECT_EQ(target->indexed_bytes(), kPiece);
}

// R1: bytes that come after the file was replaced are never shown, not even for a moment.
TEST_F(FetcherTest, BytesAreHiddenUntilTheirRevisionIsKnownToBeCurrent) {
  const auto target = add(random_bytes(1, 3 * kPiece));
  ASSERT_TRUE(ensure(target, {0, kPiece}).ok());
  ASSERT_TRUE(confirm(target).ok());
  store_.set_content(file_, random_bytes(2, 3 * kPiece));
  const auto gate = store_.faults().block(Method::kGet);
  auto reader = std::async(std::launch::async, [&] { return ensure(target, {kPiece, 1}); });
  ASSERT_TRUE(gate->wait_for_blocked(1));
  EXPECT_FALSE(target->has({kPiece, 1}));
  gate->open();
  EXPECT_TRUE(reader.get().failed_with(ErrorCode::kStale));
  EXPECT_FALSE(target->has({kPiece, 1}));
}

// R1: what follows a break is of another answer, and may be of another revision.
TEST_F(FetcherTest, EachAnswerIsCheckedByItself) {
  struct Breaking final : PassingStore {
    using PassingStore::PassingStore;
    Status read(const Context& context, const drive::Item& item, ByteRange range,
                ByteSink& sink) override {
      DRIVEWAY_CHECK(inner_.read(context, item, {range.offset, 2 * kBlock}, sink));
      exposed.wait();
      sink.new_answer();
      return inner_.read(context, item, {range.offset + 2 * kBlock, range.length - 2 * kBlock},
                         sink);
    }
    std::shared_future<void> exposed;
  };
  Breaking store(store_);
  std::promise<void> exposed;
  store.exposed = exposed.get_future().share();
  Fetcher fetcher({.piece = kPiece, .block = kBlock}, store, *scheduler_, clock_, metrics_);
  const auto target = add(random_bytes(1, 2 * kPiece));
  ASSERT_TRUE(fetcher.ensure({}, target, {0, 2 * kBlock}).ok());
  store_.set_content(file_, random_bytes(2, 2 * kPiece));
  exposed.set_value();
  EXPECT_TRUE(fetcher.ensure({}, target, {2 * kBlock, 1}).failed_with(ErrorCode::kStale));
  EXPECT_FALSE(target->has({2 * kBlock, 1}));
  EXPECT_EQ(target->indexed_bytes(), 0u);
}

TEST_F(FetcherTest, BytesBeforeACutWakeTheirReaders) {
  const std::string bytes = random_bytes(1, 2 * kPiece);
  const auto target = add(bytes);
  store_.set_read_piece(kBlock);
  store_.faults().cut(Method::kRead, 3 * kBlock + 100, unavailable());
  const auto gate = store_.faults().block(Method::kRead);
  auto early = std::async(std::launch::async, [&] { return ensure(target, {0, kBlock}); });
  ASSERT_TRUE(gate->wait_for_blocked(1));
  auto late = std::async(std::launch::async, [&] {
    return ensure(target, {kPiece - kBlock, kBlock});
  });
  gate->open();
  EXPECT_TRUE(early.get().ok());
  // Either it joined the fetch that broke off, or it came later and began another.
  const Status status = late.get();
  EXPECT_TRUE(status.ok() || status.failed_with(ErrorCode::kUnavailable));
  ASSERT_TRUE(confirm(target).ok());
  // What arrived whole was kept: the next fetch begins behind it.
  EXPECT_GE(target->indexed_bytes(), 3 * kBlock);
  ASSERT_TRUE(ensure(target, {0, kPiece}).ok());
  ASSERT_TRUE(confirm(target).ok());
  EXPECT_EQ(target->bytes({0, kPiece}), bytes.substr(0, kPiece));
}

TEST_F(FetcherTest, ErrorGoesToTheWaitersAndTheNextCallBeginsAnew) {
  const auto target = add(random_bytes(1, 1000));
  store_.faults().fail(Method::kRead, unavailable());
  EXPECT_TRUE(whole(target).failed_with(ErrorCode::kUnavailable));
  EXPECT_TRUE(whole(target).ok());
  EXPECT_EQ(metric("transfer.in_flight_bytes"), 0);
}

TEST_F(FetcherTest, TargetThatCannotBeWrittenIsReported) {
  for (const Bytes size : {Bytes{1000}, 2 * kPiece}) {
    const auto target = add(random_bytes(1, size));
    target->fail_writes(Error{ErrorCode::kNoSpace, "full"});
    EXPECT_TRUE(ensure(target, {0, 1}).failed_with(ErrorCode::kNoSpace));
    target->fail_writes(std::nullopt);
    EXPECT_TRUE(ensure(target, {0, 1}).ok());
    EXPECT_TRUE(confirm(target).ok());
  }
  EXPECT_EQ(metric("transfer.in_flight_bytes"), 0);
}

// --- R1

TEST_F(FetcherTest, RevisionThatMovedMeanwhileIsStaleAndNothingIsKept) {
  SlowStore slow(store_, 2 * kBlock);
  Fetcher fetcher({.piece = kPiece, .block = kBlock}, slow, *scheduler_, clock_, metrics_);
  const auto target = add(random_bytes(1, 3 * kPiece));
  ASSERT_TRUE(ensure(target, {0, kPiece}).ok());
  ASSERT_TRUE(confirm(target).ok());
  ASSERT_TRUE(fetcher.ensure({}, target, {kPiece, 1}).ok());
  store_.set_content(file_, random_bytes(2, 3 * kPiece));
  slow.open();
  EXPECT_TRUE(fetcher.confirm({}, target).failed_with(ErrorCode::kStale));
  EXPECT_FALSE(target->has({kPiece, 1}));
  EXPECT_TRUE(target->has({0, kPiece}));  // what is indexed stays (R1a)
  EXPECT_TRUE(fetcher.ensure({}, target, {0, kPiece}).ok());
  // The rest is gone for good: another revision's bytes must never come into it.
  const int reads = store_.calls(Method::kRead);
  EXPECT_TRUE(fetcher.ensure({}, target, {kPiece, 1}).failed_with(ErrorCode::kStale));
  EXPECT_EQ(store_.calls(Method::kRead), reads);
  EXPECT_EQ(metric("transfer.stale"), 1);
  // The new revision is another target.
  EXPECT_TRUE(whole(target_of(file_)).ok());
}

TEST_F(FetcherTest, SmallContentThatWasReplacedIsStaleAndNeverShown) {
  const std::string old_bytes = random_bytes(1, 1000);
  const auto target = add(old_bytes);
  store_.set_content(file_, random_bytes(2, 1000));  // as long as before
  EXPECT_TRUE(whole(target).failed_with(ErrorCode::kStale));
  EXPECT_FALSE(target->has({0, 1}));
  EXPECT_EQ(metric("transfer.md5_mismatches"), 0);
}

TEST_F(FetcherTest, EqualContentUnderANewHeadIsFetchedAgainAndKept) {
  const std::string bytes = random_bytes(1, 3 * kPiece);
  const auto target = add(bytes);
  ASSERT_TRUE(ensure(target, {2 * kPiece, kPiece}).ok());
  ASSERT_TRUE(confirm(target).ok());
  store_.set_content(file_, bytes);  // uploaded again
  // Perhaps another's bytes came between the two: what the first fetch brought is not kept.
  for (int i = 0; i < 2; ++i) {
    ASSERT_TRUE(ensure(target, {0, kPiece}).ok());
    ASSERT_TRUE(confirm(target).ok());
  }
  EXPECT_GE(store_.calls(Method::kRead), 3);
  EXPECT_EQ(target->indexed_bytes(), 2 * kPiece);
  EXPECT_EQ(target->bytes({0, kPiece}), bytes.substr(0, kPiece));
}

TEST_F(FetcherTest, FailedGetLeavesBytesHiddenUntilALaterOne) {
  const auto target = add(random_bytes(1, 3 * kPiece));
  ASSERT_TRUE(ensure(target, {kPiece, kPiece}).ok());
  ASSERT_TRUE(confirm(target).ok());
  store_.faults().fail(Method::kGet, unavailable(), 1000);
  EXPECT_TRUE(ensure(target, {0, kPiece}).failed_with(ErrorCode::kUnavailable));
  EXPECT_TRUE(confirm(target).failed_with(ErrorCode::kUnavailable));
  EXPECT_FALSE(target->has({0, 1}));
  EXPECT_EQ(target->indexed_bytes(), kPiece);
  store_.faults().clear();
  EXPECT_TRUE(ensure(target, {0, kPiece}).ok());
  EXPECT_EQ(store_.calls(Method::kRead), 2);  // nothing has to come again
  EXPECT_TRUE(confirm(target).ok());
  EXPECT_EQ(target->indexed_bytes(), 2 * kPiece);
}

// One get covers all fetches that had ended when it began.
TEST_F(FetcherTest, GetsAreShared) {
  const auto target = add(random_bytes(1, 10 * kPiece));
  const auto gate = store_.faults().block(Method::kGet);
  std::vector<std::future<Status>> readers;
  for (Bytes piece = 0; piece < 10; ++piece) {
    readers.push_back(std::async(std::launch::async, [&, piece] {
      return ensure(target, {piece * kPiece, kPiece});
    }));
  }
  await([&] { return store_.calls(Method::kRead) == 10 && metric("transfer.slots.media") == 0; });
  gate->open();
  for (auto& reader : readers) ASSERT_TRUE(reader.get().ok());
  ASSERT_TRUE(confirm(target).ok());
  EXPECT_LE(store_.calls(Method::kGet), 6);
  EXPECT_EQ(target->indexed_bytes(), 10 * kPiece);
}

// --- Wrong bytes

TEST_F(FetcherTest, WrongBytesAreFetchedOnceMoreThenCorrupt) {
  FlippingStore flipping(store_);
  Fetcher fetcher({.piece = kPiece, .block = kBlock}, flipping, *scheduler_, clock_, metrics_);
  const std::string bytes = random_bytes(1, 2000);
  const auto target = add(bytes);
  flipping.flips = 1;
  ASSERT_TRUE(fetcher.ensure({}, target, {0, 2000}).ok());
  EXPECT_EQ(target->bytes({0, 2000}), bytes);
  EXPECT_EQ(metric("transfer.md5_mismatches"), 1);
  const auto other = add(random_bytes(2, 2000));
  flipping.flips = 2;
  EXPECT_TRUE(fetcher.ensure({}, other, {0, 2000}).failed_with(ErrorCode::kCorrupt));
  EXPECT_FALSE(other->has({0, 1}));
  EXPECT_EQ(metric("transfer.md5_mismatches"), 3);
  EXPECT_TRUE(fetcher.ensure({}, other, {0, 2000}).ok());
}

// --- R5: deadlines, cancellation, priorities

TEST_F(FetcherTest, WaiterEndsWithItsContextAndTheFetchWithItsLastWaiter) {
  const auto target = add(random_bytes(1, 2 * kPiece));
  const auto gate = store_.faults().block(Method::kRead);
  CancelSource first_cancel;
  const Context first{.deadline = clock_.now() + seconds(1000), .cancel = first_cancel.token()};
  const Context second{.deadline = clock_.now() + seconds(20)};
  auto one = std::async(std::launch::async, [&] { return ensure(target, {0, 1}, first); });
  ASSERT_TRUE(gate->wait_for_blocked(1));
  auto two = std::async(std::launch::async, [&] { return ensure(target, {5, 1}, second); });
  await([&] { return clock_.waiting() >= 4; });  // both, the store, the watch
  first_cancel.cancel();
  EXPECT_TRUE(one.get().failed_with(ErrorCode::kCancelled));
  EXPECT_EQ(metric("transfer.in_flight_bytes"), static_cast<std::int64_t>(kPiece));
  clock_.advance(seconds(21));
  EXPECT_TRUE(two.get().failed_with(ErrorCode::kDeadlineExceeded));
  await([&] { return metric("transfer.in_flight_bytes") == 0; });
  // A later reader begins anew.
  gate->open();
  EXPECT_TRUE(ensure(target, {0, 1}).ok());
}

TEST_F(FetcherTest, ReaderThatComesWhileAFetchIsCancelledGetsItsBytes) {
  for (int round = 0; round < 20; ++round) {
    const auto file = add(random_bytes(1, 2 * kPiece));
    const auto gate = store_.faults().block(Method::kRead);
    CancelSource cancel;
    const Context context{.cancel = cancel.token()};
    auto one = std::async(std::launch::async, [&] { return ensure(file, {0, 1}, context); });
    ASSERT_TRUE(gate->wait_for_blocked(1));
    auto two = std::async(std::launch::async, [&] { return ensure(file, {0, 1}); });
    cancel.cancel();
    EXPECT_TRUE(one.get().failed_with(ErrorCode::kCancelled));
    gate->open();
    EXPECT_TRUE(two.get().ok());
  }
}

TEST_F(FetcherTest, FetchGoesOnWhenItsReaderHasItsBytes) {
  const auto target = add(random_bytes(1, 2 * kPiece));
  ASSERT_TRUE(ensure(target, {0, 1}).ok());
  ASSERT_TRUE(confirm(target).ok());
  EXPECT_EQ(target->indexed_bytes(), kPiece);
}

TEST_F(FetcherTest, ForegroundIsServedBeforeOthersThatWait) {
  start({.listing_slots = 1, .media_slots = 1}, 1);
  const auto blocker = add(random_bytes(1, 100));
  const auto background = add(random_bytes(2, 100));
  const auto raised = add(random_bytes(3, 100));
  const auto foreground = add(random_bytes(4, 100));
  const auto gate = store_.faults().block(Method::kRead);
  const TimePoint far = clock_.now() + seconds(250);
  const auto begin = [&](const std::shared_ptr<MemoryTarget>& target, Priority priority,
                         int waiting) {
    auto done = std::async(std::launch::async, [=, this] {
      return ensure(target, {0, 100}, {.deadline = far, .priority = priority});
    });
    await([&] { return clock_.waiting() >= waiting; });
    return done;
  };
  auto a = begin(blocker, Priority::kForeground, 3);  // it, the store, the watch
  ASSERT_TRUE(gate->wait_for_blocked(1));
  auto b = begin(background, Priority::kBackground, 4);
  auto c = begin(raised, Priority::kPrefetch, 5);
  auto d = begin(foreground, Priority::kForeground, 6);
  auto e = begin(raised, Priority::kForeground, 7);  // now as urgent, and asked for earlier
  gate->open();
  for (auto* done : {&a, &b, &c, &d, &e}) EXPECT_TRUE(done->get().ok());
  std::vector<FileId> order;
  for (const CallInfo& call : store_.log()) {
    if (call.method == Method::kRead) order.push_back(call.id);
  }
  EXPECT_EQ(order, (std::vector<FileId>{blocker->item().id, raised->item().id,
                                        foreground->item().id, background->item().id}));
}

// A fetch that waits for a slot asks again when somebody more urgent joins it.
TEST_F(FetcherTest, FetchThatWaitsForASlotIsRaised) {
  start({.listing_slots = 1, .media_slots = 4});
  std::vector<Scheduler::Slot> held;
  held.reserve(3);
  for (int i = 0; i < 3; ++i) {
    held.push_back(std::move(scheduler_->acquire({}, Lane::kMedia)).value());
  }
  const auto target = add(random_bytes(1, 100));
  const TimePoint far = clock_.now() + seconds(250);
  auto low = std::async(std::launch::async, [&] {
    return ensure(target, {0, 100}, {.deadline = far, .priority = Priority::kPrefetch});
  });
  await([&] { return clock_.waiting() >= 2; });
  EXPECT_EQ(store_.calls(Method::kRead), 0);  // the last quarter is not for it
  EXPECT_TRUE(ensure(target, {0, 100}).ok());
  EXPECT_TRUE(low.get().ok());
}

TEST_F(FetcherTest, LowPrioritiesLeaveThreadsToTheForeground) {
  start({.listing_slots = 1, .media_slots = 100}, 4);
  const auto gate = store_.faults().block(Method::kRead);
  std::vector<std::future<Status>> low;
  for (unsigned i = 0; i < 8; ++i) {
    const auto target = add(random_bytes(i, 100));
    low.push_back(std::async(std::launch::async, [=, this] {
      return ensure(target, {0, 100}, {.priority = Priority::kReadAhead});
    }));
  }
  ASSERT_TRUE(gate->wait_for_blocked(3));
  const auto target = add(random_bytes(99, 100));
  auto foreground = std::async(std::launch::async, [&] { return ensure(target, {0, 100}); });
  ASSERT_TRUE(gate->wait_for_blocked(4));
  EXPECT_EQ(store_.log().back().id, target->item().id);
  gate->open();
  EXPECT_TRUE(foreground.get().ok());
  for (auto& done : low) EXPECT_TRUE(done.get().ok());
}

TEST_F(FetcherTest, StoppingEndsEveryWaiter) {
  const auto gate = store_.faults().block(Method::kRead);
  std::vector<std::future<Status>> waiting;
  waiting.reserve(6);
  for (unsigned i = 0; i < 6; ++i) {
    const auto target = add(random_bytes(i, 2 * kPiece));
    waiting.push_back(std::async(std::launch::async, [=, this] {
      return ensure(target, {0, 2 * kPiece});
    }));
  }
  ASSERT_TRUE(gate->wait_for_blocked(12));
  fetcher_.reset();
  for (auto& done : waiting) EXPECT_TRUE(done.get().failed_with(ErrorCode::kCancelled));
  EXPECT_EQ(metric("transfer.in_flight_bytes"), 0);
  EXPECT_EQ(metric("transfer.slots.media"), 0);
}

// Readers with short deadlines, cuts and failures, replaced and kept: right bytes or an error.
TEST_F(FetcherTest, RandomFaultsGiveRightBytesOrAnError) {
  const auto seed = std::random_device()();
  SCOPED_TRACE(seed);
  constexpr Bytes kSize = 12 * kPiece + 99;
  const std::string bytes = random_bytes(1, kSize);
  const auto target = add(bytes);
  std::mt19937 fault_random(seed);
  std::mutex fault_mutex;
  store_.faults().set_hook([&](const Context&, const CallInfo&) -> Status {
    const std::lock_guard lock(fault_mutex);
    if (fault_random() % 5 == 0) return unavailable();
    return {};
  });
  store_.faults().cut(Method::kRead, kBlock + 17, unavailable(), 10);
  std::atomic<int> wrong = 0;
  std::vector<std::thread> readers;
  for (unsigned t = 0; t < 8; ++t) {
    readers.emplace_back([&, t] {
      std::mt19937 random(seed + t + 1);
      for (int i = 0; i < 60; ++i) {
        CancelSource cancel;
        const Context context{.cancel = cancel.token()};
        const ByteRange range =
            ByteRange{random() % kSize, 1 + random() % (2 * kPiece)}.intersect({0, kSize});
        std::optional<std::thread> canceller;
        if (random() % 4 == 0) canceller.emplace([&] { cancel.cancel(); });
        const Status status = ensure(target, range, context);
        if (canceller) canceller->join();
        if (status.ok() && target->has(range) &&
            target->bytes(range) != std::string_view(bytes).substr(range.offset, range.length)) {
          ++wrong;
        }
      }
    });
  }
  for (auto& reader : readers) reader.join();
  EXPECT_EQ(wrong, 0);
  store_.faults().clear();
  ASSERT_TRUE(whole(target).ok());
  ASSERT_TRUE(confirm(target).ok());
  EXPECT_EQ(target->bytes({0, kSize}), bytes);
  EXPECT_EQ(target->indexed_bytes(), kSize);
  EXPECT_EQ(metric("transfer.in_flight_bytes"), 0);
  EXPECT_EQ(metric("transfer.slots.media"), 0);
}

}  // namespace
}  // namespace driveway::transfer
