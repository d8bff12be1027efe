#include "auth/given_token.h"

#include <sys/stat.h>

#include <fstream>
#include <thread>

#include "auth/choose_source.h"
#include "auth/login_store.h"
#include "auth/run_command.h"
#include "unit/auth/token_server.h"

namespace driveway::auth {
namespace {

using test::AuthFixture;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using namespace std::chrono_literals;

constexpr const char* kDriveInfo =
    R"({"scope":"openid https://www.googleapis.com/auth/drive","expires_in":"1800"})";

class GivenTokenTest : public testing::Test {
 protected:
  std::string write(const std::string& name, const std::string& content, mode_t mode = 0600) {
    const auto path = fixture_.folder.path() / name;
    EXPECT_TRUE(write_file_atomically(path, content, mode).ok());
    return path;
  }
  std::string script(const std::string& body) {
    return write("print-token", cat("#!/bin/sh\n", body, "\n"), 0700);
  }
  Result<std::unique_ptr<TokenSource>> choose(const std::string& method,
                                              const std::string& account = "") {
    DRIVEWAY_TRY(const Method chosen, parse_method(method));
    return choose_source({.account = account, .method = chosen}, fixture_.environment,
                         *fixture_.client.http, fixture_.clock);
  }
  Result<TokenAnswer> read(std::string_view text, WallTime written) {
    return read_given_token(text, written, fixture_.clock, "it", "mend it");
  }
  Result<TokenAnswer> read(std::string_view text) { return read(text, fixture_.clock.wall_now()); }

