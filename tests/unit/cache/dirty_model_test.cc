// Random changes to a dirty content and to a plain string: what is read is the same, through
// snapshots, restarts and adoptions (D4).
#include <gtest/gtest.h>

#include <cstdlib>
#include <utility>

#include "unit/cache/dirty_fixture.h"

namespace driveway::cache {
namespace {

constexpr Bytes kMostSize = 2'500'000;
int rounds() { return std::getenv("DRIVEWAY_TEST_LONG") != nullptr ? 200 : 10; }

class DirtyModelTest : public DirtyTest {
 protected:
  struct Taken {
    std::shared_ptr<const OverlayReader> snapshot;
    std::string bytes;
    std::string base;
  };

  void begin(std::mt19937_64& random) {
    const std::uint64_t seed = random() % 6;
    const Bytes size = std::array<Bytes, 6>{0, 5'000, 100'000, 131'073, 1'500'000, 2'200'000}[seed];
    base_bytes_ = bytes_of(seed, size);
    if (random() % 3 == 0) {
      dirty_ = cache_->begin_dirty(nullptr);
      model_.clear();
    } else {
      const auto base = content(seed, size);
      if (size > 0 && random() % 2 == 0) fetch(*base, {random() % size, 1}, base_bytes_);
      dirty_ = cache_->begin_dirty(base);
      model_ = base_bytes_;
    }
  }

  // What the base lacks is fetched only when it is needed, and only what parts() says.
  void expect_bytes(const OverlayReader& reader, std::string_view base_bytes, Bytes offset,
                    Bytes length, std::string_view expected) {
    for (int attempt = 0; attempt < 2; ++attempt) {
      bool lacks = false;
      for (const Part& part : reader.parts({offset, length})) {
        if (part.kind != PartKind::kBase || reader.base()->has(part.range)) continue;
        lacks = true;
        if (attempt > 0) fetch(*reader.base(), part.range, base_bytes);
      }
      const auto found = read(reader, offset, length);
      if (attempt == 0 && lacks) {
        EXPECT_TRUE(found.failed_with(ErrorCode::kNotFound));
        continue;
      }
      ASSERT_TRUE(found.ok()) << found.error().to_string();
      ASSERT_EQ(*found == expected, true) << offset << ' ' << length;
      return;
    }
  }

  void read_some(std::mt19937_64& random) {
    const Bytes offset = random() % (model_.size() + 10);
    const Bytes length = 1 + random() % 300'000;
    expect_bytes(*dirty_, base_bytes_, offset, length,
                 offset < model_.size() ? model_.substr(offset, length) : "");
  }

  void change(std::mt19937_64& random) {
    const Change change = Change::random(random, model_.size(), kMostSize);
    const std::string before = model_;
    const std::uint64_t generation = dirty_->generation();
    const Status status = change.apply(*dirty_);
    ASSERT_TRUE(status.ok()) << status.error().to_string();
    change.apply(model_);
    ASSERT_EQ(dirty_->size(), model_.size());
    if (model_ == before) return;
    const auto lowest = dirty_->lowest_change_since(generation);
    ASSERT_TRUE(lowest);
    const auto differ = std::mismatch(model_.begin(), model_.end(), before.begin(), before.end());
    ASSERT_LE(*lowest, static_cast<Bytes>(differ.first - model_.begin()));
  }

  void adopt(std::mt19937_64& random) {
    record(*dirty_);
    const ContentId id(cat("md5:adopted", random(), ":", model_.size()));
    auto clean = cache_->adopt(dirty_, id, dirty_->generation(), random() % 2 == 0);
    ASSERT_TRUE(clean.ok()) << clean.error().to_string();
    // What is here of it is right, and the old handle reads the same.
    for (Bytes at = 0; at < model_.size(); at += kBlockSize) {
      const ByteRange block = ByteRange{at, kBlockSize}.intersect({0, model_.size()});
      if (!(*clean)->has(block)) continue;
      const auto found = read(**clean, block.offset, block.length);
      ASSERT_TRUE(found.ok());
      ASSERT_TRUE(*found == model_.substr(block.offset, block.length)) << block.offset;
    }
    base_bytes_ = model_;
    expect_bytes(*dirty_, base_bytes_, 0, model_.size() + 1, model_);
    EXPECT_TRUE(write(*dirty_, 0, "x").failed_with(ErrorCode::kStale));
    auto next = cache_->begin_dirty(*clean);
    discard(dirty_);
    dirty_ = std::move(next);
  }

  // As after kill -9: only what was recorded is known.
  void restart(std::mt19937_64& random) {
    snapshots_.clear();
    const std::string state = record(*dirty_);
    dirty_.reset();
    if (random() % 4 == 0) {
      cache_.reset();
      ASSERT_TRUE(ContentCache::erase(folder(), recorded_numbers()).ok());
    }
    reopen();
    dirty_ = open_dirty(state, random() % 2 == 0 ? Check::kAll : Check::kNone);
    EXPECT_FALSE(dirty_->touched() && dirty_->memory_bytes() == 0 && dirty_->written_bytes() > 0);
    EXPECT_TRUE(dirty_->damaged().empty());
  }

  void step(std::mt19937_64& random) {
    const auto what = random() % 40;
    if (what < 22) {
      change(random);
    } else if (what < 32) {
      read_some(random);
    } else if (what < 34) {
      record(*dirty_);
    } else if (what < 35) {
      ASSERT_TRUE(dirty_->sync().ok());
    } else if (what < 36) {
      auto taken = dirty_->snapshot();
      ASSERT_TRUE(taken.ok());
      snapshots_.push_back({*taken, model_, base_bytes_});
    } else if (what < 38 && !snapshots_.empty()) {
      const std::size_t which = random() % snapshots_.size();
      const Taken& taken = snapshots_[which];
      ASSERT_EQ(taken.snapshot->size(), taken.bytes.size());
      expect_bytes(*taken.snapshot, taken.base, 0, taken.bytes.size() + 1, taken.bytes);
      if (random() % 2 == 0) {
        snapshots_.erase(snapshots_.begin() + static_cast<std::ptrdiff_t>(which));
      }
    } else if (what == 38) {
      adopt(random);
    } else if (what == 39) {
      restart(random);
    }
  }

  std::shared_ptr<DirtyContent> dirty_;
  std::string model_;
  std::string base_bytes_;
  std::vector<Taken> snapshots_;
};

TEST_F(DirtyModelTest, ReadsWhatAPlainFileWould) {
  const auto seed = std::random_device()();
  SCOPED_TRACE(seed);
  std::mt19937_64 random(seed);
  reopen();
  for (int round = 0; round < rounds(); ++round) {
    SCOPED_TRACE(round);
    begin(random);
    for (int i = 0; i < 60; ++i) {
      step(random);
      if (HasFailure()) return;
    }
    expect_bytes(*dirty_, base_bytes_, 0, model_.size() + 1, model_);
    snapshots_.clear();
    discard(dirty_);
    if (HasFailure()) return;
  }
  ASSERT_TRUE(cache_->clear(true).ok());
  const CacheSummary summary = cache_->summary();
  EXPECT_EQ(summary.dirty_bytes, 0u);
  EXPECT_EQ(summary.dirty_contents, 0u);
  EXPECT_EQ(metric("cache.dirty_damaged"), 0);
  EXPECT_EQ(metric("cache.crc_errors"), 0);
  // Nothing is left on the disk but spares.
  for (const auto& file : content_files()) EXPECT_EQ(std::filesystem::file_size(file), 0u);
}

}  // namespace
}  // namespace driveway::cache
