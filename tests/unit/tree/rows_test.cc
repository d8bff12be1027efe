#include "tree/rows.h"

#include <gtest/gtest.h>

#include <random>

#include "base/hash.h"
#include "base/strings.h"

namespace driveway::tree {
namespace {

ItemRow full_row() {
  ItemRow row;
  row.inode = InodeId(4711);
  row.epoch = 3;
  row.gone = true;
  row.superseded = true;
  row.directory = InodeId(2);
  row.name = "shown";
  row.last_target = InodeId(99);
  row.dangling_epoch = 7;
  row.item.id = FileId("id");
  row.item.name = std::string("na\0me/", 6);
  row.item.kind = drive::ItemKind::kShortcut;
  row.item.mime_type = "a/b";
  row.item.parent = FileId("parent");
  row.item.drive = DriveId("drive");
  row.item.size = 0;
  row.item.md5 = hash_hex(HashKind::kMd5, "x");
  row.item.sha1 = "NOT HEX";
  row.item.sha256 = hash_hex(HashKind::kSha256, "x");
  row.item.head_revision = Revision("rev");
  row.item.version = 123456789012345;
  row.item.created = WallTime(std::chrono::milliseconds(-5));
  row.item.modified = WallTime(std::chrono::milliseconds(1'800'000'000'123));
  row.item.trashed = true;
  row.item.explicitly_trashed = true;
  row.item.owned_by_me = false;
  row.item.shortcut = drive::Shortcut{FileId("target"), "c/d", "key"};
  row.item.capabilities = {false, false, false};
  row.item.resource_key = "rk";
  row.item.web_view_link = "https://x";
  row.item.properties = {{"driveway.mode", "0644"}, {"", ""}};
  row.item.app_properties = {{"l", "../x"}};
  return row;
}

void expect_equal(const ItemRow& a, const ItemRow& b) {
  EXPECT_EQ(a.inode, b.inode);
  EXPECT_EQ(a.epoch, b.epoch);
  EXPECT_EQ(a.gone, b.gone);
  EXPECT_EQ(a.superseded, b.superseded);
  EXPECT_EQ(a.directory, b.directory);
  EXPECT_EQ(a.name, b.name);
  EXPECT_EQ(a.last_target, b.last_target);
  EXPECT_EQ(a.dangling_epoch, b.dangling_epoch);
  EXPECT_TRUE(a.item == b.item);
}

TEST(Rows, ItemsComeBackAsTheyWere) {
  const ItemRow full = full_row();
  const auto back = decode_item(full.inode, encode(full));
  ASSERT_TRUE(back.ok());
  expect_equal(*back, full);
  ItemRow bare;
  bare.inode = InodeId(1);
  const auto bare_back = decode_item(bare.inode, encode(bare));
  ASSERT_TRUE(bare_back.ok());
  expect_equal(*bare_back, bare);
}

TEST(Rows, OthersComeBackAsTheyWere) {
  Dentry dentry;
  dentry.inode = InodeId(5);
  dentry.kind = EntryKind::kFolderShortcut;
  dentry.fixed = dentry.has_twins = true;
  dentry.run = ~std::uint64_t{0};
  dentry.base = "plain";
  const auto dentry_back = decode_dentry(encode(dentry));
  ASSERT_TRUE(dentry_back.ok());
  EXPECT_EQ(dentry_back->inode, dentry.inode);
  EXPECT_EQ(dentry_back->kind, dentry.kind);
  EXPECT_TRUE(dentry_back->fixed && dentry_back->has_twins);
  EXPECT_EQ(dentry_back->run, dentry.run);
  EXPECT_EQ(dentry_back->base, dentry.base);

  const RecentRow recent{WallTime(std::chrono::milliseconds(9)), true, 4, FileId("p")};
  const auto recent_back = decode_recent(encode(recent));
  ASSERT_TRUE(recent_back.ok());
  EXPECT_EQ(recent_back->at, recent.at);
  EXPECT_EQ(recent_back->removed, recent.removed);
  EXPECT_EQ(recent_back->version, recent.version);
  EXPECT_EQ(recent_back->parent, recent.parent);

  drive::About about;
  about.email = "a@b";
  about.root = FileId("root");
  about.storage_limit = 0;
  about.usage = 7;
  about.can_create_drives = true;
  const auto about_back = decode_about(encode(about));
  ASSERT_TRUE(about_back.ok());
  EXPECT_EQ(about_back->email, about.email);
  EXPECT_EQ(about_back->root, about.root);
  EXPECT_EQ(about_back->storage_limit, about.storage_limit);
  EXPECT_EQ(about_back->usage, about.usage);
  EXPECT_TRUE(about_back->can_create_drives);
}

TEST(Rows, DamagedBytesAreAnErrorNotACrash) {
  const auto seed = std::random_device{}();
  SCOPED_TRACE(cat("seed ", seed));
  std::mt19937 random(seed);
  const std::string good = encode(full_row());
  for (std::size_t length = 0; length < good.size(); ++length) {
    const auto cut = decode_item(InodeId(1), good.substr(0, length));
    if (!cut.ok()) {
      EXPECT_EQ(cut.error().code, ErrorCode::kCorrupt);
    }
  }
  for (int i = 0; i < 20'000; ++i) {
    std::string bytes = good;
    for (int flips = 0; flips < 3; ++flips) {
      bytes[random() % bytes.size()] = static_cast<char>(random());
    }
    static_cast<void>(decode_item(InodeId(1), bytes).ok());
    static_cast<void>(decode_dentry(bytes).ok());
    static_cast<void>(decode_recent(bytes).ok());
    static_cast<void>(decode_about(bytes).ok());
  }
}

}  // namespace
}  // namespace driveway::tree
