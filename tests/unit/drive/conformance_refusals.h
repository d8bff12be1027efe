// The conformance suite of RemoteStore: changes that are refused, or of which nobody hears.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "unit/drive/conformance_fixture.h"

namespace driveway::drive {

class RefusalsConformance : public WritingConformance {};

TEST_P(RefusalsConformance, AnIdThatDriveDidNotGiveIsRefused) {
  NewItem wish = new_file("f");
  wish.id = FileId("my-own-id");
  EXPECT_TRUE(store().create(context, wish, nullptr).failed_with(ErrorCode::kInvalidArgument));
  EXPECT_TRUE(children({world->base()}).empty());
}

TEST_P(RefusalsConformance, ParentsMustBeFoldersThatAreThere) {
  NewItem wish = new_file("f");
  wish.parent = FileId("1doesNotExist0123456789abcdefghij");
  TextSource content("x");
  EXPECT_TRUE(store().create(context, wish, &content).failed_with(ErrorCode::kNotFound));
  EXPECT_TRUE(store().create(context, wish, nullptr).failed_with(ErrorCode::kNotFound));
  wish.parent = world->add_file(world->base(), "no folder", "x");
  EXPECT_TRUE(refused(store().create(context, wish, nullptr)));
  wish.parent = world->add_folder(world->base(), "gone");
  world->remove(wish.parent);
  EXPECT_TRUE(store().create(context, wish, nullptr).failed_with(ErrorCode::kNotFound));
  EXPECT_EQ(names(children({world->base()})), std::vector<std::string>{"no folder"});
}

TEST_P(RefusalsConformance, WhatIsNotThereCannotBeChanged) {
  const FileId file = world->add_file(world->base(), "file", "x");
  const Revision revision = get(file).head_revision;
  world->remove(file);
  for (const FileId& id : {file, FileId("1doesNotExist0123456789abcdefghij")}) {
    TextSource content("x");
    StringSink sink;
    EXPECT_TRUE(
        store().update(context, id, {.name = "n"}, nullptr).failed_with(ErrorCode::kNotFound));
    EXPECT_TRUE(store().update(context, id, {}, &content).failed_with(ErrorCode::kNotFound));
    EXPECT_TRUE(store().remove(context, id).failed_with(ErrorCode::kNotFound));
    EXPECT_TRUE(store().begin_update(context, id, {}, 1).failed_with(ErrorCode::kNotFound));
    EXPECT_TRUE(store().revisions(context, id).failed_with(ErrorCode::kNotFound));
    EXPECT_TRUE(
        store().keep_revision(context, id, revision, true).failed_with(ErrorCode::kNotFound));
    EXPECT_TRUE(store().remove_revision(context, id, revision).failed_with(ErrorCode::kNotFound));
    EXPECT_TRUE(store()
                    .read_revision(context, id, revision, 1, {0, 1}, sink)
                    .failed_with(ErrorCode::kNotFound));
  }
}

TEST_P(RefusalsConformance, WhatOthersShareForReadingStaysAsItIs) {
  const FileId file = world->add_shared_with_me("theirs", "hello");
  const Item before = get(file);
  TextSource content("x");
  EXPECT_TRUE(store()
                  .update(context, file, {.name = "mine"}, nullptr)
                  .failed_with(ErrorCode::kPermissionDenied));
  EXPECT_TRUE(
      store().update(context, file, {}, &content).failed_with(ErrorCode::kPermissionDenied));
  EXPECT_TRUE(store()
                  .update(context, file, {.trashed = true}, nullptr)
                  .failed_with(ErrorCode::kPermissionDenied));
  EXPECT_TRUE(store().begin_update(context, file, {}, 1).failed_with(ErrorCode::kPermissionDenied));
  EXPECT_TRUE(store().remove(context, file).failed_with(ErrorCode::kPermissionDenied));
  EXPECT_EQ(get(file), before);
  NewItem wish = new_file("copy");
  expect_content(value_of(store().copy(context, file, wish)), "hello");
  EXPECT_TRUE(refused(store().update(context, FileId("root"), {.trashed = true}, nullptr)));
  EXPECT_TRUE(refused(store().remove(context, FileId("root"))));
}

TEST_P(RefusalsConformance, AFullStorageTakesNoContent) {  // E2, J13
  const FileId big = world->add_file(world->base(), "big", random_bytes(200'000, 21));
  const FileId file = world->add_file(world->base(), "file", "old");
  world->set_storage_left(100'000);
  TextSource content(random_bytes(150'000, 22));
  const auto created = store().create(context, new_file("new"), &content);
  EXPECT_TRUE(created.failed_with(ErrorCode::kStorageFull));
  EXPECT_TRUE(refused(created));
  EXPECT_TRUE(store().update(context, file, {}, &content).failed_with(ErrorCode::kStorageFull));
  EXPECT_TRUE(store().copy(context, big, new_file("copy")).failed_with(ErrorCode::kStorageFull));
  EXPECT_EQ(world->content(file), "old");
  EXPECT_EQ(children({world->base()}).size(), 2U);
  // What brings no content goes on; the trash counts; what is removed does not.
  create(new_folder("folder"));
  update(file, {.name = "renamed"});
  update(big, {.trashed = true});
  EXPECT_TRUE(
      store().create(context, new_file("new"), &content).failed_with(ErrorCode::kStorageFull));
  EXPECT_TRUE(store().remove(context, big).ok());
  expect_content(create(new_file("new"), content.text), content.text);
}

TEST_P(RefusalsConformance, TheDaysUploadsMayBeUsedUp) {  // reference 1.7, 1.9
  const FileId file = world->add_file(world->base(), "file", "old");
  world->set_upload_quota_exhausted(true);
  TextSource content("x");
  const auto created = store().create(context, new_file("new"), &content);
  EXPECT_TRUE(created.failed_with(ErrorCode::kQuotaExceeded));
  EXPECT_TRUE(refused(created));
  EXPECT_TRUE(store().update(context, file, {}, &content).failed_with(ErrorCode::kQuotaExceeded));
  EXPECT_TRUE(store().copy(context, file, new_file("copy")).failed_with(ErrorCode::kQuotaExceeded));
  EXPECT_EQ(update(file, {.name = "renamed"}).name, "renamed");
  create(new_folder("folder"));
  EXPECT_EQ(children({world->base()}).size(), 2U);
  world->set_upload_quota_exhausted(false);
  expect_content(create(new_file("new"), "x"), "x");
}

TEST_P(RefusalsConformance, AChangeWhoseAnswerIsLostWasMade) {  // J2
  // A store that asks again may have found out by itself.
  const auto lost = [](const auto& result, ErrorCode also) {
    return result.ok() || result.failed_with(also) ||
           (result.failed_with(ErrorCode::kUnavailable) && result.error().retryable);
  };
  NewItem wish = new_file("made");
  wish.id = new_id();
  TextSource content("content");
  world->lose_next_answer(Method::kCreate);
  const auto made = store().create(context, wish, &content);
  EXPECT_FALSE(made.ok());
  EXPECT_TRUE(lost(made, ErrorCode::kAlreadyExists)) << made.error().to_string();
  expect_content(get(wish.id), "content");
  EXPECT_EQ(children({world->base()}).size(), 1U);
  world->lose_next_answer(Method::kUpdate);
  EXPECT_TRUE(lost(store().update(context, wish.id, {.name = "renamed"}, nullptr),
                   ErrorCode::kUnavailable));
  EXPECT_EQ(get(wish.id).name, "renamed");
  NewItem second = new_file("copy");
  second.id = new_id();
  world->lose_next_answer(Method::kCopy);
  EXPECT_TRUE(lost(store().copy(context, wish.id, second), ErrorCode::kAlreadyExists));
  EXPECT_EQ(get(second.id).md5, get(wish.id).md5);
  world->lose_next_answer(Method::kRemove);
  EXPECT_TRUE(lost(store().remove(context, second.id), ErrorCode::kNotFound));
  EXPECT_TRUE(store().get(context, second.id).failed_with(ErrorCode::kNotFound));
}

TEST_P(RefusalsConformance, TheSourcesErrorEndsAChange) {
  const Item before = create(new_file("f"), "old");
  TextSource content(random_bytes(kMiB, 23));
  content.fails_at = 700'000;
  const auto made = store().create(context, new_file("new"), &content);
  EXPECT_TRUE(made.failed_with(ErrorCode::kLocalDisk));
  EXPECT_TRUE(store()
                  .update(context, before.id, {.name = "n"}, &content)
                  .failed_with(ErrorCode::kLocalDisk));
  EXPECT_EQ(names(children({world->base()})), std::vector<std::string>{"f"});
  expect_content(before, "old");
}

TEST_P(RefusalsConformance, EachChangeHonoursItsContext) {  // R5
  const Item file = create(new_file("f"), "x");
  const auto begun = store().begin_update(context, file.id, {}, 1);
  ASSERT_TRUE(begun.ok()) << begun.error().to_string();
  const UploadSession& session = *begun;
  const Revision& head = file.head_revision;
  CancelSource cancel;
  cancel.cancel();
  Context cancelled = context;
  cancelled.cancel = cancel.token();
  Context late = context;
  late.deadline = world->clock().now();
  for (const auto& [ended, code] : {std::pair(cancelled, ErrorCode::kCancelled),
                                    std::pair(late, ErrorCode::kDeadlineExceeded)}) {
    TextSource content("x");
    StringSink sink;
    const NewItem wish = new_file("never");
    EXPECT_TRUE(store().generate_ids(ended, 1).failed_with(code));
    EXPECT_TRUE(store().create(ended, wish, nullptr).failed_with(code));
    EXPECT_TRUE(store().create(ended, wish, &content).failed_with(code));
    EXPECT_TRUE(store().update(ended, file.id, {.name = "never"}, nullptr).failed_with(code));
    EXPECT_TRUE(store().update(ended, file.id, {}, &content).failed_with(code));
    EXPECT_TRUE(store().copy(ended, file.id, wish).failed_with(code));
    EXPECT_TRUE(store().remove(ended, file.id).failed_with(code));
    EXPECT_TRUE(store().begin_create(ended, wish, 1).failed_with(code));
    EXPECT_TRUE(store().begin_update(ended, file.id, {}, 1).failed_with(code));
    EXPECT_TRUE(store().send(ended, session, {0, 1}, content).failed_with(code));
    EXPECT_TRUE(store().progress(ended, session).failed_with(code));
    EXPECT_TRUE(store().cancel(ended, session).failed_with(code));
    EXPECT_TRUE(store().revisions(ended, file.id).failed_with(code));
    EXPECT_TRUE(store().keep_revision(ended, file.id, head, true).failed_with(code));
    EXPECT_TRUE(store().remove_revision(ended, file.id, head).failed_with(code));
    EXPECT_TRUE(store().read_revision(ended, file.id, head, 1, {0, 1}, sink).failed_with(code));
    EXPECT_EQ(sink.text, "");
  }
  EXPECT_EQ(get(file.id), file);
  EXPECT_EQ(children({world->base()}).size(), 1U);
}

TEST_P(RefusalsConformance, AContextThatEndsInTheMiddleEndsIt) {  // R5
  CancelSource cancel;
  Context cancellable = context;
  cancellable.cancel = cancel.token();
  TextSource content(random_bytes(4 * kMiB, 24));
  content.before_read = [&](Bytes offset) {
    if (offset > kMiB) cancel.cancel();
  };
  EXPECT_TRUE(
      store().create(cancellable, new_file("never"), &content).failed_with(ErrorCode::kCancelled));
  EXPECT_TRUE(children({world->base()}).empty());
}

}  // namespace driveway::drive
