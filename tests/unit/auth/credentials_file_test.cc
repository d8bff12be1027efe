#include "auth/credentials_file.h"

#include <nlohmann/json.hpp>

#include "auth/choose_source.h"
#include "unit/auth/rsa_key.h"
#include "unit/auth/token_server.h"

namespace driveway::auth {
namespace {

using nlohmann::json;
using test::AuthFixture;
using test::Form;
using test::Peer;
using test::ReceivedRequest;
using test::refusal;
using test::TestServer;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using namespace std::chrono_literals;

constexpr const char* kCloudScope = "https://www.googleapis.com/auth/cloud-platform";

// IAM's generateAccessToken, and a machine's own service that says who it is.
class CredentialsFileTest : public testing::Test {
 protected:
  std::filesystem::path write(const std::string& name, const std::string& content) {
    auto path = fixture_.folder.path() / name;
    EXPECT_TRUE(write_file_atomically(path, content, 0600).ok());
    return path;
  }
  Result<std::unique_ptr<TokenSource>> choose(Method method = {}) {
    return choose_source({.method = std::move(method)}, fixture_.environment, *fixture_.client.http,
                         fixture_.clock);
  }
  Result<std::unique_ptr<TokenSource>> of_file(const json& content) {
    return choose({Method::Kind::kCredentials, write("credentials.json", content.dump())});
  }
  static json user() {
    return {{"type", "authorized_user"},
            {"client_id", "c"},
            {"client_secret", "s"},
            {"refresh_token", "1//user"}};
  }
  std::string iam_url() const {
    return iam_.url("/v1/projects/-/serviceAccounts/robot@p:generateAccessToken");
  }
  json external(const json& source) const {
    return {{"type", "external_account"},
            {"audience", "//iam.googleapis.com/pools/1"},
            {"subject_token_type", "urn:ietf:params:oauth:token-type:jwt"},
            {"token_url", cat(fixture_.server.url(), "/token")},
            {"credential_source", source}};
  }

  void serve(const ReceivedRequest& request, Peer& peer) {
    if (request.target == "/subject") {
      EXPECT_EQ(request.header("x-wanted"), "yes");
      return peer_answer(peer, 200, R"({"value":"subject-of-url"})");
    }
    EXPECT_EQ(request.target, "/v1/projects/-/serviceAccounts/robot@p:generateAccessToken");
    asked_.push_back(json::parse(request.body, nullptr, false));
    bearers_.push_back(request.header("authorization"));
    peer_answer(peer, status_,
                status_ == 200 ? cat(R"({"accessToken":"ya29.robot","expireTime":")",
                                     format_rfc3339(fixture_.clock.wall_now() + 30min), R"("})")
                               : R"({"error":{"code":403,"message":"SECRET"}})");
  }
  static void peer_answer(Peer& peer, int status, const std::string& body) {
    peer.respond(status, body, {});
  }

  int status_ = 200;
  std::vector<json> asked_;
  std::vector<std::string> bearers_;
  AuthFixture fixture_;
  TestServer iam_{[this](const ReceivedRequest& request, Peer& peer) { serve(request, peer); }};
};

TEST_F(CredentialsFileTest, GcloudsFileAndColabsAreFound) {
  fixture_.environment.gcloud_credentials = fixture_.folder.path() / "gcloud.json";
  fixture_.environment.colab_credentials = fixture_.folder.path() / "colab.json";
  EXPECT_TRUE(choose().failed_with(ErrorCode::kLoginNeeded));
  EXPECT_TRUE(choose({Method::Kind::kApplication}).failed_with(ErrorCode::kLoginNeeded));
  write("colab.json", user().dump());
  EXPECT_EQ((*choose())->describe(), "Colab's credentials (authorized_user)");
  write("gcloud.json", user().dump());
  EXPECT_EQ((*choose())->describe(), "gcloud's credentials (authorized_user)");
  EXPECT_TRUE((*choose({Method::Kind::kApplication}))->token({}).ok());
  fixture_.environment.application_credentials = write("adc.json", user().dump());
  EXPECT_EQ((*choose())->describe(), "GOOGLE_APPLICATION_CREDENTIALS (authorized_user)");
}

TEST_F(CredentialsFileTest, GcloudsOwnClientGetsNoDrive) {
  fixture_.environment.gcloud_credentials = write("gcloud.json", user().dump());
  fixture_.server.extra = cat(R"(,"scope":")", kCloudScope, R"(")");
  const auto token = (*choose())->token({});
  ASSERT_TRUE(token.failed_with(ErrorCode::kLoginNeeded));
  EXPECT_THAT(token.error().message,
              AllOf(HasSubstr("no access to Drive"), HasSubstr("--client-id-file"),
                    HasSubstr("driveway login")));
}

TEST_F(CredentialsFileTest, AUserActsForAServiceAccount) {
  const auto tokens = of_file({{"type", "impersonated_service_account"},
                               {"service_account_impersonation_url", iam_url()},
                               {"delegates", {"projects/-/serviceAccounts/between@p"}},
                               {"source_credentials", user()}});
  ASSERT_TRUE(tokens.ok()) << tokens.error().to_string();
  const auto token = (*tokens)->token({});
  ASSERT_TRUE(token.ok()) << token.error().to_string();
  EXPECT_EQ(token->value.reveal(), "ya29.robot");
  EXPECT_EQ(token->expires, fixture_.clock.now() + 30min);
  EXPECT_EQ(fixture_.server.form(0).at("refresh_token"), "1//user");
  EXPECT_EQ(bearers_.at(0), "Bearer ya29.1");
  EXPECT_EQ(asked_.at(0), (json{{"scope", {kScopeDrive}},
                                {"lifetime", "3600s"},
                                {"delegates", {"projects/-/serviceAccounts/between@p"}}}));
  EXPECT_EQ((*tokens)->describe(), "credentials file (impersonated_service_account)");
}

