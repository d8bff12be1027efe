#include "auth/service_account.h"

#include <nlohmann/json.hpp>

#include "auth/json_fields.h"
#include "auth/jwt.h"
#include "base/hash.h"
#include "base/strings.h"

namespace driveway::auth {

namespace {

using nlohmann::json;

constexpr std::string_view kGooglesAudience = "https://oauth2.googleapis.com/token";
// Google allows little skew (oauth reference 13), and an hour at most from one to the other.
constexpr auto kIssuedBefore = std::chrono::seconds(30);
constexpr auto kAssertionLife = std::chrono::seconds(3600);

std::string dump(const json& value) {
  return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

class ServiceAccountGrant final : public Grant {
 public:
  ServiceAccountGrant(ServiceAccountKey key, TokenEndpoint endpoint, Clock& clock, std::string of,
                      std::string remedy)
      : key_(std::move(key)),
        endpoint_(std::move(endpoint)),
        clock_(clock),
        of_(std::move(of)),
        remedy_(std::move(remedy)) {}

  Result<TokenAnswer> obtain(const Context& context, int attempts,
                             std::string& /*version*/) override {
    auto assertion = assertion_of_now();
    if (!assertion.ok()) {
      return Error{ErrorCode::kLoginNeeded, cat(of_, ": ", assertion.error(), "; ", remedy_)};
    }
    const TokenPurpose purpose{
        .kind = TokenPurpose::Kind::kAssertion, .of = of_, .remedy = remedy_};
    DRIVEWAY_TRY(TokenAnswer answer,
                 endpoint_.exchange_assertion(context, *assertion, purpose, attempts));
    if (answer.token.scopes.empty()) answer.token.scopes = split_scopes(key_.scope);
    answer.token.quota_project = key_.quota_project;
    return answer;
  }
  std::string version() const override { return ""; }
  std::string describe() const override { return of_; }
  std::string remedy() const override { return remedy_; }
  std::string fingerprint() override {
    return hash_hex(HashKind::kSha256, cat(key_.email, "\n", key_.subject)).substr(0, 16);
  }

 private:
  Result<Secret> assertion_of_now() const {
    const auto seconds = [](WallTime time) {
      return std::chrono::duration_cast<std::chrono::seconds>(time.time_since_epoch()).count();
    };
    const WallTime issued = clock_.wall_now() - kIssuedBefore;
    json header = {{"alg", "RS256"}, {"typ", "JWT"}};
    if (!key_.key_id.empty()) header["kid"] = key_.key_id;
    json claims = {{"iss", key_.email},
                   {"scope", key_.scope},
                   {"aud", key_.audience},
                   {"iat", seconds(issued)},
                   {"exp", seconds(issued + kAssertionLife)}};
    if (!key_.subject.empty()) claims["sub"] = key_.subject;
    return signed_jwt(dump(header), dump(claims), key_.private_key);
  }

  const ServiceAccountKey key_;
  TokenEndpoint endpoint_;
  Clock& clock_;
  const std::string of_;
  const std::string remedy_;
};

}  // namespace

Result<ServiceAccountKey> parse_service_account(const json& json, std::string_view what,
                                                std::string_view remedy) {
  const auto refuse = [&](std::string_view why) {
    return Error{ErrorCode::kLoginNeeded, cat(what, " ", why, "; ", remedy)};
  };
  ServiceAccountKey key;
  key.email = text_field(json, "client_email");
  key.key_id = text_field(json, "private_key_id");
  key.private_key = Secret(text_field(json, "private_key"));
  key.audience = text_field(json, "token_uri");
  key.quota_project = text_field(json, "quota_project_id");
  if (key.email.empty()) return refuse("has no client_email");
  if (key.private_key.empty()) return refuse("has no private_key");
  if (key.audience.empty()) key.audience = kGooglesAudience;
  if (!signed_jwt("{}", "{}", key.private_key).ok()) {
    return refuse("has a private_key that is no RSA key (was it cut off when it was copied?)");
  }
  return key;
}

std::unique_ptr<Grant> make_service_account_grant(ServiceAccountKey key, TokenEndpoint endpoint,
                                                  Clock& clock, std::string of,
                                                  std::string remedy) {
  return std::make_unique<ServiceAccountGrant>(std::move(key), std::move(endpoint), clock,
                                               std::move(of), std::move(remedy));
}

}  // namespace driveway::auth
