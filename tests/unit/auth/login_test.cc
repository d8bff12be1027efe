#include "auth/login.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <thread>

#include "auth/loopback.h"
#include "base/hash.h"
#include "unit/auth/token_server.h"

namespace driveway::auth {
namespace {

using test::AuthFixture;
using test::Form;
using test::refusal;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using namespace std::chrono_literals;

class LoginTest : public testing::Test {
 protected:
  LoginTest() {
    fixture_.server.extra =
        R"(,"refresh_token":"1//refresh","scope":"https://www.googleapis.com/auth/drive")";
    begin();
    const std::string& url = login_->url();
    for (const std::string_view part :
         split(std::string_view(url).substr(url.find('?') + 1), '&')) {
      const auto equals = part.find('=');
      query_[std::string(part.substr(0, equals))] = percent_decode(part.substr(equals + 1));
    }
  }

  // As another call of the program would; the one before has ended.
  void begin() {
    login_.reset();
    login_ = begin_beside();
  }
  std::unique_ptr<PendingLogin> begin_beside() {
    auto begun =
        begin_login({}, request_, fixture_.environment, *fixture_.client.http, fixture_.clock);
    EXPECT_TRUE(begun.ok()) << begun.error().to_string();
    return *std::move(begun);
  }
  std::string redirect(const std::string& parameters) const {
    return cat(query_.at("redirect_uri"), "?", parameters);
  }
  std::string with_state(const std::string& parameters) const {
    return redirect(cat("state=", query_.at("state"), "&", parameters));
  }
  // What a browser would get.
  Result<http::Response> visit(const std::string& url) {
    return fixture_.client.http->fetch(fixture_.client.soon(), fixture_.client.get(url));
  }
  Result<Credential> finish(const std::string& answer) {
    return login_->finish({}, Secret(answer));
  }

