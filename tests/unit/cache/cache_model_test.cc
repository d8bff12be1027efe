// Random operations on the cache against what a simple model allows: it may forget what was not
// flushed, or evict what is not open; it never gives a wrong byte, and keeps what it must keep.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <map>
#include <set>

#include "cache/content_cache.h"
#include "unit/cache/cache_fixture.h"

namespace driveway::cache {
namespace {

constexpr std::array<Bytes, 8> kModelSizes = {0,
                                              10,
                                              50'000,
                                              kInlineLimit,
                                              kInlineLimit + 1,
                                              kBlockSize,
                                              2 * kBlockSize + 333,
                                              5 * kBlockSize - 1};

int rounds() { return std::getenv("DRIVEWAY_TEST_LONG") != nullptr ? 200 : 8; }

struct ModelContent {
  Bytes size = 0;
  std::set<std::uint64_t> arrived;    // blocks written since it was opened, not indexed
  std::set<std::uint64_t> committed;  // blocks that were indexed at some time: they may be there
  std::shared_ptr<Content> handle;
};

class CacheModelTest : public CacheTest {
 protected:
  static std::uint64_t blocks(Bytes size) { return (size + kBlockSize - 1) / kBlockSize; }
  static ByteRange block_range(Bytes size, std::uint64_t block) {
    return ByteRange{block * kBlockSize, kBlockSize}.intersect({0, size});
  }

  ModelContent& pick(std::mt19937& random, std::uint64_t* seed) {
    *seed = random() % 24;
    ModelContent& model = model_[*seed];
    model.size = kModelSizes[*seed % kModelSizes.size()];
    return model;
  }

  void step(std::mt19937& random) {
    std::uint64_t seed = 0;
    ModelContent& model = pick(random, &seed);
    const auto action = random() % 16;
    if (model.handle == nullptr && action < 12) {
      model.handle = content(seed, model.size);
      ASSERT_NE(model.handle, nullptr);
    }
    if (action < 5) {
      write_block(random, seed, model);
    } else if (action < 7) {
      commit_some(random, model);
    } else if (action < 8) {
      model.handle->discard({0, model.size});
      model.arrived.clear();
    } else if (action < 12) {
      read_some(random, seed, model);
    } else if (action < 14) {
      model.handle.reset();
      model.arrived.clear();
    } else if (action < 15) {
      clock_.advance(std::chrono::seconds(random() % 100));
      ASSERT_TRUE(cache_->flush().ok());
    } else {
      EXPECT_LE(cache_->used_bytes(), options_.capacity);
    }
  }

