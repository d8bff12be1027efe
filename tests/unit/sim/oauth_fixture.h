// Calls on the simulated OAuth and metadata servers without sockets.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <nlohmann/json.hpp>

#include "base/clock.h"
#include "base/strings.h"
#include "sim/config.h"
#include "sim/oauth/metadata_sim.h"
#include "sim/oauth/oauth_sim.h"

namespace driveway::sim::test {

using nlohmann::json;
using Parameters = NameValues;

inline constexpr const char* kDriveScope = "https://www.googleapis.com/auth/drive";
inline constexpr const char* kFileScope = "https://www.googleapis.com/auth/drive.file";
inline constexpr const char* kRedirect = "http://127.0.0.1:8085/";

struct LoginAnswer final : Responder {
  void add_header(std::string_view name, std::string_view value) override {
    headers[std::string(name)] = value;
  }
  void send(int code, std::string_view content_type, std::string_view text) override {
    status = code;
    type = content_type;
    body = text;
  }
  void send_media(std::string_view, const ContentSource&, std::optional<ByteRange>) override {}
  void send_chunked(int, std::string_view, std::string_view) override {}
  void drop_connection() override {}

  json parsed() const { return json::parse(body, nullptr, false); }
  std::string error() const {
    const json answer = parsed();
    return cat(status, " ", answer.value("error", ""), ": ", answer.value("error_description", ""));
  }
  // The parameters of the address that a 302 leads to.
  std::map<std::string, std::string> redirected() const {
    std::map<std::string, std::string> found;
    const auto location = headers.find("Location");
    if (location == headers.end()) return found;
    const std::string_view url = location->second;
    for (const std::string_view pair : split(url.substr(url.find('?') + 1), '&')) {
      const std::size_t equals = pair.find('=');
      found[std::string(pair.substr(0, equals))] = percent_decode(pair.substr(equals + 1), true);
    }
    return found;
  }

  int status = 0;
  std::string type;
  std::string body;
  std::map<std::string, std::string> headers;
};

class TextBody final : public BodyReader {
 public:
  explicit TextBody(std::string text) : text_(std::move(text)) {}
  Result<std::size_t> read(std::span<std::byte> buffer) override {
    const std::size_t count = std::min(buffer.size(), text_.size() - at_);
    std::memcpy(buffer.data(), text_.data() + at_, count);
    at_ += count;
    return count;
  }

 private:
  std::string text_;
  std::size_t at_ = 0;
};

inline std::string form_text(const Parameters& parameters) {
  std::string text;
  for (const auto& [name, value] : parameters) {
    text += cat(text.empty() ? "" : "&", name, "=", percent_encode(value));
  }
  return text;
}

class OauthTest : public testing::Test {
 protected:
  OauthTest() {
    EXPECT_TRUE(oauth_.add_account("ann@example.com").ok());
    EXPECT_TRUE(oauth_.add_account("bob@example.com").ok());
  }

  static LoginAnswer call(Service& service, const RequestHead& head, const std::string& body = "") {
    LoginAnswer answer;
    const auto info = service.classify(head);
    EXPECT_TRUE(info.has_value()) << head.path;
    TextBody reader(body);
    if (info) service.serve(head, *info, reader, answer);
    return answer;
  }
  LoginAnswer get(const std::string& path, Parameters query = {}, NameValues headers = {}) {
    RequestHead head;
    head.method = "GET";
    head.path = head.raw_path = path;
    head.query = std::move(query);
    head.headers = std::move(headers);
    return call(oauth_, head);
  }
  LoginAnswer post(const std::string& path, const Parameters& form, NameValues headers = {}) {
    RequestHead head;
    head.method = "POST";
    head.path = head.raw_path = path;
    head.headers = std::move(headers);
    return call(oauth_, head, form_text(form));
  }
  LoginAnswer metadata(const std::string& path, Parameters query = {},
                       NameValues headers = {{"Metadata-Flavor", "Google"}}) {
    RequestHead head;
    head.method = "GET";
    head.path = head.raw_path = path;
    head.query = std::move(query);
    head.headers = std::move(headers);
    return call(metadata_, head);
  }

  void set(const json& oauth) { ASSERT_TRUE(config_.patch({{"oauth", oauth}}).ok()); }

  OauthClient client(std::string_view id) { return *oauth_.book().client(id); }
  // The page with what every client sends, and `more` before it (the first one counts).
  LoginAnswer consent(Parameters more = {}) {
    for (const auto& [name, value] : Parameters{{"client_id", std::string(kInstalledClientId)},
                                                {"redirect_uri", kRedirect},
                                                {"response_type", "code"},
                                                {"scope", kDriveScope},
                                                {"state", "st/1"}}) {
      more.emplace_back(name, value);
    }
    return get("/o/oauth2/v2/auth", std::move(more));
  }
  LoginAnswer exchange(const std::string& code, Parameters more = {}) {
    const OauthClient installed = client(kInstalledClientId);
    for (const auto& [name, value] : Parameters{{"grant_type", "authorization_code"},
                                                {"code", code},
                                                {"client_id", installed.id},
                                                {"client_secret", installed.secret},
                                                {"redirect_uri", kRedirect}}) {
      more.emplace_back(name, value);
    }
    return post("/token", more);
  }
  LoginAnswer refresh(const std::string& token, Parameters more = {}) {
    const OauthClient installed = client(kInstalledClientId);
    for (const auto& [name, value] : Parameters{{"grant_type", "refresh_token"},
                                                {"refresh_token", token},
                                                {"client_id", installed.id},
                                                {"client_secret", installed.secret}}) {
      more.emplace_back(name, value);
    }
    return post("/token", more);
  }

  FakeClock clock_;
  ConfigStore config_{Config{}};
  OauthSim oauth_{config_, clock_};
  MetadataSim metadata_{oauth_.book()};
};

}  // namespace driveway::sim::test
