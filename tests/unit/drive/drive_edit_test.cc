// What DriveStore sends to change items and revisions, and what it makes of the answers, over a
// fake HttpClient (drive-api reference 2, 5, 9).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/strings.h"
#include "drive/drive_store.h"
#include "unit/drive/fake_http.h"
#include "unit/drive/test_sinks.h"
#include "unit/drive/test_sources.h"

namespace driveway::drive {
namespace {

using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;
using namespace std::string_literals;

class DriveEditTest : public testing::Test {
 protected:
  DriveEditTest() {
    item.id = FileId("new");
    item.name = "n\"ame\n";
    item.parent = FileId("p");
  }
  void answer(std::string body, int status = 200) {
    FakeAnswer answer;
    answer.status = status;
    answer.body = std::move(body);
    http.answers.push_back(answer);
  }
  void refusal(int status, const std::string& reason, const std::string& message = "m") {
    answer(cat(R"({"error":{"code":)", status, R"(,"message":")", message,
               R"(","errors":[{"reason":")", reason, R"("}]}})"),
           status);
  }
  void answer_web_page(int status = 200) {
    FakeAnswer portal;
    portal.status = status;
    portal.headers = {{"content-type", "text/html"}};
    portal.body = "<html>Welcome to the hotel</html>";
    http.answers.push_back(portal);
  }
  const http::Request& last() const { return http.requests.back(); }
  std::string last_url() const { return percent_decode(last().url, true); }
  std::string last_query() const { return last_url().substr(last_url().find('?') + 1); }
  static std::string header(const http::Request& request, std::string_view name) {
    for (const auto& [key, value] : request.headers) {
      if (equals_ignoring_case(key, name)) return value;
    }
    return "";
  }

  FakeClock clock;
  FakeHttp http{clock};
  FakeTokens tokens;
  std::unique_ptr<RemoteStore> store =
      make_drive_store(http, tokens, clock, {"https://drive.test"});
  Context context;
  NewItem item;
};

TEST_F(DriveEditTest, IdsAreAskedForAndCounted) {
  answer(R"({"ids":["a","b"]})");
  const auto ids = store->generate_ids(context, 2);
  ASSERT_TRUE(ids.ok()) << ids.error().to_string();
  EXPECT_EQ(*ids, (std::vector{FileId("a"), FileId("b")}));
  EXPECT_THAT(last_url(), StartsWith("https://drive.test/drive/v3/files/generateIds?"));
  EXPECT_EQ(last_query(), "count=2&space=drive&type=files&fields=ids&prettyPrint=false");
  for (const char* odd : {R"({"ids":["a"]})", R"({"ids":["a","a"]})", R"({"ids":["a",7]})",
                          R"({"ids":["a",""]})", R"({"ids":["a","b","c"]})", "{}", "[]", "x"}) {
    answer(odd);
    EXPECT_TRUE(store->generate_ids(context, 2).failed_with(ErrorCode::kCorrupt)) << odd;
  }
  EXPECT_TRUE(store->generate_ids(context, 0).failed_with(ErrorCode::kInvalidArgument));
  EXPECT_TRUE(store->generate_ids(context, 1001).failed_with(ErrorCode::kInvalidArgument));
}

TEST_F(DriveEditTest, AFolder) {
  item.kind = ItemKind::kFolder;
  answer(R"({"id":"new","name":"n","mimeType":"application/vnd.google-apps.folder"})");
  const auto made = store->create(context, item, nullptr);
  ASSERT_TRUE(made.ok()) << made.error().to_string();
  EXPECT_EQ(made->kind, ItemKind::kFolder);
  EXPECT_EQ(last().method, "POST");
  EXPECT_THAT(last().url, StartsWith("https://drive.test/drive/v3/files?fields=id%2Cname%2C"));
  EXPECT_THAT(last_query(), HasSubstr("&supportsAllDrives=true&prettyPrint=false"));
  EXPECT_EQ(header(last(), "Content-Type"), "application/json; charset=UTF-8");
  EXPECT_EQ(last().body,
            R"({"id":"new","mimeType":"application/vnd.google-apps.folder","name":"n\"ame\n",)"
            R"("parents":["p"]})");
  EXPECT_EQ(last().bearer.reveal(), "token-1");
  EXPECT_TRUE(last().repeatable);
}

