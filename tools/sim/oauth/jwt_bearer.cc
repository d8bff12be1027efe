// The grant of service accounts: a signed assertion for a token (oauth-headless reference 7).
#include <nlohmann/json.hpp>

#include "base/strings.h"
#include "sim/oauth/endpoints.h"
#include "sim/oauth/jwt.h"
#include "sim/oauth/scopes.h"

namespace driveway::sim {

namespace {

constexpr std::int64_t kMaxLife = 3600;  // seconds
constexpr std::int64_t kSkew = 300;      // seconds; by others' experience (13)

OauthAnswer invalid_grant(std::string_view description) {
  return OauthAnswer::error(400, "invalid_grant", description);
}

// RS256, by the key that the header names, or by any of the account's.
bool signature_fits(const Jwt& jwt, const ServiceAccount& account) {
  if (header_text(jwt, "alg") != "RS256") return false;
  const std::string key_id = header_text(jwt, "kid");
  for (const auto& [id, pem] : account.public_keys) {
    if (!key_id.empty() && key_id != id) continue;
    const auto key = RsaKey::from_public_pem(pem);
    if (key.ok() && key->verifies(jwt.signed_part, jwt.signature)) return true;
  }
  return false;
}

bool times_fit(const JwtClaims& claims, WallTime now) {
  const auto seconds =
      std::chrono::duration_cast<std::chrono::seconds>(now.time_since_epoch()).count();
  return claims.issued <= seconds + kSkew && claims.expires > seconds - kSkew &&
         claims.expires > claims.issued && claims.expires - claims.issued <= kMaxLife &&
         claims.issued > seconds - kMaxLife - kSkew;
}

bool audience_fits(const std::string& audience, const ServiceAccount& account) {
  for (const std::string_view known :
       {"https://oauth2.googleapis.com/token", "https://www.googleapis.com/oauth2/v4/token",
        "https://accounts.google.com/o/oauth2/token"}) {
    if (audience == known) return true;
  }
  return account.token_uris.contains(audience);
}

// In another user's name (domain-wide delegation); nothing if that is all right.
std::optional<OauthAnswer> refused_delegation(const TokenBook& book, const JwtClaims& claims) {
  if (!includes_scopes(book.config()->oauth.delegated_scopes, claims.scope)) {
    return OauthAnswer::error(401, "unauthorized_client",
                              "Client is unauthorized to retrieve access tokens using this method, "
                              "or client not authorized for any of the scopes requested.");
  }
  if (!book.has_account(claims.subject)) return invalid_grant("Invalid email or User ID");
  return std::nullopt;
}

}  // namespace

OauthAnswer jwt_bearer(TokenBook& book, const OauthRequest& request) {
  const auto jwt = split_jwt(request.value("assertion"));
  const auto claims = jwt.ok() ? claims_of(*jwt) : std::nullopt;
  if (!claims) return invalid_grant("Bad Request");
  const auto account = book.service_account(claims->issuer);
  if (!account) return invalid_grant("Invalid grant: account not found");
  if (!signature_fits(*jwt, *account)) return invalid_grant("Invalid JWT Signature.");
  if (!audience_fits(claims->audience, *account)) {
    return invalid_grant("Invalid JWT: Failed audience check.");
  }
  if (!times_fit(*claims, book.now())) {
    return invalid_grant(
        "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable "
        "timeframe. Check your iat and exp values in the JWT claim.");
  }
  const std::vector<std::string> scopes = scope_list(claims->scope);
  bool known = !scopes.empty();
  for (const std::string& scope : scopes) known = known && is_known_scope(scope);
  if (!known) {
    return OauthAnswer::error(400, "invalid_scope",
                              "Invalid OAuth scope or ID token audience provided.");
  }
  const bool delegated = !claims->subject.empty() && claims->subject != claims->issuer;
  if (delegated) {
    if (auto refusal = refused_delegation(book, *claims)) return *std::move(refusal);
  }
  Grant grant;
  grant.account = delegated ? claims->subject : account->email;
  grant.client_id = account->unique_id;
  grant.project = kClientProject;
  grant.scopes = join_scopes(scopes);
  grant.is_service_account = !delegated;
  OauthAnswer answer;
  answer.body = nlohmann::ordered_json{
      {"access_token", book.issue_access(grant)},
      {"expires_in", book.config()->oauth.access_token_life.count()},
      {"token_type",
       "Bearer"}}.dump(2);
  return answer;
}

}  // namespace driveway::sim
