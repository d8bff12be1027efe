// Drive's answers, good and odd (drive-api reference 2, 3.3, 6).
#include "drive/parse.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <string>

#include "base/strings.h"

namespace driveway::drive {
namespace {

using testing::ElementsAre;
using testing::Pair;

constexpr std::string_view kFile = R"({
  "kind": "drive#file", "id": "1AbC", "name": "a \"b\"/ü\u0041.bin",
  "mimeType": "application/octet-stream", "parents": ["0AROOT"], "size": "1048576",
  "md5Checksum": "aa", "sha1Checksum": "bb", "sha256Checksum": "cc", "headRevisionId": "0Brev",
  "version": "7", "createdTime": "2026-11-21T02:03:04.567Z",
  "modifiedTime": "2026-11-21T02:03:05.000Z", "trashed": true, "explicitlyTrashed": true,
  "ownedByMe": false, "driveId": "0Adrive", "resourceKey": "0-key", "webViewLink": "https://x/y",
  "capabilities": {"canDownload": false, "canEdit": false, "canAddChildren": false, "odd": {"a": []}},
  "properties": {"mode": "0644", "none": null}, "appProperties": {"k": "v"},
  "owners": [{"id": "not this", "parents": ["nor this"]}], "unknown": {"size": "1", "id": "2"}
})";

TEST(ParseItem, TakesEveryField) {
  const auto item = parse_item(kFile);
  ASSERT_TRUE(item.ok()) << item.error().to_string();
  EXPECT_EQ(item->id, FileId("1AbC"));
  EXPECT_EQ(item->name, "a \"b\"/üA.bin");
  EXPECT_EQ(item->kind, ItemKind::kFile);
  EXPECT_EQ(item->parent, FileId("0AROOT"));
  EXPECT_EQ(item->size, 1048576U);
  EXPECT_EQ(item->md5, "aa");
  EXPECT_EQ(item->sha1, "bb");
  EXPECT_EQ(item->sha256, "cc");
  EXPECT_EQ(item->head_revision, Revision("0Brev"));
  EXPECT_EQ(item->version, 7U);
  EXPECT_EQ(format_rfc3339(item->created), "2026-11-21T02:03:04.567Z");
  EXPECT_EQ(format_rfc3339(item->modified), "2026-11-21T02:03:05.000Z");
  EXPECT_TRUE(item->trashed);
  EXPECT_TRUE(item->explicitly_trashed);
  EXPECT_FALSE(item->owned_by_me);
  EXPECT_EQ(item->drive, DriveId("0Adrive"));
  EXPECT_EQ(item->resource_key, "0-key");
  EXPECT_EQ(item->web_view_link, "https://x/y");
  EXPECT_EQ(item->capabilities, (Capabilities{false, false, false}));
  EXPECT_THAT(item->properties, ElementsAre(Pair("mode", "0644")));
  EXPECT_THAT(item->app_properties, ElementsAre(Pair("k", "v")));
  EXPECT_EQ(content_id(*item), ContentId("sha256:cc:1048576"));
}

TEST(ParseItem, KindsComeFromTheMimeType) {
  const auto kind = [](std::string_view mime) {
    return parse_item(cat(R"({"id":"1","mimeType":")", mime, R"("})"))->kind;
  };
  EXPECT_EQ(kind("text/plain"), ItemKind::kFile);
  EXPECT_EQ(kind(""), ItemKind::kFile);
  EXPECT_EQ(kind("application/vnd.google-apps.folder"), ItemKind::kFolder);
  EXPECT_EQ(kind("application/vnd.google-apps.shortcut"), ItemKind::kShortcut);
  EXPECT_EQ(kind("application/vnd.google-apps.document"), ItemKind::kDocument);
  EXPECT_EQ(kind("application/vnd.google-apps.drive-sdk.123"), ItemKind::kDocument);
}

TEST(ParseItem, ShortcutsKeepTheirTarget) {
  const auto item = parse_item(
      R"({"id":"1S","mimeType":"application/vnd.google-apps.shortcut",
          "shortcutDetails":{"targetId":"1T","targetMimeType":"a/b","targetResourceKey":"k"}})");
  ASSERT_TRUE(item.ok());
  EXPECT_EQ(item->shortcut, (Shortcut{FileId("1T"), "a/b", "k"}));
  EXPECT_FALSE(content_id(*item).has_value());
  // Dangling: the shortcut is still one.
  const auto dangling =
      parse_item(R"({"id":"1S","mimeType":"application/vnd.google-apps.shortcut"})");
  EXPECT_TRUE(dangling->shortcut.has_value());
}

