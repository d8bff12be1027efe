// The ledger's contract, one rule at a time.
#include "journal/ledger.h"

#include <gtest/gtest.h>

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "unit/journal/ledger_fixture.h"
#include "unit/journal/test_files.h"

namespace driveway::journal {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

TEST_F(LedgerTest, RowsAreSeenAtOnceAndAfterTheDrainAndAReopen) {
  must_open();
  Batch batch;
  batch.put("uploads", "a", "1");
  batch.put("marks", "a", "other table");
  batch.put("uploads", "b", "");
  ASSERT_EQ(ledger_->append({}, batch, Purpose::kNew).value_or(0), 1u);
  const RowMap expected = {{"uploads/a", "1"}, {"uploads/b", ""}, {"marks/a", "other table"}};
  EXPECT_EQ(rows(), expected);
  EXPECT_EQ(get("a"), "1");
  EXPECT_EQ(get("b"), "");
  EXPECT_EQ(get("c"), std::nullopt);
  ASSERT_TRUE(drain());
  EXPECT_EQ(rows(), expected);
  EXPECT_EQ(get("a"), "1");
  reopen();
  EXPECT_EQ(rows(), expected);
  EXPECT_EQ(put("c", "3"), 2u) << "sequences go on";
}

TEST_F(LedgerTest, WhatIsErasedIsGoneWhereverItStood) {
  must_open();
  put("drained", "1");
  put("kept", "1");
  ASSERT_TRUE(drain());
  put("in the log", "1");
  Batch batch;
  batch.erase("uploads", "drained");
  batch.erase("uploads", "in the log");
  batch.erase("uploads", "never there");
  batch.put("uploads", "twice", "1");
  batch.put("uploads", "twice", "2");
  ASSERT_TRUE(ledger_->append({}, batch, Purpose::kProgress).ok());
  const RowMap expected = {{"uploads/kept", "1"}, {"uploads/twice", "2"}};
  EXPECT_EQ(rows(), expected);
  EXPECT_EQ(get("drained"), std::nullopt);
  ASSERT_TRUE(drain());
  EXPECT_EQ(rows(), expected);
}

TEST_F(LedgerTest, ScanOfARangeMergesBoth) {
  must_open();
  for (const char* key : {"a", "c", "e", "g"}) put(key, "drained");
  ASSERT_TRUE(drain());
  for (const char* key : {"b", "c", "h"}) put(key, "log");
  Batch batch;
  batch.erase("uploads", "e");
  ASSERT_TRUE(ledger_->append({}, batch, Purpose::kNew).ok());
  const auto scan = [&](std::string_view from, std::string_view until, std::size_t most = 99) {
    std::string found;
    EXPECT_TRUE(ledger_
                    ->for_each("uploads", from, until,
                               [&](std::string_view key, std::string_view value) {
                                 found += std::string(key) + ":" + std::string(1, value[0]) + " ";
                                 return --most > 0;
                               })
                    .ok());
    return found;
  };
  EXPECT_EQ(scan("", ""), "a:d b:l c:l g:d h:l ");
  EXPECT_EQ(scan("b", "g"), "b:l c:l ");
  EXPECT_EQ(scan("b", "ga"), "b:l c:l g:d ");
  EXPECT_EQ(scan("d", ""), "g:d h:l ");
  EXPECT_EQ(scan("e", "f"), "");
  EXPECT_EQ(scan("x", "b"), "");
  EXPECT_EQ(scan("", "", 2), "a:d b:l ");
}

TEST_F(LedgerTest, VisitorMayReadAndAppend) {
  must_open();
  put("a", "1");
  put("b", "2");
  EXPECT_TRUE(ledger_
                  ->for_each("uploads", "", "",
                             [&](std::string_view key, std::string_view) {
                               EXPECT_TRUE(get(std::string(key)).has_value());
                               put("new of " + std::string(key), "3");
                               return true;
                             })
                  .ok());
  EXPECT_EQ(rows().size(), 4u) << "what it appended was not visited";
}

TEST_F(LedgerTest, RefusesWhatItCannotKeep) {
  must_open();
  Batch unknown;
  unknown.put("uploads", "a", "1");
  unknown.put("nothing", "a", "1");
  EXPECT_TRUE(ledger_->append({}, unknown, Purpose::kNew).failed_with(ErrorCode::kInvalidArgument));
  EXPECT_TRUE(try_put("", "1").failed_with(ErrorCode::kInvalidArgument));
  EXPECT_TRUE(try_put(std::string(512, 'k'), "1").failed_with(ErrorCode::kInvalidArgument));
  EXPECT_TRUE(try_put("a", std::string(17 * kMiB, 'v')).failed_with(ErrorCode::kTooLarge));
  EXPECT_TRUE(ledger_->get("nothing", "a").failed_with(ErrorCode::kInvalidArgument));
  EXPECT_EQ(rows(), RowMap());
  put(std::string(511, 'k'), std::string(100'000, 'v'));
  ASSERT_TRUE(drain());
  EXPECT_EQ(get(std::string(511, 'k')), std::string(100'000, 'v'));
}

// D5
TEST_F(LedgerTest, AnotherAccountIsRefused) {
  must_open();
  put("a", "1");
  ledger_.reset();
  options_.account = "somebody else";
  EXPECT_TRUE(Ledger::open(options_, clock_, metrics_).failed_with(ErrorCode::kPermissionDenied));
}

TEST_F(LedgerTest, TheInodeAllocatorLivesThere) {
  {
    auto alone = open_inode_allocator(options_.folder);
    ASSERT_TRUE(alone.ok());
    EXPECT_EQ((*alone)->allocate().value().value(), 1024u);
  }
  must_open();
  EXPECT_EQ(ledger_->inodes().allocate().value().value(), 1025u);
  put("a", "1");
  reopen();
  EXPECT_EQ(ledger_->inodes().allocate().value().value(), 1026u);
  EXPECT_EQ(get("a"), "1");
}

TEST_F(LedgerTest, OnlyOneAtATime) {
  must_open();
  EXPECT_TRUE(Ledger::open(options_, clock_, metrics_).failed_with(ErrorCode::kBusy));
}

TEST_F(LedgerTest, CloseLeavesNothingInTheLog) {
  must_open();
  for (int i = 0; i < 100; ++i) put("key" + std::to_string(i), "value");
  EXPECT_FALSE(segments().empty());
  EXPECT_TRUE(ledger_->close().ok());
  EXPECT_TRUE(segments().empty());
  EXPECT_TRUE(try_put("late", "1").failed_with(ErrorCode::kCancelled));
  EXPECT_EQ(rows().size(), 100u) << "rows can still be read";
}

// D2: the contents, then the log; the timer does it within a second, and only when there is need.
TEST_F(LedgerTest, TimerSyncsWithinASecond) {
  std::atomic<int> contents = 0;
  options_.before_sync = [&]() -> Status {
    ++contents;
    return {};
  };
  must_open();
  put("a", "1");
  clock_.advance(milliseconds(900));
  EXPECT_EQ(ledger_->state().synced, 0u);
  clock_.advance(milliseconds(100));
  EXPECT_TRUE(eventually([&] { return ledger_->state().synced == 1; }));
  EXPECT_EQ(contents, 1);
  ASSERT_TRUE(drain());
  clock_.advance(seconds(100));
  EXPECT_EQ(contents, 1);
  ledger_.reset();  // its threads use what is in this function
}

TEST_F(LedgerTest, SyncCoversContentsThenLog) {
  std::vector<std::string> order;
  options_.before_sync = [&]() -> Status {
    order.emplace_back("contents");
    return {};
  };
  must_open();
  fault::arm("journal.log_sync", [&]() -> Status {
    order.emplace_back("log");
    return {};
  });
  put("a", "1");
  ASSERT_TRUE(ledger_->sync({}).ok());
  EXPECT_EQ(order, (std::vector<std::string>{"contents", "log"}));
  ASSERT_TRUE(ledger_->sync({}).ok());
  EXPECT_EQ(order.size(), 2u) << "nothing new, nothing to sync";
  ledger_.reset();  // its threads use what is in this function
}

TEST_F(LedgerTest, NothingIsDrainedBeforeItsContentIsSynced) {
  std::atomic<bool> fails = true;
  options_.before_sync = [&]() -> Status {
    if (fails) return Error{ErrorCode::kLocalDisk, "contents"};
    return {};
  };
  must_open();
  put("a", "1");
  EXPECT_TRUE(ledger_->sync({}).failed_with(ErrorCode::kLocalDisk));
  clock_.advance(seconds(10));
  EXPECT_EQ(ledger_->state().drained, 0u);
  EXPECT_TRUE(ledger_->state().failure.has_value());
  fails = false;
  EXPECT_TRUE(drain());
  EXPECT_FALSE(ledger_->state().failure.has_value());
  ledger_.reset();  // its threads use what is in this function
}

TEST_F(LedgerTest, OneSyncServesAllWhoWait) {
  std::mutex mutex;
  std::condition_variable changed;
  int begun = 0;
  bool go_on = false;
  options_.before_sync = [&]() -> Status {
    std::unique_lock lock(mutex);
    ++begun;
    changed.notify_all();
    changed.wait(lock, [&] { return go_on; });
    return {};
  };
  must_open();
  put("first", "1");
  std::thread first([&] { EXPECT_TRUE(ledger_->sync({}).ok()); });
  {
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return begun == 1; });
  }
  std::atomic<int> done = 0;
  std::atomic<int> asked = 0;
  std::vector<std::thread> waiting;
  waiting.reserve(20);
  for (int i = 0; i < 20; ++i) {
    waiting.emplace_back([&, i] {
      put("key" + std::to_string(i), "1");
      ++asked;
      EXPECT_TRUE(ledger_->sync({}).ok());
      ++done;
    });
  }
  ASSERT_TRUE(eventually([&] { return asked == 20; }));
  EXPECT_EQ(done, 0);
  {
    const std::lock_guard lock(mutex);
    go_on = true;
  }
  changed.notify_all();
  first.join();
  for (auto& thread : waiting) thread.join();
  EXPECT_EQ(begun, 2);
  ledger_.reset();  // its threads use what is in this function
}

TEST_F(LedgerTest, WaitingForASyncEndsAtOnceWhenInterrupted) {
  std::mutex mutex;
  std::condition_variable changed;
  bool begun = false;
  bool go_on = false;
  options_.before_sync = [&]() -> Status {
    std::unique_lock lock(mutex);
    begun = true;
    changed.notify_all();
    changed.wait(lock, [&] { return go_on; });
    return {};
  };
  must_open();
  put("a", "1");
  CancelSource source;
  Context context;
  context.cancel = source.token();
  std::thread waiting(
      [&] { EXPECT_TRUE(ledger_->sync(context).failed_with(ErrorCode::kCancelled)); });
  {
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return begun; });
  }
  source.cancel();
  waiting.join();
  {
    const std::lock_guard lock(mutex);
    go_on = true;
  }
  changed.notify_all();
  ledger_.reset();  // its threads use what is in this function
}

TEST_F(LedgerTest, FailedSyncIsToldToAllWhoseRecordsItCovered) {
  must_open();
  put("a", "1");
  fail_at("journal.log_sync", ErrorCode::kLocalDisk);
  fail_at("journal.before_segment", ErrorCode::kLocalDisk);
  std::vector<std::thread> waiting;
  waiting.reserve(4);
  for (int i = 0; i < 4; ++i) {
    waiting.emplace_back(
        [&] { EXPECT_TRUE(ledger_->sync({}).failed_with(ErrorCode::kLocalDisk)); });
  }
  for (auto& thread : waiting) thread.join();
  fault::disarm_all();
  EXPECT_TRUE(ledger_->sync({}).failed_with(ErrorCode::kLocalDisk)) << "not mended by a retry";
  EXPECT_TRUE(try_put("b", "1").failed_with(ErrorCode::kLocalDisk)) << "nothing more is promised";
  EXPECT_EQ(get("a"), "1");
  EXPECT_FALSE(ledger_->close().ok());
  reopen();
  EXPECT_EQ(rows(), (RowMap{{"uploads/a", "1"}})) << "it survives a kill all the same (D1)";
}

TEST_F(LedgerTest, AppendsWaitForADrainThatIsFarBehind) {
  options_.max_backlog = 64 * kKiB;
  must_open();
  fail_at("journal.before_drain_commit", ErrorCode::kLocalDisk);
  ASSERT_TRUE(advance_until([&] {
    if (ledger_->state().backlog < options_.max_backlog) put("a", std::string(1000, 'x'));
    return ledger_->state().backlog >= options_.max_backlog;
  }));
  // The drain fails: who would have to wait for it is told so.
  ASSERT_TRUE(eventually([&] { return ledger_->state().failure.has_value(); }));
  EXPECT_TRUE(try_put("b", "1").failed_with(ErrorCode::kLocalDisk));
  EXPECT_TRUE(try_put("c", "1", Purpose::kProgress).ok()) << "has as much again";
  fault::disarm_all();
  ASSERT_TRUE(drain());
  EXPECT_TRUE(try_put("b", "1").ok());
}

TEST_F(LedgerTest, WaitingAppendEndsAtOnceWhenInterrupted) {
  options_.max_backlog = 16 * kKiB;
  std::mutex mutex;
  std::condition_variable changed;
  bool go_on = false;
  options_.before_sync = [&]() -> Status {
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return go_on; });
    return {};
  };
  must_open();
  while (ledger_->state().backlog < options_.max_backlog) put("a", std::string(1000, 'x'));
  CancelSource source;
  Context context;
  context.cancel = source.token();
  std::atomic<bool> over = false;
  std::thread waiting([&] {
    EXPECT_TRUE(try_put("b", "1", Purpose::kNew, context).failed_with(ErrorCode::kCancelled));
    over = true;
  });
  Gauge& waits = metrics_.gauge("journal.appends_waiting");
  ASSERT_TRUE(eventually([&] { return waits.value() == 1; }));
  EXPECT_FALSE(over);
  source.cancel();
  waiting.join();
  std::thread second([&] { EXPECT_TRUE(try_put("b", "1").ok()); });
  ASSERT_TRUE(eventually([&] { return waits.value() == 1; }));
  {
    const std::lock_guard lock(mutex);
    go_on = true;
  }
  changed.notify_all();
  second.join();
  EXPECT_EQ(get("b"), "1");
  ledger_.reset();  // its threads use what is in this function
}

