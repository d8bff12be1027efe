// Room in the cache: the hard cap, the floor of free disk, and who is evicted (R2).
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <atomic>
#include <mutex>
#include <set>
#include <thread>

#include "cache/content_cache.h"
#include "unit/cache/space_fixture.h"

namespace driveway::cache {
namespace {

namespace fs = std::filesystem;

TEST_F(CacheSpaceTest, LeastRecentlyUsedGoesFirst) {
  open_with(10 * kMiB);
  for (std::uint64_t i = 0; i < 4; ++i) {
    ASSERT_TRUE(fill(i, 2 * kMiB).ok());
    ASSERT_TRUE(cache_->flush().ok());
    pass_time();
  }
  ASSERT_TRUE(intact(0, 2 * kMiB));  // used again
  pass_time();
  ASSERT_TRUE(fill(9, 3 * kMiB).ok());
  ASSERT_TRUE(cache_->flush().ok());
  EXPECT_FALSE(present(1, 2 * kMiB));
  EXPECT_TRUE(intact(0, 2 * kMiB));
  EXPECT_TRUE(intact(3, 2 * kMiB));
  EXPECT_TRUE(intact(9, 3 * kMiB));
  EXPECT_GE(metric("cache.evictions"), 1);
  // The order of use is kept over a reopen.
  reopen();
  ASSERT_TRUE(fill(10, 3 * kMiB).ok());
  EXPECT_TRUE(intact(10, 3 * kMiB));
  EXPECT_LE(cache_->used_bytes(), 10 * kMiB);
}

TEST_F(CacheSpaceTest, NeverAboveTheCap) {
  open_with(8 * kMiB);
  std::atomic<bool> stop = false;
  std::atomic<bool> above = false;
  std::thread watch([&] {
    while (!stop) {
      if (cache_->used_bytes() > 8 * kMiB) above = true;
      std::this_thread::yield();
    }
  });
  for (std::uint64_t i = 0; i < 60; ++i) {
    const Bytes size = (1 + i % 3) * kMiB + i * 1000;
    EXPECT_TRUE(fill(i, size).ok()) << i;
  }
  stop = true;
  watch.join();
  EXPECT_FALSE(above);
  EXPECT_LE(disk_used(), 8 * kMiB);
}

TEST_F(CacheSpaceTest, OpenContentIsNeverEvicted) {
  open_with(6 * kMiB);
  ASSERT_TRUE(fill(1, 3 * kMiB).ok());
  ASSERT_TRUE(cache_->flush().ok());
  const auto held = content(1, 3 * kMiB);
  pass_time();
  for (std::uint64_t i = 10; i < 20; ++i) {
    ASSERT_TRUE(fill(i, 2 * kMiB).ok());
    ASSERT_TRUE(cache_->flush().ok());
  }
  EXPECT_EQ(read(*held, 0, 3 * kMiB).value_or(""), bytes_of(1, 3 * kMiB));
}

TEST_F(CacheSpaceTest, ContentThatDoesNotFitIsRefusedAndGivesItsRoomBack) {
  open_with(4 * kMiB);
  {
    const auto opened = content(1, 10 * kMiB);
    const std::string& bytes = bytes_of(1, 10 * kMiB);
    Status status;
    Bytes at = 0;
    for (; status.ok() && at < 10 * kMiB; at += kMiB) {
      status = write(*opened, at, std::string_view(bytes).substr(at, kMiB));
    }
    EXPECT_TRUE(status.failed_with(ErrorCode::kNoSpace));
    EXPECT_GE(at, 3 * kMiB);
    // What did fit can be read.
    EXPECT_EQ(read(*opened, 0, 2 * kMiB).value_or(""), bytes.substr(0, 2 * kMiB));
    ASSERT_TRUE(opened->commit({0, 2 * kMiB}).ok());
  }
  ASSERT_TRUE(cache_->flush().ok());
  EXPECT_LE(cache_->used_bytes(), 3 * kMiB);
  ASSERT_TRUE(fill(2, 3 * kMiB).ok());
  EXPECT_TRUE(intact(2, 3 * kMiB));
}

TEST_F(CacheSpaceTest, BackgroundEvictionGoesToTheLowWaterMark) {
  open_with(40 * kMiB);
  for (std::uint64_t i = 0; i < 37; ++i) ASSERT_TRUE(fill(i, kMiB).ok());
  ASSERT_TRUE(cache_->flush().ok());
  EXPECT_EQ(metric("cache.evictions"), 0);
  EXPECT_TRUE(fill(99, kMiB).ok());  // above 95 %
  EXPECT_TRUE(eventually([&] { return cache_->used_bytes() <= 36 * kMiB; }));
  EXPECT_GE(cache_->used_bytes(), 34 * kMiB);
  EXPECT_TRUE(intact(99, kMiB));
}

TEST_F(CacheSpaceTest, OfALargeContentOnlyTheEndGoes) {
  open_with(100 * kMiB);
  const Bytes size = 70 * kMiB + 5;
  ASSERT_TRUE(fill(1, size).ok());
  {
    const auto large = content(1, size);
    large->set_verified(large->generation());
  }
  ASSERT_TRUE(cache_->flush().ok());
  pass_time();
  ASSERT_TRUE(fill(2, 20 * kMiB).ok());
  pass_time();
  ASSERT_TRUE(fill(3, 8 * kMiB).ok());  // above 95 %
  EXPECT_TRUE(eventually([&] { return cache_->used_bytes() <= 90 * kMiB; }));
  EXPECT_GE(disk_used(), 80 * kMiB);
  EXPECT_TRUE(intact(2, 20 * kMiB));
  for (const bool again : {false, true}) {
    if (again) reopen();
    const auto large = content(1, size);
    EXPECT_TRUE(large->has({0, 60 * kMiB}));
    EXPECT_FALSE(large->has({size - 1, 1}));
    EXPECT_FALSE(large->verified());
    EXPECT_EQ(read(*large, 50 * kMiB, kMiB).value_or(""),
              bytes_of(1, size).substr(50 * kMiB, kMiB));
  }
  EXPECT_EQ(metric("cache.crc_errors"), 0);
  ASSERT_TRUE(cache_->trim(80 * kMiB).ok());  // more of its end
  EXPECT_LE(cache_->used_bytes(), 80 * kMiB);
  ASSERT_TRUE(cache_->clear(false).ok());
  EXPECT_EQ(disk_used(), 0u);
  ASSERT_TRUE(fill(1, size).ok());
  EXPECT_TRUE(intact(1, size));
}

TEST_F(CacheSpaceTest, SmallerCapacityIsReachedAfterOpen) {
  open_with(40 * kMiB);
  for (std::uint64_t i = 0; i < 20; ++i) ASSERT_TRUE(fill(i, kMiB).ok());
  open_with(10 * kMiB);
  EXPECT_TRUE(eventually([&] { return cache_->used_bytes() <= 9 * kMiB; }));
}

TEST_F(CacheSpaceTest, InlineObjectsHaveAShareOfTheirOwn) {
  open_with(16 * kMiB);
  for (std::uint64_t i = 0; i < 300; ++i) {
    EXPECT_TRUE(fill(i, 100'000).ok()) << i;
  }
  EXPECT_FALSE(present(0, 100'000));
  EXPECT_TRUE(intact(299, 100'000));
  EXPECT_LE(cache_->used_bytes(), 16 * kMiB);
  // Files still find room beside them.
  ASSERT_TRUE(fill(1000, 5 * kMiB).ok());
  EXPECT_TRUE(intact(1000, 5 * kMiB));
  EXPECT_TRUE(intact(299, 100'000));
}

TEST_F(CacheSpaceTest, SmallObjectsEvictNobodyWhileThereIsRoom) {
  open_with(64 * kMiB);  // 16 MiB of them inline
  for (std::uint64_t i = 0; i < 400; ++i) ASSERT_TRUE(fill(i, 100'000).ok());
  ASSERT_TRUE(cache_->flush().ok());
  EXPECT_EQ(metric("cache.evictions"), 0);
  for (std::uint64_t i = 0; i < 400; i += 57) EXPECT_TRUE(intact(i, 100'000)) << i;
  EXPECT_FALSE(content_files().empty());
}

TEST_F(CacheSpaceTest, FloorOfFreeDiskHolds) {
  // A disk of 100 MiB on which only the cache writes, and another program.
  Bytes others = 0;
  std::mutex mutex;
  options_.min_free_disk = 0.05;
  options_.disk_space = [&](const fs::path&) -> Result<DiskSpace> {
    const std::lock_guard lock(mutex);
    const Bytes used = disk_used() + others;
    return DiskSpace{100 * kMiB, used > 100 * kMiB ? 0 : 100 * kMiB - used};
  };
  open_with(1 * kGiB);
  for (std::uint64_t i = 0; i < 130; ++i) ASSERT_TRUE(fill(i, kMiB).ok());
  EXPECT_LE(disk_used(), 95 * kMiB);
  EXPECT_TRUE(intact(129, kMiB));
  {
    const std::lock_guard lock(mutex);
    others = 96 * kMiB;
  }
  // At the floor everything goes, and then nothing enters.
  EXPECT_TRUE(fill(500, kMiB).failed_with(ErrorCode::kNoSpace));
  EXPECT_EQ(disk_used(), 0u);
}

// A disk of 100 MiB that others have left 60 MiB of.
TEST_F(CacheSpaceTest, BackgroundEvictionKeepsAwayFromTheFloorToo) {
  std::atomic<Bytes> others = 40 * kMiB;
  options_.min_free_disk = 0.1;
  options_.disk_space = [&](const fs::path&) -> Result<DiskSpace> {
    return DiskSpace{100 * kMiB, 100 * kMiB - others - std::min(disk_used(), 100 * kMiB - others)};
  };
  open_with(1 * kGiB);
  // 50 MiB are to be had: 95 % of that are 47.5, 90 % are 45.
  for (std::uint64_t i = 0; i < 46; ++i) ASSERT_TRUE(fill(i, kMiB).ok());
  ASSERT_TRUE(cache_->flush().ok());
  EXPECT_EQ(metric("cache.evictions"), 0);
  for (std::uint64_t i = 46; i < 50; ++i) ASSERT_TRUE(fill(i, kMiB).ok());
  EXPECT_TRUE(eventually([&] { return disk_used() <= 47 * kMiB; }));
  EXPECT_GE(disk_used(), 43 * kMiB);
  // When others fill the disk, the cache makes room although nobody asks it for anything.
  others = 60 * kMiB;
  EXPECT_TRUE(eventually([&] {
    clock_.advance(std::chrono::seconds(11));
    return disk_used() <= 27 * kMiB;
  }));
  EXPECT_GE(disk_used(), 25 * kMiB);
}

// R2 and D4: the file of an evicted content is empty before another takes it, under another number.
TEST_F(CacheSpaceTest, EvictedFilesAreRecycledUnderNewNumbers) {
  open_with(6 * kMiB);
  ASSERT_TRUE(fill(1, 4 * kMiB).ok());
  ASSERT_TRUE(cache_->flush().ok());
  const fs::path before = content_files().at(0);
  struct stat old_info {};
  ASSERT_EQ(::stat(before.c_str(), &old_info), 0);
  {
    const auto opened = content(2, 4 * kMiB);
    ASSERT_TRUE(write(*opened, 0, bytes_of(2, 4 * kMiB).substr(0, kMiB)).ok());
    // The old one must go for it.
    ASSERT_TRUE(write(*opened, 3 * kMiB, bytes_of(2, 4 * kMiB).substr(3 * kMiB)).ok());
    ASSERT_TRUE(write(*opened, kMiB, bytes_of(2, 4 * kMiB).substr(kMiB, 2 * kMiB)).ok());
    ASSERT_TRUE(opened->commit({0, 4 * kMiB}).ok());
  }
  ASSERT_TRUE(cache_->flush().ok());
  ASSERT_TRUE(fill(3, kMiB).ok());
  std::set<fs::path> names;
  for (const fs::path& file : content_files()) names.insert(file.filename());
  bool recycled = false;
  for (const fs::path& file : content_files()) {
    struct stat info {};
    ASSERT_EQ(::stat(file.c_str(), &info), 0);
    recycled = recycled || info.st_ino == old_info.st_ino;
  }
  EXPECT_TRUE(recycled);
  EXPECT_FALSE(names.contains(before.filename()));
  EXPECT_TRUE(intact(3, kMiB));
  EXPECT_TRUE(intact(2, 4 * kMiB));
}

TEST_F(CacheSpaceTest, FailedEvictionLosesNothing) {
  if (!fault::compiled_in()) GTEST_SKIP() << "needs fault points";
  open_with(6 * kMiB);
  ASSERT_TRUE(fill(1, 4 * kMiB).ok());
  ASSERT_TRUE(cache_->flush().ok());
  fault::arm("cache.before_evict_commit", [] {
    return Status(Error{ErrorCode::kLocalDisk, "bad"});
  });
  EXPECT_TRUE(fill(2, 4 * kMiB).failed_with(ErrorCode::kNoSpace));
  EXPECT_TRUE(intact(1, 4 * kMiB));
  fault::disarm_all();
  EXPECT_TRUE(fill(2, 4 * kMiB).ok());
  EXPECT_TRUE(intact(2, 4 * kMiB));
  EXPECT_FALSE(present(1, 4 * kMiB));
}

// A disk without room for the commit of an eviction is relieved first.
TEST_F(CacheSpaceTest, FullDiskIsRelievedBeforeTheRowsGo) {
  if (!fault::compiled_in()) GTEST_SKIP() << "needs fault points";
  open_with(6 * kMiB);
  ASSERT_TRUE(fill(1, 4 * kMiB).ok());
  ASSERT_TRUE(cache_->flush().ok());
  int passages = 0;
  fault::arm("cache.before_evict_commit", [&]() -> Status {
    if (++passages == 1 || disk_used() > 0) return Error{ErrorCode::kNoSpace, "full"};
    return {};
  });
  EXPECT_TRUE(fill(2, 4 * kMiB).ok());
  EXPECT_EQ(passages, 2);
  EXPECT_TRUE(intact(2, 4 * kMiB));
  fault::arm("cache.before_evict_commit", [] {
    return Status(Error{ErrorCode::kNoSpace, "full for good"});
  });
  ASSERT_TRUE(cache_->flush().ok());
  EXPECT_TRUE(fill(3, 4 * kMiB).failed_with(ErrorCode::kNoSpace));
  EXPECT_FALSE(present(2, 4 * kMiB));  // its file is empty now, and that is seen
  fault::disarm_all();
  EXPECT_TRUE(fill(3, 4 * kMiB).ok());
  EXPECT_TRUE(intact(3, 4 * kMiB));
}

// Readers and writers of more than fits: no wrong byte, never above the cap.
TEST_F(CacheSpaceTest, EvictionBesideReadersGivesNoWrongByte) {
  const auto seed = std::random_device()();
  SCOPED_TRACE(seed);
  open_with(12 * kMiB);
  std::atomic<int> wrong = 0;
  std::atomic<int> hits = 0;
  std::vector<std::thread> threads;
  for (unsigned t = 0; t < 6; ++t) {
    threads.emplace_back([&, t] {
      std::mt19937 random(seed + t);
      for (int i = 0; i < 120; ++i) {
        const std::uint64_t which = random() % 12;
        const Bytes size = which < 4 ? 60'000 + which : which * 200'000;
        const std::string& bytes = bytes_of(which, size);
        const auto opened = content(which, size);
        if (!opened->has({0, size})) {
          if (write(*opened, 0, bytes).ok() && !opened->commit({0, size}).ok()) ++wrong;
        }
        const auto found = read(*opened, 0, size);
        if (found.ok()) {
          ++hits;
          if (*found != bytes) ++wrong;
        } else if (!found.failed_with(ErrorCode::kNotFound)) {
          ++wrong;
        }
        if (cache_->used_bytes() > 12 * kMiB) ++wrong;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
  EXPECT_GT(hits, 100);
  EXPECT_EQ(metric("cache.crc_errors"), 0);
}

}  // namespace
}  // namespace driveway::cache
