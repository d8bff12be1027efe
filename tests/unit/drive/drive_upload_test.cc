// Upload sessions on the wire, over a fake HttpClient: what is sent, and every lie of a server
// (drive-api reference 5.2–5.5).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "base/strings.h"
#include "drive/drive_store.h"
#include "drive/upload_request.h"
#include "unit/drive/fake_http.h"
#include "unit/drive/test_sources.h"

namespace driveway::drive {
namespace {

using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

constexpr const char* kUri =
    "https://drive.test/upload/drive/v3/files?uploadType=resumable&upload_id=SECRET";

class DriveUploadTest : public testing::Test {
 protected:
  DriveUploadTest() {
    item.id = FileId("new");
    item.name = "f.bin";
    item.parent = FileId("p");
    session = UploadSession{Secret(kUri), 3 * kUploadUnit + 5, FileId("new")};
    for (Bytes i = 0; i < session.size; ++i) content += static_cast<char>('a' + i % 23);
  }
  void answer(int status, http::Headers headers, std::string body = "") {
    http.answers.push_back({status, std::move(headers), std::move(body), std::nullopt});
  }
  void answer_item(int status = 200, const std::string& id = "new", Bytes size = 0) {
    answer(status, {{"content-type", "application/json; charset=UTF-8"}},
           cat(R"({"id":")", id, R"(","size":")", size == 0 ? session.size : size,
               R"(","md5Checksum":"ab"})"));
  }
  void answer_stored(const char* range) {
    answer(308, {{"content-length", "0"}, {"range", range}});
  }
  Result<UploadProgress> send(ByteRange range) {
    StringSource source(content);
    return store->send(context, session, range, source);
  }
  const http::Request& last() const { return http.requests.back(); }
  std::string last_query() const {
    const std::string url = percent_decode(last().url, true);
    return url.substr(url.find('?') + 1);
  }
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
  UploadSession session;
  std::string content;
};

// --- Beginning.

TEST_F(DriveUploadTest, BeginsASessionForANewFile) {
  item.mime_type = "video/mp4";
  item.keep_revision = true;
  answer(200, {{"location", kUri}, {"content-length", "0"}});
  const auto begun = store->begin_create(context, item, 7'000'000'000);
  ASSERT_TRUE(begun.ok()) << begun.error().to_string();
  EXPECT_EQ(begun->uri.reveal(), kUri);
  EXPECT_EQ(begun->size, 7'000'000'000U);
  EXPECT_EQ(begun->id, FileId("new"));
  EXPECT_EQ(last().method, "POST");
  EXPECT_THAT(last().url, StartsWith("https://drive.test/upload/drive/v3/files?fields=id%2Cname"));
  EXPECT_THAT(last_query(), HasSubstr("&supportsAllDrives=true&prettyPrint=false&"
                                      "keepRevisionForever=true&uploadType=resumable"));
  EXPECT_EQ(header(last(), "Content-Type"), "application/json; charset=UTF-8");
  EXPECT_EQ(header(last(), "X-Upload-Content-Type"), "video/mp4");
  EXPECT_EQ(header(last(), "X-Upload-Content-Length"), "7000000000");
  EXPECT_EQ(last().body, R"({"id":"new","mimeType":"video/mp4","name":"f.bin","parents":["p"]})");
  EXPECT_EQ(last().bearer.reveal(), "token-1");
}

TEST_F(DriveUploadTest, BeginsASessionForANewContent) {
  ItemPatch patch;
  patch.modified = parse_rfc3339("2026-11-22T02:03:04.001Z").value();
  answer(200, {{"location", kUri}});
  const auto begun = store->begin_update(context, FileId("f"), patch, 6 * kMiB);
  ASSERT_TRUE(begun.ok()) << begun.error().to_string();
  EXPECT_EQ(begun->id, FileId("f"));
  EXPECT_EQ(last().method, "PATCH");
  EXPECT_THAT(last().url, StartsWith("https://drive.test/upload/drive/v3/files/f?"));
  EXPECT_EQ(header(last(), "X-Upload-Content-Type"), "");
  EXPECT_EQ(last().body, R"({"modifiedTime":"2026-11-22T02:03:04.001Z"})");
}

TEST_F(DriveUploadTest, NoSessionIsTakenThatLeadsElsewhere) {
  for (const char* elsewhere :
       {"https://evil.test/upload?upload_id=1", "http://drive.test/upload?upload_id=1",
        "https://drive.test:444/upload", "https://drive.test@evil.test/upload",
        "https://drive.test.evil.test/upload", "https://drive.test\\@evil.test/upload",
        "//evil.test/upload", "/upload/drive/v3/files?upload_id=1", "upload", ""}) {
    answer(200, {{"location", elsewhere}});
    const auto begun = store->begin_create(context, item, 10);
    ASSERT_TRUE(begun.failed_with(ErrorCode::kCorrupt)) << elsewhere;
    EXPECT_THAT(begun.error().to_string(), Not(HasSubstr("evil")));
  }
  answer(200, {});
  EXPECT_TRUE(store->begin_create(context, item, 10).failed_with(ErrorCode::kCorrupt));
  EXPECT_EQ(http.requests.size(), 11U);
  for (const char* same :
       {"https://DRIVE.test/x", "https://drive.test:443/x", "https://drive.test"}) {
    EXPECT_TRUE(is_same_origin(same, "https://drive.test")) << same;
  }
}

TEST_F(DriveUploadTest, WhatBeginsNothing) {
  EXPECT_TRUE(store->begin_create(context, item, 0).failed_with(ErrorCode::kInvalidArgument));
  item.kind = ItemKind::kFolder;
  EXPECT_TRUE(store->begin_create(context, item, 1).failed_with(ErrorCode::kInvalidArgument));
  EXPECT_TRUE(
      store->begin_update(context, FileId(), {}, 1).failed_with(ErrorCode::kInvalidArgument));
  EXPECT_TRUE(http.requests.empty());
  item.kind = ItemKind::kFile;
  answer(200, {{"content-type", "text/html"}}, "<html>Welcome</html>");
  EXPECT_TRUE(store->begin_create(context, item, 1).failed_with(ErrorCode::kUnavailable));
  answer(409, {{"content-type", "application/json"}},
         R"({"error":{"code":409,"errors":[{"reason":"fileIdInUse"}]}})");
  EXPECT_TRUE(store->begin_create(context, item, 1).failed_with(ErrorCode::kAlreadyExists));
}

// --- Sending.

TEST_F(DriveUploadTest, SendsARange) {
  answer_stored("bytes=0-524287");
  const auto progress = send({kUploadUnit, kUploadUnit});
  ASSERT_TRUE(progress.ok()) << progress.error().to_string();
  EXPECT_EQ(progress->stored, 2 * kUploadUnit);
  EXPECT_FALSE(progress->item);
  EXPECT_EQ(last().method, "PUT");
  EXPECT_EQ(last().url, kUri);
  EXPECT_EQ(last().pool, http::Pool::kMedia);
  EXPECT_FALSE(last().repeatable);
  EXPECT_EQ(last().bearer.reveal(), "token-1");
  EXPECT_EQ(header(last(), "Content-Range"), "bytes 262144-524287/786437");
  EXPECT_TRUE(last().body == content.substr(kUploadUnit, kUploadUnit));
}

TEST_F(DriveUploadTest, TheLastRangeGivesTheItem) {
  for (const int status : {200, 201}) {
    answer_item(status);
    const auto progress = send({2 * kUploadUnit, kUploadUnit + 5});
    ASSERT_TRUE(progress.ok()) << progress.error().to_string();
    EXPECT_EQ(progress->stored, session.size);
    ASSERT_TRUE(progress->item);
    EXPECT_EQ(progress->item->id, FileId("new"));
    EXPECT_EQ(progress->item->md5, "ab");
    EXPECT_EQ(header(last(), "Content-Range"), "bytes 524288-786436/786437");
  }
}

TEST_F(DriveUploadTest, DriveMayHaveKeptLess) {
  answer_stored("bytes=0-262143");
  EXPECT_EQ(send({kUploadUnit, 2 * kUploadUnit})->stored, kUploadUnit);
  answer(308, {});  // nothing at all
  EXPECT_EQ(send({0, kUploadUnit})->stored, 0U);
  answer_stored("bytes=0-9");
  EXPECT_EQ(send({0, kUploadUnit})->stored, 10U);
}

TEST_F(DriveUploadTest, LiesAboutWhatIsStored) {
  for (const char* range :
       {"bytes=0-524288", "bytes=0-786436", "bytes=0-99999999999", "bytes=0-262142",
        "bytes=0-18446744073709551615", "bytes=1-524287", "bytes=0-", "bytes=0--1", "0-524287",
        "bytes 0-524287", "bytes=0-524287,600000-700000", "nonsense", ""}) {
    answer_stored(range);
    const auto progress = send({kUploadUnit, kUploadUnit});
    ASSERT_TRUE(progress.failed_with(ErrorCode::kCorrupt)) << range;
    EXPECT_THAT(progress.error().to_string(), Not(HasSubstr("SECRET")));
  }
  answer(308, {});  // backward
  EXPECT_TRUE(send({kUploadUnit, kUploadUnit}).failed_with(ErrorCode::kCorrupt));
}

TEST_F(DriveUploadTest, LiesAboutTheEnd) {
  answer_item(200, "other");
  EXPECT_TRUE(send({2 * kUploadUnit, kUploadUnit + 5}).failed_with(ErrorCode::kCorrupt));
  answer_item(200, "new", 524'288);
  EXPECT_TRUE(send({kUploadUnit, kUploadUnit}).failed_with(ErrorCode::kCorrupt));
  answer(200, {{"content-type", "application/json"}}, "{}");
  EXPECT_TRUE(send({2 * kUploadUnit, kUploadUnit + 5}).failed_with(ErrorCode::kCorrupt));
  answer(200, {{"content-type", "text/html"}}, "<html>Welcome</html>");
  EXPECT_TRUE(send({2 * kUploadUnit, kUploadUnit + 5}).failed_with(ErrorCode::kUnavailable));
  // A redirect, not a "resume incomplete".
  answer(308, {{"location", "https://portal.test/"}});
  EXPECT_TRUE(send({0, kUploadUnit}).failed_with(ErrorCode::kUnavailable));
  // All of it is there, and yet it is not finished: ask again.
  answer_stored("bytes=0-786436");
  const auto unfinished = send({2 * kUploadUnit, kUploadUnit + 5});
  EXPECT_TRUE(unfinished.failed_with(ErrorCode::kUnavailable));
  EXPECT_TRUE(unfinished.error().retryable);
}

TEST_F(DriveUploadTest, AnEarlierEndIsBelievedIfItIsTheWhole) {
  answer_item();  // of an answer that was lost before
  const auto progress = send({0, kUploadUnit});
  ASSERT_TRUE(progress.ok()) << progress.error().to_string();
  EXPECT_TRUE(progress->item);
}

TEST_F(DriveUploadTest, SessionsThatAreGone) {
  StringSource source(content);
  for (const int status : {404, 410, 499}) {
    answer(status, {{"content-type", "text/html"}}, "<html>Not Found</html>");
    const auto sent = send({0, kUploadUnit});
    ASSERT_TRUE(sent.failed_with(ErrorCode::kStale)) << status;
    EXPECT_FALSE(sent.error().retryable);
    answer(status, {});
    EXPECT_TRUE(store->progress(context, session).failed_with(ErrorCode::kStale));
    answer(status, {});
    EXPECT_TRUE(store->cancel(context, session).ok());
  }
}

TEST_F(DriveUploadTest, RefusalsOfASession) {
  const auto refuse = [&](int status, const char* reason) {
    answer(status, {{"content-type", "application/json"}},
           cat(R"({"error":{"code":)", status, R"(,"errors":[{"reason":")", reason, R"("}]}})"));
    return send({2 * kUploadUnit, kUploadUnit + 5});
  };
  EXPECT_TRUE(refuse(409, "fileIdInUse").failed_with(ErrorCode::kAlreadyExists));
  EXPECT_TRUE(refuse(403, "rateLimitExceeded").failed_with(ErrorCode::kRateLimited));
  EXPECT_TRUE(refuse(403, "storageQuotaExceeded").failed_with(ErrorCode::kStorageFull));
  EXPECT_TRUE(refuse(400, "badRequest").failed_with(ErrorCode::kInvalidArgument));
  EXPECT_TRUE(refuse(503, "backendError").failed_with(ErrorCode::kUnavailable));
}

TEST_F(DriveUploadTest, ARefusalInTheMiddleIsSeen) {
  answer(403, {{"content-type", "application/json"}},
         R"({"error":{"code":403,"errors":[{"reason":"rateLimitExceeded"}]}})");
  http.answers.back().after_bytes = 100;
  EXPECT_TRUE(send({0, 3 * kUploadUnit + 5}).failed_with(ErrorCode::kRateLimited));
}

TEST_F(DriveUploadTest, AFreshTokenIsTried) {  // E1
  answer(401, {});
  answer_stored("bytes=0-262143");
  ASSERT_TRUE(send({0, kUploadUnit}).ok());
  EXPECT_EQ(last().bearer.reveal(), "token-2");
  for (int i = 0; i < 3; ++i) answer(401, {});
  EXPECT_TRUE(store->progress(context, session).failed_with(ErrorCode::kLoginNeeded));
}

TEST_F(DriveUploadTest, AnErrorOfTheContentIsReturnedAsItIs) {
  StringSource source(content);
  source.fails_from = 600'000;
  answer_item();
  const auto sent = store->send(context, session, {0, session.size}, source);
  ASSERT_FALSE(sent.ok());
  EXPECT_EQ(sent.error().to_string(), "the base is not here");
}

TEST_F(DriveUploadTest, ABrokenConnectionIsUnavailable) {
  answer_stored("bytes=0-262143");
  http.answers.back().after_bytes = 1000;
  http.answers.back().breaks = Error{ErrorCode::kUnavailable, "PUT drive.test/upload: reset", true};
  const auto sent = send({0, kUploadUnit});
  EXPECT_TRUE(sent.failed_with(ErrorCode::kUnavailable));
  EXPECT_THAT(sent.error().to_string(), Not(HasSubstr("SECRET")));
}

TEST_F(DriveUploadTest, WhatIsNotSentAtAll) {
  for (const ByteRange range :
       {ByteRange{0, 0}, ByteRange{0, kUploadUnit - 1}, ByteRange{kUploadUnit, kUploadUnit + 1},
        ByteRange{0, session.size + 1}, ByteRange{session.size, 1}, ByteRange{UINT64_MAX, 2}}) {
    EXPECT_TRUE(send(range).failed_with(ErrorCode::kInvalidArgument)) << range.offset;
  }
  content.pop_back();
  EXPECT_TRUE(send({0, session.size}).failed_with(ErrorCode::kInvalidArgument));
  EXPECT_TRUE(http.requests.empty());
}

// A session from another time, when the API was somewhere else: nothing is sent there.
TEST_F(DriveUploadTest, ASessionOfAnotherServerIsStale) {
  session.uri = Secret("https://elsewhere.test/upload?upload_id=1");
  EXPECT_TRUE(send({0, kUploadUnit}).failed_with(ErrorCode::kStale));
  EXPECT_TRUE(store->progress(context, session).failed_with(ErrorCode::kStale));
  EXPECT_TRUE(store->cancel(context, session).ok());
  EXPECT_TRUE(http.requests.empty());
}

// --- Asking and cancelling.

TEST_F(DriveUploadTest, AsksHowFarItIs) {
  answer_stored("bytes=0-262143");
  const auto progress = store->progress(context, session);
  ASSERT_TRUE(progress.ok()) << progress.error().to_string();
  EXPECT_EQ(progress->stored, kUploadUnit);
  EXPECT_EQ(last().method, "PUT");
  EXPECT_EQ(last().url, kUri);
  EXPECT_EQ(last().body, "");
  EXPECT_EQ(header(last(), "Content-Range"), "bytes */786437");
  EXPECT_TRUE(last().repeatable);
  answer(308, {});
  EXPECT_EQ(store->progress(context, session)->stored, 0U);
  answer_item();
  const auto done = store->progress(context, session);
  EXPECT_EQ(done->stored, session.size);
  EXPECT_EQ(done->item->id, FileId("new"));
  answer_item(200, "other");
  EXPECT_TRUE(store->progress(context, session).failed_with(ErrorCode::kCorrupt));
  for (const char* range : {"bytes=0-786437", "bytes=5-9", "x"}) {
    answer_stored(range);
    EXPECT_TRUE(store->progress(context, session).failed_with(ErrorCode::kCorrupt)) << range;
  }
  answer_stored("bytes=0-786436");
  EXPECT_TRUE(store->progress(context, session).failed_with(ErrorCode::kUnavailable));
}

TEST_F(DriveUploadTest, Cancelling) {
  for (const int status : {200, 204, 400, 405, 499}) {
    answer(status, {});
    EXPECT_TRUE(store->cancel(context, session).ok()) << status;
    EXPECT_EQ(last().method, "DELETE");
    EXPECT_EQ(last().url, kUri);
  }
  for (const int status : {500, 503, 429}) {
    answer(status, {});
    const Status cancelled = store->cancel(context, session);
    ASSERT_FALSE(cancelled.ok()) << status;
    EXPECT_TRUE(cancelled.error().retryable);
  }
  answer(200, {{"content-type", "text/html"}}, "<html>Welcome</html>");
  EXPECT_TRUE(store->cancel(context, session).failed_with(ErrorCode::kUnavailable));
}

}  // namespace
}  // namespace driveway::drive
