#include "auth/service_account.h"

#include <nlohmann/json.hpp>

#include "auth/choose_source.h"
#include "auth/login_store.h"
#include "base/http_date.h"
#include "unit/auth/rsa_key.h"
#include "unit/auth/token_server.h"

namespace driveway::auth {
namespace {

using nlohmann::json;
using test::AuthFixture;
using test::refusal;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using namespace std::chrono_literals;

class ServiceAccountTest : public testing::Test {
 protected:
  json key_file() const {
    return {{"type", "service_account"},
            {"private_key_id", "key-1"},
            {"private_key", key_.pem()},
            {"client_email", "robot@project.iam.gserviceaccount.com"},
            {"token_uri", "https://oauth2.googleapis.com/token"}};
  }
  void write(const json& file) {
    EXPECT_TRUE(write_file_atomically(path_, file.dump(), 0600).ok());
  }
  Result<std::unique_ptr<TokenSource>> choose(const std::string& subject = "") {
    return choose_source({.method = {Method::Kind::kCredentials, path_}, .subject = subject},
                         fixture_.environment, *fixture_.client.http, fixture_.clock);
  }
  // The claims of the number-th assertion, whose signature must be good.
  json claims(int number) {
    const auto form = fixture_.server.form(number);
    EXPECT_EQ(form.at("grant_type"), "urn:ietf:params:oauth:grant-type:jwt-bearer");
    const std::string assertion = form.at("assertion");
    const auto parts = split(assertion, '.');
    EXPECT_EQ(parts.size(), 3U);
    EXPECT_TRUE(key_.verifies(assertion.substr(0, assertion.rfind('.')),
                              from_base64url(parts.at(2)).value_or("")));
    header_ = json::parse(from_base64url(parts.at(0)).value_or(""), nullptr, false);
    return json::parse(from_base64url(parts.at(1)).value_or(""), nullptr, false);
  }

  const test::RsaKey key_;
  AuthFixture fixture_;
  const std::string path_ = fixture_.folder.path() / "key.json";
  json header_;
};

TEST_F(ServiceAccountTest, SignsAnAssertionForEachToken) {
  write(key_file());
  const auto tokens = choose();
  ASSERT_TRUE(tokens.ok()) << tokens.error().to_string();
  const auto token = (*tokens)->token({});
  ASSERT_TRUE(token.ok()) << token.error().to_string();
  EXPECT_TRUE(allows_drive(token->scopes));
  const auto now =
      std::chrono::duration_cast<std::chrono::seconds>(fixture_.clock.wall_now().time_since_epoch())
          .count();
  EXPECT_EQ(claims(0), (json{{"iss", "robot@project.iam.gserviceaccount.com"},
                             {"scope", "https://www.googleapis.com/auth/drive"},
                             {"aud", "https://oauth2.googleapis.com/token"},
                             {"iat", now - 30},
                             {"exp", now - 30 + 3600}}));
  EXPECT_EQ(header_, (json{{"alg", "RS256"}, {"typ", "JWT"}, {"kid", "key-1"}}));
  (*tokens)->refused(*token);
  EXPECT_EQ((*tokens)->token({})->value.reveal(), "ya29.2");
  EXPECT_EQ((*tokens)->describe(), "credentials file (service_account)");
}

TEST_F(ServiceAccountTest, ActsForASubject) {
  write(key_file());
  const auto tokens = choose("ann@example.com");
  ASSERT_TRUE((*tokens)->token({}).ok());
  EXPECT_EQ(claims(0).value("sub", ""), "ann@example.com");
  EXPECT_NE((*tokens)->fingerprint(), (*choose())->fingerprint());  // D5: another Drive
}

TEST_F(ServiceAccountTest, ASubjectNeedsAServiceAccount) {
  write({{"type", "authorized_user"},
         {"client_id", "c"},
         {"client_secret", "s"},
         {"refresh_token", "1//r"}});
  EXPECT_TRUE(choose().ok());
  EXPECT_TRUE(choose("ann@example.com").failed_with(ErrorCode::kInvalidArgument));
  const LoginStore store(fixture_.environment.config_folder, fixture_.clock);
  ASSERT_TRUE(store.save({}, "default", test::credential()).ok());
  const auto stored = choose_source({.subject = "ann@example.com"}, fixture_.environment,
                                    *fixture_.client.http, fixture_.clock);
  ASSERT_TRUE(stored.failed_with(ErrorCode::kInvalidArgument));
  EXPECT_THAT(stored.error().message, HasSubstr("credentials=FILE"));
}

TEST_F(ServiceAccountTest, AKeyThatIsReplacedIsUsedAtOnce) {  // E1
  write(key_file());
  const auto tokens = choose();
  fixture_.server.answer_with(
      {refusal(400, "invalid_grant", R"(,"error_description":"Invalid JWT Signature.")"), {}});
  EXPECT_TRUE((*tokens)->token({}).failed_with(ErrorCode::kLoginNeeded));
  json file = key_file();
  file["private_key_id"] = "key-2";
  write(file);
  EXPECT_TRUE((*tokens)->token({}).ok());
  claims(1);
  EXPECT_EQ(header_.value("kid", ""), "key-2");
}

TEST_F(ServiceAccountTest, EachRefusalSaysWhatToDo) {
  write(key_file());
  const struct {
    int status;
    std::string error, description, why;
  } cases[] = {
      {400, "invalid_grant", "Invalid JWT Signature.", "make a new key"},
      {400, "invalid_grant", "Invalid JWT: Failed audience check.", "token_uri"},
      {400, "invalid_grant", "Invalid grant: account not found", "does not exist"},
      {400, "invalid_grant", "Invalid email or User ID", "--subject"},
      {400, "invalid_grant",
       "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe.",
       "clock is wrong"},
      {401, "unauthorized_client", "Client is unauthorized to retrieve access tokens",
       "domain-wide delegation"},
      {401, "disabled_client", "", "disabled"},
  };
  for (const auto& [status, error, description, why] : cases) {
    fixture_.server.answer_with(
        {refusal(status, error, cat(R"(,"error_description":")", description, R"(")"))});
    const auto token = (*choose())->token({});
    ASSERT_TRUE(token.failed_with(ErrorCode::kLoginNeeded)) << description;
    EXPECT_THAT(token.error().message, AllOf(HasSubstr(error), HasSubstr(why)));
  }
}

TEST_F(ServiceAccountTest, AWrongClockIsMeasured) {
  write(key_file());
  auto answer = refusal(400, "invalid_grant",
                        R"(,"error_description":"Invalid JWT: Token must be a short-lived token")");
  answer.headers = {{"Date", "Sat, 21 Nov 1970 02:03:04 GMT"}};
  fixture_.server.answer_with({answer});
  const auto token = (*choose())->token({});
  ASSERT_TRUE(token.failed_with(ErrorCode::kLoginNeeded));
  EXPECT_THAT(token.error().message, AllOf(HasSubstr("this machine's clock is"),
                                           HasSubstr(" s ahead of Google's: set it")));
}

TEST_F(ServiceAccountTest, AKeyThatIsNoneIsSaidAtOnce) {
  const std::string pem = key_.pem();
  for (const std::string& broken : {std::string("SECRET"), pem.substr(0, pem.size() / 2)}) {
    json file = key_file();
    file["private_key"] = broken;
    write(file);
    const auto refused = choose();
    ASSERT_TRUE(refused.failed_with(ErrorCode::kLoginNeeded));
    EXPECT_THAT(refused.error().to_string(),
                AllOf(HasSubstr("no RSA key"), Not(HasSubstr("SECRET"))));
  }
}

}  // namespace
}  // namespace driveway::auth