TEST_F(LedgerTest, KilledDrainIsRepeatedWithoutAChange) {
  must_open();
  put("a", "1");
  ASSERT_TRUE(drain());
  // As a kill leaves it that comes between the commit and the end of the segment.
  std::vector<std::pair<std::filesystem::path, std::string>> left;
  for (const auto& file : segments()) {
    left.emplace_back(file, slurp(file));
  }
  Batch batch;
  batch.erase("uploads", "a");
  ASSERT_TRUE(ledger_->append({}, batch, Purpose::kNew).ok());
  ledger_.reset();
  for (const auto& [file, bytes] : left) spit(file, bytes);
  must_open();
  EXPECT_EQ(rows(), RowMap()) << "the old record brought the row back";
}

TEST_F(LedgerTest, ReplaysRecordsWithoutAnythingButTheLog) {
  must_open();
  RowMap model;
  std::mt19937_64 random(1);
  for (int i = 0; i < 50; ++i) {
    ASSERT_TRUE(ledger_->append({}, random_batch(random, model), Purpose::kNew).ok());
  }
  fail_at("journal.before_drain_commit", ErrorCode::kLocalDisk);
  EXPECT_FALSE(ledger_->close().ok());
  ledger_.reset();
  fault::disarm_all();
  std::filesystem::remove(options_.folder / "data.mdb");  // D3
  std::filesystem::remove(options_.folder / "lock.mdb");
  must_open();
  EXPECT_EQ(rows(), model);
}

