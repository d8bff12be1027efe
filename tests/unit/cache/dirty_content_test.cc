#include "cache/dirty_content.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>

#include "unit/cache/dirty_fixture.h"

namespace driveway::cache {
namespace {

namespace fs = std::filesystem;

Bytes disk_of(const fs::path& file) {
  struct stat info {};
  return ::stat(file.c_str(), &info) == 0 ? static_cast<Bytes>(info.st_blocks) * 512 : 0;
}

void change_byte(const fs::path& path, Bytes at) {
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  file.seekg(static_cast<std::streamoff>(at));
  const char byte = static_cast<char>(file.get() ^ 1);
  file.seekp(static_cast<std::streamoff>(at));
  file.put(byte);
}

// D4: opening for writing fetches nothing; the base shows through, and cannot be evicted.
TEST_F(DirtyTest, TheBaseShowsThrough) {
  open();
  ASSERT_TRUE(fill(1, 3 * kMiB).ok());
  ASSERT_TRUE(cache_->flush().ok());
  auto dirty = cache_->begin_dirty(content(1, 3 * kMiB));
  EXPECT_TRUE(dirty->parts({0, 10 * kMiB}) ==
              (std::vector<Part>{{{0, 3 * kMiB}, PartKind::kBase}}));
  ASSERT_TRUE(write(*dirty, kMiB, "local").ok());
  std::string expected = bytes_of(1, 3 * kMiB);
  expected.replace(kMiB, 5, "local");
  EXPECT_EQ(all_of(*dirty) == expected, true);
  EXPECT_EQ(cache_->clear(true)->contents, 0u);
  EXPECT_EQ(all_of(*dirty) == expected, true);
  discard(dirty);
  EXPECT_EQ(cache_->clear(true)->contents, 1u);
}

TEST_F(DirtyTest, WhatTheBaseLacksIsToBeFetched) {
  open();
  const auto base = content(1, 3 * kMiB);
  auto dirty = cache_->begin_dirty(base);
  ASSERT_TRUE(write(*dirty, 0, std::string(kMiB, 'x')).ok());
  EXPECT_TRUE(read(*dirty, 0, kMiB).ok());
  EXPECT_TRUE(read(*dirty, 0, kMiB + 1).failed_with(ErrorCode::kNotFound));
  fetch(*base, {kMiB, 1}, bytes_of(1, 3 * kMiB));
  EXPECT_TRUE(read(*dirty, 0, 2 * kMiB).ok());
}

TEST_F(DirtyTest, SmallOnesTakeNoFile) {
  open();
  auto dirty = cache_->begin_dirty(nullptr);
  ASSERT_TRUE(write(*dirty, 0, std::string(kInlineLimit, 'a')).ok());
  EXPECT_EQ(dirty->memory_bytes(), kInlineLimit);
  EXPECT_TRUE(content_files().empty());
  const std::string state = record(*dirty);
  EXPECT_GT(state.size(), kInlineLimit);
  dirty.reset();
  reopen();
  dirty = open_dirty(state);
  EXPECT_EQ(all_of(*dirty), std::string(kInlineLimit, 'a'));
  ASSERT_TRUE(write(*dirty, kInlineLimit, "b").ok());
  EXPECT_EQ(dirty->memory_bytes(), 0u);
  EXPECT_EQ(content_files().size(), 1u);
  EXPECT_EQ(all_of(*dirty), std::string(kInlineLimit, 'a') + "b");
  EXPECT_LT(record(*dirty).size(), 100u);
}

// A small file that is synced all the time would fill the log with its bytes.
TEST_F(DirtyTest, OftenRecordedContentMovesToItsFile) {
  open();
  auto dirty = cache_->begin_dirty(nullptr);
  for (int i = 0; i < 4; ++i) {
    ASSERT_TRUE(write(*dirty, 0, std::string(20'000, 'a')).ok());
    EXPECT_EQ(dirty->memory_bytes(), 20'000u);
    record(*dirty);
    record(*dirty);  // of the same bytes: does not count
  }
  ASSERT_TRUE(write(*dirty, 0, "b").ok());
  EXPECT_EQ(dirty->memory_bytes(), 0u);
  EXPECT_EQ(all_of(*dirty), "b" + std::string(19'999, 'a'));
}

TEST_F(DirtyTest, OnlySoMuchIsInMemory) {
  open();
  std::vector<std::shared_ptr<DirtyContent>> all;
  Bytes in_memory = 0;
  for (int i = 0; i < 300; ++i) {
    all.push_back(cache_->begin_dirty(nullptr));
    ASSERT_TRUE(write(*all.back(), 0, std::string(kInlineLimit, 'a')).ok());
    in_memory += all.back()->memory_bytes();
  }
  EXPECT_EQ(in_memory, 32 * kMiB);
  EXPECT_EQ(content_files().size(), 44u);
  discard(all.front());
  all.front() = cache_->begin_dirty(nullptr);
  ASSERT_TRUE(write(*all.front(), 0, std::string(kInlineLimit, 'a')).ok());
  EXPECT_EQ(all.front()->memory_bytes(), kInlineLimit);
}

// What an earlier record names is freed only when a later one stands (D1).
TEST_F(DirtyTest, ACutFreesBehindTheRecord) {
  open();
  auto dirty = cache_->begin_dirty(nullptr);
  ASSERT_TRUE(write(*dirty, 0, bytes_of(1, 2 * kMiB)).ok());
  const std::string before = record(*dirty);
  ASSERT_TRUE(dirty->truncate(0).ok());
  ASSERT_TRUE(dirty->punch({0, 1}).ok());
  EXPECT_EQ(all_of(*dirty), "");
  EXPECT_GE(disk_of(file_of(*dirty)), 2 * kMiB);
  EXPECT_EQ(cache_->summary().dirty_bytes, 2 * kMiB);
  const auto number = dirty->number();
  dirty.reset();
  reopen();  // killed before the record of the cut stood
  dirty = open_dirty(before);
  EXPECT_EQ(all_of(*dirty) == bytes_of(1, 2 * kMiB), true);
  ASSERT_TRUE(dirty->truncate(0).ok());
  const auto state = dirty->state();
  dirty->recorded(state->generation - 1);  // another's
  EXPECT_GE(disk_of(file_of(*dirty)), 2 * kMiB);
  dirty->recorded(state->generation);
  EXPECT_EQ(disk_of(file_of(*dirty)), 0u);
  EXPECT_EQ(cache_->summary().dirty_bytes, 0u);
  EXPECT_EQ(dirty->number(), number);
}

TEST_F(DirtyTest, AllocateTakesSpaceNow) {
  open();
  auto dirty = cache_->begin_dirty(nullptr);
  ASSERT_TRUE(dirty->allocate({0, kMiB}, /*keep_size=*/true).ok());
  EXPECT_EQ(dirty->size(), 0u);
  EXPECT_EQ(disk_of(file_of(*dirty)), kMiB);
  ASSERT_TRUE(dirty->allocate({kMiB, kMiB}, /*keep_size=*/false).ok());
  EXPECT_EQ(dirty->size(), 2 * kMiB);
  EXPECT_EQ(cache_->summary().dirty_bytes, 2 * kMiB);
  EXPECT_EQ(dirty->next_data(0), std::nullopt);
  ASSERT_TRUE(write(*dirty, 5, "x").ok());
  EXPECT_EQ(cache_->summary().dirty_bytes, 2 * kMiB);
  EXPECT_EQ(read(*dirty, 0, 10).value_or(""), std::string(5, '\0') + "x" + std::string(4, '\0'));
}

// D2: what did not reach the disk is told, and never read as zeros.
TEST_F(DirtyTest, ContentThatDidNotReachTheDiskIsTold) {
  open();
  for (const bool short_file : {false, true}) {
    auto dirty = cache_->begin_dirty(nullptr);
    ASSERT_TRUE(write(*dirty, 0, bytes_of(1, kMiB)).ok());
    const std::string state = record(*dirty);
    const fs::path file = file_of(*dirty);
    dirty.reset();
    cache_.reset();
    if (short_file) {
      fs::resize_file(file, 3 * kCrcUnit + 1);
    } else {
      fs::resize_file(file, 3 * kCrcUnit);
      fs::resize_file(file, kMiB);  // as a page that was never written
    }
    ASSERT_TRUE(ContentCache::erase(folder(), recorded_numbers()).ok());
    reopen();
    dirty = open_dirty(state, Check::kAll);
    EXPECT_EQ(dirty->damaged(), (std::vector<ByteRange>{{3 * kCrcUnit, 13 * kCrcUnit}}));
    EXPECT_TRUE(dirty->touched());
    EXPECT_EQ(read(*dirty, 0, 3 * kCrcUnit).value_or(""),
              bytes_of(1, kMiB).substr(0, 3 * kCrcUnit));
    EXPECT_TRUE(read(*dirty, 3 * kCrcUnit, 1).failed_with(ErrorCode::kCorrupt));
    EXPECT_GT(metric("cache.dirty_damaged"), 0);
    // Nothing hides it: neither a write beside it, nor a cut through it; a write over it does.
    EXPECT_TRUE(write(*dirty, 3 * kCrcUnit, "x").failed_with(ErrorCode::kCorrupt));
    EXPECT_TRUE(dirty->truncate(3 * kCrcUnit + 5).failed_with(ErrorCode::kCorrupt));
    EXPECT_EQ(dirty->size(), kMiB);
    ASSERT_TRUE(write(*dirty, 3 * kCrcUnit, bytes_of(1, kMiB).substr(3 * kCrcUnit)).ok());
    EXPECT_TRUE(dirty->damaged().empty());
    EXPECT_EQ(all_of(*dirty) == bytes_of(1, kMiB), true);
    discard(dirty);
  }
}

TEST_F(DirtyTest, AFileThatHasGoneIsDamage) {
  open();
  auto dirty = cache_->begin_dirty(nullptr);
  ASSERT_TRUE(write(*dirty, 0, bytes_of(1, kMiB)).ok());
  const std::string state = record(*dirty);
  const fs::path file = file_of(*dirty);
  dirty.reset();
  cache_.reset();
  fs::remove(file);
  reopen();
  dirty = open_dirty(state);
  EXPECT_EQ(dirty->damaged(), (std::vector<ByteRange>{{0, kMiB}}));
  EXPECT_TRUE(read(*dirty, 0, 1).failed_with(ErrorCode::kCorrupt));
}

// Bytes that were overwritten behind the record are no damage.
TEST_F(DirtyTest, WhatWasOverwrittenBehindTheRecordCounts) {
  open();
  auto dirty = cache_->begin_dirty(nullptr);
  ASSERT_TRUE(write(*dirty, 0, bytes_of(1, kMiB)).ok());
  const std::string state = record(*dirty);
  ASSERT_TRUE(write(*dirty, 100, "newer").ok());
  std::string expected = bytes_of(1, kMiB);
  expected.replace(100, 5, "newer");
  dirty.reset();
  reopen();
  dirty = open_dirty(state);
  EXPECT_TRUE(dirty->touched());
  EXPECT_EQ(all_of(*dirty) == expected, true);
  dirty.reset();
  reopen();
  dirty = open_dirty(state, Check::kAll);  // told, and taken by who knows better
  EXPECT_EQ(dirty->damaged(), (std::vector<ByteRange>{{0, kCrcUnit}}));
  ASSERT_TRUE(dirty->accept_damaged().ok());
  EXPECT_EQ(all_of(*dirty) == expected, true);
}

TEST_F(DirtyTest, DamageAtRestIsSeenWhenItIsRead) {
  open();
  auto dirty = cache_->begin_dirty(nullptr);
  ASSERT_TRUE(write(*dirty, 0, bytes_of(1, kMiB)).ok());
  const std::string state = record(*dirty);
  const fs::path file = file_of(*dirty);
  dirty.reset();
  cache_.reset();
  const auto time = fs::last_write_time(file);
  change_byte(file, 5 * kCrcUnit + 100);
  fs::last_write_time(file, time);
  reopen();
  dirty = open_dirty(state);
  EXPECT_FALSE(dirty->touched());
  EXPECT_TRUE(dirty->damaged().empty());
  EXPECT_TRUE(read(*dirty, 4 * kCrcUnit, kCrcUnit).ok());
  EXPECT_TRUE(read(*dirty, 5 * kCrcUnit, 1).failed_with(ErrorCode::kCorrupt));
  EXPECT_EQ(dirty->damaged(), (std::vector<ByteRange>{{5 * kCrcUnit, kCrcUnit}}));
  EXPECT_EQ(metric("cache.dirty_damaged"), 1);
}

// D6: all or nothing, and no old byte is harmed.
TEST_F(DirtyTest, AFailedWriteHasNotHappened) {
  if (!fault::compiled_in()) GTEST_SKIP() << "needs fault points";
  open();
  auto dirty = cache_->begin_dirty(nullptr);
  ASSERT_TRUE(write(*dirty, 0, bytes_of(1, kMiB)).ok());
  const auto generation = dirty->generation();
  fault::arm("cache.dirty_write", [] { return Status(Error{ErrorCode::kNoSpace, "full"}); });
  EXPECT_TRUE(write(*dirty, kMiB - 5, "xxxxxxxxxx").failed_with(ErrorCode::kNoSpace));
  fault::arm("cache.dirty_write", [] { return Status(Error{ErrorCode::kReadOnly, "bad"}); });
  EXPECT_TRUE(write(*dirty, 3 * kMiB, "xxxxxxxxxx").failed_with(ErrorCode::kLocalDisk));
  fault::disarm_all();
  EXPECT_EQ(dirty->size(), kMiB);
  EXPECT_EQ(dirty->generation(), generation);
  EXPECT_EQ(all_of(*dirty) == bytes_of(1, kMiB), true);
  EXPECT_EQ(cache_->summary().dirty_bytes, kMiB);
  // The new part stands in the file, the old one fails: it is not in the extents.
  fault::arm(
      "cache.dirty_write",
      [] {
        return Status(Error{ErrorCode::kLocalDisk, "bad"});
      },
      2);
  EXPECT_TRUE(write(*dirty, kMiB - 5, "xxxxxxxxxx").failed_with(ErrorCode::kLocalDisk));
  fault::disarm_all();
  EXPECT_EQ(all_of(*dirty) == bytes_of(1, kMiB), true);
  ASSERT_TRUE(dirty->truncate(2 * kMiB).ok());
  EXPECT_EQ(read(*dirty, kMiB, kMiB).value_or("") == std::string(kMiB, '\0'), true);
  const std::string state = record(*dirty);
  dirty.reset();
  reopen();
  EXPECT_TRUE(open_dirty(state, Check::kAll)->damaged().empty());
}

TEST_F(DirtyTest, AFailedSyncStaysFailed) {
  if (!fault::compiled_in()) GTEST_SKIP() << "needs fault points";
  open();
  auto dirty = cache_->begin_dirty(nullptr);
  ASSERT_TRUE(write(*dirty, 0, "small").ok());
  fault::arm("cache.dirty_sync", [] { return Status(Error{ErrorCode::kLocalDisk, "bad"}); });
  EXPECT_TRUE(dirty->sync().ok());  // in memory: the record has it
  ASSERT_TRUE(write(*dirty, 0, bytes_of(1, kMiB)).ok());
  EXPECT_TRUE(dirty->sync().failed_with(ErrorCode::kLocalDisk));
  fault::disarm_all();
  EXPECT_TRUE(dirty->sync().failed_with(ErrorCode::kLocalDisk));
  // A page that the kernel dropped is not read as if it were right.
  EXPECT_TRUE(read(*dirty, 0, kMiB).ok());
}

// D2: a name that a crash of the machine may take away is not synced.
TEST_F(DirtyTest, ASyncBringsTheNameDownToo) {
  if (!fault::compiled_in()) GTEST_SKIP() << "needs fault points";
  open();
  auto dirty = cache_->begin_dirty(nullptr);
  ASSERT_TRUE(write(*dirty, 0, bytes_of(1, kMiB)).ok());
  int names = 0;
  fault::arm("cache.sync_name", [&]() -> Status {
    ++names;
    return {};
  });
  EXPECT_TRUE(dirty->sync().ok());
  EXPECT_TRUE(dirty->sync().ok());
  EXPECT_EQ(names, 1);
}

// J4: a snapshot is what it was, also when there was no room for it (then it says so).
TEST_F(DirtyTest, ASnapshotThatFindsNoRoomIsLostAndTheWriterGoesOn) {
  if (!fault::compiled_in()) GTEST_SKIP() << "needs fault points";
  open();
  auto dirty = cache_->begin_dirty(nullptr);
  ASSERT_TRUE(write(*dirty, 0, bytes_of(1, kMiB)).ok());
  auto taken = dirty->snapshot();
  ASSERT_TRUE(taken.ok());
  ASSERT_TRUE(write(*dirty, kMiB, "appended").ok());
  EXPECT_EQ(content_files().size(), 1u);  // that costs nothing
  ASSERT_TRUE(write(*dirty, 10, "changed").ok());
  EXPECT_EQ(content_files().size(), 2u);
  EXPECT_EQ(all_of(**taken) == bytes_of(1, kMiB), true);
  fault::arm("cache.snapshot_copy", [] { return Status(Error{ErrorCode::kNoSpace, "full"}); });
  ASSERT_TRUE(write(*dirty, kMiB / 2, "changed").ok());
  EXPECT_TRUE(read(**taken, 0, 10).failed_with(ErrorCode::kNoSpace));
  *taken = nullptr;
  EXPECT_EQ(cache_->summary().dirty_bytes, kMiB + 4 * kKiB);
}

// --- Adoption (D4)

TEST_F(DirtyTest, AdoptedContentKeepsItsFile) {
  open();
  ASSERT_TRUE(fill(1, 3 * kMiB).ok());
  auto dirty = cache_->begin_dirty(content(1, 3 * kMiB));
  ASSERT_TRUE(write(*dirty, kMiB + 5, "local").ok());
  std::string expected = bytes_of(1, 3 * kMiB);
  expected.replace(kMiB + 5, 5, "local");
  record(*dirty);
  const auto number = dirty->number();
  EXPECT_TRUE(cache_->adopt(dirty, id_of(2, 3 * kMiB), dirty->generation() - 1, true)
                  .failed_with(ErrorCode::kStale));
  ASSERT_TRUE(cache_->adopt(dirty, id_of(2, 3 * kMiB), dirty->generation(), true).ok());
  EXPECT_EQ(dirty->base()->id(), id_of(2, 3 * kMiB));
  EXPECT_TRUE(dirty->base()->verified());
  EXPECT_EQ(all_of(*dirty) == expected, true);
  // Again, as after a failure further on.
  ASSERT_TRUE(cache_->adopt(dirty, id_of(2, 3 * kMiB), dirty->generation(), true).ok());
  EXPECT_EQ(cache_->evict(id_of(1, 3 * kMiB)).value(), EvictOutcome::kEvicted);
  EXPECT_EQ(cache_->evict(id_of(2, 3 * kMiB)).value(), EvictOutcome::kOpen);
  discard(dirty);
  EXPECT_EQ(cache_->summary().dirty_bytes, 0u);
  reopen();
  const auto clean = content(2, 3 * kMiB);
  EXPECT_TRUE(clean->verified());
  EXPECT_TRUE(clean->complete());
  EXPECT_EQ(read(*clean, 0, 3 * kMiB).value_or("") == expected, true);
  ASSERT_EQ(content_files().size(), 1u);
  EXPECT_EQ(std::stoull(content_files()[0].filename().native(), nullptr, 16), number);
  EXPECT_EQ(metric("cache.crc_errors"), 0);
}

TEST_F(DirtyTest, BlocksThatTheBaseLacksAreNotHere) {
  open();
  const auto base = content(1, 4 * kMiB);
  fetch(*base, {2 * kMiB, 1}, bytes_of(1, 4 * kMiB));
  auto dirty = cache_->begin_dirty(base);
  ASSERT_TRUE(write(*dirty, 0, std::string(kMiB, 'x')).ok());
  ASSERT_TRUE(write(*dirty, kMiB + 10, "partly").ok());
  ASSERT_TRUE(write(*dirty, 2 * kMiB + 10, "local").ok());
  record(*dirty);
  const auto clean = cache_->adopt(dirty, id_of(2, 4 * kMiB), dirty->generation(), true);
  ASSERT_TRUE(clean.ok());
  EXPECT_EQ((*clean)->missing({0, 4 * kMiB}),
            (std::vector<ByteRange>{{kMiB, kMiB}, {3 * kMiB, kMiB}}));
  EXPECT_FALSE((*clean)->verified());
  EXPECT_EQ(read(**clean, 2 * kMiB + 10, 5).value_or(""), "local");
}

TEST_F(DirtyTest, AKnownContentStaysAndGetsWhatItLacks) {
  open();
  for (const Bytes size : {Bytes{1000}, 3 * kMiB}) {
    auto dirty = cache_->begin_dirty(nullptr);
    ASSERT_TRUE(write(*dirty, 0, bytes_of(size, size)).ok());
    const auto known = content(size, size);
    fetch(*known, {0, 1}, bytes_of(size, size));
    record(*dirty);
    auto clean = cache_->adopt(dirty, id_of(size, size), dirty->generation(), false);
    ASSERT_TRUE(clean.ok());
    EXPECT_EQ(*clean, known);
    EXPECT_TRUE(known->complete());
    EXPECT_EQ(all_of(*dirty) == bytes_of(size, size), true);
    discard(dirty);
    EXPECT_TRUE(intact(size, size));
  }
  EXPECT_EQ(cache_->summary().dirty_bytes, 0u);
}

TEST_F(DirtyTest, SmallAdoptedContentsLieInTheIndex) {
  open();
  auto dirty = cache_->begin_dirty(nullptr);
  ASSERT_TRUE(write(*dirty, 0, bytes_of(1, 10'000)).ok());
  record(*dirty);
  ASSERT_TRUE(cache_->adopt(dirty, id_of(1, 10'000), dirty->generation(), true).ok());
  EXPECT_TRUE(dirty->sync().ok()) << "there is no file, and none is needed";
  discard(dirty);
  reopen();
  EXPECT_TRUE(content_files().empty());
  EXPECT_TRUE(intact(1, 10'000));
}

// D4: files that neither a record nor the index names are deleted at open, those named are not.
TEST_F(DirtyTest, FilesThatNobodyNamesAreDeletedAtOpen) {
  open();
  auto named = cache_->begin_dirty(nullptr);
  auto forgotten = cache_->begin_dirty(nullptr);
  ASSERT_TRUE(write(*named, 0, bytes_of(1, kMiB)).ok());
  ASSERT_TRUE(write(*forgotten, 0, bytes_of(2, kMiB)).ok());
  const std::string state = record(*named);
  ASSERT_TRUE(write(*named, 0, bytes_of(3, kMiB)).ok());
  EXPECT_EQ(content_files().size(), 2u);
  cache_.reset();
  named.reset();
  forgotten.reset();
  // The index is lost, too: nothing of it is needed.
  std::ofstream(folder() / "cache" / "data.mdb", std::ios::trunc) << std::string(50'000, 'x');
  reopen();
  EXPECT_EQ(content_files().size(), 1u);
  EXPECT_EQ(all_of(*open_dirty(state)) == bytes_of(3, kMiB), true);
  EXPECT_EQ(cache_->summary().dirty_bytes, kMiB);
}

TEST_F(DirtyTest, DiscardedFilesGoWhenNobodyHasThemOpen) {
  open();
  auto dirty = cache_->begin_dirty(nullptr);
  ASSERT_TRUE(write(*dirty, 0, bytes_of(1, kMiB)).ok());
  const auto held = dirty;
  discard(dirty);
  EXPECT_EQ(all_of(*held) == bytes_of(1, kMiB), true);
  EXPECT_EQ(cache_->summary().dirty_bytes, kMiB);
}

TEST_F(DirtyTest, RecordsOfTheSameContentGiveTheSameObject) {
  open();
  auto dirty = cache_->begin_dirty(nullptr);
  ASSERT_TRUE(write(*dirty, 0, "x").ok());
  EXPECT_EQ(open_dirty(record(*dirty)), dirty);
  EXPECT_TRUE(cache_->open_dirty("rubbish", Check::kNone).failed_with(ErrorCode::kCorrupt));
}

TEST_F(DirtyTest, WritesBehindAllBoundsAreRefused) {
  open();
  auto dirty = cache_->begin_dirty(nullptr);
  EXPECT_TRUE(write(*dirty, ~Bytes{0}, "x").failed_with(ErrorCode::kTooLarge));
  EXPECT_TRUE(dirty->truncate(~Bytes{0}).failed_with(ErrorCode::kTooLarge));
  EXPECT_TRUE(dirty->punch({1, ~Bytes{0}}).failed_with(ErrorCode::kTooLarge));
  EXPECT_TRUE(dirty->allocate({1, ~Bytes{0}}, true).failed_with(ErrorCode::kTooLarge));
  ASSERT_TRUE(dirty->truncate(kMaxDirtySize).ok());
  EXPECT_EQ(dirty->next_data(0), std::nullopt);
  ASSERT_TRUE(write(*dirty, 1 * kGiB * 1024, "far").ok());
  EXPECT_EQ(dirty->next_data(0), kGiB * 1024);
  EXPECT_EQ(dirty->written_bytes(), 3u);
}

}  // namespace
}  // namespace driveway::cache
