// How operations coalesce, how sent ones are known again and how long rows stay, by examples.
#include "unit/journal/change_set_fixture.h"

namespace driveway::journal {
namespace {

TEST_F(ChangeSetTest, CreateWriteAndRenameAreOneCreate) {
  file(10, "tmp", "");
  rewrite(10, "bytes", 10);
  must(set_.rename(InodeId(10), in_root("final"), now_));
  EXPECT_TRUE(offered().empty()) << "J12: --settle";
  pass(kSettle);
  const Step step = send_only();
  EXPECT_EQ(step.sent.action, Action::kCreate);
  EXPECT_EQ(step.sent.name, "final");
  EXPECT_EQ(step.sent.content.state, "bytes");
  EXPECT_TRUE(set_.dirty().empty());
}

TEST_F(ChangeSetTest, CreatedAndDeletedNeverReachesDrive) {
  file(10, "a");
  const Rows rows = must(set_.remove(InodeId(10), now_));
  EXPECT_FALSE(rows.changed.at(InodeId(10)).has_value());
  EXPECT_EQ(set_.size(), 0u);
}

TEST_F(ChangeSetTest, ThereAndBackIsNothing) {
  clean(10, "a", "x");
  must(set_.rename(InodeId(10), in_root("b"), now_));
  must(set_.rename(InodeId(10), in_root("a"), now_));
  EXPECT_EQ(set_.size(), 0u);
}

TEST_F(ChangeSetTest, BackWhileTheWayThereIsOutIsAChange) {
  clean(10, "a", "x");
  must(set_.rename(InodeId(10), in_root("b"), now_));
  pass(kSettle);
  const Step step = begin(only());
  must(set_.rename(InodeId(10), in_root("a"), now_));
  finish(step);
  pass(kSettle);
  EXPECT_EQ(send_only().sent.name, "a");
}

TEST_F(ChangeSetTest, TenRewritesAreOneUpload) {
  clean(10, "a", "x");
  for (int i = 0; i < 10; ++i) rewrite(10, "y" + std::to_string(i));
  pass(kSettle);
  EXPECT_EQ(send_only().sent.content.state, "y9");
  EXPECT_TRUE(set_.dirty().empty());
}

TEST_F(ChangeSetTest, J1TheUnlinkOfASentCreateDeletesIt) {
  file(10, "a");
  pass(kSettle);
  const Step step = begin(only());
  must(set_.remove(InodeId(10), now_));
  finish(step);
  pass(kHold);
  EXPECT_EQ(send_only().sent.action, Action::kRemove);
  EXPECT_FALSE(drive_.has(FileId("id10")));
}

TEST_F(ChangeSetTest, J2AnUploadWhoseAnswerWasLostIsRecognised) {
  clean(10, "a", "x");
  rewrite(10, "mine");
  pass(kSettle);
  const Step step = begin(only());
  must(set_.uploading(step, Secret("https://session"), 4, md5_of("mine")));
  drive_.carry_out(step);
  reload();
  const Step again = begin(only());
  EXPECT_TRUE(again.resolve);
  EXPECT_EQ(again.sent.session, Secret("https://session"));
  const auto outcome = must(set_.resolved(again, drive_.get(FileId("id10")), kRoot, now_));
  EXPECT_EQ(outcome.verdict, Verdict::kUploaded);
  EXPECT_TRUE(set_.dirty().empty());
}

TEST_F(ChangeSetTest, J3ConfirmedRowsStayUntilTheFeedHasToldOfThem) {
  file(10, "a");
  pass(kSettle);
  send_only();
  const std::uint64_t version = set_.find(InodeId(10))->known.version;
  pass(std::chrono::hours(1));
  set_.forget(now_);
  EXPECT_EQ(set_.size(), 1u);
  set_.echoed(FileId("id10"), version - 1);
  set_.forget(now_);
  EXPECT_EQ(set_.size(), 1u);
  set_.echoed(FileId("id10"), version);
  set_.forget(now_);
  EXPECT_EQ(set_.size(), 0u);
}

TEST_F(ChangeSetTest, J6RenameOverIsARevisionOfTheTarget) {
  clean(10, "ckpt", "old");
  file(11, "tmp", "new");
  must(set_.rename_over(InodeId(11), InodeId(10), in_root("ckpt"), now_));
  pass(kSettle);
  const Step step = send_only();
  EXPECT_EQ(step.sent.action, Action::kUpdate);
  EXPECT_EQ(step.sent.id, FileId("id10"));
  EXPECT_EQ(step.sent.replaces, InodeId(10));
  EXPECT_EQ(drive_.at(FileId("id10")).content, "new");
  EXPECT_TRUE(set_.dirty().empty());
}

TEST_F(ChangeSetTest, J6TheAttributesAreThoseOfTheSource) {
  drive_.add("id10", "root", "a", false, "old");
  auto& properties = drive_.at(FileId("id10")).item.properties;
  properties = {{"x-colour", "red"}, {"x-shape", "round"}, {"driveway.mode", "0600"}};
  know(10);
  file(11, "tmp", "new");
  Attributes attributes;
  attributes.properties = {{"x-shape", "square"}, {"x-size", "9"}};
  must(set_.set_attributes(InodeId(11), attributes, now_));
  must(set_.rename_over(InodeId(11), InodeId(10), in_root("a"), now_));
  pass(kSettle);
  send_only();
  EXPECT_EQ(properties,
            (std::map<std::string, std::string>{{"x-shape", "square"}, {"x-size", "9"}}));
  EXPECT_TRUE(set_.dirty().empty());
}

TEST_F(ChangeSetTest, J6ASmallSourceThatWasSentBecomesAnUpdateAndItsOwnGoes) {
  clean(10, "ckpt", "old");
  file(11, "tmp", "new");
  pass(kSettle);
  const Step create = begin(only());
  must(set_.rename_over(InodeId(11), InodeId(10), in_root("ckpt"), now_));
  finish(create);
  pass(kHold);
  EXPECT_EQ(wait_of(10), Wait::kReplacer);
  EXPECT_EQ(send_only().sent.id, FileId("id10"));
  EXPECT_EQ(send_only().sent.action, Action::kRemove);  // J1
  EXPECT_FALSE(drive_.has(FileId("id11")));
  EXPECT_EQ(drive_.at(FileId("id10")).content, "new");
}

TEST_F(ChangeSetTest, J6WhatWasSentGoesToWhoTakesTheName) {
  clean(10, "ckpt", "old");
  rewrite(10, "newer");
  pass(kSettle);
  const Step update = begin(only());
  EXPECT_EQ(set_.holder(update)->inode, InodeId(10));
  file(11, "tmp", "new");
  must(set_.rename_over(InodeId(11), InodeId(10), in_root("ckpt"), now_));
  EXPECT_EQ(set_.holder(update)->inode, InodeId(11));
  EXPECT_EQ(finish(update).inode, InodeId(11));
  EXPECT_EQ(set_.holder(update), nullptr);
}

TEST_F(ChangeSetTest, J6ALargeSourceIsRenamedAndTheTargetTrashedAfterwards) {
  clean(10, "ckpt", "old");
  clean(11, "tmp", "new");
  must(set_.rename_over(InodeId(11), InodeId(10), in_root("ckpt"), now_));
  pass(kHold);
  const Step rename = send_only();
  EXPECT_EQ(rename.sent.id, FileId("id11"));
  EXPECT_EQ(rename.beside, std::vector<FileId>{FileId("id10")});
  EXPECT_EQ(send_only().sent.action, Action::kTrash);
  EXPECT_TRUE(drive_.is_trashed(FileId("id10")));
}

TEST_F(ChangeSetTest, ACopyOntoAnItemOfDriveIsSentAsBytes) {
  clean(10, "source", "bytes");
  clean(11, "a", "old");
  ContentState copied = bytes(5, "bytes");
  copied.copy = CopySource{FileId("id10"), drive_.at(FileId("id10")).item.head_revision};
  must(set_.opened(InodeId(11)));
  must(set_.closed(InodeId(11), copied, now_, now_));
  pass(kSettle);
  EXPECT_EQ(send_only().sent.action, Action::kUpdate);
  EXPECT_EQ(drive_.at(FileId("id11")).content, "bytes");
  EXPECT_TRUE(set_.dirty().empty());
}

}  // namespace
}  // namespace driveway::journal
