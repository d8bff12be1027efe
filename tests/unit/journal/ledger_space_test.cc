// D6: a full disk, or a full map of LMDB, stops neither the drain nor what finishes something.
#include <gtest/gtest.h>

#include <random>
#include <string>

#include "unit/journal/ledger_fixture.h"
#include "unit/journal/small_disk.h"

namespace driveway::journal {
namespace {

class LedgerSpaceTest : public LedgerTest {
 public:
  ~LedgerSpaceTest() override { ledger_.reset(); }

 protected:
  LedgerSpaceTest() {
    options_.folder = disk_ / "account/journal";
    options_.reserve = 1 * kMiB;
    options_.segment_size = 64 * kKiB;
  }
  // New changes until one is refused for the disk.
  void append_until_full() {
    for (int i = 0; i < 100'000; ++i) {
      const std::string key = "new" + std::to_string(i);
      const auto appended = try_put(key, std::string(500, 'n'));
      if (!appended.ok()) {
        ASSERT_TRUE(appended.failed_with(ErrorCode::kNoSpace)) << appended.error().to_string();
        return;
      }
      model_["uploads/" + key] = std::string(500, 'n');
    }
    FAIL() << "the disk is not full";
  }
  void finish(const std::string& key) {
    Batch batch;
    batch.erase("uploads", key);
    batch.put("marks", "finished", key);
    const auto appended = ledger_->append({}, batch, Purpose::kProgress);
    ASSERT_TRUE(appended.ok()) << appended.error().to_string();
    model_.erase("uploads/" + key);
    model_["marks/finished"] = key;
  }

