// Many threads, all calls of the Fetcher, and faults: right bytes or an error, and nothing is left.
#include <atomic>
#include <optional>

#include "unit/drive/passing_store.h"
#include "unit/transfer/fetch_fixture.h"

namespace driveway::transfer {
namespace {

// Some reads break off and go on in another answer, some are silent until they are given up, some
// fail.
class FaultyStore final : public drive::PassingStore {
 public:
  FaultyStore(RemoteStore& inner, Clock& clock, unsigned seed)
      : PassingStore(inner), clock_(clock), random_(seed) {}
  std::atomic<bool> calm = false;

  Status read(const Context& context, const drive::Item& item, ByteRange range,
              ByteSink& sink) override {
    const unsigned what = calm ? 100 : draw() % 16;
    if (what == 0) return Error{ErrorCode::kUnavailable, "failed", true};
    if (what == 1) {
      sink.asked();
      return sleep_until(context, clock_, clock_.now() + std::chrono::seconds(20));
    }
    if (what <= 5 && range.length > 1) {
      const Bytes part = 1 + draw() % (range.length - 1);
      DRIVEWAY_CHECK(inner_.read(context, item, {range.offset, part}, sink));
      if (what == 2) return Error{ErrorCode::kUnavailable, "cut", true};
      sink.new_answer();
      range = {range.offset + part, range.length - part};
    }
    return inner_.read(context, item, range, sink);
  }
  Result<drive::Item> get(const Context& context, const FileId& id) override {
    if (!calm && draw() % 8 == 0) return Error{ErrorCode::kUnavailable, "failed", true};
    return inner_.get(context, id);
  }

 private:
  unsigned draw() {
    const std::lock_guard lock(mutex_);
    return static_cast<unsigned>(random_());
  }
  Clock& clock_;
  std::mutex mutex_;
  std::mt19937 random_;
};

class FetchStressTest : public testing::Test {
 protected:
  static constexpr Bytes kBlock = 16 * kKiB;
  static constexpr Bytes kPiece = 8 * kBlock;
  static constexpr int kFiles = 4;
  static constexpr int kThreads = 10;

  // Sizes: judged by a get; by a hash; one that is split; held back.
  static constexpr Bytes kSizes[kFiles] = {24 * kPiece + 77, 10 * kPiece, 12 * kMiB + 5, kPiece};

  FetchStressTest() {
    for (unsigned i = 0; i < kFiles; ++i) {
      contents_.push_back(random_bytes(i, kSizes[i]));
      files_.push_back(store_.add_file(store_.root(), cat("file", i), contents_.back()));
      targets_.push_back(std::make_shared<MemoryTarget>(*store_.find(files_.back()), kBlock));
    }
    store_.set_read_piece(kBlock / 2 + 100);
  }

  void check(unsigned file, ByteRange range) {
    const auto& target = *targets_[file];
    if (!target.has(range)) return;
    const std::string got = target.bytes(range);
    if (got != std::string_view(contents_[file]).substr(range.offset, range.length)) ++wrong_;
  }

  void act(Fetcher& fetcher, unsigned seed) {
    std::mt19937 random(seed);
    std::vector<std::unique_ptr<Ticket>> tickets(6);
    for (int i = 0; i < 80; ++i) {
      const unsigned file = random() % kFiles;
      const Bytes size = kSizes[file];
      const ByteRange range =
          ByteRange{random() % size, 1 + random() % (4 * kPiece)}.intersect({0, size});
      const ByteRange ask = ByteRange{random() % size, 1 + random() % (64 * kPiece)};
      auto& ticket = tickets[random() % tickets.size()];
      switch (random() % 8) {
        case 0:
        case 1:
          ticket = fetcher.want(targets_[file], ask, static_cast<Priority>(random() % 4),
                                [this, told = std::make_shared<std::atomic<int>>(0)](
                                    const Status&) { wrong_ += (*told)++ > 0 ? 1 : 0; });
          break;
        case 2:
          ticket.reset();
          break;
        case 3: {
          (void)fetcher.confirm({.deadline = clock_.now() + std::chrono::milliseconds(20)},
                                targets_[file]);
          break;
        }
        default: {
          CancelSource cancel;
          Context context{.cancel = cancel.token(),
                          .priority = static_cast<Priority>(random() % 4)};
          context.deadline = clock_.now() + std::chrono::seconds(10);
          std::optional<std::thread> canceller;
          if (random() % 4 == 0) canceller.emplace([&] { cancel.cancel(); });
          const Status status =
              fetcher.ensure(context, targets_[file], range, random() % 2 == 0 ? ask : ByteRange{});
          if (canceller) canceller->join();
          if (status.ok()) check(file, range);
        }
      }
    }
  }

