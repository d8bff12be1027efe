// POST
// https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/EMAIL:generateAccessToken
// (oauth-headless reference 8, impersonated_service_account). Errors in the envelope of Google's
// APIs, not in OAuth's.
#include <algorithm>

#include <nlohmann/json.hpp>

#include "base/strings.h"
#include "sim/oauth/endpoints.h"
#include "sim/oauth/scopes.h"

namespace driveway::sim {

namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view kVerb = ":generateAccessToken";
constexpr std::string_view kDelegatePrefix = "projects/-/serviceAccounts/";
// Longer ones take an organisation's policy (IAM's reference, lifetime).
constexpr std::int64_t kLongestLife = 3600;

OauthAnswer refusal(int status, std::string_view name, std::string_view message) {
  OauthAnswer answer;
  answer.status = status;
  const Json error = {{"code", status}, {"message", message}, {"status", name}};
  answer.body = Json{{"error", error}}.dump(2, ' ', false, Json::error_handler_t::replace);
  return answer;
}

OauthAnswer invalid_argument(std::string_view message) {
  return refusal(400, "INVALID_ARGUMENT", message);
}

OauthAnswer no_right() {
  return refusal(
      403, "PERMISSION_DENIED",
      "Permission 'iam.serviceAccounts.getAccessToken' denied on resource (or it may not "
      "exist).");
}

std::optional<AccessToken> caller_of(const TokenBook& book, const OauthRequest& request) {
  constexpr std::string_view kScheme = "Bearer ";
  const std::string* header = request.head.header("Authorization");
  if (header == nullptr || !equals_ignoring_case(header->substr(0, kScheme.size()), kScheme)) {
    return std::nullopt;
  }
  return book.access(trim(header->substr(kScheme.size())));
}

// "3600s", whole seconds; an hour where none is given; 0: that is none.
std::int64_t life_of(const Json& body) {
  const auto found = body.find("lifetime");
  if (found == body.end()) return kLongestLife;
  if (!found->is_string()) return 0;
  const auto text = found->get<std::string>();
  return text.ends_with('s') ? parse_int(text.substr(0, text.size() - 1)).value_or(0) : 0;
}

// Each must be there, and may act for the next: they all have the role.
bool delegates_fit(const TokenBook& book, const Json& body) {
  const auto found = body.find("delegates");
  if (found == body.end()) return true;
  return found->is_array() && std::ranges::all_of(*found, [&](const Json& one) {
           if (!one.is_string()) return false;
           const auto name = one.get<std::string>();
           return name.starts_with(kDelegatePrefix) &&
                  book.service_account(name.substr(kDelegatePrefix.size())).has_value();
         });
}

std::string scopes_in(const Json& body) {
  std::vector<std::string> scopes;
  const auto found = body.find("scope");
  if (found == body.end() || !found->is_array()) return "";
  for (const Json& scope : *found) {
    if (!scope.is_string() || !is_known_scope(scope.get<std::string>())) return "";
    scopes.push_back(scope.get<std::string>());
  }
  return join_scopes(scopes);
}

}  // namespace

OauthAnswer generate_access_token(TokenBook& book, const OauthRequest& request) {
  std::string_view email = request.head.path;
  email.remove_prefix(kServiceAccountsPath.size());
  if (!email.ends_with(kVerb)) return refusal(404, "NOT_FOUND", "Method not found.");
  email.remove_suffix(kVerb.size());
  const auto caller = caller_of(book, request);
  if (!caller) {
    return refusal(401, "UNAUTHENTICATED",
                   "Request had invalid authentication credentials. Expected OAuth 2 access token, "
                   "login cookie or other valid authentication credential.");
  }
  if (!has_scope(caller->grant.scopes, "https://www.googleapis.com/auth/cloud-platform") &&
      !has_scope(caller->grant.scopes, "https://www.googleapis.com/auth/iam")) {
    return refusal(403, "PERMISSION_DENIED", "Request had insufficient authentication scopes.");
  }
  const auto account = book.service_account(email);
  if (!account) {
    return refusal(404, "NOT_FOUND", cat("Not found; Gaia id not found for email ", email));
  }
  if (!has_scope(book.config()->oauth.token_creators, caller->grant.account)) return no_right();
  const Json body = Json::parse(request.body, nullptr, false);
  if (!body.is_object()) return invalid_argument("Invalid JSON payload received.");
  if (!delegates_fit(book, body)) return no_right();
  const std::string scopes = scopes_in(body);
  if (scopes.empty()) return invalid_argument("Scope field is missing or invalid.");
  const std::chrono::seconds life(life_of(body));
  if (life.count() <= 0 || life.count() > kLongestLife) {
    return invalid_argument("The access token lifetime cannot exceed 3600 seconds.");
  }
  Grant grant;
  grant.account = account->email;
  grant.client_id = account->unique_id;
  grant.project = kClientProject;
  grant.scopes = scopes;
  grant.is_service_account = true;
  const auto given = std::min(life, book.config()->oauth.access_token_life);
  const WallTime end = std::chrono::floor<std::chrono::seconds>(book.now() + given);
  OauthAnswer answer;
  answer.body =
      Json{{"accessToken", book.issue_access(grant, given)}, {"expireTime", format_rfc3339(end)}}
          .dump(2);
  return answer;
}

}  // namespace driveway::sim
