// Workload identities and impersonated service accounts (oauth-headless reference 8).
#include <gmock/gmock.h>

#include "sim/oauth/jwt.h"
#include "unit/sim/oauth_fixture.h"

namespace driveway::sim::test {
namespace {

using testing::HasSubstr;
using testing::StartsWith;
using namespace std::chrono_literals;

constexpr const char* kAudience =
    "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/pool/providers/mine";
constexpr const char* kCloudScope = "https://www.googleapis.com/auth/cloud-platform";
constexpr const char* kRobot = "robot@p.iam.gserviceaccount.com";
constexpr const char* kPrincipalOfJob =
    "principal://iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/pool/subject/"
    "job";
constexpr const char* kTokenType = "urn:ietf:params:oauth:token-type:";

class OauthWorkloadTest : public OauthTest {
 protected:
  OauthWorkloadTest() {
    EXPECT_TRUE(oauth_.service_account_key(kRobot, "https://oauth2.googleapis.com/token").ok());
    set({{"identity_provider_key", provider_.public_key_pem()},
         {"token_creators", cat("ann@example.com ", kPrincipalOfJob)}});
  }
  std::int64_t now() const {
    return std::chrono::duration_cast<std::chrono::seconds>(clock_.wall_now().time_since_epoch())
        .count();
  }
  std::string subject_token(const json& changes = {}) const {
    json claims = {{"iss", "https://idp.example"},
                   {"sub", "job"},
                   {"aud", cat("https:", kAudience)},
                   {"iat", now()},
                   {"exp", now() + 600}};
    if (changes.is_object()) claims.update(changes);
    const std::string text =
        cat(base64url(R"({"alg":"RS256","typ":"JWT"})"), ".", base64url(claims.dump()));
    return cat(text, ".", base64url(provider_.sign(text)));
  }
  LoginAnswer exchange(Parameters changes = {}) {
    for (const auto& [name, value] :
         Parameters{{"grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"},
                    {"audience", kAudience},
                    {"scope", kCloudScope},
                    {"requested_token_type", cat(kTokenType, "access_token")},
                    {"subject_token", subject_token()},
                    {"subject_token_type", cat(kTokenType, "jwt")}}) {
      changes.emplace_back(name, value);  // the first one counts
    }
    return post("/v1/token", changes);
  }
  LoginAnswer impersonate(const std::string& token, const json& body,
                          const std::string& email = kRobot) {
    RequestHead head;
    head.method = "POST";
    head.path = cat("/v1/projects/-/serviceAccounts/", email, ":generateAccessToken");
    head.raw_path = head.path;
    head.headers = {{"Authorization", cat("Bearer ", token)}};
    return call(oauth_, head, body.dump());
  }
  std::string token_of(const std::string& account, const std::string& scopes = kCloudScope) {
    TokenRequest request;
    request.account = account;
    request.scopes = scopes;
    return oauth_.issue(request)->access_token;
  }
  static std::string status_of(const LoginAnswer& answer) {
    return cat(answer.status, " ", answer.parsed()["error"].value("status", ""));
  }

