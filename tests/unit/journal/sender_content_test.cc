// How contents get to Drive: in one request, in sessions that break off, go on and are forgotten.
#include "unit/journal/sender_fixture.h"

namespace driveway::journal {
namespace {

using drive::some_bytes;
using testing::ElementsAre;
using testing::Pair;

const Error kCut{ErrorCode::kUnavailable, "the connection broke", true};

class SenderContent : public SenderTest {
 protected:
  // The ranges that were sent to sessions.
  std::vector<ByteRange> sends() const {
    std::vector<ByteRange> ranges;
    for (const drive::CallInfo& call : store_.log()) {
      if (call.method == Method::kSend) ranges.push_back(call.range);
    }
    return ranges;
  }
  // Runs `what` before the `nth` send of a session.
  void before_send(int nth, std::function<void()> what) {
    auto sends = std::make_shared<int>(0);
    store_.faults().set_hook([=](const Context&, const drive::CallInfo& call) -> Status {
      if (call.method == Method::kSend && ++*sends == nth) what();
      return {};
    });
  }
  const std::string large_ = some_bytes(kLarge, 1);
};

// J1, J2: what is sent, and the md5 of it, is on the disk before the first byte leaves.
TEST_F(SenderContent, ASmallContentIsRecordedBeforeItLeaves) {
  const InodeId inode = create("a", "bytes");
  bool looked = false;
  store_.faults().set_hook([&](const Context&, const drive::CallInfo& call) -> Status {
    if (call.method != Method::kCreate) return {};
    looked = true;
    EXPECT_EQ(row(inode)->sent->id, call.id);
    EXPECT_EQ(row(inode)->sent->md5, hash_hex(HashKind::kMd5, "bytes"));
    const LedgerState state = journal_->ledger_state();
    EXPECT_EQ(state.synced, state.appended);
    return {};
  });
  ASSERT_TRUE(drain());
  EXPECT_TRUE(looked);
  EXPECT_EQ(changing_calls(), 1);
  ASSERT_EQ(side_.confirmed().size(), 1);
  EXPECT_EQ(side_.confirmed()[0].text, "bytes");
}

// J12.
TEST_F(SenderContent, ALargeContentGoesInOneRequestAndItsEnd) {
  const InodeId inode = create("a", large_);
  before_send(2, [&] {
    const Sent sent = *row(inode)->sent;
    EXPECT_EQ(sent.md5, hash_hex(HashKind::kMd5, large_)) << "J2: before the last byte";
    EXPECT_FALSE(sent.session.empty());
    const LedgerState state = journal_->ledger_state();
    EXPECT_EQ(state.synced, state.appended);
  });
  ASSERT_TRUE(drain());
  EXPECT_THAT(tree(), ElementsAre(Pair("a", large_)));
  const auto ranges = sends();
  ASSERT_EQ(ranges.size(), 2);
  EXPECT_GE(ranges[1].length, 256 * kKiB);
  EXPECT_LE(ranges[1].length, kMiB);
  EXPECT_EQ(store_.bytes_sent(), large_.size());
}

TEST_F(SenderContent, WhatBreaksOffGoesOnWhereDriveStands) {
  create("a", large_);
  store_.faults().cut(Method::kSend, 3 * kMiB, kCut);
  ASSERT_TRUE(drain());
  EXPECT_THAT(tree(), ElementsAre(Pair("a", large_)));
  EXPECT_LE(store_.bytes_sent(), large_.size() + 256 * kKiB);
  EXPECT_EQ(store_.calls(Method::kBeginUpload), 1);
}

TEST_F(SenderContent, WhatDriveDidNotKeepIsSentAgain) {
  create("a", large_);
  store_.keep_of_next_send(kMiB);
  ASSERT_TRUE(drain());
  EXPECT_THAT(tree(), ElementsAre(Pair("a", large_)));
  EXPECT_EQ(sends().at(1).offset, kMiB);
}

TEST_F(SenderContent, ARestartGoesOnWhereDriveStands) {
  create("a", large_);
  store_.faults().cut(Method::kSend, 3 * kMiB, kCut);
  store_.faults().fail(Method::kProgress, kCut, 1);
  ASSERT_TRUE(eventually([&] { return store_.calls(Method::kProgress) > 0 && !is_busy(); }));
  reopen();
  ASSERT_TRUE(drain());
  EXPECT_THAT(tree(), ElementsAre(Pair("a", large_)));
  EXPECT_EQ(store_.calls(Method::kBeginUpload), 1);
  EXPECT_EQ(metrics_.counter("sender.uploads_resumed").value(), 1);
  EXPECT_LE(store_.bytes_sent(), large_.size() + 256 * kKiB);
}

// The session is of bytes that are not to be had any more.
TEST_F(SenderContent, ARestartWithOtherBytesBeginsAgain) {
  const FileId id = store_.add_file(store_.root(), "a", "base");
  rewrite(id, large_);
  store_.faults().cut(Method::kSend, 3 * kMiB, kCut);
  store_.faults().fail(Method::kProgress, kCut, 1);
  ASSERT_TRUE(eventually([&] { return store_.calls(Method::kProgress) > 0 && !is_busy(); }));
  sender_.reset();
  const std::string other = some_bytes(kLarge, 2);
  rewrite(id, other);
  reopen();
  ASSERT_TRUE(drain());
  EXPECT_THAT(tree(), ElementsAre(Pair("a", other)));
  EXPECT_EQ(store_.open_uploads(), 0) << "the old session was given up";
}

TEST_F(SenderContent, AForgottenSessionBeginsAgain) {
  create("a", large_);
  before_send(2, [&] { store_.expire_upload_sessions(); });
  ASSERT_TRUE(drain());
  EXPECT_THAT(tree(), ElementsAre(Pair("a", large_)));
  EXPECT_EQ(store_.calls(Method::kBeginUpload), 2);
}

TEST_F(SenderContent, ASessionForgottenInTheMiddleBeginsAgain) {
  create("a", large_);
  before_send(1, [&] { store_.expire_upload_sessions(); });
  ASSERT_TRUE(drain());
  EXPECT_THAT(tree(), ElementsAre(Pair("a", large_)));
  EXPECT_EQ(metrics_.counter("sender.uploads_restarted").value(), 1);
}

// J2: the answers to all that changes something, lost one after the other.
TEST_F(SenderContent, LostAnswersMakeNothingTwice) {
  for (const Method method :
       {Method::kCreate, Method::kUpdate, Method::kCopy, Method::kRemove, Method::kBeginUpload,
        Method::kSend, Method::kProgress, Method::kCancelUpload, Method::kGenerateIds}) {
    for (const int times : {1, 2, 3}) {
      SCOPED_TRACE(testing::Message() << drive::to_string(method) << " × " << times);
      const std::string name(drive::to_string(method));
      const std::string prefix = name + std::to_string(times) + " ";
      const FileId folder = store_.add_folder(store_.root(), prefix + "folder");
      const FileId small = store_.add_file(folder, "small", "base");
      const FileId large = store_.add_file(folder, "large", "base");
      const FileId moved = store_.add_file(folder, "moved", "base");
      const FileId doomed = store_.add_file(folder, "doomed", "base");
      const InodeId parent = known(folder);
      store_.faults().lose_answer(method, times);
      create("new", "small", parent);
      create("new large", large_, parent);
      create("below", "x", make_folder("new folder", parent));
      rewrite(small, "small", parent);
      rewrite(large, large_, parent);
      rename(moved, parent, "moved on");
      remove(doomed, parent);
      const InodeId copy = new_inode();
      change([&](ChangeSet& set, WallTime now) {
        NewEntry entry;
        entry.modified = now;
        entry.content = side_.copy_of(copy, *store_.find(moved));
        return set.create(copy, place(parent, "copy"), entry, now);
      });
      ASSERT_TRUE(drain());
      std::map<std::string, std::string> found;
      list_into(folder, "", found);
      EXPECT_EQ(found, (std::map<std::string, std::string>{{"copy", "base"},
                                                           {"large", large_},
                                                           {"moved on", "base"},
                                                           {"new", "small"},
                                                           {"new folder", "<folder>"},
                                                           {"new folder/below", "x"},
                                                           {"new large", large_},
                                                           {"small", "small"}}));
      store_.faults().clear();
    }
  }
  EXPECT_EQ(metrics_.counter("sender.conflicts").value(), 0) << "it is all our own work";
}

// J1: an earlier try of the same call has made the item: it is ours.
TEST_F(SenderContent, AnIdThatIsTakenIsOurOwnWork) {
  bool is_first = true;
  store_.faults().set_hook([&](const Context& context, const drive::CallInfo& call) -> Status {
    if (call.method != Method::kCreate || !std::exchange(is_first, false)) return {};
    drive::NewItem item;
    item.id = call.id;
    item.name = "a";
    item.parent = store_.root();
    drive::StringSource content("bytes");
    return store_.create(context, item, &content).ok() ? Status() : Status(kCut);
  });
  const InodeId inode = create("a", "bytes");
  ASSERT_TRUE(drain());
  EXPECT_THAT(tree(), ElementsAre(Pair("a", "bytes")));
  EXPECT_EQ(side_.confirmed().size(), 1);
  EXPECT_FALSE(row(inode)->problem);
}

// --- J5.

TEST_F(SenderContent, WhatDriveDamagedIsSentAgain) {
  const FileId id = store_.add_file(store_.root(), "a", "base");
  store_.corrupt_next_upload();
  rewrite(id, "ours");
  ASSERT_TRUE(drain());
  EXPECT_EQ(store_.content(id), "ours");
  EXPECT_EQ(store_.calls(Method::kUpdate), 2);
}

TEST_F(SenderContent, WhatDriveDamagesThreeTimesIsKeptAndReported) {
  const FileId id = store_.add_file(store_.root(), "a", "base");
  store_.faults().set_hook([&](const Context&, const drive::CallInfo& call) -> Status {
    if (call.method == Method::kUpdate) store_.corrupt_next_upload();
    return {};
  });
  rewrite(id, "ours");
  const InodeId inode = known(id);
  ASSERT_TRUE(eventually([&] { return row(inode)->problem.has_value(); }));
  EXPECT_EQ(row(inode)->problem->code, ErrorCode::kCorrupt);
  EXPECT_EQ(store_.calls(Method::kUpdate), 3);
  EXPECT_TRUE(side_.has_dirty(inode));
}

TEST_F(SenderContent, AWriteEndsAnUploadOfTheOldBytes) {
  const std::string newer = some_bytes(kLarge, 2);
  const InodeId inode = create("a", large_);
  before_send(1, [&] { write(inode, newer); });
  ASSERT_TRUE(drain());
  EXPECT_THAT(tree(), ElementsAre(Pair("a", newer)));
  EXPECT_LT(store_.bytes_sent(), newer.size() + 2 * kMiB);
  EXPECT_EQ(store_.open_uploads(), 0);
  EXPECT_EQ(store_.edits().size(), 1);
}

// What somebody waits for is the content of then.
TEST_F(SenderContent, AFlushSendsTheBytesOfItsCall) {
  const std::string newer = some_bytes(kLarge, 2);
  const InodeId inode = create("a", large_);
  before_send(1, [&] { write(inode, newer); });
  const Status flushed = sender_->flush({}, {inode});
  EXPECT_TRUE(flushed.ok()) << flushed.error().to_string();
  EXPECT_EQ(store_.content(id_of("a")), large_);
  ASSERT_TRUE(drain());
  EXPECT_THAT(tree(), ElementsAre(Pair("a", newer)));
}

// The bytes may have changed without a word: what is sent is what the row says.
TEST_F(SenderContent, TheRowSaysWhatIsSent) {
  const InodeId inode = create("a", "1");
  const ContentState now = side_.write(inode, "22");
  ASSERT_TRUE(drain());
  EXPECT_THAT(tree(), ElementsAre(Pair("a", "22")));
  EXPECT_EQ(side_.confirmed().at(0).text, "22");
  EXPECT_EQ(now.size, 2);
}

// A file that never rests: each look finds other bytes, and the flush ends all the same.
TEST_F(SenderContent, AFlushOfAFileThatIsBeingWrittenEnds) {
  const InodeId inode = create("a", "0");
  side_.write_at_each_look(inode);
  const Status flushed = sender_->flush({}, {inode});
  EXPECT_TRUE(flushed.ok()) << flushed.error().to_string();
  EXPECT_EQ(store_.content(id_of("a")), "0");
}

// J10: checked just before the last part.
TEST_F(SenderContent, AHeadThatMovedWhileItWasSentIsAConflict) {
  const FileId id = store_.add_file(store_.root(), "a", "base");
  rewrite(id, large_);
  before_send(1, [&] { store_.set_content(id, "theirs"); });
  ASSERT_TRUE(drain());
  EXPECT_THAT(tree(), ElementsAre(Pair("a", "theirs"), Pair("a (conflict)", large_)));
  EXPECT_EQ(store_.find(id)->name, "a");
  EXPECT_EQ(store_.open_uploads(), 0);
}

// J7.
TEST_F(SenderContent, ABaseThatHasGoneIsReported) {
  const FileId id = store_.add_file(store_.root(), "a", "base");
  side_.fail_snapshots(Error{ErrorCode::kStale, "the base has gone"});
  rewrite(id, "ours");
  const InodeId inode = known(id);
  ASSERT_TRUE(eventually([&] { return row(inode)->problem.has_value(); }));
  EXPECT_EQ(row(inode)->problem->code, ErrorCode::kCorrupt);
  EXPECT_TRUE(row(inode)->problem->permanent);
  EXPECT_EQ(store_.content(id), "base");
}

// A rename moves the row and the bytes one after the other.
TEST_F(SenderContent, AContentThatIsNotFoundForAMomentIsLookedForAgain) {
  side_.fail_snapshots(Error{ErrorCode::kNotFound, "nothing"});
  const InodeId inode = create("a", "text");
  ASSERT_TRUE(eventually([&] { return row(inode)->problem.has_value(); }));
  EXPECT_FALSE(row(inode)->problem->permanent);
  side_.fail_snapshots({});
  EXPECT_TRUE(drain());
}

// J6: the replaced item's content is fetched before it goes.
TEST_F(SenderContent, AReplacedContentIsFetchedBeforeTheLastPart) {
  const FileId id = store_.add_file(store_.root(), "a", "old");
  const InodeId inode = create("tmp", large_);
  change([&](ChangeSet& set, WallTime now) {
    know(set, id);
    return set.rename_over(inode, known(id), place(kRoot, "a"), now);
  });
  before_send(1, [&] { EXPECT_TRUE(side_.replaced().empty()); });
  ASSERT_TRUE(drain());
  EXPECT_THAT(side_.replaced(), ElementsAre(known(id)));
  EXPECT_EQ(store_.content(id), large_);
}

}  // namespace
}  // namespace driveway::journal
