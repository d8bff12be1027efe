// Records of what is mounted. What becomes of a killed daemon's mounts: tests/mount/test_lifecycle.
#include "cli/mount_record.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <string>

#include "base/file.h"
#include "base/strings.h"
#include "unit/base/temporary_folder.h"

namespace driveway::cli {
namespace {

class MountRecordTest : public testing::Test {
 protected:
  std::filesystem::path file_of(pid_t pid) const { return folder_.path() / cat(pid, ".mounts"); }
  bool stands(pid_t pid) const { return std::filesystem::exists(file_of(pid)); }

  TemporaryFolder folder_;
  SystemClock clock_;
};

TEST_F(MountRecordTest, OfALivingProcessStandsUntilItEnds) {
  {
    MountRecord record(folder_.path());
    ASSERT_TRUE(record.add("0:1000000", "/not/mounted").ok());
    end_killed_mounts(folder_.path(), clock_);
    EXPECT_TRUE(stands(::getpid()));
    ASSERT_TRUE(record.remove("0:1000000").ok());
  }
  EXPECT_FALSE(stands(::getpid()));
}

TEST_F(MountRecordTest, OfAnEarlierProcessOfThatNumberIsForgotten) {
  ASSERT_TRUE(write_file_atomically(file_of(::getpid()), std::string("1\0", 2), 0600).ok());
  end_killed_mounts(folder_.path(), clock_);
  EXPECT_FALSE(stands(::getpid()));
}

// Its device may have another's number by now.
TEST_F(MountRecordTest, OfAProcessThatNobodyHasReapedIsForgotten) {
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    MountRecord record(folder_.path());
    ::_exit(record.add("0:1000000", "/not/mounted").ok() ? 0 : 1);
  }
  siginfo_t info{};
  ASSERT_EQ(::waitid(P_PID, static_cast<id_t>(child), &info, WEXITED | WNOWAIT), 0);
  ASSERT_EQ(info.si_status, 0);
  end_killed_mounts(folder_.path(), clock_);
  EXPECT_FALSE(stands(child));
  ASSERT_EQ(::waitpid(child, nullptr, 0), child);
}

TEST_F(MountRecordTest, NonsenseIsForgotten) {
  ASSERT_TRUE(write_file_atomically(file_of(::getpid()), "nonsense", 0600).ok());
  ASSERT_TRUE(write_file_atomically(folder_.path() / "x.mounts", "1", 0600).ok());
  end_killed_mounts(folder_.path(), clock_);
  EXPECT_FALSE(stands(::getpid()));
}

}  // namespace
}  // namespace driveway::cli
