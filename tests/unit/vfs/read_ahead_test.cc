// Read-ahead of one handle, over the real cache and fetcher, and a store that is answered by hand.
#include "vfs/read_ahead.h"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "base/strings.h"
#include "cache/content_cache.h"
#include "drive/fake_store.h"
#include "unit/base/temporary_folder.h"
#include "unit/transfer/hand_store.h"

namespace driveway::vfs {
namespace {

class ReadAheadTest : public testing::Test {
 protected:
  static constexpr Bytes kSize = 48 * kMiB + 77;
  static constexpr Bytes kRead = 1 * kMiB;

  void SetUp() override {
    cache_ = cache::ContentCache::open(folder_.path(), {.capacity = 512 * kMiB}, clock_, metrics_)
                 .value();
    verifier_ = std::make_unique<Verifier>(*cache_, metrics_);
    fetcher_ = std::make_unique<transfer::Fetcher>(transfer::FetcherOptions{.threads = 24}, hand_,
                                                   scheduler_, clock_, metrics_);
    blobs_ = std::make_unique<Blobs>(*cache_, *fetcher_, past_cache_, *verifier_, kSize, clock_,
                                     metrics_);
    item_ = *store_.find(store_.add_file(store_.root(), "a.bin", content()));
    blob_ = blobs_->open(item_, InodeId(2)).value();
  }
  static const std::string& content() {
    static const std::string shared = [] {
      std::mt19937 random(1);
      std::string bytes;
      while (bytes.size() < kSize) bytes += std::to_string(random());
      bytes.resize(kSize);
      return bytes;
    }();
    return shared;
  }
  std::shared_ptr<ReadAhead> make(Bytes most_whole = 0) {
    return ReadAhead::make(kSize, Container::kNone, most_whole, *fetcher_);
  }
  // As a handle reads; false for an error.
  bool read(ReadAhead& ahead, ByteRange range) {
    const ByteRange ask = ahead.before_read(blob_, range, blob_->has(range));
    return fetcher_->ensure({}, blob_, range, ask).ok();
  }
  template <typename Done>
  [[nodiscard]] bool await(const Done& done) {
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (!done()) {
      if (std::chrono::steady_clock::now() >= until) return false;
      std::this_thread::yield();
    }
    return true;
  }
  bool idle() {
    return metrics_.gauge("transfer.slots.media").value() == 0 &&
           metrics_.gauge("transfer.in_flight_bytes").value() == 0;
  }
  std::size_t running() {
    std::size_t count = 0;
    for (std::size_t i = 0; i < hand_.count(); ++i) count += hand_.over(i) ? 0 : 1;
    return count;
  }

  TemporaryFolder folder_;
  FakeClock clock_;
  Metrics metrics_;
  drive::FakeStore store_{clock_};
  transfer::HandStore hand_{store_, clock_};
  transfer::Scheduler scheduler_{{}, clock_, metrics_};
  PastCache past_cache_{hand_, scheduler_, clock_};
  std::unique_ptr<cache::ContentCache> cache_;
  std::unique_ptr<Verifier> verifier_;
  std::unique_ptr<transfer::Fetcher> fetcher_;
  std::unique_ptr<Blobs> blobs_;
  drive::Item item_;
  std::shared_ptr<Blob> blob_;
};

// R3: the GETs go on while the reader sleeps in one read: each that ends is followed by the next.
TEST_F(ReadAheadTest, SequentialReadKeepsGetsRunningAndFetchesNothingTwice) {
  hand_.set_open(true);
  const auto ahead = make();
  for (Bytes at = 0; at < kSize; at += kRead) {
    ASSERT_TRUE(read(*ahead, ByteRange{at, kRead}.intersect({0, kSize})));
  }
  ASSERT_TRUE(await([&] { return idle(); }));
  EXPECT_EQ(metrics_.counter("transfer.bytes").value(), kSize);
  EXPECT_LE(hand_.count(), 16u);
  ahead->close();
}

TEST_F(ReadAheadTest, CloseEndsWhatRuns) {
  const auto ahead = make();
  ahead->before_read(blob_, {0, kRead}, false);
  ASSERT_TRUE(hand_.wait_for(1));
  ahead->close();
  EXPECT_TRUE(await([&] { return running() == 0 && idle(); }));
  const std::size_t asked = hand_.count();
  EXPECT_TRUE(ahead->before_read(blob_, {0, kRead}, false).empty());
  EXPECT_EQ(hand_.count(), asked);
}

TEST_F(ReadAheadTest, FailureIsNotRepeatedBeforeTheNextRead) {
  const auto ahead = make();
  ahead->before_read(blob_, {0, kRead}, false);
  ASSERT_TRUE(hand_.wait_for(1));
  std::size_t failed = 0;
  const auto fail_all = [&] {
    for (; failed < hand_.count(); ++failed) {
      hand_.fail(failed, Error{ErrorCode::kUnavailable, "cut", true});
      EXPECT_TRUE(hand_.wait_until_over(failed));
    }
    return idle() && failed == hand_.count();
  };
  ASSERT_TRUE(await(fail_all));
  EXPECT_LE(hand_.count(), static_cast<std::size_t>(transfer::LinkMeter::kMostGets));
  const std::size_t asked = hand_.count();
  ahead->before_read(blob_, {0, kRead}, false);
  EXPECT_TRUE(await([&] { return hand_.count() > asked; }));
  ahead->close();
}

// Reads and close() race with the callbacks of what ends.
TEST_F(ReadAheadTest, CloseRacesWithWhatEnds) {
  const auto seed = std::random_device()();
  SCOPED_TRACE(seed);
  hand_.set_open(true);
  for (unsigned round = 0; round < 12; ++round) {
    auto ahead = make(kSize);
    std::atomic<int> failed = 0;
    std::vector<std::thread> readers;
    for (unsigned t = 0; t < 3; ++t) {
      readers.emplace_back([&, t] {
        std::mt19937 random(seed + 10 * round + t);
        for (int i = 0; i < 4; ++i) {
          const ByteRange range = ByteRange{random() % kSize, kRead}.intersect({0, kSize});
          if (!read(*ahead, range)) ++failed;
        }
      });
    }
    if (round % 2 == 0) ahead->close();
    for (auto& reader : readers) reader.join();
    ahead->close();
    ahead.reset();
    EXPECT_EQ(failed, 0);
  }
  EXPECT_TRUE(await([&] { return idle(); }));
}

}  // namespace
}  // namespace driveway::vfs
