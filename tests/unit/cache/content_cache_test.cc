#include "cache/content_cache.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <atomic>
#include <fstream>
#include <thread>

#include "store/env.h"
#include "unit/cache/cache_fixture.h"

namespace driveway::cache {
namespace {

namespace fs = std::filesystem;

// The sizes around which something changes: empty, one byte, a checksum's unit, inline or file, a
// block, a group of blocks.
const std::vector<Bytes> kSizes = {0,
                                   1,
                                   kCrcUnit,
                                   kCrcUnit + 1,
                                   kInlineLimit,
                                   kInlineLimit + 1,
                                   kBlockSize,
                                   kBlockSize + 1,
                                   3 * kBlockSize + 70'000,
                                   17 * kBlockSize + 5};

TEST_F(CacheTest, KeepsContentsOfEverySizeOverReopen) {
  open();
  for (const Bytes size : kSizes) ASSERT_TRUE(fill(size, size).ok()) << size;
  for (const Bytes size : kSizes) EXPECT_TRUE(intact(size, size)) << size;
  reopen();
  for (const Bytes size : kSizes) EXPECT_TRUE(intact(size, size)) << size;
  EXPECT_EQ(metric("cache.contents"), static_cast<std::int64_t>(kSizes.size()) - 1);  // but empty
  EXPECT_EQ(metric("cache.crc_errors"), 0);
}

TEST_F(CacheTest, EmptyContentNeedsNothing) {
  open();
  const auto empty = content(1, 0);
  EXPECT_TRUE(empty->has({0, 0}));
  EXPECT_TRUE(empty->missing({0, 100}).empty());
  EXPECT_EQ(read(*empty, 0, 10).value_or("?"), "");
  EXPECT_TRUE(write(*empty, 0, "").ok());
  EXPECT_TRUE(empty->commit({0, 0}).ok());
  EXPECT_TRUE(write(*empty, 0, "x").failed_with(ErrorCode::kInvalidArgument));
  EXPECT_TRUE(content_files().empty());
}

TEST_F(CacheTest, SmallContentsTakeNoFile) {
  open();
  ASSERT_TRUE(fill(1, kInlineLimit).ok());
  EXPECT_TRUE(content_files().empty());
  ASSERT_TRUE(fill(2, kInlineLimit + 1).ok());
  EXPECT_EQ(content_files().size(), 1u);
}

TEST_F(CacheTest, ReadsStopAtTheEnd) {
  open();
  for (const Bytes size : {Bytes{1000}, 2 * kBlockSize + 10}) {
    ASSERT_TRUE(fill(size, size).ok());
    const auto opened = content(size, size);
    EXPECT_EQ(read(*opened, size - 4, 100).value_or(""), bytes_of(size, size).substr(size - 4));
    EXPECT_EQ(read(*opened, size, 100).value_or("?"), "");
    EXPECT_EQ(read(*opened, size + 1, 100).value_or("?"), "");
  }
}

// R1: readable at once, but in the index only by commit().
TEST_F(CacheTest, ArrivedBytesAreReadableButNotKept) {
  const Bytes size = 3 * kBlockSize;
  open();
  {
    const auto opened = content(1, size);
    const std::string& bytes = bytes_of(1, size);
    ASSERT_TRUE(write(*opened, 0, bytes.substr(0, 100'000)).ok());
    EXPECT_TRUE(opened->has({50, 99'950}));
    EXPECT_FALSE(opened->has({50, 99'951}));
    EXPECT_EQ(read(*opened, 10, 90'000).value_or(""), bytes.substr(10, 90'000));
    EXPECT_TRUE(read(*opened, 0, 100'001).failed_with(ErrorCode::kNotFound));
    ASSERT_TRUE(write(*opened, 100'000, bytes.substr(100'000, 2 * kBlockSize - 100'000)).ok());
    ASSERT_TRUE(opened->commit({0, kBlockSize}).ok());
  }
  reopen();
  const auto opened = content(1, size);
  EXPECT_TRUE(opened->has({0, kBlockSize}));
  EXPECT_FALSE(opened->has({kBlockSize, 1}));
}

TEST_F(CacheTest, MissingIsInWholeBlocks) {
  const Bytes size = 4 * kBlockSize + 100;
  open();
  const auto opened = content(1, size);
  EXPECT_EQ(opened->missing({10, 20}), (std::vector<ByteRange>{{0, kBlockSize}}));
  EXPECT_EQ(opened->missing({kBlockSize - 1, 2}), (std::vector<ByteRange>{{0, 2 * kBlockSize}}));
  EXPECT_EQ(opened->missing({0, 10 * kBlockSize}), (std::vector<ByteRange>{{0, size}}));
  EXPECT_EQ(opened->missing({4 * kBlockSize + 1, 1}),
            (std::vector<ByteRange>{{4 * kBlockSize, 100}}));
  ASSERT_TRUE(write(*opened, kBlockSize, std::string(kBlockSize, 'x')).ok());
  EXPECT_EQ(opened->missing({0, size}),
            (std::vector<ByteRange>{{0, kBlockSize}, {2 * kBlockSize, 2 * kBlockSize + 100}}));
  EXPECT_TRUE(opened->missing({kBlockSize + 5, 1000}).empty());
  EXPECT_TRUE(opened->missing({size, 10}).empty());
}

TEST_F(CacheTest, DiscardForgetsWhatIsNotIndexed) {
  const Bytes size = 3 * kBlockSize;
  open();
  const auto opened = content(1, size);
  ASSERT_TRUE(write(*opened, 0, bytes_of(1, size)).ok());
  ASSERT_TRUE(opened->commit({0, kBlockSize + 100}).ok());  // only one block lies in it whole
  opened->discard({0, size});
  EXPECT_TRUE(opened->has({0, kBlockSize}));
  EXPECT_FALSE(opened->has({kBlockSize, 1}));
  EXPECT_TRUE(opened->commit({0, size}).ok());
  EXPECT_FALSE(opened->has({kBlockSize, 1}));
  // Other bytes come in their place.
  ASSERT_TRUE(write(*opened, kBlockSize, bytes_of(1, size).substr(kBlockSize)).ok());
  ASSERT_TRUE(opened->commit({0, size}).ok());
  EXPECT_TRUE(intact(1, size));
}

// R1: bytes of another revision that come too late change nothing that is indexed.
TEST_F(CacheTest, IndexedBytesAreNeverWrittenAgain) {
  open();
  for (const Bytes size : {Bytes{5000}, 2 * kBlockSize}) {
    ASSERT_TRUE(fill(size, size).ok());
    const auto opened = content(size, size);
    ASSERT_TRUE(write(*opened, 0, std::string(size, 'x')).ok());
    opened->discard({0, size});
    EXPECT_TRUE(intact(size, size));
  }
}

TEST_F(CacheTest, TakesBytesInAnyOrder) {
  const auto seed = std::random_device()();
  SCOPED_TRACE(seed);
  std::mt19937 random(seed);
  open();
  for (const Bytes size : {Bytes{100'000}, 2 * kBlockSize + 12'345}) {
    const std::string& bytes = bytes_of(size, size);
    std::vector<ByteRange> pieces;
    for (Bytes at = 0; at < size;) {
      const Bytes length = std::min<Bytes>(size - at, 1 + random() % 40'000);
      pieces.push_back({at, length});
      at += length;
    }
    std::shuffle(pieces.begin(), pieces.end(), random);
    {
      const auto opened = content(size, size);
      for (const ByteRange& piece : pieces) {
        ASSERT_TRUE(write(*opened, piece.offset, bytes.substr(piece.offset, piece.length)).ok());
      }
      ASSERT_TRUE(opened->commit({0, size}).ok());
    }
    reopen();
    EXPECT_TRUE(intact(size, size));
  }
  EXPECT_EQ(metric("cache.crc_errors"), 0);
}

TEST_F(CacheTest, OpensOfOneIdShareOneContent) {
  open();
  const auto first = content(1, 10);
  const auto second = content(1, 10);
  EXPECT_EQ(first, second);
  EXPECT_TRUE(cache_->open_content(id_of(1, 10), 11).failed_with(ErrorCode::kInvalidArgument));
}

TEST_F(CacheTest, OtherSizeUnderOneIdBeginsAnew) {
  open();
  for (const Bytes size : {Bytes{1000}, 2 * kBlockSize}) {
    const ContentId id(cat("rev:file:", size));
    {
      auto opened = cache_->open_content(id, size);
      ASSERT_TRUE(write(**opened, 0, bytes_of(1, size)).ok());
      ASSERT_TRUE((*opened)->commit({0, size}).ok());
    }
    ASSERT_TRUE(cache_->flush().ok());
    auto opened = cache_->open_content(id, size + 1);
    ASSERT_TRUE(opened.ok());
    EXPECT_FALSE((*opened)->has({0, 1}));
    ASSERT_TRUE(write(**opened, 0, bytes_of(2, size + 1)).ok());
    ASSERT_TRUE((*opened)->commit({0, size + 1}).ok());
  }
  reopen();
  auto opened = cache_->open_content(ContentId("rev:file:1000"), 1001);
  EXPECT_EQ(read(**opened, 0, 2000).value_or(""), bytes_of(2, 1001));
}

TEST_F(CacheTest, LongIdsAreKept) {
  open();
  const ContentId id("rev:" + std::string(2000, 'f') + ":1");
  {
    auto opened = cache_->open_content(id, 5);
    ASSERT_TRUE(write(**opened, 0, "hello").ok());
    ASSERT_TRUE((*opened)->commit({0, 5}).ok());
  }
  reopen();
  EXPECT_EQ(read(**cache_->open_content(id, 5), 0, 5).value_or(""), "hello");
}

TEST_F(CacheTest, ContentOutlivesTheCache) {
  open();
  ASSERT_TRUE(fill(1, 2 * kBlockSize).ok());
  const auto opened = content(1, 2 * kBlockSize);
  const auto small = content(2, 100);
  ASSERT_TRUE(write(*small, 0, bytes_of(2, 100)).ok());
  cache_.reset();
  EXPECT_TRUE(small->commit({0, 100}).ok());
  EXPECT_EQ(read(*small, 0, 100).value_or(""), bytes_of(2, 100));
  EXPECT_EQ(read(*opened, 0, 10).value_or(""), bytes_of(1, 2 * kBlockSize).substr(0, 10));
}

// --- Damage

void change_byte(const fs::path& path, Bytes at) {
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  file.seekg(static_cast<std::streamoff>(at));
  const char byte = static_cast<char>(file.get() ^ 1);
  file.seekp(static_cast<std::streamoff>(at));
  file.put(byte);
}

TEST_F(CacheTest, DamagedBlockIsDroppedAndFetchedAnew) {
  const Bytes size = 3 * kBlockSize;
  open();
  ASSERT_TRUE(fill(1, size).ok());
  cache_.reset();
  change_byte(content_files().at(0), kBlockSize + 500'000);
  reopen();
  const std::string& bytes = bytes_of(1, size);
  {
    const auto opened = content(1, size);
    // Another unit of the same block is right.
    EXPECT_EQ(read(*opened, kBlockSize, 1000).value_or(""), bytes.substr(kBlockSize, 1000));
    // A small part of the damaged unit, which does not hold the damage itself.
    EXPECT_TRUE(read(*opened, kBlockSize + 499'000, 10).failed_with(ErrorCode::kNotFound));
    EXPECT_EQ(metric("cache.crc_errors"), 1);
    EXPECT_EQ(opened->missing({0, size}), (std::vector<ByteRange>{{kBlockSize, kBlockSize}}));
    EXPECT_EQ(read(*opened, 0, kBlockSize).value_or(""), bytes.substr(0, kBlockSize));
    ASSERT_TRUE(write(*opened, kBlockSize, bytes.substr(kBlockSize, kBlockSize)).ok());
    ASSERT_TRUE(opened->commit({0, size}).ok());
  }
  EXPECT_TRUE(intact(1, size));
  reopen();
  EXPECT_TRUE(intact(1, size));
}

TEST_F(CacheTest, DroppedBlockStaysDroppedOverReopen) {
  const Bytes size = 2 * kBlockSize;
  open();
  ASSERT_TRUE(fill(1, size).ok());
  cache_.reset();
  change_byte(content_files().at(0), 5);
  reopen();
  EXPECT_FALSE(read(*content(1, size), 0, size).ok());
  reopen();
  EXPECT_EQ(content(1, size)->missing({0, size}), (std::vector<ByteRange>{{0, kBlockSize}}));
}

TEST_F(CacheTest, TruncatedFileLosesItsBlocksOnly) {
  const Bytes size = 4 * kBlockSize;
  open();
  ASSERT_TRUE(fill(1, size).ok());
  cache_.reset();
  fs::resize_file(content_files().at(0), 2 * kBlockSize + 7);
  reopen();
  EXPECT_EQ(content(1, size)->missing({0, size}),
            (std::vector<ByteRange>{{2 * kBlockSize, 2 * kBlockSize}}));
  EXPECT_EQ(metric("cache.crc_errors"), 1);
  // And while it is open.
  const auto opened = content(1, size);
  fs::resize_file(content_files().at(0), 100);
  EXPECT_TRUE(read(*opened, 0, 2 * kBlockSize).failed_with(ErrorCode::kNotFound));
  EXPECT_EQ(opened->missing({0, size}), (std::vector<ByteRange>{{0, size}}));
  ASSERT_TRUE(write(*opened, 0, bytes_of(1, size)).ok());
  ASSERT_TRUE(opened->commit({0, size}).ok());
  EXPECT_TRUE(intact(1, size));
}

TEST_F(CacheTest, VanishedFileIsMadeAgain) {
  const Bytes size = 2 * kBlockSize;
  open();
  ASSERT_TRUE(fill(1, size).ok());
  cache_.reset();
  fs::remove(content_files().at(0));
  reopen();
  EXPECT_FALSE(content(1, size)->has({0, 1}));
  ASSERT_TRUE(fill(1, size).ok());
  reopen();
  EXPECT_TRUE(intact(1, size));
}

TEST_F(CacheTest, DamagedIndexIsBegunAnew) {
  open();
  ASSERT_TRUE(fill(1, 1000).ok());
  ASSERT_TRUE(fill(2, 2 * kBlockSize).ok());
  cache_.reset();
  std::ofstream(folder() / "cache" / "data.mdb", std::ios::trunc) << std::string(50'000, 'x');
  reopen();
  EXPECT_FALSE(content(1, 1000)->has({0, 1}));
  EXPECT_FALSE(content(2, 2 * kBlockSize)->has({0, 1}));
  EXPECT_TRUE(content_files().empty());
  ASSERT_TRUE(fill(2, 2 * kBlockSize).ok());
  reopen();
  EXPECT_TRUE(intact(2, 2 * kBlockSize));
}

// As one that a former version wrote.
TEST_F(CacheTest, IndexOfAnotherVersionIsBegunAnew) {
  open();
  ASSERT_TRUE(fill(1, 1000).ok());
  ASSERT_TRUE(fill(2, 2 * kBlockSize).ok());
  cache_.reset();
  fs::remove_all(folder() / "cache");
  {
    const auto older =
        store::Env::open(folder() / "cache", {.map_size = kGiB, .format_version = 1});
    ASSERT_TRUE(older.ok());
  }
  reopen();
  EXPECT_FALSE(content(2, 2 * kBlockSize)->has({0, 1}));
  EXPECT_TRUE(content_files().empty());
  ASSERT_TRUE(fill(2, 2 * kBlockSize).ok());
  reopen();
  EXPECT_TRUE(intact(2, 2 * kBlockSize));
}

TEST_F(CacheTest, FilesThatNoRowNamesAreDeletedAtOpen) {
  open();
  ASSERT_TRUE(fill(1, 2 * kBlockSize).ok());
  cache_.reset();
  fs::create_directories(folder() / "content" / "07");
  std::ofstream(folder() / "content" / "07" / "7") << "orphan";
  std::ofstream(folder() / "content" / "07" / "what is this") << "stranger";
  std::ofstream(folder() / "content" / "07" / "8") << "in the wrong folder";
  reopen();
  EXPECT_EQ(content_files().size(), 1u);
  EXPECT_TRUE(intact(1, 2 * kBlockSize));
}

TEST_F(CacheTest, EraseForgetsEverythingUnseen) {
  open();
  ASSERT_TRUE(fill(1, 1000).ok());
  cache_.reset();
  ASSERT_TRUE(ContentCache::erase(folder()).ok());
  reopen();
  EXPECT_FALSE(content(1, 1000)->has({0, 1}));
}

// --- Faults of the disk

TEST_F(CacheTest, FailedWriteIsReportedAndLeavesNothing) {
  if (!fault::compiled_in()) GTEST_SKIP() << "needs fault points";
  open();
  const auto opened = content(1, 2 * kBlockSize);
  fault::arm("cache.pwrite", [] { return Status(Error{ErrorCode::kLocalDisk, "bad sector"}); });
  EXPECT_TRUE(write(*opened, 0, std::string(1000, 'x')).failed_with(ErrorCode::kLocalDisk));
  fault::arm("cache.pwrite", [] { return Status(Error{ErrorCode::kNoSpace, "disk full"}); });
  EXPECT_TRUE(write(*opened, 0, std::string(1000, 'x')).failed_with(ErrorCode::kNoSpace));
  EXPECT_FALSE(opened->has({0, 1}));
  fault::disarm_all();
  ASSERT_TRUE(write(*opened, 0, bytes_of(1, 2 * kBlockSize)).ok());
  ASSERT_TRUE(opened->commit({0, 2 * kBlockSize}).ok());
  EXPECT_TRUE(intact(1, 2 * kBlockSize));
}

// A file system that has become read-only: whoever writes reads past the cache, as with a full
// disk.
TEST_F(CacheTest, WhateverStopsAWriteIsTheLocalDisk) {
  if (!fault::compiled_in()) GTEST_SKIP() << "needs fault points";
  open();
  for (const char* point : {"cache.pwrite", "cache.create_file"}) {
    fault::arm(point, [] { return Status(Error{ErrorCode::kReadOnly, "read-only"}); });
    EXPECT_TRUE(fill(3, 2 * kBlockSize).failed_with(ErrorCode::kLocalDisk)) << point;
    fault::disarm_all();
  }
  ASSERT_TRUE(fill(3, 2 * kBlockSize).ok());
  EXPECT_TRUE(intact(3, 2 * kBlockSize));
}

TEST_F(CacheTest, IndexThatCannotBeWrittenIsTriedAgain) {
  if (!fault::compiled_in()) GTEST_SKIP() << "needs fault points";
  open();
  fault::arm("cache.before_commit", [] { return Status(Error{ErrorCode::kNoSpace, "full"}); });
  ASSERT_TRUE(fill(1, 1000).ok());
  ASSERT_TRUE(fill(2, 2 * kBlockSize).ok());
  EXPECT_TRUE(cache_->flush().failed_with(ErrorCode::kNoSpace));
  EXPECT_TRUE(intact(1, 1000));
  EXPECT_TRUE(intact(2, 2 * kBlockSize));
  fault::disarm_all();
  ASSERT_TRUE(cache_->flush().ok());
  reopen();
  EXPECT_TRUE(intact(1, 1000));
  EXPECT_TRUE(intact(2, 2 * kBlockSize));
}

// Inline objects that the index does not take do not fill the memory.
TEST_F(CacheTest, UnwritableIndexRefusesMoreInlineData) {
  if (!fault::compiled_in()) GTEST_SKIP() << "needs fault points";
  open();
  fault::arm("cache.before_commit", [] { return Status(Error{ErrorCode::kNoSpace, "full"}); });
  Status status;
  std::uint64_t count = 0;
  while (status.ok() && count < 2000) status = fill(++count, kInlineLimit);
  EXPECT_TRUE(status.failed_with(ErrorCode::kNoSpace));
  EXPECT_GE(count, 32 * kMiB / kInlineLimit);
  EXPECT_LE(count, 64 * kMiB / kInlineLimit + 1);
  fault::disarm_all();
  EXPECT_TRUE(fill(++count, kInlineLimit).ok());
}

TEST_F(CacheTest, ManyReadersOfOneContent) {
  const Bytes size = 5 * kBlockSize + 77;
  open();
  ASSERT_TRUE(fill(1, size).ok());
  reopen();
  const std::string& bytes = bytes_of(1, size);
  std::atomic<int> wrong = 0;
  std::vector<std::thread> threads;
  for (unsigned t = 0; t < 32; ++t) {
    threads.emplace_back([&, t] {
      std::mt19937 random(t);
      for (int i = 0; i < 60; ++i) {
        const auto opened = content(1, size);
        const Bytes offset = random() % size;
        const Bytes length = 1 + random() % 100'000;
        const auto found = read(*opened, offset, length);
        if (!found.ok() || *found != std::string_view(bytes).substr(offset, length)) ++wrong;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
}

}  // namespace
}  // namespace driveway::cache
