#include "cli/exit_status.h"

#include <gtest/gtest.h>

namespace driveway::cli {
namespace {

// Scripts depend on them.
TEST(ExitStatusTest, WhatIsNotInDriveHasAStatusOfItsOwn) {
  EXPECT_EQ(static_cast<int>(exit_status_of_unsent(ErrorCode::kDeadlineExceeded)), 8);
  EXPECT_EQ(static_cast<int>(exit_status_of_unsent(ErrorCode::kStorageFull)), 5);
  EXPECT_EQ(static_cast<int>(exit_status_of_unsent(ErrorCode::kQuotaExceeded)), 5);
  EXPECT_EQ(static_cast<int>(exit_status_of_unsent(ErrorCode::kLoginNeeded)), 4);
  EXPECT_EQ(static_cast<int>(exit_status_of_unsent(ErrorCode::kPermissionDenied)), 4);
  EXPECT_EQ(static_cast<int>(exit_status_of_unsent(ErrorCode::kCorrupt)), 7);
  EXPECT_EQ(static_cast<int>(exit_status_of_unsent(ErrorCode::kCancelled)), 130);
  EXPECT_EQ(static_cast<int>(exit_status_of_unsent(ErrorCode::kUnavailable)), 1);
  EXPECT_EQ(static_cast<int>(exit_status({ErrorCode::kDeadlineExceeded, ""})), 1);
  // A file system of this machine, under the cache folder, say.
  EXPECT_EQ(static_cast<int>(exit_status({ErrorCode::kReadOnly, ""})), 6);
}

}  // namespace
}  // namespace driveway::cli
