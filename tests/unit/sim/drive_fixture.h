// Calls on the simulated Drive without sockets.
#pragma once

#include <algorithm>
#include <cstring>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "base/strings.h"
#include "gtest/gtest.h"
#include "sim/config.h"
#include "sim/drive/drive_service.h"

namespace driveway::sim::test {

using nlohmann::json;

// A body of text that may break off before its end.
class TextReader final : public BodyReader {
 public:
  explicit TextReader(std::string text, std::optional<std::size_t> break_at = std::nullopt)
      : text_(std::move(text)), break_at_(break_at.value_or(std::string::npos)) {}
  Result<std::size_t> read(std::span<std::byte> buffer) override {
    if (at_ >= break_at_) return Error{ErrorCode::kUnavailable, "the peer has gone"};
    const std::size_t end = std::min(text_.size(), break_at_);
    const std::size_t count = std::min({buffer.size(), end - at_, kStep});
    std::memcpy(buffer.data(), text_.data() + at_, count);
    at_ += count;
    return count;
  }

 private:
  static constexpr std::size_t kStep = 40'000;  // as sockets do: no whole buffers
  std::string text_;
  std::size_t break_at_;
  std::size_t at_ = 0;
};

struct Answer final : Responder {
  void add_header(std::string_view name, std::string_view value) override {
    headers[std::string(name)] = value;
  }
  void send(int code, std::string_view content_type, std::string_view text) override {
    ++sent;
    status = code;
    type = content_type;
    body = text;
  }
  void send_media(std::string_view content_type, const ContentSource& content,
                  std::optional<ByteRange> range) override {
    const ByteRange wanted = range.value_or(ByteRange{0, content.size()});
    body.resize(wanted.length);
    content.read_at(wanted.offset, std::as_writable_bytes(std::span(body)));
    ++sent;
    status = range ? 206 : 200;
    type = content_type;
  }
  void send_chunked(int code, std::string_view content_type, std::string_view text) override {
    send(code, content_type, text);
  }
  void drop_connection() override {
    ++sent;
    dropped = true;
  }

  json parsed() const { return json::parse(body, nullptr, false); }
  std::string reason() const { return parsed()["error"]["errors"][0]["reason"]; }
  std::string message() const { return parsed()["error"]["message"]; }

  int sent = 0;
  int status = 0;
  bool dropped = false;
  std::map<std::string, std::string> headers;
  std::string type;
  std::string body;
};

// Tokens by their text.
class FakeTokens final : public TokenVerifier {
 public:
  std::optional<TokenInfo> verify(std::string_view token) override {
    const auto found = tokens.find(std::string(token));
    if (found == tokens.end()) return std::nullopt;
    return found->second;
  }
  std::map<std::string, TokenInfo> tokens;
};

inline constexpr std::string_view kAuthPrefix = "https://www.googleapis.com/auth/";

class DriveTest : public ::testing::Test {
 protected:
  DriveTest() : config(Config{}) {
    add_token("ann", "ann@example.com", "drive");
    add_token("bob", "bob@example.com", "drive");
    start("");
    create_account("ann@example.com");
    create_account("bob@example.com");
    auto root = get("/drive/v3/files/root?fields=id");
    root_id = root.parsed().value("id", "");
  }

  void start(const std::filesystem::path& data_dir) {
    sim.reset();
    auto made =
        DriveSim::create(config, clock, tokens, {data_dir, std::chrono::hours(1), 1, "project-1"});
    ASSERT_TRUE(made.ok()) << made.error().to_string();
    sim = std::move(*made);
    sim->start_snapshots();
  }

  void add_token(const std::string& token, const std::string& mail, const std::string& scope,
                 const std::string& project = "project-1") {
    tokens.tokens[token] = {mail, cat(kAuthPrefix, scope), "client", project, false};
  }
  void create_account(const std::string& mail) {
    ASSERT_TRUE(sim->create_account({{"email", mail}}).ok());
  }
  json seed(const json& spec) {
    auto made = sim->seed(spec);
    EXPECT_TRUE(made.ok()) << made.error().to_string();
    return made.ok() ? *made : json();
  }
  void patch_config(const json& change) {
    const Status patched = config.patch(change);
    ASSERT_TRUE(patched.ok()) << patched.error().to_string();
  }
  void wait_ready() {
    while (!sim->ready()) std::this_thread::yield();
  }

