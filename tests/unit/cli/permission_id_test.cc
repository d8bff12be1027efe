#include <gtest/gtest.h>

#include "base/file.h"
#include "cli/account.h"
#include "drive/fake_store.h"
#include "unit/base/temporary_folder.h"

namespace driveway::cli {
namespace {

const Error kNoAnswer{ErrorCode::kUnavailable, "503", true};

class FakeAccount final : public Account {
 public:
  FakeAccount(Clock& clock, std::string login_key, const std::string& permission_id)
      : store_(clock), login_key_(std::move(login_key)) {
    drive::About about;
    about.permission_id = permission_id;
    store_.set_about(about);
  }
  const std::string& label() const override { return label_; }
  const std::string& login_key() const override { return login_key_; }
  bool reads_only(const Context&) override { return false; }
  drive::RemoteStore& store() override { return store_; }
  std::uint64_t quota_units_last_minute() const override { return 0; }
  void keep_learned_in(const std::filesystem::path& folder) override { learned_in = folder; }
  void answer_nothing() { store_.faults().fail(drive::Method::kAbout, kNoAnswer, 1000); }
  std::filesystem::path learned_in;

 private:
  drive::FakeStore store_;
  const std::string label_ = "stored login default";
  const std::string login_key_;
};

class PermissionIdTest : public testing::Test {
 protected:
  Result<std::string> ask(FakeAccount& account) {
    return permission_id({}, clock_, account, folder_.path());
  }

  FakeClock clock_{true};
  TemporaryFolder folder_;
  FakeAccount mine_{clock_, "stored login default 1111", "111"};
};

TEST_F(PermissionIdTest, IsWhatDriveSays) {
  EXPECT_EQ(ask(mine_).value_or(""), "111");
  EXPECT_EQ(mine_.learned_in, folder_ / "111");
}

TEST_F(PermissionIdTest, IsKnownWithoutNetworkFromTheLastTime) {
  ASSERT_TRUE(ask(mine_).ok());
  mine_.answer_nothing();
  EXPECT_EQ(ask(mine_).value_or(""), "111");
}

TEST_F(PermissionIdTest, IsNotKnownOfAnotherLoginInTheSamePlaceD5) {
  ASSERT_TRUE(ask(mine_).ok());
  FakeAccount other(clock_, "stored login default 2222", "222");
  other.answer_nothing();
  EXPECT_TRUE(ask(other).failed_with(ErrorCode::kUnavailable));
}

TEST_F(PermissionIdTest, IsNeverKeptOfALoginWithoutFingerprint) {
  FakeAccount nobody(clock_, "", "333");
  ASSERT_EQ(ask(nobody).value_or(""), "333");
  nobody.answer_nothing();
  EXPECT_TRUE(ask(nobody).failed_with(ErrorCode::kUnavailable));
}

TEST_F(PermissionIdTest, ADamagedFileIsIgnoredAndReplaced) {
  ASSERT_TRUE(write_file_atomically(folder_ / "accounts.json", "[not json", 0600).ok());
  ASSERT_TRUE(ask(mine_).ok());
  mine_.answer_nothing();
  EXPECT_EQ(ask(mine_).value_or(""), "111");
}

}  // namespace
}  // namespace driveway::cli
