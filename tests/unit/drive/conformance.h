// The conformance suite of RemoteStore: what its contract promises, tried on every implementation
// (style: one seam, one suite). Included by one source file, which instantiates it. Here: reading;
// the other conformance_*.h: what changes Drive.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "unit/drive/conformance_fixture.h"

namespace driveway::drive {

TEST_P(Conformance, AboutNamesTheAccountAndItsRoot) {
  const auto about = store().about(context);
  ASSERT_TRUE(about.ok()) << about.error().to_string();
  EXPECT_FALSE(about->permission_id.empty());
  EXPECT_FALSE(about->email.empty());
  const Item root = get(about->root);
  EXPECT_EQ(root.kind, ItemKind::kFolder);
  EXPECT_FALSE(root.parent.has_value());
  EXPECT_EQ(get(FileId("root")).id, about->root);
}

TEST_P(Conformance, AFileHasAllThatDriveKnowsOfIt) {
  const std::string content = random_bytes(12'345, 1);
  const FileId id = world->add_file(world->base(), "a.bin", content);
  const Item item = get(id);
  EXPECT_EQ(item.id, id);
  EXPECT_EQ(item.name, "a.bin");
  EXPECT_EQ(item.kind, ItemKind::kFile);
  EXPECT_EQ(item.parent, world->base());
  EXPECT_EQ(item.size, content.size());
  EXPECT_EQ(item.md5, hash_hex(HashKind::kMd5, content));
  EXPECT_FALSE(item.head_revision.empty());
  EXPECT_GT(item.version, 0U);
  EXPECT_GT(item.created.time_since_epoch().count(), 0);
  EXPECT_GT(item.modified.time_since_epoch().count(), 0);
  EXPECT_FALSE(item.trashed);
  EXPECT_TRUE(item.owned_by_me);
  EXPECT_FALSE(item.drive.has_value());
  EXPECT_TRUE(item.capabilities.can_download);
  EXPECT_TRUE(content_id(item).has_value());
  // A listing says the same as a get.
  const auto listed = children({world->base()});
  ASSERT_EQ(listed.size(), 1U);
  EXPECT_EQ(listed[0], item);
}

TEST_P(Conformance, WhatIsNotThereIsNotFound) {
  const auto item = store().get(context, FileId("1doesNotExist0123456789abcdefghij"));
  ASSERT_TRUE(item.failed_with(ErrorCode::kNotFound));
  EXPECT_FALSE(item.error().retryable);
  const FileId removed = world->add_file(world->base(), "gone", "x");
  world->remove(removed);
  EXPECT_TRUE(store().get(context, removed).failed_with(ErrorCode::kNotFound));
  Item absent;
  absent.id = removed;
  StringSink sink;
  EXPECT_TRUE(store().read(context, absent, {0, 1}, sink).failed_with(ErrorCode::kNotFound));
}

TEST_P(Conformance, AnyNameComesThrough) {
  const std::vector<std::string> odd = {"it's",
                                        R"(back\slash)",
                                        "a/b",
                                        ".",
                                        "..",
                                        " blank ",
                                        "new\nline",
                                        "ünïcode 🎉",
                                        std::string(300, 'n'),
                                        "100% & more? #1+1=2",
                                        "\"quoted\"",
                                        "' or trashed = true or name = '"};
  for (const std::string& name : odd) {
    const FileId id = world->add_file(world->base(), name, name);
    EXPECT_EQ(get(id).name, name);
    const auto found = children({world->base()}, name);
    ASSERT_EQ(found.size(), 1U) << name;
    EXPECT_EQ(found[0].id, id);
  }
  auto expected = odd;
  std::sort(expected.begin(), expected.end());
  EXPECT_EQ(names(children({world->base()})), expected);
}

TEST_P(Conformance, NamesAreComparedExactlyAndMayRepeat) {
  world->add_file(world->base(), "Case", "1");
  world->add_file(world->base(), "case", "2");
  world->add_file(world->base(), "twin", "3");
  world->add_file(world->base(), "twin", "4");
  world->add_folder(world->base(), "twin");
  EXPECT_EQ(children({world->base()}, "case").size(), 1U);
  EXPECT_EQ(children({world->base()}, "twin").size(), 3U);
  EXPECT_EQ(children({world->base()}, "none").size(), 0U);
  EXPECT_EQ(children({world->base()}).size(), 5U);
}

TEST_P(Conformance, LongListingsComeInPages) {
  constexpr int kCount = 1'203;
  const FileId folder = world->add_folder(world->base(), "many");
  world->add_empty_files(folder, kCount);
  ListQuery query;
  query.parents = {folder};
  const auto first = store().list(context, query, "");
  ASSERT_TRUE(first.ok());
  EXPECT_LE(first->items.size(), 1'000U);
  EXPECT_FALSE(first->next_page_token.empty());
  auto all = names(children({folder}));
  all.erase(std::unique(all.begin(), all.end()), all.end());
  EXPECT_EQ(all.size(), static_cast<std::size_t>(kCount));
  EXPECT_EQ(get(children({folder}, "f7").at(0).id).size, 0U);
}

TEST_P(Conformance, GroupedListingsTellTheParents) {
  std::vector<FileId> parents;
  for (int i = 0; i < 50; ++i) {
    const std::string number = std::to_string(i);
    parents.push_back(world->add_folder(world->base(), cat("d", number)));
    if (i % 5 != 0) world->add_file(parents.back(), cat("in ", number), number);
  }
  const auto items = children(parents);
  EXPECT_EQ(items.size(), 40U);
  for (const Item& item : items) {
    ASSERT_TRUE(item.parent.has_value());
    const auto index = std::find(parents.begin(), parents.end(), *item.parent) - parents.begin();
    EXPECT_EQ(item.name, cat("in ", index));
  }
}

TEST_P(Conformance, ListingsThatCannotBe) {
  ListQuery query;
  EXPECT_TRUE(store().list(context, query, "").failed_with(ErrorCode::kInvalidArgument));
  query.parents.assign(51, world->base());
  EXPECT_TRUE(store().list(context, query, "").failed_with(ErrorCode::kInvalidArgument));
  query.parents = {world->base()};
  EXPECT_TRUE(store().list(context, query, "no-token").failed_with(ErrorCode::kTokenExpired));
  // Both are seen in the wild (reference 3.1).
  query.parents = {FileId("1doesNotExist0123456789abcdefghij")};
  const auto unknown = store().list(context, query, "");
  EXPECT_TRUE(unknown.failed_with(ErrorCode::kNotFound) ||
              (unknown.ok() && unknown->items.empty()));
}

TEST_P(Conformance, TheTrashHidesWithAllThatIsIn) {
  const FileId folder = world->add_folder(world->base(), "folder");
  const FileId file = world->add_file(folder, "file", "x");
  world->trash(folder);
  EXPECT_TRUE(children({world->base()}).empty());
  EXPECT_TRUE(children({folder}).empty());
  EXPECT_TRUE(get(folder).explicitly_trashed);
  EXPECT_TRUE(get(folder).trashed);
  EXPECT_TRUE(get(file).trashed);
  EXPECT_FALSE(get(file).explicitly_trashed);
  ListQuery query;
  query.scope = ListQuery::Scope::kTrashed;
  const auto trashed = list_all(query);
  ASSERT_TRUE(trashed.ok());
  EXPECT_NE(find(*trashed, folder), nullptr);
  EXPECT_EQ(find(*trashed, file), nullptr);
  StringSink sink;  // still readable by id (reference 8.4)
  EXPECT_TRUE(store().read(context, get(file), {0, 1}, sink).ok());
  world->untrash(folder);
  EXPECT_EQ(names(children({folder})), std::vector<std::string>{"file"});
  EXPECT_FALSE(get(file).trashed);
}

TEST_P(Conformance, SharedDrivesAreListedAndEntered) {
  const DriveId drive = world->add_shared_drive("Team");
  const FileId top(drive.value());
  const FileId folder = world->add_folder(top, "folder");
  const FileId file = world->add_file(folder, "file", "in the team");
  const auto drives = store().shared_drives(context);
  ASSERT_TRUE(drives.ok());
  const auto found = std::find_if(drives->begin(), drives->end(),
                                  [&](const SharedDrive& each) { return each.id == drive; });
  ASSERT_NE(found, drives->end());
  EXPECT_EQ(found->name, "Team");
  EXPECT_EQ(get(top).kind, ItemKind::kFolder);
  const Item item = get(file);
  EXPECT_EQ(item.drive, drive);
  ListQuery query;
  query.drive = drive;
  query.parents = {top, folder};
  const auto items = list_all(query);
  ASSERT_TRUE(items.ok()) << items.error().to_string();
  EXPECT_EQ(names(*items), (std::vector<std::string>{"file", "folder"}));
  StringSink sink;
  ASSERT_TRUE(store().read(context, item, {3, 3}, sink).ok());
  EXPECT_EQ(sink.text, "the");
  world->trash(file);
  query.scope = ListQuery::Scope::kTrashed;
  query.parents.clear();
  const auto trashed = list_all(query);
  ASSERT_TRUE(trashed.ok());
  EXPECT_NE(find(*trashed, file), nullptr);
  ListQuery mine;
  mine.scope = ListQuery::Scope::kTrashed;
  EXPECT_EQ(find(list_all(mine).value(), file), nullptr);
}

TEST_P(Conformance, ASharedDriveHasItsOwnFeed) {
  const DriveId drive = world->add_shared_drive("Team");
  const Feed feed{drive};
  auto token = store().start_page_token(context, feed);
  ASSERT_TRUE(token.ok()) << token.error().to_string();
  const FileId mine = world->add_file(world->base(), "mine", "1");
  const FileId theirs = world->add_file(FileId(drive.value()), "theirs", "1");
  const auto changes = follow(feed, *token);
  ASSERT_NE(last_of(changes, theirs), nullptr);
  EXPECT_EQ(last_of(changes, theirs)->item->drive, drive);
  EXPECT_EQ(last_of(changes, mine), nullptr);
}

TEST_P(Conformance, SharedWithMeHasNoParent) {
  const FileId file = world->add_shared_with_me("theirs.txt", "hello");
  ListQuery query;
  query.scope = ListQuery::Scope::kSharedWithMe;
  const auto items = list_all(query);
  ASSERT_TRUE(items.ok());
  const Item* const item = find(*items, file);
  ASSERT_NE(item, nullptr);
  EXPECT_EQ(item->name, "theirs.txt");
  EXPECT_FALSE(item->parent.has_value());
  EXPECT_FALSE(item->owned_by_me);
  StringSink sink;
  ASSERT_TRUE(store().read(context, *item, {0, 5}, sink).ok());
  EXPECT_EQ(sink.text, "hello");
}

TEST_P(Conformance, ShortcutsPointAndMayDangle) {
  const FileId target = world->add_file(world->base(), "target", "x");
  const FileId id = world->add_shortcut(world->base(), "link", target);
  const Item item = get(id);
  EXPECT_EQ(item.kind, ItemKind::kShortcut);
  ASSERT_TRUE(item.shortcut.has_value());
  EXPECT_EQ(item.shortcut->target, target);
  EXPECT_FALSE(item.shortcut->target_mime_type.empty());
  StringSink sink;
  EXPECT_TRUE(store().read(context, item, {0, 1}, sink).failed_with(ErrorCode::kUnsupported));
  world->remove(target);
  EXPECT_EQ(get(id).shortcut->target, target);
}

TEST_P(Conformance, DocumentsAreExportedNotRead) {
  const FileId id = world->add_document(world->base(), "Notes");
  const Item item = get(id);
  EXPECT_EQ(item.kind, ItemKind::kDocument);
  EXPECT_EQ(item.md5, "");
  EXPECT_FALSE(content_id(item).has_value());
  StringSink sink;
  EXPECT_TRUE(store().read(context, item, {0, 1}, sink).failed_with(ErrorCode::kUnsupported));
  EXPECT_TRUE(store().export_document(context, id, "text/plain", sink).ok());
  EXPECT_FALSE(sink.text.empty());
  StringSink none;
  EXPECT_TRUE(
      store().export_document(context, id, "video/mp4", none).failed_with(ErrorCode::kUnsupported));
  const FileId blob = world->add_file(world->base(), "blob", "x");
  EXPECT_TRUE(store()
                  .export_document(context, blob, "text/plain", none)
                  .failed_with(ErrorCode::kUnsupported));
  EXPECT_EQ(none.text, "");
}

TEST_P(Conformance, FoldersHaveNoBytes) {
  StringSink sink;
  const Item folder = get(world->base());
  EXPECT_EQ(folder.kind, ItemKind::kFolder);
  EXPECT_TRUE(store().read(context, folder, {0, 1}, sink).failed_with(ErrorCode::kUnsupported));
}

TEST_P(Conformance, AnyRangeIsExact) {
  const unsigned seed = std::random_device()();
  SCOPED_TRACE(cat("seed ", seed));
  std::mt19937 random(seed);
  const std::string content = random_bytes(3 * kMiB + 17, 2);
  const Item item = get(world->add_file(world->base(), "f", content));
  std::vector<ByteRange> ranges = {
      {0, content.size()}, {0, 1}, {content.size() - 1, 1}, {kMiB, kMiB}, {1, content.size() - 1}};
  for (int i = 0; i < 20; ++i) {
    const Bytes offset = random() % content.size();
    ranges.push_back({offset, 1 + random() % (content.size() - offset)});
  }
  for (const ByteRange& range : ranges) {
    StringSink sink;
    const Status status = store().read(context, item, range, sink);
    ASSERT_TRUE(status.ok()) << status.error().to_string();
    ASSERT_EQ(sink.text.size(), range.length);
    ASSERT_TRUE(sink.text == content.substr(range.offset, range.length)) << range.offset;
  }
}

TEST_P(Conformance, RangesBehindTheEnd) {
  Item item = get(world->add_file(world->base(), "f", "0123456789"));
  Item empty = get(world->add_file(world->base(), "empty", ""));
  for (const bool size_known : {true, false}) {
    if (!size_known) item.size = empty.size = std::nullopt;
    for (const ByteRange range : {ByteRange{10, 1}, ByteRange{9, 2}, ByteRange{1'000, 5}}) {
      StringSink sink;
      EXPECT_TRUE(store().read(context, item, range, sink).failed_with(ErrorCode::kOutOfRange));
      EXPECT_EQ(sink.text, "");
    }
    StringSink sink;
    EXPECT_TRUE(store().read(context, empty, {0, 1}, sink).failed_with(ErrorCode::kOutOfRange));
  }
  StringSink sink;
  EXPECT_TRUE(store().read(context, item, {0, 0}, sink).failed_with(ErrorCode::kInvalidArgument));
}

TEST_P(Conformance, NewContentIsANewRevision) {  // R1
  const FileId id = world->add_file(world->base(), "f", "first content");
  const Item before = get(id);
  world->set_content(id, "second, longer content");
  const Item after = get(id);
  EXPECT_NE(after.head_revision, before.head_revision);
  EXPECT_NE(content_id(after), content_id(before));
  EXPECT_GT(after.version, before.version);
  StringSink sink;
  EXPECT_TRUE(store().read(context, before, {0, 5}, sink).failed_with(ErrorCode::kStale));
  EXPECT_EQ(sink.text, "");
  ASSERT_TRUE(store().read(context, after, {0, 6}, sink).ok());
  EXPECT_EQ(sink.text, "second");
}

TEST_P(Conformance, ContentThatBecameShorterIsStale) {  // R1
  const std::string content = random_bytes(1'000, 5);
  const FileId id = world->add_file(world->base(), "f", content);
  const Item before = get(id);
  for (const std::string& shorter : {content.substr(0, 500), std::string()}) {
    world->set_content(id, shorter);
    for (const ByteRange range :
         {ByteRange{0, 1'000}, ByteRange{0, 100}, ByteRange{400, 200}, ByteRange{900, 100}}) {
      StringSink sink;
      EXPECT_TRUE(store().read(context, before, range, sink).failed_with(ErrorCode::kStale))
          << range.length << " bytes at " << range.offset << " of " << shorter.size();
      EXPECT_EQ(sink.text, "");
    }
  }
}

TEST_P(Conformance, TheSinksErrorEndsARead) {
  const Item item = get(world->add_file(world->base(), "f", random_bytes(kMiB, 3)));
  StringSink sink;
  sink.fails_after = 100'000;
  EXPECT_TRUE(store().read(context, item, {0, kMiB}, sink).failed_with(ErrorCode::kNoSpace));
}

TEST_P(Conformance, TheFeedTellsEachChange) {  // J3
  auto token = store().start_page_token(context, {});
  ASSERT_TRUE(token.ok()) << token.error().to_string();
  const FileId folder = world->add_folder(world->base(), "folder");
  const FileId file = world->add_file(world->base(), "a", "1");
  auto changes = follow({}, *token);
  ASSERT_NE(last_of(changes, file), nullptr);
  EXPECT_EQ(*last_of(changes, file)->item, get(file));
  ASSERT_NE(last_of(changes, folder), nullptr);
  EXPECT_EQ(last_of(follow({}, *token), file), nullptr);  // each is told once

  std::uint64_t version = get(file).version;
  const auto told = [&](const std::string& what) -> Item {
    changes = follow({}, *token);
    const Change* const change = last_of(changes, file);
    EXPECT_NE(change, nullptr) << what;
    if (change == nullptr || !change->item) return {};
    EXPECT_GT(change->item->version, version) << what;
    version = change->item->version;
    return *change->item;
  };
  world->rename(file, "b");
  EXPECT_EQ(told("rename").name, "b");
  world->move(file, world->base(), folder);
  EXPECT_EQ(told("move").parent, folder);
  world->set_content(file, "22");
  EXPECT_EQ(told("content").size, 2U);
  world->set_properties(file, {{"mode", "0755"}});
  EXPECT_EQ(told("properties").properties.at("mode"), "0755");  // E3
  world->trash(file);
  EXPECT_TRUE(told("trash").trashed);
  world->remove(file);
  changes = follow({}, *token);
  ASSERT_NE(last_of(changes, file), nullptr);
  EXPECT_TRUE(last_of(changes, file)->removed);
  EXPECT_FALSE(last_of(changes, file)->item.has_value());
}

TEST_P(Conformance, ATokenThatIsNoneIsRefused) {
  EXPECT_TRUE(store().changes(context, {}, "no-token").failed_with(ErrorCode::kTokenExpired));
  const auto unknown = store().start_page_token(context, {DriveId("0AdoesNotExist")});
  EXPECT_TRUE(unknown.failed_with(ErrorCode::kNotFound));
}

TEST_P(Conformance, EachCallHonoursItsContext) {  // R5
  const Item item = get(world->add_file(world->base(), "f", "x"));
  const FileId document = world->add_document(world->base(), "d");
  const std::string token = store().start_page_token(context, {}).value();
  CancelSource cancel;
  cancel.cancel();
  Context cancelled = context;
  cancelled.cancel = cancel.token();
  Context late = context;
  late.deadline = world->clock().now();
  for (const auto& [ended, code] : {std::pair(cancelled, ErrorCode::kCancelled),
                                    std::pair(late, ErrorCode::kDeadlineExceeded)}) {
    ListQuery query;
    query.parents = {world->base()};
    StringSink sink;
    EXPECT_TRUE(store().about(ended).failed_with(code));
    EXPECT_TRUE(store().get(ended, item.id).failed_with(code));
    EXPECT_TRUE(store().list(ended, query, "").failed_with(code));
    EXPECT_TRUE(store().shared_drives(ended).failed_with(code));
    EXPECT_TRUE(store().start_page_token(ended, {}).failed_with(code));
    EXPECT_TRUE(store().changes(ended, {}, token).failed_with(code));
    EXPECT_TRUE(store().read(ended, item, {0, 1}, sink).failed_with(code));
    EXPECT_TRUE(store().export_document(ended, document, "text/plain", sink).failed_with(code));
    EXPECT_EQ(sink.text, "");
  }
}

TEST_P(Conformance, ManyThreadsAtOnce) {
  const std::string content = random_bytes(kMiB, 4);
  const Item item = get(world->add_file(world->base(), "f", content));
  std::atomic<int> wrong{0};
  std::vector<std::thread> threads;
  for (unsigned thread = 0; thread < 8; ++thread) {
    threads.emplace_back([&, thread] {
      std::mt19937 random(thread);
      for (int round = 0; round < 10; ++round) {
        const Bytes offset = random() % content.size();
        const Bytes length = 1 + random() % (content.size() - offset);
        StringSink sink;
        if (!store().read(context, item, {offset, length}, sink).ok() ||
            sink.text != content.substr(offset, length) || !store().get(context, item.id).ok()) {
          ++wrong;
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
}

}  // namespace driveway::drive
