#include "cli/login_text.h"

#include <gtest/gtest.h>

#include "cli/login_input.h"

namespace driveway::cli {
namespace {

using namespace std::chrono_literals;

TEST(LoginTextTest, WhatALoginMayDo) {
  EXPECT_EQ(scopes_in_words(auth::drive_scopes(false)),
            "all files of the Drive, to read and to change");
  EXPECT_EQ(scopes_in_words(auth::drive_scopes(true)), "all files of the Drive, to read only");
  EXPECT_EQ(scopes_in_words({}), "not known");
  EXPECT_TRUE(is_read_only(auth::drive_scopes(true)));
  EXPECT_FALSE(
      is_read_only({std::string(auth::kScopeDriveReadOnly), std::string(auth::kScopeDrive)}));
}

TEST(LoginTextTest, HowLongItLasts) {
  const WallTime now{};
  EXPECT_EQ(duration_in_words(std::nullopt, now), "until it is revoked, or not used for 6 months");
  EXPECT_EQ(duration_in_words(now + 604799s, now), "until 1970-01-07T23:59:59.000Z (in 7 days)");
  EXPECT_EQ(duration_in_words(now + 1h, now), "until 1970-01-01T01:00:00.000Z (in 1 hour)");
  EXPECT_EQ(duration_in_words(now, now), "it ended at 1970-01-01T00:00:00.000Z");
}

TEST(LoginInputTest, CommandsAreQuoted) {
  EXPECT_EQ(shell_command({"driveway", "login", "--account", "me@work"}),
            "driveway login --account me@work");
  EXPECT_EQ(shell_command({"a b", "it's", ""}), "'a b' 'it'\\''s' ''");
  EXPECT_EQ(python_list({"driveway", "a\"b"}), R"(["driveway","a\"b"])");
}

}  // namespace
}  // namespace driveway::cli
