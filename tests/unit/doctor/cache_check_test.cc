#include "doctor/cache_check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <fstream>

#include "unit/base/temporary_folder.h"

namespace driveway::doctor {
namespace {

using testing::HasSubstr;
using namespace std::chrono_literals;

CacheFacts good() {
  return {.folder = "/data/cache",
          .existing = "/data",
          .file_system = "ext4",
          .mountpoint = "/data",
          .total = 100 * kGiB,
          .available = 50 * kGiB};
}

Finding on(const std::string& file_system) {
  CacheFacts facts = good();
  facts.file_system = file_system;
  return judge_cache(facts, 0.05);
}

TEST(CacheCheck, ALocalDiskIsAGoodPlace) {
  for (const char* type : {"ext4", "xfs", "btrfs", "zfs", "fuseblk"}) {
    const Finding finding = on(type);
    EXPECT_EQ(finding.outcome, Outcome::kOk) << type;
    EXPECT_THAT(finding.found, HasSubstr(type));
    EXPECT_EQ(finding.remedy, "");
  }
}

TEST(CacheCheck, PlacesThatAreDoubtful) {
  for (const char* type : {"tmpfs", "overlay", "nfs4", "cifs", "9p", "fuse.sshfs", "fuse"}) {
    const Finding finding = on(type);
    EXPECT_EQ(finding.outcome, Outcome::kWarn) << type;
    EXPECT_THAT(finding.remedy, HasSubstr("--cache-dir")) << type;
  }
}

TEST(CacheCheck, InAMountOfDriveway) { EXPECT_EQ(on("fuse.driveway").outcome, Outcome::kFail); }

TEST(CacheCheck, FreeSpace) {
  CacheFacts facts = good();
  facts.available = 5 * kGiB;
  EXPECT_EQ(judge_cache(facts, 0.05).outcome, Outcome::kWarn);
  EXPECT_EQ(judge_cache(facts, 0.01).outcome, Outcome::kOk);
  facts.available = 100 * kMiB;
  EXPECT_EQ(judge_cache(facts, 0).outcome, Outcome::kFail);
  facts = good();
  facts.files = 5;
  EXPECT_EQ(judge_cache(facts, 0.05).outcome, Outcome::kFail);
  EXPECT_THAT(judge_cache(facts, 0.05).found, HasSubstr("5 inodes"));
}

TEST(CacheCheck, FoldersThatCannotBeUsed) {
  CacheFacts facts = good();
  facts.error = EROFS;
  EXPECT_THAT(judge_cache(facts, 0.05).found, HasSubstr("Read-only file system"));
  EXPECT_EQ(judge_cache(facts, 0.05).outcome, Outcome::kFail);
  facts = good();
  facts.foreign = true;
  EXPECT_THAT(judge_cache(facts, 0.05).found, HasSubstr("another user"));
  facts = good();
  facts.is_folder = false;
  EXPECT_THAT(judge_cache(facts, 0.05).found, HasSubstr("not a folder"));
}

class CachePlaceTest : public ::testing::Test {
 protected:
  // `type` is mounted at the folder, by the table.
  std::string table(const std::string& type) const {
    return "22 1 8:1 / / rw - ext4 /dev/sda1 rw\n23 22 0:5 / " + folder_.path().string() +
           " rw,relatime shared:1 - " + type + " source rw\n";
  }
  TemporaryFolder folder_;
};

TEST_F(CachePlaceTest, WhatIsNotThereYetIsJudgedByWhatIsAboveIt) {
  const CacheFacts facts = look_at_cache(folder_ / "a/b/c", table("xfs"));
  EXPECT_EQ(facts.folder, folder_ / "a/b/c");
  EXPECT_EQ(facts.existing, folder_.path());
  EXPECT_EQ(facts.file_system, "xfs");
  EXPECT_EQ(facts.mountpoint, folder_.path().string());
  EXPECT_GT(facts.total, 0U);
  EXPECT_EQ(facts.error, 0);
  EXPECT_FALSE(facts.foreign);
}

TEST_F(CachePlaceTest, LinksAreFollowed) {
  const TemporaryFolder other;
  std::filesystem::create_directory_symlink(folder_.path(), other / "link");
  EXPECT_EQ(look_at_cache(other / "link/cache", table("tmpfs")).file_system, "tmpfs");
}

TEST_F(CachePlaceTest, TheLastMountOfAPlaceCounts) {
  EXPECT_EQ(look_at_cache(folder_.path(), table("ext4") + table("tmpfs")).file_system, "tmpfs");
  // A name that only begins alike is another place.
  const auto sibling = folder_.path().string() + "x";
  EXPECT_EQ(look_at_cache(sibling, table("tmpfs")).file_system, "ext4");
}

TEST_F(CachePlaceTest, AFileInTheWay) {
  std::ofstream(folder_ / "cache").close();
  EXPECT_FALSE(look_at_cache(folder_ / "cache/deeper", table("ext4")).is_folder);
}

TEST_F(CachePlaceTest, AnotherUsersFolder) {
  if (::geteuid() != 0) return;  // only root can give one away
  const auto cache = folder_ / "cache";
  std::filesystem::create_directory(cache);
  EXPECT_EQ(::chown(cache.c_str(), 12345, 12345), 0);
  EXPECT_TRUE(look_at_cache(cache, table("ext4")).foreign);
  EXPECT_FALSE(look_at_cache(cache / "deeper", table("ext4")).foreign);
}

TEST_F(CachePlaceTest, TheWholeCheck) {
  SystemClock clock;
  const Context context{.deadline = clock.now() + 30s};
  const Finding finding = check_cache(context, clock, folder_ / "cache", table("tmpfs"), 0.05);
  EXPECT_EQ(finding.name, "cache");
  EXPECT_NE(finding.outcome, Outcome::kNotChecked) << finding.found;
  EXPECT_THAT(finding.found, HasSubstr("tmpfs"));
  EXPECT_NE(finding.remedy, "");
}

TEST(LookInChild, BringsWhatItSaw) {
  SystemClock clock;
  const Context context{.deadline = clock.now() + 30s};
  const std::string much(300'000, 'x');  // more than a pipe holds
  const auto seen = look_in_child(context, clock, [&] { return much; });
  ASSERT_TRUE(seen.ok()) << seen.error().to_string();
  EXPECT_EQ(*seen, much);
}

TEST(LookInChild, DoesNotWaitForOneThatHangs) {
  SystemClock clock;
  const Context context{.deadline = clock.now() + 50ms};
  const auto seen = look_in_child(context, clock, [] {
    for (;;) ::pause();
    return std::string();
  });
  EXPECT_TRUE(seen.failed_with(ErrorCode::kDeadlineExceeded));
}

TEST(LookInChild, SaysThatTheChildDied) {
  SystemClock clock;
  const auto seen = look_in_child({}, clock, []() -> std::string { ::_exit(3); });
  EXPECT_TRUE(seen.failed_with(ErrorCode::kInternal));
}

}  // namespace
}  // namespace driveway::doctor
