// What this client changes itself, and which inode it has (J3, J6, J9, J10, R1a).
#include "own_changes_fixture.h"

namespace driveway::tree {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class OwnChangesTest : public OwnChangesFixture {};

TEST_F(OwnChangesTest, ANewFileHasItsInodeWhoeverTellsOfItFirst) {
  const InodeId inode = new_inode();
  const FileId made = make(data, "new", "two", inode);
  poll();
  EXPECT_EQ(at("MyDrive/data/new").inode, inode);
  EXPECT_EQ(accept(made), directory);
  EXPECT_EQ(at("MyDrive/data/new").inode, inode);
  EXPECT_THAT(names("MyDrive/data"), ElementsAre("a.txt", "new"));
}

TEST_F(OwnChangesTest, AListingTellsOfANewFileFirst) {
  const InodeId inode = new_inode();
  const FileId other = store.add_folder(store.root(), "other");
  make(other, "new", "two", inode);
  poll();
  EXPECT_EQ(at("MyDrive/other/new").inode, inode);
}

TEST_F(OwnChangesTest, AFileInAnUnknownFolderHasItsInode) {
  const FileId deep = store.add_folder(store.add_folder(store.root(), "x"), "deep");
  store.set_feed_lag(std::chrono::minutes(5));
  const InodeId inode = new_inode();
  const FileId made = make(deep, "new", "two", inode);
  EXPECT_EQ(accept(made), InodeId());
  EXPECT_EQ(tree->node(inode)->item->id, made);
  lose_feed();
  EXPECT_EQ(at("MyDrive/x/deep/new").inode, inode);
}

TEST_F(OwnChangesTest, AnAcceptedFileIsShownAtOnce) {
  const InodeId inode = new_inode();
  const FileId made = make(data, "new", "two", inode);
  EXPECT_EQ(accept(made), directory);
  EXPECT_EQ(at("MyDrive/data/new").inode, inode);
  EXPECT_TRUE(recorder.entry(directory, "new"));
  EXPECT_TRUE(recorder.directory(directory));
  EXPECT_EQ(store.calls(), 0);
}

TEST_F(OwnChangesTest, AFolderThatWasNeverListedNeedsNoListing) {
  const FileId other = store.add_folder(store.root(), "other");
  store.add_file(other, "theirs", "x");
  poll();
  const InodeId folder = at("MyDrive/other").inode;
  const InodeId inode = new_inode();
  store.reset_calls();
  const FileId made = make(other, "new", "two", inode);
  EXPECT_EQ(accept(made), folder);
  EXPECT_EQ(store.calls(), 0);
  EXPECT_THAT(names("MyDrive/other"), ElementsAre("new", "theirs"));
  EXPECT_EQ(at("MyDrive/other/new").inode, inode);
}

TEST_F(OwnChangesTest, OurNewRevisionKeepsTheInode) {  // R1a is about others
  const FileId link = store.add_shortcut(data, "link", file);
  poll();
  const InodeId shortcut = at("MyDrive/data/link").inode;
  for (const bool feed_is_first : {true, false}) {
    recorder.clear();
    upload(file, before, feed_is_first ? "second" : "the third");
    if (feed_is_first) poll();
    accept(file);
    EXPECT_EQ(at("MyDrive/data/a.txt").inode, before);
    EXPECT_EQ(at("MyDrive/data/a.txt").size, feed_is_first ? 6u : 9u);
    EXPECT_TRUE(recorder.attributes(before));
    EXPECT_FALSE(recorder.entry(directory, "a.txt"));
  }
  EXPECT_NE(at("MyDrive/data/link").inode, shortcut);  // whose bytes nobody wrote under its number
  EXPECT_EQ(at("MyDrive/data/link").size, 9u);
}

TEST_F(OwnChangesTest, AnothersNewRevisionIsANewInode) {  // R1a
  ours.knows(file, before);
  ours.writes(before, "mine");
  store.set_content(file, "theirs");
  poll();
  const InodeId now = at("MyDrive/data/a.txt").inode;
  EXPECT_NE(now, before);
  EXPECT_EQ(tree->node(before)->size, 3u);
  // A change of ours to what is not its content gives it no other one.
  store.edit(file, [](drive::Item& item) { item.properties["driveway.mode"] = "0600"; });
  EXPECT_EQ(accept(file), directory);
  EXPECT_EQ(at("MyDrive/data/a.txt").inode, now);
  EXPECT_EQ(tree->node(before)->size, 3u);
}

// R1a: also where what is known of the item here is as new as theirs (J10).
TEST_F(OwnChangesTest, AnothersNewRevisionStaysThatOfItsInodeWhateverElseIsOurs) {
  ours.knows(file, before);
  store.set_content(file, "theirs");
  poll();
  const InodeId now = at("MyDrive/data/a.txt").inode;
  EXPECT_NE(now, before);
  ours.writes(before, "theirs");
  store.edit(file, [](drive::Item& item) { item.properties["driveway.mode"] = "0600"; });
  accept(file);
  EXPECT_EQ(at("MyDrive/data/a.txt").inode, now);
  EXPECT_EQ(tree->node(before)->size, 3u);
  EXPECT_TRUE(tree->node(before)->unnamed);
  EXPECT_FALSE(tree->node(now)->unnamed);
}

TEST_F(OwnChangesTest, AFileOverASymlinkKeepsItsInode) {  // J6; and the other way round
  for (const bool to_link : {true, false}) {
    SCOPED_TRACE(to_link);
    const InodeId old = at("MyDrive/data/a.txt").inode;
    const InodeId inode = new_inode();
    ours.knows(file, inode);
    const std::string content = to_link ? "target" : "plain bytes";
    ours.writes(inode, content);
    store.edit(file, [&](drive::Item& item) {
      item.properties.erase("driveway.symlink");
      if (to_link) item.properties["driveway.symlink"] = "1";
    });
    store.set_content(file, content);
    accept(file);
    const Node node = at("MyDrive/data/a.txt");
    EXPECT_EQ(node.inode, inode);
    EXPECT_EQ(node.kind, to_link ? NodeKind::kSymlink : NodeKind::kFile);
    EXPECT_TRUE(tree->node(old)->unnamed);
    EXPECT_NE(tree->node(old)->kind, node.kind);
    EXPECT_THAT(names("MyDrive/data"), ElementsAre("a.txt"));
  }
}

TEST_F(OwnChangesTest, WhatDriveChoseAnIdForHasItsInode) {  // J2
  const InodeId inode = new_inode();
  ours.made("op1", inode);
  ours.writes(inode, "two");
  const FileId made = store.add_file(data, "new", "two");
  store.edit(made, [](drive::Item& item) { item.properties["made.by"] = "op1"; });
  poll();
  EXPECT_EQ(at("MyDrive/data/new").inode, inode);
  EXPECT_THAT(names("MyDrive/data"), ElementsAre("a.txt", "new"));
  ours.knows(made, inode);
  accept(made);
  EXPECT_EQ(at("MyDrive/data/new").inode, inode);
}

TEST_F(OwnChangesTest, OurRevisionAfterAnothersTakesTheItemBack) {
  ours.knows(file, before);
  store.set_content(file, "theirs");
  poll();
  const InodeId theirs = at("MyDrive/data/a.txt").inode;
  upload(file, before, "mine");
  accept(file);
  EXPECT_EQ(at("MyDrive/data/a.txt").inode, before);
  EXPECT_EQ(tree->node(before)->size, 4u);
  EXPECT_EQ(tree->node(theirs)->size, 6u);
  EXPECT_TRUE(recorder.entry(directory, "a.txt"));
}

// J6: X, which is in Drive, is renamed over the file: it takes its id, X is to be removed.
class RenameOver : public OwnChangesFixture {
 protected:
  void SetUp() override {
    OwnChangesFixture::SetUp();
    source = new_inode();
    temporary = make(data, "a.txt.tmp", "renamed", source);
    accept(temporary);
    ASSERT_EQ(at("MyDrive/data/a.txt.tmp").inode, source);
    ours.knows(file, source);
    ours.knows(temporary, before);
    ours.removes_it(temporary);
    recorder.clear();
  }
  InodeId source;
  FileId temporary;
};

TEST_F(RenameOver, TheSourceTakesTheItem) {
  store.set_content(file, "renamed");
  EXPECT_EQ(accept(file), directory);
  EXPECT_EQ(at("MyDrive/data/a.txt").inode, source);
  EXPECT_EQ(tree->node(source)->item->id, file);
  EXPECT_TRUE(recorder.entry(directory, "a.txt"));
  // The replaced inode lives on with what it was.
  EXPECT_EQ(tree->node(before)->item->md5, hash_hex(HashKind::kMd5, "one"));
  EXPECT_THAT(names("MyDrive/data"), ElementsAre("a.txt"));
  EXPECT_TRUE(recorder.entry(directory, "a.txt.tmp"));
}

TEST_F(RenameOver, WhatIsLeftOverIsNotSeenUntilItIsInTheTrash) {
  store.set_content(file, "renamed");
  accept(file);
  store.edit(temporary, [](drive::Item& item) { item.properties["x"] = "y"; });
  poll();
  EXPECT_THAT(names("MyDrive/data"), ElementsAre("a.txt"));
  store.trash(temporary);
  EXPECT_EQ(accept(temporary), InodeId(5));
  EXPECT_THAT(names(".Trash"), ElementsAre("a.txt.tmp"));
  const InodeId left = at(".Trash/a.txt.tmp").inode;
  EXPECT_NE(left, source);
  EXPECT_NE(left, before);
  EXPECT_EQ(tree->node(before)->size, 3u);
}

TEST_F(RenameOver, TheFeedTellsOfItFirst) {
  store.set_content(file, "renamed");
  poll();
  EXPECT_EQ(at("MyDrive/data/a.txt").inode, source);
  accept(file);
  EXPECT_EQ(at("MyDrive/data/a.txt").inode, source);
  EXPECT_EQ(tree->node(before)->size, 3u);
}

TEST_F(RenameOver, UntilItIsSentTheItemIsTheTargets) {
  store.edit(file, [](drive::Item& item) { item.properties["x"] = "y"; });
  store.edit(temporary, [](drive::Item& item) { item.properties["x"] = "y"; });
  poll();
  EXPECT_EQ(at("MyDrive/data/a.txt").inode, before);
  EXPECT_EQ(tree->node(source)->item->id, temporary);
}

TEST_F(RenameOver, ATwinOfAnotherClientKeepsItsName) {
  store.add_file(data, "a.txt", "a twin");
  poll();
  const auto shown = names("MyDrive/data");
  EXPECT_THAT(shown, SizeIs(2));
  store.set_content(file, "renamed");
  accept(file);
  EXPECT_EQ(at("MyDrive/data/a.txt").inode, source);
  EXPECT_EQ(names("MyDrive/data"), shown);
}

TEST_F(OwnChangesTest, ATwinThatTakesTheInodeTakesTheNameToo) {  // J6
  const FileId twin = store.add_file(data, "a.txt", "twin");
  poll();
  ASSERT_EQ(at("MyDrive/data/a.txt").inode, before);
  const InodeId replaced = tree->by_id({}, twin)->inode;
  ours.knows(file, replaced);
  ours.removes_it(file);
  upload(twin, before, "renamed");
  EXPECT_EQ(accept(twin), directory);
  EXPECT_THAT(names("MyDrive/data"), ElementsAre("a.txt"));
  EXPECT_EQ(at("MyDrive/data/a.txt").inode, before);
  EXPECT_EQ(tree->node(before)->item->id, twin);
  EXPECT_EQ(tree->node(replaced)->size, 4u);
}

TEST_F(OwnChangesTest, AConflictTakesTheInodeAlong) {  // J10
  ours.knows(file, before);
  store.set_content(file, "theirs");
  poll();
  const InodeId theirs = at("MyDrive/data/a.txt").inode;
  const FileId copy = make(data, "a (conflict).txt", "mine", before);
  ours.knows(file, theirs);
  accept(copy);
  EXPECT_EQ(at("MyDrive/data/a (conflict).txt").inode, before);
  EXPECT_EQ(at("MyDrive/data/a.txt").inode, theirs);
  EXPECT_EQ(tree->node(before)->item->id, copy);
}

TEST_F(OwnChangesTest, WhatIsMadeAnewKeepsItsInodeAndTheOldItemGetsAnother) {  // J10
  store.trash(file);
  poll();
  ASSERT_EQ(at(".Trash/a.txt").inode, before);
  const FileId anew = make(data, "a.txt", "mine", before);
  accept(anew);
  EXPECT_EQ(at("MyDrive/data/a.txt").inode, before);
  EXPECT_EQ(tree->node(before)->item->id, anew);
  const Node old = at(".Trash/a.txt");
  EXPECT_NE(old.inode, before);
  EXPECT_EQ(old.item->id, file);
  store.remove(file);
  poll();
  EXPECT_EQ(tree->node(before)->item->id, anew);
  EXPECT_THAT(names(".Trash"), IsEmpty());
}

TEST_F(OwnChangesTest, WhatIsMadeAnewAfterItWasDeletedKeepsItsInode) {  // J10
  store.remove(file);
  poll();
  const FileId anew = make(data, "a.txt", "mine", before);
  accept(anew);
  EXPECT_EQ(at("MyDrive/data/a.txt").inode, before);
  EXPECT_EQ(tree->by_id({}, file).error().code, ErrorCode::kNotFound);
  EXPECT_EQ(at("MyDrive/data/a.txt").inode, before);
}

TEST_F(OwnChangesTest, AnAdoptedFolderGetsOurInode) {  // J9
  const InodeId inode = new_inode();
  ours.knows(data, inode);
  EXPECT_EQ(accept(data), at("MyDrive").inode);
  EXPECT_EQ(at("MyDrive/data").inode, inode);
  EXPECT_EQ(at("MyDrive/data/a.txt").inode, before);
  EXPECT_THAT(names("MyDrive/data"), ElementsAre("a.txt"));
  EXPECT_EQ(at("MyDrive/data/a.txt").parent, inode);
  EXPECT_EQ(lists(), 1);  // anew
  store.add_file(data, "later", "x");
  poll();
  EXPECT_THAT(names("MyDrive/data"), ElementsAre("a.txt", "later"));
}

TEST_F(OwnChangesTest, AFolderMadeAnewHasNothingOfTheOldOne) {  // J10
  store.trash(data);
  poll();
  const FileId anew = store.add_folder(store.root(), "data");
  ours.knows(anew, directory);
  ours.made_just_now(anew);
  accept(anew);
  EXPECT_EQ(at("MyDrive/data").inode, directory);
  EXPECT_THAT(names("MyDrive/data"), IsEmpty());
  EXPECT_NE(at(".Trash/data").inode, directory);
}

TEST_F(OwnChangesTest, AnInodeSurvivesARemount) {
  const InodeId inode = new_inode();
  make(data, "new", "two", inode);
  poll();
  start();
  EXPECT_EQ(at("MyDrive/data/new").inode, inode);
}

TEST_F(OwnChangesTest, AnInodeOfAShortcutIsNeverTaken) {
  store.add_shortcut(data, "link", file);
  poll();
  const InodeId shortcut = at("MyDrive/data/link").inode;
  upload(file, shortcut, "second");
  accept(file);
  EXPECT_NE(at("MyDrive/data/a.txt").inode, shortcut);
  EXPECT_TRUE(at("MyDrive/data/link").shortcut.has_value());
}

}  // namespace
}  // namespace driveway::tree
