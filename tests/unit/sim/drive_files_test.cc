// Files: create, get, update, move, trash, delete, copy, sharing.

#include "gmock/gmock.h"
#include "unit/sim/drive_fixture.h"

namespace driveway::sim::test {
namespace {

using ::testing::ElementsAre;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

TEST_F(DriveTest, ResourceWithoutMaskIsShort) {
  const std::string id = put_file("a.txt", "hello");
  const json short_form = get("/drive/v3/files/" + id).parsed();
  EXPECT_EQ(short_form, (json{{"kind", "drive#file"},
                              {"id", id},
                              {"name", "a.txt"},
                              {"mimeType", "application/octet-stream"}}));
}

TEST_F(DriveTest, ResourceHasContentFields) {
  const std::string id = put_file("a.txt", "hello");
  const json full = file(id);
  EXPECT_EQ(full["size"], "5");
  EXPECT_EQ(full["md5Checksum"], "5d41402abc4b2a76b9719d911017c592");
  EXPECT_EQ(full["sha1Checksum"], "aaf4c61ddcc5e8a2dabede0f3b482cd9aea9434d");
  EXPECT_EQ(full["sha256Checksum"],
            "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824");
  EXPECT_EQ(full["parents"], json::array({root_id}));
  EXPECT_EQ(full["ownedByMe"], true);
  EXPECT_EQ(full["owners"][0]["emailAddress"], "ann@example.com");
  EXPECT_EQ(full["capabilities"]["canEdit"], true);
  EXPECT_EQ(full["capabilities"]["canListChildren"], false);
  EXPECT_EQ(full["version"], "1");
  EXPECT_EQ(full["fullFileExtension"], "txt");
  EXPECT_FALSE(full.contains("driveId"));
}

TEST_F(DriveTest, MaskPicksNestedFields) {
  const std::string id = put_file("a", "x");
  EXPECT_EQ(file(id, "id,owners/emailAddress,capabilities(canEdit)"),
            (json{{"id", id},
                  {"owners", {{{"emailAddress", "ann@example.com"}}}},
                  {"capabilities", {{"canEdit", true}}}}));
  const Answer bad = get("/drive/v3/files/" + id + "?fields=id,nonsense");
  EXPECT_EQ(bad.status, 400);
  EXPECT_EQ(bad.reason(), "invalidParameter");
  EXPECT_EQ(get("/drive/v3/files/" + id + "?fields=").parsed(), json::object());
}

TEST_F(DriveTest, PrettyPrintIsTheDefault) {
  const std::string id = mkdir("d");
  EXPECT_EQ(get("/drive/v3/files/" + id + "?fields=id").body, "{\n  \"id\": \"" + id + "\"\n}\n");
  EXPECT_EQ(get("/drive/v3/files/" + id + "?fields=id&prettyPrint=false").body,
            "{\"id\":\"" + id + "\"}");
}

TEST_F(DriveTest, UnknownIdIsNotFound) {
  const Answer answer = get("/drive/v3/files/nonsense");
  EXPECT_EQ(answer.status, 404);
  EXPECT_EQ(answer.reason(), "notFound");
  EXPECT_EQ(answer.message(), "File not found: nonsense.");
  EXPECT_EQ(answer.parsed()["error"]["errors"][0]["location"], "fileId");
}

TEST_F(DriveTest, DuplicatesAndOddNamesAreLegal) {
  for (const char* name : {"a/b", "..", "a", "a", "\xf0\x9f\x98\x80"}) put_file(name, "x");
  EXPECT_THAT(names(list("'root' in parents")),
              UnorderedElementsAre("a/b", "..", "a", "a", "\xf0\x9f\x98\x80"));
}

TEST_F(DriveTest, MetadataOnlyCreateMakesAnEmptyBlob) {
  const std::string id = create({{"name", "e"}});
  const json made = file(id);
  EXPECT_EQ(made["md5Checksum"], "d41d8cd98f00b204e9800998ecf8427e");
  EXPECT_EQ(made["size"], "0");
  EXPECT_EQ(made["mimeType"], "application/octet-stream");
}

TEST_F(DriveTest, GeneratedIdWorksOnceAndInventedOnesNever) {
  const json ids = get("/drive/v3/files/generateIds?count=2").parsed();
  ASSERT_THAT(ids["ids"], SizeIs(2));
  const std::string id = ids["ids"][0];
  EXPECT_EQ(create({{"name", "n"}, {"id", id}}), id);
  const Answer again = call("POST", "/drive/v3/files", json{{"name", "n"}, {"id", id}}.dump());
  EXPECT_EQ(again.status, 409);
  EXPECT_EQ(again.reason(), "fileIdInUse");
  const std::string invented = "1" + std::string(32, 'A');
  EXPECT_EQ(call("POST", "/drive/v3/files", json{{"id", invented}}.dump()).status, 400);
}

TEST_F(DriveTest, RenameKeepsModifiedTimeAndGrowsVersion) {
  const std::string id = put_file("a", "x");
  const json before = file(id);
  clock.advance(std::chrono::hours(1));
  ASSERT_EQ(call("PATCH", "/drive/v3/files/" + id, R"({"name":"b"})").status, 200);
  const json after = file(id);
  EXPECT_EQ(after["name"], "b");
  EXPECT_EQ(after["modifiedTime"], before["modifiedTime"]);
  EXPECT_EQ(after["headRevisionId"], before["headRevisionId"]);
  EXPECT_EQ(after["version"], "2");
}

TEST_F(DriveTest, ModifiedTimeIsCutToMilliseconds) {
  const std::string id = create({{"name", "a"}, {"modifiedTime", "2020-02-03T04:05:06.789123Z"}});
  EXPECT_EQ(file(id)["modifiedTime"], "2020-02-03T04:05:06.789Z");
}

TEST_F(DriveTest, ReadOnlyFieldsAreRefused) {
  const std::string id = create({{"name", "a"}});
  const Answer parents = call("PATCH", "/drive/v3/files/" + id, R"({"parents":["root"]})");
  EXPECT_EQ(parents.status, 403);
  EXPECT_EQ(parents.reason(), "fieldNotWritable");
  EXPECT_THAT(parents.message(), ::testing::HasSubstr("addParents and removeParents"));
  EXPECT_EQ(call("PATCH", "/drive/v3/files/" + id, R"({"size":"3"})").reason(), "fieldNotWritable");
  EXPECT_EQ(call("PATCH", "/drive/v3/files/" + id, "{nonsense").reason(), "parseError");
}

TEST_F(DriveTest, MoveAndRenameInOneCall) {
  const std::string from = mkdir("from");
  const std::string to = mkdir("to");
  const std::string id = put_file("a", "x", from);
  const Answer moved = call("PATCH",
                            cat("/drive/v3/files/", id, "?addParents=", to, "&removeParents=", from,
                                "&fields=parents,name,id"),
                            R"({"name":"b"})");
  EXPECT_EQ(moved.parsed(), (json{{"id", id}, {"name", "b"}, {"parents", {to}}}));
  EXPECT_THAT(names(list(cat("'", from, "' in parents"))), ElementsAre());
  EXPECT_THAT(names(list(cat("'", to, "' in parents"))), ElementsAre("b"));
}

TEST_F(DriveTest, SecondParentAndCyclesAreRefused) {
  const std::string outer = mkdir("outer");
  const std::string inner = mkdir("inner", outer);
  const Answer second =
      call("PATCH", cat("/drive/v3/files/", inner, "?addParents=", root_id), "{}");
  EXPECT_EQ(second.reason(), "cannotAddParent");
  const Answer cycle = call(
      "PATCH", cat("/drive/v3/files/", outer, "?addParents=", inner, "&removeParents=root"), "{}");
  EXPECT_EQ(cycle.status, 403);
}

TEST_F(DriveTest, TrashHidesDescendantsAndUntrashBringsThemBack) {
  const std::string folder = mkdir("f");
  const std::string id = put_file("a", "x", folder);
  ASSERT_EQ(call("PATCH", "/drive/v3/files/" + folder, R"({"trashed":true})").status, 200);
  EXPECT_EQ(file(id, "trashed,explicitlyTrashed"),
            (json{{"trashed", true}, {"explicitlyTrashed", false}}));
  EXPECT_EQ(file(folder, "trashed,explicitlyTrashed"),
            (json{{"trashed", true}, {"explicitlyTrashed", true}}));
  EXPECT_THAT(names(list("trashed = false")), ElementsAre());
  EXPECT_THAT(names(list("trashed = true")), UnorderedElementsAre("f", "a"));
  EXPECT_EQ(get("/drive/v3/files/" + id + "?alt=media").body, "x");  // readable by id
  ASSERT_EQ(call("PATCH", "/drive/v3/files/" + folder, R"({"trashed":false})").status, 200);
  EXPECT_EQ(file(id, "trashed"), (json{{"trashed", false}}));
}

TEST_F(DriveTest, DeleteTakesDescendants) {
  const std::string folder = mkdir("f");
  const std::string id = put_file("a", "x", folder);
  const Answer gone = call("DELETE", "/drive/v3/files/" + folder);
  EXPECT_EQ(gone.status, 204);
  EXPECT_EQ(gone.body, "");
  EXPECT_EQ(get("/drive/v3/files/" + id).status, 404);
}

TEST_F(DriveTest, EmptyTrashIsNoId) {
  const std::string id = put_file("a", "x");
  const std::string kept = put_file("b", "y");
  call("PATCH", "/drive/v3/files/" + id, R"({"trashed":true})");
  EXPECT_EQ(call("DELETE", "/drive/v3/files/trash").status, 204);
  EXPECT_EQ(get("/drive/v3/files/" + id).status, 404);
  EXPECT_EQ(get("/drive/v3/files/" + kept).status, 200);
}

TEST_F(DriveTest, TrashIsPurgedAfterThirtyDays) {
  const std::string id = put_file("a", "x");
  call("PATCH", "/drive/v3/files/" + id, R"({"trashed":true})");
  clock.advance(std::chrono::hours(24 * 29));
  EXPECT_EQ(get("/drive/v3/files/" + id).status, 200);
  clock.advance(std::chrono::hours(25));
  EXPECT_EQ(get("/drive/v3/files/" + id).status, 404);
}

TEST_F(DriveTest, CopyHasOwnIdAndSameContent) {
  const std::string id = put_file("a", "x");
  const Answer made =
      call("POST", cat("/drive/v3/files/", id, "/copy?fields=id,name,md5Checksum,parents"),
           R"({"name":"b"})");
  EXPECT_EQ(made.status, 200) << made.body;
  EXPECT_NE(made.parsed()["id"], id);
  EXPECT_EQ(made.parsed()["name"], "b");
  EXPECT_EQ(made.parsed()["parents"], json::array({root_id}));
  EXPECT_EQ(made.parsed()["md5Checksum"], file(id)["md5Checksum"]);
  EXPECT_EQ(call("POST", cat("/drive/v3/files/", mkdir("d"), "/copy"), "{}").reason(),
            "cannotCopyFile");
}

TEST_F(DriveTest, Shortcuts) {
  const std::string id = put_file("a", "x");
  const std::string link = create({{"name", "l"},
                                   {"mimeType", "application/vnd.google-apps.shortcut"},
                                   {"shortcutDetails", {{"targetId", id}}}});
  const json made = file(link);
  EXPECT_EQ(made["shortcutDetails"],
            (json{{"targetId", id}, {"targetMimeType", "application/octet-stream"}}));
  EXPECT_FALSE(made.contains("size"));
  EXPECT_EQ(get("/drive/v3/files/" + link + "?alt=media").reason(), "fileNotDownloadable");
  call("DELETE", "/drive/v3/files/" + id);
  EXPECT_EQ(get("/drive/v3/files/" + link).status, 200);  // dangling
}

TEST_F(DriveTest, PropertiesAreMergedAndLimited) {
  const std::string id = create({{"name", "a"}, {"properties", {{"k", "v"}, {"x", "y"}}}});
  call("PATCH", "/drive/v3/files/" + id, R"({"properties":{"k":null,"z":"1"}})");
  EXPECT_EQ(file(id)["properties"], (json{{"x", "y"}, {"z", "1"}}));
  const json big{{"properties", {{"k", std::string(124, 'v')}}}};
  EXPECT_EQ(call("PATCH", "/drive/v3/files/" + id, big.dump()).reason(),
            "propertyLengthLimitExceeded");
}

TEST_F(DriveTest, AppPropertiesBelongToTheProject) {
  add_token("other-app", "ann@example.com", "drive", "project-2");
  const std::string id = create({{"name", "a"}, {"appProperties", {{"k", "v"}}}});
  EXPECT_EQ(file(id)["appProperties"], (json{{"k", "v"}}));
  token = "other-app";
  EXPECT_FALSE(file(id).contains("appProperties"));
  EXPECT_THAT(names(list("appProperties has { key='k' and value='v' }")), ElementsAre());
}

TEST_F(DriveTest, SharedWithMeHasNoParents) {
  const std::string folder = mkdir("shared");
  const std::string id = put_file("a", "x", folder);
  token = "bob";
  EXPECT_EQ(get("/drive/v3/files/" + folder).status, 404);
  token = "ann";
  const Answer granted =
      call("POST", cat("/drive/v3/files/", folder, "/permissions"),
           R"({"type":"user","role":"reader","emailAddress":"bob@example.com"})");
  EXPECT_EQ(granted.status, 200) << granted.body;
  EXPECT_EQ(file(folder)["shared"], true);
  token = "bob";
  const json seen = file(folder);
  EXPECT_FALSE(seen.contains("parents"));
  EXPECT_EQ(seen["ownedByMe"], false);
  EXPECT_EQ(seen["sharingUser"]["emailAddress"], "ann@example.com");
  EXPECT_EQ(file(id)["parents"], json::array({folder}));
  EXPECT_THAT(names(list("sharedWithMe = true")), ElementsAre("shared"));
  EXPECT_THAT(names(list(cat("'", folder, "' in parents"))), ElementsAre("a"));
  EXPECT_EQ(call("PATCH", "/drive/v3/files/" + id, R"({"name":"b"})").reason(),
            "insufficientFilePermissions");
  EXPECT_EQ(call("POST", "/drive/v3/files", json{{"parents", {folder}}}.dump()).reason(),
            "insufficientParentPermissions");
}

TEST_F(DriveTest, AReaderChangesOnlyWhatIsHisOwn) {
  const std::string id = put_file("a", "x");
  call("POST", cat("/drive/v3/files/", id, "/permissions"),
       R"({"type":"user","role":"reader","emailAddress":"bob@example.com"})");
  token = "bob";
  const std::string target = "/drive/v3/files/" + id;
  EXPECT_EQ(call("PATCH", target, R"({"starred":true})").status, 200);
  for (const char* field :
       {R"("properties":{"k":"v"})", R"("appProperties":{"k":"v"})",
        R"("contentRestrictions":[{"readOnly":true}])", R"("copyRequiresWriterPermission":true)",
        R"("writersCanShare":false)", R"("folderColorRgb":"#ff0000")", R"("originalFilename":"b")",
        R"("description":"d")", R"("name":"b")"}) {
    EXPECT_EQ(call("PATCH", target, cat("{\"starred\":true,", field, "}")).status, 403) << field;
  }
  EXPECT_EQ(call("PATCH", target + "?addParents=root", R"({"starred":true})").status, 403);
}

TEST_F(DriveTest, OnlyTheOwnerTrashes) {
  const std::string id = put_file("a", "x");
  call("POST", cat("/drive/v3/files/", id, "/permissions"),
       R"({"type":"user","role":"writer","emailAddress":"bob@example.com"})");
  token = "bob";
  EXPECT_EQ(call("PATCH", "/drive/v3/files/" + id, R"({"name":"b"})").status, 200);
  EXPECT_EQ(call("PATCH", "/drive/v3/files/" + id, R"({"trashed":true})").reason(),
            "insufficientFilePermissions");
  EXPECT_EQ(call("DELETE", "/drive/v3/files/" + id).reason(), "insufficientFilePermissions");
}

TEST_F(DriveTest, LinkSharingOpensByIdButDoesNotList) {
  const std::string id = put_file("a", "x");
  call("POST", cat("/drive/v3/files/", id, "/permissions"), R"({"type":"anyone","role":"reader"})");
  token = "bob";
  EXPECT_EQ(get("/drive/v3/files/" + id + "?alt=media").body, "x");
  EXPECT_THAT(names(list("")), ElementsAre());
}

TEST_F(DriveTest, StorageQuota) {
  ASSERT_TRUE(sim->create_account({{"email", "ann@example.com"}, {"storage_limit", 10}}).ok());
  put_file("a", "12345678");
  const json quota = get("/drive/v3/about?fields=storageQuota").parsed()["storageQuota"];
  EXPECT_EQ(quota["limit"], "10");
  EXPECT_EQ(quota["usage"], "8");
  const Answer full = upload({{"name", "b"}}, "12345");
  EXPECT_EQ(full.status, 403);
  EXPECT_EQ(full.reason(), "storageQuotaExceeded");
}

TEST_F(DriveTest, OldRevisionsCountAndTrashIsStated) {
  const std::string id = put_file("a", "12345678");
  call("PATCH", cat("/upload/drive/v3/files/", id, "?uploadType=media"), "123");
  call("PATCH", "/drive/v3/files/" + id, R"({"trashed":true})");
  const json quota = get("/drive/v3/about?fields=storageQuota").parsed()["storageQuota"];
  EXPECT_EQ(quota["usage"], "11");
  EXPECT_EQ(quota["usageInDriveTrash"], "11");
}

TEST_F(DriveTest, ServiceAccountHasNoStorage) {
  add_token("robot", "robot@project.iam.gserviceaccount.com", "drive");
  tokens.tokens["robot"].is_service_account = true;
  token = "robot";
  EXPECT_EQ(mkdir("d").empty(), false);
  const Answer refused = upload({{"name", "b"}}, "x");
  EXPECT_EQ(refused.status, 403);
  EXPECT_EQ(refused.reason(), "storageQuotaExceeded");
  EXPECT_EQ(refused.parsed()["error"]["errors"][0]["domain"], "usageLimits");
}

TEST_F(DriveTest, UploadCap) {
  patch_config({{"drive", {{"upload_cap_reached", true}}}});
  const Answer capped = upload({{"name", "b"}}, "x");
  EXPECT_EQ(capped.status, 403);
  EXPECT_EQ(capped.message(), "User rate limit exceeded.");
}

TEST_F(DriveTest, FolderDepthIsLimited) {
  std::string parent = "root";
  for (int i = 0; i < 100; ++i) parent = mkdir(cat("d", i), parent);
  const Answer deep =
      call("POST", "/drive/v3/files",
           json{{"mimeType", "application/vnd.google-apps.folder"}, {"parents", {parent}}}.dump());
  EXPECT_EQ(deep.reason(), "myDriveHierarchyDepthLimitExceeded");
}

TEST_F(DriveTest, AboutNeedsFields) {
  for (const char* target : {"/drive/v3/about", "/drive/v3/about?fields="}) {
    const Answer answer = get(target);
    EXPECT_EQ(answer.status, 400);
    EXPECT_EQ(answer.reason(), "required");
    EXPECT_EQ(answer.message(), "The 'fields' parameter is required for this method.");
  }
  EXPECT_EQ(get("/drive/v3/about?fields=user(emailAddress)").parsed(),
            (json{{"user", {{"emailAddress", "ann@example.com"}}}}));
}

}  // namespace
}  // namespace driveway::sim::test
