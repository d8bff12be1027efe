#include "cli/remote.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "unit/base/temporary_folder.h"

namespace driveway::cli {
namespace {

std::vector<control::Daemon> one_daemon() {
  control::Daemon daemon;
  daemon.mountpoints = {"/other", "/content/drive"};
  return {daemon};
}

nlohmann::json keys_of(const std::string& text) {
  const auto remote = parse_remote(text, one_daemon());
  EXPECT_TRUE(remote.ok()) << text;
  nlohmann::json request = nlohmann::json::object();
  if (remote.ok()) remote->add_to(request);
  return request;
}

TEST(RemoteTest, ReadsEveryForm) {
  EXPECT_EQ(keys_of("drive:"), (nlohmann::json{{"path", ""}}));
  EXPECT_EQ(keys_of("drive:a/b c"), (nlohmann::json{{"path", "a/b c"}}));
  EXPECT_EQ(keys_of("drive:/a"), (nlohmann::json{{"path", "a"}}));
  EXPECT_EQ(keys_of("drive:@Team"), (nlohmann::json{{"path", ""}, {"team", "Team"}}));
  EXPECT_EQ(keys_of("drive:@Team/x/y"), (nlohmann::json{{"path", "x/y"}, {"team", "Team"}}));
  EXPECT_EQ(keys_of("drive:id=1AbC"), (nlohmann::json{{"id", "1AbC"}}));
  EXPECT_EQ(keys_of("/content/drive/MyDrive/a"),
            (nlohmann::json{{"shown", "MyDrive/a"}, {"mountpoint", "/content/drive"}}));
  EXPECT_EQ(keys_of("/content/drive"),
            (nlohmann::json{{"shown", ""}, {"mountpoint", "/content/drive"}}));
  EXPECT_EQ(keys_of("/content/x/../drive/MyDrive/"),
            (nlohmann::json{{"shown", "MyDrive"}, {"mountpoint", "/content/drive"}}));
}

TEST(RemoteTest, FollowsSymlinksToAMount) {
  const TemporaryFolder folder;
  std::filesystem::create_directory(folder / "real");
  std::filesystem::create_symlink("real", folder / "link");
  control::Daemon daemon;
  daemon.mountpoints = {std::filesystem::canonical(folder / "real").string()};
  for (const char* way : {"real/MyDrive/a", "link/MyDrive/a", "link/../link//MyDrive/a/"}) {
    const auto remote = parse_remote((folder / way).string(), {daemon});
    ASSERT_TRUE(remote.ok()) << way;
    EXPECT_EQ(remote->shown, "MyDrive/a") << way;
  }
}

TEST(RemoteTest, NamesAnotherAccount) {
  EXPECT_EQ(parse_remote("work:a", {})->account, "work");
  EXPECT_EQ(parse_remote("drive:a", {})->account, "");
}

TEST(RemoteTest, RefusesALocalPathOutsideOfEveryMount) {
  for (const char* text : {"/content/driveway", "a/b:c", "", "/"}) {
    EXPECT_TRUE(parse_remote(text, one_daemon()).failed_with(ErrorCode::kInvalidArgument)) << text;
  }
}

}  // namespace
}  // namespace driveway::cli
