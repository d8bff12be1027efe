// Power loss (D2): what sync() promised is there, and what is there is what some first part of the
// batches made, whatever subset of the unsynced writes of the log and of LMDB reached the disk.
#include <gtest/gtest.h>

#include <iostream>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "unit/journal/ledger_fixture.h"
#include "unit/support/crash_disk.h"
#include "unit/support/in_child.h"

namespace driveway::journal {
namespace {

class LedgerPowerTest : public LedgerTest {
 protected:
  LedgerPowerTest() {
    options_.segment_size = 2 * kKiB;
    options_.reserve = 4 * kKiB;
    options_.max_backlog = 64 * kKiB;
    options_.map_size = 64 * kMiB;
  }

  // Each batch also counts itself, so that an image says which one was its last.
  void append(std::mt19937_64& random) {
    RowMap next = states_.back();
    Batch batch = random_batch(random, next);
    const std::string number = std::to_string(states_.size());
    batch.put("marks", "number", number);
    next["marks/number"] = number;
    ASSERT_TRUE(ledger_->append({}, batch, Purpose::kNew).ok());
    states_.push_back(std::move(next));
  }

  // Random batches and syncs below `root`, recorded by `disk`.
  void run(std::mt19937_64& random, CrashDisk& disk) {
    states_ = {RowMap()};
    must_open();
    disk.mark(0);
    for (int i = 0; i < 120 && !HasFatalFailure(); ++i) {
      switch (random() % 12) {
        case 0:
        case 1:
          ASSERT_TRUE(ledger_->sync({}).ok());
          disk.mark(states_.size() - 1);
          break;
        case 2:
          ASSERT_TRUE(drain());
          disk.mark(states_.size() - 1);
          break;
        case 3:
          // What a failed fdatasync covered is synced otherwise, or sync() says so.
          fail_at("journal.log_sync", ErrorCode::kLocalDisk);
          ASSERT_TRUE(ledger_->sync({}).ok());
          fault::disarm_all();
          disk.mark(states_.size() - 1);
          break;
        case 4:
          if (random() % 3 == 0) {
            reopen();
            disk.mark(states_.size() - 1);  // a close syncs
          }
          break;
        default:
          append(random);
      }
    }
    ledger_.reset();
    disk.mark(states_.size() - 1);
  }

  // Why the image in `folder` is not what a power loss may leave; empty: it is.
  std::string fault_of(const std::filesystem::path& folder, std::uint64_t promised) {
    LedgerOptions options = options_;
    options.folder = folder / "account" / "journal";
    options.boot_id = "the next boot";
    auto ledger = Ledger::open(options, clock_, metrics_);
    if (!ledger.ok()) return "it does not open: " + ledger.error().to_string();
    const auto found = all_rows(**ledger);
    if (!found.ok()) return "it cannot be read: " + found.error().to_string();
    const auto number = found->find("marks/number");
    const std::size_t last =
        number == found->end() ? 0 : std::strtoull(number->second.c_str(), nullptr, 10);
    if (last < promised) {
      return "batch " + std::to_string(promised) + " was promised, the last is " +
             std::to_string(last);
    }
    if (last >= states_.size()) return "a batch that was never appended";
    if (*found != states_[last]) return "torn behind batch " + std::to_string(last);
    return {};
  }

  // Images at random moments; gives the first fault.
  std::string look_for_faults(std::mt19937_64& random, const CrashDisk& disk, int images) {
    for (int i = 0; i < images; ++i) {
      const std::size_t calls = random() % (disk.calls() + 1);
      const auto loss = CrashDisk::kAllLosses[random() % std::size(CrashDisk::kAllLosses)];
      const auto promised = disk.marked(calls);
      std::string fault = fault_after(random, disk, calls, loss, promised.value_or(0));
      if (!fault.empty()) return fault;
    }
    return {};
  }

  // Of one image. LMDB may crash on what a missing sync leaves.
  std::string fault_after(std::mt19937_64& random, const CrashDisk& disk, std::size_t calls,
                          CrashDisk::Loss loss, std::uint64_t promised) {
    const std::filesystem::path target = folder_ / "image";
    disk.image(calls, loss, random, target);
    const std::string fault = syncs_are_missing_
                                  ? in_child([&] { return fault_of(target, promised); })
                                  : fault_of(target, promised);
    std::error_code ignored;
    std::filesystem::remove_all(target, ignored);
    if (fault.empty()) return fault;
    return fault + " (call " + std::to_string(calls) + " of " + std::to_string(disk.calls()) +
           ", loss " + std::to_string(static_cast<int>(loss)) + ")";
  }

