// What the tests of the log and the ledger share.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/context.h"
#include "base/fault.h"
#include "base/metrics.h"
#include "journal/ledger.h"
#include "unit/base/temporary_folder.h"
#include "unit/support/random_runs.h"

namespace driveway::journal {

// A table's rows, or those of all tables by "TABLE/KEY".
using RowMap = std::map<std::string, std::string>;

inline const std::vector<std::string>& test_tables() {
  static const std::vector<std::string> tables = {"inodes_touched", "uploads", "marks"};
  return tables;
}

inline LedgerOptions test_options(const std::filesystem::path& folder) {
  LedgerOptions options;
  options.folder = folder;
  options.account = "0123456789";
  options.tables = test_tables();
  options.reserve = 256 * kKiB;
  return options;
}

inline Result<RowMap> all_rows(const Ledger& ledger) {
  RowMap rows;
  for (const std::string& table : test_tables()) {
    DRIVEWAY_CHECK(
        ledger.for_each(table, "", "", [&](std::string_view key, std::string_view value) {
          rows[table + "/" + std::string(key)] = value;
          return true;
        }));
  }
  return rows;
}

// A batch of random changes, and the same for a model.
inline Batch random_batch(std::mt19937_64& random, RowMap& model, std::size_t max_value = 200) {
  Batch batch;
  const std::size_t changes = 1 + random() % 4;
  for (std::size_t i = 0; i < changes; ++i) {
    const std::string& table = test_tables()[random() % 2];
    const std::string key = "key" + std::to_string(random() % 40);
    if (random() % 4 == 0) {
      batch.erase(table, key);
      model.erase(table + "/" + key);
    } else {
      const std::string value(random() % max_value, static_cast<char>('a' + random() % 26));
      batch.put(table, key, value);
      model[table + "/" + key] = value;
    }
  }
  return batch;
}

class LedgerTest : public testing::Test {
 public:
  ~LedgerTest() override {
    fault::disarm_all();
    ledger_.reset();
  }

 protected:
  void must_open() {
    auto opened = Ledger::open(options_, clock_, metrics_);
    ASSERT_TRUE(opened.ok()) << opened.error().to_string();
    ledger_ = *std::move(opened);
  }
  void reopen() {
    ledger_.reset();
    must_open();
  }
  std::uint64_t put(const std::string& key, const std::string& value,
                    Purpose purpose = Purpose::kNew) {
    Batch batch;
    batch.put("uploads", key, value);
    const auto sequence = ledger_->append({}, batch, purpose);
    EXPECT_TRUE(sequence.ok()) << sequence.error().to_string();
    return sequence.value_or(0);
  }
  Result<std::uint64_t> try_put(const std::string& key, const std::string& value,
                                Purpose purpose = Purpose::kNew, const Context& context = {}) {
    Batch batch;
    batch.put("uploads", key, value);
    return ledger_->append(context, batch, purpose);
  }
  std::optional<std::string> get(const std::string& key) const {
    const auto value = ledger_->get("uploads", key);
    EXPECT_TRUE(value.ok()) << value.error().to_string();
    return value.value_or(std::nullopt);
  }
  RowMap rows() const {
    auto all = all_rows(*ledger_);
    EXPECT_TRUE(all.ok()) << all.error().to_string();
    return all.value_or(RowMap());
  }
  // The files of the log.
  std::vector<std::filesystem::path> segments() const {
    std::vector<std::filesystem::path> files;
    for (const auto& entry : std::filesystem::directory_iterator(options_.folder / "log")) {
      files.push_back(entry.path());
    }
    return files;
  }
  // Waits for what the ledger's threads do.
  template <typename Done>
  static bool eventually(const Done& done) {
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (!done() && std::chrono::steady_clock::now() < until) std::this_thread::yield();
    return done();
  }
  // Lets the timers run that are due within `time`, until `done`.
  template <typename Done>
  bool advance_until(const Done& done) {
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (!done() && std::chrono::steady_clock::now() < until) {
      clock_.advance(std::chrono::milliseconds(100));
      std::this_thread::yield();
    }
    return done();
  }
  bool drain() {
    return advance_until([&] {
      const LedgerState state = ledger_->state();
      return state.drained == state.appended;
    });
  }
  static void fail_at(const char* point, ErrorCode code, int passage = 1) {
    fault::arm(
        point,
        [code]() -> Status {
          return Error{code, "injected"};
        },
        passage);
  }

  TemporaryFolder folder_;
  LedgerOptions options_ = test_options(folder_ / "account" / "journal");
  FakeClock clock_;
  Metrics metrics_;
  std::unique_ptr<Ledger> ledger_;
};

}  // namespace driveway::journal
