// FakeStore's changes where they are more than the contract: how a test makes them go wrong, and
// what they leave to be looked at.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/hash.h"
#include "base/strings.h"
#include "drive/fake_store.h"
#include "unit/drive/test_sinks.h"
#include "unit/drive/test_source.h"

namespace driveway::drive {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class FakeStoreEditsTest : public testing::Test {
 protected:
  NewItem new_file(const std::string& name) {
    NewItem item;
    item.name = name;
    item.parent = store.root();
    return item;
  }
  FileId new_id() { return store.generate_ids(context, 1).value().front(); }
  Result<Item> create(const NewItem& item, const std::string& content) {
    TextSource source(content);
    return store.create(context, item, &source);
  }
  Result<Item> update(const FileId& id, const std::string& content) {
    TextSource source(content);
    return store.update(context, id, {}, &source);
  }
  Result<UploadProgress> send(const UploadSession& session, TextSource& content, Bytes from,
                              Bytes to) {
    return store.send(context, session, {from, to - from}, content);
  }
  std::vector<std::string> names() {
    ListQuery query;
    query.parents = {store.root()};
    std::vector<std::string> result;
    const ItemPage page = store.list(context, query, "").value();
    for (const Item& item : page.items) result.push_back(item.name);
    return result;
  }

  FakeClock clock;
  FakeStore store{clock};
  Context context;
};

TEST_F(FakeStoreEditsTest, AnAnswerIsLostAfterTheWork) {
  store.faults().lose_answer(Method::kCreate, 2);
  NewItem wrong = new_file("wrong");
  wrong.parent = FileId("none");
  EXPECT_TRUE(create(wrong, "x").failed_with(ErrorCode::kNotFound));  // that was an answer
  for (const char* name : {"a", "b"}) {
    const auto lost = create(new_file(name), "x");
    ASSERT_TRUE(lost.failed_with(ErrorCode::kUnavailable));
    EXPECT_TRUE(lost.error().retryable);
  }
  const FileId id = create(new_file("c"), "x").value().id;
  EXPECT_THAT(names(), ElementsAre("a", "b", "c"));
  store.faults().lose_answer(Method::kRemove);
  EXPECT_TRUE(store.remove(context, id).failed_with(ErrorCode::kUnavailable));
  EXPECT_TRUE(store.remove(context, id).failed_with(ErrorCode::kNotFound));
}

TEST_F(FakeStoreEditsTest, AnIdIsUsedOnce) {
  NewItem wish = new_file("f");
  wish.id = new_id();
  ASSERT_TRUE(create(wish, "x").ok());
  ASSERT_TRUE(store.remove(context, wish.id).ok());
  EXPECT_TRUE(create(wish, "x").failed_with(ErrorCode::kAlreadyExists));
  wish.id = store.add_file(store.root(), "of another client", "");
  EXPECT_TRUE(create(wish, "x").failed_with(ErrorCode::kAlreadyExists));
  NewItem link = new_file("link");
  link.kind = ItemKind::kShortcut;
  link.shortcut = Shortcut{store.root(), "", ""};
  link.id = new_id();
  EXPECT_TRUE(store.create(context, link, nullptr).failed_with(ErrorCode::kInvalidArgument));
  wish.id = store.add_document(store.root(), "Notes");
  EXPECT_TRUE(store.copy(context, wish.id, link).failed_with(ErrorCode::kInvalidArgument));
  EXPECT_TRUE(store.copy(context, wish.id, new_file("copy")).ok());
}

TEST_F(FakeStoreEditsTest, OthersGiveRights) {
  const FileId file = store.add_shared_with_me_file("theirs", "x");
  EXPECT_TRUE(store.update(context, file, {.name = "n"}, nullptr).ok());
  EXPECT_TRUE(store.update(context, file, {.trashed = true}, nullptr)
                  .failed_with(ErrorCode::kPermissionDenied));
  EXPECT_TRUE(store.remove(context, file).failed_with(ErrorCode::kPermissionDenied));
  NewItem wish = new_file("ours");
  wish.parent = store.add_shared_with_me_folder("their folder");
  const Item made = create(wish, "12345").value();
  EXPECT_TRUE(made.owned_by_me);
  EXPECT_EQ(store.about(context)->usage, 5U);
  EXPECT_TRUE(store.remove(context, made.id).ok());
  store.edit(wish.parent, [](Item& item) { item.capabilities.can_add_children = false; });
  EXPECT_TRUE(create(wish, "x").failed_with(ErrorCode::kPermissionDenied));
  EXPECT_TRUE(store.copy(context, file, wish).failed_with(ErrorCode::kPermissionDenied));
  store.edit(file, [](Item& item) { item.capabilities.can_download = false; });
  EXPECT_TRUE(
      store.copy(context, file, new_file("copy")).failed_with(ErrorCode::kPermissionDenied));
}

TEST_F(FakeStoreEditsTest, ListingsLagBehindOurOwnChanges) {
  store.set_listing_lag(std::chrono::seconds(30));
  const FileId id = create(new_file("a"), "x").value().id;
  EXPECT_THAT(names(), IsEmpty());
  EXPECT_EQ(store.get(context, id)->name, "a");
  clock.advance(std::chrono::seconds(30));
  EXPECT_THAT(names(), ElementsAre("a"));
  ASSERT_TRUE(store.update(context, id, {.name = "b"}, nullptr).ok());
  EXPECT_THAT(names(), ElementsAre("a"));
  clock.advance(std::chrono::seconds(30));
  EXPECT_THAT(names(), ElementsAre("b"));
  ASSERT_TRUE(store.remove(context, id).ok());
  EXPECT_THAT(names(), ElementsAre("b"));
  clock.advance(std::chrono::seconds(30));
  EXPECT_THAT(names(), IsEmpty());
}

TEST_F(FakeStoreEditsTest, StorageHoldsRevisionsTheTrashAndWhatIsElsewhere) {
  const FileId file = create(new_file("f"), std::string(100, 'a')).value().id;
  ASSERT_TRUE(update(file, std::string(50, 'b')).ok());
  store.set_content(file, std::string(30, 'c'));
  EXPECT_EQ(store.about(context)->usage, 180U);
  store.purge_revisions(file);
  EXPECT_EQ(store.about(context)->usage, 30U);
  store.trash(file);
  EXPECT_EQ(store.about(context)->usage, 30U);
  EXPECT_EQ(store.about(context)->usage_in_trash, 30U);
  const DriveId drive = store.add_shared_drive("Team");
  store.add_file(FileId(drive.value()), "theirs", std::string(1'000, 'x'));
  store.add_shared_with_me_file("theirs", std::string(1'000, 'x'));
  EXPECT_EQ(store.about(context)->usage, 30U);
  About about;
  about.usage = 900;
  about.storage_limit = 1'000;
  store.set_about(about);
  EXPECT_EQ(store.about(context)->usage, 930U);
  EXPECT_TRUE(create(new_file("g"), std::string(71, 'x')).failed_with(ErrorCode::kStorageFull));
  NewItem in_drive = new_file("g");
  in_drive.parent = FileId(drive.value());
  EXPECT_TRUE(create(in_drive, std::string(71, 'x')).ok());
  EXPECT_TRUE(create(new_file("g"), std::string(70, 'x')).ok());
  EXPECT_TRUE(create(new_file("h"), "x").failed_with(ErrorCode::kStorageFull));
  store.set_storage_limit(std::nullopt);
  EXPECT_TRUE(create(new_file("h"), "x").ok());
}

TEST_F(FakeStoreEditsTest, ASessionLivesForAWeek) {
  TextSource content(std::string(2 * kUploadUnit, 'x'));
  const UploadSession open = store.begin_create(context, new_file("open"), content.size()).value();
  const UploadSession done = store.begin_create(context, new_file("done"), content.size()).value();
  EXPECT_EQ(store.open_uploads(), 2U);
  ASSERT_TRUE(send(done, content, 0, content.size()).ok());
  EXPECT_EQ(store.open_uploads(), 1U);
  clock.advance(std::chrono::hours(24 * 7) - std::chrono::seconds(1));
  EXPECT_EQ(send(open, content, 0, kUploadUnit)->stored, kUploadUnit);
  EXPECT_TRUE(store.progress(context, done)->item.has_value());
  clock.advance(std::chrono::seconds(1));
  EXPECT_EQ(store.open_uploads(), 0U);
  EXPECT_TRUE(store.progress(context, open).failed_with(ErrorCode::kStale));
  EXPECT_TRUE(store.progress(context, done).failed_with(ErrorCode::kStale));
  EXPECT_TRUE(send(open, content, kUploadUnit, content.size()).failed_with(ErrorCode::kStale));
  EXPECT_THAT(names(), ElementsAre("done"));
  const UploadSession other = store.begin_create(context, new_file("f"), content.size()).value();
  store.expire_upload_sessions();
  EXPECT_TRUE(store.progress(context, other).failed_with(ErrorCode::kStale));
}

TEST_F(FakeStoreEditsTest, LessIsKeptThanWasSent) {
  std::string text(3 * kUploadUnit + 5, 'x');
  text[kUploadUnit] = 'y';
  TextSource content(text);
  const UploadSession session = store.begin_create(context, new_file("f"), text.size()).value();
  store.keep_of_next_send(kUploadUnit + 100);
  const auto first = send(session, content, 0, text.size());
  EXPECT_EQ(first->stored, kUploadUnit);
  EXPECT_FALSE(first->item.has_value());
  EXPECT_EQ(store.progress(context, session)->stored, kUploadUnit);
  EXPECT_EQ(store.bytes_sent(), text.size());
  const auto rest = send(session, content, kUploadUnit, text.size());
  ASSERT_TRUE(rest->item.has_value());
  EXPECT_TRUE(store.content(rest->item->id) == text);
}

TEST_F(FakeStoreEditsTest, WhatIsStoredDiffersOnce) {
  store.corrupt_next_upload();
  ASSERT_TRUE(create(new_file("empty"), "").ok());  // has no bit
  const Item bad = create(new_file("bad"), "the content").value();
  EXPECT_EQ(bad.size, 11U);
  EXPECT_NE(store.content(bad.id), "the content");
  EXPECT_EQ(bad.md5, hash_hex(HashKind::kMd5, store.content(bad.id)));
  const Item good = update(bad.id, "the content").value();
  EXPECT_EQ(good.md5, hash_hex(HashKind::kMd5, "the content"));
  store.corrupt_next_upload();
  TextSource content("of a session");
  const UploadSession session = store.begin_update(context, bad.id, {}, content.size()).value();
  const Item sent = *send(session, content, 0, content.size())->item;
  EXPECT_NE(sent.md5, hash_hex(HashKind::kMd5, content.text));
}

TEST_F(FakeStoreEditsTest, ARefusalAtTheEndIsSaidAgain) {
  TextSource content(std::string(100, 'x'));
  const UploadSession session = store.begin_create(context, new_file("f"), content.size()).value();
  store.set_upload_quota_exhausted(true);
  EXPECT_TRUE(send(session, content, 0, 100).failed_with(ErrorCode::kQuotaExceeded));
  store.set_upload_quota_exhausted(false);
  EXPECT_TRUE(store.progress(context, session).failed_with(ErrorCode::kQuotaExceeded));
  EXPECT_TRUE(send(session, content, 0, 100).failed_with(ErrorCode::kQuotaExceeded));
  EXPECT_EQ(store.open_uploads(), 0U);
}

TEST_F(FakeStoreEditsTest, ARequestThatBreaksOffMakesNothing) {
  const Error cut{ErrorCode::kUnavailable, "cut", true};
  store.faults().cut(Method::kCreate, 300, cut);
  EXPECT_TRUE(create(new_file("a"), std::string(1'000, 'x')).failed_with(ErrorCode::kUnavailable));
  EXPECT_EQ(store.bytes_sent(), 300U);
  EXPECT_THAT(names(), IsEmpty());
  store.faults().fail(Method::kCreate, {ErrorCode::kPermissionDenied, "no"});
  EXPECT_TRUE(create(new_file("a"), "x").failed_with(ErrorCode::kPermissionDenied));
  EXPECT_EQ(store.bytes_sent(), 300U);
  TextSource content(std::string(3 * kUploadUnit, 'x'));
  const UploadSession session = store.begin_create(context, new_file("f"), content.size()).value();
  store.faults().cut(Method::kSend, 2 * kUploadUnit + 77, cut);
  EXPECT_TRUE(send(session, content, 0, content.size()).failed_with(ErrorCode::kUnavailable));
  EXPECT_EQ(store.progress(context, session)->stored, 2 * kUploadUnit);
  EXPECT_EQ(store.bytes_sent(), 300 + 2 * kUploadUnit + 77);
}

TEST_F(FakeStoreEditsTest, AGateHoldsASendWhileOthersWrite) {
  const FileId file = store.add_file(store.root(), "f", "old");
  TextSource content("ours");
  const UploadSession session = store.begin_update(context, file, {}, content.size()).value();
  auto gate = store.faults().block(Method::kSend);
  Result<UploadProgress> sent = Error{};
  std::thread sender([&] { sent = send(session, content, 0, content.size()); });
  ASSERT_TRUE(gate->wait_for_blocked(1));
  store.set_content(file, "of another client");
  EXPECT_EQ(store.log().back().method, Method::kSend);
  EXPECT_EQ(store.log().back().id, file);
  EXPECT_EQ(store.log().back().range, (ByteRange{0, 4}));
  gate->open();
  sender.join();
  ASSERT_TRUE(sent.ok());
  EXPECT_EQ(store.content(file), "ours");
  EXPECT_EQ(store.revisions(context, file)->size(), 3U);
}

TEST_F(FakeStoreEditsTest, OneOfTwoSendersIsRefused) {
  TextSource content(std::string(2 * kUploadUnit, 'x'));
  const UploadSession session = store.begin_create(context, new_file("f"), content.size()).value();
  TextSource other(content.text);
  bool first = true;
  content.before_read = [&](Bytes /*offset*/) {
    if (!std::exchange(first, false)) return;
    EXPECT_TRUE(send(session, other, 0, kUploadUnit).ok());
  };
  EXPECT_TRUE(send(session, content, 0, content.size()).failed_with(ErrorCode::kInvalidArgument));
  EXPECT_EQ(store.progress(context, session)->stored, kUploadUnit);
  EXPECT_TRUE(send(session, content, kUploadUnit, content.size())->item.has_value());
}

TEST_F(FakeStoreEditsTest, ItTellsWhatWasDoneInOrder) {
  NewItem folder = new_file("folder");
  folder.kind = ItemKind::kFolder;
  folder.id = new_id();
  ASSERT_TRUE(store.create(context, folder, nullptr).ok());
  TextSource content("content");
  const UploadSession session = store.begin_create(context, new_file("f"), content.size()).value();
  const FileId file = send(session, content, 0, content.size())->item->id;
  ASSERT_TRUE(
      store.update(context, file, {.name = "g", .move = Move{store.root(), folder.id}}, nullptr)
          .ok());
  EXPECT_FALSE(store.update(context, FileId("none"), {.name = "h"}, nullptr).ok());
  store.rename(file, "by another client");
  const FileId copy = store.copy(context, file, new_file("copy"))->id;
  ASSERT_TRUE(store.remove(context, file).ok());
  std::vector<std::string> told;
  for (const FakeStore::Edit& edit : store.edits()) {
    told.push_back(cat(to_string(edit.method), " ", edit.id, " ", edit.name, " in ", *edit.parent,
                       edit.content ? cat(" ", *edit.content) : ""));
  }
  const FileId root = store.root();
  EXPECT_THAT(told, ElementsAre(cat("create ", folder.id, " folder in ", root),
                                cat("send ", file, " f in ", root, " 7"),
                                cat("update ", file, " g in ", folder.id),
                                cat("copy ", copy, " copy in ", root, " 7"),
                                cat("remove ", file, " by another client in ", folder.id)));
  EXPECT_EQ(store.log().back().method, Method::kRemove);
  EXPECT_EQ(store.log().back().id, file);
  EXPECT_EQ(store.calls(Method::kUpdate), 2);
  store.reset_calls();
  EXPECT_THAT(store.edits(), IsEmpty());
  EXPECT_EQ(store.bytes_sent(), 0U);
}

TEST_F(FakeStoreEditsTest, RevisionsGoUnlessTheyAreKept) {
  const FileId file = create(new_file("f"), "1").value().id;
  const Revision first = store.get(context, file)->head_revision;
  ASSERT_TRUE(store.keep_revision(context, file, first, true).ok());
  store.set_content(file, "2");
  store.set_content(file, "3");
  EXPECT_EQ(store.revisions(context, file)->size(), 3U);
  store.purge_revisions(file);
  const auto left = store.revisions(context, file).value();
  ASSERT_EQ(left.size(), 2U);
  EXPECT_EQ(left[0].id, first);
  StringSink sink;
  store.faults().cut(Method::kReadRevision, 0, {ErrorCode::kUnavailable, "cut", true});
  EXPECT_TRUE(store.read_revision(context, file, first, 1, {0, 1}, sink)
                  .failed_with(ErrorCode::kUnavailable));
  EXPECT_TRUE(store.read_revision(context, file, first, 1, {0, 1}, sink).ok());
  EXPECT_EQ(sink.text, "1");
}

TEST_F(FakeStoreEditsTest, AtMostTwoHundredRevisionsAreKept) {
  NewItem wish = new_file("f");
  wish.keep_revision = true;
  const FileId file = create(wish, "").value().id;
  for (int i = 1; i < 200; ++i) {
    TextSource content(std::to_string(i));
    ASSERT_TRUE(store.update(context, file, {.keep_revision = true}, &content).ok());
  }
  const Revision head = update(file, "one more").value().head_revision;
  EXPECT_TRUE(
      store.keep_revision(context, file, head, true).failed_with(ErrorCode::kInvalidArgument));
}

TEST_F(FakeStoreEditsTest, ACopyHasThePropertiesOfItsSource) {
  NewItem wish = new_file("f");
  wish.properties = {{"stays", "1"}, {"changes", "2"}};
  const FileId file = create(wish, "x").value().id;
  wish.properties = {{"changes", "two"}};
  EXPECT_EQ(store.copy(context, file, wish)->properties,
            (std::map<std::string, std::string>{{"stays", "1"}, {"changes", "two"}}));
}

TEST_F(FakeStoreEditsTest, WhatIsRefusedWhereTheContractLeavesItOpen) {
  const FileId folder = store.add_folder(store.root(), "folder");
  const FileId other = store.add_folder(store.root(), "other");
  const FileId file = store.add_file(folder, "f", "x");
  const auto refused = [&](const FileId& id, const ItemPatch& patch) {
    return store.update(context, id, patch, nullptr).failed_with(ErrorCode::kInvalidArgument);
  };
  EXPECT_TRUE(refused(file, {.move = Move{store.root(), other}}));  // it lies elsewhere
  EXPECT_TRUE(refused(file, {.mime_type = "text/x-other"}));
  EXPECT_TRUE(refused(file, {.mime_type = "application/vnd.google-apps.document"}));
  EXPECT_EQ(store.find(file)->parent, folder);
  NewItem wish = new_file("converted");
  wish.mime_type = "application/vnd.google-apps.document";
  EXPECT_TRUE(create(wish, "x").failed_with(ErrorCode::kInvalidArgument));
  wish.mime_type = "";
  wish.kind = ItemKind::kShortcut;
  EXPECT_TRUE(store.create(context, wish, nullptr).failed_with(ErrorCode::kInvalidArgument));
  wish.kind = ItemKind::kFolder;
  EXPECT_TRUE(create(wish, "x").failed_with(ErrorCode::kInvalidArgument));
  EXPECT_TRUE(update(folder, "x").failed_with(ErrorCode::kUnsupported));
  EXPECT_TRUE(create(new_file("big"), std::string(kMostInOneRequest + 1, 'x'))
                  .failed_with(ErrorCode::kTooLarge));
  // What lies below a folder counts where that is moved.
  FileId deep = folder;
  for (int depth = 2; depth <= 99; ++depth) deep = store.add_folder(deep, "d");
  store.add_folder(other, "inner");
  EXPECT_TRUE(store.update(context, other, {.move = Move{store.root(), deep}}, nullptr)
                  .failed_with(ErrorCode::kTooLarge));
  EXPECT_EQ(store.find(other)->parent, store.root());
}

TEST_F(FakeStoreEditsTest, SendsThatDriveDoesNotTake) {
  TextSource content(std::string(2 * kUploadUnit + 5, 'x'));
  const UploadSession session = store.begin_create(context, new_file("f"), content.size()).value();
  const auto refused = [&](Bytes from, Bytes to) {
    TextSource longer(std::string(4 * kUploadUnit, 'x'));
    return send(session, longer, from, to).failed_with(ErrorCode::kInvalidArgument) &&
           store.progress(context, session)->stored == 0;
  };
  EXPECT_TRUE(refused(0, 0));
  EXPECT_TRUE(refused(0, 1'000));
  EXPECT_TRUE(refused(0, kUploadUnit + 1));
  EXPECT_TRUE(refused(0, 3 * kUploadUnit));
  EXPECT_TRUE(refused(kUploadUnit, 2 * kUploadUnit));
  EXPECT_EQ(store.bytes_sent(), 0U);
  ASSERT_TRUE(send(session, content, 0, content.size())->item.has_value());
  EXPECT_TRUE(store.cancel(context, session).ok());  // too late
  EXPECT_TRUE(store.progress(context, session)->item.has_value());
}

}  // namespace
}  // namespace driveway::drive
