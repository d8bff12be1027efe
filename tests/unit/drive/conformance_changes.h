// The conformance suite of RemoteStore: items made and changed, in one request each.
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "unit/drive/conformance_fixture.h"

namespace driveway::drive {

class ChangesConformance : public WritingConformance {};

TEST_P(ChangesConformance, IdsAreGivenInAnyNumber) {
  const auto ids = store().generate_ids(context, 1'000);
  ASSERT_TRUE(ids.ok()) << ids.error().to_string();
  EXPECT_EQ(ids->size(), 1'000U);
  EXPECT_EQ(std::set<FileId>(ids->begin(), ids->end()).size(), 1'000U);
  EXPECT_FALSE(new_id().empty());
  EXPECT_TRUE(store().generate_ids(context, 0).failed_with(ErrorCode::kInvalidArgument));
  EXPECT_TRUE(store().generate_ids(context, 1'001).failed_with(ErrorCode::kInvalidArgument));
}

TEST_P(ChangesConformance, ANewFileIsAsItWasWished) {
  NewItem wish = new_file("model.bin");
  wish.id = new_id();
  wish.mime_type = "application/x-model";
  wish.created = time("2020-01-02T03:04:05.678Z");
  wish.modified = time("2021-02-03T04:05:06.789Z");
  wish.properties = {{"mode", "0644"}, {"owner", "ünïcode 🎉 \"quoted\""}};
  const std::string content = random_bytes(70'000, 11);
  const Item made = create(wish, content);
  EXPECT_EQ(made.id, wish.id);
  EXPECT_EQ(made.name, "model.bin");
  EXPECT_EQ(made.kind, ItemKind::kFile);
  EXPECT_EQ(made.parent, world->base());
  EXPECT_EQ(made.mime_type, "application/x-model");
  EXPECT_EQ(made.created, *wish.created);
  EXPECT_EQ(made.modified, *wish.modified);
  EXPECT_EQ(made.properties, wish.properties);
  EXPECT_FALSE(made.trashed);
  EXPECT_TRUE(made.owned_by_me);
  EXPECT_GT(made.version, 0U);
  expect_content(made, content);
}

TEST_P(ChangesConformance, WhatIsNotWishedDriveChooses) {
  const Item made = create(new_file("plain"), "text");
  EXPECT_FALSE(made.id.empty());
  EXPECT_GT(made.created.time_since_epoch().count(), 0);
  EXPECT_GT(made.modified.time_since_epoch().count(), 0);
  EXPECT_TRUE(made.properties.empty());
  const Item other = create(new_file("plain"), "text");  // nothing is overwritten by its name
  EXPECT_NE(other.id, made.id);
  EXPECT_EQ(children({world->base()}, "plain").size(), 2U);
}

TEST_P(ChangesConformance, ContentsOfEverySizeGoInOneRequest) {
  for (const Bytes size : {Bytes{0}, Bytes{1}, kUploadUnit + 1, kMostInOneRequest}) {
    const std::string name = cat("of ", size);
    const std::string first = random_bytes(size, 12);
    const Item made = create(new_file(name), first);
    expect_content(made, first);
    const std::string second = random_bytes(size, 13);
    const Item changed = update(made.id, {}, second);
    EXPECT_EQ(changed.id, made.id);
    EXPECT_NE(changed.head_revision, made.head_revision);
    expect_content(changed, second);
  }
  expect_content(create(new_file("no content")), "");
}

TEST_P(ChangesConformance, AFolderIsMadeAndFilled) {
  NewItem wish = new_folder("folder");
  const Item chosen = create(wish);
  wish.id = new_id();
  wish.modified = time("2021-02-03T04:05:06.789Z");
  wish.properties = {{"mode", "0755"}};
  const Item folder = create(wish);
  EXPECT_NE(folder.id, chosen.id);
  EXPECT_EQ(folder.id, wish.id);
  EXPECT_EQ(folder.kind, ItemKind::kFolder);
  EXPECT_FALSE(folder.size.has_value());
  EXPECT_FALSE(content_id(folder).has_value());
  EXPECT_EQ(folder.modified, *wish.modified);
  EXPECT_EQ(folder.properties, wish.properties);
  EXPECT_EQ(get(folder.id), folder);
  NewItem inside = new_file("inside");
  inside.parent = folder.id;
  EXPECT_EQ(create(inside, "x").parent, folder.id);
  EXPECT_EQ(names(children({folder.id})), std::vector<std::string>{"inside"});
  EXPECT_TRUE(children({chosen.id}).empty());
}

TEST_P(ChangesConformance, AShortcutIsMade) {
  const FileId target = world->add_file(world->base(), "target", "x");
  NewItem wish = new_file("link");
  wish.kind = ItemKind::kShortcut;
  wish.mime_type = "";
  wish.shortcut = Shortcut{target, "", ""};
  const Item made = create(wish);
  EXPECT_EQ(made.kind, ItemKind::kShortcut);
  ASSERT_TRUE(made.shortcut.has_value());
  EXPECT_EQ(made.shortcut->target, target);
  EXPECT_EQ(made.shortcut->target_mime_type, get(target).mime_type);
  EXPECT_EQ(get(made.id), made);
  // Drive gives the ids of shortcuts apart (reference 5.8), so that one of a file may be refused.
  wish.id = new_id();
  const auto with_id = store().create(context, wish, nullptr);
  EXPECT_TRUE(with_id.failed_with(ErrorCode::kInvalidArgument) ||
              (with_id.ok() && with_id->id == wish.id));
}

TEST_P(ChangesConformance, OneIdMakesOneItem) {  // J1, J2
  NewItem file = new_file("once");
  file.id = new_id();
  const Item made = create(file, "first");
  TextSource again("second");
  file.name = "twice";
  const auto repeated = store().create(context, file, &again);
  EXPECT_TRUE(repeated.failed_with(ErrorCode::kAlreadyExists));
  EXPECT_TRUE(refused(repeated));
  NewItem folder = new_folder("folder");
  folder.id = made.id;
  EXPECT_TRUE(store().create(context, folder, nullptr).failed_with(ErrorCode::kAlreadyExists));
  EXPECT_TRUE(store().copy(context, made.id, file).failed_with(ErrorCode::kAlreadyExists));
  world->trash(made.id);
  EXPECT_TRUE(store().create(context, file, nullptr).failed_with(ErrorCode::kAlreadyExists));
  world->untrash(made.id);
  EXPECT_EQ(names(children({world->base()})), std::vector<std::string>{"once"});
  expect_content(get(made.id), "first");
}

TEST_P(ChangesConformance, AnyNameIsGiven) {
  const std::vector<std::string> odd = {"it's",
                                        R"(back\slash)",
                                        "a/b",
                                        ".",
                                        "..",
                                        " blank ",
                                        "new\nline",
                                        "\x01",
                                        "ünïcode 🎉",
                                        "\"quoted\"",
                                        std::string(300, 'n')};
  const Item renamed = create(new_file("plain"));
  for (const std::string& name : odd) {
    const Item made = create(new_file(name));
    EXPECT_EQ(made.name, name);
    EXPECT_EQ(update(renamed.id, {.name = name}).name, name);
    EXPECT_EQ(children({world->base()}, name).size(), 2U) << name;
  }
  EXPECT_TRUE(store()
                  .create(context, new_file("no \xff UTF-8"), nullptr)
                  .failed_with(ErrorCode::kInvalidArgument));
  EXPECT_TRUE(store()
                  .update(context, renamed.id, {.name = "no \xff UTF-8"}, nullptr)
                  .failed_with(ErrorCode::kInvalidArgument));
  EXPECT_EQ(get(renamed.id).name, odd.back());
}

TEST_P(ChangesConformance, PropertiesAreSetChangedAndRemoved) {  // E3
  NewItem wish = new_file("f");
  wish.properties = {{"stays", "1"}, {"changes", "2"}, {"goes", "3"}};
  const FileId id = create(wish, "x").id;
  ItemPatch patch;
  patch.properties = {{"changes", "two"}, {"goes", std::nullopt}, {"comes", "4"}};
  std::map<std::string, std::string> expected = {
      {"stays", "1"}, {"changes", "two"}, {"comes", "4"}};
  EXPECT_EQ(update(id, patch).properties, expected);
  EXPECT_EQ(get(id).properties, expected);
  EXPECT_EQ(update(id, patch).properties, expected);  // what is not there is removed as well
  // 124 bytes of UTF-8 in all (reference 2).
  expected["key"] = cat(std::string(119, 'v'), "é");
  EXPECT_EQ(update(id, {.properties = {{"key", expected["key"]}}}).properties, expected);
  patch = {.name = "other"};
  patch.properties = {{"key", cat(std::string(120, 'v'), "é")}};
  EXPECT_TRUE(store().update(context, id, patch, nullptr).failed_with(ErrorCode::kTooLarge));
  wish.properties = {{"key", cat(std::string(120, 'v'), "é")}};
  EXPECT_TRUE(store().create(context, wish, nullptr).failed_with(ErrorCode::kTooLarge));
  patch.properties.clear();
  for (int i = 0; i < 27; ++i) patch.properties[cat("p", i)] = "x";  // 31 with those there
  EXPECT_TRUE(refused(store().update(context, id, patch, nullptr)));
  EXPECT_EQ(get(id).properties, expected);
  EXPECT_EQ(get(id).name, "f");
  patch.properties.erase("p0");
  EXPECT_EQ(update(id, patch).properties.size(), 30U);
}

TEST_P(ChangesConformance, OnlyWhatIsNamedChanges) {
  const FileId folder = world->add_folder(world->base(), "folder");
  NewItem wish = new_file("a");
  wish.created = time("2020-01-02T03:04:05.678Z");
  wish.modified = time("2021-02-03T04:05:06.789Z");
  wish.properties = {{"mode", "0644"}};
  Item expected = create(wish, "content");
  const auto expect = [&](const std::string& what, const ItemPatch& patch) {
    const Item changed = update(expected.id, patch);
    EXPECT_GT(changed.version, expected.version) << what;
    expected.version = changed.version;
    EXPECT_EQ(changed, expected) << what;
    EXPECT_EQ(get(expected.id), expected) << what;
  };
  expected.name = "b";
  expect("name", {.name = "b"});
  expected.parent = folder;
  expect("move", {.move = Move{world->base(), folder}});
  expected.name = "c";
  expected.parent = world->base();
  expect("move and name", {.name = "c", .move = Move{folder, world->base()}});
  expected.modified = time("1999-12-31T23:59:59.999Z");
  expect("modified", {.modified = expected.modified});
  expected.trashed = expected.explicitly_trashed = true;
  expect("trash", {.trashed = true});
  expected.trashed = expected.explicitly_trashed = false;
  expect("untrash", {.trashed = false});
  EXPECT_EQ(world->content(expected.id), "content");
}

TEST_P(ChangesConformance, AllAtOnce) {
  const FileId folder = world->add_folder(world->base(), "folder");
  NewItem wish = new_file("a");
  wish.properties = {{"goes", "1"}};
  const Item before = create(wish, "old");
  ItemPatch patch = {.name = "b",
                     .move = Move{world->base(), folder},
                     .trashed = true,
                     .modified = time("2022-03-04T05:06:07.089Z"),
                     .mime_type = "text/x-new"};
  patch.properties = {{"goes", std::nullopt}, {"comes", "2"}};
  const Item after = update(before.id, patch, "the new content");
  EXPECT_EQ(after.id, before.id);
  EXPECT_EQ(after.name, "b");
  EXPECT_EQ(after.parent, folder);
  EXPECT_TRUE(after.explicitly_trashed);
  EXPECT_EQ(after.modified, *patch.modified);
  EXPECT_EQ(after.created, before.created);
  EXPECT_EQ(after.mime_type, "text/x-new");
  EXPECT_EQ(after.properties, (std::map<std::string, std::string>{{"comes", "2"}}));
  EXPECT_NE(after.head_revision, before.head_revision);
  expect_content(after, "the new content");
  // It sets a state: once more gives the same, but for the revision.
  Item again = update(before.id, patch, "the new content");
  EXPECT_GT(again.version, after.version);
  again.version = after.version;
  again.head_revision = after.head_revision;
  EXPECT_EQ(again, after);
}

TEST_P(ChangesConformance, NewContentHasTheServersTime) {
  NewItem wish = new_file("f");
  wish.modified = time("2001-02-03T04:05:06.789Z");
  const Item before = create(wish, "old");
  const Item after = update(before.id, {}, "new");
  EXPECT_GT(after.modified, *wish.modified + std::chrono::hours(24));
  EXPECT_EQ(after.name, before.name);
  EXPECT_EQ(after.parent, before.parent);
  EXPECT_EQ(after.created, before.created);
  expect_content(after, "new");
}

TEST_P(ChangesConformance, TheFeedTellsWhatWeDo) {  // J3
  auto token = store().start_page_token(context, {});
  ASSERT_TRUE(token.ok()) << token.error().to_string();
  const FileId folder = create(new_folder("folder")).id;
  Item file = create(new_file("a"), "1");
  const auto told = [&](const std::string& what, const FileId& id) -> Item {
    const auto changes = follow({}, *token);
    const Change* const change = last_of(changes, id);
    EXPECT_NE(change, nullptr) << what;
    return change != nullptr && change->item ? *change->item : Item();
  };
  EXPECT_EQ(told("create", file.id), file);
  const auto expect = [&](const std::string& what, const ItemPatch& patch,
                          const std::optional<std::string>& content = std::nullopt) {
    const Item changed = update(file.id, patch, content);
    EXPECT_GT(changed.version, file.version) << what;
    EXPECT_EQ(told(what, file.id), changed);
    file = changed;
  };
  expect("rename", {.name = "b"});
  expect("move", {.move = Move{world->base(), folder}});
  expect("modified", {.modified = time("2021-02-03T04:05:06.789Z")});
  expect("properties", {.properties = {{"mode", "0755"}}});
  expect("content", {}, "22");
  expect("trash", {.trashed = true});
  const Item copy = value_of(store().copy(context, file.id, new_file("copy")));
  EXPECT_EQ(told("copy", copy.id), copy);
  EXPECT_TRUE(store().remove(context, folder).ok());
  const auto changes = follow({}, *token);
  for (const FileId& id : {folder, file.id}) {
    ASSERT_NE(last_of(changes, id), nullptr);
    EXPECT_TRUE(last_of(changes, id)->removed);
  }
}

TEST_P(ChangesConformance, ManyThreadsMakeItems) {  // J1: of those that share an id one succeeds
  constexpr int kThreads = 4;
  NewItem shared = new_file("shared");
  shared.id = new_id();
  std::atomic<int> made{0};
  std::atomic<int> there_already{0};
  std::atomic<int> wrong{0};
  std::vector<std::thread> threads;
  for (int thread = 0; thread < kThreads; ++thread) {
    threads.emplace_back([&, thread] {
      const std::string text = cat("content ", thread);
      TextSource content(text);
      const auto own = store().create(context, new_file(cat("own ", thread)), &content);
      if (!own.ok() || own->md5 != hash_hex(HashKind::kMd5, text)) ++wrong;
      const auto one = store().create(context, shared, &content);
      if (one.ok()) ++made;
      if (one.failed_with(ErrorCode::kAlreadyExists)) ++there_already;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
  EXPECT_EQ(made, 1);
  EXPECT_EQ(there_already, kThreads - 1);
  EXPECT_EQ(children({world->base()}).size(), static_cast<std::size_t>(kThreads + 1));
  EXPECT_EQ(children({world->base()}, "shared").size(), 1U);
}

}  // namespace driveway::drive