  void run(unsigned seed, FaultyStore& faulty, Fetcher& fetcher) {
    std::vector<std::thread> threads;
    threads.reserve(kThreads);
    for (unsigned t = 0; t < kThreads; ++t) {
      threads.emplace_back([&, t] { act(fetcher, seed + t); });
    }
    for (auto& thread : threads) thread.join();
    faulty.calm = true;
  }
  void await_idle() {
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    const auto idle = [&] {
      return metrics_.gauge("transfer.slots.media").value() == 0 &&
             metrics_.gauge("transfer.in_flight_bytes").value() == 0 &&
             metrics_.gauge("transfer.waiting").value() == 0;
    };
    while (!idle() && std::chrono::steady_clock::now() < until) std::this_thread::yield();
    EXPECT_TRUE(idle());
  }

  static FetcherOptions options() {
    return {.piece = kPiece,
            .longest = 64 * kPiece,
            .block = kBlock,
            .threads = 16,
            .patience = std::chrono::milliseconds(20)};
  }

  SystemClock clock_;
  Metrics metrics_;
  drive::FakeStore store_{clock_};
  Scheduler scheduler_{
      {.listing_slots = 1, .media_slots = 8, .bytes_in_flight = 96 * kPiece}, clock_, metrics_};
  std::vector<std::string> contents_;
  std::vector<FileId> files_;
  std::vector<std::shared_ptr<MemoryTarget>> targets_;
  std::atomic<int> wrong_ = 0;
};

TEST_F(FetchStressTest, RightBytesOrAnErrorAndNothingIsLeft) {
  const auto seed = std::random_device()();
  SCOPED_TRACE(seed);
  FaultyStore faulty(store_, clock_, seed);
  std::vector<std::weak_ptr<MemoryTarget>> left;
  {
    Fetcher fetcher(options(), faulty, scheduler_, clock_, metrics_);
    run(seed, faulty, fetcher);
    await_idle();
    for (unsigned i = 0; i < kFiles; ++i) {
      ASSERT_TRUE(fetcher.ensure({}, targets_[i], {0, kSizes[i]}).ok());
      ASSERT_TRUE(fetcher.confirm({}, targets_[i]).ok());
      check(i, {0, kSizes[i]});
      EXPECT_EQ(targets_[i]->indexed_bytes(), kSizes[i]);
      left.push_back(targets_[i]);
    }
    await_idle();
  }
  EXPECT_EQ(wrong_, 0);
  targets_.clear();
  for (const auto& target : left) EXPECT_TRUE(target.expired());
}

// Files are replaced under the readers: who reads gets one revision, or kStale (R1).
TEST_F(FetchStressTest, ReplacedFilesAreStaleAndNothingOfThemIsIndexed) {
  const auto seed = std::random_device()();
  SCOPED_TRACE(seed);
  // All is asked for before it is replaced, so that something of it has been confirmed.
  FaultyStore faulty(store_, clock_, seed);
  faulty.calm = true;
  Fetcher fetcher(options(), faulty, scheduler_, clock_, metrics_);
  for (unsigned i = 0; i < kFiles; ++i) {
    ASSERT_TRUE(fetcher.ensure({}, targets_[i], {0, 1}, {0, 1}).ok());
    ASSERT_TRUE(fetcher.confirm({}, targets_[i]).ok());
  }
  faulty.calm = false;
  std::thread replaces([&] {
    std::this_thread::yield();
    for (unsigned i = 0; i < kFiles; ++i) {
      store_.set_content(files_[i], random_bytes(100 + i, kSizes[i]));
    }
  });
  run(seed, faulty, fetcher);
  replaces.join();
  await_idle();
  for (unsigned i = 0; i < kFiles; ++i) {
    for (Bytes at = 0; at < kSizes[i]; at += kBlock) {
      check(i, ByteRange{at, kBlock}.intersect({0, kSizes[i]}));
    }
  }
  EXPECT_EQ(wrong_, 0);
}

// The Fetcher ends while all of that goes on.
TEST_F(FetchStressTest, StopsInTheMiddle) {
  for (int round = 0; round < 5; ++round) {
    const auto seed = std::random_device()();
    SCOPED_TRACE(seed);
    FaultyStore faulty(store_, clock_, seed);
    auto fetcher = std::make_unique<Fetcher>(options(), faulty, scheduler_, clock_, metrics_);
    std::vector<std::unique_ptr<Ticket>> tickets;
    std::mt19937 random(seed);
    for (int i = 0; i < 40; ++i) {
      const unsigned file = random() % kFiles;
      tickets.push_back(fetcher->want(targets_[file],
                                      {random() % kSizes[file], 1 + random() % (8 * kPiece)},
                                      static_cast<Priority>(random() % 4), [](const Status&) {}));
    }
    fetcher.reset();
    for (const auto& ticket : tickets) EXPECT_TRUE(ticket->finished());
    tickets.clear();
    await_idle();
  }
}

}  // namespace
}  // namespace driveway::transfer
