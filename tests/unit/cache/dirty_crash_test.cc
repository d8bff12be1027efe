// kill -9 while a dirty content is changed, recorded and adopted: what was recorded is there, each
// byte of it, or one that was written there later (D1, D4).
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <charconv>
#include <cstdlib>
#include <fstream>
#include <set>

#include "base/file.h"
#include "unit/cache/dirty_fixture.h"

namespace driveway::cache {
namespace {

constexpr Bytes kMostCrashSize = 1'500'000;
constexpr int kSteps = 60;
int crashes() { return std::getenv("DRIVEWAY_TEST_LONG") != nullptr ? 100 : 3; }

class DirtyCrashTest : public DirtyTest {
 protected:
  // All that a child does follows from its seed.
  struct Script {
    explicit Script(std::uint64_t seed) : random(seed) {
      const Bytes sizes[] = {0, 90'000, 1'200'000};
      base_size = sizes[random() % 3];
      model = bytes_of(base_size, base_size);
    }
    Change next() {
      Change change = Change::random(random, model.size(), kMostCrashSize);
      change.apply(model);
      return change;
    }
    std::mt19937_64 random;
    Bytes base_size = 0;
    std::string model;
  };

  std::filesystem::path record_path() const { return folder() / "record"; }

  // The journal's part: one record, replaced as a whole.
  void put_record(int step, DirtyContent& dirty) {
    const auto state = dirty.state();
    if (!state.ok()) ::abort();
    const std::filesystem::path next = folder() / "next";
    std::ofstream(next, std::ios::binary) << step << '\n' << state->bytes;
    std::filesystem::rename(next, record_path());
    dirty.recorded(state->generation);
  }

  void child(std::uint64_t seed) {
    Script script(seed);
    options_ = {.capacity = 64 * kMiB, .min_free_disk = 0};
    DirtyTest::reopen();
    const auto base = content(script.base_size, script.base_size);
    fetch(*base, {0, script.base_size}, script.model);
    if (!cache_->flush().ok()) ::abort();
    auto dirty = cache_->begin_dirty(base);
    put_record(0, *dirty);
    std::shared_ptr<const OverlayReader> snapshot;
    for (int step = 1; step <= kSteps; ++step) {
      if (!script.next().apply(*dirty).ok()) ::abort();
      if (step % 7 == 0) put_record(step, *dirty);
      if (step % 11 == 0 && !dirty->sync().ok()) ::abort();
      if (step % 13 == 0) snapshot = dirty->snapshot().value();
    }
    put_record(kSteps, *dirty);
    const auto clean = cache_->adopt(dirty, final_id(script), dirty->generation(), true);
    if (!clean.ok()) ::abort();
    std::ofstream(folder() / "adopted").close();
    std::filesystem::remove(record_path());
    cache_->discard(dirty);
  }
  static ContentId final_id(const Script& script) {
    return ContentId(cat("md5:final:", script.model.size()));
  }

  void run_child(std::uint64_t seed, const char* point, int passage, unsigned microseconds) {
    std::filesystem::remove_all(folder());
    const pid_t pid = ::fork();
    ASSERT_GE(pid, 0);
    if (pid == 0) {
      const auto die = []() -> Status {
        ::kill(::getpid(), SIGKILL);
        ::pause();
        return {};
      };
      if (point != nullptr) fault::arm(point, die, passage);
      if (microseconds > 0) {
        ::signal(SIGALRM, SIG_DFL);  // as sudden as SIGKILL
        const itimerval timer{{0, 0}, {microseconds / 1'000'000, microseconds % 1'000'000}};
        ::setitimer(ITIMER_REAL, &timer, nullptr);
      }
      child(seed);
      ::kill(::getpid(), SIGKILL);
    }
    int status = 0;
    ASSERT_EQ(::waitpid(pid, &status, 0), pid);
    ASSERT_TRUE(WIFSIGNALED(status)) << status;
    ASSERT_TRUE(WTERMSIG(status) == SIGKILL || WTERMSIG(status) == SIGALRM) << status;
  }

  // Each byte is the record's, or one that a later step wrote there.
  static void expect_allowed(const std::string& found, Script script, int recorded) {
    std::string expected = script.model;
    std::vector<std::pair<Bytes, std::string>> later;
    for (int step = recorded + 1; step <= kSteps; ++step) {
      const Change change = script.next();
      if (change.kind == Change::Kind::kWrite) later.emplace_back(change.offset, change.bytes());
    }
    ASSERT_EQ(found.size(), expected.size());
    for (Bytes i = 0; i < found.size(); ++i) {
      if (found[i] == expected[i]) continue;
      const bool written = std::any_of(later.begin(), later.end(), [&](const auto& write) {
        return i >= write.first && i - write.first < write.second.size() &&
               write.second[i - write.first] == found[i];
      });
      ASSERT_TRUE(written) << "byte " << i << ", recorded at step " << recorded;
    }
  }

