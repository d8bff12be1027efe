// What doctor tells in all, what it leaves out, and that nothing makes it wait.
#include "doctor/examination.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <fstream>
#include <map>

#include "base/strings.h"
#include "unit/base/temporary_folder.h"
#include "unit/drive/fake_http.h"

namespace driveway::doctor {
namespace {

using drive::FakeAnswer;
using drive::FakeTokens;
using testing::ElementsAre;
using testing::HasSubstr;
using namespace std::chrono_literals;

constexpr const char* kApi = "https://api.example";
constexpr const char* kOauth = "https://oauth.example";
constexpr const char* kAbout =
    R"({"user":{"displayName":"Ann","emailAddress":"ann@example.com","permissionId":"1"},)"
    R"("storageQuota":{"limit":"1000","usage":"10"}})";

// Never answers.
class SilentHttp final : public http::HttpClient {
 public:
  explicit SilentHttp(Clock& clock) : HttpClient(clock, 64 * kMiB) {}
  std::unique_ptr<http::Call> start(http::Request, http::CallObserver&) override {
    ++asked;
    return std::make_unique<Silence>();
  }
  int asked = 0;

 private:
  class Silence final : public http::Call {
   public:
    void resume() override {}
    void cancel() override {}
  };
};

class ExaminationTest : public ::testing::Test {
 protected:
  ExaminationTest() : source_(std::unique_ptr<auth::TokenSource>(std::make_unique<FakeTokens>())) {
    http_.handler = [this](const http::Request& request) {
      for (const std::string& origin : dead_) {
        if (request.url.starts_with(origin)) return broken();
      }
      if (request.url.find("/drive/v3/about") != std::string::npos) return json(kAbout);
      if (request.url.find("/drive/v3/") != std::string::npos) return json(R"({"id":"root"})");
      return FakeAnswer{.status = 204,
                        .headers = {{"date", "Thu, 01 Jan 1970 00:00:00 GMT"}},
                        .body = "",
                        .breaks = {}};
    };
  }
  static FakeAnswer broken() {
    return {.body = "", .breaks = Error{ErrorCode::kUnavailable, "Connection refused", true}};
  }
  static FakeAnswer json(const std::string& body) {
    FakeAnswer answer;
    answer.body = body;
    return answer;
  }
  Examiner examiner() {
    return {.context = context_, .clock = clock_, .patience = 5s, .tell = [this](const Finding& f) {
              order_.push_back(f.name);
              told_[f.name] = f;
            }};
  }
  void examine(http::HttpClient& http) {
    examine_account(examiner(), {.api_url = kApi,
                                 .oauth_url = kOauth,
                                 .roots = "the test's CA",
                                 .proxy = "",
                                 .read_only = false,
                                 .http = http,
                                 .source = source_});
  }
  Outcome outcome(const std::string& name) { return told_[name].outcome; }

