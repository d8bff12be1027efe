#include "cli/daemonize.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

namespace driveway::cli {
namespace {

TEST(DaemonizeTest, ReturnsOnlyWhenTheChildSaysThatItIsReady) {
  EXPECT_TRUE(run_in_background([](StartReport& report) {
                report.ready();
                return 0;
              }).ok());
}

TEST(DaemonizeTest, ShowsTheChildsNote) {
  ::testing::internal::CaptureStderr();
  EXPECT_TRUE(run_in_background([](StartReport& report) {
                report.ready("something to know");
                return 0;
              }).ok());
  EXPECT_EQ(::testing::internal::GetCapturedStderr(), "driveway: something to know\n");
}

TEST(DaemonizeTest, GivesTheChildsError) {
  const Status status = run_in_background([](StartReport& report) {
    report.failed({ErrorCode::kLoginNeeded, "log in first"});
    return 4;
  });
  ASSERT_TRUE(status.failed_with(ErrorCode::kLoginNeeded));
  EXPECT_EQ(status.error().message, "log in first");
}

TEST(DaemonizeTest, AChildThatDiesWithoutAWordIsAnError) {
  const Status status = run_in_background([](StartReport&) -> int { ::_exit(3); });
  ASSERT_TRUE(status.failed_with(ErrorCode::kInternal));
  EXPECT_THAT(status.error().message, ::testing::HasSubstr("died while it started"));
}

TEST(DaemonizeTest, TheChildHasItsOwnSession) {
  EXPECT_TRUE(run_in_background([](StartReport& report) {
                if (::getsid(0) == ::getpid()) {
                  report.ready();
                } else {
                  report.failed({ErrorCode::kInternal, "still in the session of the command"});
                }
                return 0;
              }).ok());
}

}  // namespace
}  // namespace driveway::cli
