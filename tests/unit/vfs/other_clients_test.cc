// Files that other clients change while they are changed here, or before.
#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <mutex>

#include "base/fault.h"
#include "unit/vfs/vfs_fixture.h"

namespace driveway::vfs {
namespace {

using drive::Method;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::StartsWith;

class OtherClientsTest : public VfsFixture {};

// R1a: only the mode is ours, which is not sent yet.
TEST_F(OtherClientsTest, AnothersNewRevisionWhileAttributesArePendingIsANewInode) {
  const FileId id = store_.add_file(store_.root(), "a", "before");
  open();
  const InodeId inode = inode_of("MyDrive/a");
  const auto reader = *vfs_->open_file({}, inode, {});
  EXPECT_EQ(read_all(*reader), "before");
  AttributeChange change;
  change.mode = 0711;
  ASSERT_TRUE(vfs_->set_attributes({}, inode, change).ok());
  store_.set_content(id, "theirs, which is longer");
  ASSERT_TRUE(vfs_->poll({}).ok());
  EXPECT_THAT(names_in("MyDrive"), ElementsAre("a"));
  flush();
  for (const bool heard : {false, true}) {
    if (heard) {
      EXPECT_TRUE(vfs_->poll({}).ok());
    }
    EXPECT_THAT(names_in("MyDrive"), ElementsAre("a"));
    EXPECT_NE(inode_of("MyDrive/a"), inode);
    EXPECT_EQ(read("MyDrive/a"), "theirs, which is longer");
    EXPECT_EQ(node_at("MyDrive/a").mode & 07777, 0711U);
    EXPECT_EQ(read_all(*reader), "before");
  }
}

// Each has put one of two folders into the other: whoever asks for a path gets an answer.
TEST_F(OtherClientsTest, FoldersThatLieInEachOtherHaveNoPath) {
  const FileId a = store_.add_folder(store_.root(), "a");
  const FileId b = store_.add_folder(store_.root(), "b");
  open();
  const InodeId ours = inode_of("MyDrive/a");
  const InodeId theirs = inode_of("MyDrive/b");
  ASSERT_TRUE(rename("MyDrive/a", "MyDrive/b/a").ok());
  EXPECT_EQ(vfs_->path_of(ours), "MyDrive/b/a");
  store_.move(b, a);
  ASSERT_TRUE(vfs_->poll({}).ok());
  EXPECT_EQ(vfs_->path_of(ours), "");
  EXPECT_EQ(vfs_->path_of(theirs), "");
}

// J10.
TEST_F(OtherClientsTest, ChangeOfAnotherClientMeanwhileIsKeptToo) {
  const FileId id = store_.add_file(store_.root(), "a.txt", "before");
  open();
  const auto file = open_to_write("MyDrive/a.txt", /*truncate=*/true);
  ASSERT_TRUE(put(*file, 0, "ours").ok());
  close(file);
  store_.set_content(id, "theirs");
  flush();
  ASSERT_TRUE(vfs_->poll({}).ok());
  EXPECT_EQ(store_.content(id), "theirs");
  ASSERT_THAT(names_in("MyDrive"), ElementsAre(StartsWith("a (conflict "), "a.txt"));
  EXPECT_EQ(read("MyDrive/a.txt"), "theirs");
  EXPECT_EQ(read("MyDrive/" + names_in("MyDrive")[0]), "ours");
  flush();
  ASSERT_THAT(items_in(store_.root()), SizeIs(2));
  EXPECT_EQ(store_.content(items_in(store_.root())[0].id), "ours");
}

// J10: it was open, and not written yet, when another client changed it.
TEST_F(OtherClientsTest, ChangeOfAnotherClientBeforeTheFirstWriteIsKeptToo) {
  const FileId id = store_.add_file(store_.root(), "a.txt", "before");
  open();
  const auto file = open_to_write("MyDrive/a.txt");
  store_.set_content(id, "theirs");
  ASSERT_TRUE(vfs_->poll({}).ok());
  EXPECT_EQ(read("MyDrive/a.txt"), "theirs");
  ASSERT_TRUE(file->truncate({}, 0).ok());
  ASSERT_TRUE(put(*file, 0, "ours").ok());
  close(file);
  flush();
  ASSERT_TRUE(vfs_->poll({}).ok());
  EXPECT_EQ(store_.content(id), "theirs");
  EXPECT_EQ(read("MyDrive/a.txt"), "theirs");
  ASSERT_THAT(names_in("MyDrive"), ElementsAre(StartsWith("a (conflict "), "a.txt"));
  EXPECT_EQ(read("MyDrive/" + names_in("MyDrive")[0]), "ours");
}

// J10: the same, but that it was removed.
TEST_F(OtherClientsTest, FileThatAnotherClientRemovedBeforeTheFirstWriteIsMadeAnew) {
  for (const bool trashed : {false, true}) {
    SCOPED_TRACE(trashed);
    const FileId id = store_.add_file(store_.root(), "a.txt", "before");
    if (vfs_ == nullptr) open();
    ASSERT_TRUE(vfs_->poll({}).ok());
    const auto file = open_to_write("MyDrive/a.txt");
    const auto idle = open_to_write("MyDrive/a.txt");
    EXPECT_EQ(read_all(*file), "before");
    if (trashed) {
      store_.trash(id);
    } else {
      store_.remove(id);
    }
    ASSERT_TRUE(vfs_->poll({}).ok());
    EXPECT_FALSE(exists("MyDrive/a.txt"));
    ASSERT_TRUE(put(*file, 0, "AFTER").ok());
    EXPECT_EQ(read_all(*file), "AFTERe");
    EXPECT_EQ(node_at("MyDrive/a.txt").size, 6U);
    EXPECT_EQ(node_at("MyDrive/a.txt").inode, file->node().inode);
    close(file);
    close(idle);
    flush();
    const drive::Item made = item_named(store_.root(), "a.txt");
    EXPECT_NE(made.id, id);
    EXPECT_EQ(store_.content(made.id), "AFTERe");
    EXPECT_EQ(read("MyDrive/a.txt"), "AFTERe");
    ASSERT_TRUE(unlink("MyDrive/a.txt").ok());
    flush();
  }
}

// J10: whoever only had it open makes nothing of it.
TEST_F(OtherClientsTest, FileThatAnotherClientRemovedStaysAwayWhereNothingIsWritten) {
  const FileId id = store_.add_file(store_.root(), "a.txt", "before");
  open();
  const auto file = open_to_write("MyDrive/a.txt");
  store_.remove(id);
  ASSERT_TRUE(vfs_->poll({}).ok());
  close(file);
  flush();
  EXPECT_THAT(names_in("MyDrive"), IsEmpty());
  EXPECT_THAT(items_in(store_.root()), IsEmpty());
}

// J10: the folder went into the trash while the bytes were on their way.
TEST_F(OtherClientsTest, WhatWasSentIntoTheTrashIsMadeAnew) {
  const FileId folder = store_.add_folder(store_.root(), "d");
  store_.add_file(folder, "a.txt", "before");
  open();
  const auto file = open_to_write("MyDrive/d/a.txt");
  ASSERT_TRUE(put(*file, 0, "AFTER").ok());
  close(file);
  store_.faults().set_hook(
      [&, first = true](const Context&, const drive::CallInfo& call) mutable -> Status {
        if (call.method == Method::kUpdate && std::exchange(first, false)) store_.trash(folder);
        return {};
      });
  flush();
  store_.faults().clear();
  flush();
  ASSERT_TRUE(vfs_->poll({}).ok());
  EXPECT_EQ(read("MyDrive/driveway-recovered/a.txt"), "AFTERe");
  EXPECT_EQ(
      store_.content(item_named(item_named(store_.root(), "driveway-recovered").id, "a.txt").id),
      "AFTERe");
}

// What mounts are told of names.
class ToldNames final : public tree::TreeObserver {
 public:
  void entry_changed(InodeId, const std::string& name, std::optional<InodeId>) override {
    const std::lock_guard lock(mutex_);
    names_.push_back(name);
    told_.notify_all();
  }
  void attributes_changed(InodeId) override {}
  void directory_changed(InodeId) override {}
  std::vector<std::string> take() {
    const std::lock_guard lock(mutex_);
    return std::exchange(names_, {});
  }
  // Since take(). Who flushes may go on a moment before the mounts are told.
  bool is_told(const std::string& name) {
    std::unique_lock lock(mutex_);
    return told_.wait_for(lock, std::chrono::seconds(10), [&] {
      return std::find(names_.begin(), names_.end(), name) != names_.end();
    });
  }