  FakeClock clock_{true};
  CancelSource cancel_;
  const Context context_{.cancel = cancel_.token()};
  drive::FakeHttp http_{clock_};
  std::vector<std::string> dead_;
  Result<std::unique_ptr<auth::TokenSource>> source_;
  std::vector<std::string> order_;
  std::map<std::string, Finding> told_;
};

TEST_F(ExaminationTest, AllOfGoogleInOrder) {
  examine(http_);
  EXPECT_THAT(order_, ElementsAre("network api.example", "network oauth.example", "clock", "login",
                                  "scopes", "drive_api", "storage"));
  for (const auto& [name, finding] : told_) {
    if (name == "clock") continue;  // FakeClock's time is not that of the answers
    EXPECT_EQ(finding.outcome, Outcome::kOk) << name << ": " << finding.found;
    EXPECT_EQ(finding.remedy, "") << name;
  }
}

TEST_F(ExaminationTest, WithoutALogin) {
  source_ = Error{ErrorCode::kLoginNeeded, "no login: run it"};
  examine(http_);
  EXPECT_EQ(outcome("login"), Outcome::kFail);
  for (const char* name : {"scopes", "drive_api", "storage"}) {
    EXPECT_EQ(outcome(name), Outcome::kNotChecked) << name;
    EXPECT_EQ(told_[name].found, "no login") << name;
  }
}

TEST_F(ExaminationTest, WithoutDrive) {
  dead_ = {kApi};
  examine(http_);
  EXPECT_EQ(outcome("network api.example"), Outcome::kFail);
  EXPECT_EQ(outcome("network oauth.example"), Outcome::kOk);
  EXPECT_NE(outcome("clock"), Outcome::kNotChecked);  // the other one told the time
  EXPECT_EQ(outcome("login"), Outcome::kOk);
  EXPECT_EQ(outcome("drive_api"), Outcome::kNotChecked);
  EXPECT_THAT(told_["storage"].found, HasSubstr("api.example does not answer"));
}

TEST_F(ExaminationTest, WithoutGooglesLogins) {
  dead_ = {kOauth};
  examine(http_);
  EXPECT_EQ(outcome("login"), Outcome::kNotChecked);
  EXPECT_THAT(told_["login"].found, HasSubstr("stored login demo would be used"));
  EXPECT_EQ(outcome("drive_api"), Outcome::kNotChecked);
}

TEST_F(ExaminationTest, AClockThatLetsNoCertificateBeGood) {
  dead_ = {kApi, kOauth};
  examine(http_);
  EXPECT_EQ(http_.requests.back().url, "http://api.example/generate_204");
  EXPECT_THAT(told_["clock"].found, HasSubstr("without TLS"));
}

TEST_F(ExaminationTest, ANetworkThatSwallowsEverything) {
  SilentHttp silent(clock_);
  const TimePoint started = clock_.now();
  examine(silent);
  EXPECT_LE(clock_.now() - started, 15s);  // two hosts and the time, 5 s each
  EXPECT_EQ(silent.asked, 3);
  EXPECT_EQ(outcome("network api.example"), Outcome::kFail);
  EXPECT_EQ(outcome("clock"), Outcome::kNotChecked);
  EXPECT_EQ(outcome("login"), Outcome::kNotChecked);
}

TEST_F(ExaminationTest, AnInterruptEndsIt) {
  cancel_.cancel();
  examine(http_);
  EXPECT_TRUE(order_.empty());
  EXPECT_TRUE(http_.requests.empty());
}

TEST_F(ExaminationTest, TheMachine) {
  const TemporaryFolder folder;
  std::ofstream(folder / "status") << "Uid:\t0\t0\t0\t0\nCapEff:\t000001ffffffffff\n";
  std::ofstream(folder / "mountinfo") << "1 1 8:1 / / rw - ext4 /dev/sda1 rw\n"
                                      << "2 1 0:7 / /mnt/a\\040b rw - fuse.driveway driveway rw\n"
                                      << "3 1 0:8 / /mnt/c rw - fuse.driveway driveway rw\n";
  std::ofstream(folder / "config-6.12.0") << "CONFIG_FUSE_PASSTHROUGH=y\n";
  std::vector<std::string> looked;
  examine_machine(examiner(), {.fuse_device = "/dev/null",
                               .process_status = folder / "status",
                               .mountinfo = folder / "mountinfo",
                               .kernel_configs = folder.path(),
                               .kernel_release = "6.12.0",
                               .search_path = "/usr/bin",
                               .cache_folder = folder / "cache",
                               .min_free = 0,
                               .look_at_mount = [&](const std::string& mountpoint) {
                                 looked.push_back(mountpoint);
                                 return looked.size() == 1 ? MountLook::kDead : MountLook::kAnswers;
                               }});
  EXPECT_THAT(order_, ElementsAre("fuse_device", "mount_right", "kernel", "cache", "mounts"));
  EXPECT_EQ(outcome("fuse_device"), Outcome::kOk);
  EXPECT_EQ(outcome("mount_right"), Outcome::kOk);
  EXPECT_THAT(told_["kernel"].found, HasSubstr("passthrough: built in"));
  EXPECT_THAT(told_["cache"].found, HasSubstr("ext4"));
  EXPECT_THAT(looked, ElementsAre("/mnt/a b", "/mnt/c"));
  EXPECT_EQ(outcome("mounts"), Outcome::kFail);
  EXPECT_THAT(told_["mounts"].found, HasSubstr("/mnt/a b is dead"));
  EXPECT_THAT(told_["mounts"].remedy, HasSubstr("driveway mount"));
}

TEST_F(ExaminationTest, MountsThatHangAndThatNobodyWaitedFor) {
  const std::string line = "2 1 0:7 / /mnt rw - fuse.driveway driveway rw\n";
  const Finding silent =
      check_mounts(context_, clock_, line, [](const auto&) { return MountLook::kSilent; });
  EXPECT_EQ(silent.outcome, Outcome::kFail);
  EXPECT_THAT(silent.remedy, HasSubstr("unmount --force /mnt"));
  const Finding hidden =
      check_mounts(context_, clock_, line, [](const auto&) { return MountLook::kHidden; });
  EXPECT_EQ(hidden.outcome, Outcome::kOk);
  const Context late{.deadline = clock_.now()};
  const Finding unseen =
      check_mounts(late, clock_, line, [](const auto&) { return MountLook::kDead; });
  EXPECT_THAT(unseen.found, HasSubstr("was not looked at"));
  EXPECT_EQ(check_mounts(context_, clock_, "", {}).found, "no Drive is mounted");
}

}  // namespace
}  // namespace driveway::doctor
