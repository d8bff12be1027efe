#include "base/result.h"

#include <gtest/gtest.h>

#include <cerrno>

namespace driveway {
namespace {

Result<int> half_of(int number) {
  if (number % 2 != 0) return Error{ErrorCode::kInvalidArgument, "odd"};
  return number / 2;
}

Result<int> quarter_of(int number) {
  DRIVEWAY_TRY(const int half, half_of(number));
  DRIVEWAY_TRY(const int quarter, half_of(half));
  return quarter;
}

Status check_even(int number) {
  DRIVEWAY_CHECK(half_of(number));
  return {};
}

TEST(ResultTest, CarriesAValueOrAnError) {
  EXPECT_EQ(*quarter_of(8), 2);
  EXPECT_TRUE(quarter_of(6).failed_with(ErrorCode::kInvalidArgument));
  EXPECT_FALSE(quarter_of(6).failed_with(ErrorCode::kInternal));
  EXPECT_EQ(quarter_of(6).value_or(7), 7);
  EXPECT_TRUE(check_even(2).ok());
  EXPECT_EQ(check_even(1).error().message, "odd");
}

TEST(ResultTest, MovesAValueThatCannotBeCopied) {
  Result<std::unique_ptr<int>> result = std::make_unique<int>(5);
  const std::unique_ptr<int> taken = *std::move(result);
  EXPECT_EQ(*taken, 5);
}

TEST(ErrorTest, WrapKeepsCodeAndRetryableAndTellsTheWholeStory) {
  const Error disk = errno_error(EIO, "pread");
  Error middle = wrap(Error{ErrorCode::kUnavailable, "connection reset", true}, "GET /files");
  const Error outer = wrap(std::move(middle), "cannot list 'MyDrive'");
  EXPECT_EQ(outer.code, ErrorCode::kUnavailable);
  EXPECT_TRUE(outer.retryable);
  EXPECT_EQ(outer.to_string(), "cannot list 'MyDrive': GET /files: connection reset");
  EXPECT_EQ(disk.to_string(), "pread: Input/output error");
}

TEST(ErrorTest, MapsErrno) {
  EXPECT_EQ(errno_error(ENOSPC, "x").code, ErrorCode::kNoSpace);
  EXPECT_EQ(errno_error(EDQUOT, "x").code, ErrorCode::kNoSpace);
  EXPECT_EQ(errno_error(ENOENT, "x").code, ErrorCode::kNotFound);
  EXPECT_EQ(errno_error(EACCES, "x").code, ErrorCode::kPermissionDenied);
  EXPECT_EQ(errno_error(EPERM, "x").code, ErrorCode::kPermissionDenied);
  EXPECT_EQ(errno_error(EROFS, "x").code, ErrorCode::kReadOnly);
  EXPECT_EQ(errno_error(EIO, "x").code, ErrorCode::kLocalDisk);
}

TEST(ErrorTest, EveryCodeHasItsOwnName) {
  std::string_view previous;
  for (int code = 0; code <= static_cast<int>(ErrorCode::kInternal); ++code) {
    const auto name = to_string(static_cast<ErrorCode>(code));
    EXPECT_NE(name, "unknown");
    EXPECT_NE(name, previous);
    previous = name;
  }
  EXPECT_EQ(to_string(ErrorCode::kNotFound), "not_found");
}

}  // namespace
}  // namespace driveway
