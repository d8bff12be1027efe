// Drafts: what is written is read at once, and what the journal is told of it. What becomes of it
// when it is sent: drafts_upload_test.cc; after a stop: drafts_crash_test.cc.
#include "vfs/drafts.h"

#include <gmock/gmock.h>

#include "unit/vfs/draft_fixture.h"

namespace driveway::vfs {
namespace {

class DraftsTest : public DraftTest {};

TEST_F(DraftsTest, WhatIsWrittenIsReadAtOnceOverABaseThatIsPartlyHere) {
  std::string model = random_text(1, 5 * kMiB + 77);
  const drive::Item item = add(model);
  const tree::Node node = node_of(item);
  fetch(node, {2 * kMiB, 1});
  const auto draft = open_draft(node);
  for (const Bytes at : {Bytes{10}, 2 * kMiB - 5, 3 * kMiB + 100'000, model.size() - 3}) {
    const std::string bytes = random_text(at, 200'000);
    ok(write(*draft, at, bytes));
    put(model, at, bytes);
    EXPECT_EQ(read(*draft, at, bytes.size()).value(), bytes);
  }
  EXPECT_EQ(draft->size(), model.size());
  EXPECT_TRUE(all_of(*draft) == model);
  EXPECT_EQ(drafts_->find(node.inode), draft);
}

TEST_F(DraftsTest, ReadsEndAtTheEnd) {
  const auto draft = create("a");
  EXPECT_EQ(read(*draft, 0, 10).value(), "");
  ok(write(*draft, 3, "abc"));
  EXPECT_EQ(read(*draft, 0, 10).value(), std::string("\0\0\0abc", 6));
  EXPECT_EQ(read(*draft, 4, 1).value(), "b");
  EXPECT_EQ(read(*draft, 6, 10).value(), "");
  EXPECT_EQ(read(*draft, 7, 10).value(), "");
}

// J7
TEST_F(DraftsTest, APartialOverwriteHasTheRestOfTheBaseFetched) {
  const drive::Item item = add(random_text(1, 6 * kMiB));
  const auto draft = open_draft(node_of(item));
  EXPECT_EQ(store_.calls(drive::Method::kRead), 0) << "opening it fetches nothing";
  ok(write(*draft, 3 * kMiB, "four"));
  EXPECT_TRUE(eventually([&] { return is_cached(item); }));
}

TEST_F(DraftsTest, NothingIsFetchedOfABaseOfWhichNothingIsLeft) {
  const drive::Item item = add(random_text(1, 3 * kMiB));
  const drive::Item other = add(random_text(2, 3 * kMiB));
  const auto cut = open_draft(node_of(item));
  ok(cut->truncate({}, 0, /*opening=*/true));
  ok(write(*cut, 0, "anew"));
  const auto overwritten = open_draft(node_of(other));
  ok(write(*overwritten, 0, random_text(3, 3 * kMiB)));
  EXPECT_EQ(all_of(*cut), "anew");
  for (const auto& draft : {cut, overwritten}) {
    ok(draft->flush({}));
    const auto snapshot = value(drafts_->snapshot({}, draft->inode()));
    EXPECT_TRUE(read_all(*snapshot).ok());
  }
  EXPECT_EQ(store_.calls(drive::Method::kRead), 0);
  EXPECT_EQ(store_.calls(drive::Method::kGet), 0);
}

// J4: told by O_TRUNC, until something is written.
TEST_F(DraftsTest, TruncationByOpeningIsToldApart) {
  const auto draft = open_draft(node_of(add("some bytes")));
  ok(draft->truncate({}, 0, /*opening=*/true));
  ASSERT_TRUE(content(draft->inode()));
  EXPECT_TRUE(content(draft->inode())->bytes.truncated_only);
  EXPECT_EQ(content(draft->inode())->bytes.size, 0);
  ok(write(*draft, 0, "x"));
  ok(draft->flush({}));
  EXPECT_FALSE(content(draft->inode())->bytes.truncated_only);
  ok(draft->truncate({}, 0, /*opening=*/false));
  ok(draft->flush({}));
  EXPECT_FALSE(content(draft->inode())->bytes.truncated_only);
}

TEST_F(DraftsTest, TheRowSaysWhatTheBytesLieOver) {
  const drive::Item item = add(random_text(1, 300'000));
  const auto draft = open_draft(node_of(item));
  EXPECT_FALSE(content(draft->inode())) << "nothing was changed yet";
  EXPECT_FALSE(draft->dirty());
  ok(write(*draft, 5, "x"));
  const auto row = content(draft->inode());
  ASSERT_TRUE(row);
  EXPECT_EQ(row->bytes.base.id, item.id);
  EXPECT_EQ(row->bytes.base.revision, item.head_revision);
  EXPECT_EQ(row->bytes.base.md5, item.md5);
  EXPECT_EQ(row->bytes.base.size, item.size);
  EXPECT_EQ(row->bytes.size, 300'000);
  EXPECT_EQ(Drafts::numbers(*journal_, false), std::vector{row->bytes.number});
  EXPECT_FALSE(row->acknowledged);
  EXPECT_FALSE(row->closed_at);
}

// A write costs the journal nothing but the first one; flush acknowledges (D1).
TEST_F(DraftsTest, TheJournalIsToldWhenWritingBeginsAndAtFlushes) {
  const auto draft = open_draft(node_of(add("some bytes")));
  ok(write(*draft, 0, "1"));
  const auto begun = content(draft->inode());
  EXPECT_FALSE(begun->acknowledged) << "J4: not yet closed or synced";
  for (int i = 1; i < 100; ++i) ok(write(*draft, std::nullopt, "2"));
  EXPECT_EQ(content(draft->inode()), begun);
  ok(draft->flush({}));
  const auto flushed = content(draft->inode());
  EXPECT_TRUE(flushed->acknowledged);
  EXPECT_EQ(flushed->bytes.size, 109);
  ok(draft->flush({}));
  EXPECT_EQ(content(draft->inode()), flushed) << "nothing had changed";
}

// A new file that is closed at once costs the record of its making and that of its flush.
TEST_F(DraftsTest, OfAFileThatHasJustBeenMadeTheJournalIsToldInAMoment) {
  const auto draft = create("a");
  const auto made = content(draft->inode());
  EXPECT_TRUE(made->acknowledged) << "the empty file is there";
  ok(write(*draft, 0, "1"));
  EXPECT_EQ(content(draft->inode()), made);
  clock_.advance(std::chrono::milliseconds(40));
  EXPECT_TRUE(eventually([&] { return content(draft->inode())->bytes.size == 1; }));
  EXPECT_FALSE(content(draft->inode())->acknowledged) << "J4: not yet closed or synced";
  const auto other = create("b");
  ok(write(*other, 0, "2"));
  const std::uint64_t records = journal_->ledger_state().appended;
  ok(other->flush({}));
  EXPECT_TRUE(content(other->inode())->acknowledged);
  clock_.advance(std::chrono::seconds(10));
  ok(write(*other, 0, "3"));
  ok(other->flush({}));
  ok(other->remove_writer({}));
  EXPECT_EQ(journal_->ledger_state().appended, records + 2);
}

// J4: cut to nothing, it is no other file than the empty one that was made.
TEST_F(DraftsTest, AFileThatHasJustBeenMadeIsCutInPlace) {
  const auto draft = create("a");
  const auto number = content(draft->inode())->bytes.number;
  ok(write(*draft, 0, "wrong"));
  ok(draft->truncate({}, 0, /*opening=*/false));
  ok(write(*draft, 0, "right"));
  ok(draft->flush({}));
  EXPECT_EQ(content(draft->inode())->bytes.number, number);
  EXPECT_EQ(all_of(*draft), "right");
}

// J4: also where no further write comes.
TEST_F(DraftsTest, WhatNobodyAcknowledgedIsRecordedWithinASecond) {
  const auto draft = open_draft(node_of(add("some bytes")));
  ok(draft->truncate({}, 0, /*opening=*/true));
  ok(write(*draft, 0, "one"));
  ok(write(*draft, 3, "two"));
  EXPECT_EQ(content(draft->inode())->bytes.size, 0);
  clock_.advance(std::chrono::seconds(1));
  EXPECT_TRUE(eventually([&] { return content(draft->inode())->bytes.size == 6; }));
  const auto recorded = content(draft->inode());
  EXPECT_FALSE(recorded->acknowledged);
  EXPECT_FALSE(recorded->bytes.truncated_only);
  ok(write(*draft, 6, "three"));
  EXPECT_EQ(content(draft->inode()), recorded);
  ok(draft->flush({}));
  const auto flushed = content(draft->inode());
  clock_.advance(std::chrono::seconds(10));
  ok(write(*draft, 0, "four"));
  EXPECT_EQ(content(draft->inode()), flushed) << "what is acknowledged stays so";
}

TEST_F(DraftsTest, TheLastWriterLetsTheFileGo) {
  const auto draft = create("a");
  ok(draft->add_writer({}));
  ok(write(*draft, 0, "one"));
  ok(draft->flush({}));
  ok(draft->remove_writer({}));
  EXPECT_FALSE(content(draft->inode())->closed_at) << "J4: somebody else has it open";
  ok(write(*draft, std::nullopt, " two"));
  ok(draft->remove_writer({}));
  EXPECT_TRUE(content(draft->inode())->closed_at);
  EXPECT_TRUE(content(draft->inode())->acknowledged);
  EXPECT_EQ(content(draft->inode())->bytes.size, 7);
}

// J5: write-back of a mapping comes after the close.
TEST_F(DraftsTest, AWriteAfterTheLastCloseIsTold) {
  const auto draft = create("a");
  ok(write(*draft, 0, "one"));
  ok(draft->remove_writer({}));
  const auto closed = content(draft->inode());
  ok(write(*draft, 0, "two!"));
  const auto written = content(draft->inode());
  EXPECT_GT(written->generation, closed->generation);
  EXPECT_EQ(written->bytes.size, 4);
  EXPECT_TRUE(written->closed_at);
}

TEST_F(DraftsTest, OpeningForWritingAloneChangesNothing) {
  const tree::Node node = node_of(add(random_text(1, 200'000)));
  auto draft = open_draft(node);
  EXPECT_EQ(drafts_->find(node.inode), draft);
  ok(draft->allocate({}, {0, 100'000}, /*keep_size=*/true));
  EXPECT_EQ(all_of(*draft), random_text(1, 200'000));
  ok(draft->flush({}));
  ok(draft->sync({}));
  ok(draft->remove_writer({}));
  EXPECT_FALSE(draft->dirty());
  EXPECT_EQ(drafts_->find(node.inode), nullptr);
  EXPECT_FALSE(content(node.inode));
  EXPECT_TRUE(dirty_contents_become(0));
}

TEST_F(DraftsTest, TheTimeIsThatOfTheLastWriteOrAsItWasSet) {
  const auto draft = open_draft(node_of(add("bytes")));
  clock_.advance(std::chrono::seconds(5));
  ok(write(*draft, 0, "x"));
  EXPECT_EQ(draft->modified(), clock_.wall_now());
  const WallTime set{std::chrono::milliseconds(1'234'567)};
  draft->set_modified(set);
  EXPECT_EQ(draft->modified(), set);
  ok(draft->flush({}));
  EXPECT_EQ(row(draft->inode())->wanted.modified, set);
  clock_.advance(std::chrono::seconds(5));
  ok(write(*draft, 0, "y"));
  ok(draft->remove_writer({}));
  EXPECT_EQ(draft->modified(), clock_.wall_now());
  EXPECT_EQ(row(draft->inode())->wanted.modified, clock_.wall_now());
}

TEST_F(DraftsTest, HolesAreHolesAndWhatTheBaseHasIsData) {
  const auto draft = open_draft(node_of(add(random_text(1, 1'000'000))));
  EXPECT_EQ(draft->next_data(5), 5);
  EXPECT_EQ(draft->next_hole(5), 1'000'000);
  EXPECT_EQ(draft->next_data(1'000'000), std::nullopt);
  ok(draft->punch({}, {200'000, 100'000}));
  ok(draft->truncate({}, 2'000'000, false));
  EXPECT_EQ(draft->next_hole(0), 200'000);
  EXPECT_EQ(draft->next_data(200'000), 300'000);
  EXPECT_EQ(draft->next_hole(300'000), 1'000'000);
  EXPECT_EQ(draft->next_data(1'000'000), std::nullopt);
  using cache::PartKind;
  EXPECT_THAT(draft->parts({100'000, 1'000'000}),
              testing::ElementsAre(cache::Part{{100'000, 100'000}, PartKind::kBase},
                                   cache::Part{{200'000, 100'000}, PartKind::kZero},
                                   cache::Part{{300'000, 700'000}, PartKind::kBase},
                                   cache::Part{{1'000'000, 100'000}, PartKind::kZero}));
}

// D6: nothing clean is left to evict, and uploads make no progress for a minute.
TEST_F(DraftsTest, AWriterWaitsForRoomAndIsRefusedAfterAMinuteWithoutProgress) {
  const auto draft = create("a");
  ok(write(*draft, 0, random_text(1, 300'000)));
  ok(draft->flush({}));
  const auto before = content(draft->inode());
  free_disk_ = 0;
  const TimePoint began = clock_.now();
  Status status;
  std::thread writer([&] { status = write(*draft, std::nullopt, random_text(2, 300'000)); });
  std::atomic<bool> done = false;
  const auto wait_until = [&](TimePoint time) {
    while (clock_.now() < time) {
      if (clock_.waiting() > 0) clock_.advance(std::chrono::milliseconds(100));
      std::this_thread::yield();
    }
  };
  wait_until(began + std::chrono::seconds(50));
  const auto other = create("b");  // counts as progress
  std::thread ticking([&] {
    while (!done) {
      if (clock_.waiting() > 0) clock_.advance(std::chrono::milliseconds(100));
      std::this_thread::yield();
    }
  });
  writer.join();
  done = true;
  ticking.join();
  EXPECT_TRUE(status.failed_with(ErrorCode::kNoSpace)) << status.error().to_string();
  EXPECT_GE(clock_.now() - began, std::chrono::seconds(110));
  ok(draft->flush({}));
  EXPECT_EQ(content(draft->inode()), before) << "a failed write enters no record";
  EXPECT_TRUE(all_of(*draft) == random_text(1, 300'000));
}

TEST_F(DraftsTest, AWriterGoesOnWhenThereIsRoomAgainAndIsInterruptedAtOnce) {
  const auto draft = open_draft(node_of(add("bytes")));
  free_disk_ = 0;
  CancelSource cancel;
  Status interrupted;
  const std::string bytes = random_text(2, 300'000);
  std::thread writer([&] {
    interrupted = draft->write({.cancel = cancel.token()}, 0, std::as_bytes(std::span(bytes)));
  });
  EXPECT_TRUE(eventually([&] { return clock_.waiting() > 0; }));
  cancel.cancel();
  writer.join();
  EXPECT_TRUE(interrupted.failed_with(ErrorCode::kCancelled));
  EXPECT_FALSE(draft->dirty()) << "it is as it was";
  EXPECT_FALSE(content(draft->inode()));

  Status status = Error{};
  std::thread patient([&] { status = write(*draft, 5, bytes); });
  EXPECT_TRUE(eventually([&] { return clock_.waiting() > 0; }));
  free_disk_ = 90 * kGiB;
  std::atomic<bool> done = false;
  std::thread ticking([&] {
    while (!done) {
      clock_.advance(std::chrono::seconds(11));  // the cache looks at the disk now and then
      std::this_thread::yield();
    }
  });
  patient.join();
  done = true;
  ticking.join();
  ok(status);
  EXPECT_TRUE(all_of(*draft) == "bytes" + bytes);
}

// What the journal could not be told has not happened.
TEST_F(DraftsTest, AFirstWriteThatCannotBeRecordedHasNotHappened) {
  if (!fault::compiled_in()) GTEST_SKIP() << "needs fault points";
  const auto draft = open_draft(node_of(add("bytes")));
  const WallTime before = draft->modified();
  clock_.advance(std::chrono::seconds(1));
  fault::arm("journal.before_append", [] {
    return Status(Error{ErrorCode::kLocalDisk, "the disk fails"});
  });
  EXPECT_FALSE(write(*draft, 0, "x").ok());
  fault::disarm_all();
  EXPECT_FALSE(draft->dirty());
  EXPECT_EQ(draft->modified(), before);
  EXPECT_EQ(all_of(*draft), "bytes");
  EXPECT_TRUE(dirty_contents_become(0));
}

// D6: the write is there once, however often the journal was asked.
TEST_F(DraftsTest, AnAppendThatTheJournalRefusedAtFirstIsThereOnce) {
  if (!fault::compiled_in()) GTEST_SKIP() << "needs fault points";
  const auto draft = open_draft(node_of(add("at ")));
  int refusals = 2;
  fault::arm("journal.before_append", [&] {
    if (refusals-- <= 0) return Status();
    return Status(Error{ErrorCode::kNoSpace, "full"});
  });
  std::atomic<bool> done = false;
  std::thread writer([&] {
    ok(write(*draft, std::nullopt, "once"));
    done = true;
  });
  while (!done) {
    if (clock_.waiting() > 0) clock_.advance(std::chrono::milliseconds(300));
    std::this_thread::yield();
  }
  writer.join();
  EXPECT_LT(refusals, 2);
  EXPECT_EQ(all_of(*draft), "at once");
  EXPECT_EQ(content(draft->inode())->bytes.size, 7);
}

TEST_F(DraftsTest, ACopyIsReadThroughItsSourceAndNothingOfItIsHere) {
  const std::string bytes = random_text(1, 2 * kMiB);
  const drive::Item source = add(bytes);
  const auto draft = create("copy");
  ok(draft->become_copy({}, node_of(source)));
  const auto copied = content(draft->inode());
  ASSERT_TRUE(copied->bytes.copy);
  EXPECT_EQ(copied->bytes.copy->id, source.id);
  EXPECT_EQ(copied->bytes.copy->revision, source.head_revision);
  EXPECT_EQ(copied->bytes.size, bytes.size());
  EXPECT_EQ(draft->size(), bytes.size());
  EXPECT_EQ(store_.calls(drive::Method::kRead), 0);
  EXPECT_TRUE(dirty_contents_become(1)) << "the empty one is gone";
  EXPECT_TRUE(all_of(*draft) == bytes);
  EXPECT_FALSE(draft->become_copy({}, node_of(source)).ok()) << "it is not empty";
  // It is an ordinary file once somebody writes to it: told at once.
  ok(write(*draft, 0, "x"));
  EXPECT_FALSE(content(draft->inode())->bytes.copy);
  EXPECT_EQ(all_of(*draft), "x" + bytes.substr(1));
}

TEST_F(DraftsTest, WhatWasRemovedCanBeUsedUntilItIsClosed) {
  auto draft = create("a");
  ok(write(*draft, 0, random_text(1, 300'000)));
  ok(draft->flush({}));
  const InodeId inode = draft->inode();
  ok(journal_->change({}, journal::Purpose::kNew, [&](journal::ChangeSet& set, WallTime now) {
    return set.remove(inode, now);
  }));
  ok(write(*draft, 0, "before it is settled"));
  drafts_->settled(inode);
  ok(write(*draft, 300'000, "more"));
  ok(draft->flush({}));
  ok(draft->sync({}));
  EXPECT_EQ(read(*draft, 299'999, 10).value(),
            random_text(1, 300'000).back() + std::string("more"));
  EXPECT_EQ(drafts_->find(inode), draft);
  EXPECT_GT(metric("cache.dirty_bytes"), 0);
  ok(draft->remove_writer({}));
  draft.reset();
  drafts_->settled(inode);
  EXPECT_EQ(drafts_->find(inode), nullptr);
  EXPECT_EQ(metric("cache.dirty_bytes"), 0);
}

TEST_F(DraftsTest, WhatAnInodeHasIsAnothersAfterAMove) {
  const auto draft = create("a");
  ok(write(*draft, 0, "bytes"));
  const InodeId from = draft->inode();
  const InodeId to(77'777);
  drafts_->move(from, to);
  EXPECT_EQ(drafts_->find(from), nullptr);
  EXPECT_EQ(drafts_->find(to), draft);
  EXPECT_EQ(draft->inode(), to);
}

// Against a string: every kind of change, with reads in between.
TEST_F(DraftsTest, RandomChangesOverABase) {
  const std::uint64_t seed = std::random_device()();
  SCOPED_TRACE(cat("seed ", seed));
  std::mt19937_64 random(seed);
  std::string model = random_text(seed, 3 * kMiB + 1);
  const drive::Item item = add(model);
  const tree::Node node = node_of(item);
  fetch(node, {1 * kMiB, 1});
  const auto draft = open_draft(node);
  for (int i = 0; i < 150; ++i) {
    const Bytes at = random() % (model.size() + 50'000);
    const Bytes length = 1 + random() % (i % 5 == 0 ? 400'000 : 5'000);
    switch (random() % 8) {
      case 0: {
        const Bytes size = random() % (4 * kMiB);
        ok(draft->truncate({}, size, false));
        model.resize(size, '\0');
        break;
      }
      case 1: {
        ok(draft->punch({}, {at, length}));
        if (at < model.size()) {
          const Bytes end = std::min<Bytes>(model.size(), at + length);
          model.replace(at, end - at, std::string(end - at, '\0'));
        }
        break;
      }
      case 2: {
        ok(draft->allocate({}, {at, length}, i % 2 == 0));
        if (i % 2 != 0 && model.size() < at + length) model.resize(at + length, '\0');
        break;
      }
      case 3: {
        const std::string bytes = random_text(random(), length);
        ok(write(*draft, std::nullopt, bytes));
        model += bytes;
        break;
      }
      default: {
        const std::string bytes = random_text(random(), length);
        ok(write(*draft, at, bytes));
        put(model, at, bytes);
      }
    }
    if (random() % 10 == 0) ok(draft->flush({}));
    ASSERT_EQ(draft->size(), model.size());
    const auto piece = read(*draft, at, length);
    ASSERT_TRUE(piece.ok()) << piece.error().to_string();
    ASSERT_TRUE(*piece == (at < model.size() ? model.substr(at, length) : "")) << i;
  }
  EXPECT_TRUE(all_of(*draft) == model);
  const auto snapshot = value(drafts_->snapshot({}, node.inode));
  EXPECT_TRUE(value(read_all(*snapshot)) == model);
}

}  // namespace
}  // namespace driveway::vfs