  static RequestHead make_head(const std::string& method, const std::string& target,
                               NameValues headers) {
    RequestHead head;
    head.method = method;
    head.target = target;
    const auto mark = target.find('?');
    head.raw_path = target.substr(0, mark);
    head.path = percent_decode(head.raw_path);
    head.headers = std::move(headers);
    head.headers.emplace_back("Host", "www.googleapis.com");
    if (mark != std::string::npos) {
      for (const std::string_view pair : split(std::string_view(target).substr(mark + 1), '&')) {
        const auto equals = pair.find('=');
        head.query.emplace_back(
            percent_decode(pair.substr(0, equals), true),
            equals == std::string_view::npos ? "" : percent_decode(pair.substr(equals + 1), true));
      }
    }
    return head;
  }

  Answer raw(const std::string& method, const std::string& target, NameValues headers,
             TextReader body) {
    const RequestHead head = make_head(method, target, std::move(headers));
    Answer answer;
    const auto info = sim->classify(head);
    EXPECT_TRUE(info.has_value()) << target;
    if (!info) return answer;
    sim->serve(head, *info, body, answer);
    EXPECT_EQ(answer.sent, 1) << target;
    return answer;
  }

  Answer call(const std::string& method, const std::string& target, const std::string& body = "",
              NameValues headers = {}) {
    headers.emplace_back("Authorization", "Bearer " + token);
    headers.emplace_back("Content-Length", cat(body.size()));
    return raw(method, target, std::move(headers), TextReader(body));
  }
  Answer get(const std::string& target, NameValues headers = {}) {
    return call("GET", target, "", std::move(headers));
  }
  Answer list(const std::string& q, const std::string& more = "") {
    return get(cat("/drive/v3/files?q=", percent_encode(q), more));
  }
  // The names in a list, in their order.
  static std::vector<std::string> names(const Answer& answer) {
    std::vector<std::string> all;
    const json parsed = answer.parsed();
    for (const json& file : parsed.value("files", json::array())) all.push_back(file["name"]);
    return all;
  }
  std::string create(const json& metadata, const std::string& fields = "id") {
    const Answer made =
        call("POST", "/drive/v3/files?supportsAllDrives=true&fields=" + fields, metadata.dump());
    EXPECT_EQ(made.status, 200) << made.body;
    return made.parsed().value("id", "");
  }
  std::string mkdir(const std::string& name, const std::string& parent = "root") {
    return create({{"name", name},
                   {"mimeType", "application/vnd.google-apps.folder"},
                   {"parents", {parent}}});
  }
  // A file with content, by uploadType=multipart.
  Answer upload(const json& metadata, const std::string& content,
                const std::string& fields = "id,md5Checksum,size,version,headRevisionId") {
    const std::string body =
        cat("--B\r\nContent-Type: application/json; charset=UTF-8\r\n\r\n", metadata.dump(),
            "\r\n--B\r\nContent-Type: application/octet-stream\r\n\r\n", content, "\r\n--B--\r\n");
    return call("POST", "/upload/drive/v3/files?uploadType=multipart&fields=" + fields, body,
                {{"Content-Type", "multipart/related; boundary=B"}});
  }
  std::string put_file(const std::string& name, const std::string& content,
                       const std::string& parent = "root") {
    const Answer made = upload({{"name", name}, {"parents", {parent}}}, content);
    EXPECT_EQ(made.status, 200) << made.body;
    return made.parsed().value("id", "");
  }
  json file(const std::string& id, const std::string& fields = "*") {
    return get(cat("/drive/v3/files/", id, "?supportsAllDrives=true&fields=", fields)).parsed();
  }
  std::string start_token(const std::string& more = "") {
    return get("/drive/v3/changes/startPageToken?supportsAllDrives=true" + more)
        .parsed()
        .value("startPageToken", "");
  }
  Answer changes(const std::string& from, const std::string& more = "") {
    return get(cat("/drive/v3/changes?pageToken=", from,
                   "&fields=nextPageToken,newStartPageToken,changes(changeType,fileId,removed,"
                   "driveId,file(id,name,trashed,parents))",
                   more));
  }

  FakeClock clock;
  ConfigStore config;
  FakeTokens tokens;
  std::unique_ptr<DriveSim> sim;
  std::string token = "ann";
  std::string root_id;
};

}  // namespace driveway::sim::test
