#include "vfs/read_pattern.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <map>
#include <random>
#include <string>

#include "base/interval_set.h"
#include "unit/support/random_runs.h"

namespace driveway::vfs {
namespace {

using std::chrono::milliseconds;

constexpr LinkSpeed kUnknown{};
// 40 MB/s a connection, 200 MB/s in total.
constexpr LinkSpeed kColab{40e6, 200e6, milliseconds(350), 5};
constexpr LinkSpeed kLan{1e9, 1e9, milliseconds(1), 1};

constexpr bool kHit = true;
constexpr bool kMiss = false;

IntervalSet set_of(const Advice& advice) {
  IntervalSet set;
  for (const auto& region : advice.regions) set.add(region.range);
  return set;
}

bool covers(const Advice& advice, ByteRange range) { return set_of(advice).contains(range); }
bool touches(const Advice& advice, ByteRange range) { return set_of(advice).intersects(range); }

Bytes total(const Advice& advice) {
  Bytes sum = 0;
  for (const auto& region : advice.regions) sum += region.range.length;
  return sum;
}

// Up to where everything from `at` on is in regions.
Bytes reach(const Advice& advice, Bytes at) {
  for (const ByteRange& range : set_of(advice).ranges()) {
    if (range.contains({at, 1})) return range.end();
  }
  return at;
}

// A handle whose reads go where they are sent.
class Handle {
 public:
  explicit Handle(Bytes size, Container container = Container::kNone, LinkSpeed speed = kColab)
      : pattern_(size, container), speed_(speed) {}

  const Advice& read(Bytes offset, Bytes length, bool hit = kHit) {
    return pattern_.on_read({offset, length}, hit, speed_);
  }
  // [from, to) in pieces of `piece`; the last advice.
  const Advice& read_on(Bytes from, Bytes to, Bytes piece = 128 * kKiB, bool hit = kHit) {
    const Advice* advice = nullptr;
    for (Bytes at = from; at < to; at += piece) {
      advice = &read(at, std::min(piece, to - at), hit);
    }
    return *advice;
  }

