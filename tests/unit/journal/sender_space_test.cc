// J13: what this client has left in Drive makes room there, and only that.
#include "unit/journal/sender_fixture.h"

namespace driveway::journal {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

std::string text_of(char letter, Bytes size = 100'000) { return std::string(size, letter); }

class SenderSpaceTest : public SenderTest {
 protected:
  void set_mode(RevisionsMode mode) {
    sender_options_.revisions = mode;
    reopen();
  }
  // A file of ours, rewritten `times` times after it was made. Gives its inode.
  InodeId rewritten(const std::string& name, int times) {
    const InodeId inode = create(name, text_of('0'));
    EXPECT_TRUE(drain());
    for (int i = 1; i <= times; ++i) {
      write(inode, text_of(static_cast<char>('0' + i)));
      EXPECT_TRUE(drain());
      pass(std::chrono::minutes(1));
    }
    return inode;
  }
  std::size_t revisions_of(const FileId& id) {
    const auto revisions = store_.revisions({}, id);
    return revisions.ok() ? revisions->size() : 0;
  }
  LeftoverTotals totals() const {
    return journal_->look([](const ChangeSet& set) { return set.notes().totals(); });
  }
  void remove_ours(InodeId inode) {
    change([&](ChangeSet& set, WallTime now) { return set.remove(inode, now); });
  }
  bool is_blocked() const {
    return journal_->look([](const ChangeSet& set) {
      const auto dirty = set.dirty();
      return !dirty.empty() && set.obstacle(dirty.front()).has_value();
    });
  }
};

TEST_F(SenderSpaceTest, WhatIsReplacedIsCountedAndStaysWhileThereIsRoom) {
  const InodeId inode = rewritten("a", 3);
  EXPECT_EQ(totals().revisions, 3u);
  EXPECT_EQ(totals().revision_bytes, 300'000u);
  reopen();
  EXPECT_EQ(totals().revisions, 3u) << "also after a restart";
  EXPECT_EQ(revisions_of(row(inode)->known.id), 4u);
}

TEST_F(SenderSpaceTest, FullStorageIsMadeRoomInOldestFirst) {
  const InodeId old = rewritten("old", 2);
  const InodeId young = rewritten("young", 2);
  store_.set_storage_limit(650'000);  // of which 600,000 are taken
  create("new", text_of('n', 120'000));
  ASSERT_TRUE(drain());
  EXPECT_EQ(tree()["new"], text_of('n', 120'000));
  EXPECT_EQ(revisions_of(row(old)->known.id), 1u);
  EXPECT_EQ(revisions_of(row(young)->known.id), 3u) << "no more than was wanted";
  EXPECT_EQ(tree()["old"], text_of('2'));
}

TEST_F(SenderSpaceTest, NothingIsRemovedWhereAllIsToBeKept) {
  set_mode(RevisionsMode::kKeep);
  const InodeId inode = rewritten("a", 2);
  store_.set_storage_limit(350'000);
  create("new", text_of('n'));
  EXPECT_TRUE(eventually([&] { return is_blocked(); }));
  EXPECT_EQ(revisions_of(row(inode)->known.id), 3u);
}

TEST_F(SenderSpaceTest, DropRemovesWhatIsReplacedAtOnce) {
  set_mode(RevisionsMode::kDrop);
  const InodeId inode = rewritten("a", 3);
  EXPECT_TRUE(eventually([&] { return totals().revisions == 0; }));
  EXPECT_EQ(revisions_of(row(inode)->known.id), 1u);
  EXPECT_EQ(tree()["a"], text_of('3'));
}

TEST_F(SenderSpaceTest, AboveNineTenthsOfTheQuotaRoomIsMadeUnasked) {
  const InodeId inode = rewritten("a", 2);
  EXPECT_EQ(revisions_of(row(inode)->known.id), 3u);
  store_.set_storage_limit(310'000);  // of which 300,000 are taken
  EXPECT_TRUE(eventually([&] { return revisions_of(row(inode)->known.id) == 2; }));
}

TEST_F(SenderSpaceTest, WhatOthersMadeOrWroteStays) {
  set_mode(RevisionsMode::kDrop);
  const FileId theirs = store_.add_file(store_.root(), "theirs", "one");
  rewrite(theirs, "ours");
  ASSERT_TRUE(drain());
  EXPECT_EQ(revisions_of(theirs), 2u) << "theirs was replaced by ours";
  const FileId removed = store_.add_file(store_.root(), "removed", "one");
  remove(removed);
  ASSERT_TRUE(drain());
  pass(std::chrono::minutes(20));
  ASSERT_TRUE(drain());
  EXPECT_TRUE(store_.find(removed).has_value()) << "it waits in the trash for its maker";
  EXPECT_EQ(totals().trashed, 0u);
  EXPECT_EQ(totals().revisions, 0u);
}

TEST_F(SenderSpaceTest, OursInTheTrashMakesRoom) {
  const InodeId gone = rewritten("gone", 0);
  const FileId id = row(gone)->known.id;
  remove_ours(gone);
  ASSERT_TRUE(drain());
  EXPECT_EQ(totals().trashed, 1u);
  EXPECT_EQ(totals().trashed_bytes, 100'000u);
  EXPECT_TRUE(store_.find(id)->trashed);
  store_.set_storage_limit(150'000);
  create("new", text_of('n'));
  ASSERT_TRUE(drain());
  EXPECT_FALSE(store_.find(id).has_value());
  EXPECT_THAT(side_.removed_ids(), ElementsAre(id));
  EXPECT_EQ(totals().trashed, 0u);
}

TEST_F(SenderSpaceTest, FilesThatWentWithTheirFolderMakeRoomAndTheFolderStays) {  // J8
  const InodeId folder = make_folder("checkpoint");
  const InodeId inside = create("model", text_of('m'), folder);
  ASSERT_TRUE(drain());
  const FileId folder_id = row(folder)->known.id;
  const FileId file_id = row(inside)->known.id;
  side_.place(folder_id, folder);
  remove_ours(inside);
  remove_ours(folder);
  ASSERT_TRUE(drain());
  ASSERT_TRUE(store_.find(folder_id)->trashed);
  EXPECT_EQ(totals().trashed, 1u);
  store_.set_storage_limit(150'000);
  create("new", text_of('n'));
  ASSERT_TRUE(drain());
  EXPECT_FALSE(store_.find(file_id).has_value());
  EXPECT_TRUE(store_.find(folder_id).has_value());
}

TEST_F(SenderSpaceTest, WhatWasRestoredOrWrittenByOthersIsNotRemovedFromTheTrash) {
  const InodeId restored = create("restored", text_of('r'));
  const InodeId rewritten = create("rewritten", text_of('w'));
  ASSERT_TRUE(drain());
  const FileId restored_id = row(restored)->known.id;
  const FileId rewritten_id = row(rewritten)->known.id;
  remove_ours(restored);
  remove_ours(rewritten);
  ASSERT_TRUE(drain());
  ASSERT_EQ(totals().trashed, 2u);
  store_.untrash(restored_id);
  store_.set_content(rewritten_id, text_of('x'));
  store_.set_storage_limit(350'000);
  create("new", text_of('n'));
  EXPECT_TRUE(eventually([&] { return is_blocked() || dirty() == 0; }));
  EXPECT_TRUE(store_.find(restored_id).has_value());
  EXPECT_TRUE(store_.find(rewritten_id).has_value());
  EXPECT_EQ(totals().trashed, 0u) << "they are no matter of ours any more";
}

TEST_F(SenderSpaceTest, ARevisionThatIsToBeKeptForEverStays) {
  const InodeId inode = rewritten("a", 1);
  const FileId id = row(inode)->known.id;
  const auto revisions = store_.revisions({}, id);
  ASSERT_TRUE(revisions.ok());
  ASSERT_TRUE(store_.keep_revision({}, id, revisions->front().id, true).ok());
  store_.set_storage_limit(250'000);
  create("new", text_of('n'));
  EXPECT_TRUE(eventually([&] { return is_blocked(); }));
  EXPECT_EQ(revisions_of(id), 2u);
}

TEST_F(SenderSpaceTest, WhatCannotBeRemovedNowIsTriedAgain) {
  set_mode(RevisionsMode::kDrop);
  store_.faults().fail(Method::kRemoveRevision, {ErrorCode::kUnavailable, "no", true});
  const InodeId inode = rewritten("a", 1);
  EXPECT_TRUE(eventually([&] { return revisions_of(row(inode)->known.id) == 1; }));
}

}  // namespace
}  // namespace driveway::journal
