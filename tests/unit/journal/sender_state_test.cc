// What waits, for whom, and what is told of it.
#include "unit/journal/sender_fixture.h"

namespace driveway::journal {
namespace {

using drive::some_bytes;
using testing::ElementsAre;
using testing::Pair;

class SenderState : public SenderTest {
 protected:
  bool login_needed() const {
    return journal_->look([](const ChangeSet& set) { return set.login_needed(); });
  }
};

// --- E1.

TEST_F(SenderState, NothingIsTriedWhileALoginIsNeeded) {
  const Error refused{ErrorCode::kLoginNeeded, "invalid_grant"};
  store_.faults().fail(Method::kCreate, refused);
  store_.faults().fail(Method::kAbout, refused, 2);
  const InodeId inode = create("a", "bytes");
  ASSERT_TRUE(eventually([&] { return login_needed(); }));
  create("b", "more");
  EXPECT_TRUE(sender_->flush({}, {inode}).failed_with(ErrorCode::kLoginNeeded));
  ASSERT_TRUE(eventually([&] { return store_.calls(Method::kAbout) == 2; }));
  EXPECT_EQ(store_.calls(Method::kCreate), 1) << "only the probe is tried";
  ASSERT_TRUE(drain());
  EXPECT_THAT(tree(), ElementsAre(Pair("a", "bytes"), Pair("b", "more")));
  EXPECT_EQ(store_.calls(Method::kAbout), 3);
}

TEST_F(SenderState, AFlushFindsTheNewLogin) {
  store_.faults().fail(Method::kCreate, {ErrorCode::kLoginNeeded, "invalid_grant"});
  const InodeId inode = create("a", "bytes");
  ASSERT_TRUE(eventually([&] { return login_needed(); }));
  const Status flushed = sender_->flush({}, {inode});
  EXPECT_TRUE(flushed.ok()) << flushed.error().to_string();
  EXPECT_THAT(tree(), ElementsAre(Pair("a", "bytes")));
}

// --- E2.

TEST_F(SenderState, AFullStorageStopsContentsAndNothingElse) {
  store_.set_storage_limit(0);
  const InodeId inode = create("a", "bytes");
  ASSERT_TRUE(eventually([&] { return store_.calls(Method::kCreate) > 0 && !is_busy(); }));
  make_folder("d");
  create("b", "more");
  ASSERT_TRUE(eventually([&] { return !id_of("d").empty(); })) << "a folder needs no room";
  EXPECT_TRUE(sender_->flush({}, {inode}).failed_with(ErrorCode::kStorageFull));
  const int calls = store_.calls(Method::kCreate);
  EXPECT_LE(calls, 3) << "who is blocked does not ask, but once for a flush";
  store_.set_storage_limit(std::nullopt);
  ASSERT_TRUE(drain()) << "a probe each minute";
  EXPECT_THAT(tree(), ElementsAre(Pair("a", "bytes"), Pair("b", "more"), Pair("d", "<folder>")));
}

TEST_F(SenderState, AFlushFindsTheRoomThatWasMade) {
  store_.set_storage_limit(0);
  const InodeId inode = create("a", "bytes");
  ASSERT_TRUE(eventually([&] { return store_.calls(Method::kCreate) > 0 && !is_busy(); }));
  store_.set_storage_limit(std::nullopt);
  const Status flushed = sender_->flush({}, {inode});
  EXPECT_TRUE(flushed.ok()) << flushed.error().to_string();
  EXPECT_THAT(tree(), ElementsAre(Pair("a", "bytes")));
}

TEST_F(SenderState, AnUploadQuotaIsAPause) {
  store_.set_upload_quota_exhausted(true);
  const InodeId inode = create("a", "bytes");
  ASSERT_TRUE(eventually([&] { return store_.calls(Method::kCreate) > 0 && !is_busy(); }));
  EXPECT_TRUE(sender_->flush({}, {inode}).failed_with(ErrorCode::kQuotaExceeded));
  store_.set_upload_quota_exhausted(false);
  ASSERT_TRUE(drain());
  EXPECT_THAT(tree(), ElementsAre(Pair("a", "bytes")));
}

TEST_F(SenderState, APermanentErrorStaysWithItsFileAndIsProbed) {
  const FileId id = store_.add_file(store_.root(), "a", "base");
  store_.faults().fail(Method::kUpdate, {ErrorCode::kPermissionDenied, "not yours"});
  rewrite(id, "ours");
  const InodeId inode = known(id);
  ASSERT_TRUE(eventually([&] { return row(inode)->problem.has_value(); }));
  create("b", "other");
  const Status flushed = sender_->flush({}, {});
  EXPECT_TRUE(flushed.failed_with(ErrorCode::kPermissionDenied));
  EXPECT_THAT(flushed.error().message, testing::HasSubstr("a: not yours"));
  EXPECT_THAT(tree(), ElementsAre(Pair("a", "base"), Pair("b", "other")));
  EXPECT_TRUE(side_.has_dirty(inode));
  ASSERT_TRUE(drain()) << "tried again each minute";
  EXPECT_EQ(store_.content(id), "ours");
}

TEST_F(SenderState, FaultsOfTheServerArePauses) {
  store_.faults().fail(Method::kCreate, {ErrorCode::kUnavailable, "503", true}, 5);
  create("a", "bytes");
  ASSERT_TRUE(drain());
  EXPECT_THAT(tree(), ElementsAre(Pair("a", "bytes")));
  EXPECT_EQ(metrics_.counter("sender.failures").value(), 0);
}

// --- J11.

TEST_F(SenderState, AFlushOvertakesWhatIsOnItsWay) {
  for (int i = 0; i < 20; ++i) create("a" + std::to_string(i), "x");
  std::mutex mutex;
  std::condition_variable changed;
  bool open = false;
  store_.faults().set_hook([&](const Context& context, const drive::CallInfo& call) -> Status {
    if (call.method != Method::kCreate || call.priority == Priority::kForeground) return {};
    std::unique_lock lock(mutex);
    return wait(context, clock_, lock, changed, [&] { return open; });
  });
  ASSERT_TRUE(eventually([&] { return is_busy(); }));
  ASSERT_TRUE(soon([&] { return metrics_.gauge("sender.in_flight").value() == 4; }));
  const InodeId inode = create("urgent", "bytes");
  const Status flushed = sender_->flush({}, {inode});
  EXPECT_TRUE(flushed.ok()) << "it neither waits for the others nor to settle (J12)";
  EXPECT_FALSE(id_of("urgent").empty());
  EXPECT_TRUE(id_of("a0").empty());
  {
    const std::lock_guard lock(mutex);
    open = true;
  }
  changed.notify_all();
  ASSERT_TRUE(drain());
}

TEST_F(SenderState, AFlushTakesAlongWhatItNeeds) {
  const InodeId folder = make_folder("d");
  const InodeId inode = create("a", "bytes", folder);
  EXPECT_TRUE(sender_->flush({}, {inode}).ok());
  EXPECT_THAT(tree(), ElementsAre(Pair("d", "<folder>"), Pair("d/a", "bytes")));
}

// J4: while somebody has it open only a flush sends it.
TEST_F(SenderState, AnOpenFileIsSentByAFlushAlone) {
  const FileId id = store_.add_file(store_.root(), "a", "base");
  const InodeId inode = known(id);
  change([&](ChangeSet& set, WallTime now) -> Result<Rows> {
    know(set, id);
    DRIVEWAY_CHECK(set.opened(inode));
    return set.written(inode, side_.write(inode, "ours"), now, now);
  });
  const TimePoint later = clock_.now() + std::chrono::minutes(2);
  ASSERT_TRUE(eventually([&] { return clock_.now() > later; }));
  EXPECT_EQ(store_.content(id), "base");
  EXPECT_TRUE(sender_->flush({}, {inode}).ok());
  EXPECT_EQ(store_.content(id), "ours");
}

TEST_F(SenderState, AFlushEndsWithItsDeadline) {
  const auto gate = store_.faults().block(Method::kCreate);
  const InodeId inode = create("a", "bytes");
  const Context soon{.deadline = clock_.now() + std::chrono::seconds(5)};
  std::thread timer([&] {
    ASSERT_TRUE(gate->wait_for_blocked(1));
    pass(std::chrono::seconds(6));
  });
  EXPECT_TRUE(sender_->flush(soon, {inode}).failed_with(ErrorCode::kDeadlineExceeded));
  timer.join();
  gate->open();
  ASSERT_TRUE(drain());
}

TEST_F(SenderState, ABacklogIsWaitedForWhileItMoves) {
  const Duration longest = std::chrono::hours(10);  // eventually() lets time pass
  EXPECT_TRUE(sender_->wait_for_backlog({}, longest).ok());
  const auto gate = store_.faults().block(Method::kCreate);
  create("a", "bytes");
  ASSERT_TRUE(eventually([&] { return gate->arrived() > 0; }));
  EXPECT_TRUE(sender_->wait_for_backlog({}, longest).ok()) << "it is young";
  pass(std::chrono::hours(20));
  const Context now{.deadline = clock_.now()};
  EXPECT_TRUE(sender_->wait_for_backlog(now, longest).failed_with(ErrorCode::kDeadlineExceeded));
  std::thread waiter([&] { EXPECT_TRUE(sender_->wait_for_backlog({}, longest).ok()); });
  gate->open();
  waiter.join();
}

// Who cannot be helped by waiting does not wait.
TEST_F(SenderState, ABacklogThatCannotMoveIsNotWaitedFor) {
  const FileId id = store_.add_file(store_.root(), "a", "base");
  store_.faults().fail(Method::kUpdate, {ErrorCode::kPermissionDenied, "not yours"}, 1'000);
  rewrite(id, "ours");
  ASSERT_TRUE(eventually([&] { return row(known(id))->problem.has_value(); }));
  pass(std::chrono::minutes(30));
  EXPECT_TRUE(sender_->wait_for_backlog({}, std::chrono::minutes(1)).ok());
}

// --- What is told.

TEST_F(SenderState, TellsWhatIsOnItsWay) {
  EXPECT_TRUE(sender_->sending().empty());
  const std::string bytes = some_bytes(kLarge, 1);
  std::vector<Sending> seen;
  store_.faults().set_hook([&](const Context&, const drive::CallInfo& call) -> Status {
    if (call.method != Method::kSend || call.range.offset == 0) return {};
    seen = sender_->sending();
    return {};
  });
  const InodeId inode = create("a", bytes);
  ASSERT_TRUE(drain());
  ASSERT_EQ(seen.size(), 1);
  EXPECT_EQ(seen[0].inode, inode);
  EXPECT_EQ(seen[0].name, "a");
  EXPECT_EQ(seen[0].action, Action::kCreate);
  EXPECT_EQ(seen[0].size, kLarge);
  EXPECT_GT(seen[0].sent, kLarge - kMiB);
  EXPECT_LT(seen[0].sent, kLarge);
  EXPECT_TRUE(sender_->sending().empty());
  pass(std::chrono::seconds(1));
  EXPECT_GT(sender_->bytes_per_second(), 0);
}

// --- The end.

TEST_F(SenderState, StopsWhileCallsAreOnTheirWay) {
  const auto gate = store_.faults().block(Method::kCreate);
  create("a", "bytes");
  create("b", some_bytes(kLarge, 1));
  ASSERT_TRUE(eventually([&] { return gate->arrived() > 0; }));
  sender_->stop();
  gate->open();
  reopen();
  ASSERT_TRUE(drain());
  EXPECT_EQ(tree().size(), 2);
}

TEST_F(SenderState, StopsWhatNeverStarted) {
  sender_.reset();
  sender_ = Sender::make(sender_options_, *journal_, store_, side_, clock_, metrics_);
  create("a", "bytes");
  sender_->stop();
  sender_->stop();
  EXPECT_TRUE(tree().empty());
}

}  // namespace
}  // namespace driveway::journal