  void write_block(std::mt19937& random, std::uint64_t seed, ModelContent& model) {
    if (model.size == 0) return;
    const std::uint64_t block = random() % blocks(model.size);
    const ByteRange range = block_range(model.size, block);
    const std::string bytes = bytes_of(seed, model.size).substr(range.offset, range.length);
    for (Bytes at = 0; at < range.length;) {
      const Bytes length = std::min<Bytes>(range.length - at, 1 + random() % 300'000);
      const Status status =
          write(*model.handle, range.offset + at, std::string_view(bytes).substr(at, length));
      if (!status.ok()) {
        EXPECT_TRUE(status.failed_with(ErrorCode::kNoSpace)) << status.error().to_string();
        return;
      }
      at += length;
    }
    model.arrived.insert(block);
    EXPECT_TRUE(model.handle->has(range));
  }

  void commit_some(std::mt19937& random, ModelContent& model) {
    if (model.size == 0) return;
    const ByteRange range = random() % 2 == 0
                                ? ByteRange{0, model.size}
                                : block_range(model.size, random() % blocks(model.size));
    ASSERT_TRUE(model.handle->commit(range).ok());
    for (std::uint64_t block = 0; block < blocks(model.size); ++block) {
      if (range.contains(block_range(model.size, block)) && model.arrived.erase(block) > 0) {
        model.committed.insert(block);
      }
    }
  }

  void read_some(std::mt19937& random, std::uint64_t seed, ModelContent& model) {
    const Bytes offset = model.size == 0 ? 0 : random() % model.size;
    const Bytes length = 1 + random() % (2 * kBlockSize);
    const ByteRange range = ByteRange{offset, length}.intersect({0, model.size});
    for (const ByteRange& part : model.handle->missing(range)) {
      EXPECT_EQ(part.offset % kBlockSize, 0u);
    }
    const bool has = model.handle->has(range);
    EXPECT_EQ(has, model.handle->missing(range).empty());
    const auto found = read(*model.handle, offset, length);
    EXPECT_EQ(found.ok(), has);
    if (found.ok()) {
      EXPECT_EQ(*found, bytes_of(seed, model.size).substr(range.offset, range.length));
    }
    if (has || range.empty()) return;
    // What arrived while it is open must be there.
    for (std::uint64_t block = range.offset / kBlockSize; block * kBlockSize < range.end();
         ++block) {
      if (model.arrived.contains(block)) {
        EXPECT_TRUE(model.handle->has(block_range(model.size, block)));
      }
    }
  }

  // Every block that is there is right, and was committed.
  void check_all() {
    for (auto& [seed, model] : model_) {
      model.handle.reset();
      model.arrived.clear();
    }
    for (auto& [seed, model] : model_) {
      const auto opened = content(seed, model.size);
      const std::string& bytes = bytes_of(seed, model.size);
      for (std::uint64_t block = 0; block < blocks(model.size); ++block) {
        const ByteRange range = block_range(model.size, block);
        if (!opened->has(range)) continue;
        EXPECT_TRUE(model.committed.contains(block)) << seed << ' ' << block;
        const auto found = read(*opened, range.offset, range.length);
        ASSERT_TRUE(found.ok());
        EXPECT_EQ(*found, std::string_view(bytes).substr(range.offset, range.length));
      }
    }
    EXPECT_EQ(metric("cache.crc_errors"), 0);
  }

  // Everything that was committed is there: with room enough nothing is evicted.
  void expect_all_committed() {
    for (auto& [seed, model] : model_) {
      const auto opened = content(seed, model.size);
      for (const std::uint64_t block : model.committed) {
        EXPECT_TRUE(opened->has(block_range(model.size, block))) << seed << ' ' << block;
      }
    }
  }

  std::map<std::uint64_t, ModelContent> model_;
};

TEST_F(CacheModelTest, WithRoomNothingCommittedIsLost) {
  const auto seed = std::random_device()();
  SCOPED_TRACE(seed);
  std::mt19937 random(seed);
  reopen();
  for (int round = 0; round < rounds(); ++round) {
    for (int i = 0; i < 150; ++i) step(random);
    if (HasFatalFailure()) return;
    check_all();
    expect_all_committed();
    if (random() % 2 == 0) {
      reopen();
      expect_all_committed();
    }
  }
}

TEST_F(CacheModelTest, WithLittleRoomNoByteIsWrong) {
  const auto seed = std::random_device()();
  SCOPED_TRACE(seed);
  std::mt19937 random(seed);
  options_.capacity = 12 * kMiB;
  reopen();
  for (int round = 0; round < rounds(); ++round) {
    for (int i = 0; i < 150; ++i) step(random);
    if (HasFatalFailure()) return;
    check_all();
    EXPECT_LE(cache_->used_bytes(), options_.capacity);
    if (random() % 3 == 0) reopen();
  }
}

// --- kill -9

class CacheCrashTest : public CacheModelTest, public testing::WithParamInterface<const char*> {
 protected:
  // A child that works on the cache until it is killed at fault point `point`, or comes to its end.
  void run_child(unsigned seed, const char* point, int passage) {
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      if (point != nullptr) {
        fault::arm(
            point,
            []() -> Status {
              ::kill(::getpid(), SIGKILL);
              ::pause();
              return {};
            },
            passage);
      }
      std::mt19937 random(seed);
      reopen();
      for (int i = 0; i < 120; ++i) step(random);
      ::kill(::getpid(), SIGKILL);
    }
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) << status;
  }
  // What is in the cache is right, whatever it is; and it works.
  void check_after_crash() {
    reopen();
    for (std::uint64_t seed = 0; seed < 24; ++seed) {
      const Bytes size = kModelSizes[seed % kModelSizes.size()];
      const std::string& bytes = bytes_of(seed, size);
      const auto opened = content(seed, size);
      for (std::uint64_t block = 0; block < blocks(size); ++block) {
        const ByteRange range = block_range(size, block);
        if (!opened->has(range)) continue;
        EXPECT_EQ(read(*opened, range.offset, range.length).value_or("?"),
                  std::string_view(bytes).substr(range.offset, range.length));
      }
    }
    EXPECT_EQ(metric("cache.crc_errors"), 0);
    EXPECT_LE(cache_->used_bytes(), options_.capacity);
    ASSERT_TRUE(fill(100, 300'000).ok());
    EXPECT_TRUE(intact(100, 300'000));
    cache_.reset();
  }
};

TEST_P(CacheCrashTest, NothingWrongAfterKill) {
  if (!fault::compiled_in()) GTEST_SKIP() << "needs fault points";
  const auto seed = std::random_device()();
  SCOPED_TRACE(seed);
  options_.capacity = 12 * kMiB;
  const int crashes = rounds() / 2;
  for (int crash = 0; crash < crashes; ++crash) {
    run_child(seed + static_cast<unsigned>(crash), GetParam(), 1 + crash * 3);
    check_after_crash();
    if (HasFatalFailure()) return;
  }
}
INSTANTIATE_TEST_SUITE_P(Points, CacheCrashTest,
                         testing::Values("cache.pwrite", "cache.create_file", "cache.before_commit",
                                         "cache.after_commit", "cache.before_evict_commit",
                                         "cache.after_evict_commit", "cache.release_file"));

}  // namespace
}  // namespace driveway::cache
