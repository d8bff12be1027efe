// What the changes feed does to the tree (J3, R1a).
#include "base/fault.h"
#include "tree/tree.h"
#include "tree_fixture.h"

namespace driveway::tree {
namespace {

using drive::Method;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

class FeedTest : public TreeFixture {
 protected:
  void SetUp() override {
    data = store.add_folder(store.root(), "data");
    file = store.add_file(data, "a.txt", "one");
    start();
    names("MyDrive/data");
    my_drive = at("MyDrive").inode;
    directory = at("MyDrive/data").inode;
    before = at("MyDrive/data/a.txt").inode;
    names(".Trash");
    names(".shared");
    recorder.clear();
    store.reset_calls();
  }
  void TearDown() override {
    fault::disarm_all();
    EXPECT_LE(lists(), allowed_lists);
  }

  FileId data, file;
  InodeId my_drive, directory, before;
  int allowed_lists = 0;
};

TEST_F(FeedTest, NewItemsAppear) {
  store.add_file(data, "b.txt", "two");
  poll();
  EXPECT_THAT(names("MyDrive/data"), ElementsAre("a.txt", "b.txt"));
  EXPECT_TRUE(recorder.entry(directory, "b.txt"));
  EXPECT_TRUE(recorder.directory(directory));
}

TEST_F(FeedTest, RenamesAndMoves) {
  const FileId other = store.add_folder(store.root(), "other");
  store.rename(file, "b.txt");
  poll();
  EXPECT_THAT(names("MyDrive/data"), ElementsAre("b.txt"));
  EXPECT_EQ(at("MyDrive/data/b.txt").inode, before);
  EXPECT_TRUE(recorder.entry(directory, "a.txt"));
  EXPECT_TRUE(recorder.entry(directory, "b.txt"));
  store.move(file, store.root());
  poll();
  EXPECT_THAT(names("MyDrive/data"), IsEmpty());
  EXPECT_EQ(at("MyDrive/b.txt").inode, before);
  store.move(file, other);  // known, but not listed
  poll();
  EXPECT_THAT(names("MyDrive"), ElementsAre("data", "other"));
  allowed_lists = 1;
  EXPECT_EQ(at("MyDrive/other/b.txt").inode, before);
}

TEST_F(FeedTest, TrashAndUntrashMoveEntries) {
  store.trash(file);
  poll();
  EXPECT_THAT(names("MyDrive/data"), IsEmpty());
  EXPECT_EQ(at(".Trash/a.txt").inode, before);
  store.untrash(file);
  poll();
  EXPECT_EQ(at("MyDrive/data/a.txt").inode, before);
  EXPECT_THAT(names(".Trash"), IsEmpty());
}

TEST_F(FeedTest, TrashedFolderHidesWhatIsInIt) {
  store.trash(data);
  poll();
  EXPECT_FALSE(exists("MyDrive/data"));
  EXPECT_EQ(at(".Trash/data/a.txt").inode, before);  // as far as it was known
  store.untrash(data);
  poll();
  allowed_lists = 1;
  EXPECT_EQ(at("MyDrive/data/a.txt").inode, before);
}

TEST_F(FeedTest, UnlistedFolderInTheTrashIsNotTakenForEmpty) {
  const FileId other = store.add_folder(store.root(), "other");
  store.add_file(other, "inside", "x");
  store.trash(other);
  poll();
  EXPECT_THAT(names(".Trash/other"), IsEmpty());
  store.untrash(other);
  poll();
  allowed_lists = 1;
  EXPECT_THAT(names("MyDrive/other"), ElementsAre("inside"));
}

TEST_F(FeedTest, RemovedItemsGo) {
  store.remove(data);
  poll();
  EXPECT_FALSE(exists("MyDrive/data"));
  EXPECT_TRUE(recorder.entry(my_drive, "data"));
  EXPECT_EQ(tree->node(before)->size, 3u);  // known to who holds it
}

TEST_F(FeedTest, ContentChangeGivesANewInode) {  // R1a
  store.set_content(file, "three");
  poll();
  const Node now = at("MyDrive/data/a.txt");
  EXPECT_NE(now.inode, before);
  EXPECT_EQ(now.size, 5u);
  EXPECT_TRUE(recorder.entry(directory, "a.txt"));
  const Node old = *tree->node(before);
  EXPECT_EQ(old.size, 3u);
  EXPECT_NE(old.item->md5, now.item->md5);
  start();  // the old one is forgotten, the new one stays
  EXPECT_EQ(tree->node(before).error().code, ErrorCode::kNotFound);
  EXPECT_EQ(at("MyDrive/data/a.txt").inode, now.inode);
}

TEST_F(FeedTest, RenewedItemHasANewInodeAndTheSameContent) {  // R1a
  ASSERT_TRUE(tree->renew(file).ok());
  const Node now = at("MyDrive/data/a.txt");
  EXPECT_NE(now.inode, before);
  EXPECT_TRUE(recorder.entry(directory, "a.txt"));
  EXPECT_EQ(tree->node(before)->item->md5, now.item->md5);
  EXPECT_THAT(names("MyDrive/data"), ElementsAre("a.txt"));
  ASSERT_TRUE(tree->renew(FileId("nobody")).ok());
  store.remove(file);
  poll();
  ASSERT_TRUE(tree->renew(file).ok());
  EXPECT_THAT(names("MyDrive/data"), IsEmpty());
}

TEST_F(FeedTest, AttributeChangeKeepsTheInode) {
  store.edit(file, [](drive::Item& item) { item.properties["driveway.mode"] = "0600"; });
  poll();
  EXPECT_EQ(at("MyDrive/data/a.txt").inode, before);
  EXPECT_EQ(at("MyDrive/data/a.txt").mode & 07777, 0600u);
  EXPECT_TRUE(recorder.attributes(before));
  EXPECT_FALSE(recorder.entry(directory, "a.txt"));
}

TEST_F(FeedTest, LateHashesAreNoContentChange) {
  store.edit(file, [](drive::Item& item) { item.sha256.clear(); });
  poll();
  EXPECT_EQ(at("MyDrive/data/a.txt").inode, before);
}

TEST_F(FeedTest, NewFolderMovedInIsListedWhenNeeded) {
  const FileId theirs = store.add_shared_with_me_folder("theirs");
  store.add_file(theirs, "x", "1");
  store.move(theirs, data);
  poll();
  EXPECT_THAT(names("MyDrive/data"), ElementsAre("a.txt", "theirs"));
  allowed_lists = 1;
  EXPECT_THAT(names("MyDrive/data/theirs"), ElementsAre("x"));
}

TEST_F(FeedTest, SharedWithMeComesAndGoes) {
  const FileId theirs = store.add_shared_with_me_file("theirs", "x");
  poll();
  EXPECT_THAT(names(".shared"), ElementsAre("theirs"));
  store.remove(theirs);
  poll();
  EXPECT_THAT(names(".shared"), IsEmpty());
}

TEST_F(FeedTest, ItemsThatConcernNobodyAreIgnored) {
  const auto items = tree->status().items;
  const FileId unknown = store.add_folder(store.add_folder(store.root(), "x"), "y");
  poll();
  const auto with_x = tree->status().items;
  EXPECT_EQ(with_x, items + 2);  // "y" too: its parent is known by then
  for (int i = 0; i < 10; ++i) {
    store.add_file(store.add_shared_with_me_folder("z"), cat("f", i), "");
  }
  store.add_file(unknown, "known parent", "");
  poll();
  EXPECT_TRUE(tree->status().feed_healthy);
}

TEST_F(FeedTest, ManyPagesOfChanges) {
  store.set_page_size(10);
  for (int i = 0; i < 95; ++i) store.add_file(data, cat("f", i), "x");
  poll();
  EXPECT_EQ(names("MyDrive/data").size(), 96u);
  EXPECT_EQ(store.calls(Method::kChanges), 10);
}

TEST_F(FeedTest, PollsByItself) {
  store.add_file(data, "b.txt", "two");
  ASSERT_TRUE(eventually([&] { return clock.waiting() > 0; }));
  clock.advance(std::chrono::seconds(12));
  EXPECT_TRUE(eventually([&] { return exists("MyDrive/data/b.txt"); }));
  // Else it would have no turn while readers use up the quota (J3).
  for (const auto& call : store.log()) EXPECT_EQ(call.priority, Priority::kForeground);
}

TEST_F(FeedTest, SharedDrivesHaveTheirOwnFeed) {
  const DriveId team = store.add_shared_drive("Team");
  const FileId top(team.value());
  allowed_lists = 1;
  EXPECT_THAT(names("Shareddrives/Team"), IsEmpty());
  store.add_file(top, "plan", "1");
  poll();
  EXPECT_THAT(names("Shareddrives/Team"), ElementsAre("plan"));
  int own = 0;
  for (const auto& call : store.log()) own += call.method == Method::kChanges && call.drive == team;
  EXPECT_EQ(own, 1);
  const DriveId second = store.add_shared_drive("Second");
  poll();
  EXPECT_THAT(names("Shareddrives"), ElementsAre("Second", "Team"));
  store.remove_shared_drive(team);
  poll();
  EXPECT_THAT(names("Shareddrives"), ElementsAre("Second"));
  EXPECT_TRUE(tree->status().feed_healthy);
}

TEST_F(FeedTest, MoveBetweenDrivesIsNoRemoval) {
  const DriveId team = store.add_shared_drive("Team");
  allowed_lists = 1;
  names("Shareddrives/Team");
  store.move(file, FileId(team.value()));
  poll();
  EXPECT_EQ(at("Shareddrives/Team/a.txt").inode, before);
  EXPECT_THAT(names("MyDrive/data"), IsEmpty());
}

// A get of `id` fails as it does for an item that is no longer shared with us.
drive::FaultPlan::Hook refuse(const FileId& id) {
  return [id](const Context&, const drive::CallInfo& call) -> Status {
    if (call.method != Method::kGet || call.id != id) return {};
    return Error{ErrorCode::kPermissionDenied, "insufficientFilePermissions"};
  };
}

TEST_F(FeedTest, AnItemThatWeMayNotSeeAnyMoreDoesNotHoldUpTheFeed) {
  const FileId team(store.add_shared_drive("Team").value());
  const FileId lost = store.add_file(team, "lost", "x");
  poll();
  allowed_lists = 1;
  names("Shareddrives/Team");
  // The account's feed says "removed" of what is another feed's, so it is asked for.
  store.remove(lost);
  store.faults().set_hook(refuse(lost));
  store.add_file(data, "later", "y");
  poll();
  EXPECT_THAT(names("MyDrive/data"), ElementsAre("a.txt", "later"));
  EXPECT_THAT(names("Shareddrives/Team"), IsEmpty());
}

TEST_F(FeedTest, ARemovalIsNotLostToAGetThatBeganBefore) {  // J3
  if (!fault::compiled_in()) return;
  const FileId theirs = store.add_shared_with_me_file("theirs", "x");
  bool removed = false;
  fault::arm("tree.after_get", [&]() -> Status {
    if (std::exchange(removed, true)) return {};
    store.remove(theirs);
    poll();
    return {};
  });
  EXPECT_EQ(tree->by_id({}, theirs).error().code, ErrorCode::kNotFound);
  fault::disarm_all();
  EXPECT_THAT(names(".shared"), IsEmpty());
}

TEST_F(FeedTest, ARefusedTokenIsToldOfTheViewsToo) {
  store.add_shortcut(store.root(), "view", data);
  poll();
  const InodeId view = at("MyDrive/view").inode;
  EXPECT_THAT(names("MyDrive/view"), ElementsAre("a.txt"));
  recorder.clear();
  allowed_lists = 100;
  store.expire_tokens();
  poll();
  EXPECT_TRUE(recorder.entry(view, "a.txt"));
  EXPECT_TRUE(recorder.directory(view));
}

TEST_F(FeedTest, ARefusedTokenIsToldOfFoldersWithoutAFeedOfTheirOwn) {
  // A folder of a shared drive that we are no member of.
  const FileId theirs = store.add_shared_with_me_folder("theirs");
  store.edit(theirs, [](drive::Item& item) { item.drive = DriveId("foreign"); });
  store.add_file(theirs, "f", "x");
  store.add_shortcut(store.root(), "view", theirs);
  poll();
  allowed_lists = 100;
  const InodeId view = at("MyDrive/view").inode;
  EXPECT_THAT(names("MyDrive/view"), ElementsAre("f"));
  recorder.clear();
  store.expire_tokens();
  poll();
  EXPECT_TRUE(recorder.entry(view, "f"));
}

TEST_F(FeedTest, RefusedTokenMeansListingAnewWithoutLosingInodes) {
  store.add_file(data, "unheard", "2");
  store.expire_tokens();
  poll();
  allowed_lists = 100;
  EXPECT_TRUE(recorder.entry(directory, "a.txt"));
  EXPECT_TRUE(recorder.directory(directory));
  EXPECT_THAT(names("MyDrive/data"), ElementsAre("a.txt", "unheard"));
  EXPECT_EQ(at("MyDrive/data/a.txt").inode, before);
  // What went while we could not hear of it is gone.
  store.expire_tokens();
  store.remove(file);
  poll();
  EXPECT_THAT(names("MyDrive/data"), ElementsAre("unheard"));
  EXPECT_EQ(metric("tree.forgotten"), 2);
}

TEST_F(FeedTest, AFailedPollLosesNothing) {
  store.add_file(data, "b.txt", "two");
  store.faults().fail(Method::kChanges, {ErrorCode::kUnavailable, "down", true});
  EXPECT_EQ(tree->poll({}).error().code, ErrorCode::kUnavailable);
  EXPECT_THAT(names("MyDrive/data"), ElementsAre("a.txt"));
  poll();
  EXPECT_THAT(names("MyDrive/data"), ElementsAre("a.txt", "b.txt"));
}

TEST_F(FeedTest, ALostCommitIsReadAgain) {
  if (!fault::compiled_in()) return;
  store.add_file(data, "b.txt", "two");
  fault::arm("tree.before_feed_commit", []() -> Status {
    return Error{ErrorCode::kNoSpace, "full"};
  });
  EXPECT_EQ(tree->poll({}).error().code, ErrorCode::kNoSpace);
  fault::disarm_all();
  poll();
  EXPECT_THAT(names("MyDrive/data"), ElementsAre("a.txt", "b.txt"));
}

TEST_F(FeedTest, ReadersDoNotWaitForAHangingFeed) {
  const auto gate = store.faults().block(Method::kChanges);
  std::thread poller([&] { static_cast<void>(tree->poll({}).ok()); });
  ASSERT_TRUE(gate->wait_for_blocked(1));
  EXPECT_THAT(names("MyDrive/data"), ElementsAre("a.txt"));
  EXPECT_TRUE(tree->node(before).ok());
  gate->open();
  poller.join();
}

}  // namespace
}  // namespace driveway::tree
