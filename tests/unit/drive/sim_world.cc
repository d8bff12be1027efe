#include "unit/drive/sim_world.h"

#include <gtest/gtest.h>

#include <atomic>

#include "auth/token_source.h"
#include "base/metrics.h"
#include "base/strings.h"
#include "drive/drive_store.h"
#include "http/http_client.h"
#include "nlohmann/json.hpp"
#include "unit/drive/sim_process.h"

namespace driveway::drive {
namespace {

using Json = nlohmann::json;

constexpr const char* kAccount = "demo@example.com";
constexpr const char* kOther = "other@example.com";

// An account's tokens, as the simulator's admin endpoint hands them out.
class SimTokens final : public auth::TokenSource {
 public:
  SimTokens(http::HttpClient& http, std::string sim, std::string account)
      : http_(http), sim_(std::move(sim)), account_(std::move(account)) {}

  Result<auth::AccessToken> token(const Context& context) override {
    const std::lock_guard lock(mutex_);
    if (!token_) {
      http::Request request;
      request.method = "POST";
      request.url = cat(sim_, "/__sim/token");
      request.headers = {{"Content-Type", "application/json"}};
      request.body =
          Json{{"account", account_}, {"scopes", {"https://www.googleapis.com/auth/drive"}}}.dump();
      DRIVEWAY_TRY(const http::Response response, http_.fetch(context, std::move(request)));
      const Json said = Json::parse(response.body, nullptr, false);
      if (response.status != 200 || !said.is_object() || !said.contains("access_token")) {
        return Error{ErrorCode::kLoginNeeded,
                     cat("no token: ", response.status, " ", response.body.substr(0, 200))};
      }
      token_.emplace();
      token_->value = Secret(said["access_token"].get<std::string>());
    }
    return *token_;
  }
  bool reads_only(const Context&) override { return false; }
  void refused(const auth::AccessToken& used) override {
    const std::lock_guard lock(mutex_);
    if (token_ && token_->value == used.value) token_.reset();
  }
  std::string describe() const override { return cat("the simulator's ", account_); }
  std::string remedy() const override { return "start the simulator anew"; }
  const std::string& fingerprint() const override { return account_; }

 private:
  http::HttpClient& http_;
  const std::string sim_;
  const std::string account_;
  std::mutex mutex_;
  std::optional<auth::AccessToken> token_;
};

// Another client of the same Drive.
class SecondClient {
 public:
  SecondClient(http::HttpClient& http, std::string api, auth::TokenSource& tokens)
      : http_(http), api_(std::move(api)), tokens_(tokens) {}

  // The body of a success; what is none fails the test.
  std::string ask_text(const std::string& method, const std::string& path, std::string body = "",
                       const std::string& type = "application/json; charset=UTF-8") {
    http::Request request;
    request.method = method;
    request.url =
        cat(api_, path, path.find('?') == std::string::npos ? "?" : "&", "supportsAllDrives=true");
    if (!body.empty()) request.headers = {{"Content-Type", type}};
    request.body = std::move(body);
    const auto token = tokens_.token({});
    if (!token.ok()) {
      ADD_FAILURE() << token.error().to_string();
      return "";
    }
    request.bearer = token->value;
    auto response = http_.fetch({}, std::move(request));
    if (!response.ok()) {
      ADD_FAILURE() << method << ' ' << path << ": " << response.error().to_string();
      return "";
    }
    if (response->status < 200 || response->status > 299) {
      ADD_FAILURE() << method << ' ' << path << ": " << response->status << ' ' << response->body;
    }
    return std::move(response->body);
  }
  // The JSON of a success.
  Json ask(const std::string& method, const std::string& path, std::string body = "",
           const std::string& type = "application/json; charset=UTF-8") {
    Json said = Json::parse(ask_text(method, path, std::move(body), type), nullptr, false);
    return said.is_object() ? said : Json::object();
  }
  std::string made(const Json& answer) {
    const auto id = answer.find("id");
    if (id == answer.end() || !id->is_string()) {
      ADD_FAILURE() << "no id in " << answer.dump();
      return "";
    }
    return id->get<std::string>();
  }
  FileId create(const Json& metadata) {
    return FileId(made(ask("POST", "/drive/v3/files", metadata.dump())));
  }
  FileId upload(const Json& metadata, const std::string& content, const std::string& type) {
    const std::string boundary = "a-boundary-that-no-content-of-the-tests-has";
    std::string body =
        cat("--", boundary, "\r\nContent-Type: application/json; charset=UTF-8\r\n\r\n",
            metadata.dump(), "\r\n--", boundary, "\r\nContent-Type: ", type, "\r\n\r\n", content,
            "\r\n--", boundary, "--\r\n");
    return FileId(made(ask("POST", "/upload/drive/v3/files?uploadType=multipart", std::move(body),
                           cat("multipart/related; boundary=", boundary))));
  }
  void patch(const FileId& id, const Json& metadata, const std::string& query = "") {
    ask("PATCH", cat("/drive/v3/files/", id, query), metadata.dump());
  }

