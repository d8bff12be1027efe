#include "fuse/errno.h"

#include <gtest/gtest.h>

#include <cerrno>

namespace driveway::fuse {
namespace {

int errno_of(ErrorCode code) { return to_errno(Error{code, ""}); }

TEST(ErrnoTest, WhatAProgramCanReactToKeepsItsMeaning) {
  EXPECT_EQ(errno_of(ErrorCode::kNotFound), ENOENT);
  EXPECT_EQ(errno_of(ErrorCode::kLoginNeeded), EACCES);
  EXPECT_EQ(errno_of(ErrorCode::kCancelled), EINTR);
  EXPECT_EQ(errno_of(ErrorCode::kStale), ESTALE);  // R1
  EXPECT_EQ(errno_of(ErrorCode::kReadOnly), EROFS);
  EXPECT_EQ(errno_of(ErrorCode::kNoSpace), ENOSPC);
  EXPECT_EQ(errno_of(ErrorCode::kStorageFull), ENOSPC);  // E2
  EXPECT_EQ(errno_of(ErrorCode::kQuotaExceeded), EDQUOT);
  EXPECT_EQ(errno_of(ErrorCode::kPermissionDenied), EACCES);
  EXPECT_EQ(errno_of(ErrorCode::kTooLarge), EFBIG);
}

TEST(ErrnoTest, APassedDeadlineIsEio) {  // R5
  EXPECT_EQ(errno_of(ErrorCode::kDeadlineExceeded), EIO);
  EXPECT_EQ(errno_of(ErrorCode::kUnavailable), EIO);
}

TEST(ErrnoTest, NoErrorIsSuccess) {
  for (int code = 0; code <= static_cast<int>(ErrorCode::kInternal); ++code) {
    EXPECT_GT(errno_of(static_cast<ErrorCode>(code)), 0) << code;
  }
}

TEST(ErrnoTest, OfExtendedAttributes) {
  const auto number = [](ErrorCode code) { return to_attribute_errno(Error{code, ""}); };
  EXPECT_EQ(number(ErrorCode::kNotFound), ENODATA);
  EXPECT_EQ(number(ErrorCode::kAlreadyExists), EEXIST);
  EXPECT_EQ(number(ErrorCode::kPermissionDenied), EPERM);
  EXPECT_EQ(number(ErrorCode::kTooLarge), ENOSPC);  // E3
  EXPECT_EQ(number(ErrorCode::kNameTooLong), ERANGE);
  EXPECT_EQ(number(ErrorCode::kReadOnly), EROFS);
}

}  // namespace
}  // namespace driveway::fuse