TEST_F(CredentialsFileTest, AServiceAccountThatActsForAnotherAsksForItsOwnScope) {
  const test::RsaKey key;
  const auto tokens = of_file(
      {{"type", "impersonated_service_account"},
       {"service_account_impersonation_url", iam_url()},
       {"source_credentials",
        {{"type", "service_account"}, {"client_email", "first@p"}, {"private_key", key.pem()}}}});
  ASSERT_TRUE(tokens.ok()) << tokens.error().to_string();
  ASSERT_TRUE((*tokens)->token({}).ok());
  const std::string assertion = fixture_.server.form(0).at("assertion");
  EXPECT_THAT(from_base64url(split(assertion, '.').at(1)).value_or(""), HasSubstr(kCloudScope));
}

TEST_F(CredentialsFileTest, ARefusedImpersonationSaysWhatToDo) {
  status_ = 403;
  const auto token = (*of_file({{"type", "impersonated_service_account"},
                                {"service_account_impersonation_url", iam_url()},
                                {"source_credentials", user()}}))
                         ->token({});
  ASSERT_TRUE(token.failed_with(ErrorCode::kLoginNeeded));
  EXPECT_THAT(token.error().to_string(),
              AllOf(HasSubstr("Token Creator"), Not(HasSubstr("SECRET"))));
}

TEST_F(CredentialsFileTest, AnIdentityOfElsewhereByAFile) {
  const std::string subject = write("subject", "subject-of-file\n");
  const auto tokens = of_file(external({{"file", subject}}));
  ASSERT_TRUE(tokens.ok()) << tokens.error().to_string();
  const auto token = (*tokens)->token({});
  ASSERT_TRUE(token.ok()) << token.error().to_string();
  EXPECT_EQ(fixture_.server.form(0),
            (Form{{"grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"},
                  {"audience", "//iam.googleapis.com/pools/1"},
                  {"scope", std::string(kScopeDrive)},
                  {"requested_token_type", "urn:ietf:params:oauth:token-type:access_token"},
                  {"subject_token", "subject-of-file"},
                  {"subject_token_type", "urn:ietf:params:oauth:token-type:jwt"}}));
  write("subject", "another");  // it is read for each token
  (*tokens)->refused(*token);
  ASSERT_TRUE((*tokens)->token({}).ok());
  EXPECT_EQ(fixture_.server.form(1).at("subject_token"), "another");
  std::filesystem::remove(subject);
  (*tokens)->refused(*(*tokens)->token({}));
  const auto gone = (*tokens)->token({});
  ASSERT_TRUE(gone.failed_with(ErrorCode::kLoginNeeded));
  EXPECT_THAT(gone.error().message, HasSubstr("credential_source"));
}

TEST_F(CredentialsFileTest, AnIdentityOfElsewhereByAUrlActsForAServiceAccount) {
  json file = external({{"url", iam_.url("/subject")},
                        {"headers", {{"X-Wanted", "yes"}}},
                        {"format", {{"type", "json"}, {"subject_token_field_name", "value"}}}});
  file["service_account_impersonation_url"] = iam_url();
  const auto tokens = of_file(file);
  ASSERT_TRUE(tokens.ok()) << tokens.error().to_string();
  EXPECT_EQ((*tokens)->token({})->value.reveal(), "ya29.robot");
  EXPECT_EQ(fixture_.server.form(0).at("subject_token"), "subject-of-url");
  EXPECT_EQ(fixture_.server.form(0).at("scope"), kCloudScope);
}

TEST_F(CredentialsFileTest, ARefusedExchangeSaysWhatToDo) {
  fixture_.server.answer_with({refusal(400, "invalid_grant")});
  const auto token = (*of_file(external({{"file", write("subject", "x")}})))->token({});
  ASSERT_TRUE(token.failed_with(ErrorCode::kLoginNeeded));
  EXPECT_THAT(token.error().message, HasSubstr("credential_source"));
}

TEST_F(CredentialsFileTest, WhatIsIncompleteOrUnsafeIsRefusedAtOnce) {
  json plain = external({{"file", "/x"}});
  plain["token_url"] = "http://sts.example.com/v1/token";
  const std::pair<json, std::string> cases[] = {
      {external({{"environment_id", "aws1"}}), "neither a file nor a URL"},
      {external({{"executable", {{"command", "x"}}}}), "neither a file nor a URL"},
      {plain, "https://"},
      {{{"type", "impersonated_service_account"}}, "service_account_impersonation_url"},
      {{{"type", "impersonated_service_account"}, {"service_account_impersonation_url", iam_url()}},
       "source_credentials"},
      {{{"type", "gdch_service_account"}}, "gdch_service_account is not supported"},
  };
  for (const auto& [file, why] : cases) {
    const auto refused = of_file(file);
    ASSERT_TRUE(refused.failed_with(ErrorCode::kLoginNeeded)) << file;
    EXPECT_THAT(refused.error().to_string(), HasSubstr(why));
  }
}

}  // namespace
}  // namespace driveway::auth