 private:
  http::HttpClient& http_;
  const std::string api_;
  auth::TokenSource& tokens_;
};

// What all worlds share: the process and the connections to it.
struct Shared {
  SystemClock clock;
  Metrics metrics;
  std::unique_ptr<http::HttpClient> http =
      http::make_curl_client({.user_agent = "driveway-test (gzip)"}, clock, metrics);
  Result<std::unique_ptr<SimProcess>> sim = SimProcess::start();

  static Shared& instance() {
    static Shared shared;
    return shared;
  }
};

class SimWorld final : public World {
 public:
  SimWorld(Shared& shared, const WrapStore& wrap)
      : shared_(shared),
        url_(shared.sim.value()->url()),
        tokens_(*shared.http, url_, kAccount),
        other_tokens_(*shared.http, url_, kOther),
        client_(*shared.http, url_, tokens_),
        other_client_(*shared.http, url_, other_tokens_),
        store_(make_drive_store(*shared.http, tokens_, shared.clock, {url_})) {
    if (wrap) store_ = wrap(std::move(store_), shared.clock);
    static std::atomic<int> worlds{0};
    base_ = add_folder(FileId("root"), cat("base ", ++worlds));
  }
  ~SimWorld() override {
    if (configured_) {
      configure({{"faults", {{"lost_answer", 0}, {"upload_reset", 0}, {"budget", -1}}},
                 {"drive", {{"upload_cap_reached", false}, {"session_gone", 0}}}});
    }
    if (limited_) set_storage_limit(kUsualStorage);
  }
  SimWorld(const SimWorld&) = delete;
  SimWorld& operator=(const SimWorld&) = delete;

  RemoteStore& store() override { return *store_; }
  Clock& clock() override { return shared_.clock; }
  FileId base() override { return base_; }

  FileId add_folder(const FileId& parent, const std::string& name) override {
    return client_.create({{"name", name},
                           {"mimeType", "application/vnd.google-apps.folder"},
                           {"parents", {parent.value()}}});
  }
  FileId add_file(const FileId& parent, const std::string& name,
                  const std::string& content) override {
    return client_.upload({{"name", name}, {"parents", {parent.value()}}}, content,
                          "application/octet-stream");
  }
  void add_empty_files(const FileId& parent, int count) override {
    for (int i = 0; i < count; ++i) {
      client_.create({{"name", cat("f", i)},
                      {"mimeType", "application/octet-stream"},
                      {"parents", {parent.value()}}});
    }
  }
  FileId add_shortcut(const FileId& parent, const std::string& name,
                      const FileId& target) override {
    return client_.create({{"name", name},
                           {"mimeType", "application/vnd.google-apps.shortcut"},
                           {"parents", {parent.value()}},
                           {"shortcutDetails", {{"targetId", target.value()}}}});
  }
  FileId add_document(const FileId& parent, const std::string& name) override {
    return client_.upload({{"name", name},
                           {"mimeType", "application/vnd.google-apps.document"},
                           {"parents", {parent.value()}}},
                          "some text", "text/plain");
  }
  DriveId add_shared_drive(const std::string& name) override {
    static std::atomic<int> requests{0};
    return DriveId(client_.made(client_.ask(
        "POST", cat("/drive/v3/drives?requestId=test-", ++requests), Json{{"name", name}}.dump())));
  }
  FileId add_shared_with_me(const std::string& name, const std::string& content) override {
    const FileId id = other_client_.upload({{"name", name}}, content, "text/plain");
    other_client_.ask(
        "POST", cat("/drive/v3/files/", id, "/permissions"),
        Json{{"type", "user"}, {"role", "reader"}, {"emailAddress", kAccount}}.dump());
    return id;
  }
  void rename(const FileId& id, const std::string& name) override {
    client_.patch(id, {{"name", name}});
  }
  void move(const FileId& id, const FileId& from, const FileId& to) override {
    client_.patch(id, Json::object(), cat("?addParents=", to, "&removeParents=", from));
  }
  void set_content(const FileId& id, const std::string& content) override {
    client_.ask("PATCH", cat("/upload/drive/v3/files/", id, "?uploadType=media"), content,
                "application/octet-stream");
  }
  void set_properties(const FileId& id,
                      const std::map<std::string, std::string>& properties) override {
    client_.patch(id, {{"properties", properties}});
  }
  void trash(const FileId& id) override { client_.patch(id, {{"trashed", true}}); }
  void untrash(const FileId& id) override { client_.patch(id, {{"trashed", false}}); }
  void remove(const FileId& id) override { client_.ask("DELETE", cat("/drive/v3/files/", id)); }
  std::string content(const FileId& id) override {
    return client_.ask_text("GET", cat("/drive/v3/files/", id, "?alt=media"));
  }

