#include "control/mount_top.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "unit/control/fake_vfs.h"

namespace driveway::control {
namespace {

using testing::HasSubstr;

class MountTopTest : public ::testing::Test {
 protected:
  Result<InodeId> top(std::string_view name) { return find_top({}, vfs_, name); }
  void expect_refused(std::string_view name, ErrorCode code, const char* why) {
    const auto found = top(name);
    ASSERT_FALSE(found.ok()) << name;
    EXPECT_EQ(found.error().code, code) << name;
    EXPECT_THAT(found.error().to_string(), HasSubstr(cat("--top ", name)));
    EXPECT_THAT(found.error().to_string(), HasSubstr(why));
  }
  FakeVfs vfs_;
};

TEST_F(MountTopTest, IsAFolderOfDrive) {
  const auto found = top("folder");
  ASSERT_TRUE(found.ok()) << found.error().to_string();
  EXPECT_EQ(*found, InodeId(13));
  expect_refused("nowhere", ErrorCode::kNotFound, "there is no such folder");
  expect_refused("@Nobody/a", ErrorCode::kNotFound, "there is no such folder");
  expect_refused("id=nothing", ErrorCode::kNotFound, "there is no such folder");
  expect_refused("a", ErrorCode::kNotADirectory, "no folder of Drive");
  expect_refused("id=id-a", ErrorCode::kNotADirectory, "no folder of Drive");
  expect_refused("id=id-a/b", ErrorCode::kNotADirectory, "not a folder before 'b'");
  vfs_.trash_the_folder();
  expect_refused("folder", ErrorCode::kNotFound, "in the trash");
}

TEST_F(MountTopTest, PathsAreThoseBelowIt) {
  tree::Node below;
  below.inode = InodeId(20);
  vfs_.looked_up["below"] = below;
  EXPECT_EQ(find_below({}, vfs_, InodeId(13), "")->inode, InodeId(13));
  EXPECT_EQ(find_below({}, vfs_, InodeId(13), "./below/")->inode, InodeId(20));
  EXPECT_EQ(find_below({}, vfs_, InodeId(13), "other").error().code, ErrorCode::kNotFound);
}

}  // namespace
}  // namespace driveway::control