TEST_F(LedgerTest, SalvageTakesWhatCanBeRead) {
  must_open();
  put("a", "first value");
  put("b", "second value");
  put("c", "third value");
  fail_at("journal.before_drain_commit", ErrorCode::kLocalDisk);
  EXPECT_FALSE(ledger_->close().ok());
  ledger_.reset();
  fault::disarm_all();
  const std::filesystem::path file = segments().front();
  std::string bytes = slurp(file);
  bytes[bytes.find("second")] ^= 1;
  spit(file, bytes);
  EXPECT_TRUE(Ledger::open(options_, clock_, metrics_).failed_with(ErrorCode::kCorrupt));
  options_.salvage = true;
  must_open();
  EXPECT_EQ(rows(), (RowMap{{"uploads/a", "first value"}, {"uploads/c", "third value"}}));
  EXPECT_EQ(ledger_->state().drained, 3u);
  options_.salvage = false;
  reopen();
  EXPECT_EQ(rows().size(), 2u);
}

TEST_F(LedgerTest, ThreadsAppendSyncAndRead) {
  SystemClock system;
  options_.max_backlog = 64 * kKiB;
  options_.segment_size = 16 * kKiB;
  auto opened = Ledger::open(options_, system, metrics_);
  ASSERT_TRUE(opened.ok());
  ledger_ = *std::move(opened);
  constexpr int kThreads = 6;
  constexpr int kEach = 300;
  std::vector<std::thread> threads;
  threads.reserve(kThreads + 1);
  std::mutex mutex;
  std::set<std::uint64_t> sequences;
  std::atomic<bool> over = false;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < kEach; ++i) {
        // Both rows change together: a reader sees them equal.
        Batch batch;
        const std::string value = std::to_string(i) + std::string(100, 'x');
        batch.put("uploads", "thread" + std::to_string(t), value);
        batch.put("uploads", "thread" + std::to_string(t) + "/twin", value);
        const auto sequence = ledger_->append({}, batch, Purpose::kNew);
        ASSERT_TRUE(sequence.ok()) << sequence.error().to_string();
        ASSERT_EQ(get("thread" + std::to_string(t)), value);
        if (i % 50 == 0) {
          ASSERT_TRUE(ledger_->sync({}).ok());
        }
        const std::lock_guard lock(mutex);
        ASSERT_TRUE(sequences.insert(*sequence).second);
      }
    });
  }
  std::thread reader([&] {
    while (!over) {
      const RowMap seen = rows();
      for (int t = 0; t < kThreads; ++t) {
        const std::string key = "uploads/thread" + std::to_string(t);
        if (!seen.contains(key)) continue;
        ASSERT_TRUE(seen.contains(key + "/twin"));
        ASSERT_EQ(seen.at(key), seen.at(key + "/twin"));
      }
    }
  });
  for (auto& thread : threads) thread.join();
  over = true;
  reader.join();
  EXPECT_EQ(sequences.size(), std::size_t{kThreads} * kEach);
  const RowMap before = rows();
  reopen();
  EXPECT_EQ(rows(), before);
}

}  // namespace
}  // namespace driveway::journal
