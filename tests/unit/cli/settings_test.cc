#include "cli/settings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/file.h"
#include "unit/base/temporary_folder.h"

namespace driveway::cli {
namespace {

using ::testing::HasSubstr;

Environment fake_environment(std::map<std::string, std::string> variables) {
  return [variables = std::move(variables)](const std::string& name) -> std::optional<std::string> {
    const auto found = variables.find(name);
    return found == variables.end() ? std::nullopt : std::optional(found->second);
  };
}

class SettingsTest : public ::testing::Test {
 protected:
  Result<Settings> load(std::map<std::string, std::string> flags,
                        std::map<std::string, std::string> variables, const std::string& toml) {
    const auto path = folder_.path() / "config.toml";
    EXPECT_TRUE(write_file_atomically(path, toml, 0600).ok());
    return Settings::load(std::move(flags), fake_environment(std::move(variables)), path);
  }
  TemporaryFolder folder_;
};

TEST_F(SettingsTest, AFlagBeatsItsVariableAndThatBeatsTheFile) {
  const std::string toml = "cache-size = \"1G\"\npoll = \"7s\"\nlayout = \"root\"\n";
  const auto settings =
      load({{"cache-size", "3G"}}, {{"DRIVEWAY_CACHE_SIZE", "2G"}, {"DRIVEWAY_POLL", "8s"}}, toml);
  ASSERT_TRUE(settings.ok());
  EXPECT_EQ(*settings->size("cache-size", 0), 3 * kGiB);
  EXPECT_EQ(*settings->duration("poll", {}), std::chrono::seconds(8));
  EXPECT_EQ(*settings->choice("layout", {"colab", "root"}, "colab"), "root");
  EXPECT_EQ(settings->text("account", "built in"), "built in");
}

TEST_F(SettingsTest, AnotherProgramsConfigStandsBetweenVariablesAndTheFile) {
  auto settings = load({{"layout", "root"}}, {{"DRIVEWAY_POLL", "8s"}},
                       "cache-size = \"1G\"\nquota = \"legacy\"\n");
  ASSERT_TRUE(settings.ok());
  settings->add_config({{"layout", {"colab", "old"}},
                        {"poll", {"5s", "old"}},
                        {"cache-size", {"2G", "max_cache_size_mb in old"}}});
  EXPECT_EQ(settings->text("layout", ""), "root");
  EXPECT_EQ(settings->text("poll", ""), "8s");
  EXPECT_EQ(settings->text("cache-size", ""), "2G");
  EXPECT_EQ(settings->where("cache-size")->place, "max_cache_size_mb in old");
  EXPECT_EQ(settings->text("quota", ""), "legacy");
}

TEST_F(SettingsTest, TheFileMayHoldNumbersAndFlagsAsTomlHasThem) {
  const auto settings = load({}, {}, "read-only = true\nmin-free-disk = 0.25\n");
  ASSERT_TRUE(settings.ok());
  EXPECT_TRUE(*settings->boolean("read-only", false));
  EXPECT_DOUBLE_EQ(*settings->fraction("min-free-disk", 0), 0.25);
}

TEST_F(SettingsTest, WhatTheFileAloneSays) {
  const auto settings = load({{"client-id", "flag"}}, {{"DRIVEWAY_CLIENT_SECRET", "variable"}},
                             "client-id = \"file\"\nclient-secret = \"file secret\"\n");
  ASSERT_TRUE(settings.ok());
  EXPECT_EQ(settings->file_text("client-id"), "file");
  EXPECT_EQ(settings->file_text("client-secret"), "file secret");
  EXPECT_EQ(settings->file_text("account"), "");
}

TEST_F(SettingsTest, AMissingFileIsEmpty) {
  const auto settings = Settings::load({}, fake_environment({}), folder_.path() / "none.toml");
  ASSERT_TRUE(settings.ok());
  EXPECT_EQ(*settings->size("cache-size", 5), 5U);
}

TEST_F(SettingsTest, AnErrorNamesThePlace) {
  EXPECT_THAT(load({}, {}, "nonsense = 1\n").error().message,
              HasSubstr("unknown key \"nonsense\""));
  EXPECT_THAT(load({}, {}, "poll = \n").error().message, HasSubstr("config.toml, line 1"));
  const auto settings = load({{"poll", "soon"}}, {{"DRIVEWAY_MIN_FREE_DISK", "120%"}}, "");
  ASSERT_TRUE(settings.ok());
  EXPECT_THAT(settings->duration("poll", {}).error().to_string(), HasSubstr("--poll"));
  EXPECT_THAT(settings->fraction("min-free-disk", 0).error().message,
              HasSubstr("DRIVEWAY_MIN_FREE_DISK"));
  const auto layout = load({{"layout", "flat"}}, {}, "");
  EXPECT_THAT(layout->choice("layout", {"colab", "root"}, "colab").error().message,
              HasSubstr("none of colab, root"));
}

TEST_F(SettingsTest, SharesAreReadAsPercentOrNumber) {
  const auto settings = load({{"min-free-disk", "5%"}}, {}, "");
  EXPECT_DOUBLE_EQ(*settings->fraction("min-free-disk", 0), 0.05);
  for (const char* bad : {"", "%", "-1%", "x", "5%%", "nan", "1.5"}) {
    const auto refused = load({{"min-free-disk", bad}}, {}, "");
    EXPECT_TRUE(refused->fraction("min-free-disk", 0).failed_with(ErrorCode::kInvalidArgument))
        << bad;
  }
}

TEST(DirectoriesTest, FollowXdgAndIgnoreRelativeOnes) {
  const auto home = fake_environment({{"HOME", "/h"}, {"XDG_CACHE_HOME", "relative"}});
  EXPECT_EQ(config_directory(home), "/h/.config/driveway");
  EXPECT_EQ(default_cache_directory(home), "/h/.cache/driveway");
  const auto xdg = fake_environment({{"XDG_CONFIG_HOME", "/c"}, {"XDG_CACHE_HOME", "/k"}});
  EXPECT_EQ(config_directory(xdg), "/c/driveway");
  EXPECT_EQ(default_cache_directory(xdg), "/k/driveway");
}

}  // namespace
}  // namespace driveway::cli
