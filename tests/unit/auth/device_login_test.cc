#include "auth/device_login.h"

#include <mutex>

#include "unit/auth/token_server.h"

namespace driveway::auth {
namespace {

using test::AuthFixture;
using test::Peer;
using test::ReceivedRequest;
using test::refusal;
using test::TestServer;
using test::TokenAnswerText;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using namespace std::chrono_literals;

constexpr const char* kCodeAnswer =
    R"({"device_code":"4/4-secret","user_code":"GQVQ-JKEC",)"
    R"("verification_url":"https://www.google.com/device","expires_in":1800,"interval":5})";

// Google's device endpoint beside the token endpoint of the fixture.
class DeviceLoginTest : public testing::Test {
 protected:
  DeviceLoginTest() {
    fixture_.server.extra =
        cat(R"(,"refresh_token":"1//refresh","scope":")", kScopeDriveFile, "\"");
  }
  Result<std::unique_ptr<DeviceLogin>> begin() {
    Environment environment = fixture_.environment;
    environment.oauth_url = codes_.url("");
    return begin_device_login({}, client_, environment, *fixture_.client.http, fixture_.clock);
  }
  // Of a code that Google has given; its answers are those of the fixture's server.
  Result<Credential> wait(const std::vector<TokenAnswerText>& answers,
                          const Context& context = {}) {
    if (!answers.empty()) fixture_.server.answer_with(answers);
    DeviceLogin login(client_,
                      {.device_code = Secret("4/4-secret"),
                       .user_code = "GQVQ-JKEC",
                       .url = "https://www.google.com/device",
                       .lifetime = 1800s,
                       .interval = 5s},
                      fixture_.endpoint(), fixture_.clock);
    return login.wait(context);
  }
  void serve(const ReceivedRequest& request, Peer& peer) {
    std::unique_lock lock(mutex_);
    asked_.push_back(cat(request.method, " ", request.target, " ", request.body));
    const TokenAnswerText answer = code_answers_.front();
    if (code_answers_.size() > 1) code_answers_.erase(code_answers_.begin());
    lock.unlock();
    peer.respond(answer.status, answer.body, answer.headers);
  }

  AuthFixture fixture_;
  const ClientIdentity client_{"client.tv", Secret("GOCSPX-tv")};
  std::mutex mutex_;  // the server has a thread of its own
  std::vector<std::string> asked_;
  std::vector<TokenAnswerText> code_answers_{{200, kCodeAnswer, {}}};
  TestServer codes_{[this](const ReceivedRequest& request, Peer& peer) { serve(request, peer); }};
};

TEST_F(DeviceLoginTest, ACodeIsAskedForWithTheOnlyScopeThatIsAllowed) {
  const auto login = begin();
  const std::lock_guard lock(mutex_);
  ASSERT_TRUE(login.ok()) << login.error().to_string();
  EXPECT_EQ((*login)->user_code(), "GQVQ-JKEC");
  EXPECT_EQ((*login)->url(), "https://www.google.com/device");
  EXPECT_EQ((*login)->lifetime(), 1800s);
  EXPECT_THAT(asked_, ElementsAre(AllOf(
                          HasSubstr("POST /device/code "), HasSubstr("client_id=client.tv"),
                          HasSubstr("scope=https%3A%2F%2Fwww.googleapis.com%2Fauth%2Fdrive.file"),
                          Not(HasSubstr("GOCSPX")))));
}

TEST_F(DeviceLoginTest, TheNameOfTheRfcIsUnderstoodAndAFaultMetByAskingAgain) {
  code_answers_ = {
      {503, "<html>", {}},
      {403, R"({"error_code":"rate_limit_exceeded"})", {}},
      {200, R"({"device_code":"d","user_code":"U","verification_uri":"https://x.test/"})", {}}};
  const auto login = begin();
  ASSERT_TRUE(login.ok()) << login.error().to_string();
  EXPECT_EQ((*login)->url(), "https://x.test/");
  const std::lock_guard lock(mutex_);
  EXPECT_EQ(asked_.size(), 3U);
}

TEST_F(DeviceLoginTest, AClientOfAnotherTypeIsTold) {
  code_answers_ = {
      refusal(401, "invalid_client", R"(,"error_description":"Invalid client type.")")};
  const auto login = begin();
  ASSERT_TRUE(login.failed_with(ErrorCode::kLoginNeeded));
  EXPECT_THAT(login.error().message, HasSubstr("TVs and Limited Input devices"));
}

TEST_F(DeviceLoginTest, AnAnswerWithoutACodeOrWithOneThatCannotBeShown) {
  for (const char* answer :
       {"{}", R"({"device_code":"d","user_code":"A B","verification_url":"https://x.test"})",
        R"({"device_code":"d","user_code":"A","verification_url":"https://x\u001b[2J"})"}) {
    code_answers_ = {{200, answer, {}}};
    EXPECT_TRUE(begin().failed_with(ErrorCode::kCorrupt)) << answer;
  }
}

TEST_F(DeviceLoginTest, ItAsksAtGooglesPaceUntilTheUserHasAnswered) {
  const TimePoint start = fixture_.clock.now();
  const auto login = wait({refusal(428, "authorization_pending"),
                           refusal(403, "slow_down"),
                           {500, "<html>", {}},
                           refusal(428, "authorization_pending"),
                           {}});
  ASSERT_TRUE(login.ok()) << login.error().to_string();
  EXPECT_EQ(fixture_.server.asked(), 5);
  EXPECT_EQ(fixture_.clock.now() - start, 5s + 5s + 3 * 10s);
  const auto form = fixture_.server.form(0);
  EXPECT_EQ(form.at("grant_type"), "urn:ietf:params:oauth:grant-type:device_code");
  EXPECT_EQ(form.at("device_code"), "4/4-secret");
  EXPECT_EQ(form.at("client_id"), "client.tv");
  EXPECT_EQ(form.at("client_secret"), "GOCSPX-tv");
  EXPECT_EQ(login->refresh_token.reveal(), "1//refresh");
  EXPECT_EQ(login->client.id, "client.tv");
  EXPECT_THAT(login->scopes, ElementsAre(std::string(kScopeDriveFile)));
}

TEST_F(DeviceLoginTest, ARefusalEndsIt) {
  struct Case {
    int status;
    const char* error;
    ErrorCode code;
    const char* says;
  };
  for (const auto& [status, error, code, says] : std::initializer_list<Case>{
           {403, "access_denied", ErrorCode::kPermissionDenied, "denied"},
           {400, "admin_policy_enforced", ErrorCode::kPermissionDenied, "organisation"},
           {403, "org_internal", ErrorCode::kPermissionDenied, "organisation"},
           {400, "invalid_grant", ErrorCode::kLoginNeeded, "expired"},
           {400, "expired_token", ErrorCode::kLoginNeeded, "expired"},
           {401, "invalid_client", ErrorCode::kLoginNeeded, "id or secret is wrong"},
           {400, "unsupported_grant_type", ErrorCode::kLoginNeeded, "again"}}) {
    const auto login = wait({refusal(status, error)});
    ASSERT_TRUE(login.failed_with(code)) << error << ": " << login.error().to_string();
    EXPECT_THAT(login.error().message,
                AllOf(HasSubstr(says), HasSubstr("run `driveway login --with device` again"),
                      Not(HasSubstr("4/4-secret"))));
  }
}

TEST_F(DeviceLoginTest, ACodeThatNobodyTypesExpires) {
  const auto login = wait({refusal(428, "authorization_pending")});
  ASSERT_TRUE(login.failed_with(ErrorCode::kLoginNeeded));
  EXPECT_THAT(login.error().message, HasSubstr("nobody typed the code"));
  EXPECT_EQ(fixture_.server.asked(), 1800 / 5);
}

TEST_F(DeviceLoginTest, ADeadlineEndsIt) {
  const Context context{.deadline = fixture_.clock.now() + 60s};
  EXPECT_TRUE(wait({refusal(428, "authorization_pending")}, context)
                  .failed_with(ErrorCode::kDeadlineExceeded));
}

TEST_F(DeviceLoginTest, WhatIsGrantedMustReachFiles) {
  fixture_.server.extra = R"(,"refresh_token":"1//refresh","scope":"openid email")";
  const auto login = wait({{}});
  ASSERT_TRUE(login.failed_with(ErrorCode::kPermissionDenied));
  EXPECT_THAT(login.error().message, HasSubstr("tick the box"));
  fixture_.server.extra = "";
  EXPECT_TRUE(wait({{}}).failed_with(ErrorCode::kLoginNeeded));  // nothing that lasts
}

TEST_F(DeviceLoginTest, WithoutAClientItSaysOfWhichTypeOneMustBe) {
  const auto client = device_client("", Secret(), fixture_.environment);
  ASSERT_TRUE(client.failed_with(ErrorCode::kLoginNeeded));
  EXPECT_THAT(client.error().message, HasSubstr("TVs and Limited Input devices"));
  EXPECT_EQ(device_client("a", Secret("b"), fixture_.environment)->id, "a");
}

}  // namespace
}  // namespace driveway::auth
