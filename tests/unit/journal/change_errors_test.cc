// What Drive refuses, and what is told of it, by examples.
#include "unit/journal/change_set_fixture.h"

namespace driveway::journal {
namespace {

class ChangeErrorsTest : public ChangeSetTest {};

TEST_F(ChangeErrorsTest, RetryableErrorsPauseLongerEachTime) {
  file(10, "a");
  pass(kSettle);
  for (const int seconds : {1, 2, 4}) {
    must(set_.failed(begin(only()), cut_, false, now_));
    pass(std::chrono::seconds(seconds) - Milliseconds(1));
    EXPECT_TRUE(offered().empty());
    pass(Milliseconds(1));
  }
  EXPECT_EQ(offered().size(), 1u);
}

TEST_F(ChangeErrorsTest, E1NothingIsSentWithoutALogin) {
  file(10, "a");
  pass(kSettle);
  const Step step = begin(only());
  must(set_.failed(step, Error{ErrorCode::kLoginNeeded, "expired"}, true, now_));
  EXPECT_EQ(wait_of(10), Wait::kLogin);
  EXPECT_TRUE(offered().empty());
  set_.login_restored();
  EXPECT_TRUE(only().resolve);
}

TEST_F(ChangeErrorsTest, E2PermanentErrorsStickUntilAProbe) {
  file(10, "a");
  pass(kSettle);
  must(set_.failed(begin(only()), refused_, false, now_));
  const Flush flush = set_.raise_all();
  EXPECT_EQ(set_.progress(flush).failed.size(), 1u);
  pass(Milliseconds(59'999));
  EXPECT_TRUE(offered().empty());
  pass(Milliseconds(1));
  finish(begin(only()));
  EXPECT_TRUE(set_.progress(flush).done());
}

TEST_F(ChangeErrorsTest, E2FullStorageStopsBytesButNotRemovals) {
  file(10, "a");
  file(11, "b");
  clean(12, "c", "x");
  must(set_.remove(InodeId(12), now_));
  pass(kHold);
  const auto steps = offered();
  ASSERT_EQ(steps.size(), 3u);
  must(set_.failed(begin(steps[0]), Error{ErrorCode::kStorageFull, "full"}, false, now_));
  EXPECT_EQ(only().inode, InodeId(12));
  EXPECT_EQ(wait_of(11), Wait::kBlocked);
  pass(Milliseconds(60'000));
  EXPECT_EQ(offered().size(), 2u) << "one probe, and the removal";
}

TEST_F(ChangeErrorsTest, E2WhatWasUnderWayBesideItIsNoProbe) {
  file(10, "large");
  file(11, "small");
  file(12, "later");
  pass(kSettle);
  const auto steps = offered(2);
  ASSERT_EQ(steps.size(), 2u);
  const Step large = begin(steps[0]);
  const Step small = begin(steps[1]);
  Step planned = offered()[0];
  must(set_.failed(large, full_, false, now_));
  EXPECT_TRUE(set_.began(planned, {FileId("fresh"), {}}, now_).failed_with(ErrorCode::kStale));
  finish(small);
  EXPECT_EQ(set_.stops().size(), 1u);
  EXPECT_EQ(wait_of(12), Wait::kBlocked);
  pass(options_.probe);
  finish(begin(only()));
  EXPECT_TRUE(set_.stops().empty());
}

// Who made room need not wait for the next probe.
TEST_F(ChangeErrorsTest, E2AFlushProbesWhatIsFullAtOnce) {
  file(10, "a");
  file(11, "b");
  file(12, "c");
  pass(kSettle);
  must(set_.failed(begin(offered()[0]), full_, false, now_));
  EXPECT_TRUE(offered().empty());
  const std::vector<InodeId> wanted{InodeId(11)};
  Flush flush = set_.raise(wanted);
  EXPECT_EQ(set_.progress(flush).waiting, 1u) << "not before the probe's outcome";
  const Step probe = begin(only());
  EXPECT_EQ(probe.inode, InodeId(11));
  EXPECT_TRUE(offered().empty()) << "one probe";
  must(set_.failed(probe, full_, false, now_));
  EXPECT_EQ(set_.progress(flush).failed, wanted);
  EXPECT_TRUE(offered().empty());
  flush = set_.raise(wanted);
  finish(begin(only()));
  EXPECT_TRUE(set_.progress(flush).done());
  EXPECT_EQ(offered().size(), 2u) << "there is room";
}

TEST_F(ChangeErrorsTest, J10WhatFindsNoRoomBesideOursWaitsForAProbe) {
  clean(10, "a", "x");
  rewrite(10, "mine");
  pass(kSettle);
  const Step update = begin(only());
  drive_.carry_out(update);
  must(set_.overwrote(update, {Revision("theirs"), FileId("saved")}));
  must(set_.failed(update, full_, true, now_));
  EXPECT_EQ(wait_of(10), Wait::kBlocked);
  const Flush flush = set_.raise_all();
  must(set_.failed(begin(only()), full_, true, now_));
  EXPECT_EQ(set_.progress(flush).failed.size(), 1u);
  EXPECT_TRUE(offered().empty());
  pass(options_.probe);
  const Step again = begin(only());
  EXPECT_TRUE(again.resolve);
  must(set_.resolved(again, drive_.get(FileId("id10")), kRoot, now_));
  EXPECT_TRUE(set_.dirty().empty());
}

TEST_F(ChangeErrorsTest, J5ThreeMismatchesAreReported) {
  file(10, "a");
  pass(kSettle);
  for (int i = 0; i < 3; ++i) {
    const Step step = begin(only());
    drive::Item item = *drive_.carry_out(step);
    item.md5 = "another";
    const Outcome outcome = must(set_.finished(step, item, kRoot, now_));
    EXPECT_EQ(outcome.verdict, i < 2 ? Verdict::kAgain : Verdict::kFailed);
  }
  EXPECT_EQ(wait_of(10), Wait::kFailed);
  EXPECT_TRUE(set_.find(InodeId(10))->wanted.content.has_value());
  EXPECT_TRUE(offered().empty()) << "not before the next probe (E2)";
}

TEST_F(ChangeErrorsTest, J11AFlushRaisesWhatItsFileWaitsFor) {
  folder(10, "d");
  folder(12, "other");
  create(InodeId(11), {InodeId(10), FileId(), "f"}, ItemKind::kFile, "x");
  const std::vector<InodeId> all{InodeId(11)};
  const Flush flush = set_.raise(all);
  EXPECT_EQ(send_only().inode, InodeId(10));  // before --settle
  EXPECT_EQ(send_only().inode, InodeId(11));
  EXPECT_TRUE(set_.progress(flush).done());
  EXPECT_TRUE(offered().empty());
}

TEST_F(ChangeErrorsTest, J11TheBacklogHasAgeAndEta) {
  for (int i = 0; i < 30; ++i) file(10 + i, std::to_string(i), "0123456789");
  pass(Milliseconds(5'000));
  const Backlog backlog = set_.backlog(now_, 10);
  EXPECT_EQ(backlog.changes, 30u);
  EXPECT_EQ(backlog.bytes, 300u);
  EXPECT_EQ(backlog.age, Milliseconds(5'000));
  EXPECT_EQ(backlog.eta, Milliseconds(30'000));  // 300 bytes at 10 a second; 30 calls at 3
  EXPECT_EQ(set_.backlog(now_, 0).eta, Milliseconds(10'000));
}

// --- Copies.

TEST_F(ChangeErrorsTest, ACopyThatIsRefusedIsSentAsBytes) {
  for (const ErrorCode code : {ErrorCode::kUnsupported, ErrorCode::kPermissionDenied,
                               ErrorCode::kNotFound, ErrorCode::kStale}) {
    set_ = ChangeSet(options_);
    drive_ = TinyDrive();
    clean(10, "source", "bytes");
    copy_of(11, "id10", 5);
    const Step copy = begin(only());
    EXPECT_EQ(copy.sent.action, Action::kCopy);
    EXPECT_EQ(must(set_.failed(copy, Error{code, "no", false}, false, now_)).verdict,
              Verdict::kAgain);
    reload();
    const Step create = send_only();
    EXPECT_EQ(create.sent.action, Action::kCreate);
    EXPECT_EQ(create.sent.content.number, 5u);
    EXPECT_TRUE(set_.dirty().empty());
  }
}

TEST_F(ChangeErrorsTest, ARefusedCopyIsNotTriedAgain) {
  clean(10, "source", "bytes");
  copy_of(11, "id10", 5);
  const ContentState copied = set_.find(InodeId(11))->wanted.content->bytes;
  must(set_.failed(begin(only()), refused_, false, now_));
  must(set_.synced(InodeId(11), copied, now_, now_));
  pass(kSettle);
  EXPECT_EQ(only().sent.action, Action::kCreate);
}

TEST_F(ChangeErrorsTest, ACopyOfWhatIsNotHereIsReportedWhenItIsRefused) {
  clean(10, "source", "bytes");
  copy_of(11, "id10", 0);
  EXPECT_EQ(must(set_.failed(begin(only()), refused_, false, now_)).verdict, Verdict::kFailed);
  EXPECT_EQ(wait_of(11), Wait::kFailed);
  pass(options_.probe);
  EXPECT_EQ(only().sent.action, Action::kCopy);
}

TEST_F(ChangeErrorsTest, ACopyWhoseAnswerIsCutIsStillACopy) {
  clean(10, "source", "bytes");
  copy_of(11, "id10", 5);
  must(set_.failed(begin(only()), cut_, false, now_));
  pass(options_.longest_pause);
  EXPECT_EQ(only().sent.action, Action::kCopy);
}

// --- Ids.

TEST_F(ChangeErrorsTest, J2WhatDriveTakesNoIdForIsKnownByItsOperation) {
  file(10, "a", "bytes");
  pass(kSettle);
  const Step with_id = begin(only());
  EXPECT_EQ(must(set_.id_refused(with_id, now_)).verdict, Verdict::kAgain);
  Step without = only();
  must(set_.began(without, {FileId(), md5_of("bytes")}, now_));
  EXPECT_TRUE(without.sent.id.empty());
  const auto operation = without.sent.properties.find(std::string(kOperation));
  ASSERT_NE(operation, without.sent.properties.end());
  drive_.carry_out(without);  // and its answer is lost
  reload();
  const Step again = begin(only());
  EXPECT_TRUE(again.resolve);
  EXPECT_TRUE(again.sent.id.empty());
  const auto made = drive_.made_by(*again.sent.properties.at(std::string(kOperation)));
  ASSERT_TRUE(made);
  EXPECT_EQ(set_.find_operation(*drive_.get(*made)), InodeId(10)) << "J3: the feed may be faster";
  must(set_.resolved(again, drive_.get(*made), kRoot, now_));
  EXPECT_TRUE(set_.dirty().empty());
  EXPECT_EQ(set_.find(InodeId(10))->known.id, *made);
  EXPECT_EQ(set_.find_operation(*drive_.get(*made)), InodeId());
}

// It is known before its outcome is: to the tree, say.
TEST_F(ChangeErrorsTest, J2TheIdThatDriveChoseIsThatOfTheStep) {
  file(10, "a", "bytes");
  pass(kSettle);
  must(set_.id_refused(begin(only()), now_));
  Step without = only();
  must(set_.began(without, {FileId(), md5_of("bytes")}, now_));
  const drive::Item made = *drive_.carry_out(without);
  must(set_.identified(without, made.id));
  EXPECT_EQ(set_.find_id(made.id), InodeId(10));
  reload();
  const Step again = begin(only());
  EXPECT_EQ(again.sent.id, made.id);
  must(set_.resolved(again, made, kRoot, now_));
  EXPECT_TRUE(set_.dirty().empty());
}

TEST_F(ChangeErrorsTest, J2WhatIsRefusedWithoutAnIdTooIsReported) {
  file(10, "a");
  pass(kSettle);
  must(set_.id_refused(begin(only()), now_));
  Step without = only();
  must(set_.began(without, {}, now_));
  EXPECT_EQ(must(set_.id_refused(without, now_)).verdict, Verdict::kFailed);
}

TEST_F(ChangeErrorsTest, J2AnOperationIsThatOfOneItem) {
  file(10, "a", "bytes");
  pass(kSettle);
  must(set_.id_refused(begin(only()), now_));
  Step without = only();
  must(set_.began(without, {}, now_));
  const drive::Item made = *drive_.carry_out(without);
  must(set_.finished(without, made, kRoot, now_));
  rewrite(10, "mine", 10);
  must(set_.conflict(InodeId(10), "a (conflict)", now_));
  pass(kHold);
  EXPECT_FALSE(only().sent.properties.contains(std::string(kOperation)));
}

}  // namespace
}  // namespace driveway::journal
