// What Drive answers to our changes enters the tree (J3), and what the journal hears of others'.
#include "own_changes_fixture.h"

namespace driveway::tree {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class AcceptTest : public OwnChangesFixture {};

TEST_F(AcceptTest, ListingsThatLagDoNotUndoIt) {  // J3
  const FileId other = store.add_folder(store.root(), "other");
  poll();
  names("MyDrive/other");
  store.set_listing_lag(std::chrono::hours(1));
  store.set_feed_lag(std::chrono::hours(1));
  const InodeId inode = new_inode();
  const FileId made = make(data, "new", "two", inode);
  accept(made);
  store.move(file, other);
  accept(file);
  for (const auto later : {std::chrono::minutes(1), std::chrono::minutes(8)}) {
    clock.advance(later);
    store.reset_calls();
    lose_feed();
    EXPECT_THAT(names("MyDrive/data"), ElementsAre("new"));
    EXPECT_THAT(names("MyDrive/other"), ElementsAre("a.txt"));
    EXPECT_EQ(at("MyDrive/data/new").inode, inode);
    EXPECT_GT(lists(), 0);
  }
}

TEST_F(AcceptTest, OfAnOlderVersionChangesNothing) {  // J3
  store.rename(file, "b.txt");
  const drive::Item answer = drives(file);
  store.rename(file, "c.txt");
  poll();
  EXPECT_EQ(accept(answer), directory);
  EXPECT_THAT(names("MyDrive/data"), ElementsAre("c.txt"));
  // Nor does it make a listing of that version believed.
  store.set_listing_lag(std::chrono::hours(1));
  lose_feed();
  EXPECT_THAT(names("MyDrive/data"), ElementsAre("c.txt"));
}

TEST_F(AcceptTest, OfOurRevisionAfterANewerOneTakesNothingBack) {  // J3, R1a
  upload(file, before, "mine");
  const drive::Item answer = drives(file);
  store.set_content(file, "theirs");
  poll();
  const InodeId theirs = at("MyDrive/data/a.txt").inode;
  EXPECT_NE(theirs, before);
  accept(answer);
  EXPECT_EQ(at("MyDrive/data/a.txt").inode, theirs);
  EXPECT_EQ(at("MyDrive/data/a.txt").size, 6u);
}

TEST_F(AcceptTest, AfterTheFeedSaidThatItIsGoneChangesNothing) {
  const drive::Item answer = drives(file);
  store.remove(file);
  poll();
  EXPECT_EQ(accept(answer), InodeId());
  EXPECT_THAT(names("MyDrive/data"), IsEmpty());
}

TEST_F(AcceptTest, TrashAndRestoreOfAFolder) {
  const InodeId my_drive = at("MyDrive").inode;
  store.trash(data);
  EXPECT_EQ(accept(data), InodeId(5));
  EXPECT_FALSE(exists("MyDrive/data"));
  EXPECT_TRUE(recorder.entry(my_drive, "data"));
  EXPECT_EQ(at(".Trash/data").inode, directory);
  EXPECT_EQ(at(".Trash/data/a.txt").inode, before);
  store.untrash(data);
  EXPECT_EQ(accept(data), my_drive);
  EXPECT_EQ(at("MyDrive/data").inode, directory);
  EXPECT_THAT(names(".Trash"), IsEmpty());
  EXPECT_EQ(lists(), 0);
  EXPECT_EQ(at("MyDrive/data/a.txt").inode, before);
  EXPECT_EQ(lists(), 1);  // what is in it may have changed unheard
}

TEST_F(AcceptTest, WhatIsForgottenIsNotBroughtBackByAListing) {  // J3
  store.set_listing_lag(std::chrono::hours(1));
  store.set_feed_lag(std::chrono::hours(1));
  store.remove(file);
  ASSERT_TRUE(tree->forget(file).ok());
  EXPECT_THAT(names("MyDrive/data"), IsEmpty());
  EXPECT_TRUE(recorder.entry(directory, "a.txt"));
  clock.advance(std::chrono::minutes(9));
  store.reset_calls();
  lose_feed();
  EXPECT_THAT(names("MyDrive/data"), IsEmpty());
  EXPECT_GT(lists(), 0);
  EXPECT_EQ(tree->node(before)->size, 3u);  // known to who holds it
  ASSERT_TRUE(tree->forget(FileId("nobody")).ok());
}

TEST_F(AcceptTest, AFolderMadeJustNowNeedsNoListing) {
  const FileId made = store.add_folder(data, "new");
  const InodeId inode = new_inode();
  ours.knows(made, inode);
  ours.made_just_now(made);
  accept(made);
  EXPECT_THAT(names("MyDrive/data/new"), IsEmpty());
  EXPECT_EQ(at("MyDrive/data/new").inode, inode);
  store.add_file(made, "theirs", "x");
  poll();
  EXPECT_THAT(names("MyDrive/data/new"), ElementsAre("theirs"));
  EXPECT_EQ(lists(), 0);
}

TEST_F(AcceptTest, AFolderOfOursThatMayHoldSomethingIsListed) {
  // Its answer was lost, by an earlier run perhaps.
  const FileId lost = store.add_folder(data, "lost");
  store.add_file(lost, "theirs", "x");
  ours.knows(lost, new_inode());
  accept(lost);
  EXPECT_THAT(names("MyDrive/data/lost"), ElementsAre("theirs"));
  EXPECT_EQ(lists(), 1);
}

TEST_F(AcceptTest, WhatTheFeedToldOfBeforeIsNotMissedInANewFolder) {
  const FileId unknown = store.add_shared_with_me_folder("unknown");
  const FileId made = store.add_folder(unknown, "new");
  store.add_file(made, "theirs", "x");
  poll();
  const InodeId inode = new_inode();
  ours.knows(made, inode);
  ours.made_just_now(made);
  accept(made);
  EXPECT_THAT(*tree->list({}, inode), SizeIs(1));
}

TEST_F(AcceptTest, ShownNamesAreAsInAListing) {
  drive::Item item;
  item.id = FileId("x");
  item.name = "a/b";
  EXPECT_EQ(tree->shown_name_of(item),
            "a\xE2\x88\x95"
            "b");
  item.kind = drive::ItemKind::kDocument;
  item.mime_type = "application/vnd.google-apps.document";
  item.name = "plan";
  EXPECT_EQ(tree->shown_name_of(item), "plan.gdoc");
}

// What the journal hears.
class ItemChanged : public OwnChangesFixture {};

TEST_F(ItemChanged, ByTheFeedOfAllThatIsKnown) {
  const InodeId inode = new_inode();
  const FileId made = make(data, "new", "two", inode);
  poll();
  ASSERT_THAT(recorder.heard(), SizeIs(1));
  EXPECT_EQ(recorder.heard()[0].id, made);
  EXPECT_EQ(recorder.heard()[0].inode, inode);
  EXPECT_EQ(recorder.heard()[0].parent, directory);
  EXPECT_EQ(recorder.heard()[0].item->version, drives(made).version);

  forget_calls();
  store.add_file(data, "theirs", "x");  // known to nobody
  poll();
  EXPECT_THAT(recorder.heard(), IsEmpty());

  store.set_content(file, "theirs");  // the inode before it is superseded
  poll();
  ASSERT_THAT(recorder.heard(), SizeIs(1));
  EXPECT_EQ(recorder.heard()[0].inode, before);

  forget_calls();
  store.remove(made);
  poll();
  ASSERT_THAT(recorder.heard(), SizeIs(1));
  EXPECT_EQ(recorder.heard()[0].inode, inode);
  EXPECT_FALSE(recorder.heard()[0].item.has_value());
}

TEST_F(ItemChanged, ByTheFeedOfAnEcho) {  // J3
  upload(file, before, "mine");
  accept(file);
  EXPECT_THAT(recorder.heard(), IsEmpty());
  poll();
  ASSERT_THAT(recorder.heard(), SizeIs(1));
  EXPECT_EQ(recorder.heard()[0].item->version, drives(file).version);
  ASSERT_TRUE(tree->forget(file).ok());
  EXPECT_THAT(recorder.heard(), SizeIs(1));
}

TEST_F(ItemChanged, ByTheFeedOfTheInodeThatARenameGaveIt) {  // J6
  const InodeId source = new_inode();
  ours.knows(file, source);
  store.rename(file, "theirs");
  poll();
  ASSERT_THAT(recorder.heard(), SizeIs(1));
  EXPECT_EQ(recorder.heard()[0].inode, source);
}

TEST_F(ItemChanged, ByAGet) {
  const FileId target = store.add_file(store.add_folder(store.root(), "x"), "target", "1");
  ASSERT_TRUE(tree->by_id({}, target).ok());
  EXPECT_THAT(recorder.heard(), IsEmpty());  // known to nobody before
  recorder.clear();
  lose_feed();
  ASSERT_TRUE(tree->by_id({}, target).ok());
  ASSERT_THAT(recorder.heard(), SizeIs(1));
  EXPECT_EQ(recorder.heard()[0].id, target);
  store.remove(target);
  recorder.clear();
  lose_feed();
  EXPECT_FALSE(tree->by_id({}, target).ok());
  ASSERT_THAT(recorder.heard(), SizeIs(1));
  EXPECT_FALSE(recorder.heard()[0].item.has_value());
}

TEST_F(ItemChanged, ByAListingOfWhatIsNew) {
  store.rename(file, "b.txt");
  const InodeId inode = new_inode();
  const FileId made = make(data, "new", "two", inode);
  store.add_file(data, "theirs", "x");
  lose_feed();
  EXPECT_THAT(names("MyDrive/data"), ElementsAre("b.txt", "new", "theirs"));
  std::map<FileId, InodeId> heard;
  for (const auto& each : recorder.heard()) heard.emplace(each.id, each.inode);
  EXPECT_EQ(heard, (std::map<FileId, InodeId>{{file, before}, {made, inode}}));
  recorder.clear();
  lose_feed();
  names("MyDrive/data");
  EXPECT_THAT(recorder.heard(), IsEmpty());
}

TEST_F(ItemChanged, NotWhereNothingIsChangedHere) {
  own = nullptr;
  start();
  recorder.clear();
  store.rename(file, "b.txt");
  poll();
  EXPECT_TRUE(recorder.entry(directory, "b.txt"));
  EXPECT_THAT(recorder.heard(), IsEmpty());
}

}  // namespace
}  // namespace driveway::tree