TEST_F(DriveEditTest, AShortcut) {
  item.kind = ItemKind::kShortcut;
  item.shortcut = Shortcut{FileId("t"), "", ""};
  answer(R"({"id":"new"})");
  ASSERT_TRUE(store->create(context, item, nullptr).ok());
  EXPECT_EQ(last().body,
            R"({"id":"new","mimeType":"application/vnd.google-apps.shortcut","name":"n\"ame\n",)"
            R"("parents":["p"],"shortcutDetails":{"targetId":"t"}})");
  item.shortcut.reset();
  EXPECT_TRUE(store->create(context, item, nullptr).failed_with(ErrorCode::kInvalidArgument));
}

TEST_F(DriveEditTest, AFileWithItsContentInOneRequest) {
  item.mime_type = "text/plain";
  item.created = parse_rfc3339("2026-11-21T02:03:04.567Z").value();
  item.modified = parse_rfc3339("2026-11-22T02:03:04.001Z").value();
  item.properties = {{"driveway.mode", "0640"}, {"x", "y"}};
  item.keep_revision = true;
  const std::string content = "bytes\0and\r\n--more"s;
  StringSource source(content);
  answer(R"({"id":"new","size":"17","md5Checksum":"d41d"})");
  const auto made = store->create(context, item, &source);
  ASSERT_TRUE(made.ok()) << made.error().to_string();
  EXPECT_EQ(made->md5, "d41d");  // whose it is to compare is the caller's business
  EXPECT_EQ(last().method, "POST");
  EXPECT_EQ(last().pool, http::Pool::kMedia);
  EXPECT_THAT(last().url, StartsWith("https://drive.test/upload/drive/v3/files?"));
  EXPECT_THAT(last_query(), HasSubstr("keepRevisionForever=true&uploadType=multipart"));
  const std::string type = header(last(), "Content-Type");
  constexpr std::string_view kType = "multipart/related; boundary=";
  ASSERT_THAT(type, StartsWith(kType));
  const std::string boundary = type.substr(kType.size());
  EXPECT_GE(boundary.size(), 32U);
  EXPECT_EQ(last().body,
            cat("--", boundary, "\r\nContent-Type: application/json; charset=UTF-8\r\n\r\n",
                R"({"createdTime":"2026-11-21T02:03:04.567Z","id":"new","mimeType":"text/plain",)"
                R"("modifiedTime":"2026-11-22T02:03:04.001Z","name":"n\"ame\n","parents":["p"],)"
                R"("properties":{"driveway.mode":"0640","x":"y"}})",
                "\r\n--", boundary, "\r\nContent-Type: text/plain\r\n\r\n", content, "\r\n--",
                boundary, "--\r\n"));
  answer(R"({"id":"new"})");
  StringSource again(content);
  ASSERT_TRUE(store->create(context, item, &again).ok());
  EXPECT_NE(header(last(), "Content-Type"), type);
}

TEST_F(DriveEditTest, ContentsUpToFiveMebibytes) {
  for (const Bytes size : {Bytes{0}, Bytes{1}, kMostInOneRequest}) {
    StringSource source(std::string(size, 'x'));
    answer(R"({"id":"new"})");
    ASSERT_TRUE(store->create(context, item, &source).ok());
    EXPECT_GE(last().body.size(), size + 200);
    EXPECT_LE(last().body.size(), size + 600);
    EXPECT_THAT(last().body.substr(0, 400), HasSubstr("\"mimeType\":\"application/octet-stream\""));
  }
  StringSource large(std::string(kMostInOneRequest + 1, 'x'));
  EXPECT_TRUE(store->create(context, item, &large).failed_with(ErrorCode::kInvalidArgument));
  EXPECT_TRUE(
      store->update(context, FileId("new"), {}, &large).failed_with(ErrorCode::kInvalidArgument));
  EXPECT_EQ(http.requests.size(), 3U);
}