 private:
  std::mutex mutex_;
  std::condition_variable told_;
  std::vector<std::string> names_;
};

// J10: two that were made anew have one name until one of them has found another in Drive.
TEST_F(OtherClientsTest, MountsAreToldOfTheNamesOfWhatWasMadeAnew) {
  const std::vector<FileId> ids{store_.add_file(store_.root(), "a.txt", "1"),
                                store_.add_file(store_.root(), "a.txt", "2")};
  open();
  const auto before = names_in("MyDrive");
  ASSERT_THAT(before, SizeIs(2));
  std::vector<std::shared_ptr<OpenFile>> files;
  for (const std::string& name : before) files.push_back(open_to_write("MyDrive/" + name));
  for (const FileId& id : ids) store_.remove(id);
  ASSERT_TRUE(vfs_->poll({}).ok());
  ASSERT_THAT(names_in("MyDrive"), IsEmpty());
  ToldNames told;
  vfs_->add_observer(told);
  for (const auto& file : files) ASSERT_TRUE(put(*file, 0, "ours").ok());
  const auto now = names_in("MyDrive");
  ASSERT_THAT(now, SizeIs(2));
  const auto names = told.take();
  for (const std::string& name : now) EXPECT_THAT(names, ::testing::Contains(name));
  for (const auto& file : files) close(file);
  told.take();
  flush();
  EXPECT_THAT(names_in("MyDrive"), SizeIs(2));
  for (const std::string& name : now) EXPECT_TRUE(told.is_told(name)) << name;
  vfs_->remove_observer(told);
}

}  // namespace
}  // namespace driveway::vfs