TEST(ParseItem, OddFieldsAreAsIfAbsent) {
  const auto item = parse_item(R"({"id":"1","name":5,"size":-3,"version":"x","parents":"0A",
      "createdTime":"yesterday","modifiedTime":7,"trashed":"yes","capabilities":[1,[2]],
      "properties":["a"],"shortcutDetails":null,"mimeType":null,"md5Checksum":{"a":"b"},
      "ownedByMe":null,"driveId":""})");
  ASSERT_TRUE(item.ok()) << item.error().to_string();
  Item expected;
  expected.id = FileId("1");
  EXPECT_EQ(*item, expected);
}

TEST(ParseItem, SizesAreTextOrNumber) {
  EXPECT_EQ(parse_item(R"({"id":"1","size":12})")->size, 12U);
  EXPECT_EQ(parse_item(R"({"id":"1","size":12.0})")->size, 12U);
  EXPECT_EQ(parse_item(R"({"id":"1","size":1.5})")->size, std::nullopt);
  EXPECT_EQ(parse_item(R"({"id":"1","size":"5497558138880"})")->size, 5497558138880U);
  EXPECT_EQ(parse_item(R"({"id":"1","size":"99999999999999999999999"})")->size, std::nullopt);
  EXPECT_EQ(parse_item(R"({"id":"1","size":18446744073709551615})")->size, std::nullopt);
}

TEST(ParseItem, WhatIsNoItemIsCorrupt) {
  for (const char* text :
       {"", "null", "[]", "5", "{}", "{\"id\":\"\"}", "{\"id\":\"1\"", "{\"id\":\"1\"} x",
        "<html>login</html>", "{\"id\":\"\xff\"}", "[{\"id\":\"1\"}]"}) {
    EXPECT_TRUE(parse_item(text).failed_with(ErrorCode::kCorrupt)) << text;
  }
  EXPECT_TRUE(parse_item(std::string(100'000, '[')).failed_with(ErrorCode::kCorrupt));
}

TEST(ParseItem, DeepNestingIsSkipped) {
  const std::string deep = cat(std::string(200'000, '['), std::string(200'000, ']'));
  const auto item = parse_item(cat(R"({"x":)", deep, R"(,"parents":[)", deep, R"(],"id":"1"})"));
  ASSERT_TRUE(item.ok());
  EXPECT_FALSE(item->parent.has_value());
}

TEST(ParseItemPage, ItemsAndToken) {
  const auto page = parse_item_page(
      R"({"kind":"drive#fileList","incompleteSearch":true,"nextPageToken":"~!!~x","files":[
          {"id":"1","name":"a"},{"id":"2","name":"b","parents":["p"]}]})");
  ASSERT_TRUE(page.ok());
  EXPECT_EQ(page->next_page_token, "~!!~x");
  EXPECT_TRUE(page->incomplete);
  ASSERT_EQ(page->items.size(), 2U);
  EXPECT_EQ(page->items[1].parent, FileId("p"));
  EXPECT_FALSE(page->items[0].parent.has_value());
}

TEST(ParseItemPage, AnEmptyPageIsOneOnlyIfItSaysSo) {
  EXPECT_TRUE(parse_item_page(R"({"files":[]})").ok());
  EXPECT_TRUE(parse_item_page(R"({"incompleteSearch":false})").ok());
  for (const char* text :
       {"{}", R"({"files":{}})", R"({"files":[1]})", R"({"files":[{}]})", R"({"files":[[]]})",
        R"({"error":"x"})", R"([{"files":[]}])", R"({"files":[{"id":"1"}])"}) {
    EXPECT_TRUE(parse_item_page(text).failed_with(ErrorCode::kCorrupt)) << text;
  }
}

TEST(ParseChangePage, AllSortsOfChanges) {
  const auto page = parse_change_page(R"({"kind":"drive#changeList","newStartPageToken":"99",
    "changes":[
      {"kind":"drive#change","changeType":"file","time":"t","removed":false,"fileId":"1",
       "file":{"id":"1","name":"a","driveId":"D"}},
      {"changeType":"file","removed":true,"fileId":"2","file":{"id":"2"}},
      {"changeType":"drive","removed":true,"driveId":"D","drive":{"id":"D","name":"n"}},
      {"changeType":"file","removed":false,"fileId":"3","file":null}]})");
  ASSERT_TRUE(page.ok()) << page.error().to_string();
  EXPECT_EQ(page->new_start_page_token, "99");
  ASSERT_EQ(page->changes.size(), 4U);
  EXPECT_EQ(page->changes[0].item->name, "a");
  EXPECT_EQ(page->changes[0].drive, DriveId("D"));
  EXPECT_TRUE(page->changes[1].removed);
  EXPECT_FALSE(page->changes[1].item.has_value());
  EXPECT_TRUE(page->changes[2].is_drive);
  EXPECT_EQ(page->changes[2].drive, DriveId("D"));
  EXPECT_FALSE(page->changes[3].removed);
  EXPECT_FALSE(page->changes[3].item.has_value());
}

TEST(ParseChangePage, WithoutATokenTheFeedWouldBeLost) {
  for (const char* text : {"{}", R"({"changes":[]})", R"({"newStartPageToken":5})",
                           R"({"newStartPageToken":"1","changes":[{"removed":true}]})",
                           R"({"newStartPageToken":"1","changes":[{"changeType":"drive"}]})"}) {
    EXPECT_TRUE(parse_change_page(text).failed_with(ErrorCode::kCorrupt)) << text;
  }
  EXPECT_TRUE(parse_change_page(R"({"nextPageToken":"1"})").ok());
}

TEST(ParseOther, AboutTokensAndDrives) {
  const auto about = parse_about(R"({"user":{"displayName":"N","permissionId":"01","emailAddress":
      "n@x"},"storageQuota":{"limit":"16106127360","usage":"10","usageInDrive":7,
      "usageInDriveTrash":"3"},"canCreateDrives":true})");
  ASSERT_TRUE(about.ok());
  EXPECT_EQ(about->display_name, "N");
  EXPECT_EQ(about->email, "n@x");
  EXPECT_EQ(about->permission_id, "01");
  EXPECT_EQ(about->storage_limit, 16106127360U);
  EXPECT_EQ(about->usage, 10U);
  EXPECT_EQ(about->usage_in_drive, 7U);
  EXPECT_EQ(about->usage_in_trash, 3U);
  EXPECT_TRUE(about->can_create_drives);
  EXPECT_FALSE(parse_about(R"({"user":{"permissionId":"1"}})")->storage_limit.has_value());
  EXPECT_TRUE(parse_about(R"({"user":{}})").failed_with(ErrorCode::kCorrupt));
  EXPECT_EQ(parse_start_page_token(R"({"startPageToken":"12"})").value(), "12");
  EXPECT_TRUE(parse_start_page_token("{}").failed_with(ErrorCode::kCorrupt));
  EXPECT_EQ(parse_file_id(R"({"id":"0A"})").value(), FileId("0A"));
  EXPECT_TRUE(parse_file_id("[]").failed_with(ErrorCode::kCorrupt));
  const auto drives = parse_shared_drive_page(
      R"({"nextPageToken":"t","drives":[{"id":"D","name":"n","createdTime":"2026-01-01T00:00:00Z"}]})");
  ASSERT_TRUE(drives.ok());
  EXPECT_EQ(drives->next_page_token, "t");
  EXPECT_EQ(drives->drives.at(0).name, "n");
  EXPECT_TRUE(parse_shared_drive_page(R"({"drives":[{}]})").failed_with(ErrorCode::kCorrupt));
  EXPECT_TRUE(parse_shared_drive_page(R"({"drives":{}})").failed_with(ErrorCode::kCorrupt));
}

