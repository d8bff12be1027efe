// Room for dirty contents: clean ones go first, the disk's floor stops them, a full or failing disk
// harms nothing that was there (D6, R2). And many threads on one content.
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <thread>

#include "unit/cache/dirty_fixture.h"

namespace driveway::cache {
namespace {

class DirtySpaceTest : public DirtyTest {
 protected:
  // Runs `body` in a child whose cache folder is a tmpfs of `size` bytes that nobody else sees.
  template <typename Body>
  void on_small_disk(Bytes size, const Body& body) {
    std::filesystem::create_directories(folder());
    const pid_t pid = ::fork();
    ASSERT_GE(pid, 0);
    if (pid == 0) {
      const int namespaces = ::geteuid() == 0 ? CLONE_NEWNS : CLONE_NEWNS | CLONE_NEWUSER;
      if (::unshare(namespaces) != 0 ||
          ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
          ::mount("tmpfs", folder().c_str(), "tmpfs", 0, cat("size=", size).c_str()) != 0) {
        ::perror("a small disk");
        ::_exit(2);
      }
      body();
      cache_.reset();
      ::_exit(HasFailure() ? 1 : 0);
    }
    int status = 0;
    ASSERT_EQ(::waitpid(pid, &status, 0), pid);
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
  }
  // Until the disk is full; gives what stands in the content then.
  std::string fill_disk(DirtyContent& dirty) {
    std::string written;
    for (std::uint64_t i = 0; written.size() < 64 * kMiB; ++i) {
      const std::string& piece = bytes_of(i, 300'000);
      const Status status = write(dirty, written.size(), piece);
      if (!status.ok()) {
        EXPECT_TRUE(status.failed_with(ErrorCode::kNoSpace)) << status.error().to_string();
        break;
      }
      written += piece;
    }
    return written;
  }
};

// D6: the disk itself says no, in the middle of a write.
TEST_F(DirtySpaceTest, AFullDiskHarmsNothing) {
  on_small_disk(8 * kMiB, [this] {
    options_.disk_space = [](const std::filesystem::path&) -> Result<DiskSpace> {
      return DiskSpace{kGiB, kGiB};  // so that it is not seen before
    };
    reopen();
    auto dirty = cache_->begin_dirty(nullptr);
    std::string expected = fill_disk(*dirty);
    ASSERT_GT(expected.size(), 4 * kMiB);
    ASSERT_LT(expected.size(), 8 * kMiB);
    EXPECT_EQ(all_of(*dirty) == expected, true);
    // Across the end: the old part stays what it was.
    EXPECT_TRUE(
        write(*dirty, expected.size() - 1000, bytes_of(99, kMiB)).failed_with(ErrorCode::kNoSpace));
    EXPECT_EQ(all_of(*dirty) == expected, true);
    // In place there is room.
    ASSERT_TRUE(write(*dirty, 100'000, "overwritten").ok());
    expected.replace(100'000, 11, "overwritten");
    EXPECT_TRUE(dirty->allocate({0, 20 * kMiB}, false).failed_with(ErrorCode::kNoSpace));
    EXPECT_EQ(dirty->size(), expected.size());
    EXPECT_EQ(all_of(*dirty) == expected, true);
    const std::string state = record(*dirty);
    ASSERT_TRUE(dirty->truncate(kMiB).ok());
    record(*dirty);
    expected = expected.substr(0, kMiB) + bytes_of(99, kMiB);
    ASSERT_TRUE(write(*dirty, kMiB, bytes_of(99, kMiB)).ok());
    record(*dirty);
    const std::string last = records_.begin()->second;
    dirty.reset();
    reopen();
    EXPECT_EQ(all_of(*open_dirty(last, Check::kAll)) == expected, true);
  });
}

TEST_F(DirtySpaceTest, AFullDiskIsRelievedByCleanContents) {
  on_small_disk(12 * kMiB, [this] {
    options_.disk_space = [](const std::filesystem::path&) -> Result<DiskSpace> {
      return DiskSpace{kGiB, kGiB};
    };
    reopen();
    for (std::uint64_t i = 0; i < 5; ++i) ASSERT_TRUE(fill(i, kMiB).ok());
    ASSERT_TRUE(cache_->flush().ok());
    auto dirty = cache_->begin_dirty(nullptr);
    EXPECT_GT(fill_disk(*dirty).size(), 9 * kMiB);
    EXPECT_GE(metric("cache.evictions"), 4);
  });
}

// As root everything may be written: so as nobody.
TEST_F(DirtySpaceTest, AFolderThatMayNotBeWrittenIsTold) {
  on_small_disk(64 * kMiB, [this] {
    reopen();
    auto small = cache_->begin_dirty(nullptr);
    auto large = cache_->begin_dirty(nullptr);
    ASSERT_TRUE(write(*large, 0, bytes_of(1, kMiB)).ok());
    if (::geteuid() == 0) {
      ASSERT_EQ(::seteuid(65534), 0);
    } else {
      ASSERT_EQ(::chmod((folder() / "content").c_str(), 0500), 0);
    }
    EXPECT_TRUE(write(*small, 0, "in memory").ok());
    EXPECT_TRUE(write(*small, 0, bytes_of(1, kMiB)).failed_with(ErrorCode::kLocalDisk));
    EXPECT_EQ(all_of(*small), "in memory");
    EXPECT_EQ(all_of(*large) == bytes_of(1, kMiB), true);
  });
}

// R2 and D6: dirty bytes are never evicted, and may go beyond the capacity; clean ones go for them.
TEST_F(DirtySpaceTest, DirtyBytesGoBeyondTheCapacity) {
  options_.capacity = 10 * kMiB;
  reopen();
  for (std::uint64_t i = 100; i < 108; ++i) ASSERT_TRUE(fill(i, kMiB).ok());
  ASSERT_TRUE(cache_->flush().ok());
  std::vector<std::shared_ptr<DirtyContent>> all;
  for (std::uint64_t i = 0; i < 15; ++i) {
    all.push_back(cache_->begin_dirty(nullptr));
    ASSERT_TRUE(write(*all.back(), 0, bytes_of(i, 2 * kMiB)).ok());
  }
  EXPECT_EQ(cache_->summary().dirty_bytes, 30 * kMiB);
  EXPECT_EQ(cache_->summary().dirty_contents, 15u);
  EXPECT_EQ(metric("cache.dirty_bytes"), static_cast<std::int64_t>(30 * kMiB));
  EXPECT_EQ(cache_->summary().room, 0u);
  EXPECT_EQ(metric("cache.evictions"), 8);
  EXPECT_TRUE(fill(200, kMiB).failed_with(ErrorCode::kNoSpace));  // read past the cache
  ASSERT_TRUE(cache_->clear(true).ok());
  for (std::uint64_t i = 0; i < 15; ++i) {
    EXPECT_EQ(all_of(*all[i]) == bytes_of(i, 2 * kMiB), true);
    record(*all[i]);
    ASSERT_TRUE(cache_->adopt(all[i], id_of(i, 2 * kMiB), all[i]->generation(), true).ok());
    discard(all[i]);
  }
  EXPECT_EQ(cache_->summary().dirty_bytes, 0u);
  ASSERT_TRUE(cache_->trim().ok());
  EXPECT_LE(cache_->used_bytes(), 10 * kMiB);
  EXPECT_TRUE(intact(14, 2 * kMiB));
  EXPECT_FALSE(content(0, 2 * kMiB)->has({0, 1}));
}

TEST_F(DirtySpaceTest, TheFloorOfTheDiskStopsThem) {
  std::atomic<Bytes> available = 20 * kMiB;
  options_.min_free_disk = 0.1;
  options_.disk_space = [&](const std::filesystem::path&) -> Result<DiskSpace> {
    return DiskSpace{100 * kMiB, available};
  };
  reopen();
  auto dirty = cache_->begin_dirty(nullptr);
  ASSERT_TRUE(write(*dirty, 0, bytes_of(1, kMiB)).ok());
  available = 10 * kMiB + 1000;
  EXPECT_TRUE(write(*dirty, kMiB, bytes_of(2, kMiB)).failed_with(ErrorCode::kNoSpace));
  EXPECT_TRUE(write(*dirty, 0, bytes_of(2, kMiB)).ok());  // in place
  EXPECT_EQ(cache_->summary().dirty_bytes, kMiB);
}

// A base is copied in only where there is room within the capacity.
TEST_F(DirtySpaceTest, AdoptionStaysWithinTheCapacity) {
  options_.capacity = 8 * kMiB;
  reopen();
  ASSERT_TRUE(fill(1, 5 * kMiB).ok());
  auto dirty = cache_->begin_dirty(content(1, 5 * kMiB));
  ASSERT_TRUE(write(*dirty, 4 * kMiB + 5, "local").ok());
  record(*dirty);
  auto clean = cache_->adopt(dirty, id_of(2, 5 * kMiB), dirty->generation(), true);
  ASSERT_TRUE(clean.ok());
  EXPECT_LE(cache_->used_bytes(), 8 * kMiB + kMiB);
  EXPECT_FALSE((*clean)->complete());
  EXPECT_TRUE((*clean)->has({0, kMiB}));
}

// Each writer has units of its own; readers see old or new bytes of each page, snapshots and states
// are whole.
TEST_F(DirtySpaceTest, ManyThreadsOnOneContent) {
  constexpr Bytes kPart = 256 * kKiB;
  constexpr unsigned kWriters = 3;
  reopen();
  ASSERT_TRUE(fill(1, kPart * kWriters).ok());
  auto dirty = cache_->begin_dirty(content(1, kPart * kWriters));
  std::atomic<int> wrong = 0;
  std::atomic<unsigned> writing = kWriters;
  std::vector<std::thread> threads;
  for (unsigned w = 0; w < kWriters; ++w) {
    threads.emplace_back([&, w] {
      std::mt19937 random(w);
      for (int i = 0; i < 150; ++i) {
        const Bytes page = random() % (kPart / 4096);
        const Bytes at = w * kPart + page * 4096;
        const bool ok = random() % 8 == 0
                            ? dirty->punch({at, 4096}).ok()
                            : write(*dirty, at, std::string(4096, static_cast<char>('a' + w))).ok();
        if (!ok) ++wrong;
      }
      --writing;
    });
  }
  // Of one page: all zeros, all of the writer's, or the base's.
  const auto check_page = [&](Bytes at, std::string_view page) {
    const char own = static_cast<char>('a' + at / kPart);
    const bool uniform = page.find_first_not_of(page[0]) == std::string_view::npos;
    if (uniform && (page[0] == own || page[0] == '\0')) return;
    if (page != std::string_view(bytes_of(1, kPart * kWriters)).substr(at, page.size())) ++wrong;
  };
  for (unsigned r = 0; r < 3; ++r) {
    threads.emplace_back([&, r] {
      std::mt19937 random(100 + r);
      while (writing > 0) {
        const Bytes at = random() % (kPart * kWriters / 4096) * 4096;
        const auto page = read(*dirty, at, 4096);
        if (page.ok() && page->size() == 4096) {
          check_page(at, *page);
        } else {
          ++wrong;
        }
        const auto last = dirty->lowest_change_since(dirty->generation() - 1);
        if (last && *last >= kPart * kWriters) ++wrong;
      }
    });
  }
  threads.emplace_back([&] {
    while (writing > 0) {
      const auto taken = dirty->snapshot();
      const auto first = read(**taken, 0, kPart * kWriters);
      const auto state = dirty->state();
      if (state.ok()) dirty->recorded(state->generation);
      if (!dirty->sync().ok() || !state.ok()) ++wrong;
      const auto second = read(**taken, 0, kPart * kWriters);
      if (!first.ok() || !second.ok() || *first != *second) ++wrong;
    }
  });
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
  const std::string expected = all_of(*dirty);
  const std::string state = record(*dirty);
  dirty.reset();
  reopen();
  dirty = open_dirty(state, Check::kAll);
  EXPECT_TRUE(dirty->damaged().empty());
  EXPECT_EQ(all_of(*dirty) == expected, true);
}

// Changes go on while the base is copied in. An adoption that a change was faster than is refused;
// a change behind it goes to a new content over what was adopted, as an open file's would.
TEST_F(DirtySpaceTest, AdoptionsBesideAWriter) {
  const Bytes size = 4 * kMiB;
  reopen();
  ASSERT_TRUE(fill(1, size).ok());
  std::mutex mutex;
  std::shared_ptr<DirtyContent> current = cache_->begin_dirty(content(1, size));
  const auto now = [&] {
    const std::lock_guard lock(mutex);
    return current;
  };
  std::string expected = bytes_of(1, size);
  std::atomic<bool> done = false;
  std::thread writer([&] {
    for (Bytes at = 0; at + 7 <= size;) {
      const Status status = write(*now(), at, "changed");
      if (status.failed_with(ErrorCode::kStale)) continue;  // adopted just now
      if (!status.ok()) ADD_FAILURE() << status.error().to_string();
      expected.replace(at, 7, "changed");
      at += 60'000;
    }
    done = true;
  });
  std::uint64_t id = 2;
  for (bool last = false; !last;) {
    last = done;
    const auto dirty = now();
    const auto clean = cache_->adopt(dirty, id_of(id, size), dirty->generation(), false);
    if (clean.failed_with(ErrorCode::kStale)) {
      last = false;
      continue;
    }
    ASSERT_TRUE(clean.ok());
    auto next = cache_->begin_dirty(*clean);
    {
      const std::lock_guard lock(mutex);
      current = std::move(next);
    }
    cache_->discard(dirty);
    ++id;
  }
  writer.join();
  EXPECT_EQ(all_of(*current) == expected, true);
  EXPECT_EQ(read(*content(id - 1, size), 0, size).value_or("") == expected, true);
}

}  // namespace
}  // namespace driveway::cache
