#include "doctor/account_checks.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "auth/credential.h"
#include "drive/enable_hint.h"
#include "unit/drive/fake_http.h"

namespace driveway::doctor {
namespace {

using drive::About;
using drive::FakeTokens;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

using Source = Result<std::unique_ptr<auth::TokenSource>>;

LoginCheck login_that_fails(Error error) {
  auto tokens = std::make_unique<FakeTokens>();
  tokens->fails = std::move(error);
  return check_login({}, Source(std::move(tokens)));
}

About drive_with(Bytes usage, std::optional<Bytes> limit) {
  About about;
  about.email = "ann@example.com";
  about.usage = usage;
  about.usage_in_trash = 3 * kGiB;
  about.storage_limit = limit;
  return about;
}

TEST(CheckLogin, ThatGivesAToken) {
  const LoginCheck login = check_login({}, Source(std::make_unique<FakeTokens>()));
  EXPECT_EQ(login.finding.outcome, Outcome::kOk);
  EXPECT_TRUE(login.token.has_value());
  EXPECT_THAT(login.finding.found,
              AllOf(HasSubstr("stored login demo"), Not(HasSubstr("token-1"))));
}

TEST(CheckLogin, ThatIsNotThere) {
  const LoginCheck login = check_login({}, Source(Error{ErrorCode::kLoginNeeded, "no login"}));
  EXPECT_EQ(login.finding.outcome, Outcome::kFail);
  EXPECT_THAT(login.finding.remedy, HasSubstr("driveway login"));
  EXPECT_FALSE(login.token.has_value());
}

TEST(CheckLogin, ThatGoogleRefuses) {
  const LoginCheck login =
      login_that_fails({ErrorCode::kLoginNeeded, "stored login demo: Google refuses it"});
  EXPECT_EQ(login.finding.outcome, Outcome::kFail);
  EXPECT_EQ(login.finding.found, "stored login demo: Google refuses it");
  EXPECT_THAT(login.finding.remedy, HasSubstr("driveway login"));
}

TEST(CheckLogin, WhatToDoStandsOnItsOwn) {
  const LoginCheck login =
      login_that_fails({ErrorCode::kLoginNeeded,
                        "stored login demo: Google refuses it (invalid_grant): revoked; run "
                        "`driveway login --account demo`"});
  EXPECT_EQ(login.finding.found, "stored login demo: Google refuses it (invalid_grant): revoked");
  EXPECT_EQ(login.finding.remedy, "run `driveway login --account demo`");
  const LoginCheck none = check_login(
      {}, Source(Error{ErrorCode::kLoginNeeded, "no login: run `driveway login`, or set X"}));
  EXPECT_EQ(none.finding.found, "no login");
  EXPECT_EQ(none.finding.remedy, "run `driveway login`, or set X");
}

TEST(CheckLogin, ThatCannotBeTriedNow) {
  for (const ErrorCode code : {ErrorCode::kUnavailable, ErrorCode::kDeadlineExceeded}) {
    const LoginCheck login = login_that_fails({code, "slow", true});
    EXPECT_EQ(login.finding.outcome, Outcome::kFail);
    EXPECT_THAT(login.finding.found, HasSubstr("stored login demo"));
    EXPECT_THAT(login.finding.remedy, HasSubstr("again in a minute"));
  }
}

TEST(CheckScopes, WhatTheyAllow) {
  const std::string full(auth::kScopeDrive);
  const std::string reading(auth::kScopeDriveReadOnly);
  EXPECT_EQ(check_scopes({full}, false).outcome, Outcome::kOk);
  EXPECT_EQ(check_scopes({reading, full}, false).outcome, Outcome::kOk);
  EXPECT_EQ(check_scopes({}, false).outcome, Outcome::kOk);
  const Finding warned = check_scopes({reading}, false);
  EXPECT_EQ(warned.outcome, Outcome::kWarn);
  EXPECT_THAT(warned.found, HasSubstr("read only"));
  EXPECT_EQ(check_scopes({reading}, true).outcome, Outcome::kOk);
  const Finding own = check_scopes({"https://www.googleapis.com/auth/drive.file"}, true);
  EXPECT_EQ(own.outcome, Outcome::kWarn);
  EXPECT_THAT(own.found, HasSubstr("only the files"));
}

TEST(CheckDriveApi, ThatAnswers) {
  const Finding finding = check_drive_api(drive_with(1, 2));
  EXPECT_EQ(finding.outcome, Outcome::kOk);
  EXPECT_THAT(finding.found, HasSubstr("ann@example.com"));
}

TEST(CheckDriveApi, ThatIsNotEnabled) {
  const std::string page = "https://console.developers.google.com/apis/api/x?project=1";
  const Error refused{ErrorCode::kLoginNeeded, "403 accessNotConfigured"};
  const Finding finding =
      check_drive_api(drive::with_enable_url(refused, cat("visiting ", page, " then")));
  EXPECT_EQ(finding.outcome, Outcome::kFail);
  EXPECT_THAT(finding.remedy, HasSubstr(page));
}

TEST(CheckDriveApi, ThatRefusesOrDoesNotAnswer) {
  const auto of = [](ErrorCode code) { return check_drive_api(Error{code, "no", false}); };
  EXPECT_EQ(of(ErrorCode::kLoginNeeded).outcome, Outcome::kFail);
  EXPECT_THAT(of(ErrorCode::kLoginNeeded).remedy, HasSubstr("driveway login"));
  EXPECT_EQ(of(ErrorCode::kRateLimited).outcome, Outcome::kWarn);
  EXPECT_THAT(of(ErrorCode::kUnavailable).remedy, HasSubstr("again in a minute"));
  EXPECT_THAT(of(ErrorCode::kDeadlineExceeded).remedy, HasSubstr("again in a minute"));
}

TEST(CheckStorage, HowFullItMayBe) {
  const auto of = [](Bytes usage) { return check_storage(drive_with(usage, 100 * kGiB)); };
  EXPECT_EQ(of(0).outcome, Outcome::kOk);
  EXPECT_EQ(of(94 * kGiB).outcome, Outcome::kOk);
  EXPECT_EQ(of(95 * kGiB).outcome, Outcome::kWarn);
  EXPECT_EQ(of(100 * kGiB).outcome, Outcome::kFail);
  EXPECT_EQ(of(120 * kGiB).outcome, Outcome::kFail);
  EXPECT_THAT(of(120 * kGiB).remedy, HasSubstr(format_size(3 * kGiB)));
  EXPECT_EQ(check_storage(drive_with(500 * kGiB, std::nullopt)).outcome, Outcome::kOk);
}

}  // namespace
}  // namespace driveway::doctor
