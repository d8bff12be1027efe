#include "auth/gdfuse_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/file.h"
#include "base/strings.h"
#include "unit/base/temporary_folder.h"

namespace driveway::auth {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using testing::Pair;

TEST(GdfuseConfigTest, TheOlderFormIsLines) {
  const auto config = GdfuseConfig::parse(
      "client_id=1.apps.googleusercontent.com\nclient_secret=GOCSPX-a=b\n\nread_only=false\n"
      "root_folder=\numask=0o022\nlog_to=/var/log/my drive.log\r\n",
      "config");
  ASSERT_TRUE(config.ok()) << config.error().to_string();
  EXPECT_THAT(
      config->values(),
      ElementsAre(Pair("client_id", "1.apps.googleusercontent.com"),
                  Pair("client_secret", "GOCSPX-a=b"), Pair("log_to", "/var/log/my drive.log"),
                  Pair("read_only", "false"), Pair("root_folder", ""), Pair("umask", "0o022")));
  EXPECT_EQ(config->text("umask"), "0o022");
  EXPECT_EQ(config->text("scope"), "");
}

TEST(GdfuseConfigTest, OfAKeyThatStandsThereTwiceTheLastCounts) {
  EXPECT_EQ(GdfuseConfig::parse("a=1\na=2\n", "config")->text("a"), "2");
}

TEST(GdfuseConfigTest, TheNewerFormIsTomlWhoseTablesOnlyGroup) {
  const auto config = GdfuseConfig::parse(R"(# mine
config_version = 1

[auth]
client_id = "1.apps.googleusercontent.com"  # the first
client_secret = 'GOCSPX-a=b'
oauth2_loopback_port = 8080

[mount]
read_only = true
umask = "0o022"

[io]
large_file_threshold_mb = 16
)",
                                          "config");
  ASSERT_TRUE(config.ok()) << config.error().to_string();
  EXPECT_THAT(config->values(), ElementsAre(Pair("client_id", "1.apps.googleusercontent.com"),
                                            Pair("client_secret", "GOCSPX-a=b"),
                                            Pair("large_file_threshold_mb", "16"),
                                            Pair("oauth2_loopback_port", "8080"),
                                            Pair("read_only", "true"), Pair("umask", "0o022")));
}

TEST(GdfuseConfigTest, TomlNeedsNoTables) {
  EXPECT_EQ(GdfuseConfig::parse("client_id = \"x\"\nread_only = true", "config")->text("client_id"),
            "x");
  EXPECT_EQ(GdfuseConfig::parse("client_id=\"x\"", "config")->text("client_id"), "x");
  EXPECT_EQ(GdfuseConfig::parse("config_version=1", "config")->values().size(), 0U);
}

TEST(GdfuseConfigTest, AnEmptyFileHasNothing) {
  EXPECT_TRUE(GdfuseConfig::parse("", "config")->values().empty());
  EXPECT_TRUE(GdfuseConfig::parse("\n \n", "config")->values().empty());
}

TEST(GdfuseConfigTest, WhatIsNeitherIsRefusedWithItsLineAndWithoutItsText) {
  const auto torn = GdfuseConfig::parse("a=1\nGOCSPX-torn", "'/h/config'");
  ASSERT_TRUE(torn.failed_with(ErrorCode::kInvalidArgument));
  EXPECT_THAT(torn.error().to_string(),
              AllOf(HasSubstr("'/h/config', line "), Not(HasSubstr("GOCSPX"))));
  EXPECT_TRUE(GdfuseConfig::parse("[auth]\nclient_id = [1]", "config")
                  .failed_with(ErrorCode::kInvalidArgument));
  EXPECT_THAT(GdfuseConfig::parse("scope = \"a\"\n[auth]\nscope = \"b\"", "config").error().message,
              HasSubstr("scope stands there twice"));
  EXPECT_TRUE(GdfuseConfig::parse(std::string("\0\xff=", 3), "config")
                  .failed_with(ErrorCode::kInvalidArgument));
}

TEST(GdfuseConfigTest, AFileIsReadUpToALimit) {
  const TemporaryFolder folder;
  const auto path = folder.path() / "config";
  EXPECT_TRUE(GdfuseConfig::read(path).failed_with(ErrorCode::kNotFound));
  ASSERT_TRUE(write_file_atomically(path, "umask=0o077\n", 0600).ok());
  EXPECT_EQ(GdfuseConfig::read(path)->text("umask"), "0o077");
  ASSERT_TRUE(write_file_atomically(path, std::string(300 * 1024, '\n'), 0600).ok());
  EXPECT_TRUE(GdfuseConfig::read(path).failed_with(ErrorCode::kTooLarge));
  ASSERT_TRUE(write_file_atomically(path, "[auth\n", 0600).ok());
  EXPECT_THAT(GdfuseConfig::read(path).error().message, HasSubstr(path.native()));
}

}  // namespace
}  // namespace driveway::auth
