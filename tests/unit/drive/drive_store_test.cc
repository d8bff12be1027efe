// What DriveStore asks, and what it makes of answers, over a fake HttpClient. What Drive really
// answers is the conformance suite's subject.
#include "drive/drive_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/strings.h"
#include "unit/drive/fake_http.h"
#include "unit/drive/test_sinks.h"

namespace driveway::drive {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

class DriveStoreTest : public testing::Test {
 protected:
  void answer(std::string body, int status = 200) {
    FakeAnswer answer;
    answer.status = status;
    answer.body = std::move(body);
    http.answers.push_back(answer);
  }
  std::string last_url() const { return percent_decode(http.requests.back().url, true); }
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
};

TEST_F(DriveStoreTest, GetAsksForTheItemsFields) {
  answer(R"({"id":"a/b","name":"n"})");
  const auto item = store->get(context, FileId("a/b"));
  ASSERT_TRUE(item.ok()) << item.error().to_string();
  const http::Request& request = http.requests.at(0);
  EXPECT_THAT(request.url, StartsWith("https://drive.test/drive/v3/files/a%2Fb?"));
  EXPECT_THAT(last_url(), AllOf(HasSubstr("supportsAllDrives=true"), HasSubstr("prettyPrint=false"),
                                HasSubstr("fields=id,name,mimeType,parents")));
  EXPECT_EQ(request.bearer.reveal(), "token-1");
  EXPECT_TRUE(request.accept_gzip);
  EXPECT_EQ(request.pool, http::Pool::kMetadata);
}

TEST_F(DriveStoreTest, TheLoginsQuotaProjectIsNamed) {
  answer(R"({"id":"1","name":"n"})");
  ASSERT_TRUE(store->get(context, FileId("1")).ok());
  EXPECT_EQ(header(http.requests.back(), "X-Goog-User-Project"), "");
  tokens.quota_project = "my-project";
  answer(R"({"id":"1","name":"n"})");
  ASSERT_TRUE(store->get(context, FileId("1")).ok());
  EXPECT_EQ(header(http.requests.back(), "X-Goog-User-Project"), "my-project");
}

TEST_F(DriveStoreTest, AnotherItemThanAskedForIsCorrupt) {
  answer(R"({"id":"other"})");
  EXPECT_TRUE(store->get(context, FileId("1")).failed_with(ErrorCode::kCorrupt));
  EXPECT_TRUE(store->get(context, FileId("")).failed_with(ErrorCode::kInvalidArgument));
}

TEST_F(DriveStoreTest, GroupedListingsQuoteAndCompareExactly) {
  answer(R"({"files":[{"id":"1","name":"it's"},{"id":"2","name":"IT'S"}]})");
  ListQuery query;
  query.parents = {FileId("p1"), FileId("p\\2")};
  query.name = "it's";
  const auto page = store->list(context, query, "");
  ASSERT_TRUE(page.ok());
  ASSERT_EQ(page->items.size(), 1U);  // Drive folds ASCII case, a file system does not
  EXPECT_THAT(
      last_url(),
      AllOf(HasSubstr(R"(q=('p1' in parents or 'p\\2' in parents) and trashed = false)"
                      R"( and name = 'it\'s')"),
            HasSubstr("pageSize=1000"), HasSubstr("includeItemsFromAllDrives=true"),
            HasSubstr("fields=nextPageToken,incompleteSearch,files("), Not(HasSubstr("corpora"))));
  query.parents.assign(51, FileId("p"));
  EXPECT_TRUE(store->list(context, query, "").failed_with(ErrorCode::kInvalidArgument));
  query.parents.clear();
  EXPECT_TRUE(store->list(context, query, "").failed_with(ErrorCode::kInvalidArgument));
}

TEST_F(DriveStoreTest, SharedDriveListingsNameTheDrive) {
  answer(R"({"files":[]})");
  ListQuery query;
  query.parents = {FileId("D")};
  query.drive = DriveId("D");
  ASSERT_TRUE(store->list(context, query, "tok").ok());
  EXPECT_THAT(last_url(), AllOf(HasSubstr("corpora=drive"), HasSubstr("driveId=D"),
                                HasSubstr("pageToken=tok")));
}

TEST_F(DriveStoreTest, TheTrashHoldsOnlyWhatWasTrashedItselfAndIsMine) {
  answer(R"({"files":[{"id":"1","explicitlyTrashed":true,"trashed":true},
    {"id":"2","trashed":true},{"id":"3","explicitlyTrashed":true,"driveId":"D"},
    {"id":"4","explicitlyTrashed":true,"ownedByMe":false}]})");
  ListQuery query;
  query.scope = ListQuery::Scope::kTrashed;
  const auto page = store->list(context, query, "");
  ASSERT_EQ(page->items.size(), 1U);
  EXPECT_EQ(page->items[0].id, FileId("1"));
}