TEST_F(DriveEditTest, WithoutAnIdNoServerMaySeeItTwice) {
  item.id = FileId();
  answer(R"({"id":"chosen"})");
  const auto made = store->create(context, item, nullptr);
  ASSERT_TRUE(made.ok());
  EXPECT_EQ(made->id, FileId("chosen"));
  EXPECT_THAT(last().body, Not(HasSubstr("\"id\"")));
  EXPECT_FALSE(last().repeatable);
  answer(R"({"id":"chosen"})");
  ASSERT_TRUE(store->copy(context, FileId("s"), item).ok());
  EXPECT_FALSE(last().repeatable);
}

TEST_F(DriveEditTest, WhatIsNotSentAtAll) {
  const auto refused = [&](NewItem odd) {
    return store->create(context, odd, nullptr).failed_with(ErrorCode::kInvalidArgument);
  };
  NewItem odd = item;
  odd.name = "\xff\xfe";
  EXPECT_TRUE(refused(odd));
  odd = item;
  odd.properties = {{"k", "\xff"}};
  EXPECT_TRUE(refused(odd));
  odd = item;
  odd.name = "";
  EXPECT_TRUE(refused(odd));
  odd = item;
  odd.parent = FileId();
  EXPECT_TRUE(refused(odd));
  odd = item;
  odd.mime_type = "application/vnd.google-apps.document";  // would be converted
  EXPECT_TRUE(refused(odd));
  odd.mime_type = "text/plain\r\nX: y";
  EXPECT_TRUE(refused(odd));
  odd = item;
  odd.kind = ItemKind::kDocument;
  EXPECT_TRUE(refused(odd));
  StringSource source("x");
  odd.kind = ItemKind::kFolder;
  EXPECT_TRUE(store->create(context, odd, &source).failed_with(ErrorCode::kInvalidArgument));
  EXPECT_TRUE(store->copy(context, FileId("s"), odd).failed_with(ErrorCode::kInvalidArgument));
  ItemPatch patch;
  patch.mime_type = "text/plain";
  EXPECT_TRUE(
      store->update(context, FileId("1"), patch, nullptr).failed_with(ErrorCode::kInvalidArgument));
  patch = {};
  patch.move = Move{FileId("a"), FileId()};
  EXPECT_TRUE(
      store->update(context, FileId("1"), patch, nullptr).failed_with(ErrorCode::kInvalidArgument));
  EXPECT_TRUE(
      store->update(context, FileId(), {}, nullptr).failed_with(ErrorCode::kInvalidArgument));
  EXPECT_TRUE(store->remove(context, FileId()).failed_with(ErrorCode::kInvalidArgument));
  EXPECT_TRUE(http.requests.empty());
}

TEST_F(DriveEditTest, APatchSaysOnlyWhatChanges) {
  answer(R"({"id":"1"})");
  ASSERT_TRUE(store->update(context, FileId("1"), {}, nullptr).ok());
  EXPECT_EQ(last().body, "{}");
  ItemPatch patch;
  patch.name = "new name";
  patch.move = Move{FileId("from"), FileId("to")};
  patch.trashed = false;
  patch.modified = parse_rfc3339("2026-11-22T02:03:04.001Z").value();
  patch.properties = {{"gone", std::nullopt}, {"k", "v"}};
  answer(R"({"id":"1"})");
  ASSERT_TRUE(store->update(context, FileId("1"), patch, nullptr).ok());
  EXPECT_EQ(last().method, "PATCH");
  EXPECT_THAT(last().url, StartsWith("https://drive.test/drive/v3/files/1?"));
  EXPECT_THAT(last_query(), HasSubstr("addParents=to&removeParents=from"));
  EXPECT_EQ(last().body, R"({"modifiedTime":"2026-11-22T02:03:04.001Z","name":"new name",)"
                         R"("properties":{"gone":null,"k":"v"},"trashed":false})");
}

TEST_F(DriveEditTest, ANewContent) {
  StringSource source("new bytes");
  ItemPatch patch;
  patch.mime_type = "image/png";
  patch.keep_revision = true;
  answer(R"({"id":"1","headRevisionId":"r2"})");
  const auto changed = store->update(context, FileId("1"), patch, &source);
  ASSERT_TRUE(changed.ok());
  EXPECT_EQ(changed->head_revision, Revision("r2"));
  EXPECT_EQ(last().method, "PATCH");
  EXPECT_THAT(last().url, StartsWith("https://drive.test/upload/drive/v3/files/1?"));
  EXPECT_THAT(last_query(), HasSubstr("keepRevisionForever=true&uploadType=multipart"));
  EXPECT_THAT(last().body, HasSubstr("\r\n\r\n{\"mimeType\":\"image/png\"}\r\n--"));
  EXPECT_THAT(last().body, HasSubstr("\r\nContent-Type: image/png\r\n\r\nnew bytes\r\n--"));
}

