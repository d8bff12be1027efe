// Seeds, dumps, synthetic content, snapshots, speed of lists.

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "base/hash.h"
#include "gmock/gmock.h"
#include "sim/drive/content.h"
#include "sim/drive/content_store.h"
#include "sim/drive/exports.h"
#include "sim/drive/ids.h"
#include "sim/drive/json_text.h"
#include "sim/drive/spec.h"
#include "sim/drive/upload_sessions.h"
#include "unit/base/temporary_folder.h"
#include "unit/sim/drive_fixture.h"

namespace driveway::sim::test {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

DumpRequest request(const std::string& account, bool shared = false, bool trashed = false) {
  DumpRequest made;
  made.account = account;
  made.shared_with_me = shared;
  made.trashed = trashed;
  return made;
}

std::vector<json> lines(const Result<std::string>& text) {
  std::vector<json> all;
  EXPECT_TRUE(text.ok());
  if (!text.ok()) return all;
  for (const std::string_view line : split(*text, '\n')) {
    if (!line.empty()) all.push_back(json::parse(line));
  }
  return all;
}

TEST(SyntheticContentTest, AnyRangeIsTheSameBytes) {
  const SyntheticContent content(7, 1000);
  std::string whole(1000, '\0');
  content.read_at(0, std::as_writable_bytes(std::span(whole)));
  for (const auto& [offset, length] : std::vector<std::pair<std::size_t, std::size_t>>{
           {0, 1}, {3, 2}, {5, 20}, {8, 8}, {991, 9}, {7, 990}, {500, 0}}) {
    std::string part(length, '\0');
    content.read_at(offset, std::as_writable_bytes(std::span(part)));
    EXPECT_EQ(part, whole.substr(offset, length)) << offset << "+" << length;
  }
  std::string other(1000, '\0');
  SyntheticContent(8, 1000).read_at(0, std::as_writable_bytes(std::span(other)));
  EXPECT_NE(whole, other);
  const Hashes hashes = compute_hashes(content);
  EXPECT_EQ(hex_of(hashes.md5), hash_hex(HashKind::kMd5, whole));
  EXPECT_EQ(hex_of(hashes.sha256), hash_hex(HashKind::kSha256, whole));
}

TEST(SyntheticContentTest, HashingIsGivenUpWhenAsked) {
  const std::atomic<bool> stop{true};
  EXPECT_FALSE(compute_hashes(SyntheticContent(7, 1000), stop).has_value());
}

TEST(ContentStoreTest, EndsWhileItHashes) {
  ContentStore store("");
  // Hashing this much takes hours: the test ends because the store gives up.
  store.synthetic(1, kMaxFileSize);
  store.synthetic(2, kMaxFileSize);
  EXPECT_FALSE(store.ready());
}

TEST(ContentStoreTest, WritersMakeTheirFileWithTheFirstByte) {
  const TemporaryFolder folder;
  ContentStore store(folder.path());
  const auto content = folder.path() / "content";
  auto writer = store.writer();
  EXPECT_TRUE(std::filesystem::is_empty(content));
  ASSERT_TRUE(writer->append(std::as_bytes(std::span("x", 1))).ok());
  EXPECT_FALSE(std::filesystem::is_empty(content));
  writer.reset();
  EXPECT_TRUE(std::filesystem::is_empty(content));
  const auto empty = store.writer()->finish();
  ASSERT_TRUE(empty.ok()) << empty.error().to_string();
  EXPECT_EQ((*empty)->size(), 0U);
}

TEST(UploadSessionsTest, ExpiredOnesAreSweptOut) {
  UploadSessions sessions;
  const auto add = [&](const char* id, Ms expires, Ms now) {
    auto session = std::make_shared<UploadSession>();
    session->id = id;
    session->expires = expires;
    sessions.add(session, now);
    return std::weak_ptr<UploadSession>(session);
  };
  const auto old = add("old", 1000, 0);
  const auto fresh = add("fresh", 10'000'000, 100'000);
  EXPECT_TRUE(old.expired());
  EXPECT_FALSE(fresh.expired());
  EXPECT_EQ(sessions.find("fresh", 100'000), fresh.lock());
}

TEST(IdsTest, OnlyGeneratedIdsOfTheirUse) {
  const std::string id = make_item_id(IdUse::kShortcut);
  EXPECT_EQ(id.size(), 33U);
  EXPECT_TRUE(is_generated_id(id, IdUse::kShortcut));
  EXPECT_FALSE(is_generated_id(id, IdUse::kFile));
  EXPECT_FALSE(is_generated_id("1abc", IdUse::kFile));
}

TEST(JsonTextTest, EscapesAndReplacesWhatIsNoUtf8) {
  std::string out;
  append_json_string(out, "a\"\\\n\x01\xc3\xa4\xff");
  EXPECT_EQ(out, "\"a\\\"\\\\\\n\\u0001\xc3\xa4\xef\xbf\xbd\"");
}

TEST(JsonTextTest, PrettyFormIsTheSameJson) {
  const json value{{"a", {1, 2, {{"b", "x:{}\"[,"}}}}, {"e", json::array()}, {"o", json::object()}};
  const std::string pretty = pretty_json(value.dump());
  EXPECT_EQ(json::parse(pretty), value);
  EXPECT_EQ(pretty, value.dump(2) + "\n");
}

TEST(ExportTest, EveryFormatOfEveryTypeHasBytes) {
  for (const std::string& type : exportable_types()) {
    for (const std::string& format : export_formats(type)) {
      EXPECT_FALSE(export_document(type, "t", "a,b\nc", format, 1'800'000'000'000).empty())
          << type << " " << format;
    }
  }
}

TEST_F(DriveTest, SeedsAndDumps) {
  const auto made = sim->seed({{"items",
                                {{{"path", "a/b.bin"}, {"size", 1000}, {"seed", 7}, {"copies", 2}},
                                 {{"path", {"a", "odd/name"}}, {"content", "x"}},
                                 {{"path", "s"}, {"type", "shortcut"}, {"target", "a/odd"}}}}});
  EXPECT_TRUE(made.failed_with(ErrorCode::kNotFound));  // there is no such target
  const json again = seed({{"items",
                            {{{"path", "s"}, {"type", "shortcut"}, {"target", "a/b.bin"}},
                             {{"path", "gone"}, {"content", "y"}, {"trashed", true}}}}});
  EXPECT_EQ(again["items"], 2);
  wait_ready();
  std::vector<std::string> paths;
  for (const json& line : lines(sim->dump({}))) {
    paths.push_back(line["path"]);
    if (line["path"] == "a/b.bin") {
      EXPECT_EQ(line["size"], 1000);
      EXPECT_EQ(line["md5Checksum"], hex_of(compute_hashes(SyntheticContent(7, 1000)).md5));
      EXPECT_EQ(
          get(cat("/drive/v3/files/", line["id"].get<std::string>(), "?alt=media")).body.size(),
          1000U);
    }
  }
  EXPECT_THAT(paths, ElementsAre("a", "a/b.bin", "a/b.bin", "a/odd/name", "s"));
  EXPECT_THAT(lines(sim->dump(request("ann@example.com", false, true))), SizeIs(6));
  EXPECT_FALSE(sim->dump(request("nobody@example.com")).ok());
}

TEST_F(DriveTest, SeedRefusesUnknownKeys) {
  const auto wrong = sim->seed({{"items", {{{"path", "a"}, {"colour", "red"}}}}});
  ASSERT_FALSE(wrong.ok());
  EXPECT_THAT(wrong.error().message, HasSubstr("colour"));
}

TEST_F(DriveTest, SeedRefusesImpossibleNumbers) {
  for (const char* item : {R"({"path":"a","size":-1})", R"({"path":"a","size":5497558138881})",
                           R"({"path":"a","size":1.5})", R"({"path":"a","copies":-1})"}) {
    const auto wrong = sim->seed({{"items", json::array({json::parse(item)})}});
    EXPECT_TRUE(wrong.failed_with(ErrorCode::kInvalidArgument)) << item;
  }
  for (const char* tree : {R"({"path":"t","files":1,"min_size":0,"max_size":18446744073709551615})",
                           R"({"path":"t","files":-1})", R"({"path":"t","files":1,"size":-5})"}) {
    const auto wrong = sim->seed({{"trees", json::array({json::parse(tree)})}});
    EXPECT_TRUE(wrong.failed_with(ErrorCode::kInvalidArgument)) << tree;
  }
  EXPECT_TRUE(sim->create_account({{"email", "c@example.com"}, {"storage_limit", -1}})
                  .failed_with(ErrorCode::kInvalidArgument));
  EXPECT_TRUE(sim->create_account({{"email", "c@example.com"}, {"storage_limit", nullptr}}).ok());
}

TEST_F(DriveTest, SharedSeedsAreDumpedForTheOther) {
  seed({{"items",
         {{{"path", "f"}, {"type", "folder"}, {"share_with", {{"bob@example.com", "writer"}}}},
          {{"path", "f/x"}, {"content", "1"}}}}});
  const auto shared = lines(sim->dump(request("bob@example.com", true)));
  ASSERT_THAT(shared, SizeIs(2));
  EXPECT_EQ(shared[1]["path"], "f/x");
}

TEST_F(DriveTest, TreesAreNumberedAndFastToList) {
  seed({{"trees", {{{"path", "t"}, {"folders", 50}, {"files", 1000}, {"size", 10}}}}});
  std::string q;
  const json folders = list("mimeType = 'application/vnd.google-apps.folder' and name contains 'd'",
                            "&pageSize=1000")
                           .parsed();
  for (const json& folder : folders["files"]) {
    q += cat(q.empty() ? "(" : " or ", "'", folder["id"].get<std::string>(), "' in parents");
  }
  q += ") and trashed=false";
  std::size_t found = 0;
  int pages = 0;
  std::string page;
  const auto begin = std::chrono::steady_clock::now();
  do {
    const Answer answer = list(
        q,
        cat("&pageSize=1000&prettyPrint=false&fields=nextPageToken,files(id,name,mimeType,parents,"
            "size,md5Checksum,headRevisionId,version,modifiedTime,trashed,capabilities(canEdit))",
            "&pageToken=", page));
    const json parsed = answer.parsed();
    found += parsed["files"].size();
    page = parsed.value("nextPageToken", "");
    ++pages;
  } while (!page.empty());
  const auto spent = std::chrono::steady_clock::now() - begin;
  EXPECT_EQ(found, 50'000U);
  EXPECT_EQ(pages, 50);
  RecordProperty("ms_a_page",
                 cat(std::chrono::duration_cast<std::chrono::milliseconds>(spent).count() / pages));
  EXPECT_THAT(names(list("name = 'f00049999.bin'")), ElementsAre("f00049999.bin"));
}

class PersistentTest : public DriveTest {
 protected:
  void SetUp() override {
    std::string pattern = (std::filesystem::temp_directory_path() / "drive-state-XXXXXX").string();
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    dir = pattern;
    start(dir);
    create_account("ann@example.com");
  }
  void TearDown() override {
    sim.reset();
    std::filesystem::remove_all(dir);
  }
  std::filesystem::path dir;
};

TEST_F(PersistentTest, StateSurvivesARestart) {
  seed({{"items",
         {{{"path", "d/big"}, {"size", 5000}, {"seed", 3}},
          {{"path", "doc"}, {"type", "document"}, {"content", "words"}}}},
        {"shared_drives", {{{"name", "Team"}, {"items", {{{"path", "x"}, {"content", "y"}}}}}}}});
  const std::string id = put_file("up", std::string(300'000, 'u'));
  call("PATCH", cat("/upload/drive/v3/files/", id, "?uploadType=media"), "second");
  call("PATCH", "/drive/v3/files/" + id, R"({"properties":{"k":"v"},"starred":true})");
  call("POST", cat("/drive/v3/files/", id, "/permissions"),
       R"({"type":"user","role":"reader","emailAddress":"bob@example.com"})");
  const std::string from = start_token();
  put_file("later", "l");
  wait_ready();
  const auto before = sim->dump(request("", false, true));
  const json full = file(id);
  start(dir);
  EXPECT_EQ(*sim->dump(request("", false, true)), *before);
  EXPECT_EQ(file(id), full);
  EXPECT_EQ(get("/drive/v3/files/" + id + "?alt=media").body, "second");
  EXPECT_THAT(get(cat("/drive/v3/files/", id, "/revisions")).parsed()["revisions"], SizeIs(2));
  EXPECT_THAT(changes(from).parsed()["changes"], SizeIs(1));
  EXPECT_THAT(get("/drive/v3/drives").parsed()["drives"], SizeIs(1));
  EXPECT_TRUE(sim->ready());  // hashes are kept, not computed again
  token = "bob";
  EXPECT_EQ(get("/drive/v3/files/" + id).status, 200);
}

TEST_F(PersistentTest, RevisionIdsAndRefusalsOfDownloadsSurvive) {
  const std::string id = put_file("a", "one");
  const std::string media = cat("/upload/drive/v3/files/", id, "?uploadType=media");
  call("PATCH", media, "two");
  const std::string second = file(id)["headRevisionId"];
  ASSERT_EQ(call("DELETE", cat("/drive/v3/files/", id, "/revisions/", second)).status, 204);
  seed({{"items", {{{"path", "popular"}, {"content", "x"}, {"download_quota_exceeded", true}}}}});
  start(dir);
  call("PATCH", media, "three");
  EXPECT_NE(file(id)["headRevisionId"], second);
  const std::string popular = list("name = 'popular'").parsed()["files"][0]["id"];
  EXPECT_EQ(get("/drive/v3/files/" + popular + "?alt=media").reason(), "downloadQuotaExceeded");
}

TEST_F(PersistentTest, ARestartForgetsNotWhatHasLeftALog) {
  const json made = seed({{"shared_drives", {{{"name", "Team"}}}}});
  const std::string drive = made["drives"]["Team"];
  const std::string id = put_file("f", "x");
  const std::string from = start_token();
  const std::string move = cat("/drive/v3/files/", id, "?supportsAllDrives=true&addParents=", drive,
                               "&removeParents=root");
  ASSERT_EQ(call("PATCH", move, "{}").status, 200);
  start(dir);
  const json told = changes(from).parsed();
  ASSERT_THAT(told["changes"], SizeIs(1));
  EXPECT_EQ(told["changes"][0]["removed"], true);
}

TEST_F(PersistentTest, WithoutSnapshotsOnlySaveWrites) {
  sim.reset();
  std::filesystem::remove(dir / "state.ndjson");
  const DriveOptions options{dir, std::chrono::hours(1), 1, "project-1"};
  { const auto made = DriveSim::create(config, clock, tokens, options); }
  EXPECT_FALSE(std::filesystem::exists(dir / "state.ndjson"));
}

TEST_F(PersistentTest, ADamagedSnapshotIsSaid) {
  sim.reset();
  { std::ofstream(dir / "state.ndjson") << "{\"format\":1}\n"; }
  auto made = DriveSim::create(config, clock, tokens, {dir, std::chrono::hours(1), 1, "project-1"});
  ASSERT_FALSE(made.ok());
  EXPECT_EQ(made.error().code, ErrorCode::kCorrupt);
}

}  // namespace
}  // namespace driveway::sim::test