  AuthFixture fixture_;
};

TEST_F(GivenTokenTest, ATokenAloneOrJson) {
  const auto raw = read("  ya29.raw\n");
  ASSERT_TRUE(raw.ok());
  EXPECT_EQ(raw->token.value.reveal(), "ya29.raw");
  EXPECT_EQ(raw->token.expires, TimePoint::max());
  const WallTime now = fixture_.clock.wall_now();
  const auto dated = read(
      cat(R"({"access_token":"t","scope":"a b","expiry":")", format_rfc3339(now + 10min), R"("})"));
  ASSERT_TRUE(dated.ok()) << dated.error().to_string();
  EXPECT_EQ(dated->token.expires, fixture_.clock.now() + 10min);
  EXPECT_THAT(dated->token.scopes, ElementsAre("a", "b"));
  const auto aged = read(R"({"token":"t","expires_in":"3600","scopes":["a"]})", now - 50min);
  ASSERT_TRUE(aged.ok());
  EXPECT_EQ(aged->lifetime, 10min);
  EXPECT_THAT(aged->token.scopes, ElementsAre("a"));
}

TEST_F(GivenTokenTest, WhatIsNoTokenIsRefusedWithoutBeingShown) {
  const WallTime now = fixture_.clock.wall_now();
  const std::pair<std::string, std::string> cases[] = {
      {"", "no token"},
      {"{}", "no token"},
      {"{SECRET", "not JSON"},
      {"SECRET\nX-Header: 1", "not a token"},
      {"SECRET \xc3\xa4", "not a token"},
      {R"({"access_token":"SECRET","expiry":"soon"})", "not a time"},
      {cat(R"({"access_token":"SECRET","expiry":")", format_rfc3339(now - 1s), R"("})"), "expired"},
  };
  for (const auto& [text, why] : cases) {
    const auto refused = read(text);
    ASSERT_TRUE(refused.failed_with(ErrorCode::kLoginNeeded)) << text;
    EXPECT_THAT(refused.error().to_string(), AllOf(HasSubstr("it: "), HasSubstr(why),
                                                   HasSubstr("mend it"), Not(HasSubstr("SECRET"))));
  }
}

TEST_F(GivenTokenTest, AFileIsReadAnewWhenItChanges) {
  const std::string path = write("token", "ya29.one");
  const auto tokens = choose(cat("token=", path));
  ASSERT_TRUE(tokens.ok()) << tokens.error().to_string();
  EXPECT_EQ((*tokens)->token({})->value.reveal(), "ya29.one");
  write("token", "ya29.two");
  EXPECT_EQ((*tokens)->token({})->value.reveal(), "ya29.two");
  EXPECT_EQ((*tokens)->describe(), cat("token file '", path, "'"));
}

// E1: the user writes another one, and whoever waits goes on.
TEST_F(GivenTokenTest, ARefusedTokenOfAFileWaitsForAnother) {
  const std::string path = write("token", "ya29.one");
  const auto tokens = choose(cat("token=", path));
  (*tokens)->refused(*(*tokens)->token({}));
  const auto refused = (*tokens)->token({});
  ASSERT_TRUE(refused.failed_with(ErrorCode::kLoginNeeded));
  EXPECT_THAT(refused.error().message, AllOf(HasSubstr(path), HasSubstr("write a fresh token")));
  write("token", "ya29.two");
  EXPECT_EQ((*tokens)->token({})->value.reveal(), "ya29.two");
  std::filesystem::remove(path);
  EXPECT_THAT((*tokens)->token({}).error().message, HasSubstr("no such file"));
}

TEST_F(GivenTokenTest, ATokenOfAFileTellsTheAccountD5) {
  const auto fingerprint = [&](const std::string& token) {
    return (*choose(cat("token=", write("token", token))))->fingerprint();
  };
  EXPECT_EQ(fingerprint("ya29.one"), fingerprint("ya29.one\n"));
  EXPECT_NE(fingerprint("ya29.one"), fingerprint("ya29.two"));
  EXPECT_EQ((*choose("token=/missing"))->fingerprint(), "");
  EXPECT_EQ((*choose("command=true"))->fingerprint(), "");
}

TEST_F(GivenTokenTest, GoogleIsAskedWhatATokenMayDo) {
  fixture_.server.say_of_tokens({200, kDriveInfo, {}});
  const std::string path = write("token", "ya29.one");
  const auto token = (*choose(cat("token=", path)))->token({});
  ASSERT_TRUE(token.ok());
  EXPECT_EQ(token->expires, fixture_.clock.now() + 1800s);
  EXPECT_EQ(token->scopes.size(), 2U);

  fixture_.server.say_of_tokens({200, R"({"scope":"openid email","expires_in":"1800"})", {}});
  const auto narrow = (*choose(cat("token=", path)))->token({});
  ASSERT_TRUE(narrow.failed_with(ErrorCode::kLoginNeeded));
  EXPECT_THAT(narrow.error().message, AllOf(HasSubstr("no access to Drive"), HasSubstr(path)));

  fixture_.server.say_of_tokens({400, R"({"error":"invalid_token"})", {}});
  EXPECT_THAT((*choose(cat("token=", path)))->token({}).error().message,
              AllOf(HasSubstr("expired or was revoked"), HasSubstr("write a fresh token")));

  fixture_.server.say_of_tokens({503, "<html>", {}});  // then Drive will say
  EXPECT_TRUE((*choose(cat("token=", path)))->token({}).ok());
}

TEST_F(GivenTokenTest, ACommandIsRunAgainWhenItsTokenEnds) {
  const std::string count = fixture_.folder.path() / "count";
  const auto tokens = choose(
      cat("command=", script(cat("echo x >> ", count, "; n=$(wc -l < ", count, "); printf ",
                                 R"('{"access_token":"ya29.%d","expires_in":1000}' "$n")"))));
  ASSERT_TRUE(tokens.ok());
  EXPECT_EQ((*tokens)->token({})->value.reveal(), "ya29.1");
  EXPECT_EQ((*tokens)->token({})->value.reveal(), "ya29.1");
  fixture_.clock.advance(990s);
  const auto second = (*tokens)->token({});
  EXPECT_EQ(second->value.reveal(), "ya29.2");
  (*tokens)->refused(*second);
  EXPECT_EQ((*tokens)->token({})->value.reveal(), "ya29.3");
}

TEST_F(GivenTokenTest, ACommandThatFailsIsTold) {
  const auto message = [&](const std::string& body) {
    const auto token = (*choose(cat("command=", script(body))))->token({});
    EXPECT_TRUE(token.failed_with(ErrorCode::kLoginNeeded)) << body;
    return token.ok() ? "" : token.error().to_string();
  };
  EXPECT_THAT(message("echo SECRET; exit 3"),
              AllOf(HasSubstr("status 3"), HasSubstr("by hand"), Not(HasSubstr("SECRET"))));
  EXPECT_THAT(message("kill -9 $$"), HasSubstr("signal 9"));
  EXPECT_THAT(message("exec head -c 100000 /dev/zero"), HasSubstr("too much"));
  EXPECT_THAT(message("true"), HasSubstr("no token"));
  EXPECT_THAT((*choose("command=/no/such/program"))->token({}).error().message,
              HasSubstr("cannot run /no/such/program"));
}

TEST_F(GivenTokenTest, ACommandGetsNoneOfOurSecretsAndNothingToRead) {
  const test::ScopedVariable token("DRIVEWAY_ACCESS_TOKEN", "ya29.ours");
  const test::ScopedVariable secret("DRIVEWAY_CLIENT_SECRET", "ours");
  const test::ScopedVariable other("DRIVEWAY_TEST_OTHER", "kept");
  const auto printed = run_command(
      {}, fixture_.clock,
      {"/bin/sh", "-c",
       "cat; echo \"$DRIVEWAY_ACCESS_TOKEN$DRIVEWAY_CLIENT_SECRET$DRIVEWAY_TEST_OTHER\""});
  ASSERT_TRUE(printed.ok()) << printed.error().to_string();
  EXPECT_EQ(printed->reveal(), "kept\n");
}

TEST_F(GivenTokenTest, ACommandThatHangsIsKilledWithItsChildren) {
  SystemClock clock;
  const std::string pid_file = fixture_.folder.path() / "pid";
  const std::string body = cat("sleep 1000 & echo $! > ", pid_file, "; wait");
  const auto late = run_command({}, clock, {"/bin/sh", "-c", body}, 300ms);
  ASSERT_TRUE(late.failed_with(ErrorCode::kLoginNeeded));
  EXPECT_THAT(late.error().message, HasSubstr("did not end within"));
  const auto pid = parse_int(trim(*read_file(pid_file)));
  ASSERT_TRUE(pid.has_value());
  const auto gone = [&] {
    return read_file(cat("/proc/", *pid, "/stat")).value_or(") Z").find(") Z") != std::string::npos;
  };
  while (!gone()) std::this_thread::yield();

  CancelSource source;
  std::thread canceller([&] { source.cancel(); });
  EXPECT_TRUE(run_command({.cancel = source.token()}, clock, {"sleep", "1000"})
                  .failed_with(ErrorCode::kCancelled));
  canceller.join();
  EXPECT_TRUE(run_command({.deadline = clock.now() + 50ms}, clock, {"sleep", "1000"})
                  .failed_with(ErrorCode::kDeadlineExceeded));
}

// A program that leaves one behind which keeps its output open has ended all the same.
TEST_F(GivenTokenTest, ACommandEndsWithItsProgram) {
  SystemClock clock;
  const auto printed = run_command({}, clock, {"/bin/sh", "-c", "sleep 1000 & echo token"});
  ASSERT_TRUE(printed.ok());
  EXPECT_EQ(printed->reveal(), "token\n");
}

TEST_F(GivenTokenTest, TheVariableComesFirstButForANamedLogin) {
  const LoginStore store(fixture_.environment.config_folder, fixture_.clock);
  ASSERT_TRUE(store.save({}, "default", test::credential()).ok());
  ASSERT_TRUE(store.save({}, "work", test::credential()).ok());
  EXPECT_TRUE(choose("env").failed_with(ErrorCode::kLoginNeeded));
  fixture_.environment.access_token = Secret("ya29.variable");
  EXPECT_EQ((*choose("auto"))->token({})->value.reveal(), "ya29.variable");
  EXPECT_EQ((*choose("env"))->describe(), "DRIVEWAY_ACCESS_TOKEN");
  EXPECT_EQ((*choose("stored"))->describe(), "stored login default");
  EXPECT_EQ((*choose("auto", "work"))->describe(), "stored login work");
  EXPECT_TRUE(choose("env", "work").failed_with(ErrorCode::kInvalidArgument));
  EXPECT_TRUE(choose("adc").failed_with(ErrorCode::kLoginNeeded));
}

TEST_F(GivenTokenTest, SecretVariablesAreTakenFromTheEnvironmentButKnown) {
  const test::ScopedVariable token("DRIVEWAY_ACCESS_TOKEN", "ya29.variable");
  const test::ScopedVariable secret("DRIVEWAY_CLIENT_SECRET", "GOCSPX-variable");
  EXPECT_EQ(Environment::from_process().access_token.reveal(), "ya29.variable");
  guard_secrets();
  EXPECT_EQ(::getenv("DRIVEWAY_ACCESS_TOKEN"), nullptr);
  EXPECT_EQ(::getenv("DRIVEWAY_CLIENT_SECRET"), nullptr);
  EXPECT_EQ(Environment::from_process().access_token.reveal(), "ya29.variable");
  EXPECT_EQ(Environment::from_process().client_secret.reveal(), "GOCSPX-variable");
  guard_secrets();
  EXPECT_TRUE(Environment::from_process().access_token.empty());
  EXPECT_TRUE(Environment::from_process().client_secret.empty());
}

}  // namespace
}  // namespace driveway::auth