TEST_F(DriveEditTest, AnErrorOfTheContentIsReturnedAsItIs) {
  StringSource source(std::string(1'000'000, 'x'));
  source.fails_from = 600'000;
  http.handler = [](const http::Request&) { return FakeAnswer{}; };
  const auto made = store->create(context, item, &source);
  ASSERT_FALSE(made.ok());
  EXPECT_EQ(made.error().to_string(), "the base is not here");
  EXPECT_TRUE(made.error().retryable);
}

TEST_F(DriveEditTest, ARefusalInTheMiddleOfTheContentIsSeen) {
  StringSource source(std::string(4'000'000, 'x'));
  refusal(403, "storageQuotaExceeded");
  http.answers.back().after_bytes = 100'000;
  EXPECT_TRUE(store->create(context, item, &source).failed_with(ErrorCode::kStorageFull));
}

TEST_F(DriveEditTest, AFreshTokenSendsTheContentAgain) {  // E1
  StringSource source("bytes");
  answer("{}", 401);
  answer(R"({"id":"new"})");
  ASSERT_TRUE(store->create(context, item, &source).ok());
  EXPECT_EQ(last().bearer.reveal(), "token-2");
  EXPECT_THAT(last().body, HasSubstr("\r\n\r\nbytes\r\n--"));
  EXPECT_EQ(source.reads.size(), 2U);
}

TEST_F(DriveEditTest, ACopy) {
  item.mime_type = "text/plain";
  item.modified = parse_rfc3339("2026-11-22T02:03:04.001Z").value();
  answer(R"({"id":"new"})");
  ASSERT_TRUE(store->copy(context, FileId("s"), item).ok());
  EXPECT_EQ(last().method, "POST");
  EXPECT_THAT(last().url, StartsWith("https://drive.test/drive/v3/files/s/copy?"));
  EXPECT_EQ(last().body, R"({"id":"new","modifiedTime":"2026-11-22T02:03:04.001Z",)"
                         R"("name":"n\"ame\n","parents":["p"]})");
  refusal(403, "cannotCopyFile");
  answer(R"({"id":"s","mimeType":"application/vnd.google-apps.folder"})");
  EXPECT_TRUE(store->copy(context, FileId("s"), item).failed_with(ErrorCode::kUnsupported));
  refusal(403, "cannotCopyFile");
  answer(R"({"id":"s","mimeType":"text/plain"})");
  EXPECT_TRUE(store->copy(context, FileId("s"), item).failed_with(ErrorCode::kPermissionDenied));
}

TEST_F(DriveEditTest, AnAnswerAboutAnotherItemIsCorrupt) {
  StringSource source("x");
  http.handler = [](const http::Request&) {
    FakeAnswer other;
    other.body = R"({"id":"other"})";
    return other;
  };
  EXPECT_TRUE(store->create(context, item, nullptr).failed_with(ErrorCode::kCorrupt));
  EXPECT_TRUE(store->create(context, item, &source).failed_with(ErrorCode::kCorrupt));
  EXPECT_TRUE(store->update(context, FileId("1"), {}, nullptr).failed_with(ErrorCode::kCorrupt));
  EXPECT_TRUE(store->copy(context, FileId("s"), item).failed_with(ErrorCode::kCorrupt));
  http.handler = [](const http::Request&) {
    FakeAnswer nothing;
    nothing.body = "{}";
    return nothing;
  };
  item.id = FileId();
  EXPECT_TRUE(store->create(context, item, nullptr).failed_with(ErrorCode::kCorrupt));
}