  AuthFixture fixture_;
  LoginStore store_{fixture_.environment.config_folder, fixture_.clock};
  LoginRequest request_{.client = {"client.test", Secret("GOCSPX-secret")},
                        .scopes = drive_scopes(false),
                        .login_hint = "me@example.test"};
  std::unique_ptr<PendingLogin> login_;
  Form query_;
};

TEST_F(LoginTest, TheAddressHasEverythingGoogleWants) {
  EXPECT_THAT(login_->url(), testing::StartsWith("https://accounts.test/o/oauth2/v2/auth?"));
  EXPECT_EQ(query_.at("client_id"), "client.test");
  EXPECT_EQ(query_.at("response_type"), "code");
  EXPECT_EQ(query_.at("scope"), "https://www.googleapis.com/auth/drive");
  EXPECT_EQ(query_.at("code_challenge_method"), "S256");
  EXPECT_EQ(query_.at("access_type"), "offline");
  EXPECT_EQ(query_.at("prompt"), "consent");
  EXPECT_EQ(query_.at("login_hint"), "me@example.test");
  EXPECT_GE(query_.at("state").size(), 20U);
  EXPECT_THAT(query_.at("redirect_uri"), testing::MatchesRegex("http://127\\.0\\.0\\.1:[0-9]+/"));
  EXPECT_THAT(login_->url(), Not(HasSubstr("GOCSPX")));
}

TEST_F(LoginTest, TheCodeIsExchangedWithItsVerifier) {
  const auto login = finish(with_state("code=4%2F0Acode&scope=x"));
  ASSERT_TRUE(login.ok()) << login.error().to_string();
  EXPECT_EQ(login->refresh_token.reveal(), "1//refresh");
  EXPECT_EQ(login->client.id, "client.test");
  EXPECT_EQ(login->client.secret.reveal(), "GOCSPX-secret");
  EXPECT_EQ(login->created, fixture_.clock.wall_now());
  EXPECT_FALSE(login->grant_ends.has_value());
  const Form form = fixture_.server.form(0);
  EXPECT_EQ(form.at("grant_type"), "authorization_code");
  EXPECT_EQ(form.at("code"), "4/0Acode");
  EXPECT_EQ(form.at("redirect_uri"), query_.at("redirect_uri"));
  EXPECT_EQ(form.at("client_id"), "client.test");
  EXPECT_EQ(form.at("client_secret"), "GOCSPX-secret");
  const std::string& verifier = form.at("code_verifier");
  EXPECT_GE(verifier.size(), 43U);
  EXPECT_LE(verifier.size(), 128U);
  EXPECT_EQ(base64url(hash_bytes(HashKind::kSha256, verifier)), query_.at("code_challenge"));
}

TEST_F(LoginTest, AnyFormOfTheAnswerIsTaken) {
  for (const std::string& answer :
       {std::string("4/0Acode"), std::string("  4%2F0Acode\n"), with_state("code=4/0Acode"),
        with_state("code=4%2F0Acode&iss=https://accounts.google.com#x"),
        cat("'", with_state("code=4%2F0Acode"), "'"),
        cat("code=4%2F0Acode&state=", query_.at("state")),
        cat("/?code=4%2F0Acode&state=", query_.at("state"))}) {
    const auto login = finish(answer);
    ASSERT_TRUE(login.ok()) << answer << " " << login.error().to_string();
    EXPECT_EQ(fixture_.server.form(fixture_.server.asked() - 1).at("code"), "4/0Acode") << answer;
  }
}

TEST_F(LoginTest, WrongAnswersAreExplainedAndSendNothing) {
  for (const std::string& answer :
       {std::string(""), std::string("two words"), redirect("code=4/0SECRET"),
        redirect("code=4/0SECRET&state=other"), with_state("scope=x"), with_state("code="),
        redirect("error=access_denied&state=other"), std::string("https://accounts.google.com/")}) {
    const auto login = finish(answer);
    ASSERT_TRUE(login.failed_with(ErrorCode::kInvalidArgument)) << answer;
    EXPECT_THAT(login.error().to_string(), Not(HasSubstr("SECRET")));
  }
  const auto denied = finish(with_state("error=access_denied"));
  ASSERT_TRUE(denied.failed_with(ErrorCode::kPermissionDenied));
  EXPECT_THAT(denied.error().message, HasSubstr("run `driveway login` again"));
  EXPECT_EQ(fixture_.server.asked(), 0);
  EXPECT_TRUE(finish("4/0Acode").ok());  // the attempt still stands
}

TEST_F(LoginTest, AnUntickedBoxIsSeen) {
  fixture_.server.extra =
      R"(,"refresh_token":"1//r","scope":"openid https://www.googleapis.com/auth/drive.metadata")";
  const auto login = finish("4/0Acode");
  ASSERT_TRUE(login.failed_with(ErrorCode::kPermissionDenied));
  EXPECT_THAT(login.error().message, HasSubstr("tick the box"));
}

TEST_F(LoginTest, AnswersOfTheTokenEndpoint) {
  fixture_.server.extra = R"(,"refresh_token":"1//r","refresh_token_expires_in":604799)";
  const auto limited = finish("4/0Acode");  // no scope in the answer: as asked for
  ASSERT_TRUE(limited.ok()) << limited.error().to_string();
  EXPECT_EQ(limited->scopes, drive_scopes(false));
  EXPECT_EQ(limited->grant_ends, fixture_.clock.wall_now() + 604799s);

  fixture_.server.extra = "";
  const auto no_refresh = finish("4/0Acode");
  ASSERT_TRUE(no_refresh.failed_with(ErrorCode::kLoginNeeded));
  EXPECT_THAT(no_refresh.error().message, HasSubstr("Desktop app"));

  const std::pair<std::string, std::string> refusals[] = {
      {"invalid_grant", "cut off"},
      {"redirect_uri_mismatch", "Desktop app"},
      {"invalid_client", "id or secret is wrong"},
  };
  for (const auto& [error, why] : refusals) {
    fixture_.server.answer_with({refusal(400, error, R"(,"error_description":"4/0SECRET")")});
    const auto login = finish("4/0SECRET");
    ASSERT_TRUE(login.failed_with(ErrorCode::kLoginNeeded));
    EXPECT_THAT(login.error().to_string(),
                AllOf(HasSubstr(error), HasSubstr(why), HasSubstr("driveway login"),
                      Not(HasSubstr("SECRET"))));
  }
}

TEST_F(LoginTest, ANewLoginCanBeTriedBeforeItIsStored) {
  fixture_.server.extra = R"(,"refresh_token":"1//rotated")";
  Credential credential = test::credential("1//new");
  const auto tokens =
      make_trial_source(credential, fixture_.environment, *fixture_.client.http, fixture_.clock);
  ASSERT_TRUE(tokens->token({}).ok());
  EXPECT_EQ(fixture_.server.form(0).at("refresh_token"), "1//new");
  EXPECT_EQ(credential.refresh_token.reveal(), "1//rotated");
  EXPECT_TRUE(store_.names().empty());
}

TEST_F(LoginTest, TheBrowsersRedirectIsTheAnswer) {
  std::optional<Result<Secret>> answer;
  std::thread waiting([&] { answer = login_->wait_for_answer({}); });
  EXPECT_EQ(visit(cat(query_.at("redirect_uri"), "favicon.ico"))->status, 404);
  EXPECT_EQ(visit(redirect("code=4/0A&state=other"))->status, 404);  // somebody else's
  const auto page = visit(with_state("code=4%2F0Acode"));
  waiting.join();
  ASSERT_TRUE(page.ok()) << page.error().to_string();
  EXPECT_EQ(page->status, 200);
  EXPECT_THAT(page->body, AllOf(HasSubstr("close this page"), Not(HasSubstr("4/0A"))));
  ASSERT_TRUE(answer->ok());
  EXPECT_TRUE(login_->finish({}, **answer).ok());
  EXPECT_EQ(fixture_.server.form(0).at("code"), "4/0Acode");
}

TEST_F(LoginTest, ARefusalInTheBrowserIsTheAnswerToo) {
  std::optional<Result<Secret>> answer;
  std::thread waiting([&] { answer = login_->wait_for_answer({}); });
  const auto page = visit(with_state("error=access_denied"));
  waiting.join();
  EXPECT_THAT(page->body, HasSubstr("refused"));
  EXPECT_TRUE(login_->finish({}, **answer).failed_with(ErrorCode::kPermissionDenied));
}

TEST_F(LoginTest, ConnectionsThatSayNothingAreInNobodysWay) {
  std::optional<Result<Secret>> answer;
  std::thread waiting([&] { answer = login_->wait_for_answer({}); });
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const auto port = query_.at("redirect_uri").substr(std::string("http://127.0.0.1:").size());
  address.sin_port = htons(static_cast<std::uint16_t>(std::stoi(port)));
  std::vector<UniqueFd> silent(20);
  for (UniqueFd& fd : silent) {
    fd.reset(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    ASSERT_EQ(::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  }
  const std::string endless(100'000, 'x');
  static_cast<void>(
      !::send(silent.back().get(), endless.data(), endless.size(), MSG_NOSIGNAL | MSG_DONTWAIT));
  EXPECT_EQ(visit(with_state("code=4/0Acode"))->status, 200);
  waiting.join();
  EXPECT_TRUE(answer->ok());
}

TEST_F(LoginTest, APastedLineIsTheAnswer) {
  int pipe[2];
  ASSERT_EQ(::pipe2(pipe, O_CLOEXEC), 0);
  const UniqueFd input(pipe[0]);
  UniqueFd output(pipe[1]);
  std::optional<Result<Secret>> answer;
  std::thread waiting([&] { answer = login_->wait_for_answer({}, input.get()); });
  const std::string text = "\n  \r\n4/0Aco";
  ASSERT_GT(::write(output.get(), text.data(), text.size()), 0);
  ASSERT_GT(::write(output.get(), "de\n", 3), 0);
  waiting.join();
  ASSERT_TRUE(answer->ok());
  EXPECT_EQ((*answer)->reveal(), "4/0Acode");
}

TEST_F(LoginTest, ALineWithoutAnEndCountsWhenTheInputEnds) {
  int pipe[2];
  ASSERT_EQ(::pipe2(pipe, O_CLOEXEC), 0);
  const UniqueFd input(pipe[0]);
  ASSERT_GT(::write(pipe[1], "4/0Acode", 8), 0);
  ::close(pipe[1]);
  EXPECT_EQ(login_->wait_for_answer({}, input.get())->reveal(), "4/0Acode");
}

TEST_F(LoginTest, AnInputThatEndsLeavesTheBrowser) {
  const UniqueFd nothing(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  std::optional<Result<Secret>> answer;
  std::thread waiting([&] { answer = login_->wait_for_answer({}, nothing.get()); });
  EXPECT_EQ(visit(with_state("code=4/0Acode"))->status, 200);
  waiting.join();
  EXPECT_TRUE(answer->ok());
}

TEST_F(LoginTest, WaitingEndsWithTheContext) {
  EXPECT_TRUE(login_->wait_for_answer(Context{.deadline = fixture_.clock.now() - 1s})
                  .failed_with(ErrorCode::kDeadlineExceeded));
  CancelSource source;
  Context context;
  context.cancel = source.token();
  std::thread waiting(
      [&] { EXPECT_TRUE(login_->wait_for_answer(context).failed_with(ErrorCode::kCancelled)); });
  source.cancel();
  waiting.join();
}

// A login that has begun

TEST_F(LoginTest, ALaterCallTakesUpWhatHasBegun) {
  const std::string url = login_->url();
  const WallTime begun = login_->begun();
  fixture_.clock.advance(50min);
  begin();
  EXPECT_EQ(login_->url(), url);
  EXPECT_EQ(login_->begun(), begun);
  EXPECT_TRUE(login_->hears_browser());
  ASSERT_TRUE(finish(with_state("code=4%2F0Acode")).ok());  // of the first call's URL
  const Form form = fixture_.server.form(0);
  EXPECT_EQ(form.at("redirect_uri"), query_.at("redirect_uri"));
  EXPECT_EQ(form.at("client_secret"), "GOCSPX-secret");
  EXPECT_EQ(base64url(hash_bytes(HashKind::kSha256, form.at("code_verifier"))),
            query_.at("code_challenge"));
  begin();
  EXPECT_NE(login_->url(), url);  // a login that has ended is not taken up
}

TEST_F(LoginTest, WhatIsKeptIsPrivateAndNoLogin) {
  const auto path = store_.begun_path_of("default");
  struct stat info {};
  ASSERT_EQ(::stat(path.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777U, 0600U);
  ASSERT_EQ(::stat(path.parent_path().c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777U, 0700U);
  EXPECT_TRUE(store_.names().empty());
  EXPECT_FALSE(store_.contains("default"));
  EXPECT_TRUE(store_.begun("default").has_value());
  EXPECT_FALSE(store_.begun("work").has_value());
}

TEST_F(LoginTest, AnotherRequestOrAnotherDayBeginsAnew) {
  auto differs = [&, url = login_->url()]() mutable {
    begin();
    return std::exchange(url, login_->url()) != url;
  };
  EXPECT_FALSE(differs());
  request_.scopes = drive_scopes(true);
  EXPECT_TRUE(differs());
  request_.client.secret = Secret("GOCSPX-right-now");
  EXPECT_TRUE(differs());
  request_.client.secret = Secret();  // not given again
  EXPECT_FALSE(differs());
  request_.client = {"other.test", Secret()};
  EXPECT_TRUE(differs());
  fixture_.clock.advance(60min);
  EXPECT_TRUE(differs());
  ASSERT_EQ(::chmod(store_.begun_path_of("default").c_str(), 0640), 0);
  EXPECT_TRUE(differs());
  for (const std::string content : {"", "{", R"({"version":2})", R"({"version":1,"state":"x"})"}) {
    ASSERT_TRUE(write_file_atomically(store_.begun_path_of("default"), content, 0600).ok());
    EXPECT_TRUE(differs()) << content;
  }
}

TEST_F(LoginTest, EachAccountHasItsOwn) {
  const std::string url = login_->url();
  request_.account = "work";
  EXPECT_NE(begin_beside()->url(), url);
  request_.account = "default";
  begin();
  EXPECT_EQ(login_->url(), url);
  request_.account = "../x";
  EXPECT_TRUE(begin_login({}, request_, fixture_.environment, *fixture_.client.http, fixture_.clock)
                  .failed_with(ErrorCode::kInvalidArgument));
}

TEST_F(LoginTest, TwoAtOnceAreOneOfWhichOneHearsTheBrowser) {
  const auto second = begin_beside();
  EXPECT_EQ(second->url(), login_->url());
  EXPECT_TRUE(login_->hears_browser());
  EXPECT_FALSE(second->hears_browser());
  int pipe[2];
  ASSERT_EQ(::pipe2(pipe, O_CLOEXEC), 0);
  const UniqueFd input(pipe[0]);
  const UniqueFd output(pipe[1]);
  ASSERT_GT(::write(output.get(), "4/0Acode\n", 9), 0);
  const auto answer = second->wait_for_answer({}, input.get());
  ASSERT_TRUE(answer.ok());
  EXPECT_TRUE(second->finish({}, *answer).ok());
}

TEST_F(LoginTest, WhatHasBegunIsKeptUntilItEnds) {
  const auto is_kept = [&] { return store_.begun("default").has_value(); };
  EXPECT_TRUE(finish("two words").failed_with(ErrorCode::kInvalidArgument));
  EXPECT_TRUE(is_kept());
  fixture_.server.answer_with({{503, "<html>", {}}});
  EXPECT_TRUE(finish("4/0Acode").failed_with(ErrorCode::kUnavailable));
  EXPECT_TRUE(is_kept());
  fixture_.server.answer_with({refusal(400, "invalid_grant")});
  EXPECT_TRUE(finish("4/0Acode").failed_with(ErrorCode::kLoginNeeded));
  EXPECT_FALSE(is_kept());
  begin();
  EXPECT_TRUE(
      finish(redirect(cat("error=access_denied&state=", store_.begun("default")->state.reveal())))
          .failed_with(ErrorCode::kPermissionDenied));
  EXPECT_FALSE(is_kept());
}

TEST_F(LoginTest, OneThatHasEndedLeavesTheNextAlone) {
  ASSERT_TRUE(store_.drop_begun({}, "default").ok());
  const auto next = begin_beside();
  ASSERT_TRUE(login_->drop({}).ok());
  EXPECT_TRUE(store_.begun("default").has_value());
  ASSERT_TRUE(next->drop({}).ok());
  EXPECT_FALSE(store_.begun("default").has_value());
}

TEST_F(LoginTest, TheClientOfWhatHasBegunNeedsNotBeGivenAgain) {
  const auto begun = store_.begun("default");
  Environment environment;
  const auto same = client_identity("", Secret(), environment, begun);
  ASSERT_TRUE(same.ok());
  EXPECT_EQ(same->id, "client.test");
  EXPECT_EQ(same->secret.reveal(), "GOCSPX-secret");
  EXPECT_EQ(client_identity("client.test", Secret(), environment, begun)->secret.reveal(),
            "GOCSPX-secret");
  EXPECT_EQ(client_identity("client.test", Secret("s"), environment, begun)->secret.reveal(), "s");
  EXPECT_TRUE(client_identity("other", Secret(), environment, begun)->secret.empty());
  environment.client_id = "env";
  environment.client_secret = Secret("env-secret");
  EXPECT_EQ(client_identity("", Secret(), environment, begun)->id, "env");
  EXPECT_EQ(client_identity("client.test", Secret(), environment, begun)->secret.reveal(),
            "GOCSPX-secret");
}

TEST_F(LoginTest, TheClientComesFromArgumentsOrTheEnvironment) {
  Environment environment;
  const auto none = client_identity("", Secret(), environment);
  ASSERT_TRUE(none.failed_with(ErrorCode::kLoginNeeded));
  EXPECT_THAT(none.error().message, AllOf(HasSubstr("--client-id"), HasSubstr("DRIVEWAY_CLIENT_ID"),
                                          HasSubstr("Desktop app")));
  environment.client_id = "env";
  environment.client_secret = Secret("env-secret");
  EXPECT_EQ(client_identity("", Secret(), environment)->id, "env");
  EXPECT_EQ(client_identity("", Secret(), environment)->secret.reveal(), "env-secret");
  EXPECT_EQ(client_identity("mine", Secret("s"), environment)->secret.reveal(), "s");
  EXPECT_TRUE(client_identity("mine", Secret(), environment)->secret.empty());
  EXPECT_EQ(client_identity("env", Secret(), environment)->secret.reveal(), "env-secret");
}

}  // namespace
}  // namespace driveway::auth
