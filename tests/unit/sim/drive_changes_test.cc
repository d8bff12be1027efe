// The changes feed; shared drives; batches; who may call.

#include "gmock/gmock.h"
#include "unit/sim/drive_fixture.h"

namespace driveway::sim::test {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

TEST_F(DriveTest, ChangesMergeAndEndWithAToken) {
  const std::string token_before = start_token();
  const std::string a = put_file("a", "x");
  const std::string b = put_file("b", "x");
  call("PATCH", "/drive/v3/files/" + a, R"({"name":"a2"})");
  const json all = changes(token_before).parsed();
  ASSERT_THAT(all["changes"], SizeIs(2));
  EXPECT_EQ(all["changes"][0]["fileId"], b);
  EXPECT_EQ(all["changes"][1]["file"]["name"], "a2");
  EXPECT_EQ(all["changes"][1]["removed"], false);
  EXPECT_FALSE(all.contains("nextPageToken"));
  EXPECT_EQ(all["newStartPageToken"], start_token());
  EXPECT_THAT(changes(all["newStartPageToken"]).parsed()["changes"], SizeIs(0));
}

TEST_F(DriveTest, NewStartPageTokenOnlyOnTheLastPage) {
  const std::string from = start_token();
  for (int i = 0; i < 5; ++i) put_file(cat("f", i), "");
  std::vector<std::string> seen;
  std::string at = from;
  for (int page = 0; page < 3; ++page) {
    const json answer = changes(at, "&pageSize=2").parsed();
    for (const json& change : answer["changes"]) seen.push_back(change["file"]["name"]);
    EXPECT_EQ(answer.contains("newStartPageToken"), page == 2);
    at = answer.value("nextPageToken", "");
  }
  EXPECT_THAT(seen, ElementsAre("f0", "f1", "f2", "f3", "f4"));
}

TEST_F(DriveTest, TrashedIsNotRemoved) {
  const std::string id = put_file("a", "x");
  const std::string from = start_token();
  call("PATCH", "/drive/v3/files/" + id, R"({"trashed":true})");
  const json trashed = changes(from).parsed();
  EXPECT_EQ(trashed["changes"][0]["file"]["trashed"], true);
  EXPECT_EQ(trashed["changes"][0]["removed"], false);
  call("DELETE", "/drive/v3/files/" + id);
  const json gone = changes(from).parsed();
  ASSERT_THAT(gone["changes"], SizeIs(1));
  EXPECT_EQ(gone["changes"][0]["removed"], true);
  EXPECT_FALSE(gone["changes"][0].contains("file"));
  EXPECT_THAT(changes(from, "&includeRemoved=false").parsed()["changes"], SizeIs(0));
}

TEST_F(DriveTest, LostAccessIsRemoved) {
  const std::string folder = mkdir("f");
  const std::string inside = put_file("a", "x", folder);
  const Answer granted =
      call("POST", cat("/drive/v3/files/", folder, "/permissions"),
           R"({"type":"user","role":"reader","emailAddress":"bob@example.com"})");
  token = "bob";
  const std::string from = start_token();
  token = "ann";
  const std::string permission = granted.parsed()["id"];
  EXPECT_EQ(call("DELETE", cat("/drive/v3/files/", folder, "/permissions/", permission)).status,
            204);
  token = "bob";
  const json lost = changes(from).parsed();
  ASSERT_THAT(lost["changes"], SizeIs(2));
  for (const json& change : lost["changes"]) EXPECT_EQ(change["removed"], true);
}

TEST_F(DriveTest, BadPageTokens) {
  EXPECT_EQ(get("/drive/v3/changes").reason(), "required");
  EXPECT_EQ(changes("nonsense").status, 400);
  EXPECT_EQ(changes("999999").status, 400);
}

TEST_F(DriveTest, ChangesLag) {
  const std::string from = start_token();
  patch_config({{"drive", {{"change_lag", 3000}}}});
  put_file("a", "x");
  const json early = changes(from).parsed();
  EXPECT_THAT(early["changes"], SizeIs(0));
  clock.advance(std::chrono::seconds(3));
  EXPECT_THAT(changes(early["newStartPageToken"]).parsed()["changes"], SizeIs(1));
}

TEST_F(DriveTest, AStartTokenSkipsNothingThatListsDoNotShow) {
  patch_config({{"drive", {{"list_lag", 3000}}}});
  put_file("a", "x");
  const std::string from = start_token();
  EXPECT_THAT(names(list("")), SizeIs(0));
  EXPECT_THAT(changes(from).parsed()["changes"], SizeIs(1));
}

class SharedDriveTest : public DriveTest {
 protected:
  void SetUp() override {
    const json made = seed({{"shared_drives",
                             {{{"name", "Team"},
                               {"members", {{"bob@example.com", "writer"}}},
                               {"items", {{{"path", "t/a.txt"}, {"content", "team"}}}}}}}});
    drive = made["drives"]["Team"];
    folder = get(cat("/drive/v3/files?q=name='t'", kAll)).parsed()["files"][0]["id"];
  }
  const std::string kAll =
      "&corpora=allDrives&includeItemsFromAllDrives=true&supportsAllDrives=true";
  std::string drive;
  std::string folder;
};

TEST_F(SharedDriveTest, HiddenWithoutTheFlags) {
  EXPECT_EQ(get("/drive/v3/files/" + folder).status, 404);
  EXPECT_EQ(get("/drive/v3/files/" + folder + "?supportsAllDrives=TRUE").status, 404);
  EXPECT_EQ(get("/drive/v3/files/" + folder + "?supportsAllDrives=true").status, 200);
  EXPECT_THAT(names(list("")), SizeIs(0));
  const std::string whole = cat("&corpora=drive&driveId=", drive,
                                "&includeItemsFromAllDrives=true&supportsAllDrives=true");
  EXPECT_THAT(names(list("", whole + "&orderBy=name")), ElementsAre("a.txt", "t"));
  EXPECT_EQ(list("",
                 "&corpora=drive&driveId=nonsense&includeItemsFromAllDrives=true"
                 "&supportsAllDrives=true")
                .status,
            404);
}

TEST_F(SharedDriveTest, NobodyOwnsItsItems) {
  const json seen = file(folder);
  EXPECT_EQ(seen["driveId"], drive);
  EXPECT_FALSE(seen.contains("owners"));
  EXPECT_FALSE(seen.contains("ownedByMe"));
  EXPECT_EQ(seen["parents"], json::array({drive}));
  EXPECT_EQ(get("/drive/v3/about?fields=storageQuota").parsed()["storageQuota"]["usage"], "0");
}

TEST_F(SharedDriveTest, RolesDecide) {
  token = "bob";  // writer: edits, but neither trashes nor deletes
  const std::string target = "/drive/v3/files/" + folder + "?supportsAllDrives=true";
  EXPECT_EQ(call("PATCH", target, R"({"name":"u"})").status, 200);
  EXPECT_EQ(call("PATCH", target, R"({"trashed":true})").status, 403);
  EXPECT_EQ(call("DELETE", target).status, 403);
  EXPECT_EQ(file(folder)["capabilities"]["canTrash"], false);
  token = "ann";
  EXPECT_EQ(file(folder)["capabilities"]["canDelete"], true);
  EXPECT_EQ(call("DELETE", target).status, 204);
}

TEST_F(SharedDriveTest, OwnLogAndMergedIntoTheUsers) {
  const std::string flags = "&supportsAllDrives=true&includeItemsFromAllDrives=true";
  const std::string of_drive = start_token("&driveId=" + drive);
  const std::string of_user = start_token();
  create({{"name", "n"}, {"parents", {folder}}});
  EXPECT_THAT(changes(of_drive, cat("&driveId=", drive, flags)).parsed()["changes"], SizeIs(1));
  EXPECT_THAT(changes(of_user).parsed()["changes"], SizeIs(0));
  EXPECT_THAT(changes(of_user, flags).parsed()["changes"], SizeIs(1));
  EXPECT_EQ(changes(of_drive, "&driveId=nonsense" + flags).status, 404);
}

TEST_F(SharedDriveTest, FoldersDoNotMoveIn) {
  const std::string mine = mkdir("mine");
  const Answer moved =
      call("PATCH",
           cat("/drive/v3/files/", mine, "?supportsAllDrives=true&addParents=", folder,
               "&removeParents=root"),
           "{}");
  EXPECT_EQ(moved.reason(), "teamDrivesFolderMoveInNotSupported");
  const std::string id = put_file("f", "x");
  EXPECT_EQ(call("PATCH",
                 cat("/drive/v3/files/", id, "?supportsAllDrives=true&addParents=", folder,
                     "&removeParents=root"),
                 "{}")
                .status,
            200);
  EXPECT_EQ(file(id)["driveId"], drive);
}

TEST_F(SharedDriveTest, WhatMovesIntoADriveLeavesTheUsersLog) {
  const std::string id = put_file("f", "x");
  const std::string from = start_token();
  const std::string target = cat("/drive/v3/files/", id, "?supportsAllDrives=true");
  ASSERT_EQ(call("PATCH", cat(target, "&addParents=", folder, "&removeParents=root"), "{}").status,
            200);
  call("PATCH", target, R"({"name":"g"})");  // its entry takes the place of the move's
  const json told = changes(from).parsed();
  ASSERT_THAT(told["changes"], SizeIs(1));
  EXPECT_EQ(told["changes"][0]["removed"], true);
  EXPECT_FALSE(told["changes"][0].contains("file"));
  EXPECT_THAT(changes(from, "&includeRemoved=false").parsed()["changes"], SizeIs(0));
  const json shown = changes(from, "&includeCorpusRemovals=true").parsed();
  EXPECT_EQ(shown["changes"][0]["removed"], true);
  EXPECT_EQ(shown["changes"][0]["file"]["name"], "g");
  const json all = changes(from, "&supportsAllDrives=true&includeItemsFromAllDrives=true").parsed();
  EXPECT_EQ(all["changes"].back()["removed"], false);
}

TEST_F(SharedDriveTest, WhatMovesOutOfADriveLeavesItsLog) {
  const std::string id =
      get(cat("/drive/v3/files?q=name='a.txt'", kAll)).parsed()["files"][0]["id"];
  const std::string from = start_token("&driveId=" + drive);
  const Answer moved =
      call("PATCH",
           cat("/drive/v3/files/", id, "?supportsAllDrives=true&addParents=", root_id,
               "&removeParents=", folder),
           "{}");
  ASSERT_EQ(moved.status, 200) << moved.body;
  const std::string flags =
      cat("&driveId=", drive, "&supportsAllDrives=true&includeItemsFromAllDrives=true");
  const json told = changes(from, flags).parsed();
  ASSERT_THAT(told["changes"], SizeIs(1));
  EXPECT_EQ(told["changes"][0]["removed"], true);
  EXPECT_FALSE(told["changes"][0].contains("file"));
  EXPECT_EQ(changes(from).parsed()["changes"][0]["removed"], false);  // to the user it has come
}

TEST_F(SharedDriveTest, LivesAndDies) {
  const Answer made = call("POST", "/drive/v3/drives?requestId=r1", R"({"name":"New"})");
  ASSERT_EQ(made.status, 200) << made.body;
  const std::string id = made.parsed()["id"];
  EXPECT_EQ(call("POST", "/drive/v3/drives?requestId=r1", R"({"name":"New"})").status, 409);
  EXPECT_THAT(get("/drive/v3/drives").parsed()["drives"], SizeIs(2));
  EXPECT_EQ(call("POST", cat("/drive/v3/drives/", id, "/hide?fields=hidden")).parsed()["hidden"],
            true);
  EXPECT_EQ(call("PATCH", "/drive/v3/drives/" + id, R"({"name":"Newer"})").parsed()["name"],
            "Newer");
  EXPECT_EQ(file(id)["name"], "Newer");
  token = "bob";
  EXPECT_EQ(get("/drive/v3/drives/" + id).status, 404);
  token = "ann";
  EXPECT_EQ(call("DELETE", "/drive/v3/drives/" + drive).status, 403);  // not empty
  EXPECT_EQ(call("DELETE", "/drive/v3/drives/" + id).status, 204);
  EXPECT_EQ(file(id)["error"]["code"], 404);
}

TEST_F(SharedDriveTest, MembersComeAndGo) {
  token = "bob";
  const std::string flags = "&supportsAllDrives=true&includeItemsFromAllDrives=true";
  const std::string from = start_token();
  token = "ann";
  const json members =
      get(cat("/drive/v3/files/", drive, "/permissions?supportsAllDrives=true")).parsed();
  ASSERT_THAT(members["permissions"], SizeIs(2));
  std::string bob;
  const json full =
      get(cat("/drive/v3/files/", drive, "/permissions?supportsAllDrives=true&fields=*")).parsed();
  for (const json& one : full["permissions"]) {
    if (one["emailAddress"] == "bob@example.com") bob = one["id"];
  }
  EXPECT_EQ(call("DELETE",
                 cat("/drive/v3/files/", drive, "/permissions/", bob, "?supportsAllDrives=true"))
                .status,
            204);
  token = "bob";
  EXPECT_THAT(get("/drive/v3/drives").parsed()["drives"], SizeIs(0));
  const json lost = changes(from, flags).parsed();
  bool drive_removed = false;
  for (const json& change : lost["changes"]) {
    drive_removed = drive_removed || (change["changeType"] == "drive" && change["removed"] == true);
  }
  EXPECT_TRUE(drive_removed) << lost.dump(1);
}

TEST_F(DriveTest, BatchAnswersPartByPart) {
  const std::string id = put_file("a", "x");
  const std::string body =
      cat("--B\r\nContent-Type: application/http\r\nContent-ID: <1>\r\n\r\n"
          "GET /drive/v3/files/",
          id,
          "?fields=name&prettyPrint=false HTTP/1.1\r\n\r\n\r\n"
          "--B\r\nContent-Type: application/http\r\nContent-ID: <2>\r\n\r\n"
          "PATCH /drive/v3/files/",
          id,
          "?fields=name&prettyPrint=false HTTP/1.1\r\n"
          "Content-Type: application/json\r\nContent-Length: 12\r\n\r\n{\"name\":\"b\"}\r\n"
          "--B\r\nContent-Type: application/http\r\nContent-ID: <3>\r\n\r\n"
          "GET /drive/v3/files/nonsense HTTP/1.1\r\n\r\n\r\n"
          "--B\r\nContent-Type: application/http\r\nContent-ID: <4>\r\n\r\n"
          "GET /drive/v3/files/",
          id, "?alt=media HTTP/1.1\r\n\r\n\r\n--B--\r\n");
  const Answer answer =
      call("POST", "/batch/drive/v3", body, {{"Content-Type", "multipart/mixed; boundary=B"}});
  ASSERT_EQ(answer.status, 200) << answer.body;
  EXPECT_THAT(answer.type, HasSubstr("multipart/mixed; boundary=batch_"));
  for (const char* part :
       {"<response-1>", "HTTP/1.1 200 OK", "{\"name\":\"a\"}", "<response-2>", "{\"name\":\"b\"}",
        "HTTP/1.1 404", "HTTP/1.1 302", "/download/drive/v3/files/"}) {
    EXPECT_THAT(answer.body, HasSubstr(part));
  }
}

TEST_F(DriveTest, ABatchFromNobodyIsRefusedAsAWhole) {
  const std::string body =
      "--B\r\nContent-Type: application/http\r\n\r\nGET /drive/v3/about?fields=user HTTP/1.1\r\n"
      "\r\n\r\n--B--\r\n";
  const std::pair<std::string, std::string> type{"Content-Type", "multipart/mixed; boundary=B"};
  const Answer anonymous = raw("POST", "/batch/drive/v3", {type}, TextReader(body));
  EXPECT_EQ(anonymous.status, 401);
  EXPECT_EQ(anonymous.reason(), "required");
  const Answer expired = raw("POST", "/batch/drive/v3",
                             {type, {"Authorization", "Bearer nonsense"}}, TextReader(body));
  EXPECT_EQ(expired.status, 401);
  EXPECT_EQ(expired.reason(), "authError");
  // A call that brings its own token needs none around it.
  const std::string own =
      "--B\r\nContent-Type: application/http\r\n\r\nGET /drive/v3/about?fields=user HTTP/1.1\r\n"
      "Authorization: Bearer ann\r\n\r\n\r\n--B--\r\n";
  EXPECT_THAT(raw("POST", "/batch/drive/v3", {type}, TextReader(own)).body,
              HasSubstr("HTTP/1.1 200 OK"));
}

TEST_F(DriveTest, WhoMayCall) {
  const Answer anonymous = raw("GET", "/drive/v3/files", {}, TextReader(""));
  EXPECT_EQ(anonymous.status, 403);
  EXPECT_EQ(anonymous.reason(), "forbidden");
  EXPECT_EQ(raw("POST", "/drive/v3/files", {}, TextReader("{}")).status, 401);
  EXPECT_EQ(raw("GET", "/drive/v3/about?fields=user", {}, TextReader("")).reason(), "required");
  const NameValues bad{{"Authorization", "Bearer nonsense"}};
  const Answer expired = raw("GET", "/drive/v3/files", bad, TextReader(""));
  EXPECT_EQ(expired.status, 401);
  EXPECT_EQ(expired.reason(), "authError");
  EXPECT_EQ(expired.parsed()["error"]["status"], "UNAUTHENTICATED");
  const Answer media = raw("GET", "/drive/v3/files/x?alt=media", bad, TextReader(""));
  EXPECT_EQ(media.message(), "Invalid Credentials");
  EXPECT_FALSE(media.parsed()["error"].contains("status"));
}

TEST_F(DriveTest, ScopesDecide) {
  add_token("reader", "ann@example.com", "drive.readonly");
  token = "reader";
  const Answer refused = call("POST", "/drive/v3/files", "{}");
  EXPECT_EQ(refused.status, 403);
  EXPECT_EQ(refused.reason(), "insufficientPermissions");
  EXPECT_EQ(refused.parsed()["error"]["details"][0]["metadata"]["method"],
            "google.apps.drive.v3.DriveFiles.Create");
  add_token("meta", "ann@example.com", "drive.metadata");
  token = "ann";
  const std::string id = put_file("a", "x");
  token = "meta";
  EXPECT_EQ(get("/drive/v3/files/" + id + "?alt=media").reason(), "insufficientPermissions");
  EXPECT_EQ(call("PATCH", "/drive/v3/files/" + id, R"({"name":"b"})").status, 200);
}

TEST_F(DriveTest, XgafvComesBeforeEverything) {
  EXPECT_EQ(raw("GET", "/drive/v3/files?$.xgafv=3", {}, TextReader("")).status, 400);
}

TEST_F(DriveTest, HeadOfMediaIsUnreliable) {
  const std::string id = put_file("a", "x");
  EXPECT_EQ(call("HEAD", cat("/drive/v3/files/", id, "?alt=media")).status, 503);
}

TEST_F(DriveTest, UnroutedPathsAreHtml) {
  const Answer page = get("/drive/v3/nonsense");
  EXPECT_EQ(page.status, 404);
  EXPECT_THAT(page.type, HasSubstr("text/html"));
}

TEST_F(DriveTest, CallsHaveTheirClassAndUnits) {
  auto classify = [&](const char* method, const char* target) {
    return *sim->classify(make_head(method, target, {{"Authorization", "Bearer ann"}}));
  };
  const CallInfo listed = classify("GET", "/drive/v3/files");
  EXPECT_EQ(listed.method, "files.list");
  EXPECT_EQ(listed.quota_units, 100U);
  EXPECT_EQ(listed.user, "ann@example.com");
  EXPECT_EQ(classify("GET", "/drive/v3/files/x").quota_units, 5U);
  EXPECT_EQ(classify("GET", "/drive/v3/files/x?alt=media").quota_units, 200U);
  EXPECT_TRUE(classify("POST", "/upload/drive/v3/files?uploadType=resumable").counts_as_write);
  EXPECT_FALSE(classify("PUT", "/upload/drive/v3/files?upload_id=x").counts_as_write);
  EXPECT_FALSE(sim->classify(make_head("GET", "/elsewhere", {})).has_value());
}

}  // namespace
}  // namespace driveway::sim::test
