// What is left of drafts after a stop: of the process (D1), and of the machine (D2).
#include <fcntl.h>
#include <gmock/gmock.h>
#include <unistd.h>

#include "unit/vfs/draft_fixture.h"

namespace driveway::vfs {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class DraftsCrashTest : public DraftTest {
 protected:
  // A new file, written and closed.
  InodeId write_new(const std::string& name, const std::string& bytes) {
    const auto draft = create(name);
    ok(write(*draft, 0, bytes));
    ok(draft->flush({}));
    ok(draft->remove_writer({}));
    return draft->inode();
  }
  std::shared_ptr<Draft> open_again(InodeId inode) {
    auto draft = drafts_->find(inode);
    EXPECT_NE(draft, nullptr);
    ok(draft->add_writer({}));
    return draft;
  }
  // Whether no byte of the content is here any more.
  bool is_freed(std::uint64_t number) const {
    const auto file = file_of(number);
    std::error_code gone;
    return file.empty() || std::filesystem::file_size(file, gone) == 0 || gone;
  }
  // What a close would still sync and free stays as it is now.
  void stop_unsynced() {
    const auto left = root_ / "left";
    for (const char* part : {"journal", "cache"}) {
      std::filesystem::create_directories(left / part);
      std::filesystem::copy(root_ / part, left / part, std::filesystem::copy_options::recursive);
    }
    close();
    for (const char* part : {"journal", "cache"}) {
      std::filesystem::remove_all(root_ / part);
      std::filesystem::rename(left / part, root_ / part);
    }
  }
  // Drive has what the inode has; nobody says so.
  drive::Item upload_all(InodeId inode) {
    auto snapshot = value(drafts_->snapshot({}, inode));
    auto step = value(begin(inode));
    const std::string md5 = hash_hex(HashKind::kMd5, value(read_all(*snapshot)));
    ok(journal_->change({}, journal::Purpose::kProgress, [&](journal::ChangeSet& set, WallTime) {
      return set.uploading(step, Secret(), 0, md5);
    }));
    return value(upload(step, *snapshot));
  }
  // What the next start does with it (J2).
  void resolve(const drive::Item& item) {
    const auto plan = journal_->look(
        [&](const journal::ChangeSet& set) { return set.next(clock_.wall_now(), {.steps = 100}); });
    ASSERT_EQ(plan.steps.size(), 1);
    ASSERT_TRUE(plan.steps[0].resolve);
    journal::Step step = plan.steps[0];
    ok(journal_->change(
        {}, journal::Purpose::kProgress,
        [&](journal::ChangeSet& set, WallTime now) { return set.began(step, {}, now); }));
    ok(finish(step, item, nullptr, {}));
  }
  // The file's bytes become others behind the drafts' back, as a machine leaves it that stops.
  void damage(std::uint64_t number, Bytes offset) {
    const auto file = file_of(number);
    ASSERT_FALSE(file.empty());
    const int fd = ::open(file.c_str(), O_WRONLY);
    ASSERT_GE(fd, 0);
    EXPECT_EQ(::pwrite(fd, "?", 1, static_cast<off_t>(offset)), 1);
    ::close(fd);
  }
};

// D1: what flush acknowledged is there after a kill, over a base that is partly here.
TEST_F(DraftsCrashTest, WhatWasFlushedIsThereAgain) {
  for (const Bytes size : {Bytes{3'000}, Bytes{400'000}}) {
    std::string model = random_text(1, 3 * kMiB);
    const drive::Item item = add(model);
    const tree::Node node = node_of(item);
    fetch(node, {0, 1});
    auto draft = open_draft(node);
    ok(write(*draft, 2 * kMiB, random_text(2, size)));
    put(model, 2 * kMiB, random_text(2, size));
    ok(write(*draft, std::nullopt, "end"));
    model += "end";
    draft->set_modified(WallTime(std::chrono::milliseconds(123'456)));
    ok(draft->flush({}));
    ok(write(*draft, std::nullopt, random_text(3, 100)));  // never acknowledged
    draft.reset();
    open();
    draft = drafts_->find(node.inode);
    ASSERT_NE(draft, nullptr);
    EXPECT_TRUE(draft->dirty());
    EXPECT_TRUE(all_of(*draft) == model);
    EXPECT_EQ(draft->modified(), WallTime(std::chrono::milliseconds(123'456)));
    EXPECT_THAT(drafts_->damaged(), IsEmpty());
    EXPECT_THAT(journal_->unclosed(), IsEmpty());
    value(send(node.inode));
    EXPECT_TRUE(store_.content(item.id) == model);
    EXPECT_FALSE(draft->dirty());
  }
}

// J4
TEST_F(DraftsCrashTest, WhatNobodyAcknowledgedIsKnownAsUnclosed) {
  auto draft = create("a");
  const InodeId inode = draft->inode();
  ok(write(*draft, 0, "first bytes"));
  clock_.advance(std::chrono::milliseconds(40));
  EXPECT_TRUE(eventually([&] { return !content(inode)->acknowledged; }));
  draft.reset();
  open();
  EXPECT_THAT(journal_->unclosed(), ElementsAre(inode));
  draft = drafts_->find(inode);
  ASSERT_NE(draft, nullptr);
  EXPECT_EQ(all_of(*draft), "first bytes");
}

// J4: what was acknowledged and is not in Drive yet stays what it was until what takes its place is
// acknowledged, too.
TEST_F(DraftsCrashTest, WhatIsWrittenAnewDoesNotTouchWhatWasAcknowledged) {
  for (const Bytes size : {Bytes{3'000}, Bytes{400'000}}) {
    for (const bool opening : {true, false}) {
      SCOPED_TRACE(cat(size, " bytes, by opening: ", opening));
      const std::string before = random_text(size, size);
      const InodeId inode = write_new("a", before);
      const auto acknowledged = content(inode);
      auto draft = open_again(inode);
      ok(draft->truncate({}, 0, opening));
      EXPECT_EQ(draft->size(), 0);
      const std::string after = random_text(size + 1, size * 3 / 5);
      ok(write(*draft, 0, after));
      EXPECT_TRUE(all_of(*draft) == after);
      EXPECT_EQ(content(inode), acknowledged);
      draft.reset();
      open();
      draft = drafts_->find(inode);
      ASSERT_NE(draft, nullptr);
      EXPECT_TRUE(all_of(*draft) == before);
      EXPECT_THAT(journal_->unclosed(), IsEmpty());
      EXPECT_TRUE(store_.content(value(send(inode)).id) == before);
    }
  }
}

TEST_F(DraftsCrashTest, WhatIsWrittenAnewTakesItsPlaceWhenItIsAcknowledged) {
  const auto flush = [](Draft& draft) { ok(draft.flush({})); };
  const auto sync = [](Draft& draft) { ok(draft.sync({})); };
  const auto close = [](Draft& draft) { ok(draft.remove_writer({})); };
  for (const std::function<void(Draft&)>& acknowledge :
       std::vector<std::function<void(Draft&)>>{flush, sync, close}) {
    const InodeId inode = write_new("a", random_text(1, 400'000));
    const std::uint64_t number = content(inode)->bytes.number;
    auto draft = open_again(inode);
    ok(draft->truncate({}, 0, /*opening=*/true));
    ok(write(*draft, 0, random_text(2, 200'000)));
    EXPECT_FALSE(is_freed(number));
    acknowledge(*draft);
    EXPECT_TRUE(content(inode)->acknowledged);
    EXPECT_NE(content(inode)->bytes.number, number);
    ok(journal_->sync({}));
    EXPECT_TRUE(eventually([&] { return is_freed(number); })) << "nobody needs the former any more";
    draft.reset();
    open();
    EXPECT_TRUE(all_of(*drafts_->find(inode)) == random_text(2, 200'000));
    EXPECT_THAT(journal_->unclosed(), IsEmpty());
    EXPECT_TRUE(store_.content(value(send(inode)).id) == random_text(2, 200'000));
  }
}

// J4: so it is when the new content is a copy that the server is to make.
TEST_F(DraftsCrashTest, ACopyDoesNotTouchWhatWasAcknowledgedBefore) {
  const drive::Item source = add(random_text(3, 2 * kMiB));
  const InodeId inode = write_new("a", random_text(1, 400'000));
  for (const bool closed : {false, true}) {
    auto draft = open_again(inode);
    ok(draft->truncate({}, 0, /*opening=*/true));
    ok(draft->become_copy({}, node_of(source)));
    EXPECT_TRUE(all_of(*draft) == random_text(3, 2 * kMiB));
    if (closed) ok(draft->remove_writer({}));
    draft.reset();
    open();
    const std::string expected = closed ? random_text(3, 2 * kMiB) : random_text(1, 400'000);
    EXPECT_TRUE(all_of(*drafts_->find(inode)) == expected);
    EXPECT_EQ(content(inode)->bytes.copy.has_value(), closed);
    EXPECT_TRUE(content(inode)->acknowledged);
  }
}

TEST_F(DraftsCrashTest, ACopyIsACopyAgain) {
  const std::string bytes = random_text(1, 2 * kMiB);
  const drive::Item source = add(bytes);
  auto draft = create("copy");
  const InodeId inode = draft->inode();
  ok(draft->become_copy({}, node_of(source)));
  draft.reset();
  open();
  draft = drafts_->find(inode);
  ASSERT_NE(draft, nullptr);
  EXPECT_TRUE(all_of(*draft) == bytes);
  ok(write(*draft, 5, "x"));
  EXPECT_FALSE(content(inode)->bytes.copy);
}

// The base's content has the name that it had, so what is here of it is used.
TEST_F(DraftsCrashTest, WhatIsHereOfTheBaseIsNotFetchedAgain) {
  const std::string bytes = random_text(1, 3 * kMiB);
  const tree::Node node = node_of(add(bytes));
  auto draft = open_draft(node);
  ok(write(*draft, 7, "x"));
  ok(draft->flush({}));
  EXPECT_TRUE(eventually([&] { return is_cached(*node.item); }));
  draft.reset();
  open();
  store_.reset_calls();
  EXPECT_TRUE(all_of(*drafts_->find(node.inode)) == bytes.substr(0, 7) + "x" + bytes.substr(8));
  EXPECT_EQ(store_.calls(drive::Method::kRead), 0);
}

// D4: killed after Drive had it and before the record went.
TEST_F(DraftsCrashTest, WhatDriveHasByThenBecomesCleanWithoutASnapshot) {
  auto draft = create("a");
  const InodeId inode = draft->inode();
  ok(write(*draft, 0, random_text(1, 300'000)));
  ok(draft->remove_writer({}));
  const drive::Item item = upload_all(inode);
  for (const bool adopted : {false, true}) {
    if (adopted) ok(drafts_->confirmed(inode, nullptr, item));
    draft.reset();
    open();
    draft = drafts_->find(inode);
    ASSERT_NE(draft, nullptr);
    EXPECT_TRUE(all_of(*draft) == random_text(1, 300'000)) << adopted;
  }
  resolve(item);
  EXPECT_FALSE(draft->dirty());
  store_.reset_calls();
  EXPECT_TRUE(all_of(*draft) == random_text(1, 300'000));
  EXPECT_EQ(store_.calls(drive::Method::kRead), 0);
}

// D2: bytes that did not reach the disk are recognised, reported, and never sent.
TEST_F(DraftsCrashTest, WhatDidNotReachTheDiskIsReported) {
  auto draft = create("checkpoint.bin");
  const InodeId inode = draft->inode();
  ok(write(*draft, 0, random_text(1, 400'000)));
  ok(draft->remove_writer({}));
  const std::uint64_t number = content(inode)->bytes.number;
  draft.reset();
  close();
  damage(number, 70'000);
  open(/*machine_crashed=*/true);
  ASSERT_EQ(drafts_->damaged().size(), 1);
  EXPECT_EQ(drafts_->damaged()[0].inode, inode);
  EXPECT_EQ(drafts_->damaged()[0].name, "checkpoint.bin");
  EXPECT_THAT(drafts_->damaged()[0].ranges, ElementsAre(ByteRange{65'536, 65'536}));
  const auto snapshot = drafts_->snapshot({}, inode);
  ASSERT_TRUE(snapshot.failed_with(ErrorCode::kCorrupt));
  EXPECT_THAT(snapshot.error().message, HasSubstr("checkpoint.bin"));
  draft = drafts_->find(inode);
  EXPECT_EQ(value(read(*draft, 0, 65'536)), random_text(1, 400'000).substr(0, 65'536));
  EXPECT_TRUE(read(*draft, 65'536, 1).failed_with(ErrorCode::kCorrupt));
}

// D2: what fsync acknowledged survives; bytes written over it since may be there or not.
TEST_F(DraftsCrashTest, WhatWasSyncedIsTakenAsItIs) {
  auto draft = create("a.sqlite");
  const InodeId inode = draft->inode();
  ok(write(*draft, 0, random_text(1, 400'000)));
  ok(draft->sync({}));
  ok(draft->sync({}));
  ok(write(*draft, 70'000, "?"));
  const std::uint64_t number = content(inode)->bytes.number;
  draft.reset();
  close();
  damage(number, 70'000);
  open(/*machine_crashed=*/true);
  EXPECT_THAT(drafts_->damaged(), IsEmpty());
  std::string model = random_text(1, 400'000);
  put(model, 70'000, "?");
  EXPECT_TRUE(all_of(*drafts_->find(inode)) == model);
  value(send(inode));
}

// D2: also where a later record stands, whose bytes did not come as far.
TEST_F(DraftsCrashTest, WhatWasSyncedSurvivesALaterRecordWithoutItsBytes) {
  for (const bool anew : {false, true}) {
    SCOPED_TRACE(anew);
    auto draft = create(cat("file", anew));
    const InodeId inode = draft->inode();
    ok(write(*draft, 0, random_text(1, 400'000)));
    ok(draft->sync({}));
    if (anew) ok(draft->truncate({}, 0, /*opening=*/true));
    for (const Bytes offset : {400'000, 500'000}) {  // two records
      ok(write(*draft, offset, random_text(2, 100'000)));
      ok(draft->flush({}));
    }
    const std::uint64_t number = content(inode)->bytes.number;
    draft.reset();
    stop_unsynced();
    damage(number, 550'000);
    open(/*machine_crashed=*/true);
    EXPECT_THAT(drafts_->damaged(), IsEmpty());
    EXPECT_TRUE(all_of(*drafts_->find(inode)) == random_text(1, 400'000));
    EXPECT_TRUE(content(inode)->acknowledged);
    open();
    EXPECT_TRUE(all_of(*drafts_->find(inode)) == random_text(1, 400'000));
    value(send(inode));
  }
}

TEST_F(DraftsCrashTest, WhatDriveHasSurvivesARecordWithoutItsBytes) {
  const std::string bytes = random_text(1, 300'000);
  for (const bool anew : {false, true}) {
    SCOPED_TRACE(anew);
    const tree::Node node = node_of(add(bytes));
    auto draft = open_draft(node);
    if (anew) ok(draft->truncate({}, 0, /*opening=*/true));
    ok(write(*draft, 0, random_text(2, 200'000)));
    ok(draft->flush({}));
    const std::uint64_t number = content(node.inode)->bytes.number;
    draft.reset();
    stop_unsynced();
    damage(number, 70'000);
    open(/*machine_crashed=*/true);
    EXPECT_THAT(drafts_->damaged(), IsEmpty());
    EXPECT_FALSE(content(node.inode)) << "Drive has it as it is";
    EXPECT_TRUE(all_of(*value(drafts_->open_draft(node))) == bytes);
  }
}

// D2, J2: also where what is here did not reach the disk.
TEST_F(DraftsCrashTest, WhatDriveHasTakesThePlaceOfDamagedBytes) {
  const std::string bytes = random_text(1, 300'000);
  const InodeId inode = write_new("a", bytes);
  const drive::Item item = upload_all(inode);
  const std::uint64_t number = content(inode)->bytes.number;
  close();
  damage(number, 70'000);
  open(/*machine_crashed=*/true);
  const auto draft = drafts_->find(inode);
  ASSERT_NE(draft, nullptr);
  resolve(item);
  EXPECT_FALSE(draft->dirty());
  EXPECT_TRUE(all_of(*draft) == bytes);
  EXPECT_THAT(drafts_->damaged(), IsEmpty());
}

// J2, R1: what was written over it afterwards is not taken for what Drive has.
TEST_F(DraftsCrashTest, WhatWasOverwrittenSinceItWasSentIsSentToo) {
  for (const bool machine_crashed : {false, true}) {
    SCOPED_TRACE(machine_crashed);
    std::string model = random_text(1, 400'000);
    auto draft = create(cat("a", machine_crashed));
    const InodeId inode = draft->inode();
    ok(write(*draft, 0, model));
    ok(draft->sync({}));
    const drive::Item item = upload_all(inode);
    ok(write(*draft, 70'000, "?"));  // no record tells of it
    put(model, 70'000, "?");
    draft.reset();
    open(machine_crashed);
    resolve(item);
    draft = drafts_->find(inode);
    ASSERT_NE(draft, nullptr);
    EXPECT_TRUE(draft->dirty());
    EXPECT_TRUE(all_of(*draft) == model);
    value(send(inode));
    EXPECT_TRUE(store_.content(item.id) == model);
  }
}

// D2, J2: where a file is what Drive has of it, that may be what was sent.
TEST_F(DraftsCrashTest, WhatDriveHasByThenIsWhatAFileIsThatFallsBack) {
  const tree::Node node = node_of(add(random_text(1, 300'000)));
  auto draft = open_draft(node);
  ok(write(*draft, 0, random_text(2, 200'000)));
  ok(draft->flush({}));
  const drive::Item item = upload_all(node.inode);
  const std::uint64_t number = content(node.inode)->bytes.number;
  draft.reset();
  stop_unsynced();
  damage(number, 70'000);
  open(/*machine_crashed=*/true);
  resolve(item);
  EXPECT_FALSE(content(node.inode));
  EXPECT_EQ(row(node.inode)->known.head_revision, item.head_revision);
  EXPECT_EQ(drafts_->find(node.inode), nullptr);
}

// D2: what a record on the disk needs is not freed by one that is not there yet.
TEST_F(DraftsCrashTest, NothingIsFreedBeforeTheRecordThatFreesItIsSynced) {
  auto draft = create("a");
  const InodeId inode = draft->inode();
  ok(write(*draft, 0, random_text(1, 400'000)));
  ok(draft->sync({}));
  const std::uint64_t number = content(inode)->bytes.number;
  ok(draft->truncate({}, 0, /*opening=*/true));
  ok(write(*draft, 0, random_text(2, 400'000)));
  ok(draft->flush({}));
  ASSERT_NE(content(inode)->bytes.number, number);
  EXPECT_TRUE(std::filesystem::exists(file_of(number)));
  EXPECT_EQ(std::filesystem::file_size(file_of(number)), 400'000);
  ok(journal_->sync({}));
  EXPECT_TRUE(eventually(
      [&] { return file_of(number).empty() || std::filesystem::file_size(file_of(number)) == 0; }));
}

// D2: the contents first, then the log.
TEST_F(DraftsCrashTest, TheLogIsNotSyncedBeforeTheContents) {
  if (!fault::compiled_in()) GTEST_SKIP() << "needs fault points";
  const auto draft = create("a");
  ok(write(*draft, 0, random_text(1, 400'000)));
  ok(draft->flush({}));
  ok(journal_->sync({}));
  int syncs = 0;
  const auto fail = [&] {
    ++syncs;
    return Status(Error{ErrorCode::kLocalDisk, "the disk fails"});
  };
  ok(write(*draft, 0, "x"));
  const auto idle = create("b");
  ok(write(*idle, 0, "in memory"));
  ok(idle->sync({}));
  fault::arm("cache.dirty_sync", fail);
  ok(draft->flush({}));
  EXPECT_FALSE(journal_->sync({}).ok()) << "a record names bytes that are not on the disk";
  EXPECT_EQ(syncs, 1);
  fault::disarm_all();
  EXPECT_FALSE(draft->sync({}).ok()) << "the kernel tells of lost bytes only once";
}

TEST_F(DraftsCrashTest, AFileWhoseStateCannotBeReadIsReportedAndKept) {
  auto draft = create("a");
  const InodeId inode = draft->inode();
  ok(write(*draft, 0, "bytes"));
  ok(draft->remove_writer({}));
  journal::ContentState state = content(inode)->bytes;
  state.state = "no state";
  ok(journal_->change({}, journal::Purpose::kNew, [&](journal::ChangeSet& set, WallTime now) {
    return set.synced(inode, state, std::nullopt, now);
  }));
  draft.reset();
  open();
  EXPECT_EQ(drafts_->find(inode), nullptr);
  ASSERT_EQ(drafts_->damaged().size(), 1);
  EXPECT_EQ(drafts_->damaged()[0].name, "a");
  EXPECT_TRUE(drafts_->snapshot({}, inode).failed_with(ErrorCode::kCorrupt));
  EXPECT_TRUE(content(inode));
}

}  // namespace
}  // namespace driveway::vfs
