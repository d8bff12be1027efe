// Random operations on the ledger against a map, with reopens at random moments.
// DRIVEWAY_TEST_SEED repeats a run, DRIVEWAY_TEST_LONG makes it 25 times as long.
#include <gtest/gtest.h>

#include <iostream>
#include <random>
#include <string>

#include "unit/journal/ledger_fixture.h"

namespace driveway::journal {
namespace {

class LedgerModelTest : public LedgerTest {
 protected:
  void step() {
    switch (random_() % 16) {
      case 0:
        ASSERT_TRUE(ledger_->sync({}).ok());
        break;
      case 1:
        ASSERT_TRUE(drain());
        break;
      case 2:
        clock_.advance(std::chrono::milliseconds(random_() % 1500));
        break;
      case 3:
        check_range();
        break;
      case 4:
        check_one();
        break;
      case 5:
        if (random_() % 4 == 0) crash_or_close();
        break;
      default: {
        const Purpose purpose = random_() % 2 == 0 ? Purpose::kNew : Purpose::kProgress;
        const auto sequence = ledger_->append(
            {}, random_batch(random_, model_, random_() % 20 == 0 ? 20'000 : 200), purpose);
        ASSERT_TRUE(sequence.ok()) << sequence.error().to_string();
        ASSERT_EQ(*sequence, ++appended_);
      }
    }
  }

  void crash_or_close() {
    // A drain that fails leaves the log as a kill would.
    if (random_() % 2 == 0) fail_at("journal.before_drain_commit", ErrorCode::kLocalDisk);
    ledger_->close().ok();
    fault::disarm_all();
    reopen();
    ASSERT_EQ(rows(), model_);
  }

  void check_one() {
    const std::string key = "key" + std::to_string(random_() % 40);
    const std::string& table = test_tables()[random_() % 2];
    const auto found = ledger_->get(table, key);
    ASSERT_TRUE(found.ok());
    const auto expected = model_.find(table + "/" + key);
    ASSERT_EQ(found->has_value(), expected != model_.end());
    if (*found) {
      ASSERT_EQ(**found, expected->second);
    }
  }

  void check_range() {
    const std::string& table = test_tables()[random_() % 2];
    const std::string from = random_() % 3 == 0 ? "" : "key" + std::to_string(random_() % 40);
    const std::string until = random_() % 3 == 0 ? "" : "key" + std::to_string(random_() % 40);
    RowMap expected;
    for (const auto& [key, value] : model_) {
      if (!key.starts_with(table + "/")) continue;
      const std::string bare = key.substr(table.size() + 1);
      if (bare >= from && (until.empty() || bare < until)) expected[bare] = value;
    }
    RowMap found;
    ASSERT_TRUE(ledger_
                    ->for_each(table, from, until,
                               [&](std::string_view key, std::string_view value) {
                                 found[std::string(key)] = value;
                                 return true;
                               })
                    .ok());
    ASSERT_EQ(found, expected);
  }

  std::mt19937_64 random_;
  RowMap model_;
  std::uint64_t appended_ = 0;
};

TEST_F(LedgerModelTest, AgreesWithAMap) {
  options_.max_backlog = 64 * kKiB;
  options_.segment_size = 8 * kKiB;
  for (int round = 0; round < rounds(4); ++round) {
    const std::uint64_t seed = first_seed();
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::cout << "seed " << seed << '\n';
    random_.seed(seed);
    model_.clear();
    appended_ = 0;
    options_.folder = folder_ / std::to_string(round) / "journal";
    ledger_.reset();
    must_open();
    for (int i = 0; i < 600 && !HasFatalFailure(); ++i) step();
    if (HasFatalFailure()) return;
    ASSERT_EQ(rows(), model_);
    reopen();
    ASSERT_EQ(rows(), model_);
  }
}

}  // namespace
}  // namespace driveway::journal