TEST_F(DriveStoreTest, WhatIsInNoFolderIsLookedForInAllThatIsMine) {
  answer(R"({"files":[
    {"id":"a","name":"in a folder","parents":["p"],"ownedByMe":true},
    {"id":"b","name":"lost","ownedByMe":true},
    {"id":"c","name":"of others","ownedByMe":false}]})");
  ListQuery query;
  query.scope = ListQuery::Scope::kWithoutFolder;
  const auto page = store->list(context, query, "");
  ASSERT_TRUE(page.ok()) << page.error().to_string();
  ASSERT_EQ(page->items.size(), 1u);
  EXPECT_EQ(page->items[0].name, "lost");
  EXPECT_THAT(last_url(), HasSubstr("q='me' in owners and trashed = false&"));
}

TEST_F(DriveStoreTest, A401IsTriedTwiceMoreWithAFreshToken) {
  answer(R"({"error":{"code":401}})", 401);
  answer(R"({"startPageToken":"5"})");
  EXPECT_EQ(store->start_page_token(context, {}).value(), "5");
  EXPECT_EQ(http.requests.at(0).bearer.reveal(), "token-1");
  EXPECT_EQ(http.requests.at(1).bearer.reveal(), "token-2");
  answer("", 401);  // the fresh one had ended, too
  answer("", 401);
  answer(R"({"startPageToken":"6"})");
  EXPECT_EQ(store->start_page_token(context, {}).value(), "6");
  for (int i = 0; i < 3; ++i) answer("", 401);
  const auto refused = store->start_page_token(context, {});
  EXPECT_TRUE(refused.failed_with(ErrorCode::kLoginNeeded));
  EXPECT_THAT(refused.error().message, HasSubstr("stored login demo"));
  EXPECT_EQ(http.requests.size(), 8U);
}

TEST_F(DriveStoreTest, ALoginPageIsNotDrive) {
  FakeAnswer portal;
  portal.headers = {{"content-type", "text/html"}};
  portal.body = "<html>Welcome to the hotel</html>";
  http.handler = [&](const http::Request&) { return portal; };
  const auto item = store->get(context, FileId("1"));
  EXPECT_TRUE(item.failed_with(ErrorCode::kUnavailable));
  EXPECT_TRUE(item.error().retryable);
  Item file;
  file.id = FileId("1");
  file.size = portal.body.size();
  file.mime_type = "application/zip";
  StringSink sink;
  EXPECT_TRUE(
      store->read(context, file, {0, *file.size}, sink).failed_with(ErrorCode::kUnavailable));
  EXPECT_EQ(sink.text, "");
}

TEST_F(DriveStoreTest, ChangesWithoutTheirFileAreCompleted) {
  answer(R"({"nextPageToken":"7","changes":[{"changeType":"file","fileId":"1"},
    {"changeType":"file","fileId":"2"}]})");
  answer(R"({"id":"1","name":"here"})");
  answer(R"({"error":{"code":404,"errors":[{"reason":"notFound"}]}})", 404);
  const auto page = store->changes(context, {}, "3");
  ASSERT_TRUE(page.ok()) << page.error().to_string();
  EXPECT_EQ(page->changes.at(0).item->name, "here");
  EXPECT_TRUE(page->changes.at(1).removed);
}

