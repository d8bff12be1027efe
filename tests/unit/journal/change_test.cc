// The row of a change: every field survives, and damage is told (D3).
#include "journal/change.h"

#include <gtest/gtest.h>

namespace driveway::journal {
namespace {

WallTime at(std::int64_t ms) { return WallTime(Milliseconds(ms)); }

Change full_change() {
  Change change;
  change.inode = InodeId(7);
  change.kind = drive::ItemKind::kFolder;
  change.mime_type = "text/plain";
  change.drive = DriveId("team");
  change.known = {FileId("id"), true,         FileId("p"),    InodeId(3), "name",   true,
                  at(-5),       {{"k", "v"}}, Revision("r1"), "md5",      Bytes{9}, 12};
  change.known.operation = "op";
  Wanted& wanted = change.wanted;
  wanted.parent = InodeId(4);
  wanted.parent_id = FileId("q");
  wanted.name = "new";
  wanted.deleted = wanted.permanently = wanted.restored = true;
  wanted.modified = at(11);
  wanted.properties = {{"gone", std::nullopt}, {"set", "1"}};
  Content& content = wanted.content.emplace();
  content.bytes = {5, "extents", 100, {FileId("b"), Revision("rb"), "mb", 50}, {}, true};
  content.bytes.copy = CopySource{FileId("c"), Revision("rc")};
  content.generation = 21;
  content.began_order = 20;
  content.closed_order = 22;
  content.dirty_since = at(1);
  content.closed_at = at(2);
  content.acknowledged = true;
  content.refused = CopySource{FileId("d"), Revision("rd")};
  Sent& sent = change.sent.emplace();
  sent.action = Action::kUpdate;
  sent.ticket = 30;
  sent.order = 29;
  sent.generation = 21;
  sent.id = FileId("id");
  sent.parent = FileId("q");
  sent.parent_inode = InodeId(4);
  sent.from = FileId("p");
  sent.name = "new";
  sent.modified = at(11);
  sent.properties = wanted.properties;
  sent.restored = true;
  sent.content = content.bytes;
  sent.md5 = "abc";
  sent.base_revision = Revision("r1");
  sent.replaces = InodeId(8);
  sent.session = Secret("https://session");
  sent.offset = 64;
  sent.overwritten = Overwritten{Revision("r2"), FileId("s")};
  sent.at = at(3);
  change.order = 31;
  change.confirmed_order = 19;
  change.confirmed_generation = 18;
  change.since = at(4);
  change.changed_at = at(5);
  change.confirmed_at = at(6);
  change.echoed = true;
  change.uploaded_at = at(7);
  change.upload_took = Milliseconds(8);
  change.tries = 2;
  change.not_before = at(9);
  change.mismatches = 1;
  change.problem = Problem{ErrorCode::kStorageFull, "full", true, at(10)};
  change.after = InodeId(9);
  change.after_order = 17;
  change.replaces = InodeId(8);
  change.path = {InodeId(2), InodeId(1)};
  return change;
}

TEST(ChangeRow, KeepsEveryField) {
  const auto decoded = decode_change(encode(full_change()));
  ASSERT_TRUE(decoded.ok()) << decoded.error().to_string();
  EXPECT_TRUE(*decoded == full_change());
  const auto empty = decode_change(encode(Change{}));
  ASSERT_TRUE(empty.ok());
  EXPECT_TRUE(*empty == Change{});
}

TEST(ChangeRow, CutAnywhereIsCorrupt) {
  const std::string bytes = encode(full_change());
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_TRUE(
        decode_change(std::string_view(bytes).substr(0, size)).failed_with(ErrorCode::kCorrupt))
        << size;
  }
  EXPECT_TRUE(decode_change(bytes + "x").failed_with(ErrorCode::kCorrupt));
}

TEST(ChangeRow, EachFlippedBitIsCorrupt) {
  const std::string bytes = encode(full_change());
  for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    std::string damaged = bytes;
    damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << (bit % 8)));
    EXPECT_TRUE(decode_change(damaged).failed_with(ErrorCode::kCorrupt)) << bit;
  }
}

TEST(ChangeRow, NamesBesideStayShortEnough) {
  EXPECT_EQ(name_beside("a.txt", "conflict x"), "a (conflict x).txt");
  EXPECT_EQ(name_beside(".profile", "w"), ".profile (w)");
  EXPECT_EQ(name_beside("none", "w"), "none (w)");
  std::string umlauts;
  for (int i = 0; i < 125; ++i) umlauts += "ä";
  const std::string name = name_beside(umlauts + ".txt", "word");
  EXPECT_LE(name.size(), 255u);
  EXPECT_TRUE(name.ends_with("ä (word).txt")) << name;
}

}  // namespace
}  // namespace driveway::journal