TEST_F(DriveEditTest, AWebPageChangesNothing) {
  StringSource source("x");
  for (int i = 0; i < 6; ++i) answer_web_page();
  EXPECT_TRUE(store->create(context, item, nullptr).failed_with(ErrorCode::kUnavailable));
  EXPECT_TRUE(store->create(context, item, &source).failed_with(ErrorCode::kUnavailable));
  EXPECT_TRUE(
      store->update(context, FileId("1"), {}, nullptr).failed_with(ErrorCode::kUnavailable));
  EXPECT_TRUE(store->copy(context, FileId("s"), item).failed_with(ErrorCode::kUnavailable));
  EXPECT_TRUE(store->remove(context, FileId("1")).failed_with(ErrorCode::kUnavailable));
  EXPECT_TRUE(store->generate_ids(context, 1).failed_with(ErrorCode::kUnavailable));
  // Nor is anything there or gone because a proxy says so.
  answer_web_page(409);
  EXPECT_TRUE(store->create(context, item, nullptr).failed_with(ErrorCode::kUnavailable));
  answer_web_page(404);
  EXPECT_TRUE(store->remove(context, FileId("1")).failed_with(ErrorCode::kUnavailable));
}

TEST_F(DriveEditTest, Refusals) {
  refusal(409, "fileIdInUse", "A file already exists with the provided ID.");
  EXPECT_TRUE(store->create(context, item, nullptr).failed_with(ErrorCode::kAlreadyExists));
  refusal(403, "userRateLimitExceeded", "User rate limit exceeded.");
  EXPECT_TRUE(store->create(context, item, nullptr).failed_with(ErrorCode::kQuotaExceeded));
  refusal(403, "teamDrivesFolderMoveInNotSupported");
  EXPECT_TRUE(
      store->update(context, FileId("1"), {}, nullptr).failed_with(ErrorCode::kCrossDevice));
  refusal(404, "notFound");
  EXPECT_TRUE(store->remove(context, FileId("1")).failed_with(ErrorCode::kNotFound));
}

TEST_F(DriveEditTest, Removing) {
  FakeAnswer done;
  done.status = 204;
  done.headers = {};
  http.answers.push_back(done);
  ASSERT_TRUE(store->remove(context, FileId("a/b")).ok());
  EXPECT_EQ(last().method, "DELETE");
  EXPECT_EQ(last().url, "https://drive.test/drive/v3/files/a%2Fb?supportsAllDrives=true");
}

TEST_F(DriveEditTest, ResourceKeysAreSentWithChanges) {
  answer(R"({"id":"p","resourceKey":"kp","mimeType":"application/vnd.google-apps.folder"})");
  ASSERT_TRUE(store->get(context, FileId("p")).ok());
  const auto keys = [&] { return header(last(), "X-Goog-Drive-Resource-Keys"); };
  StringSource source("x");
  http.handler = [](const http::Request&) {
    FakeAnswer made;
    made.body = R"({"id":"new","resourceKey":"kn"})";
    return made;
  };
  ASSERT_TRUE(store->create(context, item, &source).ok());
  EXPECT_EQ(keys(), "p/kp");
  ItemPatch patch;
  patch.move = Move{FileId("o"), FileId("p")};
  ASSERT_TRUE(store->update(context, FileId("new"), patch, nullptr).ok());
  EXPECT_EQ(keys(), "new/kn,p/kp");
  ASSERT_TRUE(store->copy(context, FileId("p"), item).ok());
  EXPECT_EQ(keys(), "p/kp,p/kp");
  EXPECT_TRUE(store->remove(context, FileId("p")).ok());
  EXPECT_EQ(keys(), "p/kp");
}

// --- Revisions.

TEST_F(DriveEditTest, RevisionsComeInPages) {
  answer(R"({"nextPageToken":"n","revisions":[{"id":"r1","md5Checksum":"ab","size":"3",
    "modifiedTime":"2026-11-22T02:03:04.001Z","keepForever":true}]})");
  answer(R"({"revisions":[{"id":"r2"}]})");
  const auto all = store->revisions(context, FileId("f"));
  ASSERT_TRUE(all.ok()) << all.error().to_string();
  ASSERT_EQ(all->size(), 2U);
  EXPECT_EQ(all->at(0).id, Revision("r1"));
  EXPECT_EQ(all->at(0).md5, "ab");
  EXPECT_EQ(all->at(0).size, 3U);
  EXPECT_TRUE(all->at(0).keep_forever);
  EXPECT_EQ(format_rfc3339(all->at(0).modified), "2026-11-22T02:03:04.001Z");
  EXPECT_EQ(all->at(1).id, Revision("r2"));
  EXPECT_THAT(http.requests.at(0).url,
              StartsWith("https://drive.test/drive/v3/files/f/revisions?"));
  EXPECT_THAT(last_query(), HasSubstr("pageToken=n"));
  EXPECT_THAT(last_query(), Not(HasSubstr("supportsAllDrives")));  // it takes none
  for (const char* odd : {"{}", R"({"revisions":[{}]})", R"({"revisions":{}})"}) {
    answer(odd);
    EXPECT_TRUE(store->revisions(context, FileId("f")).failed_with(ErrorCode::kCorrupt)) << odd;
  }
}

