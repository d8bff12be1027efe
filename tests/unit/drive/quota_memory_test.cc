// What was learned of Drive's limits, from one start to the next.
#include "drive/quota_memory.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <optional>
#include <string>
#include <thread>

#include "base/file.h"
#include "unit/base/temporary_folder.h"

namespace driveway::drive {
namespace {

class QuotaMemoryTest : public testing::Test {
 protected:
  // A client whose refusals taught it to count units.
  static void learn(QuotaBudget& budget) {
    for (int i = 0; i < 200; ++i) EXPECT_TRUE(budget.take({}, Method::kRead).ok());
    budget.refused(std::nullopt);
  }

  FakeClock clock;
  Metrics metrics;
  TemporaryFolder folder;
  const std::filesystem::path file = folder / "account" / "quota.json";
};

TEST_F(QuotaMemoryTest, IsThereAtTheNextStart) {
  {
    QuotaBudget budget(QuotaModel::kAuto, clock, metrics);
    const QuotaMemory memory(file, budget, clock);
    learn(budget);
    ASSERT_TRUE(budget.learned().counts_units);
  }
  struct stat info {};
  ASSERT_EQ(::stat(file.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600U);
  QuotaBudget next(QuotaModel::kAuto, clock, metrics);
  const QuotaMemory memory(file, next, clock);
  EXPECT_TRUE(next.learned().counts_units);
  QuotaBudget told(QuotaModel::kLegacy, clock, metrics);
  const QuotaMemory of_told(file, told, clock);
  EXPECT_FALSE(told.learned().counts_units);
}

TEST_F(QuotaMemoryTest, IsWrittenAfterAMinuteToo) {  // the daemon may be killed
  QuotaBudget budget(QuotaModel::kAuto, clock, metrics);
  const QuotaMemory memory(file, budget, clock);
  learn(budget);
  while (clock.waiting() == 0) std::this_thread::yield();
  EXPECT_FALSE(std::filesystem::exists(file));
  clock.advance(std::chrono::seconds(61));
  while (!std::filesystem::exists(file)) std::this_thread::yield();
}

TEST_F(QuotaMemoryTest, NothingLearnedIsNotWritten) {
  {
    QuotaBudget budget(QuotaModel::kAuto, clock, metrics);
    const QuotaMemory memory(file, budget, clock);
  }
  EXPECT_FALSE(std::filesystem::exists(file));
}

TEST_F(QuotaMemoryTest, ADamagedFileIsAsGoodAsNone) {
  for (const char* damaged :
       {"", "[", "[]", "{}", R"({"version":2,"counts_units":true,"pace":0.5})",
        R"({"version":1,"counts_units":1,"pace":0.5})",
        R"({"version":1,"counts_units":true,"pace":"x"})"}) {
    const auto path = folder / "quota.json";
    ASSERT_TRUE(write_file_atomically(path, damaged, 0600).ok());
    QuotaBudget budget(QuotaModel::kAuto, clock, metrics);
    const QuotaMemory memory(path, budget, clock);
    EXPECT_FALSE(budget.learned().counts_units) << damaged;
    EXPECT_EQ(budget.learned().pace, 1) << damaged;
  }
}

}  // namespace
}  // namespace driveway::drive
