// POST /token: codes, refresh tokens, device codes (oauth-headless reference 2, 4, 5), and where
// device codes come from.
#include <nlohmann/json.hpp>

#include "base/hash.h"
#include "base/strings.h"
#include "sim/oauth/endpoints.h"
#include "sim/oauth/scopes.h"

namespace driveway::sim {

namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view kDeviceGrant = "urn:ietf:params:oauth:grant-type:device_code";
constexpr std::string_view kJwtGrant = "urn:ietf:params:oauth:grant-type:jwt-bearer";

OauthAnswer json_answer(const Json& body) {
  OauthAnswer answer;
  answer.body = body.dump(2);
  return answer;
}

// An access token, and a refresh token if `with_refresh`.
OauthAnswer tokens(TokenBook& book, const Grant& grant, bool with_refresh) {
  const OauthConfig config = book.config()->oauth;
  Json body = {{"access_token", book.issue_access(grant)},
               {"expires_in", config.access_token_life.count()}};
  if (with_refresh) {
    body["refresh_token"] = book.issue_refresh(grant);
    if (config.refresh_token_expires_in > 0) {
      body["refresh_token_expires_in"] = config.refresh_token_expires_in;
    }
  }
  body["scope"] = grant.scopes;
  body["token_type"] = "Bearer";
  return json_answer(body);
}

bool verifier_fits(const AuthCode& code, const std::string& verifier) {
  if (code.challenge.empty()) return verifier.empty();
  if (code.plain_challenge) return verifier == code.challenge;
  return base64url(hash_bytes(HashKind::kSha256, verifier)) == code.challenge;
}

OauthAnswer code_grant(TokenBook& book, const OauthClient& client, const OauthRequest& request) {
  const std::string text = request.value("code");
  if (text.empty()) {
    return OauthAnswer::error(400, "invalid_request", "Missing required parameter: code");
  }
  const auto [state, code] = book.redeem_code(text);
  if (state == TokenBook::CodeState::kUnknown) {
    return OauthAnswer::error(400, "invalid_grant", "Malformed auth code.");
  }
  if (state == TokenBook::CodeState::kSpent || code.grant.client_id != client.id ||
      !verifier_fits(code, request.value("code_verifier"))) {
    return OauthAnswer::error(400, "invalid_grant", "Bad Request");
  }
  if (request.value("redirect_uri") != code.redirect_uri) {
    return OauthAnswer::error(400, "redirect_uri_mismatch", "Bad Request");
  }
  return tokens(book, code.grant, code.grant.offline);
}

OauthAnswer refresh_grant(TokenBook& book, const OauthClient& client, const OauthRequest& request) {
  const std::string token = request.value("refresh_token");
  if (token.empty()) {
    return OauthAnswer::error(400, "invalid_request", "Missing required parameter: refresh_token");
  }
  auto grant = book.refresh(token);
  if (!grant) {
    return OauthAnswer::error(400, "invalid_grant", "Token has been expired or revoked.");
  }
  if (grant->client_id != client.id) {
    return OauthAnswer::error(401, "unauthorized_client", "Unauthorized");
  }
  if (const std::string narrower = request.value("scope"); !narrower.empty()) {
    if (!includes_scopes(grant->scopes, narrower)) {
      return OauthAnswer::error(400, "invalid_scope", "Bad Request");
    }
    grant->scopes = join_scopes(scope_list(narrower));
  }
  return tokens(book, *grant, false);
}

OauthAnswer device_grant(TokenBook& book, const OauthClient& client, const OauthRequest& request) {
  using enum TokenBook::DeviceState;
  const auto [state, grant] = book.poll_device(request.value("device_code"), client.id);
  switch (state) {
    case kApproved:
      return tokens(book, grant, true);
    case kPending:
      return OauthAnswer::error(428, "authorization_pending", "Precondition Required");
    case kTooFast:
      return OauthAnswer::error(403, "slow_down", "Forbidden");
    case kDenied:
      return OauthAnswer::error(403, "access_denied", "Forbidden");
    case kExpired:
      return OauthAnswer::error(400, "expired_token", "Bad Request");
    case kUnknown:
      break;
  }
  return OauthAnswer::error(400, "invalid_grant", "Malformed device code.");
}

}  // namespace

