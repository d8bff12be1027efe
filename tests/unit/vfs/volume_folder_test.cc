#include "vfs/volume_folder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/strings.h"
#include "unit/base/temporary_folder.h"

namespace driveway::vfs {
namespace {

class VolumeFolderTest : public ::testing::Test {
 protected:
  std::filesystem::path folder() const { return temporary_ / "0123"; }

  // What a process leaves that dies with the folder in use.
  void use_and_die(const std::string& boot_id) {
    ASSERT_TRUE(VolumeFolder::acquire(folder(), boot_id).ok());
  }
  TemporaryFolder temporary_;
};

TEST_F(VolumeFolderTest, ANewFolderIsPrivateAndTrusted) {
  const auto volume = VolumeFolder::acquire(folder(), "boot-1");
  ASSERT_TRUE(volume.ok());
  EXPECT_FALSE(volume->machine_crashed());
  struct stat attributes {};
  ASSERT_EQ(::stat(folder().c_str(), &attributes), 0);
  EXPECT_EQ(attributes.st_mode & 07777, 0700U);
}

TEST_F(VolumeFolderTest, TwoHoldersAreRefusedAndTheFirstIsNamed) {  // D5
  const auto first = VolumeFolder::acquire(folder(), "boot-1");
  ASSERT_TRUE(first.ok());
  const auto second = VolumeFolder::acquire(folder(), "boot-1");
  ASSERT_TRUE(second.failed_with(ErrorCode::kBusy));
  EXPECT_THAT(second.error().message, ::testing::HasSubstr(cat("process ", ::getpid())));
}

TEST_F(VolumeFolderTest, ACrashOfTheProcessAloneIsNoReasonToDistrust) {
  use_and_die("boot-1");
  const auto volume = VolumeFolder::acquire(folder(), "boot-1");
  ASSERT_TRUE(volume.ok());
  EXPECT_FALSE(volume->machine_crashed());
}

TEST_F(VolumeFolderTest, ACrashOfTheMachineIs) {
  use_and_die("boot-1");
  {
    const auto volume = VolumeFolder::acquire(folder(), "boot-2");
    ASSERT_TRUE(volume.ok());
    EXPECT_TRUE(volume->machine_crashed());
  }
  // Who died while cleaning up leaves that still to be done.
  const auto again = VolumeFolder::acquire(folder(), "boot-3");
  ASSERT_TRUE(again.ok());
  EXPECT_TRUE(again->machine_crashed());
}

TEST_F(VolumeFolderTest, ACleanCloseIsTrustedAfterARestartOfTheMachine) {
  {
    auto volume = VolumeFolder::acquire(folder(), "boot-1");
    ASSERT_TRUE(volume.ok());
    ASSERT_TRUE(volume->mark_clean().ok());
  }
  const auto volume = VolumeFolder::acquire(folder(), "boot-2");
  ASSERT_TRUE(volume.ok());
  EXPECT_FALSE(volume->machine_crashed());
}

TEST_F(VolumeFolderTest, AnUnknownBootEqualsNoOther) {
  use_and_die("unknown");
  EXPECT_TRUE(VolumeFolder::acquire(folder(), "unknown")->machine_crashed());
}

TEST_F(VolumeFolderTest, ADamagedStateIsDistrusted) {
  use_and_die("boot-1");
  ASSERT_TRUE(write_file_atomically(folder() / "state", "boot", 0600).ok());
  EXPECT_TRUE(VolumeFolder::acquire(folder(), "boot-1")->machine_crashed());
}

// The crash between wiping and the first clean close must not be forgotten by a process crash.
TEST_F(VolumeFolderTest, TheDistrustLastsUntilTheWipeIsDone) {
  use_and_die("boot-1");
  { ASSERT_TRUE(VolumeFolder::acquire(folder(), "boot-2")->machine_crashed()); }
  const auto same_boot = VolumeFolder::acquire(folder(), "boot-2");
  ASSERT_TRUE(same_boot.ok());
  EXPECT_TRUE(same_boot->machine_crashed());
}

}  // namespace
}  // namespace driveway::vfs
