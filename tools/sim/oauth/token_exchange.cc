// STS: POST https://sts.googleapis.com/v1/token (oauth-headless reference 8, external_account; RFC
// 8693). The names of its errors are Google's, their descriptions tell what is wrong.
#include <algorithm>

#include <nlohmann/json.hpp>

#include "base/strings.h"
#include "sim/oauth/endpoints.h"
#include "sim/oauth/jwt.h"
#include "sim/oauth/scopes.h"

namespace driveway::sim {

namespace {

constexpr std::string_view kTokenTypes = "urn:ietf:params:oauth:token-type:";
constexpr std::string_view kIam = "//iam.googleapis.com/";
constexpr std::int64_t kMaxLife = 24 * 3600;  // seconds
constexpr std::int64_t kSkew = 300;

OauthAnswer invalid_request(std::string_view name) {
  return OauthAnswer::error(400, "invalid_request", cat("Invalid value for \"", name, "\"."));
}

OauthAnswer rejected(std::string_view why) { return OauthAnswer::error(400, "invalid_grant", why); }

// "" unless `audience` is //iam.googleapis.com/projects/N/locations/global/workloadIdentityPools/P/
// providers/R: then what stands before providers.
std::string pool_of(std::string_view audience) {
  if (!audience.starts_with(kIam)) return "";
  const auto parts = split(audience.substr(kIam.size()), '/');
  static constexpr std::string_view kNames[] = {"projects", "locations", "workloadIdentityPools",
                                                "providers"};
  if (parts.size() != 8) return "";
  for (std::size_t i = 0; i < 4; ++i) {
    if (parts[2 * i] != kNames[i] || parts[2 * i + 1].empty()) return "";
  }
  return cat("projects/", parts[1], "/locations/", parts[3], "/workloadIdentityPools/", parts[5]);
}

// The subject of a token that is good; else the refusal.
struct SubjectOrAnswer {
  std::string subject;
  OauthAnswer refusal;
};
SubjectOrAnswer verified_subject(const TokenBook& book, const std::string& token,
                                 const std::string& audience) {
  const auto jwt = split_jwt(token);
  const auto claims = jwt.ok() ? claims_of(*jwt) : std::nullopt;
  if (!claims) return {"", rejected("The subject token is not a JWT.")};
  const auto key = RsaKey::from_public_pem(book.config()->oauth.identity_provider_key);
  if (!key.ok() || header_text(*jwt, "alg") != "RS256" ||
      !key->verifies(jwt->signed_part, jwt->signature)) {
    return {"", rejected("The signature of the subject token does not fit the provider's key.")};
  }
  // The default audiences of a provider.
  if (claims->audience != audience && claims->audience != cat("https:", audience)) {
    return {"", rejected("The audience in ID Token does not match the expected audience.")};
  }
  const auto now =
      std::chrono::duration_cast<std::chrono::seconds>(book.now().time_since_epoch()).count();
  if (claims->expires <= now - kSkew || claims->issued > now + kSkew ||
      claims->expires - claims->issued > kMaxLife) {
    return {"", rejected("ID Token is stale to sign-in.")};
  }
  if (claims->subject.empty())
    return {"", rejected("The mapped attribute google.subject is empty.")};
  return {claims->subject, {}};
}

}  // namespace

OauthAnswer token_exchange(TokenBook& book, const OauthRequest& request) {
  if (request.value("grant_type") != "urn:ietf:params:oauth:grant-type:token-exchange") {
    return invalid_request("grant_type");
  }
  const std::string audience = request.value("audience");
  const std::string pool = pool_of(audience);
  if (pool.empty()) return invalid_request("audience");
  if (book.config()->oauth.identity_provider_key.empty()) {
    return OauthAnswer::error(400, "invalid_target",
                              "The target service indicated by the \"audience\" parameters is "
                              "invalid. This might either be because the pool or provider is "
                              "disabled or deleted or because it doesn't exist.");
  }
  if (request.value("requested_token_type") != cat(kTokenTypes, "access_token")) {
    return invalid_request("requested_token_type");
  }
  const std::string type = request.value("subject_token_type");
  if (type != cat(kTokenTypes, "jwt") && type != cat(kTokenTypes, "id_token")) {
    return invalid_request("subject_token_type");
  }
  const std::vector<std::string> scopes = scope_list(request.value("scope"));
  if (scopes.empty() || !std::ranges::all_of(scopes, is_known_scope)) {
    return OauthAnswer::error(400, "invalid_scope", "Invalid OAuth scope.");
  }
  const auto [subject, refusal] = verified_subject(book, request.value("subject_token"), audience);
  if (subject.empty()) return refusal;
  Grant grant;
  grant.account = cat(kPrincipal, kIam.substr(2), pool, "/subject/", subject);
  grant.client_id = audience;
  grant.project = kClientProject;
  grant.scopes = join_scopes(scopes);
  OauthAnswer answer;
  answer.body =
      nlohmann::ordered_json{{"access_token", book.issue_access(grant)},
                             {"issued_token_type", cat(kTokenTypes, "access_token")},
                             {"token_type", "Bearer"},
                             {"expires_in", book.config()->oauth.access_token_life.count()}}
          .dump(2);
  return answer;
}

}  // namespace driveway::sim