 private:
  ReadPattern pattern_;
  LinkSpeed speed_;
};

TEST(ReadPatternTest, ASmallFileIsAskedWhole) {
  Handle handle(8 * kMiB, Container::kZip);
  const Advice& advice = handle.read(5 * kMiB, 4 * kKiB, kMiss);
  EXPECT_EQ(advice.ask, (ByteRange{0, 8 * kMiB}));
  EXPECT_TRUE(advice.regions.empty());
  EXPECT_FALSE(advice.whole);
}

TEST(ReadPatternTest, NothingToReadIsHarmless) {
  Handle empty(0);
  EXPECT_TRUE(empty.read(0, 4096, kMiss).ask.empty());
  Handle handle(100 * kMiB);
  EXPECT_TRUE(handle.read(100 * kMiB, 4096, kMiss).ask.empty());
  EXPECT_TRUE(handle.read(std::numeric_limits<Bytes>::max(), 4096, kMiss).ask.empty());
  EXPECT_TRUE(handle.read(5, 0, kMiss).ask.empty());
  EXPECT_TRUE(handle.read(0, 0, kMiss).regions.empty());
}

TEST(ReadPatternTest, AHeaderAsksOneChunkAndNoMore) {
  Handle handle(kGiB);
  const Advice& advice = handle.read(0, 16 * kKiB, kMiss);
  EXPECT_EQ(advice.ask, (ByteRange{0, 13 * kMiB}));  // 40 MB/s for 350 ms
  EXPECT_EQ(reach(advice, 0), 13 * kMiB);
  EXPECT_EQ(total(advice), 13 * kMiB);

  Handle unknown(kGiB, Container::kNone, kUnknown);
  EXPECT_EQ(unknown.read(0, 16 * kKiB, kMiss).ask.length, 16 * kMiB);  // R3
  Handle lan(kGiB, Container::kNone, kLan);
  EXPECT_EQ(lan.read(0, 16 * kKiB, kMiss).ask.length, 8 * kMiB);
}

TEST(ReadPatternTest, AHeaderThatIsHereAsksNothing) {
  Handle handle(kGiB);
  EXPECT_TRUE(handle.read(0, 16 * kKiB, kHit).regions.empty());
}

// R3: the cold start of a large sequential read must not wait for answers to believe it.
TEST(ReadPatternTest, AReaderOfLargePiecesHasItsWindowAtOnce) {
  for (const Bytes piece : {128 * kKiB, 512 * kKiB, kMiB}) {
    Handle handle(kGiB);
    handle.read(0, piece, kMiss);
    const Advice& advice = handle.read(piece, piece, kMiss);
    EXPECT_GE(reach(advice, 0), 5 * 16 * kMiB) << piece;
    EXPECT_GE(reach(advice, 0), 140'000'000U - 16 * kMiB) << piece;  // rate × first byte × 2
    EXPECT_EQ(advice.ask, (ByteRange{block_floor(piece), 8 * kMiB}));
  }
}

TEST(ReadPatternTest, SmallPiecesReadOnAreSequentialToo) {
  Handle handle(kGiB);
  handle.read(0, 16 * kKiB, kMiss);
  EXPECT_EQ(reach(handle.read(16 * kKiB, 64 * kKiB), 0), 13 * kMiB);  // no more than was asked
  EXPECT_GE(reach(handle.read_on(80 * kKiB, kMiB, 64 * kKiB), 0), 80 * kMiB);
}

TEST(ReadPatternTest, ABurstOfTheKernelMayComeInAnyOrder) {
  std::mt19937 random(7);
  for (int round = 0; round < 50; ++round) {
    Handle handle(kGiB);
    const Advice* advice = nullptr;
    for (Bytes at = 0; at < 64 * kMiB; at += 4 * kMiB) {
      std::vector<Bytes> burst{at, at + kMiB, at + 2 * kMiB, at + 3 * kMiB};
      std::shuffle(burst.begin(), burst.end(), random);
      for (const Bytes offset : burst) {
        advice = &handle.read(offset, kMiB, kMiss);
        EXPECT_TRUE(advice->ask.contains({offset, kMiB}));
        EXPECT_TRUE(covers(*advice, {offset, kMiB})) << "not to be dropped: it is waited for";
      }
      if (at >= 4 * kMiB) {
        EXPECT_EQ(set_of(*advice).ranges().size(), 1U) << "one stream";
      }
    }
    EXPECT_GE(reach(*advice, 63 * kMiB), 64 * kMiB + 80 * kMiB);
    EXPECT_FALSE(advice->whole);
  }
}

TEST(ReadPatternTest, TheWindowDoublesFromThere) {
  Handle handle(4 * kGiB);
  const Bytes start = kGiB;
  EXPECT_EQ(handle.read(start, 128 * kKiB, kMiss).ask.offset, start);
  std::vector<Bytes> windows;
  for (Bytes run = 128 * kKiB; run < 80 * kMiB; run += 128 * kKiB) {
    const Advice& advice = handle.read(start + run, 128 * kKiB);
    const Bytes window = reach(advice, start + run) - (start + run);
    EXPECT_LE(window, std::max(14 * kMiB, 4 * run)) << run;
    windows.push_back(window);
  }
  EXPECT_GE(windows.back(), 100 * kMiB);
}

// R3: within the budget, and never short of what keeps all GETs busy.
TEST(ReadPatternTest, AStreamKeepsItsWindowUntilTheEndOfTheFile) {
  const Bytes size = 2 * kGiB + 12345;
  Handle handle(size);
  for (Bytes at = 0; at < size; at += kMiB) {
    const Advice& advice = handle.read(at, kMiB, at == 0 ? kMiss : kHit);
    EXPECT_LE(total(advice), 256 * kMiB);
    const auto ranges = set_of(advice).ranges();
    ASSERT_EQ(ranges.size(), 1U);
    EXPECT_GE(ranges[0].end(), std::min(size, at + 200 * kMiB));
    EXPECT_GE(ranges[0].offset + 9 * kMiB, at) << "nothing far behind the reader";
  }
}

// GETs that are graded by their distance, do not change once planned, and end together with the
// file.
TEST(ReadPatternTest, GetsAreGraded) {
  const Bytes size = 2 * kGiB + 12345;
  Handle handle(size);
  std::map<Bytes, Bytes> ends;  // of planned GETs, and where the reader was then
  for (Bytes at = 0; at < size; at += kMiB) {
    const Advice& advice = handle.read(at, kMiB, at == 0 ? kMiss : kHit);
    Bytes last = 0;
    for (const auto& region : advice.regions) {
      EXPECT_EQ(region.chunk, block_ceil(region.range.length));
      EXPECT_GT(region.range.end(), last) << "in order";
      last = region.range.end();
      if (ends.contains(last)) continue;
      EXPECT_TRUE(ends.empty() || last > ends.rbegin()->first) << "planned once";
      ends[last] = at;
    }
  }
  EXPECT_EQ(ends.rbegin()->first, size);
  Bytes begin = 0;
  for (const auto& [end, reader] : ends) {
    const Bytes length = end - begin;
    EXPECT_GE(length, 8 * kMiB) << "short GETs do not pay";
    EXPECT_LE(length, 48 * kMiB);
    EXPECT_LE(length, std::max((begin - std::min(begin, reader)) / 4, 12 * kMiB));
    EXPECT_LE(length, std::max((size - begin) / 10, 12 * kMiB));
    begin = end;
  }
  EXPECT_LE(ends.size(), 160U);
}

TEST(ReadPatternTest, AShortWayNeedsASmallWindow) {  // R3
  Handle handle(4 * kGiB, Container::kNone, kLan);
  const Advice& advice = handle.read_on(0, kGiB, kMiB);
  EXPECT_GE(reach(advice, kGiB - 1), kGiB + 32 * kMiB);
  EXPECT_LE(reach(advice, kGiB - 1), kGiB + 144 * kMiB);
}

TEST(ReadPatternTest, OddSpeedsAreHarmless) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const double infinite = std::numeric_limits<double>::infinity();
  for (const LinkSpeed& speed :
       {LinkSpeed{nan, nan, milliseconds(1), 0}, LinkSpeed{-1, -1, milliseconds(-1), -5},
        LinkSpeed{infinite, infinite, Duration::max(), 1000}}) {
    Handle handle(4 * kGiB, Container::kNone, speed);
    for (Bytes at = 0; at < kGiB; at += kMiB) {
      const Advice& advice = handle.read(at, kMiB, kMiss);
      EXPECT_LE(total(advice), 256 * kMiB);
      EXPECT_GE(total(advice), 8 * kMiB);
    }
  }
}

TEST(ReadPatternTest, SkipsKeepTheStream) {
  Handle handle(4 * kGiB);
  Bytes at = 64 * kMiB;
  handle.read_on(0, at);
  for (int i = 0; i < 20; ++i) {
    at += (i % 2 == 0 ? 3 : 20) * kMiB;  // up to a quarter of the window
    const Advice& advice = handle.read_on(at, at + kMiB);
    at += kMiB;
    EXPECT_EQ(set_of(advice).ranges().size(), 1U);
    EXPECT_GE(reach(advice, at - 1), at + 80 * kMiB);
  }
}

TEST(ReadPatternTest, StreamsOnOneHandleHaveTheirOwnWindows) {
  for (const std::size_t count : {2U, 8U}) {
    Handle handle(16 * kGiB);
    const Advice* advice = nullptr;
    for (Bytes done = 0; done < 64 * kMiB; done += kMiB) {
      for (std::size_t i = 0; i < count; ++i) {
        const Bytes start = i * kGiB + i * i * 10 * kMiB;
        advice = &handle.read(start + done, kMiB, done == 0 ? kMiss : kHit);
        EXPECT_LE(total(*advice), 256 * kMiB);
      }
    }
    for (std::size_t i = 0; i < count; ++i) {
      const Bytes at = i * kGiB + i * i * 10 * kMiB + 64 * kMiB;
      EXPECT_GE(reach(*advice, at), at + 240 * kMiB / count / 2) << i << " of " << count;
    }
    EXPECT_FALSE(advice->whole);
  }
}

TEST(ReadPatternTest, AShareIsNotDroppedAndAskedAgainByTurns) {
  Handle handle(16 * kGiB);
  handle.read_on(0, 512 * kMiB, kMiB);
  Bytes a = 512 * kMiB;
  Bytes b = 8 * kGiB;
  IntervalSet before;
  int dropped = 0;
  for (int i = 0; i < 400; ++i) {
    for (Bytes* at : {&a, &b}) {
      const Advice& advice = handle.read(*at, kMiB);
      *at += kMiB;
      const IntervalSet now = set_of(advice);
      for (const Bytes reader : {a, b}) {
        // Of what was on its way before a reader, some is not any more.
        for (const ByteRange& range : before.ranges()) {
          const ByteRange ahead = range.intersect({reader, kGiB});
          if (!ahead.empty() && !now.contains(ahead)) ++dropped;
        }
      }
      before = now;
    }
  }
  EXPECT_LE(dropped, 20);
}

TEST(ReadPatternTest, ASeekDropsTheOldPlace) {
  Handle handle(4 * kGiB);
  EXPECT_TRUE(touches(handle.read_on(0, 100 * kMiB), {100 * kMiB, kMiB}));
  const Advice& advice = handle.read(2 * kGiB, kMiB, kMiss);
  EXPECT_TRUE(covers(advice, advice.ask));
  EXPECT_TRUE(touches(advice, {100 * kMiB, kMiB})) << "it may be a glance";
  handle.read(2 * kGiB + kMiB, kMiB, kMiss);
  EXPECT_FALSE(touches(advice, {0, kGiB}));
  EXPECT_TRUE(covers(advice, {2 * kGiB, 8 * kMiB}));
}

TEST(ReadPatternTest, SeveralSeeksDropTheOldPlaceToo) {
  Handle handle(4 * kGiB);
  handle.read_on(0, 100 * kMiB);
  const Advice* advice = nullptr;
  for (Bytes i = 0; i < 10; ++i) advice = &handle.read((300 + 41 * i * i) * kMiB, 4096, kMiss);
  EXPECT_FALSE(touches(*advice, {100 * kMiB, 8 * kMiB}));
}

TEST(ReadPatternTest, AGlanceElsewhereDoesNotStopAStream) {
  Handle handle(4 * kGiB);
  Bytes at = 100 * kMiB;
  handle.read_on(0, at);
  for (int i = 0; i < 10; ++i) {
    handle.read(4 * kGiB - 64 * kKiB, 64 * kKiB, i == 0 ? kMiss : kHit);
    EXPECT_GE(reach(handle.read(0, 16 * kKiB), at), at + 80 * kMiB);
    EXPECT_GE(reach(handle.read_on(at, at + 4 * kMiB), at), at + 80 * kMiB);
    at += 4 * kMiB;
  }
}

TEST(ReadPatternTest, AStreamThatTakesTurnsIsWaitedFor) {
  Handle handle(16 * kGiB);
  Bytes a = 0;
  Bytes b = 8 * kGiB;
  for (int turn = 0; turn < 20; ++turn) {
    const Advice& first = handle.read_on(a, a + 8 * kMiB);
    a += 8 * kMiB;
    if (turn > 1) {
      EXPECT_TRUE(covers(first, {b, 8 * kMiB})) << turn;
    }
    const Advice& second = handle.read_on(b, b + 8 * kMiB);
    b += 8 * kMiB;
    if (turn > 1) {
      EXPECT_TRUE(covers(second, {a, 8 * kMiB})) << turn;
    }
  }
}

TEST(ReadPatternTest, AStreamThatComesBackHasItsWindowAgain) {
  Handle handle(16 * kGiB);
  handle.read_on(0, 200 * kMiB);
  EXPECT_FALSE(touches(handle.read_on(8 * kGiB, 8 * kGiB + 100 * kMiB), {0, kGiB}));
  EXPECT_GE(reach(handle.read(200 * kMiB, 4096), 200 * kMiB), 280 * kMiB);
}

TEST(ReadPatternTest, ReadingBackwardFetchesDownward) {
  for (const Bytes piece : {4 * kKiB, 128 * kKiB, kMiB, 3 * kMiB}) {
    const Bytes size = 2 * kGiB + 777;
    Handle handle(size);
    Bytes at = size;
    const Advice* advice = nullptr;
    for (int i = 0; i < 5 || at > size - 64 * kMiB; ++i) {
      at -= piece;
      advice = &handle.read(at, piece, i < 5 ? kMiss : kHit);
      EXPECT_TRUE(advice->ask.contains({at, piece}));
      if (i < 5) continue;
      const auto ranges = set_of(*advice).ranges();
      ASSERT_EQ(ranges.size(), 1U) << piece << " " << i;
      EXPECT_TRUE(advice->regions[0].backward);
      EXPECT_EQ(advice->regions[0].range.end(), ranges[0].end()) << "the nearest first";
      EXPECT_LE(ranges[0].offset, block_floor(at) - 4 * kMiB);
      EXPECT_GE(at + 9 * kMiB, ranges[0].end() - std::max(piece, kMiB));
    }
    EXPECT_LE(set_of(*advice).ranges()[0].offset, at - 80 * kMiB) << "the window grew";
    // A miss below asks what ends there.
    advice = &handle.read(at - piece, piece, kMiss);
    EXPECT_LE(advice->ask.offset, at - 7 * kMiB);
    EXPECT_EQ(advice->ask.end(), std::min(size, block_ceil(at)));
    while (at >= piece) advice = &handle.read(at -= piece, piece);
    EXPECT_TRUE(covers(*advice, {0, kMiB}));
  }
}

TEST(ReadPatternTest, StridesHaveTheirNextPlacesAhead) {
  for (const Bytes length : {4 * kKiB, 3 * kMiB}) {
    Handle handle(4 * kGiB);
    const Bytes stride = 37 * kMiB + 4321;
    const Advice* advice = nullptr;
    for (Bytes i = 0; i < 30; ++i) {
      const Bytes at = kMiB + i * stride;
      advice = &handle.read_on(at, at + length, std::min(length, kMiB), i < 4 ? kMiss : kHit);
      EXPECT_LE(total(*advice), 256 * kMiB);
      if (i < 5) continue;
      for (Bytes k = 1; k <= 8; ++k) {
        EXPECT_TRUE(covers(*advice, {at + k * stride, length})) << i << " " << k;
        EXPECT_FALSE(touches(*advice, {at + k * stride + 8 * kMiB, 16 * kMiB})) << i << " " << k;
      }
    }
    const Bytes next = kMiB + 30 * stride;
    EXPECT_EQ(handle.read(next, 4 * kKiB, kMiss).ask, blocks_of({next, length}));
    EXPECT_FALSE(advice->whole);
  }
}

TEST(ReadPatternTest, StridesMayGoDownAndVary) {
  std::mt19937 random(3);
  Handle handle(4 * kGiB);
  const Bytes stride = 64 * kMiB;
  Bytes at = 4 * kGiB;
  for (int i = 0; i < 20; ++i) {
    at -= stride;
    const Bytes place = at + random() % (512 * kKiB);
    const Advice& advice = handle.read(place, 64 * kKiB, kMiss);
    if (i < 4) continue;
    for (Bytes k = 1; k <= 4; ++k) EXPECT_TRUE(touches(advice, {at - k * stride, kMiB}));
  }
}

TEST(ReadPatternTest, AStrideEndsWhenItIsLeft) {
  Handle handle(8 * kGiB);
  const Bytes stride = 50 * kMiB;
  for (Bytes i = 0; i < 10; ++i) handle.read(i * stride, 64 * kKiB, kMiss);
  const Advice& advice = handle.read(4 * kGiB, 64 * kKiB, kMiss);
  EXPECT_TRUE(touches(advice, {10 * stride, kMiB})) << "a glance elsewhere";
  EXPECT_TRUE(touches(handle.read(10 * stride, 64 * kKiB), {11 * stride, kMiB}));
  handle.read_on(4 * kGiB + 64 * kKiB, 4 * kGiB + 8 * kMiB);
  EXPECT_FALSE(touches(advice, {11 * stride, kMiB}));
}

TEST(ReadPatternTest, ShortStridesAreReadThrough) {
  Handle handle(4 * kGiB);
  Bytes at = kGiB;
  const Advice* advice = &handle.read(at, 4 * kKiB, kMiss);
  for (int i = 0; i < 40; ++i) advice = &handle.read(at += 3 * kMiB, 4 * kKiB);
  EXPECT_EQ(set_of(*advice).ranges().size(), 1U);
  EXPECT_GE(reach(*advice, at), at + 80 * kMiB);
}

TEST(ReadPatternTest, RandomReadsAskAlignedPieces) {
  std::mt19937_64 random(11);
  const Bytes size = 100 * kGiB;
  Handle handle(size);
  for (int i = 0; i < 200; ++i) {
    const Bytes at = random() % (size - 4096);
    const Advice& advice = handle.read(at, 4096, kMiss);
    EXPECT_TRUE(advice.ask.contains({at, 4096}));
    EXPECT_LE(total(advice), 80 * kMiB) << "no windows";
    EXPECT_TRUE(covers(advice, advice.ask));
    if (i == 0) continue;
    EXPECT_LE(advice.ask.length, 8 * kMiB);
    if (i > 4 && (at + 4096) % (8 * kMiB) > 4096) {
      EXPECT_EQ(advice.ask.offset % (8 * kMiB), 0U);
    }
    EXPECT_EQ(advice.whole, i >= 9);
  }
  // Where asking costs next to nothing, less is asked.
  Handle lan(size, Container::kNone, kLan);
  for (int i = 0; i < 20; ++i) lan.read(random() % size, 4096, kMiss);
  EXPECT_EQ(lan.read(50 * kGiB + 5 * kMiB, 4096, kMiss).ask,
            (ByteRange{50 * kGiB + 4 * kMiB, 4 * kMiB}));
}

TEST(ReadPatternTest, MissesOfAnEighthMakeTheWholeWorthIt) {
  Handle handle(100 * kMiB);
  handle.read(0, 4096, kMiss);
  EXPECT_FALSE(handle.read(50 * kMiB, 4096, kMiss).whole);
  EXPECT_FALSE(handle.read(21 * kMiB, 4096, kMiss).whole);
  EXPECT_TRUE(handle.read(90 * kMiB, 4096, kMiss).whole);
  EXPECT_TRUE(handle.read_on(0, 40 * kMiB).whole) << "for good";
}

TEST(ReadPatternTest, HitsDoNotMakeTheWholeWorthIt) {
  std::mt19937_64 random(12);
  Handle handle(kGiB);
  for (int i = 0; i < 200; ++i) {
    const Advice& advice = handle.read(random() % kGiB, 4096, kHit);
    EXPECT_FALSE(advice.whole);
    EXPECT_LE(total(advice), 64 * kMiB);
  }
}

TEST(ReadPatternTest, ALongRunForgetsJumps) {
  Handle handle(64 * kGiB);
  handle.read(0, 4096, kMiss);
  for (Bytes i = 1; i < 30; ++i) {
    const Bytes at = (i * i % 61) * kGiB;
    handle.read(at, kMiB, kMiss);
    EXPECT_FALSE(handle.read_on(at + kMiB, at + 32 * kMiB, kMiB).whole) << i;
  }
}

// Random page faults of a mapping bring the kernel's read-ahead around them, as a burst.
TEST(ReadPatternTest, RandomFaultsOfAMappingOpenNoWindows) {
  std::mt19937_64 random(13);
  const Bytes size = 100 * kGiB;
  Handle handle(size);
  handle.read(0, 4096, kMiss);
  for (int i = 0; i < 50; ++i) {
    const Bytes at = random() % (size / kMiB - 4) * kMiB;
    for (const Bytes k : {1, 0, 3, 2}) {
      const Advice& advice = handle.read(at + k * kMiB, kMiB, k == 1 ? kMiss : kHit);
      if (i > 6) {
        EXPECT_LE(total(advice), 40 * kMiB);
      }
    }
  }
}

TEST(ReadPatternTest, AMappingReadInOrderIsSequential) {
  Handle handle(kGiB);
  Bytes at = 0;
  const Advice* advice = &handle.read(0, 4 * kKiB, kMiss);
  for (int i = 0; i < 400; ++i) {  // faults, in part read already, of changing length
    at += 4 * kKiB + (i % 5) * 28 * kKiB;
    advice = &handle.read(at - std::min(at, Bytes{8} * kKiB), 64 * kKiB);
  }
  EXPECT_GE(reach(*advice, at), at + 80 * kMiB);
}

TEST(ReadPatternTest, AContainerHasItsEdgesAtFirstTouch) {  // R4
  const Bytes size = 600 * kMiB + 5;
  for (const Container container : {Container::kZip, Container::kParquet}) {
    Handle handle(size, container);
    const Advice& advice = handle.read(0, 16 * kKiB, kMiss);
    EXPECT_EQ(advice.ask.offset, 0U);
    EXPECT_TRUE(covers(advice, {size - 2 * kMiB, 2 * kMiB}));
    EXPECT_LE(total(advice), 20 * kMiB);
    // The directory is read, then the members from the start: what was asked there is still wanted.
    EXPECT_TRUE(covers(handle.read(size - 64 * kKiB, 64 * kKiB, kMiss), {0, 13 * kMiB}));
    EXPECT_GE(reach(handle.read_on(16 * kKiB, kMiB, 64 * kKiB), 0), 80 * kMiB);
  }
  Handle middle(size, Container::kHdf5);
  const Advice& advice = middle.read(300 * kMiB, 4 * kKiB, kMiss);
  EXPECT_TRUE(covers(advice, {0, kMiB}));
  EXPECT_TRUE(covers(advice, {size - kMiB, kMiB}));
  Handle header(size, Container::kSafetensors);
  EXPECT_LE(total(header.read(0, 16 * kKiB, kMiss)), 13 * kMiB) << "all of it is at the head";
}

TEST(ReadPatternTest, AReaderThatBeginsAtTheTailGetsJustThat) {  // R4
  const Bytes size = 600 * kMiB + 5;
  for (const Container container : {Container::kZip, Container::kParquet}) {
    Handle handle(size, container);
    const Advice& advice = handle.read(size - 22, 22, kMiss);
    EXPECT_EQ(advice.ask.end(), size);
    EXPECT_LE(advice.ask.length, 4 * kMiB);
    EXPECT_GE(advice.ask.length, 2 * kMiB);
    EXPECT_EQ(total(advice), advice.ask.length);
  }
  Handle hdf5(size, Container::kHdf5);
  EXPECT_TRUE(covers(hdf5.read(size - 4096, 4096, kMiss), {0, kMiB}));
}

// It goes on in the same stream, up and down, with a place before the tail.
TEST(ReadPatternTest, AReaderThatBeganAtTheTailHasWhatItReadsBeforeThat) {  // R4
  Handle handle(8 * kMiB + 1, Container::kZip);
  handle.read(7 * kMiB, 4096, kMiss);
  handle.read(4 * kMiB, 4096, kMiss);
  handle.read(7 * kMiB + 600 * kKiB, 4096, kMiss);
  const ByteRange read{5 * kMiB, 4096};
  EXPECT_TRUE(handle.read(read.offset, read.length, kMiss).ask.contains(read));
}

TEST(ReadPatternTest, GlancesAtTheEdgesAreNoRandomReads) {
  const Bytes size = 100 * kMiB;
  Handle handle(size, Container::kHdf5);
  for (int i = 0; i < 20; ++i) {
    EXPECT_FALSE(handle.read(0, 4096, kMiss).whole);
    EXPECT_FALSE(handle.read(size - 4096, 4096, kMiss).whole);
    EXPECT_FALSE(handle.read(50 * kMiB, 4096, kHit).whole);
  }
}

TEST(ReadPatternTest, HitsInASettledStreamSayNothingNew) {
  Handle handle(4 * kGiB);
  const std::uint64_t before = handle.read_on(0, 512 * kMiB).version;
  const std::uint64_t after = handle.read_on(512 * kMiB, 576 * kMiB, 4 * kKiB).version;
  EXPECT_GT(after, before);
  EXPECT_LE(after - before, 64U) << "for 16,384 reads";
}

// Wherever reads go: ranges in whole blocks within the file, regions disjoint and within the
// budget, asks that hold the read.
class RandomReads : public ::testing::TestWithParam<Bytes> {};

TEST_P(RandomReads, KeepTheContract) {
  const std::uint32_t seed = first_seed();
  SCOPED_TRACE("DRIVEWAY_TEST_SEED=" + std::to_string(seed));
  std::mt19937_64 random(seed);
  const Bytes size = GetParam();
  const auto pick = [&random](Bytes below) { return below == 0 ? 0 : random() % below; };
  const auto whole_blocks = [size](ByteRange range) {
    return range.end() <= size && range.offset % kMiB == 0 &&
           (range.end() == size || range.length % kMiB == 0);
  };
  for (int round = 0; round < 30; ++round) {
    ReadPattern pattern(size, static_cast<Container>(pick(6)));
    std::vector<Bytes> readers(1 + pick(10));
    for (Bytes& reader : readers) reader = pick(size);
    std::uint64_t version = 0;
    std::vector<Advice::Region> regions;
    for (int i = 0; i < 1000; ++i) {
      Bytes& at = readers[pick(readers.size())];
      const Bytes length = pick(2) == 0 ? 4096 : 1 + pick(2 * kMiB);
      switch (pick(12)) {
        case 0:
          at = pick(size);
          break;
        case 1:
          at += pick(64 * kMiB);
          break;
        case 2:
          at -= pick(64 * kMiB);
          break;  // may wrap around: beyond the end
        case 3:
          at -= 2 * length;
          break;
        default:
          break;
      }
      const ByteRange read{at, pick(100) == 0 ? std::numeric_limits<Bytes>::max() - at : length};
      const LinkSpeed speed{1e6 * pick(300), 1e6 * pick(2000), milliseconds(pick(2000)),
                            static_cast<int>(pick(12))};
      const Advice& advice = pattern.on_read(read, pick(3) > 0, speed);
      at += length;

      const Bytes from = std::min(read.offset, size);
      const ByteRange inside{from, std::min(read.length, size - from)};
      ASSERT_TRUE(inside.empty() || advice.ask.contains(inside))
          << inside.offset << "+" << inside.length << " of " << size << ", asked "
          << advice.ask.offset << "+" << advice.ask.length;
      ASSERT_TRUE(inside.empty() || whole_blocks(advice.ask));
      ASSERT_LE(total(advice), 256 * kMiB);
      IntervalSet seen;
      for (const auto& region : advice.regions) {
        ASSERT_FALSE(region.range.empty());
        ASSERT_TRUE(whole_blocks(region.range));
        ASSERT_FALSE(seen.intersects(region.range));
        ASSERT_GE(region.chunk, kMiB);
        seen.add(region.range);
      }
      ASSERT_TRUE(version != advice.version || regions == advice.regions);
      version = advice.version;
      regions = advice.regions;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Sizes, RandomReads,
                         ::testing::Values(0, 1, 8 * kMiB, 8 * kMiB + 1, 100 * kMiB, 2 * kGiB - 1,
                                           5000 * kGiB + 77));

TEST(ReadPatternTest, AFileOfAnySizeIsHarmless) {
  const Bytes size = std::numeric_limits<Bytes>::max();
  Handle handle(size);
  for (const Bytes at : {Bytes{0}, size / 2, size - 1, size / 16, kMiB}) {
    EXPECT_LE(total(handle.read(at, size, kMiss)), 256 * kMiB);
    EXPECT_LE(total(handle.read(at, 4096, kMiss)), 256 * kMiB);
  }
}

}  // namespace
}  // namespace driveway::vfs