// Whatever arrives: an answer or kCorrupt, never a crash (run under the sanitizers too).
TEST(ParseHostile, MutilatedAnswersNeverCrash) {
  const unsigned seed = std::random_device()();
  SCOPED_TRACE(cat("seed ", seed));
  std::mt19937 random(seed);
  const std::string page = cat(R"({"nextPageToken":"n","newStartPageToken":"s","files":[)", kFile,
                               R"(],"changes":[{"fileId":"1","file":)", kFile, "}]}");
  for (int round = 0; round < 3000; ++round) {
    std::string text = page;
    const int edits = 1 + static_cast<int>(random() % 6);
    for (int edit = 0; edit < edits && !text.empty(); ++edit) {
      const std::size_t at = random() % text.size();
      switch (random() % 4) {
        case 0:
          text[at] = static_cast<char>(random());
          break;
        case 1:
          text.erase(at, 1 + random() % 20);
          break;
        case 2:
          text.insert(at, text.substr(random() % text.size(), random() % 30));
          break;
        default:
          text[at] = R"({}[]",:0)"[random() % 8];
      }
    }
    static_cast<void>(parse_item(text).ok());
    static_cast<void>(parse_item_page(text).ok());
    static_cast<void>(parse_change_page(text).ok());
    static_cast<void>(parse_about(text).ok());
    static_cast<void>(parse_shared_drive_page(text).ok());
  }
}

}  // namespace
}  // namespace driveway::drive
