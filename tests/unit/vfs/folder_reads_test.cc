// R4: which files of a folder are fetched before they are asked for, and when that stops.
#include "vfs/folder_reads.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <random>
#include <set>
#include <utility>

namespace driveway::vfs {
namespace {

constexpr Bytes kSize = 110'000;

class FolderReadsTest : public testing::Test {
 protected:
  static SiblingList files(std::uint64_t count, std::uint64_t first = 0) {
    std::vector<Sibling> out;
    // Inode numbers that fall while the listing goes on.
    for (std::uint64_t i = first; i < first + count; ++i) out.push_back({inode(i), kSize});
    return SiblingList(std::move(out));
  }
  static InodeId inode(std::uint64_t position) { return InodeId(1'000'000 - position); }
  static std::uint64_t position(InodeId inode) { return 1'000'000 - inode.value(); }

  // Fetches all that may be fetched now; the positions, in the order of fetching.
  static std::vector<std::uint64_t> fetch(FolderReads& folder, bool wary = false) {
    std::vector<std::uint64_t> out;
    while (folder.wants(wary)) {
      const auto sibling = folder.next();
      if (!sibling) break;
      EXPECT_TRUE(folder.start(sibling->inode));
      folder.fetched(sibling->inode);
      out.push_back(position(sibling->inode));
    }
    return out;
  }
  static std::vector<std::uint64_t> range(std::uint64_t first, std::uint64_t end) {
    std::vector<std::uint64_t> out(end - first);
    std::iota(out.begin(), out.end(), first);
    return out;
  }

