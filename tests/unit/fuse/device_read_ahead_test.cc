#include "fuse/device_read_ahead.h"

#include <gtest/gtest.h>
#include <sys/sysmacros.h>

#include <filesystem>
#include <fstream>

#include "base/file.h"
#include "unit/base/temporary_folder.h"

namespace driveway::fuse {
namespace {

TEST(DeviceReadAheadTest, GoesToTheDeviceOfTheMount) {
  const TemporaryFolder sysfs;
  const auto folder = sysfs.path() / "class/bdi/0:53";
  std::filesystem::create_directories(folder);
  std::ofstream(folder / "read_ahead_kb") << "128\n";
  ASSERT_TRUE(set_device_read_ahead(makedev(0, 53), 4 * kMiB, sysfs.path()).ok());
  const auto text = read_file(folder / "read_ahead_kb");
  ASSERT_TRUE(text.ok());
  EXPECT_EQ(text->substr(0, 4), "4096");
}

TEST(DeviceReadAheadTest, SaysSoWhereThereIsNoSuchDevice) {
  const TemporaryFolder sysfs;
  EXPECT_TRUE(set_device_read_ahead(makedev(0, 53), 4 * kMiB, sysfs.path())
                  .failed_with(ErrorCode::kNotFound));
}

}  // namespace
}  // namespace driveway::fuse