  void expect_clean(const std::string& expected) {
    const ContentId id(cat("md5:final:", expected.size()));
    const auto clean = cache_->open_content(id, expected.size());
    ASSERT_TRUE(clean.ok());
    ASSERT_TRUE((*clean)->complete());
    EXPECT_EQ(read(**clean, 0, expected.size()).value_or("?") == expected, true);
  }

  void check_after_crash(std::uint64_t seed, std::set<int>& ends) {
    records_.clear();
    Script script(seed);
    const auto text = read_file(record_path());
    int step = 0;
    std::string state;
    if (text.ok()) {
      state = text->substr(text->find('\n') + 1);
      std::from_chars(text->data(), text->data() + text->size(), step);
      records_[ContentCache::dirty_number(state).value()] = state;
    }
    for (int i = 1; i <= (text.ok() ? step : kSteps); ++i) script.next();
    ends.insert(text.ok() ? step : kSteps + 1);
    reopen();
    if (text.ok()) {
      auto dirty = open_dirty(state);
      EXPECT_TRUE(dirty->damaged().empty());
      const std::string found = all_of(*dirty);
      expect_allowed(found, script, step);
      // And it goes on: adopted as it is now.
      put_record(step, *dirty);
      const ContentId id(cat("md5:final:", found.size()));
      ASSERT_TRUE(cache_->adopt(dirty, id, dirty->generation(), true).ok());
      discard(dirty);
      expect_clean(found);
      reopen();
      expect_clean(found);
    } else if (std::filesystem::exists(folder() / "adopted")) {
      expect_clean(script.model);
    }
    EXPECT_EQ(metric("cache.crc_errors"), 0);
    EXPECT_EQ(metric("cache.dirty_damaged"), 0);
    cache_.reset();
  }
};

class DirtyCrashPointTest : public DirtyCrashTest,
                            public testing::WithParamInterface<const char*> {};

TEST_P(DirtyCrashPointTest, WhatWasRecordedIsThere) {
  if (!fault::compiled_in()) GTEST_SKIP() << "needs fault points";
  const auto seed = std::random_device()();
  SCOPED_TRACE(seed);
  std::set<int> ends;
  for (int crash = 0; crash < crashes(); ++crash) {
    SCOPED_TRACE(crash);
    run_child(seed + static_cast<unsigned>(crash), GetParam(), 1 + crash * 3 % 10, 0);
    check_after_crash(seed + static_cast<unsigned>(crash), ends);
    if (HasFailure()) return;
  }
}
INSTANTIATE_TEST_SUITE_P(Points, DirtyCrashPointTest,
                         testing::Values("cache.dirty_write", "cache.create_file",
                                         "cache.dirty_sync", "cache.dirty_allocate",
                                         "cache.snapshot_copy", "cache.reserve_dirty",
                                         "cache.before_commit", "cache.after_commit"));

class DirtyCrashAdoptTest : public DirtyCrashTest,
                            public testing::WithParamInterface<const char*> {};

TEST_P(DirtyCrashAdoptTest, AdoptionCanBeRepeatedFromEachStep) {
  if (!fault::compiled_in()) GTEST_SKIP() << "needs fault points";
  const auto seed = std::random_device()();
  SCOPED_TRACE(seed);
  std::set<int> ends;
  for (int crash = 0; crash < crashes(); ++crash) {
    SCOPED_TRACE(crash);
    run_child(seed + static_cast<unsigned>(crash), GetParam(), 1, 0);
    check_after_crash(seed + static_cast<unsigned>(crash), ends);
    if (HasFailure()) return;
  }
  EXPECT_TRUE(ends.contains(kSteps) || ends.contains(kSteps + 1));
}
INSTANTIATE_TEST_SUITE_P(Points, DirtyCrashAdoptTest,
                         testing::Values("cache.adopt_block", "cache.adopt_prepared",
                                         "cache.adopt_poured", "cache.adopt_before_row",
                                         "cache.adopt_after_row"));

TEST_F(DirtyCrashTest, AtAnyTime) {
  const auto seed = std::random_device()();
  SCOPED_TRACE(seed);
  std::mt19937_64 random(seed);
  std::set<int> ends;
  for (int crash = 0; crash < 2 * crashes(); ++crash) {
    SCOPED_TRACE(crash);
    run_child(seed + static_cast<unsigned>(crash), nullptr, 0,
              static_cast<unsigned>(1 + random() % 400'000));
    check_after_crash(seed + static_cast<unsigned>(crash), ends);
    if (HasFailure()) return;
  }
}

}  // namespace
}  // namespace driveway::cache
