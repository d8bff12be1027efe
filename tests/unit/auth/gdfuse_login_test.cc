#include "auth/gdfuse_login.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/file.h"
#include "base/strings.h"
#include "unit/auth/foreign_login.h"

namespace driveway::auth {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr const char* kClient =
    "client_id=1.apps.googleusercontent.com\nclient_secret=GOCSPX-secret\n"
    "scope=https://www.googleapis.com/auth/drive\n";
constexpr const char* kState =
    "access_token_date=2020-01-01T00:00:00.000Z\nlast_access_token=ya29.old\n"
    "refresh_token=1//refresh\nsaved_version=0.7.32\n";

class GdfuseLoginTest : public ForeignLoginTest {
 protected:
  Result<Credential> read(const GdfusePlace& place = {}) const {
    return read_gdfuse_login(place, environment_);
  }
  Error refusal(const GdfusePlace& place = {}) const { return refusal_of(read(place)); }
};

TEST_F(GdfuseLoginTest, ItsOwnFolderHasConfigAndState) {
  write("home/.gdfuse/default/config", kClient);
  write("home/.gdfuse/default/state", kState);
  const auto login = read();
  ASSERT_TRUE(login.ok()) << login.error().to_string();
  EXPECT_EQ(login->client.id, "1.apps.googleusercontent.com");
  EXPECT_EQ(login->client.secret.reveal(), "GOCSPX-secret");
  EXPECT_EQ(login->refresh_token.reveal(), "1//refresh");
  EXPECT_THAT(login->scopes, ElementsAre(std::string(kScopeDrive)));
  EXPECT_FALSE(login->created);
}

TEST_F(GdfuseLoginTest, TheFoldersOfXdgCountWhereTheConfigIsThere) {
  write("home/.gdfuse/work/config", "client_id=other\n");
  write("xdg-config/gdfuse/work/config",
        "config_version = 1\n[auth]\nclient_id = \"1.apps.googleusercontent.com\"\n");
  write("xdg-data/gdfuse/work/state", kState);
  const auto login = read({.label = "work"});
  ASSERT_TRUE(login.ok()) << login.error().to_string();
  EXPECT_EQ(login->client.id, "1.apps.googleusercontent.com");
  EXPECT_TRUE(login->client.secret.empty());
  EXPECT_TRUE(login->scopes.empty());
}

TEST_F(GdfuseLoginTest, FoldersOfTheUsersOwn) {
  write("elsewhere/work/config", kClient);
  write("elsewhere/work/state", kState);
  EXPECT_TRUE(read({.label = "work", .base_folder = folder_ / "elsewhere"}).ok());
  write("my.config", cat(kClient, "data_directory=", (folder_ / "data").native(), "\n"));
  write("data/state", kState);
  EXPECT_TRUE(read({.config = folder_ / "my.config"}).ok());
  EXPECT_EQ(gdfuse_config_path({.label = "x", .xdg_folders = true}, environment_),
            folder_ / "xdg-config" / "gdfuse/x/config");
}

TEST_F(GdfuseLoginTest, WhereItsCacheIs) {
  const auto config = [](std::string_view text) { return *GdfuseConfig::parse(text, "config"); };
  EXPECT_EQ(gdfuse_cache_folder({}, environment_, config("")),
            folder_ / "home" / ".gdfuse/default/cache");
  EXPECT_EQ(gdfuse_cache_folder({}, environment_, config("data_directory=/data\n")), "/data/cache");
  EXPECT_EQ(gdfuse_cache_folder({}, environment_, config("cache_directory=/fast\n")), "/fast");
  EXPECT_EQ(gdfuse_cache_folder({.xdg_folders = true}, environment_, config("cache_directory=\n")),
            folder_ / "xdg-cache" / "gdfuse/default");
  write("xdg-config/gdfuse/work/config", "");
  EXPECT_EQ(gdfuse_cache_folder({.label = "work"}, environment_, config("")),
            folder_ / "xdg-cache" / "gdfuse/work");
}

TEST_F(GdfuseLoginTest, WithoutThatLabelThoseThereAreTold) {
  EXPECT_THAT(refusal().message, HasSubstr("run `driveway login`"));
  write("home/.gdfuse/work/config", kClient);
  write("xdg-config/gdfuse/home/config", kClient);
  const Error error = refusal();
  EXPECT_EQ(error.code, ErrorCode::kLoginNeeded);
  EXPECT_THAT(error.message, AllOf(HasSubstr(".gdfuse/default/config"), HasSubstr("home, work")));
  for (const char* label : {"", "..", "a/b"}) {
    EXPECT_EQ(refusal({.label = label}).code, ErrorCode::kInvalidArgument);
  }
}

TEST_F(GdfuseLoginTest, ALoginThroughItsProxyCannotBeTakenOver) {
  write("home/.gdfuse/default/state", kState);
  for (const char* client : {"", "gaeproxy"}) {
    write("home/.gdfuse/default/config", cat("client_id=", client, "\nclient_secret=", client));
    const Error error = refusal();
    EXPECT_EQ(error.code, ErrorCode::kLoginNeeded);
    EXPECT_THAT(error.message, AllOf(HasSubstr("proxy"), HasSubstr("client of your own")));
  }
}

TEST_F(GdfuseLoginTest, AServiceAccountNeedsNoLogin) {
  write("home/.gdfuse/default/config",
        "service_account_credentials_path=/k.json\nservice_account_user_to_impersonate=a@b.c\n");
  EXPECT_THAT(refusal().message, HasSubstr("--with 'credentials=/k.json' --subject a@b.c"));
}

TEST_F(GdfuseLoginTest, ALoginThatWasNotFinished) {
  write("home/.gdfuse/default/config", kClient);
  EXPECT_THAT(refusal().message, AllOf(HasSubstr("default/state"), HasSubstr("refresh_token")));
  write("home/.gdfuse/default/state", "refresh_token=\nsaved_version=0.7.32\n");
  EXPECT_THAT(refusal().message, HasSubstr("not finished"));
}

TEST_F(GdfuseLoginTest, DamagedAndHugeFilesAreNamed) {
  write("home/.gdfuse/default/config", "[auth\n");
  EXPECT_THAT(refusal().to_string(), HasSubstr("default/config', line "));
  write("home/.gdfuse/default/config", kClient);
  write("home/.gdfuse/default/state", std::string(300 * 1024, 'x'));
  EXPECT_EQ(refusal().code, ErrorCode::kTooLarge);
}

}  // namespace
}  // namespace driveway::auth
