// What other clients do, by examples.
#include "unit/journal/change_set_fixture.h"

namespace driveway::journal {
namespace {

class ChangeOthersTest : public ChangeSetTest {};

TEST_F(ChangeOthersTest, J9AnExistingFolderIsAdoptedWithItsChildren) {
  folder(10, "d");
  create(InodeId(11), {InodeId(10), FileId(), "f"}, ItemKind::kFile, "x");
  drive_.add("theirs", "root", "d", true, "");
  pass(kSettle);
  must(set_.adopted(begin(only()), *drive_.get(FileId("theirs")), kRoot, now_));
  EXPECT_EQ(send_only().sent.parent, FileId("theirs"));
  EXPECT_TRUE(set_.dirty().empty());
}

TEST_F(ChangeOthersTest, J9AdoptionWaitsForWhatIsSentOfTheFolder) {
  folder(10, "name");
  pass(kSettle);
  const Step create = begin(only());
  clean(11, "name", "", true);
  must(set_.rename(InodeId(11), in_root("aside"), now_));
  pass(kSettle);
  const Step leave = begin(only());
  const drive::Item theirs = *drive_.get(FileId("id11"));
  EXPECT_EQ(must(set_.adopted(create, theirs, kRoot, now_)).verdict, Verdict::kAgain);
  finish(leave);
  pass(kSettle);
  EXPECT_EQ(send_only().sent.id, FileId("id10")) << "the name is free by now";
}

TEST_F(ChangeOthersTest, J9WhatWasRemovedHereMeanwhileDoesNotRemoveTheirs) {
  folder(10, "name");
  pass(kSettle);
  const Step create = begin(only());
  must(set_.remove(InodeId(10), now_));
  drive_.add("theirs", "root", "name", true, "");
  const drive::Item theirs = *drive_.get(FileId("theirs"));
  EXPECT_EQ(must(set_.adopted(create, theirs, kRoot, now_)).verdict, Verdict::kDone);
  EXPECT_EQ(set_.size(), 0u);
}

TEST_F(ChangeOthersTest, J9WhatWasMovedHereMeanwhileDoesNotMoveTheirs) {
  folder(10, "name");
  pass(kSettle);
  const Step create = begin(only());
  must(set_.rename(InodeId(10), in_root("other"), now_));
  drive_.add("theirs", "root", "name", true, "");
  const drive::Item theirs = *drive_.get(FileId("theirs"));
  EXPECT_EQ(must(set_.adopted(create, theirs, kRoot, now_)).verdict, Verdict::kAgain);
  pass(kSettle);
  EXPECT_EQ(send_only().sent.name, "other");
  EXPECT_EQ(drive_.at(FileId("theirs")).item.name, "name");
}

TEST_F(ChangeOthersTest, J10BothSurviveAConflict) {
  clean(10, "a", "x");
  rewrite(10, "mine");
  drive_.set_content(drive_.at(FileId("id10")), "theirs");
  const auto heard =
      must(set_.remote_changed(InodeId(10), drive_.get(FileId("id10")), kRoot, now_));
  EXPECT_EQ(heard.verdict, Verdict::kConflict);
  must(set_.conflict(InodeId(10), "a (conflict)", now_));
  pass(kSettle);
  const Step step = send_only();
  EXPECT_EQ(step.sent.name, "a (conflict)");
  EXPECT_EQ(drive_.at(FileId("fresh")).content, "mine");
  EXPECT_EQ(drive_.at(FileId("id10")).content, "theirs");
}

TEST_F(ChangeOthersTest, J10WhatWasDeletedThereAndChangedHereIsMadeAnew) {
  clean(10, "a", "x");
  rewrite(10, "mine");
  EXPECT_EQ(must(set_.remote_changed(InodeId(10), std::nullopt, InodeId(), now_)).verdict,
            Verdict::kAgain);
  pass(kSettle);
  EXPECT_EQ(send_only().sent.name, "a");
  EXPECT_EQ(drive_.at(FileId("fresh")).content, "mine");
}

// Whoever has it open may write it yet.
TEST_F(ChangeOthersTest, J10WhatWasDeletedThereWhileItIsOpenIsMadeAnewByTheFirstWrite) {
  clean(10, "a", "x");
  must(set_.opened(InodeId(10)));
  must(set_.set_attributes(InodeId(10), {{}, {{"colour", "red"}}}, now_));
  EXPECT_EQ(must(set_.remote_changed(InodeId(10), std::nullopt, InodeId(), now_)).verdict,
            Verdict::kGone);
  EXPECT_TRUE(set_.dirty().empty());
  EXPECT_TRUE(set_.notes().conflicts().empty());
  must(set_.written(InodeId(10), bytes(10, "mine"), now_, now_));
  ASSERT_EQ(set_.notes().conflicts().size(), 1U);
  EXPECT_EQ(set_.notes().conflicts().front().kind, ConflictKind::kRemovedThere);
  must(set_.closed(InodeId(10), {}, {}, now_));
  pass(kHold);
  EXPECT_EQ(send_only().sent.name, "a");
  EXPECT_EQ(drive_.at(FileId("fresh")).content, "mine");
  EXPECT_EQ(drive_.at(FileId("fresh")).item.properties.at("colour"), "red");
}

TEST_F(ChangeOthersTest, J10WhatWasDeletedThereAndNotWrittenIsForgottenWhenItIsClosed) {
  clean(10, "a", "x");
  must(set_.opened(InodeId(10)));
  must(set_.remote_changed(InodeId(10), std::nullopt, InodeId(), now_));
  must(set_.closed(InodeId(10), {}, {}, now_));
  EXPECT_EQ(set_.size(), 0U);
}

TEST_F(ChangeOthersTest, J10WhatWasDeletedThereAndBroughtBackIsKnownAnew) {
  clean(10, "a", "x");
  must(set_.opened(InodeId(10)));
  must(set_.remote_changed(InodeId(10), std::nullopt, InodeId(), now_));
  know(10);
  must(set_.closed(InodeId(10), bytes(10, "mine"), now_, now_));
  pass(kHold);
  EXPECT_EQ(send_only().sent.id, FileId("id10"));
}

// The content that is changed is older than the one that is known of.
TEST_F(ChangeOthersTest, J10BothSurviveWhereTheOtherChangedItBeforeTheFirstWrite) {
  clean(10, "a", "x");
  ContentState mine = bytes(10, "mine");
  const drive::Item base = *drive_.get(FileId("id10"));
  mine.base = {base.id, base.head_revision, base.md5, *base.size};
  must(set_.opened(InodeId(10)));
  drive_.set_content(drive_.at(FileId("id10")), "theirs");
  const drive::Item theirs = *drive_.get(FileId("id10"));
  must(set_.remote_changed(InodeId(10), theirs, kRoot, now_));
  must(set_.closed(InodeId(10), mine, now_, now_));
  pass(kHold);
  const Step update = begin(only());
  EXPECT_EQ(update.sent.base_revision, base.head_revision);
  EXPECT_EQ(must(set_.resolved(update, theirs, kRoot, now_)).verdict, Verdict::kConflict);
}

// Its bytes are the new ones.
TEST_F(ChangeOthersTest, J10NoConflictWhereTheContentOfTheOtherIsWhatIsChanged) {
  clean(10, "a", "x");
  must(set_.opened(InodeId(10)));
  drive_.set_content(drive_.at(FileId("id10")), "theirs");
  const drive::Item theirs = *drive_.get(FileId("id10"));
  must(set_.remote_changed(InodeId(10), theirs, kRoot, now_));
  ContentState mine = bytes(10, "mine");
  mine.base = {theirs.id, theirs.head_revision, theirs.md5, *theirs.size};
  must(set_.closed(InodeId(10), mine, now_, now_));
  pass(kHold);
  EXPECT_EQ(send_only().sent.base_revision, theirs.head_revision);
}

// The answer to a rename tells of it, too.
TEST_F(ChangeOthersTest, J10BothSurviveWhereTheOtherChangedItBeforeARename) {
  clean(10, "a", "x");
  const Revision base = drive_.get(FileId("id10"))->head_revision;
  must(set_.opened(InodeId(10)));
  must(set_.written(InodeId(10), bytes(10, "mine"), now_, now_));
  must(set_.rename(InodeId(10), in_root("b"), now_));
  pass(kSettle);
  const Step patch = begin(only());
  drive_.set_content(drive_.at(FileId("id10")), "theirs");
  finish(patch);
  must(set_.closed(InodeId(10), {}, {}, now_));
  pass(kHold);
  EXPECT_EQ(only().sent.base_revision, base);
}

TEST_F(ChangeOthersTest, J10WhatWasSentIntoTheTrashIsMadeAnew) {
  clean(10, "a", "x");
  rewrite(10, "mine");
  pass(kSettle);
  const Step update = begin(only());
  drive_.carry_out(update);
  drive_.at(FileId("id10")).item.trashed = true;  // with its folder, say
  EXPECT_EQ(must(set_.finished(update, *drive_.get(FileId("id10")), InodeId(), now_)).verdict,
            Verdict::kAgain);
  pass(kSettle);
  EXPECT_EQ(send_only().sent.action, Action::kCreate);
  EXPECT_EQ(drive_.at(FileId("fresh")).content, "mine");
}

TEST_F(ChangeOthersTest, J10ARenameThereAndAnEditHereGoTogether) {
  clean(10, "a", "x");
  rewrite(10, "mine");
  drive_.at(FileId("id10")).item.name = "b";
  drive_.changed(drive_.at(FileId("id10")));
  must(set_.remote_changed(InodeId(10), drive_.get(FileId("id10")), kRoot, now_));
  pass(kSettle);
  EXPECT_FALSE(send_only().sent.name.has_value());
  EXPECT_EQ(drive_.at(FileId("id10")).item.name, "b");
  EXPECT_EQ(drive_.at(FileId("id10")).content, "mine");
}

TEST_F(ChangeOthersTest, J10FoldersAboveWhatIsWantedAreMadeAnewAtAnyDepth) {
  clean(10, "above", "", true);
  clean(11, "folder", "", true, "id10", 10);
  create(InodeId(12), {InodeId(11), FileId("id11"), "file"}, ItemKind::kFile, "bytes");
  drive_.at(FileId("id10")).item.trashed = true;
  const auto gone = [&](int inode) {
    const auto item = drive_.get(FileId(cat_id(InodeId(inode))));
    return must(set_.remote_changed(InodeId(inode), item, InodeId(), now_)).verdict;
  };
  EXPECT_EQ(gone(10), Verdict::kAgain);
  EXPECT_EQ(gone(11), Verdict::kAgain);
  pass(kSettle);
  for (const std::string id : {"new above", "new folder", "id12"}) {
    Step step = only();
    must(set_.began(step, {FileId(id), ""}, now_));
    EXPECT_EQ(step.sent.id, FileId(id));
    finish(step);
  }
  EXPECT_EQ(drive_.at(FileId("id12")).item.parent, FileId("new folder"));
  EXPECT_EQ(drive_.at(FileId("new folder")).item.parent, FileId("new above"));
}

TEST_F(ChangeOthersTest, J10WhatIsSavedFromOutOfSightGoesWhereTheTreeSays) {
  clean(10, "file", "base");
  rewrite(10, "mine");
  TinyDrive::Entry& theirs = drive_.at(FileId("id10"));
  theirs.item.parent = FileId("unseen");
  drive_.set_content(theirs, "theirs");
  const Outcome outcome = must(set_.remote_changed(InodeId(10), theirs.item, InodeId(), now_));
  EXPECT_EQ(outcome.verdict, Verdict::kConflict);
  must(set_.conflict(InodeId(10), "file (conflict)", now_));
  EXPECT_EQ(set_.find(InodeId(10))->parent(), InodeId());
  must(set_.rename(InodeId(10), in_root("file (conflict)"), now_));
  pass(kHold);
  EXPECT_EQ(only().sent.parent, kRootId);
}

TEST_F(ChangeOthersTest, J10ChildrenOfALostFolderCanGoElsewhere) {
  clean(10, "d", "", true);
  clean(20, "driveway-recovered", "", true);
  create(InodeId(11), {InodeId(10), FileId("id10"), "f"}, ItemKind::kFile, "x");
  must(set_.rehome(InodeId(10), InodeId(20), FileId("id20"), now_));
  pass(kSettle);
  EXPECT_EQ(send_only().sent.parent, FileId("id20"));
}

TEST_F(ChangeOthersTest, J10WhatOursReplacedUnseenIsSavedOnce) {
  clean(10, "a", "x");
  rewrite(10, "mine");
  pass(kSettle);
  const Step update = begin(only());
  drive_.set_content(drive_.at(FileId("id10")), "theirs");  // after our look at the head
  drive_.carry_out(update);
  const auto before = TinyDrive::before_head(drive_.at(FileId("id10")));
  ASSERT_NE(before->first, update.sent.base_revision);
  const Overwritten theirs{before->first, FileId("saved")};
  must(set_.overwrote(update, theirs));
  reload();
  const Step again = begin(only());
  EXPECT_TRUE(again.resolve);
  EXPECT_EQ(again.sent.overwritten, theirs);
  EXPECT_EQ(must(set_.resolved(again, drive_.get(FileId("id10")), kRoot, now_)).verdict,
            Verdict::kUploaded);
  EXPECT_TRUE(set_.dirty().empty());
}

}  // namespace
}  // namespace driveway::journal
