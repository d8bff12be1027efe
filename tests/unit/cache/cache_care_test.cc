// Looking after the cache: pins, trim, clear, evict, and what the summary says.
#include <gtest/gtest.h>

#include "cache/content_cache.h"
#include "unit/cache/space_fixture.h"

namespace driveway::cache {
namespace {

class CacheCareTest : public CacheSpaceTest {
 protected:
  void fill_and_save(std::uint64_t from, std::uint64_t to, Bytes size) {
    for (std::uint64_t i = from; i < to; ++i) {
      ASSERT_TRUE(fill(i, size).ok());
      pass_time();
    }
    ASSERT_TRUE(cache_->flush().ok());
  }
  void pin(std::uint64_t seed, Bytes size, bool pinned = true) {
    content(seed, size)->set_pinned(pinned);
    ASSERT_TRUE(cache_->flush().ok());
  }
  EvictOutcome evict(std::uint64_t seed, Bytes size) {
    const auto outcome = cache_->evict(id_of(seed, size));
    EXPECT_TRUE(outcome.ok());
    return outcome.ok() ? *outcome : EvictOutcome::kNotHere;
  }
};

TEST_F(CacheCareTest, PinnedContentIsNeverEvicted) {
  open_with(20 * kMiB);
  fill_and_save(0, 2, 2 * kMiB);
  fill_and_save(2, 3, 1000);
  pin(0, 2 * kMiB);
  pin(2, 1000);
  fill_and_save(10, 40, 2 * kMiB);
  for (std::uint64_t i = 100; i < 200; ++i) ASSERT_TRUE(fill(i, 100'000).ok());
  EXPECT_TRUE(intact(0, 2 * kMiB));
  EXPECT_TRUE(intact(2, 1000));
  EXPECT_FALSE(present(1, 2 * kMiB));
  EXPECT_LE(cache_->used_bytes(), 20 * kMiB);
  // Neither after a reopen.
  reopen();
  EXPECT_TRUE(content(0, 2 * kMiB)->pinned());
  EXPECT_FALSE(content(10, 2 * kMiB)->pinned());
  fill_and_save(10, 40, 2 * kMiB);
  EXPECT_TRUE(intact(0, 2 * kMiB));
  // Unpinned, it goes like others.
  pin(0, 2 * kMiB, false);
  fill_and_save(50, 70, 2 * kMiB);
  EXPECT_FALSE(present(0, 2 * kMiB));
}

TEST_F(CacheCareTest, PinsFillTheCacheAndTheRestIsRefused) {
  open_with(10 * kMiB);
  fill_and_save(0, 4, 2 * kMiB);
  for (std::uint64_t i = 0; i < 4; ++i) pin(i, 2 * kMiB);
  EXPECT_TRUE(fill(9, 4 * kMiB).failed_with(ErrorCode::kNoSpace));
  for (std::uint64_t i = 0; i < 4; ++i) EXPECT_TRUE(intact(i, 2 * kMiB));
}

TEST_F(CacheCareTest, PinOfWhatIsNotHereIsKept) {
  open();
  for (const Bytes size : {Bytes{0}, Bytes{1000}, 3 * kMiB}) pin(1, size);
  EXPECT_EQ(cache_->summary().pinned_contents, 3u);
  reopen();
  for (const Bytes size : {Bytes{0}, Bytes{1000}, 3 * kMiB}) {
    EXPECT_TRUE(content(1, size)->pinned()) << size;
    EXPECT_EQ(content(1, size)->has({0, size}), size == 0) << size;
    ASSERT_TRUE(fill(1, size).ok());
  }
  reopen();
  for (const Bytes size : {Bytes{0}, Bytes{1000}, 3 * kMiB}) {
    EXPECT_TRUE(intact(1, size)) << size;
    pin(1, size, false);
    EXPECT_TRUE(intact(1, size)) << size;
  }
  EXPECT_EQ(cache_->summary().pinned_contents, 0u);
  EXPECT_EQ(cache_->summary().pinned_bytes, 0u);
}

TEST_F(CacheCareTest, PinSurvivesTheLossOfItsBytes) {
  open();
  for (const Bytes size : {Bytes{1000}, 3 * kMiB}) {
    ASSERT_TRUE(fill(1, size).ok());
    pin(1, size);
    content(1, size)->reject();
    ASSERT_TRUE(cache_->flush().ok());
    reopen();
    EXPECT_TRUE(content(1, size)->pinned()) << size;
    EXPECT_FALSE(content(1, size)->has({0, 1})) << size;
    ASSERT_TRUE(fill(1, size).ok());
    reopen();
    EXPECT_TRUE(intact(1, size)) << size;
  }
}

TEST_F(CacheCareTest, UnpinOfWhatIsNotHereLeavesNothing) {
  open();
  pin(1, 3 * kMiB);
  pin(1, 3 * kMiB, false);
  EXPECT_EQ(cache_->summary().contents, 0u);
  pin(2, 3 * kMiB, false);
  EXPECT_EQ(cache_->summary().contents, 0u);
  EXPECT_EQ(evict(1, 3 * kMiB), EvictOutcome::kNotHere);
}

TEST_F(CacheCareTest, TrimTakesTheLeastRecentlyUsed) {
  open();
  fill_and_save(0, 6, 2 * kMiB);
  pin(0, 2 * kMiB);
  const Bytes index = cache_->used_bytes() - 12 * kMiB;
  const auto trimmed = cache_->trim(6 * kMiB + index);
  ASSERT_TRUE(trimmed.ok());
  EXPECT_EQ(trimmed->contents, 3u);
  EXPECT_EQ(trimmed->bytes, 6 * kMiB);
  EXPECT_TRUE(intact(0, 2 * kMiB));
  EXPECT_FALSE(present(3, 2 * kMiB));
  EXPECT_TRUE(intact(4, 2 * kMiB));
  // Below the low-water mark there is nothing to trim.
  EXPECT_EQ(cache_->trim()->contents, 0u);
}

TEST_F(CacheCareTest, ClearLeavesWhatIsOpenOrPinned) {
  open();
  fill_and_save(0, 4, 2 * kMiB);
  fill_and_save(4, 8, 1000);
  pin(1, 2 * kMiB);
  pin(5, 1000);
  {
    const auto held = content(2, 2 * kMiB);
    const auto cleared = cache_->clear(false);
    ASSERT_TRUE(cleared.ok());
    EXPECT_EQ(cleared->contents, 5u);
    EXPECT_TRUE(intact(1, 2 * kMiB));
    EXPECT_TRUE(intact(2, 2 * kMiB));
    EXPECT_TRUE(intact(5, 1000));
    EXPECT_FALSE(present(0, 2 * kMiB));
    EXPECT_FALSE(present(4, 1000));
  }
  EXPECT_EQ(cache_->clear(true)->contents, 3u);
  EXPECT_EQ(cache_->summary().contents, 0u);
  EXPECT_EQ(cache_->summary().pinned_contents, 0u);
  EXPECT_EQ(metric("cache.contents"), 0);
  EXPECT_EQ(disk_used(), 0u);
  ASSERT_TRUE(fill(1, 2 * kMiB).ok());
  reopen();
  EXPECT_TRUE(intact(1, 2 * kMiB));
  EXPECT_FALSE(content(1, 2 * kMiB)->pinned());
}

TEST_F(CacheCareTest, EvictTakesOneUnlessItIsOpenOrPinned) {
  open();
  for (const Bytes size : {Bytes{1000}, 2 * kMiB}) {
    EXPECT_EQ(evict(1, size), EvictOutcome::kNotHere);
    ASSERT_TRUE(fill(1, size).ok());
    {
      const auto held = content(1, size);
      EXPECT_EQ(evict(1, size), EvictOutcome::kOpen);
    }
    pin(1, size);
    EXPECT_EQ(evict(1, size), EvictOutcome::kPinned);
    EXPECT_TRUE(intact(1, size));
    pin(1, size, false);
    EXPECT_EQ(evict(1, size), EvictOutcome::kEvicted);
    EXPECT_FALSE(present(1, size));
  }
  EXPECT_EQ(disk_used(), 0u);
}

TEST_F(CacheCareTest, TheSummaryAddsUp) {
  options_.min_free_disk = 0.1;
  options_.disk_space = [](const std::filesystem::path&) -> Result<DiskSpace> {
    return DiskSpace{200 * kMiB, 50 * kMiB};
  };
  open_with(100 * kMiB);
  fill_and_save(0, 3, 2 * kMiB);
  fill_and_save(3, 4, 1000);
  pin(0, 2 * kMiB);
  const CacheSummary summary = cache_->summary();
  EXPECT_EQ(summary.capacity, 100 * kMiB);
  EXPECT_EQ(summary.bytes, cache_->used_bytes());
  EXPECT_EQ(summary.contents, 4u);
  EXPECT_EQ(summary.pinned_contents, 1u);
  EXPECT_EQ(summary.pinned_bytes, 2 * kMiB);
  EXPECT_EQ(summary.inline_bytes, disk_cost(1000));
  EXPECT_EQ(summary.free_disk, 50 * kMiB);
  EXPECT_EQ(summary.free_disk_floor, 20 * kMiB);
  // The disk leaves 30 MiB more than is used.
  EXPECT_LT(summary.room, summary.bytes + 30 * kMiB - summary.pinned_bytes);
  EXPECT_GT(summary.room, 30 * kMiB);
}

}  // namespace
}  // namespace driveway::cache
