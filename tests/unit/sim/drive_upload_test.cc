// Uploads of all kinds, media, revisions.

#include "base/hash.h"
#include "gmock/gmock.h"
#include "unit/sim/drive_fixture.h"

namespace driveway::sim::test {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;

constexpr std::size_t kUnit = 256 * 1024;

class UploadTest : public DriveTest {
 protected:
  // The session's URI as a target.
  std::string start_session(const json& metadata, NameValues headers = {},
                            const std::string& query = "") {
    const Answer started = call(
        "POST", "/upload/drive/v3/files?uploadType=resumable&fields=id,size,md5Checksum" + query,
        metadata.dump(), std::move(headers));
    EXPECT_EQ(started.status, 200) << started.body;
    EXPECT_EQ(started.body, "");
    const auto location = started.headers.find("Location");
    if (location == started.headers.end()) return "";
    constexpr std::string_view kOrigin = "http://www.googleapis.com";
    EXPECT_TRUE(location->second.starts_with(kOrigin));
    return location->second.substr(kOrigin.size());
  }
  // A PUT without a token, as the URI allows.
  Answer put(const std::string& target, const std::string& body, const std::string& range = "",
             std::optional<std::size_t> break_at = std::nullopt, const std::string& verb = "PUT") {
    NameValues headers{{"Content-Length", cat(body.size())}};
    if (!range.empty()) headers.emplace_back("Content-Range", range);
    return raw(verb, target, std::move(headers), TextReader(body, break_at));
  }
  static std::string bytes(std::size_t count) {
    std::string text(count, '\0');
    for (std::size_t i = 0; i < count; ++i) text[i] = static_cast<char>(i * 31 + i / 251);
    return text;
  }
};

TEST_F(UploadTest, WholeBodyInOneRequest) {
  const std::string text = bytes(kUnit + 77);
  const Answer done = put(start_session({{"name", "a"}}), text);
  EXPECT_EQ(done.status, 200) << done.body;
  EXPECT_EQ(done.parsed()["size"], cat(text.size()));
  EXPECT_EQ(done.parsed()["md5Checksum"], hash_hex(HashKind::kMd5, text));
  const std::string id = done.parsed()["id"];
  EXPECT_EQ(get("/drive/v3/files/" + id + "?alt=media").body, text);
}

TEST_F(UploadTest, ChunksAndStatusQueries) {
  const std::string text = bytes(3 * kUnit + 5);
  const std::string session = start_session({{"name", "a"}});
  const std::string total = cat("/", text.size());
  EXPECT_EQ(put(session, "", "bytes */*").headers.count("Range"), 0U);
  const Answer first =
      put(session, text.substr(0, 2 * kUnit), cat("bytes 0-", 2 * kUnit - 1, total));
  EXPECT_EQ(first.status, 308);
  EXPECT_EQ(first.headers.at("Range"), cat("bytes=0-", 2 * kUnit - 1));
  EXPECT_EQ(put(session, "", "bytes *" + total).headers.at("Range"),
            cat("bytes=0-", 2 * kUnit - 1));
  const Answer last =
      put(session, text.substr(2 * kUnit), cat("bytes ", 2 * kUnit, "-", text.size() - 1, total),
          std::nullopt, "POST");
  EXPECT_EQ(last.status, 200) << last.body;
  EXPECT_EQ(last.parsed()["md5Checksum"], hash_hex(HashKind::kMd5, text));
  // The answer may have been lost: the same question gives it again.
  EXPECT_EQ(put(session, "", "bytes *" + total).body, last.body);
}

TEST_F(UploadTest, UnknownLength) {
  const std::string text = bytes(kUnit + 9);
  const std::string session = start_session({{"name", "a"}});
  EXPECT_EQ(put(session, text.substr(0, kUnit), cat("bytes 0-", kUnit - 1, "/*")).status, 308);
  const Answer last = put(session, text.substr(kUnit),
                          cat("bytes ", kUnit, "-", text.size() - 1, "/", text.size()));
  EXPECT_EQ(last.parsed()["md5Checksum"], hash_hex(HashKind::kMd5, text));
}

TEST_F(UploadTest, UnknownLengthThatEndsWithAUnit) {
  const std::string text = bytes(kUnit);
  const std::string session = start_session({{"name", "a"}});
  EXPECT_EQ(put(session, text, cat("bytes 0-", kUnit - 1, "/*")).status, 308);
  const Answer last = put(session, "", cat("bytes */", kUnit));
  EXPECT_EQ(last.status, 200);
  EXPECT_EQ(last.parsed()["md5Checksum"], hash_hex(HashKind::kMd5, text));
}

TEST_F(UploadTest, InterruptedPutKeepsWholeUnits) {
  const std::string text = bytes(4 * kUnit);
  const std::string session = start_session({{"name", "a"}});
  const std::string total = cat("/", text.size());
  EXPECT_TRUE(
      put(session, text, cat("bytes 0-", text.size() - 1, total), 2 * kUnit + 1000).dropped);
  const Answer status = put(session, "", "bytes *" + total);
  EXPECT_EQ(status.status, 308);
  EXPECT_EQ(status.headers.at("Range"), cat("bytes=0-", 2 * kUnit - 1));
  const Answer last =
      put(session, text.substr(2 * kUnit), cat("bytes ", 2 * kUnit, "-", text.size() - 1, total));
  EXPECT_EQ(last.parsed()["md5Checksum"], hash_hex(HashKind::kMd5, text));
}

TEST_F(UploadTest, BytesThatAreThereAreSkipped) {
  const std::string text = bytes(2 * kUnit + 10);
  const std::string session = start_session({{"name", "a"}});
  const std::string total = cat("/", text.size());
  put(session, text.substr(0, kUnit), cat("bytes 0-", kUnit - 1, total));
  const Answer last = put(session, text, cat("bytes 0-", text.size() - 1, total));
  EXPECT_EQ(last.parsed()["md5Checksum"], hash_hex(HashKind::kMd5, text));
}

TEST_F(UploadTest, ChunksThatAreNoMultiple) {
  const std::string session = start_session({{"name", "a"}});
  EXPECT_EQ(put(session, bytes(1000), "bytes 0-999/5000").status, 400);
  patch_config({{"drive", {{"strict_chunks", false}}}});
  const Answer lenient =
      put(session, bytes(kUnit + 1000), cat("bytes 0-", kUnit + 999, "/", 5 * kUnit));
  EXPECT_EQ(lenient.status, 308);
  EXPECT_EQ(lenient.headers.at("Range"), cat("bytes=0-", kUnit - 1));
}

TEST_F(UploadTest, MalformedAndImpossibleRanges) {
  const std::string session = start_session({{"name", "a"}});
  for (const char* range : {"bytes 0--1/0", "nonsense", "bytes 5-2/9", "bytes 0-9/5"}) {
    EXPECT_EQ(put(session, "", range).status, 400) << range;
  }
  EXPECT_EQ(put(session, bytes(10), "bytes 262144-262153/262154").status, 400);  // a gap
}

TEST_F(UploadTest, EmptyFiles) {
  const Answer resumable = put(start_session({{"name", "a"}}), "");
  EXPECT_EQ(resumable.status, 200);
  EXPECT_EQ(resumable.parsed()["size"], "0");
  EXPECT_EQ(upload({{"name", "b"}}, "").parsed()["size"], "0");
}

TEST_F(UploadTest, CancelledSession) {
  const std::string session = start_session({{"name", "a"}});
  EXPECT_EQ(put(session, "", "", std::nullopt, "DELETE").status, 499);
  EXPECT_EQ(put(session, "x").status, 499);
  EXPECT_THAT(names(list("")), SizeIs(0));
}

TEST_F(UploadTest, UnknownAndExpiredSessions) {
  EXPECT_EQ(put("/upload/drive/v3/files?uploadType=resumable&upload_id=nonsense", "x").status, 404);
  const std::string session = start_session({{"name", "a"}});
  clock.advance(std::chrono::hours(7 * 24));
  EXPECT_EQ(put(session, "x").status, 404);
}

TEST_F(UploadTest, SessionGoneFault) {
  const std::string session = start_session({{"name", "a"}});
  patch_config({{"drive", {{"session_gone", 1.0}}}});
  const int status = put(session, "x").status;
  EXPECT_TRUE(status == 404 || status == 410) << status;
}

TEST_F(UploadTest, WrongMd5Fault) {
  patch_config({{"drive", {{"wrong_md5", 1.0}}}});
  const Answer made = upload({{"name", "a"}}, "hello");
  const std::string md5 = hash_hex(HashKind::kMd5, "hello");
  EXPECT_NE(made.parsed()["md5Checksum"], md5);
  EXPECT_EQ(file(made.parsed()["id"])["md5Checksum"], md5);
}

TEST_F(UploadTest, RefusedAtTheStart) {
  const std::string target = "/upload/drive/v3/files?uploadType=resumable";
  EXPECT_EQ(call("POST", target, R"({"parents":["nonsense"]})").status, 404);
  EXPECT_EQ(call("POST", target + "&fields=nonsense", "{}").status, 400);
  const std::string id = get("/drive/v3/files/generateIds").parsed()["ids"][0];
  create({{"id", id}});
  EXPECT_EQ(call("POST", target, json{{"id", id}}.dump()).status, 409);
  ASSERT_TRUE(sim->create_account({{"email", "ann@example.com"}, {"storage_limit", 10}}).ok());
  EXPECT_EQ(call("POST", target, "{}", {{"X-Upload-Content-Length", "11"}}).reason(),
            "storageQuotaExceeded");
}

TEST_F(UploadTest, ReplayWithAGeneratedIdMakesOneFile) {
  const std::string id = get("/drive/v3/files/generateIds").parsed()["ids"][0];
  const std::string one = start_session({{"name", "a"}, {"id", id}});
  const std::string two = start_session({{"name", "a"}, {"id", id}});
  EXPECT_EQ(put(one, "x").status, 200);
  EXPECT_EQ(put(two, "x").status, 409);
  EXPECT_THAT(names(list("")), SizeIs(1));
}

TEST_F(UploadTest, Base64Multipart) {
  const std::string body =
      cat("--B\r\nContent-Type: application/json\r\n\r\n{\"name\":\"a\"}\r\n--B\r\n"
          "Content-Type: text/plain\r\nContent-Transfer-Encoding: base64\r\n\r\n",
          base64("hello"), "\r\n--B--");
  const Answer made = call("POST", "/upload/drive/v3/files?uploadType=multipart&fields=*", body,
                           {{"Content-Type", "multipart/related; boundary=\"B\""}});
  ASSERT_EQ(made.status, 200) << made.body;
  EXPECT_EQ(made.parsed()["md5Checksum"], hash_hex(HashKind::kMd5, "hello"));
  EXPECT_EQ(made.parsed()["mimeType"], "text/plain");
}

TEST_F(UploadTest, MediaUploadIsUntitled) {
  const Answer made = call("POST", "/upload/drive/v3/files?uploadType=media&fields=name,mimeType",
                           "x", {{"Content-Type", "text/plain"}});
  EXPECT_EQ(made.parsed(), (json{{"name", "Untitled"}, {"mimeType", "text/plain"}}));
}

TEST_F(UploadTest, UpdateMakesAHeadRevision) {
  const std::string id = put_file("a", "one");
  const json before = file(id);
  clock.advance(std::chrono::minutes(1));
  const Answer updated = call(
      "PATCH",
      cat("/upload/drive/v3/files/", id, "?uploadType=media&fields=*&keepRevisionForever=true"),
      "two");
  ASSERT_EQ(updated.status, 200) << updated.body;
  EXPECT_EQ(updated.parsed()["id"], id);
  EXPECT_EQ(updated.parsed()["size"], "3");
  EXPECT_NE(updated.parsed()["headRevisionId"], before["headRevisionId"]);
  EXPECT_NE(updated.parsed()["modifiedTime"], before["modifiedTime"]);
  const json revisions =
      get(cat("/drive/v3/files/", id, "/revisions?fields=revisions(id,keepForever,size)")).parsed();
  ASSERT_THAT(revisions["revisions"], SizeIs(2));
  EXPECT_EQ(revisions["revisions"][0]["id"], before["headRevisionId"]);
  EXPECT_EQ(revisions["revisions"][1]["keepForever"], true);
}

TEST_F(UploadTest, ASessionSwitchesContentAtItsEnd) {
  const std::string id = put_file("a", "old");
  const Answer started =
      call("PATCH", cat("/upload/drive/v3/files/", id, "?uploadType=resumable"), "");
  ASSERT_EQ(started.status, 200) << started.body;
  const std::string session = started.headers.at("Location").substr(25);
  put(session, bytes(kUnit), cat("bytes 0-", kUnit - 1, "/", kUnit + 1));
  EXPECT_EQ(get("/drive/v3/files/" + id + "?alt=media").body, "old");
  EXPECT_EQ(put(session, "z", cat("bytes ", kUnit, "-", kUnit, "/", kUnit + 1)).status, 200);
  EXPECT_THAT(get("/drive/v3/files/" + id + "?alt=media").body, SizeIs(kUnit + 1));
}

TEST_F(UploadTest, OnlyHeadAndKeptRevisionsDownload) {
  const std::string id = put_file("a", "one");
  const std::string first = file(id)["headRevisionId"];
  call("PATCH", cat("/upload/drive/v3/files/", id, "?uploadType=media"), "two");
  const std::string head = file(id)["headRevisionId"];
  const std::string base = cat("/drive/v3/files/", id, "/revisions/");
  EXPECT_EQ(get(base + head + "?alt=media").body, "two");
  EXPECT_EQ(get(base + first + "?alt=media").reason(), "download_restricted_for_revision");
  EXPECT_EQ(call("PATCH", base + first, R"({"keepForever":true})").status, 200);
  EXPECT_EQ(get(base + first + "?alt=media").body, "one");
  EXPECT_EQ(call("PATCH", base + first, R"({"keepForever":false})").reason(),
            "illegalKeepForeverModification");
}

TEST_F(UploadTest, ADeletedHeadsIdDoesNotComeBack) {
  const std::string id = put_file("a", "one");
  const std::string media = cat("/upload/drive/v3/files/", id, "?uploadType=media");
  call("PATCH", media, "two");
  const std::string second = file(id)["headRevisionId"];
  ASSERT_EQ(call("DELETE", cat("/drive/v3/files/", id, "/revisions/", second)).status, 204);
  EXPECT_EQ(get(cat("/drive/v3/files/", id, "?alt=media")).body, "one");
  call("PATCH", media, "three");
  EXPECT_NE(file(id)["headRevisionId"], second);
}

TEST_F(UploadTest, SeedsMayRefuseTheirDownload) {
  seed({{"items",
         {{{"path", "bad"}, {"content", "b"}, {"abusive", true}},
          {{"path", "popular"}, {"content", "p"}, {"download_quota_exceeded", true}}}}});
  const auto media = [&](const std::string& name) {
    const std::string id = list(cat("name = '", name, "'")).parsed()["files"][0]["id"];
    return cat("/drive/v3/files/", id, "?alt=media");
  };
  EXPECT_EQ(get(media("bad")).reason(), "cannotDownloadAbusiveFile");
  EXPECT_EQ(get(media("bad") + "&acknowledgeAbuse=true").body, "b");
  EXPECT_EQ(get(media("popular")).reason(), "downloadQuotaExceeded");
  EXPECT_EQ(get(media("popular") + "&acknowledgeAbuse=true").status, 403);
}

TEST_F(UploadTest, OldRevisionsGoAfterThirtyDays) {
  const std::string id = put_file("a", "one");
  call("PATCH", cat("/upload/drive/v3/files/", id, "?uploadType=media"), "two");
  const std::string target = cat("/drive/v3/files/", id, "/revisions");
  clock.advance(std::chrono::hours(24 * 29));
  EXPECT_THAT(get(target).parsed()["revisions"], SizeIs(2));
  clock.advance(std::chrono::hours(25));
  EXPECT_THAT(get(target).parsed()["revisions"], SizeIs(1));
}

TEST_F(UploadTest, RangesOfMedia) {
  const std::string id = put_file("a", "0123456789");
  const std::string target = "/drive/v3/files/" + id + "?alt=MEDIA";
  EXPECT_EQ(get(target, {{"Range", "bytes=2-4"}}).body, "234");
  EXPECT_EQ(get(target, {{"Range", "bytes=8-99"}}).body, "89");
  EXPECT_EQ(get("/download" + target, {{"Range", "bytes=8-"}}).status, 206);
  const Answer behind = get(target, {{"Range", "bytes=10-"}});
  EXPECT_EQ(behind.status, 416);
  EXPECT_EQ(behind.headers.at("Content-Range"), "bytes */10");
  EXPECT_EQ(behind.reason(), "requestedRangeNotSatisfiable");
  const std::string empty = put_file("e", "");
  EXPECT_EQ(get("/drive/v3/files/" + empty + "?alt=media", {{"Range", "bytes=0-"}}).status, 416);
  EXPECT_EQ(get("/drive/v3/files/" + empty + "?alt=media").status, 200);
}

TEST_F(UploadTest, LargeUploadsComeBackWhole) {
  const std::string text = bytes(5 * kUnit + 123);
  const std::string id = put_file("a", text);
  EXPECT_EQ(get("/drive/v3/files/" + id + "?alt=media").body, text);
  EXPECT_EQ(get("/drive/v3/files/" + id + "?alt=media",
                {{"Range", cat("bytes=", kUnit - 5, "-", 2 * kUnit + 5)}})
                .body,
            text.substr(kUnit - 5, kUnit + 11));
}

TEST_F(UploadTest, AcknowledgeAbuseOnlyWithMedia) {
  EXPECT_EQ(get("/drive/v3/files/nonsense?acknowledgeAbuse=true").reason(),
            "invalidAbuseAcknowledgment");
}

TEST_F(UploadTest, ExportsAndTheirChecks) {
  seed({{"items", {{{"path", "doc"}, {"type", "document"}, {"content", "Hello <you>"}}}}});
  const std::string id = list("name = 'doc'").parsed()["files"][0]["id"];
  const std::string base = "/drive/v3/files/" + id;
  EXPECT_EQ(get(base + "/export").reason(), "required");
  EXPECT_EQ(get("/drive/v3/files/nonsense/export?mimeType=x").status, 404);
  EXPECT_EQ(get(cat("/drive/v3/files/", put_file("b", "x"), "/export?mimeType=x")).reason(),
            "fileNotExportable");
  EXPECT_EQ(get(base + "/export?mimeType=image/png").parsed()["error"]["errors"][0]["location"],
            "convertTo");
  const Answer text = get(base + "/export?mimeType=TEXT/plain");
  EXPECT_EQ(text.body, "Hello <you>");
  EXPECT_EQ(text.type, "TEXT/plain");
  EXPECT_THAT(get(base + "/export?mimeType=text/html").body, HasSubstr("Hello &lt;you&gt;"));
  EXPECT_TRUE(get(base + "/export?mimeType=application/pdf").body.starts_with("%PDF-1.4"));
  const json links = file(id)["exportLinks"];
  const std::string docx =
      links["application/vnd.openxmlformats-officedocument.wordprocessingml.document"];
  const Answer linked = get(docx.substr(std::string("http://www.googleapis.com").size()));
  EXPECT_EQ(linked.status, 200);
  EXPECT_TRUE(linked.body.starts_with("PK"));
  EXPECT_EQ(get(base + "?alt=media").reason(), "fileNotDownloadable");
}

}  // namespace
}  // namespace driveway::sim::test
