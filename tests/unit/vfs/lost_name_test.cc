// Files and folders that lose their name here while somebody has them open.
#include "unit/vfs/vfs_fixture.h"

namespace driveway::vfs {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class LostNameTest : public VfsFixture {
 protected:
  // "newer" over what Drive has of the file, with the mode 0711.
  void write_newer(InodeId inode) {
    const auto writer = vfs_->open_file({}, inode, kToWrite);
    ASSERT_TRUE(writer.ok()) << writer.error().to_string();
    ASSERT_TRUE(put(**writer, 0, "newer").ok());
    close(*writer);
    AttributeChange change;
    change.mode = 0711;
    ASSERT_TRUE(vfs_->set_attributes({}, inode, change).ok());
  }
  // Of a file that write_newer() has changed, and that has no name any more.
  void expect_newer(InodeId inode, OpenFile& reader) {
    EXPECT_EQ(read_all(reader), "newer");
    const auto node = vfs_->node(inode);
    ASSERT_TRUE(node.ok());
    EXPECT_EQ(node->size, 5U);
    EXPECT_EQ(node->mode & 07777, 0711U);
    EXPECT_EQ(node->parent, InodeId());
  }
  // Runs `check` at once, and when Drive has everything and has told of it.
  template <typename Check>
  void at_once_and_sent(const Check& check) {
    for (const char* when : {"at once", "sent"}) {
      SCOPED_TRACE(when);
      check();
      flush();
      ASSERT_TRUE(vfs_->poll({}).ok());
    }
  }
};

TEST_F(LostNameTest, RemovedFileStaysWithWhoHasItOpenAndIsNeverSent) {
  open();
  const auto file = create("MyDrive/tmp");
  const InodeId inode = file->node().inode;
  ASSERT_TRUE(put(*file, 0, "scratch").ok());
  ASSERT_TRUE(unlink("MyDrive/tmp").ok());
  EXPECT_FALSE(exists("MyDrive/tmp"));
  EXPECT_EQ(read_all(*file), "scratch");
  ASSERT_TRUE(put(*file, 7, "!").ok());
  const auto node = vfs_->node(inode);
  ASSERT_TRUE(node.ok());
  EXPECT_EQ(node->size, 8U);
  close(file);
  flush();
  EXPECT_THAT(store_.edits(), IsEmpty());
}

// J6: it was dirty when it was opened, and Drive had it when it was replaced.
TEST_F(LostNameTest, FileThatWasDirtyWhenItWasOpenedCanBeReplacedOnceItIsSent) {
  open();
  write_new("MyDrive/a", "old");
  const InodeId inode = inode_of("MyDrive/a");
  const auto reader = *vfs_->open_file({}, inode, {});
  flush();
  write_new("MyDrive/other", "x");
  ASSERT_TRUE(rename("MyDrive/other", "MyDrive/a").ok());
  flush();
  EXPECT_EQ(store_.content(item_named(store_.root(), "a").id), "x");
  EXPECT_EQ(read_all(*reader), "old");
}

TEST_F(LostNameTest, RemovedFolderStaysKnownToWhoHasItOpen) {
  open();
  for (const bool in_drive : {false, true}) {
    ASSERT_TRUE(vfs_->make_folder({}, inode_of("MyDrive"), "d", {.mode = 0750}).ok());
    if (in_drive) flush();
    const InodeId folder = inode_of("MyDrive/d");
    auto handle = vfs_->open_folder(folder);
    ASSERT_TRUE(vfs_->remove_folder({}, inode_of("MyDrive"), "d").ok());
    flush();
    ASSERT_TRUE(vfs_->poll({}).ok());
    const auto node = vfs_->node(folder);
    ASSERT_TRUE(node.ok());
    EXPECT_EQ(node->mode & 07777, 0750U);
    EXPECT_EQ(node->parent, InodeId());
    handle.reset();
    EXPECT_EQ(vfs_->node(folder).ok(), in_drive) << "there it is in the trash";
  }
}

// What was changed before it lost its name stays so.
TEST_F(LostNameTest, RemovedOrReplacedFileKeepsTheModeThatItHad) {
  open();
  AttributeChange change;
  change.mode = 0711;
  for (const bool replaced : {false, true}) {
    const auto file = create("MyDrive/tmp");
    const InodeId inode = file->node().inode;
    ASSERT_TRUE(vfs_->set_attributes({}, inode, change).ok());
    if (replaced) {
      write_new("MyDrive/other", "x");
      ASSERT_TRUE(rename("MyDrive/other", "MyDrive/tmp").ok());
    } else {
      ASSERT_TRUE(unlink("MyDrive/tmp").ok());
    }
    const auto node = vfs_->node(inode);
    ASSERT_TRUE(node.ok());
    EXPECT_EQ(node->mode & 07777, 0711U);
    close(file);
  }
}

// J6: Drive has it as it was before it was changed, and then replaced, here.
TEST_F(LostNameTest, ReplacedFileThatDriveHasIsWhatItWasHere) {
  open();
  write_new("MyDrive/a", "");
  flush();
  const auto file = open_to_write("MyDrive/a");
  const InodeId inode = file->node().inode;
  ASSERT_TRUE(put(*file, 0, "written").ok());
  AttributeChange change;
  change.mode = 0711;
  ASSERT_TRUE(vfs_->set_attributes({}, inode, change).ok());
  write_new("MyDrive/other", "x");
  ASSERT_TRUE(rename("MyDrive/other", "MyDrive/a").ok());
  const auto node = vfs_->node(inode);
  ASSERT_TRUE(node.ok());
  EXPECT_EQ(node->size, 7U);
  EXPECT_EQ(node->mode & 07777, 0711U);
  EXPECT_EQ(node->parent, InodeId()) << "it has no name any more";
  close(file);
}

// J6: who only reads has what it was when it lost its name, whatever Drive has of it and who had it
// open before.
TEST_F(LostNameTest, ReaderOfAReplacedFileGoesOnWithWhatItWas) {
  for (const bool sent : {false, true}) {
    for (const bool removed : {false, true}) {
      SCOPED_TRACE(testing::Message() << "sent " << sent << ", removed " << removed);
      if (vfs_ == nullptr) open();
      write_new("MyDrive/a", "old");
      flush();
      const InodeId inode = inode_of("MyDrive/a");
      auto earlier = *vfs_->open_file({}, inode, {});
      write_newer(inode);
      if (sent) flush();
      auto reader = *vfs_->open_file({}, inode, {});
      earlier.reset();
      write_new("MyDrive/other", "x");
      ASSERT_TRUE(rename("MyDrive/other", "MyDrive/a").ok());
      ASSERT_TRUE(!removed || unlink("MyDrive/a").ok());
      at_once_and_sent([&] { expect_newer(inode, *reader); });
      reader.reset();
      ASSERT_TRUE(removed || unlink("MyDrive/a").ok());
      flush();
    }
  }
}

// J6: Drive has it, nothing of it was changed here, and who has it open writes after all.
TEST_F(LostNameTest, ReplacedOrRemovedFileThatDriveHasCanBeWrittenByWhoHasItOpen) {
  for (const bool replaced : {false, true}) {
    store_.add_file(store_.root(), "a", "bytes");
    if (vfs_ == nullptr) open();
    ASSERT_TRUE(vfs_->poll({}).ok());
    const auto file = open_to_write("MyDrive/a");
    if (replaced) {
      write_new("MyDrive/other", "x");
      ASSERT_TRUE(rename("MyDrive/other", "MyDrive/a").ok());
    } else {
      ASSERT_TRUE(unlink("MyDrive/a").ok());
    }
    ASSERT_TRUE(put(*file, 5, " and more").ok());
    EXPECT_EQ(read_all(*file), "bytes and more");
    close(file);
    flush();
    EXPECT_EQ(drive_names(store_.root()).size(), replaced ? 1U : 0U);
    EXPECT_EQ(exists("MyDrive/a") ? read("MyDrive/a") : "", replaced ? "x" : "");
  }
}

// J6: its item is another file's by now, whose attributes stay what they are.
TEST_F(LostNameTest, WhatIsChangedOfAReplacedFileIsNoChangeOfItsItem) {
  store_.add_file(store_.root(), "a", "bytes");
  open();
  for (const bool sent : {false, true}) {
    SCOPED_TRACE(sent);
    const auto file = open_to_write("MyDrive/a");
    const InodeId inode = file->node().inode;
    write_new("MyDrive/other", sent ? "x" : "y");
    ASSERT_TRUE(rename("MyDrive/other", "MyDrive/a").ok());
    if (sent) {
      flush();
      ASSERT_TRUE(vfs_->poll({}).ok());
    }
    AttributeChange change;
    change.mode = 0711;
    const auto changed = vfs_->set_attributes({}, inode, change);
    ASSERT_TRUE(changed.ok()) << changed.error().to_string();
    EXPECT_EQ(changed->mode & 07777, 0711U);
    EXPECT_EQ(changed->parent, InodeId());
    ASSERT_TRUE(vfs_->set_attribute({}, inode, "user.note", "mine", AttributeMode::kAny).ok());
    EXPECT_EQ(vfs_->attribute(inode, "user.note").value_or(""), "mine");
    EXPECT_EQ(node_at("MyDrive/a").mode & 07777, 0644U);
    EXPECT_FALSE(vfs_->attribute(inode_of("MyDrive/a"), "user.note").ok());
    const auto again = vfs_->open_file({}, inode, kToWrite);  // by /proc/self/fd
    ASSERT_TRUE(again.ok()) << again.error().to_string();
    ASSERT_TRUE(put(**again, 0, "B").ok());
    close(*again);
    close(file);
    flush();
    const drive::Item item = item_named(store_.root(), "a");
    EXPECT_EQ(store_.content(item.id), sent ? "x" : "y");
    EXPECT_FALSE(item.properties.contains("driveway.mode"));
    EXPECT_THAT(names_in("MyDrive"), ElementsAre("a"));
  }
}

// J6: what was set and not sent yet, of what nothing was written to.
TEST_F(LostNameTest, ReplacedFileKeepsTheTimeThatItHad) {
  open();
  write_new("MyDrive/a", "old");
  flush();
  const InodeId inode = inode_of("MyDrive/a");
  const auto reader = *vfs_->open_file({}, inode, {});
  AttributeChange change;
  change.modified = WallTime(std::chrono::seconds(1'234'567'890));
  ASSERT_TRUE(vfs_->set_attributes({}, inode, change).ok());
  write_new("MyDrive/other", "x");
  ASSERT_TRUE(rename("MyDrive/other", "MyDrive/a").ok());
  at_once_and_sent([&] {
    const auto node = vfs_->node(inode);
    ASSERT_TRUE(node.ok());
    EXPECT_EQ(node->modified, *change.modified);
    EXPECT_EQ(node->parent, InodeId());
  });
}

// Out of the trash, it is what Drive has.
TEST_F(LostNameTest, RestoredFileHasANameAgain) {
  open();
  write_new("MyDrive/a", "old");
  flush();
  const InodeId inode = inode_of("MyDrive/a");
  const auto reader = *vfs_->open_file({}, inode, {});
  ASSERT_TRUE(unlink("MyDrive/a").ok());
  flush();
  ASSERT_TRUE(vfs_->poll({}).ok());
  EXPECT_EQ(vfs_->node(inode)->parent, InodeId());
  ASSERT_THAT(names_in(".Trash"), ElementsAre("a"));
  ASSERT_TRUE(rename(".Trash/a", "MyDrive/a").ok());
  EXPECT_EQ(vfs_->node(inode)->parent, inode_of("MyDrive"));
  EXPECT_EQ(read("MyDrive/a"), "old");
}

// J6: nobody asked for bytes of it before it had lost its name.
TEST_F(LostNameTest, FileThatIsOpenedLateIsWhatItWas) {
  for (const bool sent : {false, true}) {
    for (const bool replaced : {false, true}) {
      SCOPED_TRACE(testing::Message() << "sent " << sent << ", replaced " << replaced);
      if (vfs_ == nullptr) open();
      write_new("MyDrive/a", "old");
      flush();
      const InodeId inode = inode_of("MyDrive/a");
      auto held = vfs_->open_later(inode);
      auto another = vfs_->open_later(inode);
      close(open_to_write("MyDrive/a", /*truncate=*/true));
      write_newer(inode);
      if (sent) flush();
      if (replaced) {
        write_new("MyDrive/other", "x");
        ASSERT_TRUE(rename("MyDrive/other", "MyDrive/a").ok());
      } else {
        ASSERT_TRUE(unlink("MyDrive/a").ok());
      }
      another.reset();
      at_once_and_sent([&] {
        const auto reader = vfs_->open_file({}, inode, {});
        ASSERT_TRUE(reader.ok()) << reader.error().to_string();
        expect_newer(inode, **reader);
      });
      held.reset();
      ASSERT_TRUE(!replaced || unlink("MyDrive/a").ok());
      flush();
    }
  }
}

// What is only held keeps nothing of a file that has its name.
TEST_F(LostNameTest, FileThatIsOpenedLateIsTheNamedOneAsLongAsItHasAName) {
  open();
  write_new("MyDrive/a", "old");
  flush();
  const InodeId inode = inode_of("MyDrive/a");
  const auto held = vfs_->open_later(inode);
  const auto writer = open_to_write("MyDrive/a");
  ASSERT_TRUE(put(*writer, 0, "newer").ok());
  close(writer);
  ASSERT_TRUE(rename("MyDrive/a", "MyDrive/b").ok());
  flush();
  EXPECT_EQ(read_all(**vfs_->open_file({}, inode, {})), "newer");
}

}  // namespace
}  // namespace driveway::vfs
