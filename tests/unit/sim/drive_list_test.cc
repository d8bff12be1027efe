// files.list: queries, corpora, paging, order of checks, lag.

#include <set>

#include "gmock/gmock.h"
#include "unit/sim/drive_fixture.h"

namespace driveway::sim::test {
namespace {

using ::testing::ElementsAre;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

TEST_F(DriveTest, ListShortFormAndTokenOnlyWhenAsked) {
  for (int i = 0; i < 3; ++i) put_file(cat("f", i), "x");
  const json page = get("/drive/v3/files?pageSize=2").parsed();
  EXPECT_EQ(page["kind"], "drive#fileList");
  EXPECT_EQ(page["incompleteSearch"], false);
  EXPECT_THAT(page["files"], SizeIs(2));
  EXPECT_TRUE(page.contains("nextPageToken"));
  EXPECT_FALSE(
      get("/drive/v3/files?pageSize=2&fields=files(id)").parsed().contains("nextPageToken"));
  EXPECT_EQ(get("/drive/v3/files?fields=").parsed(), json::object());
}

TEST_F(DriveTest, PagesCoverEverythingOnce) {
  std::set<std::string> wanted;
  const std::string a = mkdir("a");
  const std::string b = mkdir("b");
  for (int i = 0; i < 25; ++i) wanted.insert(put_file("x", "", i % 2 == 0 ? a : b));
  const std::string queries[] = {
      cat("('", a, "' in parents or '", b, "' in parents) and trashed=false"),
      "mimeType != 'application/vnd.google-apps.folder'"};
  for (const std::string& q : queries) {
    for (const char* order : {"", "&orderBy=name,modifiedTime"}) {
      std::set<std::string> found;
      std::string page;
      int pages = 0;
      do {
        const Answer answer = list(
            q, cat("&pageSize=4", order, "&pageToken=", page, "&fields=nextPageToken,files(id)"));
        ASSERT_EQ(answer.status, 200) << answer.body;
        const json parsed = answer.parsed();
        for (const json& one : parsed["files"]) {
          EXPECT_TRUE(found.insert(one["id"]).second);
        }
        page = parsed.value("nextPageToken", "");
        ++pages;
      } while (!page.empty());
      EXPECT_EQ(found, wanted);
      EXPECT_EQ(pages, 7);
    }
  }
}

TEST_F(DriveTest, PageTokenBelongsToItsQueryAndExpires) {
  for (int i = 0; i < 3; ++i) put_file("x", "");
  const std::string page = list("trashed=false", "&pageSize=1").parsed().value("nextPageToken", "");
  const Answer other = list("trashed=true", "&pageToken=" + percent_encode(page));
  EXPECT_EQ(other.status, 400);
  EXPECT_EQ(other.parsed()["error"]["errors"][0]["location"], "pageToken");
  EXPECT_EQ(list("trashed=false", "&pageToken=nonsense").status, 400);
  EXPECT_EQ(list("trashed=false", "&pageToken=").status, 200);
  clock.advance(std::chrono::hours(5));
  EXPECT_EQ(list("trashed=false", "&pageToken=" + percent_encode(page)).reason(),
            "pageTokenExpired");
}

TEST_F(DriveTest, OrderOfChecks) {
  const std::string flags = "&includeItemsFromAllDrives=true";
  EXPECT_EQ(list("nonsense", "&pageSize=0&orderBy=nonsense&pageToken=x" + flags).reason(),
            "invalidParameter");
  EXPECT_EQ(list("nonsense", "&orderBy=nonsense&pageToken=x" + flags)
                .parsed()["error"]["errors"][0]["location"],
            "orderBy");
  EXPECT_EQ(list("nonsense", "&pageToken=x" + flags).reason(), "supportsTeamDrivesRequired");
  EXPECT_EQ(list("nonsense", "&pageToken=x").parsed()["error"]["errors"][0]["location"], "q");
  EXPECT_EQ(list("fullText contains 'a'", "&orderBy=name&pageToken=x").reason(), "forbidden");
  EXPECT_EQ(list("", "&pageToken=x&fields=nonsense").parsed()["error"]["errors"][0]["location"],
            "pageToken");
}

TEST_F(DriveTest, OrderByFolderAndName) {
  put_file("b", "");
  put_file("A", "");
  mkdir("z");
  EXPECT_THAT(names(list("", "&orderBy=folder,name")), ElementsAre("z", "A", "b"));
  EXPECT_THAT(names(list("", "&orderBy=name+desc")), ElementsAre("z", "b", "A"));
}

TEST_F(DriveTest, QueriesOnStoredItems) {
  const std::string id =
      create({{"name", "Report 1"}, {"properties", {{"k", "v"}}}, {"starred", true}});
  put_file("other", "");
  for (const char* q : {"name = 'report 1'", "name contains 'Rep'", "starred = true",
                        "properties has { key='k' and value='v' }",
                        "'ann@example.com' in writers and starred = true",
                        "'me' in owners and not name contains 'other'",
                        "createdTime > '2020-01-01T00:00:00' and not name contains 'other'"}) {
    EXPECT_THAT(names(list(q)), ElementsAre("Report 1")) << q;
  }
  EXPECT_THAT(names(list("not 'me' in owners")), ElementsAre());
}

TEST_F(DriveTest, UnknownParent) {
  EXPECT_EQ(list("'nonsense' in parents").status, 404);
  put_file("a", "");
  EXPECT_THAT(names(list("'nonsense' in parents or 'root' in parents")), ElementsAre("a"));
}

TEST_F(DriveTest, ListsLagBehindGet) {
  const std::string folder = mkdir("d");
  const std::string old = put_file("old", "", folder);
  patch_config({{"drive", {{"list_lag", 5000}}}});
  const std::string id = put_file("new", "", folder);
  call("PATCH", "/drive/v3/files/" + old, R"({"name":"renamed"})");
  const std::string q = cat("'", folder, "' in parents");
  EXPECT_EQ(get("/drive/v3/files/" + id).status, 200);
  EXPECT_EQ(file(old, "name")["name"], "renamed");
  EXPECT_THAT(names(list(q)), ElementsAre("old"));
  clock.advance(std::chrono::milliseconds(4999));
  EXPECT_THAT(names(list(q)), ElementsAre("old"));
  clock.advance(std::chrono::milliseconds(1));
  EXPECT_THAT(names(list(q)), UnorderedElementsAre("renamed", "new"));
  call("DELETE", "/drive/v3/files/" + id);
  EXPECT_THAT(names(list(q)), UnorderedElementsAre("renamed", "new"));
  patch_config({{"drive", {{"list_lag", 0}}}});
  EXPECT_THAT(names(list(q)), ElementsAre("renamed"));
}

TEST_F(DriveTest, AFreshFolderIsNotUnknownToALaggingList) {
  patch_config({{"drive", {{"list_lag", 5000}}}});
  const Answer answer = list(cat("'", mkdir("d"), "' in parents"));
  EXPECT_EQ(answer.status, 200);
  EXPECT_THAT(names(answer), ElementsAre());
}

TEST_F(DriveTest, EmptyGroupFault) {
  const std::string a = mkdir("a");
  const std::string b = mkdir("b");
  put_file("x", "", a);
  patch_config({{"drive", {{"empty_group", 1.0}}}});
  EXPECT_THAT(names(list(cat("'", a, "' in parents or '", b, "' in parents"))), ElementsAre());
  EXPECT_THAT(names(list(cat("'", a, "' in parents"))), ElementsAre("x"));
}

TEST_F(DriveTest, SearchesOfSeveralCorporaMayBeIncomplete) {
  patch_config({{"drive", {{"incomplete_search", 1}}}});
  const std::string flags = "&includeItemsFromAllDrives=true&supportsAllDrives=true";
  const auto incomplete = [&](const std::string& corpora) {
    return list("", cat("&corpora=", corpora, flags)).parsed()["incompleteSearch"];
  };
  EXPECT_EQ(incomplete("allDrives"), true);
  EXPECT_EQ(incomplete("user"), false);
  patch_config({{"drive", {{"incomplete_search", 0}}}});
  EXPECT_EQ(incomplete("allDrives"), false);
}

TEST_F(DriveTest, ShortPagesStillLeadToTheEnd) {
  for (int i = 0; i < 20; ++i) put_file("x", "");
  patch_config({{"drive", {{"short_page", 1.0}}}});
  std::set<std::string> found;
  std::string page;
  int pages = 0;
  do {
    const json answer =
        get(cat("/drive/v3/files?pageSize=10&pageToken=", percent_encode(page))).parsed();
    for (const json& one : answer["files"]) found.insert(one["id"]);
    page = answer.value("nextPageToken", "");
    ++pages;
  } while (!page.empty() && pages < 100);
  EXPECT_THAT(found, SizeIs(20));
  EXPECT_GE(pages, 4);
}

TEST_F(DriveTest, DriveFileScopeSeesOwnFilesOnly) {
  const std::string foreign = put_file("foreign", "");
  add_token("narrow", "ann@example.com", "drive.file", "project-9");
  token = "narrow";
  EXPECT_EQ(get("/drive/v3/files/" + foreign).status, 404);
  EXPECT_EQ(get("/drive/v3/files/root").status, 404);
  const std::string mine = put_file("mine", "");
  EXPECT_THAT(names(list("")), ElementsAre("mine"));
  EXPECT_EQ(file(mine)["isAppAuthorized"], true);
  const std::string folder = mkdir("folder");
  const auto moved = [&](const std::string& to, const std::string& from) {
    return call("PATCH", cat("/drive/v3/files/", mine, "?addParents=", to, "&removeParents=", from),
                "{}")
        .status;
  };
  EXPECT_EQ(moved(folder, "root"), 200);
  EXPECT_EQ(moved("root", folder), 200);
}

TEST_F(DriveTest, AppDataFolderIsASpaceOfItsOwn) {
  tokens.tokens["ann"].scopes += cat(" ", kAuthPrefix, "drive.appdata");
  const std::string id = create({{"name", "settings"}, {"parents", {"appDataFolder"}}});
  EXPECT_EQ(file(id)["spaces"], json::array({"appDataFolder"}));
  EXPECT_THAT(names(list("")), ElementsAre());
  EXPECT_THAT(names(list("", "&spaces=appDataFolder")), ElementsAre("settings"));
  add_token("plain", "ann@example.com", "drive");
  token = "plain";
  EXPECT_EQ(get("/drive/v3/files/" + id).status, 404);
  EXPECT_EQ(list("", "&spaces=appDataFolder").reason(), "insufficientScopes");
}

TEST_F(DriveTest, MetadataScopeHasNoQueries) {
  add_token("meta", "ann@example.com", "drive.metadata.readonly");
  token = "meta";
  EXPECT_EQ(get("/drive/v3/files").status, 200);
  const Answer answer = list("trashed=false");
  EXPECT_EQ(answer.reason(), "forbidden");
  EXPECT_EQ(answer.message(), "Metadata scope does not support 'q' parameter");
}

TEST_F(DriveTest, LongQueriesComeAsPost) {
  put_file("a", "");
  const Answer answer = call(
      "POST", "/drive/v3/files", "q=name+%3D+%27a%27&fields=files(name)",
      {{"X-HTTP-Method-Override", "GET"}, {"Content-Type", "application/x-www-form-urlencoded"}});
  EXPECT_EQ(answer.parsed(), (json{{"files", {{{"name", "a"}}}}}));
}

}  // namespace
}  // namespace driveway::sim::test
