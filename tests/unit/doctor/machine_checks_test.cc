#include "doctor/machine_checks.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <fstream>

#include "unit/base/temporary_folder.h"

namespace driveway::doctor {
namespace {

using testing::HasSubstr;

constexpr Privileges kUser{};
constexpr Privileges kRoot{.root = true, .may_mount = true};

class MachineChecksTest : public ::testing::Test {
 protected:
  // A fusermount3 in a folder of its own.
  std::filesystem::path program(mode_t mode) {
    const auto folder = folder_.path() / "bin";
    std::filesystem::create_directories(folder);
    const auto path = folder / "fusermount3";
    std::ofstream(path).close();
    EXPECT_EQ(::chmod(path.c_str(), mode), 0);
    return folder;
  }
  TemporaryFolder folder_;
};

TEST_F(MachineChecksTest, ADeviceThatCanBeOpened) {
  EXPECT_EQ(check_fuse_device("/dev/null").outcome, Outcome::kOk);
}

TEST_F(MachineChecksTest, ADeviceThatIsNotThere) {
  const Finding finding = check_fuse_device(folder_ / "fuse");
  EXPECT_EQ(finding.outcome, Outcome::kFail);
  EXPECT_THAT(finding.found, HasSubstr("is not there"));
  EXPECT_THAT(finding.remedy, HasSubstr("modprobe fuse"));
  EXPECT_THAT(finding.remedy, HasSubstr("--device /dev/fuse"));
}

TEST_F(MachineChecksTest, AFileInThePlaceOfTheDevice) {
  std::ofstream(folder_ / "fuse").close();
  const Finding finding = check_fuse_device(folder_ / "fuse");
  EXPECT_EQ(finding.outcome, Outcome::kFail);
  EXPECT_THAT(finding.remedy, HasSubstr("mknod"));
}

TEST_F(MachineChecksTest, WhatTheKernelSaysOfAProcess) {
  const Privileges root =
      parse_privileges("Name:\tx\nUid:\t0\t0\t0\t0\nCapEff:\t000001ffffffffff\nNoNewPrivs:\t0\n");
  EXPECT_TRUE(root.root && root.may_mount && !root.no_new_privileges);
  // As docker starts it.
  const Privileges contained = parse_privileges("Uid:\t0\t0\t0\t0\nCapEff:\t00000000a80425fb\n");
  EXPECT_TRUE(contained.root && !contained.may_mount);
  const Privileges user =
      parse_privileges("Uid:\t1000\t1000\t1000\t1000\nCapEff:\t0000000000000000\nNoNewPrivs:\t1\n");
  EXPECT_TRUE(!user.root && !user.may_mount && user.no_new_privileges);
  const Privileges setuid = parse_privileges("Uid:\t1000\t0\t0\t0\n");
  EXPECT_TRUE(setuid.root);
  const Privileges nothing = parse_privileges("");
  EXPECT_FALSE(nothing.root || nothing.may_mount || nothing.no_new_privileges);
}

TEST_F(MachineChecksTest, RootMayMount) {
  const Finding finding = check_mount_right(kRoot, {});
  EXPECT_EQ(finding.outcome, Outcome::kOk);
  EXPECT_EQ(finding.found, "root");
}

TEST_F(MachineChecksTest, RootOfAContainerMayNot) {
  const Finding finding = check_mount_right({.root = true}, {program(04755)});
  EXPECT_EQ(finding.outcome, Outcome::kFail);
  EXPECT_THAT(finding.remedy, HasSubstr("--cap-add SYS_ADMIN"));
}

TEST_F(MachineChecksTest, AUserNeedsFusermount) {
  const Finding finding = check_mount_right(kUser, {folder_.path()});
  EXPECT_EQ(finding.outcome, Outcome::kFail);
  EXPECT_THAT(finding.remedy, HasSubstr("apt-get install fuse3"));
}

TEST_F(MachineChecksTest, FusermountMustBeSetuidRoot) {
  const Finding finding = check_mount_right(kUser, {program(0755)});
  EXPECT_EQ(finding.outcome, Outcome::kFail);
  EXPECT_THAT(finding.found, HasSubstr("not setuid root"));
}

TEST_F(MachineChecksTest, FusermountThatIsSetuidRootIsARight) {
  if (::geteuid() != 0) return;  // only root can make one
  const auto folder = program(04755);
  struct statvfs system {};
  EXPECT_EQ(::statvfs(folder.c_str(), &system), 0);
  const Finding finding = check_mount_right(kUser, {folder_ / "none", folder});
  if ((system.f_flag & ST_NOSUID) != 0) {
    EXPECT_THAT(finding.found, HasSubstr("nosuid"));
    return;
  }
  EXPECT_EQ(finding.outcome, Outcome::kOk);
  const Finding boxed = check_mount_right({.no_new_privileges = true}, {folder});
  EXPECT_EQ(boxed.outcome, Outcome::kFail);
  EXPECT_THAT(boxed.found, HasSubstr("no_new_privs"));
}

TEST_F(MachineChecksTest, FoldersOfPath) {
  EXPECT_THAT(program_folders("/a:/b/c::relative"), testing::ElementsAre("/usr/bin", "/a", "/b/c"));
}

TEST_F(MachineChecksTest, Kernels) {
  const Finding colab = check_kernel("6.1.123+", "");
  EXPECT_EQ(colab.outcome, Outcome::kOk);
  EXPECT_THAT(colab.found, HasSubstr("PARALLEL_DIROPS): expected"));
  EXPECT_THAT(colab.found, HasSubstr("passthrough: no (since 6.9)"));
  EXPECT_THAT(check_kernel("6.9.0-1-amd64", "").found, HasSubstr("cannot be told"));
  EXPECT_THAT(check_kernel("6.12.0", "CONFIG_FUSE_PASSTHROUGH=y\n").found,
              HasSubstr("passthrough: built in"));
  EXPECT_THAT(check_kernel("6.12.0", "# CONFIG_FUSE_PASSTHROUGH is not set\n").found,
              HasSubstr("not built in"));
  const Finding old = check_kernel("4.4.0", "");  // as gVisor says
  EXPECT_EQ(old.outcome, Outcome::kWarn);
  EXPECT_THAT(old.found, HasSubstr("PARALLEL_DIROPS): no (since 4.7)"));
  for (const char* odd : {"", "six", "6", "6.", ".1"}) {
    EXPECT_EQ(check_kernel(odd, "").outcome, Outcome::kWarn) << odd;
  }
}

}  // namespace
}  // namespace driveway::doctor
