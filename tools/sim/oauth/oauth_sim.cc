#include "sim/oauth/oauth_sim.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include <nlohmann/json.hpp>

#include "base/strings.h"
#include "sim/oauth/endpoints.h"
#include "sim/oauth/jwt.h"
#include "sim/oauth/scopes.h"

namespace driveway::sim {

namespace {

using nlohmann::json;

constexpr std::size_t kMaxForm = 256 * kKiB;

enum class Endpoint {
  kConsent,
  kToken,
  kDeviceCode,
  kDevicePage,
  kExchange,
  kServiceAccount,
  kRevoke,
  kTokenInfo,
  kUserInfo,
  kOpenidConfiguration
};

struct Path {
  std::string_view path;
  Endpoint endpoint;
  std::string_view method;  // of the statistics
};

constexpr Path kPaths[] = {
    {"/o/oauth2/v2/auth", Endpoint::kConsent, "oauth.authorize"},
    {"/o/oauth2/auth", Endpoint::kConsent, "oauth.authorize"},
    {"/token", Endpoint::kToken, "oauth.token"},
    {"/oauth2/v4/token", Endpoint::kToken, "oauth.token"},
    {"/o/oauth2/token", Endpoint::kToken, "oauth.token"},
    {"/device/code", Endpoint::kDeviceCode, "oauth.device_code"},
    {"/o/oauth2/device/code", Endpoint::kDeviceCode, "oauth.device_code"},
    {"/device", Endpoint::kDevicePage, "oauth.device"},
    {"/v1/token", Endpoint::kExchange, "sts.token"},
    {kServiceAccountsPath, Endpoint::kServiceAccount, "iam.generateAccessToken"},
    {"/revoke", Endpoint::kRevoke, "oauth.revoke"},
    {"/o/oauth2/revoke", Endpoint::kRevoke, "oauth.revoke"},
    {"/tokeninfo", Endpoint::kTokenInfo, "oauth.tokeninfo"},
    {"/oauth2/v1/tokeninfo", Endpoint::kTokenInfo, "oauth.tokeninfo"},
    {"/oauth2/v3/tokeninfo", Endpoint::kTokenInfo, "oauth.tokeninfo"},
    {"/v1/userinfo", Endpoint::kUserInfo, "oauth.userinfo"},
    {"/oauth2/v2/userinfo", Endpoint::kUserInfo, "oauth.userinfo"},
    {"/oauth2/v3/userinfo", Endpoint::kUserInfo, "oauth.userinfo"},
    {"/.well-known/openid-configuration", Endpoint::kOpenidConfiguration, "oauth.discovery"},
};

const Path* find_path(std::string_view path) {
  if (path.starts_with(kServiceAccountsPath)) path = kServiceAccountsPath;
  const auto* found = std::ranges::find(kPaths, path, &Path::path);
  return found == std::end(kPaths) ? nullptr : found;
}

bool takes_post(Endpoint endpoint) {
  return endpoint == Endpoint::kToken || endpoint == Endpoint::kDeviceCode ||
         endpoint == Endpoint::kExchange || endpoint == Endpoint::kServiceAccount;
}

OauthAnswer answer_of(TokenBook& book, Endpoint endpoint, const OauthRequest& request) {
  const std::string& method = request.head.method;
  if (takes_post(endpoint) ? method != "POST" : method != "GET" && method != "POST") {
    return OauthAnswer::error(405, "invalid_request", "Method Not Allowed");
  }
  switch (endpoint) {
    case Endpoint::kConsent:
      return consent_page(book, request);
    case Endpoint::kToken:
      return token_endpoint(book, request);
    case Endpoint::kDeviceCode:
      return device_code_endpoint(book, request);
    case Endpoint::kDevicePage:
      return device_page(book, request);
    case Endpoint::kExchange:
      return token_exchange(book, request);
    case Endpoint::kServiceAccount:
      return generate_access_token(book, request);
    case Endpoint::kRevoke:
      return revoke_endpoint(book, request);
    case Endpoint::kTokenInfo:
      return token_info(book, request);
    case Endpoint::kUserInfo:
      return user_info(book, request);
    case Endpoint::kOpenidConfiguration:
      return openid_configuration(request);
  }
  return OauthAnswer::error(404, "not_found", "");
}

}  // namespace

std::optional<CallInfo> OauthSim::classify(const RequestHead& head) {
  const Path* path = find_path(head.path);
  if (path == nullptr) return std::nullopt;
  CallInfo info;
  info.method = path->method;
  return info;
}

void OauthSim::serve(const RequestHead& head, const CallInfo& /*info*/, BodyReader& body,
                     Responder& responder) {
  const auto text = body.read_all(kMaxForm);
  if (!text.ok() && !text.failed_with(ErrorCode::kTooLarge)) return responder.drop_connection();
  const std::string content = text.value_or("");
  const OauthRequest request{head, parse_form(content), content};
  const OauthAnswer answer =
      text.ok() ? answer_of(book_, find_path(head.path)->endpoint, request)
                : OauthAnswer::error(413, "invalid_request", "Request Entity Too Large");
  responder.add_header("Cache-Control", "no-cache, no-store, max-age=0, must-revalidate");
  for (const auto& [name, value] : answer.headers) responder.add_header(name, value);
  responder.send(answer.status, answer.content_type, answer.body);
}

std::optional<TokenInfo> OauthSim::verify(std::string_view access_token) {
  auto found = book_.access(access_token);
  if (!found || found->grant.account.starts_with(kPrincipal)) return std::nullopt;
  Grant& grant = found->grant;
  return TokenInfo{std::move(grant.account), std::move(grant.scopes), std::move(grant.client_id),
                   std::move(grant.project), grant.is_service_account};
}

Status OauthSim::add_account(const std::string& email) {
  book_.add_account(email);
  return {};
}

Result<IssuedTokens> OauthSim::issue(const TokenRequest& request) {
  Grant grant;
  grant.account = book_.choose_account(request.account);
  if (grant.account.empty() || (!request.account.empty() && grant.account != request.account)) {
    return Error{ErrorCode::kNotFound, cat("no account '", request.account, "'")};
  }
  const std::string client_id =
      request.client_id.empty() ? std::string(kInstalledClientId) : request.client_id;
  const auto client = book_.client(client_id);
  if (!client) return Error{ErrorCode::kNotFound, cat("no OAuth client '", client_id, "'")};
  grant.client_id = client->id;
  grant.project = client->project;
  grant.scopes = join_scopes(scope_list(request.scopes));
  grant.offline = true;
  const auto life = request.life.value_or(book_.config()->oauth.access_token_life);
  return IssuedTokens{book_.issue_access(grant, life), book_.issue_refresh(grant), grant.scopes,
                      life.count()};
}

Result<int> OauthSim::expire_access_tokens(const std::string& account) {
  return book_.expire_access_tokens(account);
}

Result<int> OauthSim::revoke(const std::string& account) { return book_.revoke_account(account); }

Result<json> OauthSim::authorized_user(const TokenRequest& request) {
  DRIVEWAY_TRY(const IssuedTokens tokens, issue(request));
  const auto grant = book_.refresh(tokens.refresh_token);
  const auto client = book_.client(grant->client_id);
  return json{{"type", "authorized_user"},
              {"account", grant->account},
              {"client_id", client->id},
              {"client_secret", client->secret},
              {"refresh_token", tokens.refresh_token},
              {"universe_domain", "googleapis.com"}};
}

Result<json> OauthSim::service_account_key(const std::string& email, const std::string& token_uri) {
  DRIVEWAY_TRY(const RsaKey key, RsaKey::generate());
  const ServiceAccount account =
      book_.add_service_key(email, key.id(), key.public_key_pem(), token_uri);
  const auto url = [](std::string_view rest) { return cat("https://www.googleapis.com/", rest); };
  return json{{"type", "service_account"},
              {"project_id", kClientProject},
              {"private_key_id", key.id()},
              {"private_key", key.private_key_pem()},
              {"client_email", email},
              {"client_id", account.unique_id},
              {"auth_uri", "https://accounts.google.com/o/oauth2/auth"},
              {"token_uri", token_uri},
              {"auth_provider_x509_cert_url", url("oauth2/v1/certs")},
              {"client_x509_cert_url", url(cat("robot/v1/metadata/x509/", percent_encode(email)))},
              {"universe_domain", "googleapis.com"}};
}

json OauthSim::to_json() const { return book_.to_json(); }

Status OauthSim::load(const json& saved) { return book_.load(saved); }

}  // namespace driveway::sim