TEST_F(DriveStoreTest, RefusedChangeTokens) {
  const std::string gone = R"({"error":{"code":404,"errors":[{"reason":"notFound"}]}})";
  answer(gone, 404);
  EXPECT_TRUE(store->changes(context, {}, "3").failed_with(ErrorCode::kTokenExpired));
  answer(gone, 404);
  EXPECT_TRUE(store->changes(context, {DriveId("D")}, "3").failed_with(ErrorCode::kNotFound));
  answer("", 410);
  EXPECT_TRUE(store->changes(context, {}, "3").failed_with(ErrorCode::kTokenExpired));
}

TEST_F(DriveStoreTest, ResourceKeysAreSentWithTheirItems) {
  answer(R"({"files":[{"id":"1","resourceKey":"k1"},{"id":"s","resourceKey":"",
    "mimeType":"application/vnd.google-apps.shortcut",
    "shortcutDetails":{"targetId":"t","targetResourceKey":"kt"}}]})");
  ListQuery query;
  query.parents = {FileId("p")};
  ASSERT_TRUE(store->list(context, query, "").ok());
  EXPECT_EQ(header(http.requests.back(), "X-Goog-Drive-Resource-Keys"), "");
  answer(R"({"files":[]})");
  query.parents = {FileId("t"), FileId("1"), FileId("x")};
  ASSERT_TRUE(store->list(context, query, "").ok());
  EXPECT_EQ(header(http.requests.back(), "X-Goog-Drive-Resource-Keys"), "t/kt,1/k1");
}

TEST_F(DriveStoreTest, AboutNamesTheRoot) {
  answer(R"({"user":{"permissionId":"7","emailAddress":"a@b"}})");
  answer(R"({"id":"0AROOT"})");
  const auto about = store->about(context);
  ASSERT_TRUE(about.ok());
  EXPECT_EQ(about->root, FileId("0AROOT"));
  EXPECT_THAT(http.requests.at(1).url, HasSubstr("/files/root?fields=id"));
}

// Of the scope drive.file: the root has no id that anybody can see.
class OwnFilesStoreTest : public DriveStoreTest {
 protected:
  OwnFilesStoreTest() { tokens.scopes = {"https://www.googleapis.com/auth/drive.file"}; }
  void refuse() { answer(R"({"error":{"code":404,"errors":[{"reason":"notFound"}]}})", 404); }
};

TEST_F(OwnFilesStoreTest, TheRootIsCalledByItsAlias) {
  answer(R"({"user":{"permissionId":"7","emailAddress":"a@b"}})");
  refuse();
  const auto about = store->about(context);
  ASSERT_TRUE(about.ok()) << about.error().to_string();
  EXPECT_EQ(about->root, FileId("root"));
  refuse();
  const auto root = store->get(context, about->root);
  ASSERT_TRUE(root.ok()) << root.error().to_string();
  EXPECT_EQ(root->id, FileId("root"));
  EXPECT_EQ(root->kind, ItemKind::kFolder);
  EXPECT_TRUE(root->capabilities.can_add_children);
  tokens.scopes = {"https://www.googleapis.com/auth/drive"};
  refuse();
  EXPECT_TRUE(store->get(context, FileId("root")).failed_with(ErrorCode::kNotFound));
}

TEST_F(OwnFilesStoreTest, WhatLiesInAFolderThatIsNotSeenIsInTheRoot) {
  answer(R"({"files":[{"id":"1","name":"a","ownedByMe":true,"parents":["0AROOT"]},
                      {"id":"2","name":"b","ownedByMe":true,"parents":["0AROOT"]},
                      {"id":"3","name":"c","ownedByMe":true,"parents":["seen"]}]})");
  refuse();
  answer(R"({"id":"seen"})");
  ListQuery query;
  query.parents = {FileId("root"), FileId("seen")};
  const auto page = store->list(context, query, "");
  ASSERT_TRUE(page.ok()) << page.error().to_string();
  EXPECT_EQ(page->items.at(0).parent, FileId("root"));
  EXPECT_EQ(page->items.at(1).parent, FileId("root"));
  EXPECT_EQ(page->items.at(2).parent, FileId("seen"));
  EXPECT_EQ(http.requests.size(), 3U);  // each folder is asked for once
  answer(R"({"id":"4","name":"d","ownedByMe":true,"parents":["0AROOT"]})");
  EXPECT_EQ(store->get(context, FileId("4"))->parent, FileId("root"));
  EXPECT_EQ(http.requests.size(), 4U);
}

