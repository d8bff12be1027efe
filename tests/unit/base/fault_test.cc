#include "base/fault.h"

#include <gtest/gtest.h>

#include <cstdlib>

namespace driveway::fault {
namespace {

class FaultTest : public testing::Test {
 protected:
  void TearDown() override { disarm_all(); }
};

Status pass_through_macro() {
  DRIVEWAY_CHECK(DRIVEWAY_FAULT_STATUS("test.status"));
  return {};
}

TEST_F(FaultTest, AnUnarmedPointDoesNothing) { EXPECT_TRUE(pass("test.point").ok()); }

TEST_F(FaultTest, RunsFromTheGivenPassageOn) {
  int runs = 0;
  arm(
      "test.point",
      [&]() -> Status {
        ++runs;
        return Error{ErrorCode::kNoSpace, "full"};
      },
      3);
  EXPECT_TRUE(pass("test.point").ok());
  EXPECT_TRUE(pass("test.other").ok());
  EXPECT_TRUE(pass("test.point").ok());
  EXPECT_TRUE(pass("test.point").failed_with(ErrorCode::kNoSpace));
  EXPECT_TRUE(pass("test.point").failed_with(ErrorCode::kNoSpace));
  EXPECT_EQ(runs, 2);
  disarm_all();
  EXPECT_TRUE(pass("test.point").ok());
}

TEST_F(FaultTest, AnActionMayDisarm) {
  arm("test.point", []() -> Status {
    disarm_all();
    return Error{ErrorCode::kLocalDisk, "once"};
  });
  EXPECT_FALSE(pass("test.point").ok());
  EXPECT_TRUE(pass("test.point").ok());
}

TEST_F(FaultTest, TheMacrosPassWhereCompiledIn) {
  arm("test.status", [] { return Status(Error{ErrorCode::kLocalDisk, "injected"}); });
  EXPECT_EQ(pass_through_macro().ok(), !compiled_in());
  DRIVEWAY_FAULT_POINT("test.status");
}

using FaultDeathTest = FaultTest;

TEST_F(FaultDeathTest, TheEnvironmentArmsAnotherProcess) {
  testing::FLAGS_gtest_death_test_style = "threadsafe";
  EXPECT_EXIT(
      {
        setenv("DRIVEWAY_FAULT", "test.error=error, test.kill=kill@2", 1);
        const bool failed = pass("test.error").failed_with(ErrorCode::kLocalDisk);
        const bool passed = pass("test.kill").ok();
        if (!failed || !passed) std::exit(1);
        static_cast<void>(pass("test.kill").ok());
        std::exit(2);
      },
      testing::KilledBySignal(SIGKILL), "");
}

TEST_F(FaultDeathTest, AListThatIsNotUnderstoodAborts) {
  testing::FLAGS_gtest_death_test_style = "threadsafe";
  for (const char* list : {"x", "x=", "=kill", "x=explode", "x=kill@0", "x=kill@", "x=error,,"}) {
    EXPECT_DEATH(
        {
          setenv("DRIVEWAY_FAULT", list, 1);
          static_cast<void>(pass("x").ok());
        },
        "DRIVEWAY_FAULT")
        << list;
  }
}

}  // namespace
}  // namespace driveway::fault
