#include "vfs/vfs.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <span>
#include <string>

#include "base/file.h"
#include "drive/fake_store.h"
#include "unit/base/temporary_folder.h"

namespace driveway::vfs {
namespace {

class VfsTest : public ::testing::Test {
 protected:
  VfsTest() : store_(clock_) { options_.cache.capacity = 1 * kGiB; }

  std::filesystem::path folder() const { return temporary_ / "0123"; }

  void open() {
    auto vfs = Vfs::open(folder(), options_, store_, clock_, metrics_);
    ASSERT_TRUE(vfs.ok()) << vfs.error().to_string();
    vfs_ = *std::move(vfs);
    const Status started = vfs_->start({});
    ASSERT_TRUE(started.ok()) << started.error().to_string();
  }

  InodeId inode_of(const std::string& path) {
    const auto node = vfs_->resolve({}, path);
    EXPECT_TRUE(node.ok()) << path;
    return node.ok() ? node->inode : InodeId();
  }

  std::string read(const std::string& path) {
    const auto file = vfs_->open_file({}, inode_of(path));
    if (!file.ok()) return file.error().to_string();
    std::string text(1000, '\0');
    const auto count = (*file)->read({}, 0, std::as_writable_bytes(std::span(text)));
    return count.ok() ? text.substr(0, *count) : count.error().to_string();
  }

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

  TemporaryFolder temporary_;
  FakeClock clock_;
  drive::FakeStore store_;
  Metrics metrics_;
  VfsOptions options_;
  std::unique_ptr<Vfs> vfs_;
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