TEST_F(DriveStoreTest, SharedDrivesComeInPages) {
  answer(R"({"nextPageToken":"n","drives":[{"id":"A","name":"a"}]})");
  answer(R"({"drives":[{"id":"B","name":"b"}]})");
  const auto drives = store->shared_drives(context);
  ASSERT_EQ(drives->size(), 2U);
  EXPECT_THAT(last_url(), HasSubstr("pageToken=n"));
}

// --- Reading (R1): exactly the bytes that were asked for, or none of them.

class DriveReadTest : public DriveStoreTest {
 protected:
  DriveReadTest() {
    file.id = FileId("f");
    file.name = "f.bin";
    file.mime_type = "application/octet-stream";
    for (int i = 0; i < 10'000; ++i) content += static_cast<char>(i % 251);
    file.size = content.size();
  }
  static FakeAnswer partial(const std::string& body, std::string range) {
    return {206,
            {{"content-type", "application/octet-stream"},
             {"content-range", std::move(range)},
             {"content-length", std::to_string(body.size())}},
            body,
            std::nullopt};
  }
  FakeAnswer whole() const {
    return {200,
            {{"content-type", "application/octet-stream"},
             {"content-length", std::to_string(content.size())}},
            content,
            std::nullopt};
  }
  Status read(ByteRange range) {
    sink = StringSink();
    return store->read(context, file, range, sink);
  }

  Item file;
  std::string content;
  StringSink sink;
};

TEST_F(DriveReadTest, ARangeIsAskedForAndChecked) {
  http.answers.push_back(partial(content.substr(100, 50), "bytes 100-149/10000"));
  ASSERT_TRUE(read({100, 50}).ok());
  EXPECT_EQ(sink.text, content.substr(100, 50));
  const http::Request& request = http.requests.at(0);
  EXPECT_EQ(header(request, "Range"), "bytes=100-149");
  EXPECT_EQ(request.pool, http::Pool::kMedia);
  EXPECT_FALSE(request.accept_gzip);  // lengths would not fit (reference 4)
  EXPECT_THAT(request.url, HasSubstr("/drive/v3/files/f?alt=media&supportsAllDrives=true"));
}

TEST_F(DriveReadTest, AWholeFileIsAskedForWithoutRange) {
  http.answers.push_back(whole());
  ASSERT_TRUE(read({0, content.size()}).ok());
  EXPECT_EQ(sink.text, content);
  EXPECT_EQ(header(http.requests.at(0), "Range"), "");
}

TEST_F(DriveReadTest, WrongRangesAreDiscarded) {
  for (const char* range :
       {"bytes 101-150/10000", "bytes 0-49/10000", "bytes 100-148/10000", "bytes 100-150/10000",
        "bytes 100-9999/10000", "bytes */10000", "bytes 149-100/10000", "items 100-149/10000",
        "bytes 100-149", "", "bytes 100-149/x", "bytes 100-18446744073709551615/*"}) {
    http.answers.push_back(partial(content.substr(100, 50), range));
    const Status status = read({100, 50});
    EXPECT_TRUE(status.failed_with(ErrorCode::kCorrupt)) << range;
    EXPECT_TRUE(status.error().retryable) << range;
    EXPECT_EQ(sink.text, "") << range;
  }
}

TEST_F(DriveReadTest, AnotherLengthOfTheFileIsStale) {
  http.answers.push_back(partial(content.substr(100, 50), "bytes 100-149/20000"));
  EXPECT_TRUE(read({100, 50}).failed_with(ErrorCode::kStale));
  EXPECT_EQ(sink.text, "");
  http.answers.push_back(partial(content.substr(100, 20), "bytes 100-119/120"));
  EXPECT_TRUE(read({100, 50}).failed_with(ErrorCode::kStale));
  file.size.reset();
  http.answers.push_back(partial(content.substr(100, 20), "bytes 100-119/120"));
  EXPECT_TRUE(read({100, 50}).failed_with(ErrorCode::kOutOfRange));
  EXPECT_EQ(sink.text, "");
}

TEST_F(DriveReadTest, TheWholeFileInsteadOfARangeIsCut) {
  http.answers.push_back(whole());
  ASSERT_TRUE(read({3333, 4444}).ok());
  EXPECT_EQ(sink.text, content.substr(3333, 4444));
  // Too far into a large file, it is refused instead of reading gigabytes for nothing.
  file.size = 100 * kMiB;
  FakeAnswer large = whole();
  large.headers[1].second = std::to_string(*file.size);
  http.answers.push_back(large);
  EXPECT_TRUE(read({50 * kMiB, 10}).failed_with(ErrorCode::kCorrupt));
}

TEST_F(DriveReadTest, ShortAndLongBodies) {
  http.answers.push_back(partial(content.substr(100, 40), "bytes 100-149/10000"));
  EXPECT_TRUE(read({100, 50}).failed_with(ErrorCode::kCorrupt));  // announced another length
  FakeAnswer chunked = partial(content.substr(100, 40), "bytes 100-149/10000");
  chunked.headers.pop_back();
  http.answers.push_back(chunked);
  const Status cut = read({100, 50});
  EXPECT_TRUE(cut.failed_with(ErrorCode::kUnavailable));
  EXPECT_TRUE(cut.error().retryable);
  EXPECT_EQ(sink.text, content.substr(100, 40));
  chunked.body = content.substr(100, 60);
  http.answers.push_back(chunked);
  EXPECT_TRUE(read({100, 50}).failed_with(ErrorCode::kCorrupt));
  FakeAnswer broken = partial(content.substr(100, 50), "bytes 100-149/10000");
  broken.body.resize(20);
  broken.breaks = Error{ErrorCode::kUnavailable, "connection reset", true};
  http.answers.push_back(broken);
  EXPECT_TRUE(read({100, 50}).failed_with(ErrorCode::kUnavailable));
  EXPECT_EQ(sink.text, content.substr(100, 20));
}

TEST_F(DriveReadTest, WhatNeedsNoRequest) {
  EXPECT_TRUE(read({10'000, 1}).failed_with(ErrorCode::kOutOfRange));
  EXPECT_TRUE(read({9'999, 2}).failed_with(ErrorCode::kOutOfRange));
  EXPECT_TRUE(read({UINT64_MAX, 2}).failed_with(ErrorCode::kOutOfRange));
  EXPECT_TRUE(read({0, 0}).failed_with(ErrorCode::kInvalidArgument));
  file.size = 0;
  EXPECT_TRUE(read({0, 1}).failed_with(ErrorCode::kOutOfRange));
  file.kind = ItemKind::kDocument;
  EXPECT_TRUE(read({0, 1}).failed_with(ErrorCode::kUnsupported));
  EXPECT_TRUE(http.requests.empty());
}

TEST_F(DriveReadTest, RefusalsAndAFreshToken) {
  FakeAnswer refusal;
  refusal.status = 416;
  http.answers.push_back(refusal);
  EXPECT_TRUE(read({0, 5}).failed_with(ErrorCode::kStale));
  const auto size = std::exchange(file.size, std::nullopt);
  http.answers.push_back(refusal);
  EXPECT_TRUE(read({0, 5}).failed_with(ErrorCode::kOutOfRange));
  file.size = size;
  refusal.status = 401;
  http.answers.push_back(refusal);
  http.answers.push_back(partial(content.substr(0, 5), "bytes 0-4/10000"));
  EXPECT_TRUE(read({0, 5}).ok());
  EXPECT_EQ(sink.text, content.substr(0, 5));
}

TEST_F(DriveReadTest, WhatDriveTakesForMalwareIsRefused) {
  answer(R"({"error":{"code":403,"errors":[{"reason":"cannotDownloadAbusiveFile"}]}})", 403);
  const Status status = read({0, 5});
  EXPECT_TRUE(status.failed_with(ErrorCode::kPermissionDenied));
  EXPECT_THAT(status.error().to_string(), HasSubstr("--acknowledge-abuse"));
  EXPECT_THAT(last_url(), Not(HasSubstr("acknowledgeAbuse")));
  EXPECT_EQ(http.requests.size(), 1u);
}

TEST_F(DriveReadTest, WhatDriveTakesForMalwareIsReadWhereThatIsAcknowledged) {
  store = make_drive_store(http, tokens, clock, {"https://drive.test", true});
  answer(R"({"error":{"code":403,"errors":[{"reason":"cannotDownloadAbusiveFile"}]}})", 403);
  http.answers.push_back(partial(content.substr(0, 5), "bytes 0-4/10000"));
  ASSERT_TRUE(read({0, 5}).ok());
  EXPECT_THAT(http.requests.at(0).url, Not(HasSubstr("acknowledgeAbuse")));
  EXPECT_THAT(last_url(), HasSubstr("alt=media&acknowledgeAbuse=true"));
  http.answers.push_back(partial(content.substr(5, 5), "bytes 5-9/10000"));
  ASSERT_TRUE(read({5, 5}).ok());
  EXPECT_EQ(http.requests.size(), 3u) << "asked for so from then on";
  EXPECT_EQ(sink.text, content.substr(5, 5));
  answer(R"({"error":{"code":403,"errors":[{"reason":"cannotDownloadAbusiveFile"}]}})", 403);
  EXPECT_THAT(read({0, 5}).error().to_string(), HasSubstr("only its owner"));
  EXPECT_EQ(http.requests.size(), 4u) << "who may not have it is not asked again";
}

TEST_F(DriveReadTest, TheSinksErrorEndsTheRead) {
  http.answers.push_back(whole());
  http.piece = 1000;
  sink.fails_after = 2500;
  const Status status = store->read(context, file, {0, content.size()}, sink);
  EXPECT_TRUE(status.failed_with(ErrorCode::kNoSpace));
}

TEST_F(DriveReadTest, ARedirectIsFollowedWithoutTheToken) {
  FakeAnswer redirect;
  redirect.status = 302;
  redirect.headers = {{"location", "https://elsewhere.test/bytes"}};
  http.answers.push_back(redirect);
  http.answers.push_back(whole());
  ASSERT_TRUE(read({0, content.size()}).ok());
  EXPECT_EQ(http.requests.at(1).url, "https://elsewhere.test/bytes");
  EXPECT_TRUE(http.requests.at(1).bearer.empty());
  redirect.headers = {{"location", "http://plain.test/bytes"}};
  http.answers.push_back(redirect);
  EXPECT_TRUE(read({0, content.size()}).failed_with(ErrorCode::kUnavailable));
}

TEST_F(DriveReadTest, ExportsAreStreamed) {
  FakeAnswer document;
  document.headers = {{"content-type", "application/pdf"}};
  document.body = content;
  http.answers.push_back(document);
  StringSink pdf;
  ASSERT_TRUE(store->export_document(context, FileId("d"), "application/pdf", pdf).ok());
  EXPECT_EQ(pdf.text, content);
  EXPECT_THAT(last_url(), HasSubstr("/files/d/export?mimeType=application/pdf"));
  document.headers = {{"content-type", "text/html; charset=utf-8"}};
  http.answers.push_back(document);
  StringSink portal;
  EXPECT_TRUE(store->export_document(context, FileId("d"), "application/pdf", portal)
                  .failed_with(ErrorCode::kUnavailable));
  EXPECT_EQ(portal.text, "");
  answer(R"({"error":{"code":403,"errors":[{"reason":"exportSizeLimitExceeded"}]}})", 403);
  EXPECT_TRUE(store->export_document(context, FileId("d"), "application/pdf", pdf)
                  .failed_with(ErrorCode::kTooLarge));
}

}  // namespace
}  // namespace driveway::drive