  void ignore_syncs(CrashDisk& disk, const CrashDisk::Predicate& ignored) {
    disk.ignore_syncs(ignored);
    syncs_are_missing_ = ignored != nullptr;
  }

  // The fault that is found when the syncs of `ignored` do nothing.
  std::string faults_without(const CrashDisk::Predicate& ignored, int images) {
    const std::uint64_t seed = first_seed();
    std::cout << "seed " << seed << '\n';
    std::mt19937_64 random(seed);
    const std::filesystem::path root = folder_ / ("root" + std::to_string(++runs_));
    std::filesystem::create_directory(root);
    options_.folder = root / "account" / "journal";
    ledger_.reset();
    std::string fault;
    {
      CrashDisk disk(root);
      ignore_syncs(disk, ignored);
      run(random, disk);
      if (!HasFatalFailure()) fault = look_for_faults(random, disk, images);
    }
    return fault.empty() ? fault : fault + ", seed " + std::to_string(seed);
  }

  std::string fault_of_first_start(const CrashDisk::Predicate& ignored) {
    std::mt19937_64 random(first_seed());
    const std::filesystem::path root = folder_ / ("root" + std::to_string(++runs_));
    std::filesystem::create_directory(root);
    options_.folder = root / "account" / "journal";
    states_ = {RowMap()};
    CrashDisk disk(root);
    ignore_syncs(disk, ignored);
    must_open();
    const std::size_t opened = disk.calls();
    ledger_.reset();
    for (std::size_t calls = 0; calls <= opened; ++calls) {
      for (int round = 0; round < rounds(2); ++round) {
        for (const auto loss : CrashDisk::kAllLosses) {
          std::string fault = fault_after(random, disk, calls, loss, 0);
          if (!fault.empty()) return fault;
        }
      }
    }
    return {};
  }

  std::vector<RowMap> states_;  // by the number of batches
  int runs_ = 0;
  bool syncs_are_missing_ = false;
};

TEST_F(LedgerPowerTest, KeepsWhatWasSyncedAndNothingHalf) {
  for (int round = 0; round < rounds(6); ++round) {
    ASSERT_EQ(faults_without(nullptr, 30), "");
    ASSERT_FALSE(HasFatalFailure());
  }
}

// A start that has nothing to begin with, cut off at each of its calls.
TEST_F(LedgerPowerTest, TheFirstStartCanEndAnywhere) {
  EXPECT_EQ(fault_of_first_start(nullptr), "");
  const auto unfinished = [](const auto& path) { return path.filename() == "data.mdb.new"; };
  EXPECT_NE(fault_of_first_start(unfinished), "") << "without the sync of a new LMDB file";
}

// The tests above would notice if one of the syncs were not there.
TEST_F(LedgerPowerTest, NoticesEachMissingSync) {
  const auto in_log = [](const std::filesystem::path& path) {
    return path.parent_path().filename() == "log";
  };
  const std::map<std::string, CrashDisk::Predicate> mutations = {
      {"of the log's records",
       [&](const auto& path) { return in_log(path) && path.extension() != ".tmp"; }},
      {"of a new segment",
       [&](const auto& path) { return in_log(path) && path.extension() == ".tmp"; }},
      {"of the log's folder", [](const auto& path) { return path.filename() == "log"; }},
      {"of LMDB's file", [](const auto& path) { return path.filename() == "data.mdb"; }},
      {"of the journal's folder", [](const auto& path) { return path.filename() == "journal"; }},
      {"of the account's folder", [](const auto& path) { return path.filename() == "account"; }},
  };
  for (const auto& [what, ignored] : mutations) {
    std::string fault;
    for (int tries = 0; tries < 20 && fault.empty(); ++tries) fault = faults_without(ignored, 60);
    EXPECT_NE(fault, "") << "without the sync " << what;
    std::cout << "without the sync " << what << ": " << fault << '\n';
  }
}

}  // namespace
}  // namespace driveway::journal