ClientOrAnswer authenticate_client(const TokenBook& book, const OauthRequest& request) {
  std::string id = request.value("client_id");
  std::string secret = request.value("client_secret");
  const std::string* header = request.head.header("Authorization");
  constexpr std::string_view kBasic = "Basic ";
  if (header != nullptr && equals_ignoring_case(header->substr(0, kBasic.size()), kBasic)) {
    const std::string pair = from_base64(trim(header->substr(kBasic.size()))).value_or("");
    const std::size_t colon = std::min(pair.find(':'), pair.size());
    id = percent_decode(pair.substr(0, colon), true);
    secret = percent_decode(pair.substr(std::min(colon + 1, pair.size())), true);
  }
  if (id.empty()) {
    return {std::nullopt, OauthAnswer::error(400, "invalid_request",
                                             "Could not determine client ID from request.")};
  }
  auto client = book.client(id);
  if (!client) {
    return {std::nullopt,
            OauthAnswer::error(401, "invalid_client", "The OAuth client was not found.")};
  }
  if (secret.empty()) {
    return {std::nullopt, OauthAnswer::error(400, "invalid_request", "client_secret is missing.")};
  }
  if (secret != client->secret) {
    return {std::nullopt, OauthAnswer::error(401, "invalid_client", "Unauthorized")};
  }
  return {std::move(client), {}};
}

OauthAnswer token_endpoint(TokenBook& book, const OauthRequest& request) {
  const std::string grant_type = request.value("grant_type");
  if (grant_type == kJwtGrant) return jwt_bearer(book, request);
  const bool by_code = grant_type == "authorization_code";
  const bool by_refresh = grant_type == "refresh_token";
  if (!by_code && !by_refresh && grant_type != kDeviceGrant) {
    return OauthAnswer::error(400, "unsupported_grant_type",
                              cat("Invalid grant_type: ", grant_type));
  }
  auto [client, refusal] = authenticate_client(book, request);
  if (!client) return refusal;
  if (by_code) return code_grant(book, *client, request);
  if (by_refresh) return refresh_grant(book, *client, request);
  return device_grant(book, *client, request);
}

OauthAnswer device_code_endpoint(TokenBook& book, const OauthRequest& request) {
  const auto client = book.client(request.value("client_id"));
  if (!client) {
    return OauthAnswer::error(401, "invalid_client", "The OAuth client was not found.");
  }
  if (client->type != OauthClient::Type::kTv) {
    return OauthAnswer::error(401, "invalid_client", "Invalid client type.");
  }
  const std::string scopes = join_scopes(scope_list(request.value("scope")));
  if (scopes.empty()) {
    return OauthAnswer::error(400, "invalid_request", "Missing required parameter: scope");
  }
  for (const std::string& scope : scope_list(scopes)) {
    if (is_device_scope(scope)) continue;
    return OauthAnswer::error(400, "invalid_scope", cat("Invalid device flow scope: ", scope));
  }
  Grant grant;
  grant.account = book.choose_account("");
  grant.client_id = client->id;
  grant.project = client->project;
  grant.scopes = scopes_without(scopes, book.config()->oauth.denied_scopes);
  grant.offline = true;
  const TokenBook::DeviceCode code = book.start_device(grant);
  return json_answer({{"device_code", code.device_code},
                      {"user_code", code.user_code},
                      {"expires_in", code.life.count()},
                      {"interval", code.interval.count()},
                      {"verification_url", "https://www.google.com/device"}});
}

}  // namespace driveway::sim
