// What the parts of the conformance suite share.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "base/hash.h"
#include "base/strings.h"
#include "unit/drive/test_sinks.h"
#include "unit/drive/test_source.h"
#include "unit/drive/world.h"

namespace driveway::drive {

inline std::string random_bytes(std::size_t size, unsigned seed) {
  std::mt19937_64 random(seed);
  std::string bytes;
  bytes.reserve(size + 8);
  while (bytes.size() < size) {
    const std::uint64_t word = random();
    bytes.append(reinterpret_cast<const char*>(&word), sizeof word);
  }
  bytes.resize(size);
  return bytes;
}

class Conformance : public testing::TestWithParam<Subject> {
 protected:
  void SetUp() override {
    world = GetParam().make();
    ASSERT_NE(world, nullptr);
    context.deadline = world->clock().now() + std::chrono::minutes(2);
  }

  RemoteStore& store() { return world->store(); }

  Result<std::vector<Item>> list_all(const ListQuery& query) {
    std::vector<Item> items;
    std::string token;
    do {
      DRIVEWAY_TRY(ItemPage page, store().list(context, query, token));
      std::move(page.items.begin(), page.items.end(), std::back_inserter(items));
      token = page.next_page_token;
    } while (!token.empty());
    return items;
  }
  std::vector<Item> children(const std::vector<FileId>& parents, const std::string& name = "") {
    ListQuery query;
    query.parents = parents;
    query.name = name;
    auto items = list_all(query);
    EXPECT_TRUE(items.ok()) << items.error().to_string();
    return items.ok() ? *std::move(items) : std::vector<Item>();
  }
  static std::vector<std::string> names(const std::vector<Item>& items) {
    std::vector<std::string> result;
    result.reserve(items.size());
    for (const Item& item : items) result.push_back(item.name);
    std::sort(result.begin(), result.end());
    return result;
  }
  static const Item* find(const std::vector<Item>& items, const FileId& id) {
    const auto found =
        std::find_if(items.begin(), items.end(), [&](const Item& item) { return item.id == id; });
    return found == items.end() ? nullptr : &*found;
  }

  // The feed from `token` to its end; `token` then says where to go on.
  std::vector<Change> follow(const Feed& feed, std::string& token) {
    std::vector<Change> changes;
    while (true) {
      auto page = store().changes(context, feed, token);
      EXPECT_TRUE(page.ok()) << page.error().to_string();
      if (!page.ok()) return changes;
      std::move(page->changes.begin(), page->changes.end(), std::back_inserter(changes));
      if (page->next_page_token.empty()) {
        token = page->new_start_page_token;
        EXPECT_FALSE(token.empty());
        return changes;
      }
      token = page->next_page_token;
    }
  }
  // The last word on `id`.
  static const Change* last_of(const std::vector<Change>& changes, const FileId& id) {
    const auto found = std::find_if(changes.rbegin(), changes.rend(), [&](const Change& change) {
      return !change.is_drive && change.id == id;
    });
    return found == changes.rend() ? nullptr : &*found;
  }

  Item get(const FileId& id) {
    auto item = store().get(context, id);
    EXPECT_TRUE(item.ok()) << item.error().to_string();
    return item.ok() ? *std::move(item) : Item();
  }

  std::unique_ptr<World> world;
  Context context;
};

// What changes Drive has these as well.
class WritingConformance : public Conformance {
 protected:
  NewItem new_file(const std::string& name) {
    NewItem item;
    item.name = name;
    item.parent = world->base();
    item.mime_type = "application/octet-stream";
    return item;
  }
  NewItem new_folder(const std::string& name) {
    NewItem item;
    item.name = name;
    item.parent = world->base();
    item.kind = ItemKind::kFolder;
    return item;
  }
  FileId new_id() {
    const auto ids = store().generate_ids(context, 1);
    EXPECT_TRUE(ids.ok()) << ids.error().to_string();
    return ids.ok() && ids->size() == 1 ? ids->front() : FileId();
  }
  // Each fails the test where the store fails.
  Item create(const NewItem& item, const std::optional<std::string>& content = std::nullopt) {
    TextSource source(content.value_or(""));
    return value_of(store().create(context, item, content ? &source : nullptr));
  }
  Item update(const FileId& id, const ItemPatch& patch,
              const std::optional<std::string>& content = std::nullopt) {
    TextSource source(content.value_or(""));
    return value_of(store().update(context, id, patch, content ? &source : nullptr));
  }
  static Item value_of(Result<Item> item) {
    EXPECT_TRUE(item.ok()) << item.error().to_string();
    return item.ok() ? *std::move(item) : Item();
  }
  // Refused for good.
  template <typename T>
  static bool refused(const Result<T>& result) {
    return !result.ok() && !result.error().retryable;
  }
  // Drive, and the second client, have `item` with `content`.
  void expect_content(const Item& item, const std::string& content) {
    EXPECT_EQ(item.size, content.size());
    EXPECT_EQ(item.md5, hash_hex(HashKind::kMd5, content));
    EXPECT_FALSE(item.head_revision.empty());
    EXPECT_EQ(get(item.id), item);
    EXPECT_TRUE(world->content(item.id) == content);
  }
  static WallTime time(const std::string& text) { return parse_rfc3339(text).value(); }
};

}  // namespace driveway::drive
