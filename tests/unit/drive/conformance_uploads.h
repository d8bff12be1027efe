// The conformance suite of RemoteStore: resumable uploads (drive-api reference 5).
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "unit/drive/conformance_fixture.h"

namespace driveway::drive {

class UploadConformance : public WritingConformance {
 protected:
  UploadSession begin(const NewItem& item, Bytes size) {
    return session_of(store().begin_create(context, item, size), size);
  }
  UploadSession begin(const FileId& id, const ItemPatch& patch, Bytes size) {
    return session_of(store().begin_update(context, id, patch, size), size);
  }
  // What send() says of [from, to) of `content`; it fails the test where that fails.
  UploadProgress send(const UploadSession& session, TextSource& content, Bytes from, Bytes to) {
    return progress_of(store().send(context, session, {from, to - from}, content));
  }
  UploadProgress progress(const UploadSession& session) {
    return progress_of(store().progress(context, session));
  }
  // From where Drive stands to the end, in one request: the item.
  Item complete(const UploadSession& session, TextSource& content) {
    const UploadProgress at = progress(session);
    EXPECT_LT(at.stored, content.size());
    EXPECT_FALSE(at.item.has_value());
    return item_of(send(session, content, at.stored, content.size()));
  }
  static Item item_of(const UploadProgress& progress) {
    EXPECT_TRUE(progress.item.has_value());
    return progress.item.value_or(Item());
  }

