// What is sent when, by examples.
#include "unit/journal/change_set_fixture.h"

namespace driveway::journal {
namespace {

class ChangeOrderTest : public ChangeSetTest {};

TEST_F(ChangeOrderTest, ParentsComeBeforeChildren) {
  folder(10, "d");
  create(InodeId(11), {InodeId(10), FileId(), "f"}, ItemKind::kFile, "x");
  pass(kSettle);
  EXPECT_EQ(wait_of(11), Wait::kParent);
  EXPECT_EQ(send_only().inode, InodeId(10));
  EXPECT_EQ(send_only().sent.parent, FileId("id10"));
}

TEST_F(ChangeOrderTest, ANameIsTakenAfterItWasLeft) {
  clean(10, "a", "x");
  must(set_.rename(InodeId(10), in_root("b"), now_));
  file(11, "a", "");
  pass(kSettle);
  EXPECT_EQ(wait_of(11), Wait::kName);
  EXPECT_EQ(send_only().inode, InodeId(10));
  EXPECT_EQ(send_only().inode, InodeId(11));
}

TEST_F(ChangeOrderTest, ExchangeDoesNotWaitForItself) {
  clean(10, "a", "x");
  clean(11, "b", "y");
  must(set_.exchange(InodeId(10), InodeId(11), now_));
  pass(kSettle);
  const auto steps = offered();
  ASSERT_EQ(steps.size(), 2u);
  EXPECT_EQ(steps[0].beside, std::vector<FileId>{FileId("id11")});
}

TEST_F(ChangeOrderTest, FoldersThatChangePlacesMakeNoCycle) {
  clean(10, "a", "", true);
  clean(11, "b", "", true, "id10", 10);
  must(set_.rename(InodeId(11), in_root("b"), now_));
  must(set_.rename(InodeId(10), {InodeId(11), FileId("id11"), "a"}, now_, std::vector{kRoot}));
  pass(kSettle);
  EXPECT_EQ(wait_of(10), Wait::kFolders);
  EXPECT_EQ(send_only().inode, InodeId(11));
  EXPECT_EQ(send_only().inode, InodeId(10));  // TinyDrive counts a cycle as a failure
}

TEST_F(ChangeOrderTest, AFolderThatMayHaveBeenMadeElsewhereIsAboutToMove) {
  clean(10, "a", "", true);
  create(InodeId(11), {InodeId(10), FileId("id10"), "b"}, ItemKind::kFolder);
  pass(kSettle);
  const Step create = begin(only());
  must(set_.rename(InodeId(11), in_root("b"), now_));
  drive_.add("c", "id11", "c", true, "");  // theirs; it has no row
  const std::vector above{InodeId(11), kRoot};
  must(set_.rename(InodeId(10), {InodeId(12), FileId("c"), "a"}, now_, above));
  pass(kSettle);
  EXPECT_EQ(wait_of(10), Wait::kFolders);
  finish(create);
  EXPECT_EQ(only().inode, InodeId(11));
}

TEST_F(ChangeOrderTest, DataComesBeforeItsMarker) {
  file(10, "data", "0123456789");
  file(11, "marker", "ok");
  pass(kSettle);
  EXPECT_EQ(wait_of(11), Wait::kData);
  const Step data = begin(only());
  EXPECT_TRUE(offered().empty());
  must(set_.failed(data, refused_, false, now_));
  EXPECT_EQ(only().inode, InodeId(11)) << "what failed for good does not block its folder";
}

TEST_F(ChangeOrderTest, DataThatHasGoneIsNotWaitedFor) {
  file(10, "data", "0123456789");
  file(11, "small", "x");
  file(12, "marker", "ok");
  pass(kSettle);
  EXPECT_EQ(wait_of(12), Wait::kData);
  rewrite(10, "y");
  EXPECT_EQ(wait_of(12), Wait::kNothing);
  rewrite(10, "0123456789");
  EXPECT_EQ(wait_of(12), Wait::kData);
  must(set_.remove(InodeId(10), now_));
  EXPECT_EQ(wait_of(12), Wait::kNothing);
}

TEST_F(ChangeOrderTest, FilesOfOneSizeDoNotWaitForEachOther) {
  file(10, "a", "0123456789");
  file(11, "b", "0123456789");
  pass(kSettle);
  EXPECT_EQ(offered().size(), 2u);
}

TEST_F(ChangeOrderTest, J4NothingIsUploadedUnderAWriter) {
  clean(10, "a", "x");
  must(set_.opened(InodeId(10)));
  must(set_.written(InodeId(10), bytes(5, "y"), now_, now_));
  pass(std::chrono::hours(1));
  EXPECT_EQ(wait_of(10), Wait::kWriter);
  EXPECT_TRUE(offered().empty());
  const std::vector<InodeId> all{InodeId(10)};
  const Flush flush = set_.raise(all);  // J11, J5: a snapshot
  const Step step = begin(only());
  must(set_.written(InodeId(10), bytes(5, "z"), now_, now_));
  EXPECT_EQ(finish(step).verdict, Verdict::kDone);  // not kUploaded
  EXPECT_TRUE(set_.progress(flush).done());
  EXPECT_TRUE(set_.is_dirty(*set_.find(InodeId(10))));
}

TEST_F(ChangeOrderTest, J4TruncationAloneIsHeld) {
  clean(10, "a", "x");
  ContentState empty = bytes(5, "");
  empty.truncated_only = true;
  must(set_.opened(InodeId(10)));
  must(set_.closed(InodeId(10), empty, now_, now_));
  pass(Milliseconds(2'999));
  EXPECT_TRUE(offered().empty());
  pass(Milliseconds(1));
  EXPECT_EQ(offered().size(), 1u);
}

TEST_F(ChangeOrderTest, J4AnUnclosedContentIsRecoveredBesideItsFile) {
  clean(10, "a.txt", "x");
  must(set_.opened(InodeId(10)));
  must(set_.written(InodeId(10), bytes(5, "torn"), now_, now_));
  reload();
  pass(std::chrono::hours(1));
  ASSERT_EQ(set_.unclosed(), std::vector<InodeId>{InodeId(10)});
  EXPECT_TRUE(offered().empty());
  must(set_.recover(InodeId(10), InodeId(20), "DATE", now_));
  pass(kSettle);
  const Step step = send_only();
  EXPECT_EQ(step.sent.name, "a (recovered DATE).txt");
  EXPECT_EQ(drive_.at(FileId("id10")).content, "x");
  EXPECT_TRUE(set_.dirty().empty());
}

TEST_F(ChangeOrderTest, J4ASyncedContentIsNotRecovered) {
  clean(10, "a", "x");
  must(set_.opened(InodeId(10)));
  must(set_.synced(InodeId(10), bytes(5, "kept"), now_, now_));
  reload();
  EXPECT_TRUE(set_.unclosed().empty());
  pass(kSettle);
  EXPECT_EQ(send_only().sent.content.state, "kept");
}

TEST_F(ChangeOrderTest, J5ANameThatKeepsChangingIsPaced) {
  clean(10, "a", "x");
  rewrite(10, "0");
  pass(kSettle);
  const Step first = begin(only());
  pass(Milliseconds(4'000));  // so: at most every 40 s
  finish(first);
  int uploads = 0;
  for (int i = 0; i < 60; ++i) {  // a close every 2 s
    rewrite(10, std::to_string(i));
    pass(Milliseconds(2'000));
    for (const Step& step : offered()) {
      finish(begin(step));
      ++uploads;
    }
  }
  EXPECT_EQ(uploads, 3);  // the later ones took no time: every 30 s
  rewrite(10, "last");
  pass(Milliseconds(3'000));
  EXPECT_EQ(send_only().sent.content.state, "last");
}

TEST_F(ChangeOrderTest, J5AFlushDoesNotEndWithTheUploadOfWhatItsFileReplaced) {
  file(11, "new", "small");
  file(10, "name", "what is there before");
  pass(kSettle);
  const auto steps = offered();
  ASSERT_EQ(steps.size(), 2u);
  const Step of_old = begin(steps[0].inode == InodeId(10) ? steps[0] : steps[1]);
  const InodeId inode(11);
  const Flush flush = set_.raise({&inode, 1});
  must(set_.rename_over(inode, InodeId(10), in_root("name"), now_));
  EXPECT_EQ(finish(of_old).inode, inode);
  EXPECT_EQ(set_.progress(flush).waiting, 1u);
  send_only();
  EXPECT_TRUE(set_.progress(flush).done());
  EXPECT_EQ(drive_.at(of_old.sent.id).content, "small");
}

TEST_F(ChangeOrderTest, J8RmDashRIsOneCall) {
  clean(10, "d", "", true);
  clean(11, "s", "", true, "id10", 10);
  clean(12, "f", "x", false, "id11", 11);
  for (const int inode : {12, 11, 10}) must(set_.remove(InodeId(inode), now_));
  EXPECT_TRUE(offered().empty());
  pass(kHold);
  EXPECT_EQ(wait_of(12), Wait::kCovered);
  const Step step = send_only();
  EXPECT_EQ(step.inode, InodeId(10));
  EXPECT_EQ(step.takes_along.size(), 2u);
  EXPECT_TRUE(set_.dirty().empty());
  set_.echoed(FileId("id10"), set_.find(InodeId(10))->known.version);
  pass(options_.overlay);  // J3
  for (int i = 0; i < 3; ++i) set_.forget(now_);
  EXPECT_EQ(set_.size(), 0u) << "the feed tells nothing of what went along";
}

// The feed tells late of its making: that is no news of what went along since.
TEST_F(ChangeOrderTest, J8WhatWentAlongStaysRemovedWhateverIsHeardOfBefore) {
  clean(10, "d", "", true);
  clean(11, "f", "x", false, "id10", 10);
  const auto before = drive_.get(FileId("id11"));
  for (const int inode : {11, 10}) must(set_.remove(InodeId(inode), now_));
  pass(kHold);
  send_only();
  ASSERT_TRUE(set_.dirty().empty());
  must(set_.remote_changed(InodeId(11), before, InodeId(10), now_));
  EXPECT_TRUE(set_.dirty().empty());
  EXPECT_TRUE(offered().empty());
}

TEST_F(ChangeOrderTest, J8AFolderWaitsForWhatMovesOutOfIt) {
  clean(10, "d", "", true);
  clean(11, "f", "x", false, "id10", 10);
  must(set_.remove(InodeId(10), now_));
  pass(kHold);
  must(set_.rename(InodeId(11), in_root("f"), now_));
  EXPECT_EQ(wait_of(10), Wait::kMovesOut);
  EXPECT_TRUE(offered().empty());
  pass(kSettle);
  EXPECT_EQ(send_only().inode, InodeId(11));
  EXPECT_EQ(send_only().inode, InodeId(10));
}

TEST_F(ChangeOrderTest, J8WhatAnotherClientMovedOutOfSightDoesNotGoWithItsFolder) {
  clean(10, "folder", "", true);
  clean(11, "file", "bytes", false, "id10", 10);
  clean(12, "elsewhere", "", true);
  must(set_.remove(InodeId(11), now_));
  must(set_.remove(InodeId(10), now_));
  TinyDrive::Entry& file = drive_.at(FileId("id11"));
  file.item.parent = FileId("id12");
  drive_.changed(file);
  must(set_.remote_changed(InodeId(11), file.item, InodeId(), now_));
  EXPECT_EQ(wait_of(11), Wait::kHold) << "not covered by a folder that it is not in";
  pass(kHold);
  for (const Step& step : offered()) {
    EXPECT_TRUE(step.takes_along.empty());
    finish(begin(step));
  }
  EXPECT_TRUE(set_.dirty().empty());
  EXPECT_TRUE(drive_.is_trashed(FileId("id11")));
}

TEST_F(ChangeOrderTest, J8WhatTheListingShowsBesidesIsKeptWithItsFolder) {
  clean(10, "d", "", true);
  clean(11, "f", "x", false, "id10", 10);
  drive_.add("theirs", "id10", "t", false, "t");
  for (const int inode : {11, 10}) must(set_.remove(InodeId(inode), now_));
  pass(kHold);
  const Step step = begin(only());
  must(set_.listing_differs(step, FileId("id10"), now_));
  EXPECT_EQ(send_only().inode, InodeId(11));
  EXPECT_TRUE(set_.dirty().empty());
  EXPECT_FALSE(drive_.is_trashed(FileId("theirs")));
}

TEST_F(ChangeOrderTest, J8WhatWasRemovedAfterTheCallWasSentIsNotTakenForGone) {
  clean(10, "folder", "", true);
  clean(11, "file", "bytes", false, "id10", 10);
  drive_.at(FileId("id11")).item.parent = kRootId;  // another client's, not heard yet
  must(set_.remove(InodeId(10), now_));
  pass(kHold);
  const Step trash = begin(only());
  must(set_.remove(InodeId(11), now_));
  finish(trash);
  pass(kHold);
  EXPECT_EQ(send_only().inode, InodeId(11));
  EXPECT_TRUE(drive_.is_trashed(FileId("id11")));
}

TEST_F(ChangeOrderTest, J8FoldersThatSeemToLieInEachOtherAreSearchedOnce) {
  clean(10, "a", "", true);
  clean(11, "b", "", true, "id10", 10);
  must(set_.remove(InodeId(11), now_));
  must(set_.remove(InodeId(10), now_));
  // Theirs: b went to the top and then a into b. The second is heard of first.
  drive::Item moved = *drive_.get(FileId("id10"));
  moved.parent = FileId("id11");
  moved.version += 10;
  must(set_.remote_changed(InodeId(10), moved, InodeId(11), now_));
  pass(kHold);
  EXPECT_EQ(offered().size(), 0u) << "each goes with the other";
  moved = *drive_.get(FileId("id11"));
  moved.parent = kRootId;
  moved.version += 10;
  must(set_.remote_changed(InodeId(11), moved, kRoot, now_));
  const Step step = only();
  EXPECT_EQ(step.inode, InodeId(11));
  EXPECT_EQ(step.takes_along, std::vector<FileId>{FileId("id10")});
}

}  // namespace
}  // namespace driveway::journal
