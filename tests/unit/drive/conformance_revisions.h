// The conformance suite of RemoteStore: revisions (drive-api reference 5.11).
#pragma once

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

#include "unit/drive/conformance_fixture.h"

namespace driveway::drive {

class RevisionConformance : public WritingConformance {
 protected:
  std::vector<RevisionInfo> revisions(const FileId& id) {
    auto all = store().revisions(context, id);
    EXPECT_TRUE(all.ok()) << all.error().to_string();
    return all.ok() ? *std::move(all) : std::vector<RevisionInfo>();
  }
  Status read(const FileId& id, const RevisionInfo& revision, ByteRange range, StringSink& sink) {
    return store().read_revision(context, id, revision.id, revision.size.value_or(0), range, sink);
  }
};

TEST_P(RevisionConformance, TheyTellTheHistoryOfAFile) {
  const std::vector<std::string> contents = {"first", "", "the third"};
  const FileId id = create(new_file("f"), contents[0]).id;
  ASSERT_EQ(revisions(id).size(), 1U);
  update(id, {.name = "renamed"});  // makes none
  update(id, {}, contents[1]);
  world->set_content(id, contents[2]);
  const auto all = revisions(id);
  ASSERT_EQ(all.size(), 3U);
  for (std::size_t i = 0; i < all.size(); ++i) {
    EXPECT_EQ(all[i].size, contents[i].size());
    EXPECT_EQ(all[i].md5, hash_hex(HashKind::kMd5, contents[i]));
    EXPECT_FALSE(all[i].keep_forever);
    EXPECT_GT(all[i].modified.time_since_epoch().count(), 0);
    if (i > 0) {
      EXPECT_NE(all[i].id, all[i - 1].id);
      EXPECT_GE(all[i].modified, all[i - 1].modified);
    }
  }
  EXPECT_EQ(all.back().id, get(id).head_revision);
}

TEST_P(RevisionConformance, OneThatIsKeptCanBeRead) {  // J10
  const std::string lost = random_bytes(300'000, 61);
  const FileId id = create(new_file("f"), lost).id;
  update(id, {}, "ours");
  const auto all = revisions(id);
  ASSERT_EQ(all.size(), 2U);
  StringSink sink;
  // Only the head, and what is kept for ever (reference 4).
  EXPECT_TRUE(read(id, all[0], {0, 5}, sink).failed_with(ErrorCode::kPermissionDenied));
  EXPECT_EQ(sink.text, "");
  for (int i = 0; i < 2; ++i) {
    const Status kept = store().keep_revision(context, id, all[0].id, true);
    EXPECT_TRUE(kept.ok()) << kept.error().to_string();
  }
  EXPECT_TRUE(revisions(id).at(0).keep_forever);
  EXPECT_FALSE(revisions(id).at(1).keep_forever);
  const Status old = read(id, all[0], {0, lost.size()}, sink);
  EXPECT_TRUE(old.ok()) << old.error().to_string();
  EXPECT_TRUE(sink.text == lost);
  StringSink head;
  EXPECT_TRUE(read(id, all[1], {1, 3}, head).ok());
  EXPECT_EQ(head.text, "urs");
}

TEST_P(RevisionConformance, AnyRangeOfOneIsExact) {
  const unsigned seed = std::random_device()();
  SCOPED_TRACE(cat("seed ", seed));
  std::mt19937 random(seed);
  const std::string content = random_bytes(kMiB + 17, 62);
  NewItem wish = new_file("f");
  wish.keep_revision = true;
  const FileId id = create(wish, content).id;
  update(id, {}, "");
  const RevisionInfo old = revisions(id).at(0);
  EXPECT_TRUE(old.keep_forever);
  std::vector<ByteRange> ranges = {{0, content.size()}, {0, 1}, {content.size() - 1, 1}};
  for (int i = 0; i < 10; ++i) {
    const Bytes offset = random() % content.size();
    ranges.push_back({offset, 1 + random() % (content.size() - offset)});
  }
  for (const ByteRange& range : ranges) {
    StringSink sink;
    const Status status = read(id, old, range, sink);
    ASSERT_TRUE(status.ok()) << status.error().to_string();
    ASSERT_TRUE(sink.text == content.substr(range.offset, range.length)) << range.offset;
  }
  StringSink none;
  for (const ByteRange range : {ByteRange{content.size(), 1}, ByteRange{content.size() - 1, 2}}) {
    EXPECT_TRUE(read(id, old, range, none).failed_with(ErrorCode::kOutOfRange));
  }
  EXPECT_TRUE(read(id, old, {0, 0}, none).failed_with(ErrorCode::kInvalidArgument));
  EXPECT_TRUE(read(id, revisions(id).at(1), {0, 1}, none).failed_with(ErrorCode::kOutOfRange));
  EXPECT_EQ(none.text, "");
  StringSink full;
  full.fails_after = 1'000;
  EXPECT_TRUE(read(id, old, {0, content.size()}, full).failed_with(ErrorCode::kNoSpace));
}

TEST_P(RevisionConformance, EachWayToSendContentCanKeepIt) {
  NewItem wish = new_file("f");
  wish.keep_revision = true;
  const FileId created = create(wish, "1").id;
  EXPECT_TRUE(revisions(created).at(0).keep_forever);
  update(created, {.keep_revision = true}, "2");
  EXPECT_TRUE(revisions(created).at(1).keep_forever);
  update(created, {}, "3");
  EXPECT_FALSE(revisions(created).at(2).keep_forever);
  TextSource content("4");
  const auto update_session =
      store().begin_update(context, created, {.keep_revision = true}, content.size());
  ASSERT_TRUE(update_session.ok()) << update_session.error().to_string();
  EXPECT_TRUE(store().send(context, *update_session, {0, 1}, content).ok());
  EXPECT_TRUE(revisions(created).at(3).keep_forever);
  EXPECT_TRUE(revisions(created).at(0).keep_forever);
  const auto create_session = store().begin_create(context, wish, content.size());
  ASSERT_TRUE(create_session.ok()) << create_session.error().to_string();
  const auto made = store().send(context, *create_session, {0, 1}, content);
  ASSERT_TRUE(made.ok() && made->item);
  EXPECT_TRUE(revisions(made->item->id).at(0).keep_forever);
}

TEST_P(RevisionConformance, OnlyTheHeadIsLetGo) {
  const FileId id = create(new_file("f"), "1").id;
  const Revision first = get(id).head_revision;
  EXPECT_TRUE(store().keep_revision(context, id, first, true).ok());
  EXPECT_TRUE(store().keep_revision(context, id, first, false).ok());
  EXPECT_FALSE(revisions(id).at(0).keep_forever);
  EXPECT_TRUE(store().keep_revision(context, id, first, true).ok());
  update(id, {}, "2");
  // It might vanish at once (reference 1.9, illegalKeepForeverModification).
  EXPECT_TRUE(
      store().keep_revision(context, id, first, false).failed_with(ErrorCode::kInvalidArgument));
  EXPECT_TRUE(revisions(id).at(0).keep_forever);
}

TEST_P(RevisionConformance, AllButTheHeadCanBeRemoved) {  // J13
  const FileId id = create(new_file("f"), random_bytes(10'000, 63)).id;
  EXPECT_TRUE(store()
                  .remove_revision(context, id, get(id).head_revision)
                  .failed_with(ErrorCode::kInvalidArgument));
  update(id, {}, random_bytes(20'000, 64));
  const Item head = update(id, {}, "head");
  auto all = revisions(id);
  ASSERT_EQ(all.size(), 3U);
  const Bytes used = store().about(context).value().usage;
  const Status removed = store().remove_revision(context, id, all[1].id);
  EXPECT_TRUE(removed.ok()) << removed.error().to_string();
  EXPECT_EQ(store().about(context).value().usage, used - 20'000);
  EXPECT_TRUE(store().remove_revision(context, id, all[1].id).failed_with(ErrorCode::kNotFound));
  EXPECT_TRUE(store()
                  .remove_revision(context, id, head.head_revision)
                  .failed_with(ErrorCode::kInvalidArgument));
  all = revisions(id);
  ASSERT_EQ(all.size(), 2U);
  EXPECT_EQ(all[0].size, 10'000U);
  EXPECT_EQ(all[1].id, head.head_revision);
  EXPECT_EQ(get(id).head_revision, head.head_revision);
  EXPECT_EQ(world->content(id), "head");
}

TEST_P(RevisionConformance, WhatHasNone) {
  const FileId file = create(new_file("f"), "x").id;
  const Revision none("0BdoesNotExist");
  StringSink sink;
  EXPECT_TRUE(store().keep_revision(context, file, none, true).failed_with(ErrorCode::kNotFound));
  EXPECT_TRUE(store().remove_revision(context, file, none).failed_with(ErrorCode::kNotFound));
  EXPECT_TRUE(store()
                  .read_revision(context, file, none, 1, {0, 1}, sink)
                  .failed_with(ErrorCode::kNotFound));
  EXPECT_TRUE(refused(store().revisions(context, world->base())));
  EXPECT_EQ(sink.text, "");
}

}  // namespace driveway::drive