 private:
  static UploadSession session_of(Result<UploadSession> session, Bytes size) {
    EXPECT_TRUE(session.ok()) << session.error().to_string();
    if (!session.ok()) return {};
    EXPECT_FALSE(session->uri.empty());
    EXPECT_EQ(session->size, size);
    return *std::move(session);
  }
  static UploadProgress progress_of(Result<UploadProgress> progress) {
    EXPECT_TRUE(progress.ok()) << progress.error().to_string();
    return progress.ok() ? *std::move(progress) : UploadProgress();
  }
};

TEST_P(UploadConformance, ContentsOfEverySize) {
  for (const Bytes size :
       {Bytes{1}, kUploadUnit - 1, kUploadUnit, kUploadUnit + 1, kMostInOneRequest + 1}) {
    TextSource content(random_bytes(size, 31));
    NewItem wish = new_file(cat("of ", size));
    wish.id = new_id();
    wish.mime_type = "application/x-model";
    wish.created = time("2020-01-02T03:04:05.678Z");
    wish.modified = time("2021-02-03T04:05:06.789Z");
    wish.properties = {{"mode", "0644"}};
    const UploadSession session = begin(wish, size);
    const UploadProgress done = send(session, content, 0, size);
    EXPECT_EQ(done.stored, size);
    const Item made = item_of(done);
    EXPECT_EQ(made.id, wish.id);
    EXPECT_EQ(made.name, wish.name);
    EXPECT_EQ(made.parent, world->base());
    EXPECT_EQ(made.mime_type, "application/x-model");
    EXPECT_EQ(made.created, *wish.created);
    EXPECT_EQ(made.modified, *wish.modified);
    EXPECT_EQ(made.properties, wish.properties);
    expect_content(made, content.text);
  }
}

TEST_P(UploadConformance, ThePartsOfAnUpload) {  // J12
  TextSource content(random_bytes(3 * kUploadUnit + 1'000, 32));
  NewItem wish = new_file("f");
  wish.id = new_id();
  const UploadSession session = begin(wish, content.size());
  EXPECT_EQ(progress(session).stored, 0U);
  Bytes at = 0;
  for (const Bytes to : {2 * kUploadUnit, 3 * kUploadUnit}) {
    const UploadProgress sent = send(session, content, at, to);
    EXPECT_EQ(sent.stored, to);
    EXPECT_FALSE(sent.item.has_value());
    EXPECT_EQ(progress(session).stored, to);
    at = to;
    // Nothing of it is there before its end.
    EXPECT_TRUE(store().get(context, wish.id).failed_with(ErrorCode::kNotFound));
    EXPECT_TRUE(children({world->base()}).empty());
  }
  const Item made = item_of(send(session, content, at, content.size()));
  expect_content(made, content.text);
  EXPECT_EQ(item_of(progress(session)).id, made.id);
}

TEST_P(UploadConformance, TheOldContentStaysUntilTheEnd) {  // 5.6
  const FileId folder = world->add_folder(world->base(), "folder");
  NewItem wish = new_file("f");
  wish.properties = {{"stays", "1"}};
  const Item before = create(wish, "old content");
  ItemPatch patch = {.name = "renamed",
                     .move = Move{world->base(), folder},
                     .modified = time("2021-02-03T04:05:06.789Z"),
                     .mime_type = "text/x-new"};
  patch.properties = {{"comes", "2"}};
  TextSource content(random_bytes(2 * kUploadUnit, 33));
  const UploadSession session = begin(before.id, patch, content.size());
  send(session, content, 0, kUploadUnit);
  expect_content(before, "old content");
  const Item after = item_of(send(session, content, kUploadUnit, content.size()));
  EXPECT_EQ(after.id, before.id);
  EXPECT_EQ(after.name, "renamed");
  EXPECT_EQ(after.parent, folder);
  EXPECT_EQ(after.modified, *patch.modified);
  EXPECT_EQ(after.created, before.created);
  EXPECT_EQ(after.mime_type, "text/x-new");
  EXPECT_EQ(after.properties, (std::map<std::string, std::string>{{"stays", "1"}, {"comes", "2"}}));
  EXPECT_GT(after.version, before.version);
  EXPECT_NE(after.head_revision, before.head_revision);
  expect_content(after, content.text);
}

TEST_P(UploadConformance, ItGoesOnWhereItBrokeOff) {
  TextSource content(random_bytes(6 * kUploadUnit + 5, 34));
  const UploadSession session = begin(new_file("f"), content.size());
  world->cut_next_send();
  const auto cut = store().send(context, session, {0, content.size()}, content);
  ASSERT_TRUE(cut.failed_with(ErrorCode::kUnavailable)) << (cut.ok() ? "" : cut.error().message);
  EXPECT_TRUE(cut.error().retryable);
  EXPECT_LT(progress(session).stored, content.size());
  expect_content(complete(session, content), content.text);
  EXPECT_EQ(children({world->base()}).size(), 1U);
}

TEST_P(UploadConformance, TheItemIsFoundAfterItsAnswerWasLost) {  // J2, 5.4
  const Item before = create(new_file("f"), "old");
  TextSource content(random_bytes(kUploadUnit + 5, 35));
  const UploadSession session = begin(before.id, {}, content.size());
  send(session, content, 0, kUploadUnit);
  world->lose_next_answer(Method::kSend);
  const auto lost =
      store().send(context, session, {kUploadUnit, content.size() - kUploadUnit}, content);
  ASSERT_TRUE(lost.failed_with(ErrorCode::kUnavailable));
  EXPECT_TRUE(lost.error().retryable);
  for (int i = 0; i < 2; ++i) {
    const UploadProgress found = progress(session);
    EXPECT_EQ(found.stored, content.size());
    expect_content(item_of(found), content.text);
  }
  const auto revisions = store().revisions(context, before.id);
  ASSERT_TRUE(revisions.ok()) << revisions.error().to_string();
  EXPECT_EQ(revisions->size(), 2U);  // it was stored once
}

TEST_P(UploadConformance, ASessionThatIsNotKnownAnyMore) {
  TextSource content(random_bytes(2 * kUploadUnit, 36));
  NewItem wish = new_file("f");
  wish.id = new_id();
  const UploadSession session = begin(wish, content.size());
  send(session, content, 0, kUploadUnit);
  world->lose_upload(session);
  EXPECT_TRUE(store().progress(context, session).failed_with(ErrorCode::kStale));
  EXPECT_TRUE(store()
                  .send(context, session, {kUploadUnit, kUploadUnit}, content)
                  .failed_with(ErrorCode::kStale));
  EXPECT_TRUE(store().cancel(context, session).ok());
  const UploadSession other = begin(wish, content.size());
  expect_content(item_of(send(other, content, 0, content.size())), content.text);
}

TEST_P(UploadConformance, WhatIsSentFromElsewhereHarmsNothing) {
  TextSource content(random_bytes(4 * kUploadUnit + 5, 37));
  const UploadSession session = begin(new_file("f"), content.size());
  send(session, content, 0, 2 * kUploadUnit);
  // A gap.
  const auto gap = store().send(context, session, {3 * kUploadUnit, kUploadUnit}, content);
  EXPECT_TRUE(refused(gap) || (gap.ok() && !gap->item && gap->stored <= 2 * kUploadUnit));
  EXPECT_EQ(progress(session).stored, 2 * kUploadUnit);
  // What is there already.
  const auto known = store().send(context, session, {kUploadUnit, 2 * kUploadUnit}, content);
  EXPECT_TRUE(refused(known) || (known.ok() && !known->item));
  EXPECT_GE(progress(session).stored, 2 * kUploadUnit);
  // No whole units, and more than was announced.
  const Bytes stored = progress(session).stored;
  const auto part = store().send(context, session, {stored, 1'000}, content);
  EXPECT_TRUE(refused(part) || (part.ok() && part->stored == stored));
  TextSource longer(content.text + "more");
  EXPECT_TRUE(refused(store().send(context, session, {stored, longer.size() - stored}, longer)));
  EXPECT_TRUE(refused(store().send(context, session, {stored, 0}, content)));
  expect_content(complete(session, content), content.text);
}

TEST_P(UploadConformance, TheLastWriterWins) {  // J10
  const Item base = create(new_file("f"), "base");
  TextSource content(random_bytes(2 * kUploadUnit, 38));
  const UploadSession session = begin(base.id, {}, content.size());
  send(session, content, 0, kUploadUnit);
  world->set_content(base.id, "of another client");
  world->rename(base.id, "renamed elsewhere");
  const Item other = get(base.id);
  const Item ours = item_of(send(session, content, kUploadUnit, content.size()));
  EXPECT_EQ(ours.name, "renamed elsewhere");
  expect_content(ours, content.text);
  // The revision before ours is not the one that we began from.
  const auto revisions = store().revisions(context, base.id);
  ASSERT_TRUE(revisions.ok()) << revisions.error().to_string();
  ASSERT_EQ(revisions->size(), 3U);
  EXPECT_EQ(revisions->at(0).id, base.head_revision);
  EXPECT_EQ(revisions->at(1).id, other.head_revision);
  EXPECT_EQ(revisions->at(2).id, ours.head_revision);
}

TEST_P(UploadConformance, WhatBecomesOfTheItemMeanwhile) {  // J10
  TextSource content(random_bytes(kUploadUnit + 5, 39));
  const FileId gone = world->add_file(world->base(), "gone", "x");
  const FileId trashed = world->add_file(world->base(), "trashed", "x");
  const FileId folder = world->add_folder(world->base(), "folder");
  NewItem inside = new_file("inside");
  inside.parent = folder;
  const UploadSession to_gone = begin(gone, {}, content.size());
  const UploadSession to_trashed = begin(trashed, {}, content.size());
  const UploadSession to_inside = begin(inside, content.size());
  world->remove(gone);
  world->trash(trashed);
  world->remove(folder);
  // Whether Drive says it of the session or of the item is not known; who begins anew learns it.
  const auto is_lost = [&](const UploadSession& session) {
    const auto sent = store().send(context, session, {0, content.size()}, content);
    return sent.failed_with(ErrorCode::kNotFound) || sent.failed_with(ErrorCode::kStale);
  };
  EXPECT_TRUE(is_lost(to_gone));
  EXPECT_TRUE(is_lost(to_inside));
  EXPECT_TRUE(store()
                  .begin_update(context, gone, {.mime_type = "text/plain"}, content.size())
                  .failed_with(ErrorCode::kNotFound));
  EXPECT_TRUE(
      store().begin_create(context, inside, content.size()).failed_with(ErrorCode::kNotFound));
  const Item item = item_of(send(to_trashed, content, 0, content.size()));
  EXPECT_TRUE(item.trashed);
  expect_content(item, content.text);
}

TEST_P(UploadConformance, ACancelledUploadLeavesNothing) {
  TextSource content(random_bytes(kUploadUnit + 5, 40));
  NewItem wish = new_file("f");
  wish.id = new_id();
  const UploadSession session = begin(wish, content.size());
  send(session, content, 0, kUploadUnit);
  EXPECT_TRUE(store().cancel(context, session).ok());
  EXPECT_TRUE(store().cancel(context, session).ok());
  EXPECT_TRUE(store().progress(context, session).failed_with(ErrorCode::kStale));
  EXPECT_TRUE(
      store().send(context, session, {kUploadUnit, 5}, content).failed_with(ErrorCode::kStale));
  EXPECT_TRUE(children({world->base()}).empty());
  // Its id is free, and what is finished stays.
  const UploadSession other = begin(wish, content.size());
  const Item made = item_of(send(other, content, 0, content.size()));
  EXPECT_TRUE(store().cancel(context, other).ok());
  expect_content(made, content.text);
}

TEST_P(UploadConformance, OneIdMakesOneItem) {  // J1, J2
  TextSource content(random_bytes(kUploadUnit + 5, 41));
  TextSource other(random_bytes(kUploadUnit + 5, 42));
  NewItem wish = new_file("f");
  wish.id = new_id();
  const UploadSession first = begin(wish, content.size());
  const UploadSession second = begin(wish, other.size());
  EXPECT_NE(first.uri, second.uri);
  const Item made = item_of(send(first, content, 0, content.size()));
  const auto late = store().send(context, second, {0, other.size()}, other);
  EXPECT_TRUE(late.failed_with(ErrorCode::kAlreadyExists));
  const auto third = store().begin_create(context, wish, content.size());
  if (third.ok()) {  // it may be said only at the end
    EXPECT_TRUE(store()
                    .send(context, *third, {0, content.size()}, content)
                    .failed_with(ErrorCode::kAlreadyExists));
  } else {
    EXPECT_TRUE(third.failed_with(ErrorCode::kAlreadyExists));
  }
  expect_content(made, content.text);
  EXPECT_EQ(children({world->base()}).size(), 1U);
}

TEST_P(UploadConformance, AFullStorageRefusesAtTheBeginningOrAtTheEnd) {  // E2
  TextSource content(random_bytes(kUploadUnit + 5, 43));
  const Item before = create(new_file("f"), "old");
  const UploadSession session = begin(before.id, {}, content.size());
  send(session, content, 0, kUploadUnit);
  world->set_storage_left(1'000);
  const auto refusal =
      store().send(context, session, {kUploadUnit, content.size() - kUploadUnit}, content);
  EXPECT_TRUE(refusal.failed_with(ErrorCode::kStorageFull));
  EXPECT_TRUE(refused(refusal));
  const auto create_refused = store().begin_create(context, new_file("new"), content.size());
  EXPECT_TRUE(create_refused.failed_with(ErrorCode::kStorageFull));
  const auto update_refused = store().begin_update(context, before.id, {}, content.size());
  EXPECT_TRUE(update_refused.failed_with(ErrorCode::kStorageFull));
  expect_content(before, "old");
}

TEST_P(UploadConformance, TheDaysUploadsMayBeUsedUp) {
  TextSource content(random_bytes(kUploadUnit + 5, 44));
  const UploadSession session = begin(new_file("f"), content.size());
  world->set_upload_quota_exhausted(true);
  const auto begun = store().begin_create(context, new_file("g"), content.size());
  EXPECT_TRUE(begun.failed_with(ErrorCode::kQuotaExceeded));
  EXPECT_TRUE(refused(begun));
  EXPECT_TRUE(store()
                  .send(context, session, {0, content.size()}, content)
                  .failed_with(ErrorCode::kQuotaExceeded));
  world->set_upload_quota_exhausted(false);
  const UploadSession other = begin(new_file("f"), content.size());
  expect_content(item_of(send(other, content, 0, content.size())), content.text);
}

TEST_P(UploadConformance, TheSourcesErrorEndsASend) {
  TextSource content(random_bytes(6 * kUploadUnit, 45));
  content.fails_at = 3 * kUploadUnit + 5;
  const UploadSession session = begin(new_file("f"), content.size());
  EXPECT_TRUE(store()
                  .send(context, session, {0, content.size()}, content)
                  .failed_with(ErrorCode::kLocalDisk));
  content.fails_at.reset();
  EXPECT_LE(progress(session).stored, 3 * kUploadUnit);
  expect_content(complete(session, content), content.text);
}

TEST_P(UploadConformance, AContextThatEndsInTheMiddleEndsASend) {  // R5
  CancelSource cancel;
  Context cancellable = context;
  cancellable.cancel = cancel.token();
  TextSource content(random_bytes(4 * kMiB, 46));
  content.before_read = [&](Bytes offset) {
    if (offset > kMiB) cancel.cancel();
  };
  const UploadSession session = begin(new_file("f"), content.size());
  EXPECT_TRUE(store()
                  .send(cancellable, session, {0, content.size()}, content)
                  .failed_with(ErrorCode::kCancelled));
  content.before_read = nullptr;
  expect_content(complete(session, content), content.text);
}

TEST_P(UploadConformance, UploadsThatCannotBe) {
  const FileId folder = world->add_folder(world->base(), "folder");
  EXPECT_TRUE(refused(store().begin_create(context, new_folder("never"), 1)));
  EXPECT_TRUE(refused(store().begin_update(context, folder, {}, 1)));
  EXPECT_TRUE(
      store().begin_create(context, new_file("never"), 0).failed_with(ErrorCode::kInvalidArgument));
  EXPECT_TRUE(store()
                  .begin_update(context, world->add_file(folder, "f", "x"), {}, 0)
                  .failed_with(ErrorCode::kInvalidArgument));
  NewItem wish = new_file("never");
  wish.parent = FileId("1doesNotExist0123456789abcdefghij");
  EXPECT_TRUE(store().begin_create(context, wish, 1).failed_with(ErrorCode::kNotFound));
  wish = new_file("never");
  wish.id = FileId("my-own-id");
  EXPECT_TRUE(store().begin_create(context, wish, 1).failed_with(ErrorCode::kInvalidArgument));
  EXPECT_EQ(names(children({world->base()})), std::vector<std::string>{"folder"});
}

TEST_P(UploadConformance, ManyUploadsAtOnce) {
  std::atomic<int> wrong{0};
  std::vector<std::thread> threads;
  for (unsigned thread = 0; thread < 4; ++thread) {
    threads.emplace_back([&, thread] {
      TextSource content(random_bytes(3 * kUploadUnit + thread, 50 + thread));
      const auto session =
          store().begin_create(context, new_file(cat("f", thread)), content.size());
      if (!session.ok()) {
        ++wrong;
        return;
      }
      Bytes at = 0;
      for (const Bytes to : {kUploadUnit, 2 * kUploadUnit, content.size()}) {
        const auto sent = store().send(context, *session, {at, to - at}, content);
        if (!sent.ok() || sent->stored != to || sent->item.has_value() != (to == content.size())) {
          ++wrong;
        } else if (sent->item && sent->item->md5 != hash_hex(HashKind::kMd5, content.text)) {
          ++wrong;
        }
        at = to;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
  EXPECT_EQ(names(children({world->base()})), (std::vector<std::string>{"f0", "f1", "f2", "f3"}));
}

}  // namespace driveway::drive
