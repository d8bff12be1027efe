#include "auth/method.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "auth/login_method.h"

namespace driveway::auth {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(MethodTest, EachIsNamedByItsForm) {
  EXPECT_EQ(parse_method("auto")->kind, Method::Kind::kAuto);
  EXPECT_EQ(parse_method("stored")->kind, Method::Kind::kStored);
  EXPECT_EQ(parse_method("env")->kind, Method::Kind::kVariable);
  EXPECT_EQ(parse_method("adc")->kind, Method::Kind::kApplication);
  EXPECT_EQ(parse_method("metadata")->kind, Method::Kind::kMetadata);
  EXPECT_EQ(parse_method("credentials=/k.json")->kind, Method::Kind::kCredentials);
  EXPECT_EQ(parse_method("token=/run/a=b")->argument, "/run/a=b");
  EXPECT_EQ(parse_method("command=a b=c")->argument, "a b=c");
}

TEST(MethodTest, AFileIsFoundFromElsewhereToo) {
  EXPECT_EQ(parse_method("token=here")->argument, std::filesystem::current_path() / "here");
}

TEST(MethodTest, WhatIsNoneIsRefusedWithThoseThatAre) {
  for (const char* text :
       {"", "token", "token=", "env=x", "=x", "other", "command=", "command= ", "command='a"}) {
    const auto refused = parse_method(text);
    EXPECT_TRUE(refused.failed_with(ErrorCode::kInvalidArgument)) << text;
  }
  EXPECT_THAT(parse_method("other").error().message,
              testing::AllOf(HasSubstr("auto"), HasSubstr("command=<CMD>")));
}

TEST(MethodTest, AWayToLogInIsNone) {
  const auto refused = parse_method("gdfuse=default");
  ASSERT_TRUE(refused.failed_with(ErrorCode::kInvalidArgument));
  EXPECT_THAT(refused.error().message, HasSubstr("run `driveway login --with gdfuse"));
  EXPECT_EQ(parse_login_method("")->kind, LoginMethod::Kind::kBrowser);
  EXPECT_EQ(parse_login_method("gdfuse=a=b")->argument, "a=b");
  EXPECT_EQ(parse_login_method("rclone=my drive")->argument, "my drive");
  EXPECT_TRUE(parse_login_method("rclone=x")->is_import());
  for (const char* text :
       {"gdfuse", "gdfuse=", "device", "browser=", "adc", "=", "token=ya29.x"}) {
    const auto other = parse_login_method(text);
    ASSERT_TRUE(other.failed_with(ErrorCode::kInvalidArgument)) << text;
    EXPECT_THAT(other.error().message, HasSubstr("rclone=<REMOTE>"));
    EXPECT_THAT(other.error().message, testing::Not(HasSubstr("ya29")));
  }
}

TEST(MethodTest, ACommandIsSplitAsAShellWouldButNotExpanded) {
  EXPECT_THAT(*split_command("a b\t'c d' \"e \\\" f\"g h\\ i '' $HOME *"),
              ElementsAre("a", "b", "c d", "e \" fg", "h i", "", "$HOME", "*"));
}

}  // namespace
}  // namespace driveway::auth
