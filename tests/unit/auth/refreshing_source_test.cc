#include "auth/refreshing_source.h"

#include <atomic>
#include <thread>

#include "auth/login_store.h"
#include "base/log.h"
#include "unit/auth/token_server.h"

namespace driveway::auth {
namespace {

using test::AuthFixture;
using test::credential;
using test::Form;
using test::Gate;
using test::refusal;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using namespace std::chrono_literals;

class RefreshingSourceTest : public testing::Test {
 protected:
  std::unique_ptr<TokenSource> source(const std::string& name = "default") {
    return source(fixture_.clock, fixture_.endpoint(), name);
  }
  std::unique_ptr<TokenSource> source(Clock& clock, const TokenEndpoint& endpoint,
                                      const std::string& name = "default") {
    return make_refreshing_source(make_refresh_token_grant(store_.home(name), endpoint, clock),
                                  clock);
  }
  void save(const Credential& login, const std::string& name = "default") {
    ASSERT_TRUE(store_.save({}, name, login).ok());
  }

  // Before the server: its threads may still use them when a test's body has ended.
  Gate asked_, answer_;
  std::atomic<int> requests_ = 0;
  AuthFixture fixture_;
  LoginStore store_{fixture_.environment.config_folder, fixture_.clock};
};

TEST_F(RefreshingSourceTest, AClientWithoutASecretSendsNone) {
  Credential login = credential();
  login.client.secret = Secret();
  save(login);
  ASSERT_TRUE(source()->token({}).ok());
  EXPECT_FALSE(fixture_.server.form(0).contains("client_secret"));
}

TEST_F(RefreshingSourceTest, AWrongClockIsWarnedOf) {
  const auto log_file = fixture_.folder.path() / "log.txt";
  ASSERT_TRUE(log::init_file(log_file).ok());
  save(credential());
  const auto token_at = [&](const char* date) {
    fixture_.server.answer_with(
        {{200, R"({"access_token":"ya29.t","expires_in":3599})", {{"Date", date}}}});
    EXPECT_TRUE(source()->token({}).ok());
    return read_file(log_file).value_or("");
  };
  EXPECT_THAT(token_at("no date"), Not(HasSubstr("clock")));
  EXPECT_THAT(token_at("Sat, 21 Nov 1970 02:03:04 GMT"), HasSubstr("this machine's clock is"));
  log::init_stderr();
}

TEST_F(RefreshingSourceTest, TellsALoginFromAnotherInTheSamePlaceD5) {
  save(credential("1//first"));
  const auto first = source();
  const auto again = source();
  save(credential("1//second"));
  const auto second = source();
  EXPECT_EQ(first->describe(), second->describe());
  EXPECT_EQ(first->fingerprint(), again->fingerprint());
  EXPECT_NE(first->fingerprint(), second->fingerprint());
  EXPECT_EQ(first->fingerprint().size(), 16U);
  EXPECT_EQ(source("missing")->fingerprint(), "");
}

TEST_F(RefreshingSourceTest, AsksAsOAuthHasItAndKeepsTheToken) {
  save(credential());
  fixture_.server.extra = R"(,"scope":"https://www.googleapis.com/auth/drive openid")";
  const auto tokens = source();
  const auto token = tokens->token({});
  ASSERT_TRUE(token.ok()) << token.error().to_string();
  EXPECT_EQ(token->value.reveal(), "ya29.1");
  EXPECT_EQ(token->expires, fixture_.clock.now() + 3599s);
  EXPECT_EQ(token->scopes.size(), 2U);
  EXPECT_EQ(fixture_.server.form(0), (Form{{"grant_type", "refresh_token"},
                                           {"client_id", "client.apps.test"},
                                           {"client_secret", "GOCSPX-client-secret"},
                                           {"refresh_token", "1//refresh-secret"}}));
  EXPECT_EQ(tokens->token({})->value.reveal(), "ya29.1");
  EXPECT_EQ(fixture_.server.asked(), 1);
  EXPECT_EQ(tokens->describe(), "stored login default");
}

TEST_F(RefreshingSourceTest, RefreshesThreeMinutesAndThreeQuartersAhead) {
  save(credential());
  const auto tokens = source();
  ASSERT_TRUE(tokens->token({}).ok());
  fixture_.clock.advance(3599s - 225s - 31s);  // the jitter is up to 30 s
  EXPECT_EQ(tokens->token({})->value.reveal(), "ya29.1");
  fixture_.clock.advance(31s);
  EXPECT_EQ(tokens->token({})->value.reveal(), "ya29.2");
}

TEST_F(RefreshingSourceTest, AShortLivedTokenIsUsedForMostOfItsLife) {
  save(credential());
  fixture_.server.lifetime = R"("8")";  // as a string: old answers have that
  const auto tokens = source();
  ASSERT_TRUE(tokens->token({}).ok());
  fixture_.clock.advance(5900ms);
  EXPECT_EQ(tokens->token({})->value.reveal(), "ya29.1");
  fixture_.clock.advance(200ms);
  EXPECT_EQ(tokens->token({})->value.reveal(), "ya29.2");
}

// Expiry counts on the monotonic clock from the answer: what the wall clock says does not matter.
TEST_F(RefreshingSourceTest, OneRefreshServesAllWhoWait) {
  save(credential());
  fixture_.server.on_request = [&](const Form&) {
    asked_.open();
    EXPECT_TRUE(answer_.wait());
  };
  FakeClock clock;  // its waits do not jump
  const auto tokens = source(clock, {*fixture_.client.http, clock, fixture_.server.url()});
  std::vector<std::thread> threads;
  std::atomic<int> same = 0;
  const Context context{.deadline = clock.now() + 100s};
  // The leader has no deadline of the fake clock, which http would not understand.
  threads.emplace_back([&] { same += tokens->token({})->value.reveal() == "ya29.1" ? 1 : 0; });
  EXPECT_TRUE(asked_.wait());
  for (int i = 0; i < 20; ++i) {
    threads.emplace_back(
        [&] { same += tokens->token(context)->value.reveal() == "ya29.1" ? 1 : 0; });
  }
  while (clock.waiting() < 20) std::this_thread::yield();
  answer_.open();
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(same, 21);
  EXPECT_EQ(fixture_.server.asked(), 1);
}

TEST_F(RefreshingSourceTest, AWaiterTakesOverFromALeaderThatWasCancelled) {
  save(credential());
  fixture_.server.on_request = [&](const Form&) {
    if (++requests_ > 1) return;
    asked_.open();
    EXPECT_TRUE(answer_.wait());
  };
  FakeClock clock;
  clock.advance(24h * 365);  // ahead of the real time in which the client works
  const auto tokens = source(clock, {*fixture_.client.http, clock, fixture_.server.url()});
  CancelSource source;
  std::thread leader([&] {
    Context context;
    context.cancel = source.token();
    EXPECT_TRUE(tokens->token(context).failed_with(ErrorCode::kCancelled));
  });
  EXPECT_TRUE(asked_.wait());
  std::thread waiter([&] { EXPECT_TRUE(tokens->token({}).ok()); });
  source.cancel();
  leader.join();
  waiter.join();
  answer_.open();
}

TEST_F(RefreshingSourceTest, AWaiterHasItsOwnDeadline) {
  save(credential());
  fixture_.server.on_request = [&](const Form&) {
    asked_.open();
    EXPECT_TRUE(answer_.wait());
  };
  FakeClock clock;
  clock.advance(24h * 365);  // ahead of the real time in which the client works
  const auto tokens = source(clock, {*fixture_.client.http, clock, fixture_.server.url()});
  std::thread leader([&] { EXPECT_TRUE(tokens->token({}).ok()); });
  EXPECT_TRUE(asked_.wait());
  std::thread waiter([&] {
    EXPECT_TRUE(tokens->token(Context{.deadline = clock.now() + 1s})
                    .failed_with(ErrorCode::kDeadlineExceeded));
  });
  while (clock.waiting() == 0) std::this_thread::yield();
  clock.advance(2s);
  waiter.join();
  answer_.open();
  leader.join();
}

TEST_F(RefreshingSourceTest, ATokenThatStillWorksIsGivenWhileAnotherIsFetched) {
  save(credential());
  FakeClock clock;
  clock.advance(24h * 365);  // ahead of the real time in which the client works
  const auto tokens = source(clock, {*fixture_.client.http, clock, fixture_.server.url()});
  ASSERT_TRUE(tokens->token({}).ok());
  clock.advance(3500s);
  fixture_.server.on_request = [&](const Form&) {
    asked_.open();
    EXPECT_TRUE(answer_.wait());
  };
  std::thread leader([&] { EXPECT_EQ(tokens->token({})->value.reveal(), "ya29.2"); });
  EXPECT_TRUE(asked_.wait());
  EXPECT_EQ(tokens->token({})->value.reveal(), "ya29.1");
  answer_.open();
  leader.join();
}

TEST_F(RefreshingSourceTest, ATokenThatStillWorksSurvivesAFaultOfTheServer) {
  save(credential());
  const auto tokens = source();
  ASSERT_TRUE(tokens->token({}).ok());
  fixture_.clock.advance(3500s);
  fixture_.server.answer_with({refusal(503, "temporarily_unavailable")});
  EXPECT_EQ(tokens->token({})->value.reveal(), "ya29.1");
  EXPECT_EQ(tokens->token({})->value.reveal(), "ya29.1");
  EXPECT_EQ(fixture_.server.asked(), 2);  // not at every call
}

TEST_F(RefreshingSourceTest, ARefusedTokenIsReplacedOnce) {
  save(credential());
  const auto tokens = source();
  const auto first = tokens->token({});
  tokens->refused(*first);
  const auto second = tokens->token({});
  EXPECT_EQ(second->value.reveal(), "ya29.2");
  tokens->refused(*first);  // late news of a token that is gone
  EXPECT_EQ(tokens->token({})->value.reveal(), "ya29.2");
  EXPECT_EQ(fixture_.server.asked(), 2);
}

TEST_F(RefreshingSourceTest, ARefusedTokenIsNotGivenAgain) {
  save(credential());
  fixture_.server.answer_with({{200, R"({"access_token":"ya29.same","expires_in":3599})", {}}});
  const auto tokens = source();
  tokens->refused(*tokens->token({}));
  const auto again = tokens->token({});
  ASSERT_TRUE(again.failed_with(ErrorCode::kUnavailable));
  EXPECT_TRUE(again.error().retryable);
}

TEST_F(RefreshingSourceTest, FaultsOfTheServerAreTriedAgain) {
  save(credential());
  fixture_.server.answer_with({{503, "<html>", {}},
                               {500, "", {}},
                               {429, "", {{"Retry-After", "7"}}},
                               {408, "", {}},
                               refusal(400, "internal_failure"),
                               {200, "<html>captive portal</html>", {}},
                               {}});
  const TimePoint start = fixture_.clock.now();
  const auto token = source()->token({});
  ASSERT_TRUE(token.ok()) << token.error().to_string();
  EXPECT_EQ(fixture_.server.asked(), 7);
  // At least half of 0.5 + 1 + (7 s as told) + 4 + 8 + 16 s.
  EXPECT_GE(fixture_.clock.now() - start, 7s + 14s);
}

TEST_F(RefreshingSourceTest, TryingAgainHasAnEnd) {
  save(credential());
  fixture_.server.answer_with({{502, "<html>", {}}});
  const auto token = source()->token({});
  ASSERT_TRUE(token.failed_with(ErrorCode::kUnavailable));
  EXPECT_TRUE(token.error().retryable);
  EXPECT_EQ(fixture_.server.asked(), TokenEndpoint::kMaxAttempts);
}

// Answers 503 to everything, at once: no thread of its own, so that the clock may jump over pauses.
class BusyHttp final : public http::HttpClient {
 public:
  explicit BusyHttp(Clock& clock) : HttpClient(clock, kMiB) {}
  std::unique_ptr<http::Call> start(http::Request, http::CallObserver& observer) override {
    ++asked;
    observer.on_done(http::Response{.status = 503, .headers = {}, .body = ""});
    return nullptr;
  }
  int asked = 0;
};

TEST_F(RefreshingSourceTest, TryingAgainStaysWithinTheDeadline) {
  save(credential());
  FakeClock clock(true);
  BusyHttp http(clock);
  const auto tokens = source(clock, {http, clock, "http://busy.test"});
  const TimePoint deadline = clock.now() + 3s;
  const auto token = tokens->token(Context{.deadline = deadline});
  ASSERT_TRUE(token.failed_with(ErrorCode::kDeadlineExceeded)) << token.error().to_string();
  EXPECT_THAT(token.error().to_string(), HasSubstr("HTTP 503"));
  EXPECT_GE(http.asked, 3);
  EXPECT_LE(clock.now(), deadline);
}

TEST_F(RefreshingSourceTest, AnInvalidGrantNeedsALogin) {
  const WallTime now = fixture_.clock.wall_now();
  Credential fresh = credential();
  fresh.created = now - 24h;
  Credential testing = credential();
  testing.created = now - 24h * 7 - 5min;
  Credential limited = credential();
  limited.created = now - 24h;
  limited.grant_ends = now - 1min;
  const struct {
    Credential login;
    std::string more;
    std::string why;
  } cases[] = {
      {fresh, R"(,"error_description":"Token has been expired or revoked.")", "revoked"},
      {testing, R"(,"error_description":"Token has been expired or revoked.")", "Testing"},
      {limited, "", "was given until"},
      {fresh, R"(,"error_subtype":"invalid_rapt")", "organisation asks for a new sign-in"},
      {fresh, R"(,"error_description":"Account has been deleted")", "deleted"},
  };
  for (const auto& [login, more, why] : cases) {
    save(login);
    fixture_.server.answer_with({refusal(400, "invalid_grant", more)});
    const auto token = source()->token({});
    ASSERT_TRUE(token.failed_with(ErrorCode::kLoginNeeded));
    EXPECT_FALSE(token.error().retryable);
    EXPECT_THAT(token.error().to_string(),
                AllOf(HasSubstr("stored login default"), HasSubstr("invalid_grant"), HasSubstr(why),
                      HasSubstr("run `driveway login`"), Not(HasSubstr("secret"))));
  }
}

TEST_F(RefreshingSourceTest, ARefusedClientNeedsALogin) {
  save(credential(), "work");
  for (const std::string error : {"deleted_client", "unauthorized_client", "invalid_client",
                                  "disabled_client", "admin_policy_enforced", "unheard_of"}) {
    fixture_.server.answer_with({refusal(401, error)});
    const auto token = source("work")->token({});
    ASSERT_TRUE(token.failed_with(ErrorCode::kLoginNeeded)) << error;
    EXPECT_THAT(token.error().to_string(),
                AllOf(HasSubstr(error), HasSubstr("run `driveway login --account work`")));
  }
}

TEST_F(RefreshingSourceTest, ARefusalIsRememberedForAMinute) {
  save(credential());
  fixture_.server.answer_with({refusal(400, "invalid_grant"), {}});
  const auto tokens = source();
  EXPECT_TRUE(tokens->token({}).failed_with(ErrorCode::kLoginNeeded));
  EXPECT_TRUE(tokens->token({}).failed_with(ErrorCode::kLoginNeeded));
  EXPECT_EQ(fixture_.server.asked(), 1);
  fixture_.clock.advance(61s);
  EXPECT_TRUE(tokens->token({}).ok());
}

// E1: a login stops working only by OAuth's own word, not by a page of the network.
TEST_F(RefreshingSourceTest, WhatIsNotOAuthsSaysNothingOfTheLogin) {
  save(credential());
  for (const int status : {200, 302, 400, 401, 403, 404}) {
    for (const char* body : {"<html>portal</html>", "", "[]", R"({"message":"no"})",
                             R"({"error":{"code":403,"status":"PERMISSION_DENIED"}})"}) {
      fixture_.server.answer_with({{status, body, {}}, {}});
      const auto token = source()->token({});
      EXPECT_TRUE(token.ok()) << status << " " << body;  // asked again, and got one
    }
  }
  fixture_.server.answer_with({{403, "<html>", {}}});
  const auto token = source()->token({});
  ASSERT_TRUE(token.failed_with(ErrorCode::kUnavailable));
  EXPECT_TRUE(token.error().retryable);
}

// E1: `driveway login` wakes the daemon without a remount.
TEST_F(RefreshingSourceTest, ANewLoginIsSeenAtOnce) {
  save(credential("1//old"));
  fixture_.server.answer_with({refusal(400, "invalid_grant"), {}});
  const auto tokens = source();
  EXPECT_TRUE(tokens->token({}).failed_with(ErrorCode::kLoginNeeded));
  save(credential("1//new"));  // another process
  EXPECT_TRUE(tokens->token({}).ok());
  EXPECT_EQ(fixture_.server.form(1).at("refresh_token"), "1//new");

  save(credential("1//newer"));  // also while the token works: it may be of another account
  EXPECT_TRUE(tokens->token({}).ok());
  EXPECT_EQ(fixture_.server.form(2).at("refresh_token"), "1//newer");

  ASSERT_TRUE(store_.remove({}, "default").ok());  // logged out
  EXPECT_TRUE(tokens->token({}).failed_with(ErrorCode::kLoginNeeded));
}

TEST_F(RefreshingSourceTest, ANewRefreshTokenIsStored) {
  save(credential());
  fixture_.server.extra = R"(,"refresh_token":"1//rotated")";
  const auto tokens = source();
  const auto first = tokens->token({});
  ASSERT_TRUE(first.ok());
  const auto stored = store_.load("default");
  ASSERT_TRUE(stored.ok());
  EXPECT_EQ(stored->refresh_token.reveal(), "1//rotated");
  EXPECT_EQ(stored->account, "me@example.test");
  // Our own writing is no new login.
  EXPECT_EQ(tokens->token({})->value.reveal(), "ya29.1");
  EXPECT_EQ(fixture_.server.asked(), 1);
  tokens->refused(*first);
  EXPECT_TRUE(tokens->token({}).ok());
  EXPECT_EQ(fixture_.server.form(1).at("refresh_token"), "1//rotated");
}

TEST_F(RefreshingSourceTest, ATokenThatIsNoHeaderIsRefused) {
  save(credential());
  fixture_.server.answer_with({{200, R"({"access_token":"ya29.\r\nX: secret"})", {}}});
  const auto token = source()->token({});
  ASSERT_TRUE(token.failed_with(ErrorCode::kCorrupt));
  EXPECT_THAT(token.error().to_string(), Not(HasSubstr("secret")));
}

// Nothing secret in any log line at any level, nor in any error (oauth reference 12).
TEST_F(RefreshingSourceTest, SecretsStayOutOfLogsAndErrors) {
  const auto log_file = fixture_.folder.path() / "log.txt";
  ASSERT_TRUE(log::init_file(log_file).ok());
  log::set_level(log::Level::kTrace);
  save(credential("plain-refresh-secret"));
  fixture_.server.answer_with(
      {{503, "plain-refresh-secret GOCSPX-client-secret", {}},
       {200,
        R"({"access_token":"plain-access-secret","refresh_token":"other-refresh-secret"})",
        {}},
       refusal(400, "invalid_grant", R"(,"error_description":"bad plain-refresh-secret")"),
       {403, "no JSON plain-refresh-secret", {}}});
  const auto tokens = source();
  const auto first = tokens->token({});
  ASSERT_TRUE(first.ok()) << first.error().to_string();
  tokens->refused(*first);
  std::string errors = tokens->token({}).error().to_string();
  fixture_.clock.advance(2min);
  errors += tokens->token({}).error().to_string();
  EXPECT_THAT(errors, Not(HasSubstr("secret")));
  log::set_level(log::Level::kWarn);
  log::init_stderr();
  const auto logged = read_file(log_file);
  ASSERT_TRUE(logged.ok());
  EXPECT_THAT(*logged, AllOf(HasSubstr("HTTP 503"), HasSubstr("new access token"),
                             Not(HasSubstr("secret"))));
}

}  // namespace
}  // namespace driveway::auth