TEST_F(DriveEditTest, KeepingARevision) {
  answer(R"({"id":"r1","keepForever":true})");
  ASSERT_TRUE(store->keep_revision(context, FileId("f"), Revision("r1"), true).ok());
  EXPECT_EQ(last().method, "PATCH");
  EXPECT_THAT(last().url, StartsWith("https://drive.test/drive/v3/files/f/revisions/r1?"));
  EXPECT_EQ(last().body, R"({"keepForever":true})");
  answer(R"({"id":"r1","keepForever":false})");
  ASSERT_TRUE(store->keep_revision(context, FileId("f"), Revision("r1"), false).ok());
  EXPECT_EQ(last().body, R"({"keepForever":false})");
  for (const char* odd :
       {R"({"id":"r1","keepForever":false})", R"({"id":"r2","keepForever":true})"}) {
    answer(odd);
    EXPECT_TRUE(store->keep_revision(context, FileId("f"), Revision("r1"), true)
                    .failed_with(ErrorCode::kCorrupt));
  }
  refusal(400, "illegalKeepForeverModification");
  EXPECT_TRUE(store->keep_revision(context, FileId("f"), Revision("r1"), false)
                  .failed_with(ErrorCode::kInvalidArgument));
}

TEST_F(DriveEditTest, TheHeadIsNeverRemoved) {  // J13
  answer(R"({"id":"f","headRevisionId":"r2"})");
  FakeAnswer done;
  done.status = 204;
  done.headers = {};
  http.answers.push_back(done);
  ASSERT_TRUE(store->remove_revision(context, FileId("f"), Revision("r1")).ok());
  EXPECT_EQ(last().method, "DELETE");
  EXPECT_THAT(last().url, StartsWith("https://drive.test/drive/v3/files/f/revisions/r1?"));
  http.requests.clear();
  answer(R"({"id":"f","headRevisionId":"r2"})");
  EXPECT_TRUE(store->remove_revision(context, FileId("f"), Revision("r2"))
                  .failed_with(ErrorCode::kInvalidArgument));
  EXPECT_EQ(http.requests.size(), 1U);
  EXPECT_EQ(last().method, "GET");
}

TEST_F(DriveEditTest, ARevisionIsReadAsAFileIs) {
  http.answers.push_back({206,
                          {{"content-type", "text/plain"}, {"content-range", "bytes 2-4/10"}},
                          "cde",
                          std::nullopt});
  StringSink sink;
  const auto read = [&](Bytes size, ByteRange range) {
    return store->read_revision(context, FileId("f"), Revision("r1"), size, range, sink);
  };
  ASSERT_TRUE(read(10, {2, 3}).ok());
  EXPECT_EQ(sink.text, "cde");
  EXPECT_EQ(last().url, "https://drive.test/drive/v3/files/f/revisions/r1?alt=media");
  EXPECT_EQ(header(last(), "Range"), "bytes=2-4");
  refusal(403, "download_restricted_for_revision");
  EXPECT_TRUE(read(10, {2, 3}).failed_with(ErrorCode::kPermissionDenied));
  EXPECT_TRUE(read(10, {10, 1}).failed_with(ErrorCode::kOutOfRange));
  http.answers.push_back({206,
                          {{"content-type", "text/plain"}, {"content-range", "bytes 2-4/11"}},
                          "cde",
                          std::nullopt});
  EXPECT_TRUE(read(10, {2, 3}).failed_with(ErrorCode::kStale));
}

}  // namespace
}  // namespace driveway::drive
