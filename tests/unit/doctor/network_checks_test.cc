#include "doctor/network_checks.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>

#include "unit/drive/fake_http.h"

namespace driveway::doctor {
namespace {

using drive::FakeAnswer;
using testing::ElementsAre;
using testing::HasSubstr;
using namespace std::chrono_literals;

constexpr const char* kGoogle = "https://www.googleapis.com";

class NetworkChecksTest : public ::testing::Test {
 protected:
  HostCheck check(FakeAnswer answer, const std::string& origin = kGoogle) {
    http_.answers.push_back(std::move(answer));
    return check_host({}, origin, {"the test's CA", proxy_}, http_, clock_);
  }
  static FakeAnswer dated(const std::string& date, int status = 204) {
    return {.status = status, .headers = {{"date", date}}, .body = "", .breaks = {}};
  }
  FakeClock clock_;
  drive::FakeHttp http_{clock_};
  std::string proxy_;
};

TEST(Origins, EachOnce) {
  EXPECT_THAT(origins_of({"https://www.googleapis.com", "https://OAUTH2.googleapis.com/token",
                          "https://www.googleapis.com/upload?x=1", "http://127.0.0.1:80/"}),
              ElementsAre("https://www.googleapis.com", "https://oauth2.googleapis.com",
                          "http://127.0.0.1:80"));
  EXPECT_EQ(host_of("https://user:password@host:8443/path?query"), "host:8443");
}

TEST_F(NetworkChecksTest, AnyAnswerWillDo) {
  for (const int status : {204, 404, 503}) {
    const HostCheck host = check(dated("Sat, 21 Nov 2026 02:03:04 GMT", status));
    EXPECT_EQ(host.finding.name, "network www.googleapis.com");
    EXPECT_EQ(host.finding.outcome, Outcome::kOk);
    EXPECT_THAT(host.finding.found, HasSubstr("the test's CA"));
    EXPECT_TRUE(host.clock.has_value());
  }
  EXPECT_EQ(http_.requests.front().url, "https://www.googleapis.com/generate_204");
  EXPECT_TRUE(http_.requests.front().bearer.empty());
}

TEST_F(NetworkChecksTest, AnAnswerWithoutTheTime) {
  EXPECT_FALSE(check(dated("yesterday")).clock.has_value());
  EXPECT_FALSE(check({.status = 204, .headers = {}, .body = "", .breaks = {}}).clock.has_value());
}

TEST_F(NetworkChecksTest, WithoutTls) {
  const HostCheck host = check(dated("Sat, 21 Nov 2026 02:03:04 GMT"), "http://127.0.0.1:8080");
  EXPECT_THAT(host.finding.found, HasSubstr("without TLS"));
  EXPECT_FALSE(host.clock->verified);
}

TEST_F(NetworkChecksTest, AHostThatDoesNotAnswer) {
  const HostCheck host =
      check({.body = "",
             .breaks = Error{ErrorCode::kUnavailable, "GET x: Could not resolve host: x", true}});
  EXPECT_EQ(host.finding.outcome, Outcome::kFail);
  EXPECT_THAT(host.finding.found, HasSubstr("Could not resolve host"));
  EXPECT_THAT(host.finding.remedy, HasSubstr("getent hosts www.googleapis.com"));
  EXPECT_FALSE(host.clock.has_value());
}

TEST_F(NetworkChecksTest, AProxyThatMayBeTheReason) {
  proxy_ = "HTTPS_PROXY";
  const HostCheck host =
      check({.body = "", .breaks = Error{ErrorCode::kUnavailable, "GET x: no connection", true}});
  EXPECT_THAT(host.finding.remedy, HasSubstr("the proxy in HTTPS_PROXY"));
}

TEST_F(NetworkChecksTest, ACertificateThatIsNotGood) {
  const HostCheck host = check(
      {.body = "",
       .breaks = Error{ErrorCode::kCorrupt, "GET x: self-signed (trusted: the test's CA)", false}});
  EXPECT_EQ(host.finding.outcome, Outcome::kFail);
  EXPECT_THAT(host.finding.found, HasSubstr("trusted: the test's CA"));
  EXPECT_THAT(host.finding.remedy, HasSubstr("SSL_CERT_FILE"));
}

TEST_F(NetworkChecksTest, AHostThatHangs) {
  const HostCheck host =
      check({.body = "", .breaks = Error{ErrorCode::kDeadlineExceeded, "too late"}});
  EXPECT_EQ(host.finding.outcome, Outcome::kFail);
  EXPECT_THAT(host.finding.found, HasSubstr("no answer within"));
}

TEST_F(NetworkChecksTest, TheTimeIsComparedWithTheMiddleOfTheCall) {
  http_.handler = [this](const http::Request&) {
    clock_.advance(4s);
    return dated("Thu, 01 Jan 1970 00:00:00 GMT");
  };
  const Duration started = clock_.wall_now().time_since_epoch();
  const HostCheck host = check_host({}, kGoogle, {""}, http_, clock_);
  ASSERT_TRUE(host.clock.has_value());
  EXPECT_EQ(host.clock->ahead, started + 2s - 500ms);
  EXPECT_EQ(host.clock->by, "www.googleapis.com");
  EXPECT_TRUE(host.clock->verified);
}

TEST_F(NetworkChecksTest, TheTimeCanBeAskedPlainly) {
  http_.answers.push_back(dated("Thu, 01 Jan 1970 00:00:00 GMT"));
  const auto reading = ask_time_plainly({}, "https://host:8443", http_, clock_);
  ASSERT_TRUE(reading.has_value());
  EXPECT_FALSE(reading->verified);
  EXPECT_EQ(http_.requests.front().url, "http://host/generate_204");
  http_.answers.push_back({.body = "", .breaks = Error{ErrorCode::kUnavailable, "refused", true}});
  EXPECT_FALSE(ask_time_plainly({}, kGoogle, http_, clock_).has_value());
}

TEST(Clocks, HowFarTheyMayBeOff) {
  const auto judge = [](Duration ahead) {
    return judge_clock(ClockReading{.ahead = ahead, .by = "host", .verified = true});
  };
  for (const Duration off : {0s, 59s, -59s}) EXPECT_EQ(judge(off).outcome, Outcome::kOk);
  for (const Duration off : {60s, -60s, 299s}) {
    EXPECT_EQ(judge(off).outcome, Outcome::kWarn);
    EXPECT_THAT(judge(off).remedy, HasSubstr("set-ntp"));
  }
  for (const Duration off : {300s, -300s}) EXPECT_EQ(judge(off).outcome, Outcome::kFail);
  EXPECT_EQ(judge(-2h).found, "2 h behind host");
  EXPECT_EQ(judge(100s).found, "100 s ahead of host");
  EXPECT_EQ(judge(24h * 400).found, "400 days ahead of host");
  EXPECT_EQ(judge(0s).found, "within 1 s of host");
  EXPECT_EQ(judge_clock(std::nullopt).outcome, Outcome::kNotChecked);
}

}  // namespace
}  // namespace driveway::doctor
