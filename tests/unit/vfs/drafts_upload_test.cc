// What the sender takes of a draft, and what the draft is once Drive has it (D4, J4, J5, J7).
#include <gmock/gmock.h>

#include <atomic>

#include "unit/vfs/draft_fixture.h"
#include "vfs/overlaid_item.h"

namespace driveway::vfs {
namespace {

using testing::AnyOf;
using testing::HasSubstr;

class DraftsUploadTest : public DraftTest {};

// J4: the bytes of one moment, whatever is written from then on.
TEST_F(DraftsUploadTest, ASnapshotStaysWhatItWas) {
  std::string model = random_text(1, 2 * kMiB);
  const auto draft = open_draft(node_of(add(model)));
  ok(write(*draft, 500'000, random_text(2, 400'000)));
  put(model, 500'000, random_text(2, 400'000));
  const auto snapshot = value(drafts_->snapshot({}, draft->inode()));
  EXPECT_EQ(snapshot->size(), model.size());
  EXPECT_FALSE(snapshot->is_outdated(0));
  ok(write(*draft, std::nullopt, random_text(3, 100'000)));
  EXPECT_FALSE(snapshot->is_outdated(0)) << "appended";
  ok(write(*draft, 600'000, random_text(4, 100'000)));
  EXPECT_TRUE(snapshot->is_outdated(0));
  EXPECT_FALSE(snapshot->is_outdated(model.size())) << "all of it was read";
  ok(draft->truncate({}, 100, false));
  EXPECT_TRUE(value(read_all(*snapshot)) == model);
  EXPECT_EQ(snapshot->state().size, model.size());
}

TEST_F(DraftsUploadTest, WhatTheSenderTakesIsWhatTheRowSays) {
  const auto draft = create("a");
  ok(write(*draft, 0, random_text(2, 400'000)));
  ok(draft->flush({}));
  ok(draft->remove_writer({}));
  const auto snapshot = value(drafts_->snapshot({}, draft->inode()));
  EXPECT_EQ(snapshot->state(), content(draft->inode())->bytes);
}

TEST_F(DraftsUploadTest, WhatDriveHasIsCleanAndReadFromTheCache) {
  std::string model = random_text(1, 3 * kMiB + 5);
  const drive::Item item = add(model);
  const tree::Node node = node_of(item);
  fetch(node, {0, 3 * kMiB});
  auto draft = open_draft(node);
  ok(write(*draft, 1'500'000, "some bytes"));
  put(model, 1'500'000, "some bytes");
  ok(draft->remove_writer({}));
  EXPECT_TRUE(eventually([&] { return is_cached(item); }));
  const drive::Item sent = value(send(node.inode));
  EXPECT_TRUE(store_.content(item.id) == model);
  EXPECT_NE(sent.head_revision, item.head_revision);
  EXPECT_FALSE(draft->dirty());
  EXPECT_FALSE(content(node.inode));
  EXPECT_EQ(drafts_->find(node.inode), nullptr);
  store_.reset_calls();
  EXPECT_TRUE(all_of(*draft) == model);
  EXPECT_EQ(store_.calls(drive::Method::kRead), 0);
  EXPECT_TRUE(value(cache_->open_content(*drive::content_id(sent), model.size()))->verified());
  const std::weak_ptr<Draft> last = draft;
  draft.reset();
  EXPECT_TRUE(last.expired()) << "it holds what may be evicted";
  EXPECT_TRUE(dirty_contents_become(0));
}

// J7: what was looked at before an upload ended has the new size, but neither hash nor revision.
TEST_F(DraftsUploadTest, WhatWasShownBeforeTheUploadEndedIsNoBase) {
  std::string model = random_text(1, 300'000);
  const drive::Item item = add(model);
  const tree::Node node = node_of(item);
  auto draft = open_draft(node);
  ok(write(*draft, std::nullopt, "more"));
  model += "more";
  ok(draft->remove_writer({}));
  drive::Item shown = item;
  overlay_item(*row(node.inode), shown);
  EXPECT_EQ(shown.size, model.size());
  EXPECT_EQ(value(drafts_->open_draft(node_of(shown, node.inode))), draft) << "not sent yet";
  const drive::Item sent = value(send(node.inode));
  EXPECT_EQ(value(drafts_->open_draft(node_of(shown, node.inode))), draft);
  EXPECT_TRUE(all_of(*draft) == model) << "it stays over what was sent";
  ok(draft->add_writer({}));
  ok(write(*draft, std::nullopt, "and more"));
  model += "and more";
  ok(draft->remove_writer({}));
  value(send(node.inode));
  EXPECT_TRUE(store_.content(item.id) == model);
  draft.reset();
  EXPECT_TRUE(drafts_->open_draft(node_of(shown, node.inode)).failed_with(ErrorCode::kStale));
  EXPECT_EQ(drafts_->find(node.inode), nullptr);
}

// The row still says what was written: no hash, no revision. So long the draft is asked.
TEST_F(DraftsUploadTest, WhatDriveHasIsADraftsUntilTheJournalKnows) {
  const auto item = add("some bytes");
  const tree::Node node = node_of(item);
  auto draft = open_draft(node);
  ok(write(*draft, std::nullopt, ", and more"));
  ok(draft->remove_writer({}));
  const std::weak_ptr<Draft> last = draft;
  draft.reset();
  Hooks hooks;
  hooks.after_confirmed = [&] {
    const auto found = drafts_->find(node.inode);
    ASSERT_NE(found, nullptr);
    EXPECT_FALSE(found->dirty());
    EXPECT_EQ(all_of(*found), "some bytes, and more");
    drive::Item shown = item;
    overlay_item(*row(node.inode), shown);
    EXPECT_EQ(value(drafts_->open_draft(node_of(shown, node.inode))), found);
  };
  value(send(node.inode, hooks));
  EXPECT_EQ(drafts_->find(node.inode), nullptr);
  EXPECT_TRUE(last.expired());
}

// The next write begins another dirty content, over what Drive has now.
TEST_F(DraftsUploadTest, AFileThatStaysOpenIsWrittenToAgain) {
  const auto draft = create("a");
  std::string model = random_text(1, 300'000);
  ok(write(*draft, 0, model));
  ok(draft->flush({}));
  const auto first = content(draft->inode());
  const drive::Item sent = value(send(draft->inode()));
  EXPECT_EQ(drafts_->find(draft->inode()), draft);
  EXPECT_FALSE(draft->dirty());
  ok(write(*draft, std::nullopt, "more"));
  model += "more";
  const auto second = content(draft->inode());
  ASSERT_TRUE(second);
  EXPECT_NE(second->bytes.number, first->bytes.number);
  EXPECT_EQ(second->bytes.base.revision, sent.head_revision);
  EXPECT_TRUE(all_of(*draft) == model);
  ok(draft->remove_writer({}));
  value(send(draft->inode()));
  EXPECT_TRUE(store_.content(sent.id) == model);
}

// J5: `uploaded` is true only of the generation that was sent; what came later is sent later, over
// the new revision, from which the rest of the base is fetched.
TEST_F(DraftsUploadTest, WhatIsWrittenDuringAnUploadIsKeptAndSentAfterIt) {
  std::string model = random_text(1, 4 * kMiB);
  const drive::Item item = add(model);
  const auto draft = open_draft(node_of(item));
  ok(write(*draft, 100, "before"));
  put(model, 100, "before");
  ok(draft->flush({}));
  const std::string sent_model = model;
  const auto sent_content = content(draft->inode());
  Hooks hooks;
  hooks.before_confirmed = [&] {
    ok(write(*draft, 3 * kMiB, "meanwhile"));
    put(model, 3 * kMiB, "meanwhile");
  };
  hooks.after_confirmed = [&] {
    const auto later = content(draft->inode());
    EXPECT_GT(later->generation, sent_content->generation) << "before the record goes";
    EXPECT_EQ(later->bytes.base.revision, store_.find(item.id)->head_revision);
  };
  value(send(draft->inode(), hooks));
  EXPECT_TRUE(store_.content(item.id) == sent_model);
  ASSERT_TRUE(content(draft->inode()));
  EXPECT_FALSE(content(draft->inode())->acknowledged);
  EXPECT_TRUE(all_of(*draft) == model);
  ok(draft->remove_writer({}));
  value(send(draft->inode()));
  EXPECT_TRUE(store_.content(item.id) == model);
  EXPECT_FALSE(content(draft->inode()));
}

// The same, where the later bytes are acknowledged already: they stay so.
TEST_F(DraftsUploadTest, WhatIsFlushedDuringAnUploadStaysAcknowledged) {
  std::string model = random_text(1, 4 * kMiB);
  const drive::Item item = add(model);
  const auto draft = open_draft(node_of(item));
  ok(write(*draft, 100, "before"));
  ok(draft->flush({}));
  const drive::Item sent = value(send(draft->inode(), {.before_confirmed = [&] {
                                        ok(write(*draft, 200, "meanwhile"));
                                        ok(draft->flush({}));
                                        ok(write(*draft, 300, "later"));
                                      }}));
  const auto left = content(draft->inode());
  ASSERT_TRUE(left);
  EXPECT_TRUE(left->acknowledged);
  EXPECT_EQ(left->bytes.base.revision, sent.head_revision);
  ok(draft->remove_writer({}));
  value(send(draft->inode()));
  put(model, 100, "before");
  put(model, 200, "meanwhile");
  put(model, 300, "later");
  EXPECT_TRUE(store_.content(item.id) == model);
}

// J4, J5: who writes it anew while it is sent does not change what is sent; nor is that gone before
// Drive has it.
TEST_F(DraftsUploadTest, WhatIsWrittenAnewDuringAnUploadIsSentAfterIt) {
  for (const bool flushed : {false, true}) {
    SCOPED_TRACE(flushed);
    const auto draft = create("a");
    const InodeId inode = draft->inode();
    ok(write(*draft, 0, random_text(1, 400'000)));
    ok(draft->remove_writer({}));
    Hooks hooks;
    hooks.with_snapshot = [&](journal::Snapshot& snapshot) {
      EXPECT_FALSE(snapshot.is_outdated(0));
      ok(draft->add_writer({}));
      ok(draft->truncate({}, 0, /*opening=*/true));
      EXPECT_TRUE(snapshot.is_outdated(0));
      EXPECT_FALSE(snapshot.is_outdated(400'000)) << "all of it was read";
      ok(write(*draft, 0, random_text(2, 200'000)));
      if (flushed) ok(draft->flush({}));
    };
    const drive::Item sent = value(send(inode, hooks));
    EXPECT_TRUE(store_.content(sent.id) == random_text(1, 400'000));
    EXPECT_TRUE(all_of(*draft) == random_text(2, 200'000));
    ASSERT_TRUE(content(inode));
    EXPECT_EQ(content(inode)->acknowledged, flushed);
    if (!flushed) {
      EXPECT_EQ(content(inode)->bytes.base.revision, sent.head_revision);
    }
    ok(draft->remove_writer({}));
    EXPECT_EQ(value(send(inode)).id, sent.id);
    EXPECT_TRUE(store_.content(sent.id) == random_text(2, 200'000));
    EXPECT_FALSE(draft->dirty());
    EXPECT_TRUE(dirty_contents_become(0));
  }
}

// J4: what is not acknowledged is not sent in its place, by whoever asks.
TEST_F(DraftsUploadTest, ASnapshotIsOfWhatTheRowHasAsAcknowledged) {
  const auto draft = create("a");
  ok(write(*draft, 0, random_text(1, 400'000)));
  ok(draft->flush({}));
  ok(draft->truncate({}, 0, /*opening=*/false));
  ok(write(*draft, 0, random_text(2, 200'000)));
  auto snapshot = value(drafts_->snapshot({}, draft->inode()));
  EXPECT_EQ(snapshot->state(), content(draft->inode())->bytes);
  EXPECT_TRUE(value(read_all(*snapshot)) == random_text(1, 400'000));
  ok(draft->flush({}));
  snapshot = value(drafts_->snapshot({}, draft->inode()));
  EXPECT_EQ(snapshot->state(), content(draft->inode())->bytes);
  EXPECT_TRUE(value(read_all(*snapshot)) == random_text(2, 200'000));
}

// J5: what the journal could not be told when Drive had the rest is told with the next record.
TEST_F(DraftsUploadTest, WhatCouldNotBeToldAfterAnUploadIsToldLater) {
  if (!fault::compiled_in()) GTEST_SKIP() << "needs fault points";
  const auto draft = create("a");
  const InodeId inode = draft->inode();
  ok(write(*draft, 0, random_text(1, 400'000)));
  ok(draft->flush({}));
  ok(draft->truncate({}, 0, /*opening=*/false));
  ok(write(*draft, 0, random_text(2, 200'000)));
  auto snapshot = value(drafts_->snapshot({}, inode));
  auto step = value(begin(inode));
  ok(journal_->change({}, journal::Purpose::kProgress, [&](journal::ChangeSet& set, WallTime) {
    return set.uploading(step, Secret(), 0, hash_hex(HashKind::kMd5, value(read_all(*snapshot))));
  }));
  const drive::Item item = value(upload(step, *snapshot));
  ok(drafts_->confirmed(inode, snapshot.get(), item));
  ok(journal_->change({}, journal::Purpose::kProgress,
                      [&](journal::ChangeSet& set, WallTime now) -> Result<journal::Rows> {
                        DRIVEWAY_TRY(auto outcome, set.finished(step, item, kRoot, now));
                        return std::move(outcome.rows);
                      }));
  fault::arm("journal.before_append", [] {
    return Status(Error{ErrorCode::kLocalDisk, "the disk fails"});
  });
  drafts_->settled(inode);
  fault::disarm_all();
  EXPECT_FALSE(content(inode));
  ok(draft->remove_writer({}));
  EXPECT_TRUE(all_of(*draft) == random_text(2, 200'000));
  value(send(inode));
  EXPECT_TRUE(store_.content(item.id) == random_text(2, 200'000));
}

// What is not here of the base comes from the revision that has taken its place.
TEST_F(DraftsUploadTest, TheRestOfTheBaseComesFromTheNewRevision) {
  std::string model = random_text(1, 4 * kMiB);
  const drive::Item item = add(model);
  const auto draft = open_draft(node_of(item));
  store_.faults().fail(drive::Method::kRead, {ErrorCode::kUnavailable, "cut", false}, 100);
  ok(write(*draft, 100, "before"));
  put(model, 100, "before");
  ok(draft->flush({}));
  EXPECT_TRUE(drafts_->snapshot({}, draft->inode()).failed_with(ErrorCode::kUnavailable));
  auto step = value(begin(draft->inode()));
  // It came there all the same, as after a lost answer: nothing of the base is here.
  store_.set_content(item.id, model);
  ok(write(*draft, 3 * kMiB, "after"));
  put(model, 3 * kMiB, "after");
  ok(finish(step, *store_.find(item.id), nullptr, {}));
  store_.faults().clear();
  EXPECT_TRUE(all_of(*draft) == model);
  ok(draft->remove_writer({}));
  value(send(draft->inode()));
  EXPECT_TRUE(store_.content(item.id) == model);
}

// D4: in the middle of an adoption readers have the file as it is, and writers wait for the end.
TEST_F(DraftsUploadTest, AFileIsReadAndWrittenWhileItsContentIsAdopted) {
  if (!fault::compiled_in()) GTEST_SKIP() << "needs fault points";
  std::string model = random_text(1, 4 * kMiB);
  const drive::Item item = add(model);
  const auto draft = open_draft(node_of(item));
  store_.faults().fail(drive::Method::kRead, {ErrorCode::kUnavailable, "cut", false}, 100);
  ok(write(*draft, 1'500'000, random_text(2, 200'000)));
  put(model, 1'500'000, random_text(2, 200'000));
  ok(draft->flush({}));
  auto step = value(begin(draft->inode()));
  store_.set_content(item.id, model);
  EXPECT_TRUE(eventually([&] { return metric("transfer.in_flight_bytes") == 0; }));
  store_.faults().clear();
  std::thread writer;
  fault::arm("cache.adopt_before_row", [&] {
    EXPECT_TRUE(all_of(*draft) == model);
    writer = std::thread([&] { ok(write(*draft, 7, "late")); });
    return Status();
  });
  ok(finish(step, *store_.find(item.id), nullptr, {}));
  fault::disarm_all();
  ASSERT_TRUE(writer.joinable());
  writer.join();
  put(model, 7, "late");
  EXPECT_TRUE(all_of(*draft) == model);
  EXPECT_TRUE(content(draft->inode()));
  ok(draft->remove_writer({}));
  value(send(draft->inode()));
  EXPECT_TRUE(store_.content(item.id) == model);
}

// A writer that comes between waits for neither, and finds the new one.
TEST_F(DraftsUploadTest, AWriteBetweenAdoptionAndTheRecordIsKept) {
  const auto draft = create("a");
  std::string model = random_text(1, 300'000);
  ok(write(*draft, 0, model));
  ok(draft->flush({}));
  const drive::Item sent = value(send(draft->inode(), {.after_confirmed = [&] {
                                        ok(write(*draft, 7, "x"));
                                        put(model, 7, "x");
                                        ok(draft->flush({}));
                                      }}));
  ASSERT_TRUE(content(draft->inode()));
  EXPECT_TRUE(all_of(*draft) == model);
  ok(draft->remove_writer({}));
  value(send(draft->inode()));
  EXPECT_TRUE(store_.content(sent.id) == model);
  EXPECT_TRUE(dirty_contents_become(0));
}

// D4: each step of confirming can be repeated.
TEST_F(DraftsUploadTest, ConfirmingTwiceIsAsOnce) {
  const auto draft = create("a");
  ok(write(*draft, 0, random_text(1, 300'000)));
  ok(draft->remove_writer({}));
  auto snapshot = value(drafts_->snapshot({}, draft->inode()));
  auto step = value(begin(draft->inode()));
  const drive::Item item = value(upload(step, *snapshot));
  ok(drafts_->confirmed(step.inode, snapshot.get(), item));
  ok(finish(step, item, snapshot.get(), {}));
  EXPECT_FALSE(content(draft->inode()));
  EXPECT_TRUE(all_of(*draft) == random_text(1, 300'000));
}

TEST_F(DraftsUploadTest, WhatCameWrongIsNotTakenForTheFile) {
  const auto draft = create("a");
  ok(write(*draft, 0, random_text(1, 300'000)));
  ok(draft->remove_writer({}));
  store_.corrupt_next_upload();
  value(send(draft->inode()));
  EXPECT_TRUE(draft->dirty());
  EXPECT_TRUE(content(draft->inode()));
  const drive::Item sent = value(send(draft->inode()));
  EXPECT_FALSE(draft->dirty());
  EXPECT_TRUE(store_.content(sent.id) == random_text(1, 300'000));
}

TEST_F(DraftsUploadTest, ACopyIsCleanOnceTheServerHasMadeIt) {
  const std::string bytes = random_text(1, 2 * kMiB);
  const drive::Item source = add(bytes);
  const auto draft = create("copy");
  ok(draft->become_copy({}, node_of(source)));
  ok(draft->remove_writer({}));
  auto step = value(begin(draft->inode()));
  ASSERT_EQ(step.sent.action, journal::Action::kCopy);
  drive::NewItem made;
  made.id = step.sent.id;
  made.name = *step.sent.name;
  made.parent = step.sent.parent;
  const drive::Item item = value(store_.copy({}, step.sent.content.copy->id, made));
  ok(finish(step, item, nullptr, {}));
  EXPECT_FALSE(draft->dirty());
  EXPECT_EQ(store_.calls(drive::Method::kRead), 0);
  EXPECT_TRUE(all_of(*draft) == bytes);
}

// Then the bytes are offered, as the row asks for.
TEST_F(DraftsUploadTest, ACopyThatTheServerRefusesGoesAsBytes) {
  const std::string bytes = random_text(1, 2 * kMiB);
  const drive::Item source = add(bytes);
  const auto draft = create("copy");
  const InodeId inode = draft->inode();
  ok(draft->become_copy({}, node_of(source)));
  ok(draft->remove_writer({}));
  const auto step = value(begin(inode));
  ASSERT_EQ(step.sent.action, journal::Action::kCopy);
  ok(journal_->change({}, journal::Purpose::kProgress,
                      [&](journal::ChangeSet& set, WallTime now) -> Result<journal::Rows> {
                        DRIVEWAY_TRY(auto outcome, set.failed(step, {ErrorCode::kUnsupported, "no"},
                                                              /*may_be_done=*/false, now));
                        return std::move(outcome.rows);
                      }));
  const auto snapshot = value(drafts_->snapshot({}, inode));
  EXPECT_EQ(snapshot->state(), content(inode)->bytes);
  const drive::Item sent = value(send(inode));
  EXPECT_TRUE(store_.content(sent.id) == bytes);
  EXPECT_FALSE(draft->dirty());
}

// J7: in the middle of an upload, too: no later try would find them.
TEST_F(DraftsUploadTest, ABaseThatGoesWhileItIsSentIsReportedByName) {
  const std::string bytes = random_text(1, 40 * kMiB);
  const drive::Item item = add(bytes);
  const auto draft = open_draft(node_of(item));
  store_.faults().set_hook([](const Context&, const drive::CallInfo& call) {
    const bool is_far = call.method == drive::Method::kRead && call.range.offset >= 30 * kMiB;
    return is_far ? Status(Error{ErrorCode::kUnavailable, "not yet"}) : Status();
  });
  ok(write(*draft, 10, "x"));
  ok(draft->remove_writer({}));
  const auto snapshot = value(drafts_->snapshot({}, draft->inode()));
  store_.remove(item.id);
  store_.faults().clear();
  const auto read = read_all(*snapshot);
  ASSERT_TRUE(read.failed_with(ErrorCode::kCorrupt));
  EXPECT_THAT(read.error().message, HasSubstr(item.name));
}

// J7
TEST_F(DraftsUploadTest, ABaseThatHasGoneIsReportedAndTheLocalBytesAreKept) {
  const std::string bytes = random_text(1, 4 * kMiB);
  for (const bool deleted : {true, false}) {
    const drive::Item item = add(bytes);
    const tree::Node node = node_of(item);
    if (deleted) {
      store_.remove(item.id);
    } else {
      store_.set_content(item.id, random_text(2, 4 * kMiB));
    }
    auto draft = open_draft(node);
    ok(write(*draft, 2'000'000, "local bytes"));
    ok(draft->remove_writer({}));
    for (const bool restarted : {false, true}) {
      SCOPED_TRACE(cat("deleted ", deleted, ", restarted ", restarted));
      const auto snapshot = drafts_->snapshot({}, node.inode);
      ASSERT_TRUE(snapshot.failed_with(ErrorCode::kStale));
      EXPECT_THAT(snapshot.error().message, HasSubstr(item.name));
      const auto base_bytes = read(*draft, 3 * kMiB, 100);
      ASSERT_TRUE(base_bytes.failed_with(ErrorCode::kStale));
      EXPECT_THAT(base_bytes.error().message, HasSubstr(item.name));
      std::string local;
      for (const cache::Part& part : draft->parts({0, draft->size()})) {
        if (part.kind != cache::PartKind::kLocal) continue;
        EXPECT_EQ(part.range.offset, 2'000'000);
        local += value(read(*draft, part.range.offset, part.range.length));
      }
      EXPECT_EQ(local, "local bytes");
      EXPECT_TRUE(content(node.inode));
      if (restarted) break;
      draft.reset();
      open();
      draft = drafts_->find(node.inode);
      ASSERT_NE(draft, nullptr);
    }
  }
}

// R1: an upload is of one revision of the base, also when that moves while it is read.
TEST_F(DraftsUploadTest, ABaseThatIsReplacedWhileItIsReadIsNotMixedIn) {
  const drive::Item item = add(random_text(1, 5 * kMiB));
  const auto draft = open_draft(node_of(item));
  store_.faults().fail(drive::Method::kRead, {ErrorCode::kUnavailable, "cut", true}, 1);
  ok(write(*draft, 10, "x"));
  ok(draft->remove_writer({}));
  const auto sent = send(draft->inode(), {.with_snapshot = [&](journal::Snapshot& snapshot) {
                           std::string first(100, '\0');
                           ok(snapshot.read(0, std::as_writable_bytes(std::span(first))));
                           store_.set_content(item.id, random_text(2, 5 * kMiB));
                         }});
  if (sent.ok()) {
    std::string model = random_text(1, 5 * kMiB);
    put(model, 10, "x");
    EXPECT_TRUE(store_.content(item.id) == model);
  } else {
    // By who finds it: the look before the first byte, or who reads in the middle of the body.
    EXPECT_THAT(sent.error().code, AnyOf(ErrorCode::kStale, ErrorCode::kCorrupt));
  }
}

// Everything at once: for the sanitizers, and that nothing is lost.
TEST_F(DraftsUploadTest, WritersReadersAndTheSenderAtOnce) {
  const std::string base = random_text(1, 3 * kMiB);
  const drive::Item item = add(base);
  const tree::Node node = node_of(item);
  const auto draft = open_draft(node);
  constexpr int kWriters = 3;
  constexpr int kWrites = 60;
  constexpr Bytes kArea = 1 * kMiB;
  std::atomic<int> writing = kWriters;
  std::vector<std::thread> threads;
  for (int i = 0; i < kWriters; ++i) {
    threads.emplace_back([&, i] {
      for (int n = 0; n < kWrites; ++n) {
        const std::string bytes(3'000, static_cast<char>('a' + n % 26));
        ok(write(*draft, i * kArea + static_cast<Bytes>(n) * 3'500, bytes));
        if (n % 7 == 0) ok(draft->flush({}));
        if (n % 20 == 0) ok(draft->sync({}));
      }
      --writing;
    });
  }
  threads.emplace_back([&] {
    for (Bytes at = 0; writing > 0; at = (at + 65'000) % (3 * kMiB)) {
      const auto bytes = read(*draft, at, 65'000);
      EXPECT_TRUE(bytes.ok()) << bytes.error().to_string();
      EXPECT_EQ(draft->size(), 3 * kMiB);
      drafts_->find(node.inode);
      draft->next_hole(at);
    }
  });
  while (writing > 0) {
    if (content(node.inode)) {
      const auto sent = send(node.inode);
      EXPECT_TRUE(sent.ok()) << sent.error().to_string();
    }
    std::this_thread::yield();
  }
  for (std::thread& thread : threads) thread.join();
  std::string model = base;
  for (int i = 0; i < kWriters; ++i) {
    for (int n = 0; n < kWrites; ++n) {
      put(model, i * kArea + static_cast<Bytes>(n) * 3'500,
          std::string(3'000, static_cast<char>('a' + n % 26)));
    }
  }
  ok(draft->remove_writer({}));
  EXPECT_TRUE(all_of(*draft) == model);
  if (content(node.inode)) value(send(node.inode));
  EXPECT_TRUE(store_.content(item.id) == model);
  EXPECT_FALSE(draft->dirty());
}

}  // namespace
}  // namespace driveway::vfs
