// Names that change: what is shown at once, and what becomes of it in Drive.
#include <atomic>
#include <utility>

#include "base/fault.h"
#include "unit/vfs/vfs_fixture.h"

namespace driveway::vfs {
namespace {

using drive::Method;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class NamingTest : public VfsFixture {};

// Mounts are told of attributes.
class ToldAttributes final : public tree::TreeObserver {
 public:
  void entry_changed(InodeId, const std::string&, std::optional<InodeId>) override {}
  void attributes_changed(InodeId inode) override { told.push_back(inode); }
  void directory_changed(InodeId) override {}
  std::vector<InodeId> told;
};

TEST_F(NamingTest, OfWhatHasJustBeenMadeNothingIsOutdated) {
  open();
  ToldAttributes mounts;
  vfs_->add_observer(mounts);
  const auto file = create("MyDrive/a");
  EXPECT_THAT(mounts.told, IsEmpty()) << "the answer to who made it can be kept";
  ASSERT_TRUE(put(*file, 0, "text").ok());
  EXPECT_THAT(mounts.told, ::testing::Contains(file->node().inode));
  close(file);
  vfs_->remove_observer(mounts);
}

// J6.
TEST_F(NamingTest, RenameOverAFileIsANewRevisionOfIt) {
  const FileId id = store_.add_file(store_.root(), "model.pt", "old");
  open();
  const InodeId old_inode = inode_of("MyDrive/model.pt");
  const auto reader = *vfs_->open_file({}, old_inode, {});
  write_new("MyDrive/model.tmp", "new");
  const InodeId inode = inode_of("MyDrive/model.tmp");
  ASSERT_TRUE(rename("MyDrive/model.tmp", "MyDrive/model.pt").ok());
  EXPECT_THAT(names_in("MyDrive"), ElementsAre("model.pt"));
  EXPECT_EQ(inode_of("MyDrive/model.pt"), inode);
  EXPECT_EQ(read("MyDrive/model.pt"), "new");
  flush();
  EXPECT_THAT(items_in(store_.root()), SizeIs(1));
  EXPECT_EQ(store_.content(id), "new") << "links to the file and its history stay";
  EXPECT_THAT(names_in("MyDrive"), ElementsAre("model.pt"));
  EXPECT_EQ(inode_of("MyDrive/model.pt"), inode);
  EXPECT_EQ(read("MyDrive/model.pt"), "new");
  EXPECT_EQ(read_all(*reader), "old") << "the replaced inode lives on";
  ASSERT_TRUE(vfs_->poll({}).ok());
  EXPECT_EQ(inode_of("MyDrive/model.pt"), inode);
}

TEST_F(NamingTest, FileThatTookAnItemIsShownOnceWhereverItGoes) {
  store_.add_file(store_.root(), "f", "old");
  open();
  write_new("MyDrive/t", "new");
  ASSERT_TRUE(rename("MyDrive/t", "MyDrive/f").ok());
  ASSERT_TRUE(rename("MyDrive/f", "MyDrive/g").ok());
  EXPECT_THAT(names_in("MyDrive"), ElementsAre("g"));
  EXPECT_FALSE(exists("MyDrive/f"));
  write_new("MyDrive/f", "another");
  EXPECT_THAT(names_in("MyDrive"), ElementsAre("f", "g"));
  flush();
  EXPECT_THAT(drive_names(store_.root()), ElementsAre("f", "g"));
  EXPECT_EQ(read("MyDrive/f"), "another");
  EXPECT_EQ(read("MyDrive/g"), "new");
}

// J6: `t` has an item of its own already, which is not needed then.
TEST_F(NamingTest, ReplacedFileIsToItsReadersWhatItWas) {
  const FileId id = store_.add_file(store_.root(), "f", "the old one");
  open();
  const auto reader = *vfs_->open_file({}, inode_of("MyDrive/f"), {});
  write_new("MyDrive/t", "1");
  flush();
  const FileId other = item_named(store_.root(), "t").id;
  const auto file = open_to_write("MyDrive/t");
  ASSERT_TRUE(put(*file, 0, "new").ok());
  close(file);
  ASSERT_TRUE(rename("MyDrive/t", "MyDrive/f").ok());
  const auto look = [&] {
    EXPECT_THAT(names_in("MyDrive"), ElementsAre("f"));
    EXPECT_EQ(read("MyDrive/f"), "new");
    EXPECT_EQ(read_all(*reader), "the old one");
    const auto node = vfs_->node(reader->node().inode);
    ASSERT_TRUE(node.ok());
    EXPECT_EQ(node->size, 11U);
  };
  look();
  flush();
  look();
  EXPECT_EQ(store_.content(id), "new");
  EXPECT_TRUE(store_.find(other)->trashed);
  ASSERT_TRUE(vfs_->poll({}).ok());
  look();
}

TEST_F(NamingTest, CleanFileTakesTheNameWithItsOwnItem) {
  const FileId a = store_.add_file(store_.root(), "a", "1");
  const FileId b = store_.add_file(store_.root(), "b", "2");
  open();
  ASSERT_TRUE(rename("MyDrive/a", "MyDrive/b").ok());
  EXPECT_THAT(names_in("MyDrive"), ElementsAre("b"));
  EXPECT_EQ(read("MyDrive/b"), "1");
  flush();
  EXPECT_EQ(store_.find(a)->name, "b");
  EXPECT_TRUE(store_.find(b)->trashed);
  EXPECT_THAT(names_in("MyDrive"), ElementsAre("b"));
  EXPECT_EQ(store_.calls(Method::kCreate), 0);
}

TEST_F(NamingTest, TwinKeepsItsShownNameWhileItIsChanged) {
  store_.add_file(store_.root(), "a", "first");
  clock_.advance(std::chrono::seconds(1));
  const FileId second = store_.add_file(store_.root(), "a", "second");
  open();
  const auto names = names_in("MyDrive");
  ASSERT_THAT(names, SizeIs(2));
  const std::string twin = "MyDrive/" + names[1];
  ASSERT_EQ(read(twin), "second");
  const auto file = open_to_write(twin);
  ASSERT_TRUE(put(*file, 0, "SECOND").ok());
  EXPECT_EQ(names_in("MyDrive"), names);
  EXPECT_EQ(read(twin), "SECOND");
  EXPECT_EQ(read("MyDrive/a"), "first");
  close(file);
  flush();
  EXPECT_EQ(names_in("MyDrive"), names);
  EXPECT_EQ(store_.content(second), "SECOND");
}

// J9.
TEST_F(NamingTest, WhatIsMadeHereHasItsNameUntilItIsSent) {
  open();
  EXPECT_THAT(names_in("MyDrive"), IsEmpty());
  write_new("MyDrive/a", "ours");
  store_.add_file(store_.root(), "a", "theirs");
  ASSERT_TRUE(vfs_->poll({}).ok());
  EXPECT_THAT(names_in("MyDrive"), ElementsAre("a"));
  EXPECT_EQ(read("MyDrive/a"), "ours");
  flush();
  EXPECT_THAT(names_in("MyDrive"), SizeIs(2)) << "both are kept";
}

TEST_F(NamingTest, FolderIsRenamedWithUnsentChildren) {
  open();
  make_folder("MyDrive/d");
  write_new("MyDrive/d/a", "1");
  make_folder("MyDrive/d/sub");
  write_new("MyDrive/d/sub/b", "2");
  ASSERT_TRUE(rename("MyDrive/d", "MyDrive/e").ok());
  EXPECT_FALSE(exists("MyDrive/d"));
  EXPECT_THAT(names_in("MyDrive/e"), ElementsAre("a", "sub"));
  EXPECT_EQ(read("MyDrive/e/sub/b"), "2");
  flush();
  const FileId folder = item_named(store_.root(), "e").id;
  EXPECT_THAT(drive_names(folder), ElementsAre("a", "sub"));
  EXPECT_THAT(drive_names(item_named(folder, "sub").id), ElementsAre("b"));
  EXPECT_EQ(read("MyDrive/e/sub/b"), "2");
}

// J8.
TEST_F(NamingTest, FolderThatIsRemovedWithAllInItIsOneCall) {
  const FileId folder = store_.add_folder(store_.root(), "d");
  const FileId sub = store_.add_folder(folder, "sub");
  store_.add_file(folder, "a", "1");
  store_.add_file(sub, "b", "2");
  open();
  EXPECT_TRUE(remove_folder("MyDrive/d").failed_with(ErrorCode::kNotEmpty));
  ASSERT_TRUE(unlink("MyDrive/d/sub/b").ok());
  ASSERT_TRUE(remove_folder("MyDrive/d/sub").ok());
  ASSERT_TRUE(unlink("MyDrive/d/a").ok());
  ASSERT_TRUE(remove_folder("MyDrive/d").ok());
  EXPECT_THAT(names_in("MyDrive"), IsEmpty());
  flush();
  EXPECT_THAT(store_.edits(), SizeIs(1));
  EXPECT_TRUE(store_.find(folder)->trashed);
  EXPECT_THAT(names_in("MyDrive"), IsEmpty());
  ASSERT_TRUE(vfs_->poll({}).ok());
  EXPECT_THAT(names_in("MyDrive"), IsEmpty());
}

TEST_F(NamingTest, WhatIsThereIsNotMadeAgain) {
  store_.add_file(store_.root(), "a", "1");
  open();
  write_new("MyDrive/b", "2");
  for (const char* name : {"a", "b"}) {
    EXPECT_TRUE(vfs_->create_file({}, inode_of("MyDrive"), name, {}, kToWrite)
                    .failed_with(ErrorCode::kAlreadyExists));
    EXPECT_TRUE(vfs_->make_folder({}, inode_of("MyDrive"), name, {})
                    .failed_with(ErrorCode::kAlreadyExists));
  }
  EXPECT_TRUE(rename("MyDrive/a", "MyDrive/b", RenameMode::kNoReplace)
                  .failed_with(ErrorCode::kAlreadyExists));
  EXPECT_TRUE(unlink("MyDrive/c").failed_with(ErrorCode::kNotFound));
  EXPECT_TRUE(rename("MyDrive/c", "MyDrive/d").failed_with(ErrorCode::kNotFound));
}

TEST_F(NamingTest, NamesAreExchanged) {
  const FileId a = store_.add_file(store_.root(), "a", "1");
  const FileId d = store_.add_folder(store_.root(), "d");
  open();
  const InodeId inode = inode_of("MyDrive/a");
  ASSERT_TRUE(rename("MyDrive/a", "MyDrive/d", RenameMode::kExchange).ok());
  EXPECT_EQ(inode_of("MyDrive/d"), inode);
  EXPECT_EQ(node_at("MyDrive/a").kind, tree::NodeKind::kDirectory);
  flush();
  EXPECT_EQ(store_.find(a)->name, "d");
  EXPECT_EQ(store_.find(d)->name, "a");
}

// One gets the other's name in Drive before that one, which is older, gives it up.
TEST_F(NamingTest, WhatExchangesItsNameIsShownUnderTheOtherFromThenOn) {
  if (!fault::compiled_in()) return;
  store_.add_file(store_.root(), "a", "1");
  clock_.advance(std::chrono::seconds(1));
  store_.add_file(store_.root(), "b", "22");
  open();
  ASSERT_TRUE(rename("MyDrive/b", "MyDrive/a", RenameMode::kExchange).ok());
  const auto look = [&] {
    EXPECT_THAT(names_in("MyDrive"), ElementsAre("a", "b"));
    EXPECT_EQ(node_at("MyDrive/a").size, 2U);
    EXPECT_EQ(node_at("MyDrive/b").size, 1U);
  };
  std::atomic<int> looks = 0;
  for (const char* point : {"sender.after_accept", "sender.after_record"}) {
    fault::arm(point, [&]() -> Status {
      ++looks;
      EXPECT_TRUE(vfs_->poll({}).ok());
      look();
      return {};
    });
  }
  flush();
  fault::disarm_all();
  EXPECT_GE(looks.load(), 2);
  ASSERT_TRUE(vfs_->poll({}).ok());
  look();
}

TEST_F(NamingTest, FolderDoesNotGoIntoItself) {
  store_.add_folder(store_.add_folder(store_.root(), "d"), "sub");
  open();
  EXPECT_TRUE(rename("MyDrive/d", "MyDrive/d/sub/x").failed_with(ErrorCode::kInvalidArgument));
  EXPECT_TRUE(rename("MyDrive/d/sub", "MyDrive/d").failed_with(ErrorCode::kNotEmpty));
}

TEST_F(NamingTest, NothingMovesBetweenDrives) {
  const DriveId team = store_.add_shared_drive("team");
  store_.add_file(FileId(team.value()), "t", "1");
  store_.add_file(store_.root(), "m", "2");
  store_.add_shared_with_me_folder("theirs");
  open();
  EXPECT_TRUE(rename("MyDrive/m", "Shareddrives/team/m").failed_with(ErrorCode::kCrossDevice));
  EXPECT_TRUE(rename("Shareddrives/team/t", "MyDrive/t").failed_with(ErrorCode::kCrossDevice));
  EXPECT_TRUE(rename("MyDrive/m", ".shared/m").failed_with(ErrorCode::kPermissionDenied));
  EXPECT_TRUE(rename("MyDrive/m", ".shared/theirs/m").failed_with(ErrorCode::kCrossDevice));
}

TEST_F(NamingTest, FixedFoldersAreLeftAlone) {
  const DriveId team = store_.add_shared_drive("team");
  open();
  EXPECT_TRUE(rename("MyDrive", "Mine").failed_with(ErrorCode::kPermissionDenied));
  EXPECT_TRUE(remove_folder("Shareddrives/team").failed_with(ErrorCode::kPermissionDenied));
  for (const char* folder : {"", "Shareddrives", ".shared", ".Trash"}) {
    EXPECT_TRUE(vfs_->make_folder({}, inode_of(folder), "new", {})
                    .failed_with(ErrorCode::kPermissionDenied))
        << folder;
  }
}

TEST_F(NamingTest, ReadOnlyFolderAndFileAreRefused) {
  const FileId folder = store_.add_folder(store_.root(), "d");
  const FileId file = store_.add_file(store_.root(), "f", "1");
  store_.edit(folder, [](drive::Item& item) { item.capabilities.can_add_children = false; });
  store_.edit(file, [](drive::Item& item) { item.capabilities.can_edit = false; });
  open();
  EXPECT_TRUE(vfs_->create_file({}, inode_of("MyDrive/d"), "x", {}, kToWrite)
                  .failed_with(ErrorCode::kPermissionDenied));
  EXPECT_TRUE(vfs_->open_file({}, inode_of("MyDrive/f"), kToWrite)
                  .failed_with(ErrorCode::kPermissionDenied));
  EXPECT_TRUE(unlink("MyDrive/f").failed_with(ErrorCode::kPermissionDenied));
}

TEST_F(NamingTest, WhatIsMovedOutOfTheTrashIsRestored) {
  const FileId id = store_.add_file(store_.root(), "f", "1");
  store_.trash(id);
  open();
  ASSERT_THAT(names_in(".Trash"), ElementsAre("f"));
  EXPECT_TRUE(unlink(".Trash/f").failed_with(ErrorCode::kPermissionDenied));
  ASSERT_TRUE(rename(".Trash/f", "MyDrive/g").ok());
  EXPECT_THAT(names_in(".Trash"), IsEmpty());
  EXPECT_EQ(read("MyDrive/g"), "1");
  flush();
  EXPECT_FALSE(store_.find(id)->trashed);
  EXPECT_EQ(store_.find(id)->name, "g");
  EXPECT_THAT(names_in("MyDrive"), ElementsAre("g"));
  EXPECT_THAT(names_in(".Trash"), IsEmpty());
}

TEST_F(NamingTest, WhatIsMovedOutOfLostAndFoundHasAFolder) {
  options_.tree.lost_and_found = true;
  const FileId folder = store_.add_folder(store_.root(), "d");
  const FileId id = store_.add_lost_file("f", "1");
  store_.add_lost_file("g", "2");
  store_.add_shared_drive("Team");
  open();
  ASSERT_THAT(names_in("lost+found"), ElementsAre("f", "g"));
  EXPECT_EQ(read("lost+found/f"), "1");
  EXPECT_TRUE(unlink("lost+found/f").failed_with(ErrorCode::kPermissionDenied));
  EXPECT_TRUE(rename("lost+found/f", "lost+found/h").failed_with(ErrorCode::kPermissionDenied));
  EXPECT_TRUE(rename("MyDrive/d", "lost+found/d").failed_with(ErrorCode::kPermissionDenied));
  EXPECT_TRUE(rename("lost+found/f", "Shareddrives/Team/f").failed_with(ErrorCode::kCrossDevice));
  ASSERT_TRUE(rename("lost+found/f", "MyDrive/d/h").ok());
  EXPECT_THAT(names_in("lost+found"), ElementsAre("g"));
  EXPECT_EQ(read("MyDrive/d/h"), "1");
  flush();
  EXPECT_EQ(store_.find(id)->parent, folder);
  EXPECT_EQ(store_.find(id)->name, "h");
  EXPECT_THAT(names_in("lost+found"), ElementsAre("g"));
  EXPECT_THAT(names_in("MyDrive/d"), ElementsAre("h"));
}

TEST_F(NamingTest, RemovedFileIsInTheTrash) {
  const FileId id = store_.add_file(store_.root(), "f", "1");
  open();
  const auto reader = *vfs_->open_file({}, inode_of("MyDrive/f"), {});
  ASSERT_TRUE(unlink("MyDrive/f").ok());
  EXPECT_FALSE(exists("MyDrive/f"));
  EXPECT_TRUE(vfs_->node(reader->node().inode).ok());
  EXPECT_EQ(read_all(*reader), "1");
  flush();
  EXPECT_TRUE(store_.find(id)->trashed);
  EXPECT_THAT(names_in("MyDrive"), IsEmpty());
  EXPECT_THAT(names_in(".Trash"), ElementsAre("f"));
}

TEST_F(NamingTest, DocumentKeepsItsExtension) {
  const FileId id = store_.add_document(store_.root(), "report");
  open();
  ASSERT_TRUE(rename("MyDrive/report.gdoc", "MyDrive/final.gdoc").ok());
  EXPECT_TRUE(exists("MyDrive/final.gdoc"));
  EXPECT_THAT(names_in("MyDrive"), ElementsAre("final.gdoc"));
  EXPECT_TRUE(
      rename("MyDrive/final.gdoc", "MyDrive/final.txt").failed_with(ErrorCode::kInvalidArgument));
  flush();
  EXPECT_EQ(store_.find(id)->name, "final");
  EXPECT_TRUE(vfs_->open_file({}, inode_of("MyDrive/final.gdoc"), kToWrite)
                  .failed_with(ErrorCode::kPermissionDenied));
}

TEST_F(NamingTest, OddNamesAreTranslated) {
  open();
  write_new("MyDrive/a∕b", "1");
  EXPECT_THAT(names_in("MyDrive"), ElementsAre("a∕b"));
  flush();
  EXPECT_THAT(drive_names(store_.root()), ElementsAre("a/b"));
  EXPECT_TRUE(vfs_->create_file({}, inode_of("MyDrive"), "\xff", {}, kToWrite)
                  .failed_with(ErrorCode::kInvalidArgument));
  EXPECT_TRUE(vfs_->create_file({}, inode_of("MyDrive"), std::string(256, 'x'), {}, kToWrite)
                  .failed_with(ErrorCode::kNameTooLong));
}

TEST_F(NamingTest, WhatIsMadeBehindAShortcutIsMadeInTheFolder) {
  const FileId folder = store_.add_folder(store_.root(), "d");
  store_.add_shortcut(store_.root(), "s", folder);
  open();
  write_new("MyDrive/s/a", "1");
  EXPECT_EQ(read("MyDrive/d/a"), "1");
  EXPECT_THAT(names_in("MyDrive/s"), ElementsAre("a"));
  flush();
  EXPECT_THAT(drive_names(folder), ElementsAre("a"));
  ASSERT_TRUE(remove_folder("MyDrive/s").ok()) << "the shortcut, not the folder";
  flush();
  EXPECT_FALSE(store_.find(folder)->trashed);
  EXPECT_THAT(drive_names(store_.root()), ElementsAre("d"));
}

// It has two inodes there, of one item.
TEST_F(NamingTest, FolderBehindAShortcutHasItsNameWhileItIsChanged) {
  const FileId folder = store_.add_folder(store_.root(), "d");
  store_.add_folder(folder, "sub");
  store_.add_shortcut(store_.root(), "s", folder);
  open();
  const InodeId inode = inode_of("MyDrive/s/sub");
  const InodeId real = inode_of("MyDrive/d/sub");
  ASSERT_NE(inode, real);
  AttributeChange change;
  change.mode = 0700;
  ASSERT_TRUE(vfs_->set_attributes({}, real, change).ok());
  const auto node = vfs_->node(inode);
  ASSERT_TRUE(node.ok());
  EXPECT_EQ(node->parent, inode_of("MyDrive/s"));
  EXPECT_FALSE(node->unnamed);
}

TEST_F(NamingTest, CreatedAndRemovedNeverReachesDrive) {
  open();
  make_folder("MyDrive/d");
  write_new("MyDrive/d/a", "1");
  ASSERT_TRUE(unlink("MyDrive/d/a").ok());
  ASSERT_TRUE(remove_folder("MyDrive/d").ok());
  flush();
  EXPECT_THAT(store_.edits(), IsEmpty());
}

// D4: between the look at the tree and the look at the rows Drive has done it.
TEST_F(NamingTest, WhatDriveDoesDuringALookIsSeenWholly) {
  if (!fault::compiled_in()) return;
  store_.add_file(store_.root(), "gone", "1");
  store_.add_file(store_.root(), "before", "2");
  open();
  const auto change = [&] {
    ASSERT_TRUE(unlink("MyDrive/gone").ok());
    ASSERT_TRUE(rename("MyDrive/before", "MyDrive/after").ok());
    bool is_done = false;
    fault::arm("view.before_rows", [this, is_done]() mutable -> Status {
      if (!std::exchange(is_done, true)) flush();
      return {};
    });
  };
  const InodeId folder = inode_of("MyDrive");
  change();
  const auto entries = vfs_->list({}, folder);
  fault::disarm_all();
  ASSERT_TRUE(entries.ok());
  ASSERT_THAT(*entries, SizeIs(1));
  EXPECT_EQ((*entries)[0].name, "after");
  store_.add_file(store_.root(), "gone", "1");
  store_.add_file(store_.root(), "before", "2");
  ASSERT_TRUE(unlink("MyDrive/after").ok());
  ASSERT_TRUE(vfs_->poll({}).ok());
  change();
  EXPECT_TRUE(vfs_->lookup({}, folder, "gone").failed_with(ErrorCode::kNotFound));
  fault::disarm_all();
  EXPECT_TRUE(vfs_->lookup({}, folder, "after").ok());
  EXPECT_TRUE(vfs_->lookup({}, folder, "before").failed_with(ErrorCode::kNotFound));
}

}  // namespace
}  // namespace driveway::vfs