  SmallDisk disk_{8 * kMiB};
  RowMap model_;
};

TEST_F(LedgerSpaceTest, ProgressGoesOnWhereNewChangesAreRefused) {
  must_open();
  disk_.fill(128 * kKiB);
  append_until_full();
  EXPECT_EQ(rows(), model_);
  const std::size_t unfinished = model_.size();
  ASSERT_GT(unfinished, 50u);
  for (std::size_t i = 0; i < unfinished && !HasFatalFailure(); ++i) {
    finish("new" + std::to_string(i));
    if (i % 20 == 0) {
      ASSERT_TRUE(drain()) << ledger_->state().failure->to_string();
      EXPECT_TRUE(try_put("more", std::string(500, 'n')).failed_with(ErrorCode::kNoSpace) ||
                  !ledger_->state().disk_full);
    }
    model_.erase("uploads/more");
    if (get("more")) model_["uploads/more"] = std::string(500, 'n');
  }
  ASSERT_TRUE(drain());
  EXPECT_EQ(rows(), model_);
  disk_.empty();
  ASSERT_TRUE(advance_until([&] { return !ledger_->state().disk_full; }));
  EXPECT_EQ(metrics_.gauge("journal.disk_full").value(), 0);
  put("again", "1");
  model_["uploads/again"] = "1";
  reopen();
  EXPECT_EQ(rows(), model_);
}

TEST_F(LedgerSpaceTest, DrainGivesTheReserveUp) {
  must_open();
  for (int i = 0; i < 300; ++i) {
    put("row" + std::to_string(i), std::string(1000, 'r'));
    model_["uploads/row" + std::to_string(i)] = std::string(1000, 'r');
  }
  disk_.fill();
  EXPECT_FALSE(ledger_->state().disk_full);
  ASSERT_TRUE(drain()) << ledger_->state().failure->to_string();
  EXPECT_TRUE(ledger_->state().disk_full);
  EXPECT_TRUE(try_put("new", "1").failed_with(ErrorCode::kNoSpace));
  EXPECT_EQ(metrics_.gauge("journal.disk_full").value(), 1);
  EXPECT_EQ(rows(), model_);
  finish("row7");
  ASSERT_TRUE(drain());
  reopen();
  EXPECT_EQ(rows(), model_);
}

TEST_F(LedgerSpaceTest, WithoutTheReserveTheDrainWouldStop) {
  options_.reserve = 4 * kKiB;
  must_open();
  for (int i = 0; i < 300; ++i) put("row" + std::to_string(i), std::string(1000, 'r'));
  const RowMap before = rows();
  disk_.fill();
  ASSERT_TRUE(advance_until([&] { return ledger_->state().failure.has_value(); }));
  EXPECT_EQ(ledger_->state().failure->code, ErrorCode::kNoSpace);
  EXPECT_EQ(rows(), before) << "nothing that was acknowledged is harmed";
  disk_.empty();
  ASSERT_TRUE(drain());
  EXPECT_EQ(rows(), before);
}

TEST_F(LedgerSpaceTest, OpensAndReplaysOnAFullDisk) {
  must_open();
  for (int i = 0; i < 300; ++i) {
    put("row" + std::to_string(i), std::string(1000, 'r'));
    model_["uploads/row" + std::to_string(i)] = std::string(1000, 'r');
  }
  fail_at("journal.before_drain_commit", ErrorCode::kLocalDisk);
  EXPECT_FALSE(ledger_->close().ok());  // as a kill
  ledger_.reset();
  fault::disarm_all();
  disk_.fill();
  must_open();
  EXPECT_EQ(rows(), model_);
  finish("row3");
  ASSERT_TRUE(drain()) << ledger_->state().failure->to_string();
  EXPECT_EQ(rows(), model_);
}

TEST_F(LedgerSpaceTest, NewChangesAreRefusedWhereTheReserveCannotBeHad) {
  must_open();
  ledger_.reset();
  std::filesystem::remove(options_.folder / "reserve");
  disk_.fill();
  must_open();
  EXPECT_TRUE(ledger_->state().disk_full);
  EXPECT_TRUE(try_put("new", "1").failed_with(ErrorCode::kNoSpace));
}

class LedgerMapTest : public LedgerTest {};

TEST_F(LedgerMapTest, FullMapGrows) {
  options_.map_size = 64 * kKiB;
  must_open();
  RowMap model;
  std::mt19937_64 random(2);
  for (int i = 0; i < 400; ++i) {
    Batch batch = random_batch(random, model, 4000);
    const std::string key = "row" + std::to_string(i);
    batch.put("uploads", key, std::string(1000, 'm'));
    model["uploads/" + key] = std::string(1000, 'm');
    ASSERT_TRUE(ledger_->append({}, batch, Purpose::kNew).ok());
    if (i % 50 == 0) {
      ASSERT_TRUE(drain());
    }
  }
  ASSERT_TRUE(drain());
  EXPECT_EQ(rows(), model);
  EXPECT_FALSE(ledger_->state().disk_full);
  reopen();
  EXPECT_EQ(rows(), model) << "a map smaller than the file is no obstacle";
}

TEST_F(LedgerMapTest, WhileTheMapCannotGrowNewChangesAreRefused) {
  options_.map_size = 64 * kKiB;
  must_open();
  for (int i = 0; i < 100; ++i) put("row" + std::to_string(i), std::string(1000, 'm'));
  const RowMap before = rows();
  bool looked = false;
  // A map must not move under a reader.
  ASSERT_TRUE(ledger_
                  ->for_each("uploads", "", "",
                             [&](std::string_view, std::string_view) {
                               if (looked) return true;
                               looked = true;
                               EXPECT_TRUE(advance_until(
                                   [&] { return ledger_->state().failure.has_value(); }));
                               EXPECT_TRUE(try_put("new", "1").failed_with(ErrorCode::kNoSpace));
                               EXPECT_TRUE(try_put("old", "1", Purpose::kProgress).ok());
                               return true;
                             })
                  .ok());
  ASSERT_TRUE(looked);
  ASSERT_TRUE(drain());
  put("new", "1");
  EXPECT_EQ(rows().size(), before.size() + 2);
}

}  // namespace
}  // namespace driveway::journal
