#include "auth/rclone_login.h"

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

// As rclone 1.60 writes it.
constexpr const char* kEntry = R"([gd]
type = drive
client_id = 1.apps.googleusercontent.com
client_secret = GOCSPX-a#b;c=d
scope = drive
token = {"access_token":"ya29.x","token_type":"Bearer","refresh_token":"1//abc","expiry":"2020-01-01T00:00:00Z"}
team_drive =

)";

class RcloneLoginTest : public ForeignLoginTest {
 protected:
  Result<Credential> read(const std::string& content, std::string_view remote = "gd") const {
    write("xdg-config/rclone/rclone.conf", content);
    return read_rclone_login(remote, environment_);
  }
  Error refusal(const std::string& content, std::string_view remote = "gd") const {
    return refusal_of(read(content, remote));
  }
};

TEST_F(RcloneLoginTest, AnEntryWithAClientOfItsOwn) {
  for (const char* remote : {"gd", "gd:"}) {
    const auto login = read(kEntry, remote);
    ASSERT_TRUE(login.ok()) << login.error().to_string();
    EXPECT_EQ(login->client.id, "1.apps.googleusercontent.com");
    EXPECT_EQ(login->client.secret.reveal(), "GOCSPX-a#b;c=d");
    EXPECT_EQ(login->refresh_token.reveal(), "1//abc");
    EXPECT_THAT(login->scopes, ElementsAre(std::string(kScopeDrive)));
  }
}

TEST_F(RcloneLoginTest, ScopesAreShortOrWhole) {
  const auto scopes = [&](const std::string& text) {
    std::string entry = kEntry;
    entry.replace(entry.find("scope = drive"), 13, text);
    return read(entry)->scopes;
  };
  EXPECT_THAT(scopes("scope = drive.readonly"), ElementsAre(std::string(kScopeDriveReadOnly)));
  EXPECT_THAT(scopes("scope = drive.readonly,drive.file"),
              ElementsAre(std::string(kScopeDriveReadOnly), HasSubstr("/auth/drive.file")));
  EXPECT_THAT(scopes(cat("scope = ", kScopeDrive)), ElementsAre(std::string(kScopeDrive)));
  EXPECT_THAT(scopes("scope ="), ElementsAre(std::string(kScopeDrive)));
}

TEST_F(RcloneLoginTest, CommentsQuotesAndOtherEntries) {
  const auto entries = parse_rclone_config(
      "\xef\xbb\xbf# mine\r\n; too\n[ a b.1 ]\r\nx = \"\"\"\"`q`\"\"\"\"\ny: `z`\nempty "
      "=\n[c]\nx=1\n"
      "x=2\n",
      "f");
  ASSERT_TRUE(entries.ok()) << entries.error().to_string();
  EXPECT_EQ(entries->at("a b.1").at("x"), "\"`q`\"");
  EXPECT_EQ(entries->at("a b.1").at("y"), "z");
  EXPECT_EQ(entries->at("a b.1").at("empty"), "");
  EXPECT_EQ(entries->at("c").at("x"), "2");
}

TEST_F(RcloneLoginTest, WhereTheFileIs) {
  const auto here = [&] {
    const auto path = find_rclone_config(environment_);
    return path.ok() ? path->lexically_relative(folder_.path()).native() : path.error().message;
  };
  EXPECT_THAT(here(), HasSubstr("set RCLONE_CONFIG"));
  write("home/.rclone.conf", kEntry);
  EXPECT_EQ(here(), "home/.rclone.conf");
  write("home/.config/rclone/rclone.conf", kEntry);
  EXPECT_EQ(here(), "home/.config/rclone/rclone.conf");
  write("xdg-config/rclone/rclone.conf", kEntry);
  EXPECT_EQ(here(), "xdg-config/rclone/rclone.conf");
  environment_.rclone_config = folder_ / "mine.conf";
  EXPECT_THAT(here(), AllOf(HasSubstr("RCLONE_CONFIG names"), HasSubstr("mine.conf")));
  write("mine.conf", kEntry);
  EXPECT_EQ(here(), "mine.conf");
}

TEST_F(RcloneLoginTest, WhatIsNoLoginIsToldWithWhatToDo) {
  const std::string token = R"(token = {"refresh_token":"1//abc"})";
  const std::string client = "client_id = 1\nclient_secret = GOCSPX-x\n";
  struct Case {
    std::string content;
    const char* says;
  };
  for (const auto& [content, says] : std::initializer_list<Case>{
           {"[other]\ntype = drive\n[s3]\ntype = s3\n", "those of type drive there are: other"},
           {"", "has no remote 'gd'"},
           {cat("[gd]\ntype = drive\n", token), "client_id of its own"},
           {cat("[gd]\ntype = drive\n", client), "rclone config reconnect gd:"},
           {cat("[gd]\ntype = drive\n", client, "token = no json 1//x"), "refresh_token"},
           {"[gd]\ntype = drive\nservice_account_file = /k.json\n", "--with 'credentials=/k.json'"},
           {"[gd]\ntype = drive\nimpersonate = a@b.c\nservice_account_credentials = {}\n",
            "--subject a@b.c"},
           {"[gd]\ntype = drive\nenv_auth = true\n", "--with adc"},
           {"[gd]\ntype = crypt\nremote = inner:x\n", "(inner:x)"},
           {"[gd]\ntype = crypt\nremote = inner:x\n", "so encrypted"},
           {"[gd]\ntype = s3\n", "of type s3"},
           {"# Encrypted rclone configuration File\n\nRCLONE_ENCRYPT_V0:\nAAAA1//x\n",
            "rclone config show"}}) {
    const Error error = refusal(content);
    EXPECT_EQ(error.code, ErrorCode::kLoginNeeded);
    EXPECT_THAT(error.message, HasSubstr(says));
  }
}

TEST_F(RcloneLoginTest, DamagedAndHugeFilesAreNamed) {
  const Error error = refusal("[gd]\nGOCSPX-torn\n");
  EXPECT_EQ(error.code, ErrorCode::kInvalidArgument);
  EXPECT_THAT(error.message, HasSubstr("rclone.conf', line 2"));
  EXPECT_EQ(refusal("type = drive\n").code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(refusal(std::string((1 << 20) + 1, '#')).code, ErrorCode::kTooLarge);
}

}  // namespace
}  // namespace driveway::auth
