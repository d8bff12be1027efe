// The device flow, service accounts, the metadata server (oauth-headless reference 4, 7, 9, 10).
#include <limits>

#include "gmock/gmock.h"
#include "sim/oauth/jwt.h"
#include "unit/sim/oauth_fixture.h"

namespace driveway::sim::test {
namespace {

using std::chrono::seconds;
using testing::MatchesRegex;
using testing::StartsWith;

class DeviceTest : public OauthTest {
 protected:
  LoginAnswer start(const std::string& scope = kFileScope,
                    std::string_view client_id = kTvClientId) {
    return post("/device/code", {{"client_id", std::string(client_id)}, {"scope", scope}});
  }
  LoginAnswer poll(const std::string& code) {
    const OauthClient tv = client(kTvClientId);
    return post("/token", {{"grant_type", "urn:ietf:params:oauth:grant-type:device_code"},
                           {"client_id", tv.id},
                           {"client_secret", tv.secret},
                           {"device_code", code}});
  }
};

TEST_F(DeviceTest, PollsUntilApproved) {
  set({{"device_approval_delay", 12}});
  const json started = start().parsed();
  EXPECT_EQ(started["verification_url"], "https://www.google.com/device");
  EXPECT_EQ(started["expires_in"], 1800);
  EXPECT_EQ(started["interval"], 5);
  EXPECT_THAT(started["user_code"].get<std::string>(), MatchesRegex("[A-Z]+-[A-Z]+"));
  const std::string code = started["device_code"];
  EXPECT_EQ(poll(code).error(), "428 authorization_pending: Precondition Required");
  clock_.advance(seconds(4));
  EXPECT_EQ(poll(code).error(), "403 slow_down: Forbidden");
  clock_.advance(seconds(9));  // the interval is 10 s now
  EXPECT_EQ(poll(code).error(), "403 slow_down: Forbidden");
  clock_.advance(seconds(15));
  const LoginAnswer answer = poll(code);
  ASSERT_EQ(answer.status, 200) << answer.body;
  EXPECT_TRUE(answer.parsed().contains("refresh_token"));
  EXPECT_EQ(answer.parsed()["scope"], kFileScope);
  EXPECT_EQ(poll(code).status, 400) << "the code is spent";
}

TEST_F(DeviceTest, TheUserTypesTheCodeIntoThePage) {
  set({{"device_approval_delay", 3600}});
  const json started = start().parsed();
  const std::string code = started["device_code"];
  EXPECT_EQ(get("/device").status, 200);
  EXPECT_EQ(get("/device", {{"user_code", "XXXX-XXXX"}}).status, 404);
  EXPECT_THAT(poll(code).error(), StartsWith("428 authorization_pending"));
  const LoginAnswer page =
      get("/device", {{"user_code", started["user_code"]}, {"login_hint", "bob@example.com"}});
  EXPECT_EQ(page.status, 200) << page.body;
  clock_.advance(std::chrono::seconds(5));
  const LoginAnswer answer = poll(code);
  ASSERT_EQ(answer.status, 200) << answer.body;
  EXPECT_EQ(oauth_.verify(answer.parsed()["access_token"].get<std::string>())->account,
            "bob@example.com");
}

TEST_F(DeviceTest, Refusals) {
  EXPECT_EQ(start(kDriveScope).error(),
            cat("400 invalid_scope: Invalid device flow scope: ", kDriveScope));
  EXPECT_EQ(start(kFileScope, kInstalledClientId).error(),
            "401 invalid_client: Invalid client type.");
  EXPECT_EQ(start(kFileScope, "nobody").status, 401);
  EXPECT_EQ(poll("nonsense").error(), "400 invalid_grant: Malformed device code.");
  std::string code = start().parsed()["device_code"];
  clock_.advance(seconds(1800));
  EXPECT_EQ(poll(code).error(), "400 expired_token: Bad Request");
  code = start().parsed()["device_code"];
  set({{"deny_consent", true}});
  EXPECT_EQ(poll(code).error(), "403 access_denied: Forbidden");
}

class ServiceAccountTest : public OauthTest {
 protected:
  static constexpr const char* kEmail = "sa@p.iam.gserviceaccount.com";
  static constexpr const char* kAudience = "https://oauth2.googleapis.com/token";

  ServiceAccountTest() : key_file_(*oauth_.service_account_key(kEmail, kAudience)) {}

