#include "cli/mount_helper.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace driveway::cli {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

std::vector<std::string> arguments_for(const std::string& options) {
  const auto call = parse_mount_helper({"none", "/mnt/drive", "-o", options});
  EXPECT_TRUE(call.ok()) << call.error().to_string();
  return call.ok() ? call->arguments : std::vector<std::string>();
}

TEST(MountHelperTest, IsKnownByItsName) {
  EXPECT_TRUE(is_mount_helper("/sbin/mount.fuse.driveway"));
  EXPECT_TRUE(is_mount_helper("mount.fuse.driveway"));
  EXPECT_FALSE(is_mount_helper("/usr/bin/driveway"));
}

TEST(MountHelperTest, MountsWithoutOptions) {
  const auto call = parse_mount_helper({"none", "/mnt/drive"});
  ASSERT_TRUE(call.ok());
  EXPECT_THAT(call->arguments, ElementsAre("driveway", "mount", "--", "/mnt/drive"));
  EXPECT_FALSE(call->is_fake);
}

TEST(MountHelperTest, SettingsBecomeFlags) {
  EXPECT_THAT(arguments_for("account=bob,cache-size=20G,with=command=gcloud auth print"),
              ElementsAre("driveway", "mount", "--account=bob", "--cache-size=20G",
                          "--with=command=gcloud auth print", "--", "/mnt/drive"));
}

TEST(MountHelperTest, WhatIsForFstabIsLeftOut) {
  EXPECT_THAT(arguments_for("defaults,noauto,user=ann,users,_netdev,nofail,comment=x,"
                            "x-systemd.automount,x-systemd.idle-timeout=60,X-mount.mkdir"),
              ElementsAre("driveway", "mount", "--", "/mnt/drive"));
}

TEST(MountHelperTest, TheRestIsTheKernels) {
  EXPECT_THAT(arguments_for("rw,nosuid,nodev,allow_other,layout=root"),
              ElementsAre("driveway", "mount", "--layout=root", "-o", "rw,nosuid,nodev,allow_other",
                          "--", "/mnt/drive"));
  EXPECT_THAT(arguments_for("lost-and-found,acknowledge-abuse,top=a/b"),
              ElementsAre("driveway", "mount", "--lost-and-found", "--acknowledge-abuse",
                          "--top=a/b", "--", "/mnt/drive"));
  EXPECT_THAT(arguments_for("read-only"),
              ElementsAre("driveway", "mount", "-o", "ro", "--", "/mnt/drive"));
}

// libmount writes them in this order; busybox's mount puts the options first.
TEST(MountHelperTest, FlagsOfMountAreUnderstood) {
  const auto call = parse_mount_helper(
      {"none", "/m", "-sv", "-f", "-t", "fuse.driveway", "-oro", "-N", "/proc/1/ns"});
  ASSERT_TRUE(call.ok());
  EXPECT_TRUE(call->is_fake);
  EXPECT_THAT(call->arguments, ElementsAre("driveway", "mount", "-o", "ro", "--", "/m"));
}

TEST(MountHelperTest, RefusesWhatCannotBe) {
  const auto message = [](const std::vector<std::string>& arguments) {
    const auto call = parse_mount_helper(arguments);
    EXPECT_TRUE(call.failed_with(ErrorCode::kInvalidArgument));
    return call.ok() ? "" : call.error().to_string();
  };
  EXPECT_THAT(message({"none"}), HasSubstr("usage: mount -t fuse.driveway"));
  EXPECT_THAT(message({"none", "/m", "-o", "account"}), HasSubstr("account needs a value"));
  EXPECT_THAT(message({"none", "/m", "-o", "client-secret=hush"}),
              AllOf(HasSubstr("driveway login"), Not(HasSubstr("hush"))));
  EXPECT_THAT(message({"none", "/m", "-o", "remount,ro"}), HasSubstr("unmount it"));
  EXPECT_THAT(message({"none", "/m", "-o"}), HasSubstr("-o needs a value"));
  EXPECT_THAT(message({"none", "/m", "-k"}), HasSubstr("unknown flag -k"));
}

TEST(MountHelperTest, StatusesAreThoseOfMount) {
  EXPECT_EQ(mount_helper_status(ExitStatus::kDone), 0);
  EXPECT_EQ(mount_helper_status(ExitStatus::kUsage), 1);
  EXPECT_EQ(mount_helper_status(ExitStatus::kInterrupted), 8);
  EXPECT_EQ(mount_helper_status(ExitStatus::kLogin), 32);
}

}  // namespace
}  // namespace driveway::cli
