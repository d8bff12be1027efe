#include "auth/begun_login.h"

#include <nlohmann/json.hpp>

#include "auth/json_fields.h"
#include "base/hash.h"
#include "base/strings.h"

namespace driveway::auth {

namespace {

constexpr std::int64_t kBegunVersion = 1;
constexpr std::string_view kRedirectHost = "http://127.0.0.1:";

}  // namespace

bool BegunLogin::fits(const LoginRequest& request) const {
  const bool same_secret = request.client.secret.empty() || request.client.secret == client.secret;
  return request.client.id == client.id && same_secret && request.scopes == scopes &&
         request.login_hint == login_hint;
}

bool BegunLogin::is_over(WallTime now) const {
  return std::chrono::abs(now - begun) >= kBegunLife;  // a clock that was set back, too
}

int BegunLogin::port() const {
  std::string_view rest = redirect_uri;
  if (!rest.starts_with(kRedirectHost) || !rest.ends_with('/')) return 0;
  rest.remove_prefix(kRedirectHost.size());
  rest.remove_suffix(1);
  const auto port = parse_uint(rest);
  return port && *port <= 65535 ? static_cast<int>(*port) : 0;
}

BegunLogin new_begun_login(const LoginRequest& request, int port, WallTime now) {
  return {.client = request.client,
          .scopes = request.scopes,
          .login_hint = request.login_hint,
          .redirect_uri = cat(kRedirectHost, port, "/"),
          .state = Secret(base64url(random_bytes(24))),
          // 64 characters; 43 to 128 are allowed.
          .verifier = Secret(base64url(random_bytes(48))),
          .begun = now};
}

std::string begun_login_json(const BegunLogin& login) {
  nlohmann::json json = {{"version", kBegunVersion},
                         {"client_id", login.client.id},
                         {"client_secret", login.client.secret.reveal()},
                         {"scopes", login.scopes},
                         {"redirect_uri", login.redirect_uri},
                         {"state", login.state.reveal()},
                         {"code_verifier", login.verifier.reveal()},
                         {"begun", format_rfc3339(login.begun)}};
  if (!login.login_hint.empty()) json["login_hint"] = login.login_hint;
  return json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

std::optional<BegunLogin> parse_begun_login(std::string_view text) {
  const auto json = parse_object(text);
  if (!json || number_field(*json, "version") != kBegunVersion) return std::nullopt;
  BegunLogin login;
  login.client = {text_field(*json, "client_id"), Secret(text_field(*json, "client_secret"))};
  login.login_hint = text_field(*json, "login_hint");
  login.redirect_uri = text_field(*json, "redirect_uri");
  login.state = Secret(text_field(*json, "state"));
  login.verifier = Secret(text_field(*json, "code_verifier"));
  if (const auto scopes = json->find("scopes"); scopes != json->end() && scopes->is_array()) {
    for (const nlohmann::json& scope : *scopes) {
      if (scope.is_string()) login.scopes.push_back(scope.get<std::string>());
    }
  }
  const auto begun = parse_rfc3339(text_field(*json, "begun"));
  const bool whole = begun.ok() && !login.client.id.empty() && login.port() != 0 &&
                     !login.state.empty() && !login.verifier.empty();
  if (!whole) return std::nullopt;
  login.begun = *begun;
  return login;
}

}  // namespace driveway::auth
