#include "vfs/vfs.h"

#include <string>

#include "base/file.h"
#include "unit/vfs/vfs_fixture.h"

namespace driveway::vfs {
namespace {

class VfsTest : public VfsFixture {
 protected:
  // What a machine leaves that stops under a mount, at its worst: `meta` and `cache` that cannot
  // even be opened.
  void crash_the_machine() {
    vfs_.reset();
    ASSERT_TRUE(write_file_atomically(folder() / "state", "another-boot\nin-use\n", 0600).ok());
    for (const char* part : {"meta", "cache"}) {
      ASSERT_GT(std::filesystem::remove_all(folder() / part), 0U);
      ASSERT_TRUE(write_file_atomically(folder() / part, "no folder", 0600).ok());
    }
  }
};

TEST_F(VfsTest, AfterACrashOfTheMachineOnlyTheJournalIsTrusted) {
  store_.add_file(store_.root(), "a.txt", "bytes");
  open();
  EXPECT_EQ(read("MyDrive/a.txt"), "bytes");
  const InodeId before = inode_of("MyDrive/a.txt");
  crash_the_machine();
  open();
  EXPECT_EQ(read("MyDrive/a.txt"), "bytes");
  EXPECT_EQ(store_.calls(drive::Method::kRead), 2) << "the cached bytes are not trusted";
  EXPECT_GT(inode_of("MyDrive/a.txt"), before) << "the journal's inode numbers go on (D3)";
  // It is trusted again from here on.
  const InodeId now = inode_of("MyDrive/a.txt");
  vfs_.reset();
  open();
  EXPECT_EQ(inode_of("MyDrive/a.txt"), now);
}

}  // namespace
}  // namespace driveway::vfs