  void set_storage_left(Bytes left) override {
    const Json about = client_.ask("GET", "/drive/v3/about?fields=storageQuota(usage)");
    const auto usage = parse_uint(about.at("storageQuota").at("usage").get<std::string>());
    limited_ = true;
    set_storage_limit(usage.value_or(0) + left);
  }
  void set_upload_quota_exhausted(bool exhausted) override {
    configure({{"drive", {{"upload_cap_reached", exhausted}}}});
  }
  void lose_next_answer(Method /*method*/) override {
    configure({{"faults", {{"lost_answer", 1}, {"budget", 1}}}});
  }
  void cut_next_send() override { configure({{"faults", {{"upload_reset", 1}, {"budget", 1}}}}); }
  void lose_upload(const UploadSession& session) override {
    configure({{"drive", {{"session_gone", 1}}}});
    http::Request request;
    request.method = "PUT";
    request.url = session.uri.reveal();
    request.headers = {{"Content-Range", "bytes */*"}, {"Content-Length", "0"}};
    const auto response = shared_.http->fetch({}, std::move(request));
    EXPECT_TRUE(response.ok() && (response->status == 404 || response->status == 410));
    configure({{"drive", {{"session_gone", 0}}}});
  }

 private:
  static constexpr Bytes kUsualStorage = 15 * kGiB;

  void configure(const Json& change) {
    configured_ = true;
    ask_simulator("PATCH", "config", change.dump());
  }
  static void set_storage_limit(Bytes limit) {
    ask_simulator("POST", "accounts", Json{{"email", kAccount}, {"storage_limit", limit}}.dump());
  }

  Shared& shared_;
  const std::string url_;
  SimTokens tokens_;
  SimTokens other_tokens_;
  SecondClient client_;
  SecondClient other_client_;
  std::unique_ptr<RemoteStore> store_;
  FileId base_;
  bool configured_ = false;
  bool limited_ = false;
};

}  // namespace

std::string ask_simulator(const std::string& method, const std::string& path,
                          const std::string& body) {
  Shared& shared = Shared::instance();
  if (!shared.sim.ok()) {
    ADD_FAILURE() << shared.sim.error().to_string();
    return "";
  }
  http::Request request;
  request.method = method;
  request.url = cat(shared.sim.value()->url(), "/__sim/", path);
  request.headers = {{"Content-Type", "application/json"}};
  request.body = body;
  const auto response = shared.http->fetch({}, std::move(request));
  if (!response.ok() || response->status / 100 != 2) {
    ADD_FAILURE() << path << ": "
                  << (response.ok() ? response->body : response.error().to_string());
    return "";
  }
  return response->body;
}

std::unique_ptr<World> make_sim_world(const WrapStore& wrap) {
  Shared& shared = Shared::instance();
  if (!shared.sim.ok()) {
    ADD_FAILURE() << shared.sim.error().to_string();
    return nullptr;
  }
  return std::make_unique<SimWorld>(shared, wrap);
}

}  // namespace driveway::drive