  const RsaKey provider_ = *RsaKey::generate();
  const json wanted_ = {{"scope", {kDriveScope}}, {"lifetime", "3600s"}};
};

TEST_F(OauthWorkloadTest, ATokenOfTheProviderIsExchanged) {
  const LoginAnswer answer = exchange();
  ASSERT_EQ(answer.status, 200) << answer.body;
  EXPECT_THAT(answer.parsed().value("access_token", ""), StartsWith("ya29."));
  EXPECT_EQ(answer.parsed()["issued_token_type"], cat(kTokenType, "access_token"));
  EXPECT_EQ(answer.parsed()["expires_in"], 3599);
  EXPECT_EQ(exchange({{"subject_token", subject_token({{"aud", kAudience}})}}).status, 200);
}

TEST_F(OauthWorkloadTest, DriveTakesNoFederatedToken) {
  const LoginAnswer answer = exchange({{"scope", kDriveScope}});
  ASSERT_EQ(answer.status, 200) << answer.body;
  EXPECT_FALSE(oauth_.verify(answer.parsed()["access_token"].get<std::string>()));
}

TEST_F(OauthWorkloadTest, WhatStsRefuses) {
  for (const json& claims :
       {json{{"aud", "other"}}, json{{"exp", now() - 3600}}, json{{"iat", now() + 3600}},
        json{{"sub", ""}}, json{{"exp", now() + 48 * 3600}}}) {
    EXPECT_THAT(exchange({{"subject_token", subject_token(claims)}}).error(),
                StartsWith("400 invalid_grant"))
        << claims;
  }
  EXPECT_THAT(exchange({{"subject_token", "no.jwt"}}).error(), StartsWith("400 invalid_grant"));
  EXPECT_THAT(exchange({{"subject_token", subject_token() + "x"}}).error(),
              StartsWith("400 invalid_grant"));
  for (const char* name :
       {"grant_type", "audience", "requested_token_type", "subject_token_type"}) {
    EXPECT_THAT(exchange({{name, "other"}}).error(), StartsWith("400 invalid_request"));
  }
  EXPECT_THAT(exchange({{"scope", ""}}).error(), StartsWith("400 invalid_scope"));
  set({{"identity_provider_key", ""}});
  EXPECT_THAT(exchange().error(), StartsWith("400 invalid_target"));
}

TEST_F(OauthWorkloadTest, ATokenCreatorGetsTokensOfTheServiceAccount) {
  const LoginAnswer answer = impersonate(token_of("ann@example.com"), wanted_);
  ASSERT_EQ(answer.status, 200) << answer.body;
  EXPECT_EQ(answer.parsed()["expireTime"].get<std::string>().back(), 'Z');
  const auto who = oauth_.verify(answer.parsed()["accessToken"].get<std::string>());
  ASSERT_TRUE(who);
  EXPECT_EQ(who->account, kRobot);
  EXPECT_TRUE(who->is_service_account);
  EXPECT_EQ(impersonate(exchange().parsed()["access_token"].get<std::string>(), wanted_).status,
            200);
}

TEST_F(OauthWorkloadTest, WhatIamRefuses) {
  const std::string token = token_of("ann@example.com");
  EXPECT_EQ(status_of(impersonate("ya29.none", wanted_)), "401 UNAUTHENTICATED");
  EXPECT_EQ(status_of(impersonate(token_of("ann@example.com", kDriveScope), wanted_)),
            "403 PERMISSION_DENIED");
  EXPECT_EQ(status_of(impersonate(token_of("bob@example.com"), wanted_)), "403 PERMISSION_DENIED");
  EXPECT_EQ(status_of(impersonate(token, wanted_, "nobody@p.iam.gserviceaccount.com")),
            "404 NOT_FOUND");
  for (const json& body : {json{{"scope", json::array()}}, json{{"scope", {"nonsense"}}},
                           json::array(), json{{"scope", {kDriveScope}}, {"lifetime", "3601s"}},
                           json{{"scope", {kDriveScope}}, {"lifetime", 3600}}}) {
    EXPECT_EQ(status_of(impersonate(token, body)), "400 INVALID_ARGUMENT") << body;
  }
}

TEST_F(OauthWorkloadTest, DelegatesMustBeThere) {
  const std::string token = token_of("ann@example.com");
  json body = wanted_;
  body["delegates"] = {cat("projects/-/serviceAccounts/", kRobot)};
  EXPECT_EQ(impersonate(token, body).status, 200);
  body["delegates"] = {"projects/-/serviceAccounts/nobody"};
  EXPECT_EQ(status_of(impersonate(token, body)), "403 PERMISSION_DENIED");
}

TEST_F(OauthWorkloadTest, ItsTokensLiveAsLongAsAsked) {
  json body = wanted_;
  body["lifetime"] = "60s";
  const LoginAnswer answer = impersonate(token_of("ann@example.com"), body);
  const std::string token = answer.parsed()["accessToken"];
  clock_.advance(59s);
  EXPECT_TRUE(oauth_.verify(token));
  clock_.advance(2s);
  EXPECT_FALSE(oauth_.verify(token));
}

}  // namespace
}  // namespace driveway::sim::test