  std::int64_t now() const {
    return std::chrono::duration_cast<seconds>(clock_.wall_now().time_since_epoch()).count();
  }
  json claims() const {
    return {{"iss", kEmail},
            {"scope", kDriveScope},
            {"aud", kAudience},
            {"iat", now()},
            {"exp", now() + 3600}};
  }
  std::string assertion(const json& claims) const {
    const json header = {{"alg", "RS256"}, {"typ", "JWT"}, {"kid", key_file_["private_key_id"]}};
    const std::string text = base64url(header.dump()) + "." + base64url(claims.dump());
    const auto key = RsaKey::from_pem(key_file_["private_key"].get<std::string>());
    return text + "." + base64url(key->sign(text));
  }
  LoginAnswer send(const std::string& assertion) {
    return post("/token", {{"grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"},
                           {"assertion", assertion}});
  }
  LoginAnswer with(const char* claim, const json& value) {
    json changed = claims();
    changed[claim] = value;
    return send(assertion(changed));
  }

  json key_file_;
};

TEST_F(ServiceAccountTest, GetsATokenForAnAssertion) {
  EXPECT_EQ(key_file_["type"], "service_account");
  EXPECT_EQ(key_file_["client_email"], kEmail);
  EXPECT_EQ(key_file_["token_uri"], kAudience);
  EXPECT_THAT(key_file_["private_key"].get<std::string>(),
              StartsWith("-----BEGIN PRIVATE KEY-----\n"));
  const LoginAnswer answer = send(assertion(claims()));
  ASSERT_EQ(answer.status, 200) << answer.body;
  EXPECT_FALSE(answer.parsed().contains("refresh_token"));
  const auto info = oauth_.verify(answer.parsed()["access_token"].get<std::string>());
  ASSERT_TRUE(info);
  EXPECT_EQ(info->account, kEmail);
  EXPECT_TRUE(info->is_service_account);
  EXPECT_EQ(info->scopes, kDriveScope);
}

TEST_F(ServiceAccountTest, ASecondKeyIsAsGood) {
  const std::string first = assertion(claims());
  key_file_ = *oauth_.service_account_key(kEmail, "http://127.0.0.1:1/token");
  EXPECT_EQ(send(first).status, 200);
  EXPECT_EQ(with("aud", "http://127.0.0.1:1/token").status, 200);
}

TEST_F(ServiceAccountTest, SignatureAndIssuer) {
  std::string changed = assertion(claims());
  const std::size_t dot = changed.rfind('.');
  EXPECT_EQ(send(changed.substr(0, dot + 1) + base64url("not a signature")).error(),
            "400 invalid_grant: Invalid JWT Signature.");
  const auto stranger = RsaKey::generate();
  EXPECT_EQ(
      send(changed.substr(0, dot + 1) + base64url(stranger->sign(changed.substr(0, dot)))).error(),
      "400 invalid_grant: Invalid JWT Signature.");
  const std::string none = base64url(R"({"alg":"none"})") + "." + base64url(claims().dump()) + ".";
  EXPECT_EQ(send(none).error(), "400 invalid_grant: Invalid JWT Signature.");
  EXPECT_EQ(with("iss", "nobody@p.iam.gserviceaccount.com").error(),
            "400 invalid_grant: Invalid grant: account not found");
  for (const char* text : {"", "a.b", "a.b.c", "!.!.!"}) EXPECT_EQ(send(text).status, 400) << text;
}

TEST_F(ServiceAccountTest, AudienceTimesAndScopes) {
  EXPECT_EQ(with("aud", "https://example.com/token").error(),
            "400 invalid_grant: Invalid JWT: Failed audience check.");
  const std::string time = "400 invalid_grant: Invalid JWT: Token must be a short-lived token";
  EXPECT_THAT(with("exp", now() + 3601).error(), StartsWith(time));
  EXPECT_THAT(with("exp", now() - 400).error(), StartsWith(time));
  EXPECT_THAT(with("iat", now() + 400).error(), StartsWith(time));
  EXPECT_THAT(with("iat", json()).error(), StartsWith(time));
  for (const json& odd : {json(1e300), json(-1e300), json(1.5), json("1"),
                          json(std::numeric_limits<std::uint64_t>::max()),
                          json(std::numeric_limits<std::int64_t>::min())}) {
    EXPECT_THAT(with("iat", odd).error(), StartsWith(time)) << odd;
    EXPECT_THAT(with("exp", odd).error(), StartsWith(time)) << odd;
  }
  EXPECT_EQ(with("iat", now() - 60).error(), with("exp", now() + 3601).error());
  json early = claims();
  early["iat"] = now() - 60;
  early["exp"] = now() + 3540;
  EXPECT_EQ(send(assertion(early)).status, 200);
  const std::string old = assertion(claims());
  clock_.advance(seconds(3901));
  EXPECT_THAT(send(old).error(), StartsWith(time));
  EXPECT_EQ(with("scope", "nonsense").error(),
            "400 invalid_scope: Invalid OAuth scope or ID token audience provided.");
  EXPECT_EQ(with("scope", "").status, 400);
}

TEST_F(ServiceAccountTest, DomainWideDelegation) {
  EXPECT_THAT(with("sub", "ann@example.com").error(), StartsWith("401 unauthorized_client: "));
  set({{"delegated_scopes", kDriveScope}});
  const LoginAnswer answer = with("sub", "ann@example.com");
  ASSERT_EQ(answer.status, 200) << answer.body;
  const auto info = oauth_.verify(answer.parsed()["access_token"].get<std::string>());
  EXPECT_EQ(info->account, "ann@example.com");
  EXPECT_FALSE(info->is_service_account);
  EXPECT_EQ(with("sub", "nobody@example.com").error(),
            "400 invalid_grant: Invalid email or User ID");
  json more = claims();
  more["sub"] = "ann@example.com";
  more["scope"] = cat(kDriveScope, " ", kFileScope);
  EXPECT_EQ(send(assertion(more)).status, 401);
}

constexpr const char* kToken = "/computeMetadata/v1/instance/service-accounts/default/token";

TEST_F(OauthTest, MetadataServerGivesTheSameTokenUntilShortlyBeforeItsEnd) {
  const LoginAnswer first = metadata(kToken);
  ASSERT_EQ(first.status, 200) << first.body;
  EXPECT_EQ(first.headers.at("Metadata-Flavor"), "Google");
  EXPECT_EQ(first.type, "application/json");
  EXPECT_EQ(first.parsed()["token_type"], "Bearer");
  EXPECT_EQ(first.parsed()["expires_in"], 3599);
  const std::string token = first.parsed()["access_token"];
  EXPECT_EQ(oauth_.verify(token)->account, "ann@example.com");
  clock_.advance(seconds(3290));
  EXPECT_EQ(metadata(kToken).parsed()["access_token"], token);
  EXPECT_EQ(metadata(kToken).parsed()["expires_in"], 309);
  clock_.advance(seconds(10));
  EXPECT_NE(metadata(kToken).parsed()["access_token"], token);
  EXPECT_TRUE(oauth_.verify(token)) << "it is still good";
}

TEST_F(OauthTest, MetadataServerWantsItsHeader) {
  EXPECT_EQ(metadata(kToken, {}, {}).status, 403);
  EXPECT_EQ(metadata(kToken, {}, {{"Metadata-Flavor", "google"}}).status, 403);
  EXPECT_EQ(
      metadata(kToken, {}, {{"Metadata-Flavor", "Google"}, {"X-Forwarded-For", "1.2.3.4"}}).status,
      403);
  EXPECT_EQ(metadata("/").headers.at("Metadata-Flavor"), "Google");
  RequestHead plain;
  plain.path = "/";
  EXPECT_FALSE(metadata_.classify(plain));
}

TEST_F(OauthTest, MetadataServerBeforeConsentAndItsPaths) {
  set({{"metadata_404_count", 2}, {"metadata_scopes", cat(kDriveScope, " ", kFileScope)}});
  const std::string base = "/computeMetadata/v1/instance/service-accounts/default/";
  EXPECT_EQ(metadata(base, {{"recursive", "true"}}).status, 404);
  EXPECT_EQ(metadata(kToken).status, 404);
  const std::string token = metadata(kToken).parsed()["access_token"];
  EXPECT_EQ(oauth_.verify(token)->scopes, cat(kDriveScope, " ", kFileScope));
  EXPECT_EQ(metadata(base, {{"recursive", "true"}}).parsed(),
            json({{"aliases", {"default"}},
                  {"email", "ann@example.com"},
                  {"scopes", {kDriveScope, kFileScope}}}));
  EXPECT_EQ(metadata(base + "email").body, "ann@example.com");
  EXPECT_EQ(metadata(base + "scopes").body, cat(kDriveScope, "\n", kFileScope, "\n"));
  EXPECT_EQ(metadata("/computeMetadata/v1/project/project-id").body, kClientProject);
  EXPECT_EQ(metadata("/computeMetadata/v1/universe/universe-domain").body, "googleapis.com");
  EXPECT_EQ(metadata("/computeMetadata/v1/instance/nonsense").status, 404);
  EXPECT_EQ(metadata("/computeMetadata/v1/instance/service-accounts/x@y/token").status, 404);
  const std::string narrow = metadata(kToken, {{"scopes", kFileScope}}).parsed()["access_token"];
  EXPECT_EQ(oauth_.verify(narrow)->scopes, kFileScope);
}

}  // namespace
}  // namespace driveway::sim::test
