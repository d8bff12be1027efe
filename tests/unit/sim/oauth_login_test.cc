// The installed-app flow, refresh, revocation (oauth-headless reference 2, 3, 5, 11).
#include "base/hash.h"
#include "gmock/gmock.h"
#include "unit/sim/oauth_fixture.h"

namespace driveway::sim::test {
namespace {

using std::chrono::seconds;
using testing::HasSubstr;
using testing::StartsWith;

std::string challenge_of(const std::string& verifier) {
  return base64url(hash_bytes(HashKind::kSha256, verifier));
}

TEST_F(OauthTest, CodeFlowWithPkce) {
  const std::string verifier(43, 'v');
  const LoginAnswer page =
      consent({{"code_challenge", challenge_of(verifier)}, {"code_challenge_method", "S256"}});
  ASSERT_EQ(page.status, 302);
  EXPECT_THAT(page.headers.at("Location"), StartsWith(kRedirect));
  // A person without a browser reads the address in the page.
  EXPECT_THAT(page.body, HasSubstr("code=4%2F0A"));
  auto redirected = page.redirected();
  EXPECT_EQ(redirected["state"], "st/1");
  EXPECT_EQ(redirected["scope"], kDriveScope);
  EXPECT_THAT(redirected["code"], StartsWith("4/0A"));

  const LoginAnswer answer = exchange(redirected["code"], {{"code_verifier", verifier}});
  ASSERT_EQ(answer.status, 200) << answer.body;
  const json tokens = answer.parsed();
  EXPECT_THAT(tokens["access_token"].get<std::string>(), StartsWith("ya29."));
  EXPECT_THAT(tokens["refresh_token"].get<std::string>(), StartsWith("1//0"));
  EXPECT_EQ(tokens["expires_in"], 3599);
  EXPECT_EQ(tokens["token_type"], "Bearer");
  EXPECT_EQ(tokens["scope"], kDriveScope);
  EXPECT_FALSE(tokens.contains("refresh_token_expires_in"));
  const auto info = oauth_.verify(tokens["access_token"].get<std::string>());
  ASSERT_TRUE(info);
  EXPECT_EQ(info->account, "ann@example.com");
  EXPECT_EQ(info->scopes, kDriveScope);
  EXPECT_EQ(info->project, kClientProject);
  EXPECT_FALSE(info->is_service_account);
}

TEST_F(OauthTest, PlainPkceAndNone) {
  const std::string verifier(50, 'p');
  std::string code = consent({{"code_challenge", verifier}}).redirected()["code"];
  EXPECT_EQ(exchange(code, {{"code_verifier", verifier}}).status, 200);
  code = consent().redirected()["code"];
  EXPECT_EQ(exchange(code).status, 200);
}

TEST_F(OauthTest, CodesAreSingleUseShortLivedAndBound) {
  const std::string verifier(43, 'v');
  const auto code = [&] {
    return consent({{"code_challenge", challenge_of(verifier)}, {"code_challenge_method", "S256"}})
        .redirected()["code"];
  };
  const std::string used = code();
  EXPECT_EQ(exchange(used, {{"code_verifier", verifier}}).status, 200);
  EXPECT_EQ(exchange(used, {{"code_verifier", verifier}}).error(),
            "400 invalid_grant: Bad Request");
  EXPECT_EQ(exchange(code(), {{"code_verifier", std::string(43, 'w')}}).error(),
            "400 invalid_grant: Bad Request");
  EXPECT_EQ(exchange(code()).error(), "400 invalid_grant: Bad Request");
  EXPECT_EQ(exchange("4/0Anonsense").error(), "400 invalid_grant: Malformed auth code.");
  const std::string late = code();
  clock_.advance(seconds(600));
  EXPECT_EQ(exchange(late, {{"code_verifier", verifier}}).error(),
            "400 invalid_grant: Bad Request");
  EXPECT_EQ(
      exchange(code(), {{"code_verifier", verifier}, {"redirect_uri", "http://127.0.0.1:8085"}})
          .error(),
      "400 redirect_uri_mismatch: Bad Request");
}

TEST_F(OauthTest, ClientsProveThemselves) {
  const std::string code = consent().redirected()["code"];
  EXPECT_EQ(exchange(code, {{"client_secret", "GOCSPX-wrong"}}).error(),
            "401 invalid_client: Unauthorized");
  EXPECT_EQ(exchange(code, {{"client_id", "nobody"}}).error(),
            "401 invalid_client: The OAuth client was not found.");
  EXPECT_EQ(exchange(code, {{"client_secret", ""}}).error(),
            "400 invalid_request: client_secret is missing.");
  EXPECT_EQ(exchange(code, {{"grant_type", "password"}}).error(),
            "400 unsupported_grant_type: Invalid grant_type: password");
  // None of these spent it; and HTTP Basic does as well.
  const OauthClient installed = client(kInstalledClientId);
  const std::string basic = "Basic " + base64(installed.id + ":" + installed.secret);
  EXPECT_EQ(
      post("/o/oauth2/token",
           {{"grant_type", "authorization_code"}, {"code", code}, {"redirect_uri", kRedirect}},
           {{"Authorization", basic}})
          .status,
      200);
  const OauthClient web = client(kWebClientId);
  EXPECT_EQ(exchange(consent().redirected()["code"],
                     {{"client_id", web.id}, {"client_secret", web.secret}})
                .error(),
            "400 invalid_grant: Bad Request");
}

TEST_F(OauthTest, RedirectRules) {
  for (const char* uri : {"http://127.0.0.1", "http://127.0.0.1:1234", "http://localhost:80/a/b",
                          "http://[::1]:99/", "http://localhost"}) {
    EXPECT_EQ(consent({{"redirect_uri", uri}}).status, 302) << uri;
  }
  for (const char* uri : {"https://127.0.0.1/", "http://127.0.0.2/", "http://localhost.evil.com/",
                          "http://127.0.0.1:99999/", "http://127.0.0.1@evil.com/",
                          "http://example.com/", "http://127.0.0.1/#f"}) {
    const LoginAnswer page = consent({{"redirect_uri", uri}});
    EXPECT_EQ(page.status, 400) << uri;
    EXPECT_THAT(page.body, HasSubstr("redirect_uri_mismatch")) << uri;
  }
  const Parameters web = {{"client_id", std::string(kWebClientId)},
                          {"redirect_uri", "https://app.example.com/callback"}};
  EXPECT_EQ(consent(web).status, 302);
  EXPECT_EQ(consent({{"client_id", std::string(kWebClientId)}}).status, 400);
  EXPECT_EQ(consent({{"client_id", std::string(kTvClientId)}}).status, 400);
}

// oauth-headless reference 3.
TEST_F(OauthTest, OutOfBandIsRefused) {
  for (const char* uri : {"urn:ietf:wg:oauth:2.0:oob", "urn:ietf:wg:oauth:2.0:oob:auto", "oob"}) {
    const LoginAnswer page = consent({{"redirect_uri", uri}});
    EXPECT_EQ(page.status, 400);
    EXPECT_THAT(page.body, HasSubstr("Error 400: invalid_request"));
    EXPECT_THAT(page.body,
                HasSubstr("The out-of-band (OOB) flow has been blocked in order to keep users "
                          "secure. Follow the Out-of-Band (OOB) flow Migration Guide"));
  }
}

TEST_F(OauthTest, BadPagesAreErrors) {
  EXPECT_EQ(consent({{"client_id", "nobody"}}).status, 401);
  EXPECT_EQ(consent({{"client_id", ""}}).status, 400);
  EXPECT_EQ(consent({{"response_type", "token"}}).status, 400);
  EXPECT_EQ(consent({{"scope", ""}}).status, 400);
  EXPECT_EQ(consent({{"scope", "https://www.googleapis.com/auth/drive.nonsense"}}).status, 400);
  EXPECT_EQ(consent({{"code_challenge", "short"}}).status, 400);
  EXPECT_EQ(
      consent({{"code_challenge", std::string(43, 'a')}, {"code_challenge_method", "MD5"}}).status,
      400);
  // What comes back in a page is text.
  EXPECT_THAT(consent({{"redirect_uri", "http://x/<script>"}}).body, Not(HasSubstr("<script>")));
}

TEST_F(OauthTest, ChoiceOfAccountAndConsent) {
  std::string code = consent({{"login_hint", "bob@example.com"}}).redirected()["code"];
  EXPECT_EQ(oauth_.verify(exchange(code).parsed()["access_token"].get<std::string>())->account,
            "bob@example.com");
  // Granular consent: fewer scopes come back than were asked for.
  set({{"denied_scopes", kDriveScope}});
  const std::string both = cat(kFileScope, " ", kDriveScope);
  auto redirected = consent({{"scope", both}}).redirected();
  EXPECT_EQ(redirected["scope"], kFileScope);
  EXPECT_EQ(exchange(redirected["code"]).parsed()["scope"], kFileScope);
  EXPECT_EQ(consent().redirected()["error"], "access_denied");
  set({{"denied_scopes", ""}, {"deny_consent", true}});
  redirected = consent().redirected();
  EXPECT_EQ(redirected["error"], "access_denied");
  EXPECT_EQ(redirected["state"], "st/1");
  EXPECT_FALSE(redirected.contains("code"));
}

TEST_F(OauthTest, WebClientsGetARefreshTokenForOfflineAccessOnly) {
  const OauthClient web = client(kWebClientId);
  const auto log_in = [&](Parameters more) {
    more.emplace_back("client_id", web.id);
    more.emplace_back("redirect_uri", web.redirect_uris[0]);
    const std::string code = consent(more).redirected()["code"];
    return exchange(code, {{"client_id", web.id},
                           {"client_secret", web.secret},
                           {"redirect_uri", web.redirect_uris[0]}})
        .parsed()
        .contains("refresh_token");
  };
  EXPECT_FALSE(log_in({}));
  EXPECT_TRUE(log_in({{"access_type", "offline"}}));
  EXPECT_FALSE(log_in({{"access_type", "offline"}}));  // a repeated consent
  EXPECT_TRUE(log_in({{"access_type", "offline"}, {"prompt", "consent"}}));
}

TEST_F(OauthTest, Refreshes) {
  const IssuedTokens tokens = *oauth_.issue({});
  const LoginAnswer answer = refresh(tokens.refresh_token);
  ASSERT_EQ(answer.status, 200) << answer.body;
  const json body = answer.parsed();
  EXPECT_FALSE(body.contains("refresh_token"));
  EXPECT_EQ(body["scope"], kDriveScope);
  EXPECT_NE(body["access_token"], tokens.access_token);
  EXPECT_TRUE(oauth_.verify(tokens.access_token)) << "the old one lives on";
  EXPECT_EQ(refresh("1//0nonsense").error(),
            "400 invalid_grant: Token has been expired or revoked.");
  const OauthClient web = client(kWebClientId);
  EXPECT_EQ(
      refresh(tokens.refresh_token, {{"client_id", web.id}, {"client_secret", web.secret}}).error(),
      "401 unauthorized_client: Unauthorized");
  EXPECT_EQ(refresh(tokens.refresh_token, {{"client_secret", "GOCSPX-x"}}).error(),
            "401 invalid_client: Unauthorized");
  EXPECT_EQ(refresh(tokens.refresh_token, {{"scope", kFileScope}}).error(),
            "400 invalid_scope: Bad Request");
}

TEST_F(OauthTest, TokensExpireByTheClock) {
  set({{"access_token_life", 5}});
  const IssuedTokens tokens = *oauth_.issue({});
  EXPECT_EQ(tokens.expires_in, 5);
  clock_.advance(std::chrono::milliseconds(4999));
  EXPECT_TRUE(oauth_.verify(tokens.access_token));
  clock_.advance(std::chrono::milliseconds(1));
  EXPECT_FALSE(oauth_.verify(tokens.access_token));
  const std::string renewed = refresh(tokens.refresh_token).parsed()["access_token"];
  EXPECT_TRUE(oauth_.verify(renewed));
  EXPECT_EQ(*oauth_.expire_access_tokens("bob@example.com"), 0);
  EXPECT_EQ(*oauth_.expire_access_tokens(""), 1);
  EXPECT_FALSE(oauth_.verify(renewed));
  EXPECT_EQ(refresh(tokens.refresh_token).status, 200);
}

// An app in "Testing": the refresh token lives 7 days (5).
TEST_F(OauthTest, TimeLimitedRefreshTokens) {
  set({{"refresh_token_expires_in", 604799}});
  const json tokens = exchange(consent().redirected()["code"]).parsed();
  EXPECT_EQ(tokens["refresh_token_expires_in"], 604799);
  clock_.advance(seconds(604798));
  EXPECT_EQ(refresh(tokens["refresh_token"]).status, 200);
  clock_.advance(seconds(1));
  EXPECT_EQ(refresh(tokens["refresh_token"]).error(),
            "400 invalid_grant: Token has been expired or revoked.");
}

TEST_F(OauthTest, TheOldestRefreshTokenDies) {
  set({{"refresh_token_limit", 2}});
  const std::string first = oauth_.issue({})->refresh_token;
  const std::string second = oauth_.issue({})->refresh_token;
  TokenRequest of_bob;
  of_bob.account = "bob@example.com";
  const std::string bobs = oauth_.issue(of_bob)->refresh_token;
  EXPECT_EQ(refresh(first).status, 200);
  const std::string third = oauth_.issue({})->refresh_token;
  EXPECT_EQ(refresh(first).status, 400);
  EXPECT_EQ(refresh(second).status, 200);
  EXPECT_EQ(refresh(third).status, 200);
  EXPECT_EQ(refresh(bobs).status, 200);
}

TEST_F(OauthTest, RevocationEndsTheWholeConsent) {
  const IssuedTokens one = *oauth_.issue({});
  const IssuedTokens other = *oauth_.issue({});
  EXPECT_EQ(post("/revoke", {{"token", "ya29.nonsense"}}).parsed()["error"], "invalid_token");
  EXPECT_EQ(post("/revoke", {}).status, 400);
  EXPECT_EQ(post("/revoke", {{"token", one.access_token}}).status, 200);
  EXPECT_FALSE(oauth_.verify(other.access_token));
  EXPECT_EQ(refresh(other.refresh_token).error(),
            "400 invalid_grant: Token has been expired or revoked.");
  const IssuedTokens third = *oauth_.issue({});
  EXPECT_EQ(*oauth_.revoke("ann@example.com"), 1);
  EXPECT_FALSE(oauth_.verify(third.access_token));
}

TEST_F(OauthTest, TokenInfoAndUserInfo) {
  TokenRequest request;
  request.scopes = cat(kDriveScope, " openid email");
  const IssuedTokens tokens = *oauth_.issue(request);
  clock_.advance(seconds(99));
  for (const LoginAnswer& answer :
       {get("/tokeninfo", {{"access_token", tokens.access_token}}),
        post("/tokeninfo", {{"access_token", tokens.access_token}}),
        get("/oauth2/v3/tokeninfo", {{"access_token", tokens.access_token}})}) {
    ASSERT_EQ(answer.status, 200);
    const json info = answer.parsed();
    EXPECT_EQ(info["azp"], kInstalledClientId);
    EXPECT_EQ(info["aud"], kInstalledClientId);
    EXPECT_EQ(info["scope"], request.scopes);
    EXPECT_EQ(info["expires_in"], "3500");  // numbers are strings here
    EXPECT_TRUE(info["exp"].is_string());
    EXPECT_EQ(info["email"], "ann@example.com");
    EXPECT_EQ(info["access_type"], "offline");
  }
  EXPECT_EQ(get("/tokeninfo", {{"access_token", "ya29.x"}}).error(),
            "400 invalid_token: Invalid Value");
  const auto bearer = [](const std::string& token) {
    return NameValues{{"Authorization", "Bearer " + token}};
  };
  EXPECT_EQ(get("/v1/userinfo", {}, bearer(tokens.access_token)).parsed()["email"],
            "ann@example.com");
  EXPECT_EQ(get("/v1/userinfo", {}, bearer("ya29.x")).status, 401);
  const IssuedTokens plain = *oauth_.issue({});
  EXPECT_FALSE(
      get("/tokeninfo", {{"access_token", plain.access_token}}).parsed().contains("email"));
  EXPECT_EQ(get("/v1/userinfo", {}, bearer(plain.access_token)).status, 403);
}

TEST_F(OauthTest, CredentialsOfTheAdminEndpoints) {
  const json file = *oauth_.authorized_user({});
  EXPECT_EQ(file["type"], "authorized_user");
  EXPECT_EQ(refresh(file["refresh_token"]).status, 200);
  TokenRequest unknown;
  unknown.account = "nobody@example.com";
  EXPECT_TRUE(oauth_.issue(unknown).failed_with(ErrorCode::kNotFound));
  unknown.account = "";
  unknown.client_id = "nobody";
  EXPECT_TRUE(oauth_.issue(unknown).failed_with(ErrorCode::kNotFound));
  TokenRequest brief;
  brief.life = seconds(2);
  const IssuedTokens tokens = *oauth_.issue(brief);
  clock_.advance(seconds(2));
  EXPECT_FALSE(oauth_.verify(tokens.access_token));
}

TEST_F(OauthTest, SurvivesARestart) {
  const IssuedTokens tokens = *oauth_.issue({});
  const json key = *oauth_.service_account_key("sa@p.iam.gserviceaccount.com", "https://t/token");
  OauthSim other(config_, clock_);
  ASSERT_TRUE(other.load(json::parse(oauth_.to_json().dump())).ok());
  EXPECT_TRUE(other.verify(tokens.access_token));
  EXPECT_TRUE(other.book().refresh(tokens.refresh_token));
  EXPECT_EQ(other.book().choose_account(""), "ann@example.com");
  EXPECT_TRUE(other.book().service_account("sa@p.iam.gserviceaccount.com"));
  EXPECT_EQ(other.to_json(), oauth_.to_json());
  EXPECT_TRUE(other.load({{"accounts", 3}}).failed_with(ErrorCode::kInvalidArgument));
}

TEST_F(OauthTest, KnowsItsPathsAndMethods) {
  RequestHead head;
  head.method = "GET";
  for (const char* path : {"/", "/drive/v3/files", "/tokens", "/o/oauth2/v2/auth/x"}) {
    head.path = path;
    EXPECT_FALSE(oauth_.classify(head)) << path;
  }
  EXPECT_EQ(get("/token").status, 405);
  EXPECT_EQ(
      get("/.well-known/openid-configuration", {}, {{"Host", "h:1"}}).parsed()["token_endpoint"],
      "http://h:1/token");
  EXPECT_EQ(post("/token", {{"x", std::string(300 * kKiB, 'x')}}).status, 413);
}

}  // namespace
}  // namespace driveway::sim::test