  PrefetchAccount account;
  FolderReads folder{account};
};

TEST_F(FolderReadsTest, NothingBeforeTwoFilesWereRead) {
  folder.set_files(files(1000));
  EXPECT_FALSE(folder.wants(false));
  EXPECT_FALSE(folder.read(inode(0), true));
  EXPECT_FALSE(folder.read(inode(0), true));
  EXPECT_FALSE(folder.wants(false));
  EXPECT_FALSE(folder.read(inode(1), true));
  EXPECT_EQ(fetch(folder), range(2, 34));  // 16 + 8 * 2
  EXPECT_TRUE(folder.read(inode(2), true));
  EXPECT_FALSE(folder.read(inode(2), true));
  EXPECT_EQ(fetch(folder), range(34, 43));  // 8 more, and one was used
  EXPECT_EQ(folder.unused(), 40U);
  EXPECT_EQ(folder.unused_bytes(), 40 * kSize);
}

TEST_F(FolderReadsTest, ReadsFromBeforeTheListingCount) {
  for (int repeats = 0; repeats < 3; ++repeats) folder.read(inode(7), true);
  folder.read(inode(8), true);
  EXPECT_EQ(folder.reads(), 2U);
  EXPECT_FALSE(folder.wants(false));
  folder.set_files(files(100));
  EXPECT_EQ(folder.reads(), 2U);
  EXPECT_EQ(fetch(folder).front(), 9U);
}

TEST_F(FolderReadsTest, InOrderItStaysWithin256AheadAndEverythingIsUsed) {
  folder.set_files(files(2000));
  std::size_t used = 0;
  std::size_t furthest = 0;
  for (std::uint64_t i = 0; i < 2000; ++i) {
    if (folder.read(inode(i), true)) ++used;
    for (const auto fetched : fetch(folder)) {
      furthest = std::max<std::size_t>(furthest, fetched - i);
    }
    ASSERT_LE(folder.unused(), 256U);
  }
  EXPECT_EQ(used, 1998U);
  EXPECT_EQ(furthest, 256U);
  EXPECT_EQ(folder.unused(), 0U);
  EXPECT_TRUE(account.proven());
}

TEST_F(FolderReadsTest, BehindTheLastFileItGoesOnAtTheFirst) {
  folder.set_files(files(20));
  folder.read(inode(17), true);
  folder.read(inode(18), true);
  std::vector<std::uint64_t> expected = {19};
  for (std::uint64_t i = 0; i < 17; ++i) expected.push_back(i);
  EXPECT_EQ(fetch(folder), expected);
  EXPECT_FALSE(folder.wants(false));
}

TEST_F(FolderReadsTest, AnInOrderReaderDoesNotComeBack) {
  folder.set_files(files(2000));
  for (std::uint64_t i = 1000; i < 1100; ++i) folder.read(inode(i), true);
  const auto fetched = fetch(folder);
  EXPECT_EQ(fetched, range(1100, 1356));
  for (std::uint64_t i = 1100; i < 1995; ++i) folder.read(inode(i), true);
  EXPECT_EQ(fetch(folder), range(1995, 2000));
  EXPECT_FALSE(folder.wants(false));
}

TEST_F(FolderReadsTest, InOrderTakesTheVeryNextOnesFirst) {
  folder.set_files(files(2000));
  folder.read(inode(100), true);
  folder.read(inode(101), true);
  EXPECT_EQ(folder.next()->inode, inode(102));
  folder.read(inode(500), true);
  EXPECT_EQ(folder.next()->inode, inode(501));
  folder.read(inode(200), true);
  EXPECT_EQ(folder.next()->inode, inode(201));
}

TEST_F(FolderReadsTest, RandomOrderGoesBeyond256WhereThatHelps) {
  const auto unused_after = [&](std::size_t count) {
    PrefetchAccount own;
    FolderReads reads(own);
    reads.set_files(files(count));
    std::mt19937 random(7);
    for (int i = 0; i < 300; ++i) {
      reads.read(inode(random() % count), true);
      fetch(reads);
    }
    return reads.unused();
  };
  EXPECT_GT(unused_after(4000), 1500U);
  EXPECT_LE(unused_after(20'000), 2048U);
  EXPECT_LE(unused_after(100'000), 256U);  // of no use among so many
}

TEST_F(FolderReadsTest, StopsWhenFewAreUsed) {
  folder.set_files(files(100'000));
  std::size_t fetched = 0;
  for (std::uint64_t i = 0; i < 1000; ++i) {
    folder.read(inode(i * 10), true);
    fetched += fetch(folder).size();
  }
  EXPECT_LT(fetched, 200U);  // of the slow start, before the order was known
  EXPECT_FALSE(folder.wants(false));
  // A reader who leaves out every other file gets them, but with nothing that others could use.
  for (std::uint64_t i = 10'000; i < 10'200; i += 2) {
    folder.read(inode(i), true);
    fetch(folder);
  }
  EXPECT_TRUE(folder.read(inode(10'200), true));
  EXPECT_EQ(folder.priority(), Priority::kBackground);
  // One who leaves out none is proven again.
  for (std::uint64_t i = 10'201; i < 10'300; ++i) folder.read(inode(i), true);
  EXPECT_EQ(folder.priority(), Priority::kPrefetch);
}

TEST_F(FolderReadsTest, WhatAnInOrderReaderPassedIsNotAheadAnyMore) {
  folder.set_files(files(5000));
  for (std::uint64_t i = 0; i < 4000; ++i) {
    if (i % 3 != 0) folder.read(inode(i), true);
    fetch(folder);
  }
  EXPECT_LE(folder.unused(), 256U);
  EXPECT_TRUE(folder.read(inode(4000), true));
  EXPECT_TRUE(folder.read(inode(3000), true));  // passed, but here
}

TEST_F(FolderReadsTest, PriorityRisesWithTheEvidence) {
  folder.set_files(files(1000));
  for (std::uint64_t i = 0; i < 63; ++i) folder.read(inode(i), true);
  EXPECT_EQ(folder.priority(), Priority::kBackground);
  folder.read(inode(63), true);
  EXPECT_EQ(folder.priority(), Priority::kPrefetch);

  FolderReads other(account);
  other.set_files(files(1000));
  for (std::uint64_t i = 0; i < 2; ++i) other.read(inode(i), true);
  EXPECT_EQ(other.priority(), Priority::kBackground);
  for (int i = 0; i < 64; ++i) account.used();  // elsewhere
  EXPECT_EQ(other.priority(), Priority::kPrefetch);
}

TEST_F(FolderReadsTest, AWaryFolderHasToShowMore) {
  const auto reads_needed = [&](std::size_t count) {
    FolderReads reads(account);
    reads.set_files(files(count));
    std::uint64_t needed = 0;
    while (needed < count && !reads.wants(true)) reads.read(inode(needed++), true);
    return needed;
  };
  EXPECT_EQ(reads_needed(1000), 16U);
  EXPECT_EQ(reads_needed(10), 5U);
  EXPECT_EQ(reads_needed(3), 2U);
}

TEST_F(FolderReadsTest, TheAccountGoesByTheLastFilesWhoseFateIsKnown) {
  EXPECT_FALSE(account.proven());
  EXPECT_FALSE(account.poor());
  for (int i = 0; i < 80; ++i) account.used();
  EXPECT_TRUE(account.proven());
  for (int i = 0; i < 1000; ++i) account.unused();
  EXPECT_FALSE(account.proven());
  EXPECT_TRUE(account.poor());
  for (int i = 0; i < 60; ++i) account.used();
  EXPECT_FALSE(account.poor());
  for (int i = 0; i < 1000; ++i) account.used();
  EXPECT_TRUE(account.proven());
}

TEST_F(FolderReadsTest, SettlingTellsOfEachFileOnceAndAUseTakesItBack) {
  folder.set_files(files(1000));
  for (std::uint64_t i = 0; i < 30; ++i) folder.read(inode(i), true);
  ASSERT_EQ(fetch(folder).size(), 256U);
  folder.settle();
  EXPECT_TRUE(account.poor());
  PrefetchAccount all_unused;
  for (int i = 0; i < 256; ++i) all_unused.unused();
  folder.settle();
  // What was given up on is still here, so no more is fetched for it.
  EXPECT_EQ(folder.unused(), 256U);
  EXPECT_FALSE(folder.wants(false));
  for (std::uint64_t i = 30; i < 286; ++i) EXPECT_TRUE(folder.read(inode(i), true));
  EXPECT_TRUE(account.proven());
}

TEST_F(FolderReadsTest, WhatIsHereIsNotFetched) {
  folder.set_files(files(5));
  folder.read(inode(0), true);
  folder.read(inode(1), true);
  for (std::uint64_t i = 2; i < 5; ++i) folder.here(folder.next()->inode);
  EXPECT_FALSE(folder.wants(false));
  EXPECT_EQ(folder.unused(), 0U);
  EXPECT_FALSE(folder.read(inode(2), true));
  EXPECT_FALSE(account.proven());
}

// A folder larger than the cache, read again and again.
TEST_F(FolderReadsTest, WhatWasEvictedIsFetchedAgain) {
  folder.set_files(files(1000));
  for (std::uint64_t i = 0; i < 1000; ++i) {
    folder.read(inode(i), true);
    fetch(folder);
  }
  EXPECT_FALSE(folder.read(inode(0), true));
  EXPECT_FALSE(folder.wants(false));
  EXPECT_FALSE(folder.read(inode(1), false));
  EXPECT_EQ(fetch(folder).front(), 2U);
  EXPECT_TRUE(folder.read(inode(2), true));
}

TEST_F(FolderReadsTest, WhatWasEvictedBeforeItsUseWasFetchedInVain) {
  folder.set_files(files(1000));
  for (std::uint64_t i = 0; i < 2; ++i) folder.read(inode(i), true);
  ASSERT_EQ(fetch(folder).size(), 32U);
  for (std::uint64_t i = 2; i < 34; ++i) EXPECT_FALSE(folder.read(inode(i), false));
  EXPECT_TRUE(account.poor());
  EXPECT_EQ(folder.unused(), 0U);
}

// What is here far ahead need not be here any more when an in-order reader gets there.
TEST_F(FolderReadsTest, InOrderNothingIsLookedAtFarAhead) {
  folder.set_files(files(100'000));
  folder.read(inode(0), true);
  std::uint64_t furthest = 0;
  for (std::uint64_t i = 1; i < 1000; ++i) {
    folder.read(inode(i), true);
    while (folder.wants(false)) {
      const auto sibling = folder.next();
      if (!sibling) break;
      folder.here(sibling->inode);
      furthest = std::max(furthest, position(sibling->inode) - i);
    }
  }
  EXPECT_EQ(furthest, 256U);
}

TEST_F(FolderReadsTest, WhatIsReadWhileItIsLookedAtIsLeftToItsReader) {
  folder.set_files(files(50));
  folder.read(inode(0), true);
  folder.read(inode(1), true);
  const Sibling sibling = *folder.next();
  EXPECT_FALSE(folder.read(sibling.inode, false));
  EXPECT_FALSE(folder.start(sibling.inode));
  EXPECT_EQ(folder.unused(), 0U);
}

TEST_F(FolderReadsTest, AFileUnderWayCountsAsUsed) {
  folder.set_files(files(50));
  folder.read(inode(0), true);
  folder.read(inode(1), true);
  const Sibling sibling = *folder.next();
  EXPECT_TRUE(folder.start(sibling.inode));
  EXPECT_TRUE(folder.read(sibling.inode, false));
  folder.fetched(sibling.inode);
  EXPECT_EQ(folder.unused(), 0U);
}

TEST_F(FolderReadsTest, FailuresAreTriedAgainLater) {
  using std::chrono::seconds;
  folder.set_files(files(3));
  folder.read(inode(0), true);
  folder.read(inode(1), true);
  TimePoint now{};
  for (const int pause : {30, 60, 120, 240, 480, 600, 600}) {
    ASSERT_TRUE(folder.wants(false));
    ASSERT_TRUE(folder.start(folder.next()->inode));
    folder.failed(inode(2), now, true);
    EXPECT_FALSE(folder.wants(false));
    EXPECT_EQ(folder.retry_due(now + seconds(pause - 1)), now + seconds(pause));
    EXPECT_FALSE(folder.wants(false));
    now += seconds(pause);
    EXPECT_EQ(folder.retry_due(now), TimePoint::max());
  }
  ASSERT_TRUE(folder.start(folder.next()->inode));
  folder.failed(inode(2), now, false);
  EXPECT_EQ(folder.retry_due(now + std::chrono::hours(10)), TimePoint::max());
  EXPECT_FALSE(folder.wants(false));
  EXPECT_EQ(folder.unused(), 0U);
}

TEST_F(FolderReadsTest, AChangeOfTheFolderKeepsWhatIsKnown) {
  folder.set_files(files(40));
  folder.read(inode(10), true);
  folder.read(inode(11), true);
  ASSERT_EQ(fetch(folder).size(), 32U);  // 12 to 39, and 0 to 3
  const Sibling checked = *folder.next();
  EXPECT_EQ(checked.inode, inode(4));
  EXPECT_EQ(folder.unused(), 33U);
  folder.set_files(files(60, 2));  // 0 and 1 went, 40 to 61 came
  EXPECT_EQ(folder.file_count(), 60U);
  EXPECT_EQ(folder.unused(), 31U);
  EXPECT_EQ(folder.reads(), 2U);
  EXPECT_EQ(folder.next()->inode, inode(40));
  EXPECT_TRUE(folder.start(checked.inode));
  folder.fetched(inode(0));  // unknown now
  EXPECT_FALSE(folder.read(inode(0), true));
  EXPECT_TRUE(folder.read(inode(12), true));
  folder.set_files({});
  EXPECT_EQ(folder.unused(), 0U);
  EXPECT_EQ(folder.unused_bytes(), 0U);
  EXPECT_FALSE(folder.wants(false));
  EXPECT_FALSE(folder.next());
}

// Random calls keep the counts right.
TEST_F(FolderReadsTest, CountsHoldUnderRandomCalls) {
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE(seed);
  std::mt19937 random(seed);
  std::set<InodeId> checking;
  std::set<InodeId> under_way;
  TimePoint now{};
  for (int round = 0; round < 20'000; ++round) {
    switch (random() % 8) {
      case 0:
        if (random() % 100 == 0) folder.set_files(files(random() % 300, random() % 100));
        break;
      case 1:
      case 2:
        folder.read(inode(random() % 400), true);
        break;
      case 3:
      case 4:
        if (!folder.wants(random() % 2 == 0)) break;
        if (const auto next = folder.next()) checking.insert(next->inode);
        break;
      case 5:
        if (checking.empty()) break;
        if (random() % 4 == 0) {
          folder.here(*checking.begin());
        } else if (folder.start(*checking.begin())) {
          under_way.insert(*checking.begin());
        }
        checking.erase(checking.begin());
        break;
      case 6:
        if (under_way.empty()) break;
        if (random() % 4 == 0) {
          folder.failed(*under_way.begin(), now, random() % 2 == 0);
        } else {
          folder.fetched(*under_way.begin());
        }
        under_way.erase(under_way.begin());
        break;
      default:
        now += std::chrono::seconds(random() % 20);
        folder.retry_due(now);
        if (random() % 50 == 0) folder.settle();
    }
    ASSERT_EQ(folder.unused_bytes(), folder.unused() * kSize);
    ASSERT_LE(folder.unused(), folder.file_count());
  }
  folder.set_files({});
  EXPECT_EQ(folder.unused(), 0U);
}

}  // namespace
}  // namespace driveway::vfs
