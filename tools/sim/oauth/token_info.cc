// What tokens stand for, and their end (oauth-headless reference 11).
#include <algorithm>

#include <nlohmann/json.hpp>

#include "base/hash.h"
#include "base/strings.h"
#include "sim/oauth/endpoints.h"
#include "sim/oauth/scopes.h"

namespace driveway::sim {

namespace {

using Json = nlohmann::ordered_json;

bool shows_email(std::string_view scopes) {
  return has_scope(scopes, "email") ||
         has_scope(scopes, "https://www.googleapis.com/auth/userinfo.email");
}

bool shows_subject(std::string_view scopes) {
  return shows_email(scopes) || has_scope(scopes, "openid") || has_scope(scopes, "profile") ||
         has_scope(scopes, "https://www.googleapis.com/auth/userinfo.profile");
}

OauthAnswer json_answer(const Json& body) {
  OauthAnswer answer;
  answer.body = body.dump(2);
  return answer;
}

std::string bearer_of(const OauthRequest& request) {
  constexpr std::string_view kScheme = "Bearer ";
  const std::string* header = request.head.header("Authorization");
  if (header != nullptr && equals_ignoring_case(header->substr(0, kScheme.size()), kScheme)) {
    return std::string(trim(header->substr(kScheme.size())));
  }
  return request.value("access_token");
}

}  // namespace

OauthAnswer OauthAnswer::error(int status, std::string_view error, std::string_view description) {
  Json body = {{"error", error}};
  if (!description.empty()) body["error_description"] = description;
  OauthAnswer answer;
  answer.status = status;
  // What a request sent may stand in a description, so it may be anything but UTF-8.
  answer.body = body.dump(2, ' ', false, Json::error_handler_t::replace);
  return answer;
}

std::string OauthRequest::value(std::string_view name) const {
  const auto found = std::ranges::find(form, name, &NameValues::value_type::first);
  if (found != form.end()) return found->second;
  const std::string* query = head.query_value(name);
  return query == nullptr ? std::string() : *query;
}

NameValues parse_form(std::string_view text) {
  NameValues form;
  for (const std::string_view pair : split(text, '&')) {
    if (pair.empty()) continue;
    const std::size_t equals = std::min(pair.find('='), pair.size());
    form.emplace_back(percent_decode(pair.substr(0, equals), true),
                      percent_decode(pair.substr(std::min(equals + 1, pair.size())), true));
  }
  return form;
}

std::string subject_of(std::string_view account) {
  std::string digits = "1";
  for (const char byte : hash_bytes(HashKind::kSha256, account).substr(0, 20)) {
    digits += static_cast<char>('0' + static_cast<unsigned char>(byte) % 10);
  }
  return digits;
}

OauthAnswer revoke_endpoint(TokenBook& book, const OauthRequest& request) {
  const std::string token = request.value("token");
  if (token.empty()) {
    return OauthAnswer::error(400, "invalid_request", "Missing required parameter: token");
  }
  if (!book.revoke_token(token)) {
    return OauthAnswer::error(400, "invalid_token", "Token expired or revoked");
  }
  return json_answer(Json::object());
}

OauthAnswer token_info(TokenBook& book, const OauthRequest& request) {
  const auto token = book.access(request.value("access_token"));
  if (!token) return OauthAnswer::error(400, "invalid_token", "Invalid Value");
  const auto seconds = [](auto time) {
    return std::chrono::duration_cast<std::chrono::seconds>(time).count();
  };
  const Grant& grant = token->grant;
  Json body = {{"azp", grant.client_id}, {"aud", grant.client_id}};
  if (shows_subject(grant.scopes)) body["sub"] = subject_of(grant.account);
  body["scope"] = grant.scopes;
  body["exp"] = cat(seconds(token->expires.time_since_epoch()));
  body["expires_in"] = cat(seconds(token->expires - book.now()));
  if (shows_email(grant.scopes)) {
    body["email"] = grant.account;
    body["email_verified"] = "true";
  }
  body["access_type"] = grant.offline ? "offline" : "online";
  return json_answer(body);
}

OauthAnswer user_info(TokenBook& book, const OauthRequest& request) {
  const auto token = book.access(bearer_of(request));
  if (!token) return OauthAnswer::error(401, "invalid_request", "Invalid Credentials");
  const Grant& grant = token->grant;
  if (!shows_subject(grant.scopes)) {
    return OauthAnswer::error(403, "insufficient_scope", "Request had insufficient scopes.");
  }
  Json body = {{"sub", subject_of(grant.account)}};
  if (has_scope(grant.scopes, "profile") ||
      has_scope(grant.scopes, "https://www.googleapis.com/auth/userinfo.profile")) {
    body["name"] = grant.account.substr(0, grant.account.find('@'));
  }
  if (shows_email(grant.scopes)) {
    body["email"] = grant.account;
    body["email_verified"] = true;
  }
  return json_answer(body);
}

OauthAnswer openid_configuration(const OauthRequest& request) {
  const std::string* host = request.head.header("Host");
  const std::string root = cat(request.head.tls ? "https://" : "http://",
                               host == nullptr ? std::string("accounts.google.com") : *host);
  return json_answer(
      {{"issuer", "https://accounts.google.com"},
       {"authorization_endpoint", root + "/o/oauth2/v2/auth"},
       {"device_authorization_endpoint", root + "/device/code"},
       {"token_endpoint", root + "/token"},
       {"userinfo_endpoint", root + "/v1/userinfo"},
       {"revocation_endpoint", root + "/revoke"},
       {"response_types_supported", Json::array({"code"})},
       {"code_challenge_methods_supported", Json::array({"plain", "S256"})},
       {"grant_types_supported", Json::array({"authorization_code", "refresh_token",
                                              "urn:ietf:params:oauth:grant-type:device_code",
                                              "urn:ietf:params:oauth:grant-type:jwt-bearer"})}});
}

}  // namespace driveway::sim
