// Each rule of what is sent when, by an example.
#include "journal/change_set.h"

#include "unit/journal/tiny_drive.h"

namespace driveway::journal {
namespace {

using drive::ItemKind;

const InodeId kRoot{1};
const FileId kRootId{"root"};
constexpr Milliseconds kSettle{1'000};
constexpr Milliseconds kHold{3'000};

class ChangeSetTest : public testing::Test {
 protected:
  template <typename T>
  T must(Result<T> result) {
    EXPECT_TRUE(result.ok()) << result.error().to_string();
    return result.ok() ? std::move(result).value() : T{};
  }
  void pass(Milliseconds time) { now_ += time; }
  static Place in_root(std::string name) { return {kRoot, kRootId, std::move(name)}; }
  static ContentState bytes(std::uint64_t number, std::string text) {
    ContentState bytes;
    bytes.number = number;
    bytes.size = text.size();
    bytes.state = std::move(text);
    return bytes;
  }

  void create(InodeId inode, const Place& place, ItemKind kind, const std::string& text = "") {
    NewEntry entry;
    entry.kind = kind;
    entry.id = FileId(cat_id(inode));
    entry.modified = now_;
    entry.content = bytes(inode.value(), text);
    must(set_.create(inode, place, entry, now_));
  }
  void file(int inode, const std::string& name, const std::string& text = "x") {
    create(InodeId(inode), in_root(name), ItemKind::kFile, text);
  }
  void folder(int inode, const std::string& name) {
    create(InodeId(inode), in_root(name), ItemKind::kFolder);
  }
  // A file that Drive has.
  void clean(int inode, const std::string& name, const std::string& text, bool is_folder = false,
             const std::string& parent = "root", int parent_inode = 1) {
    const std::string id = cat_id(InodeId(inode));
    drive_.add(id, parent, name, is_folder, text);
    know(inode, parent_inode);
  }
  void know(int inode, int parent_inode = 1) {
    const drive::Item item = *drive_.get(FileId(cat_id(InodeId(inode))));
    Known known{item.id,   true,          *item.parent,    InodeId(parent_inode), item.name,
                false,     item.modified, item.properties, item.head_revision,    item.md5,
                item.size, item.version};
    NewEntry entry;
    entry.kind = item.kind;
    set_.know(InodeId(inode), entry, known);
  }
  void rewrite(int inode, const std::string& text, std::uint64_t number = 0) {
    must(set_.opened(InodeId(inode)));
    must(set_.closed(InodeId(inode), bytes(number == 0 ? 1000 + inode : number, text), now_, now_));
  }
  void must(const Status& status) { EXPECT_TRUE(status.ok()); }

  std::vector<Step> offered(std::size_t most = 100) { return set_.next(now_, {most, true}).steps; }
  Step begin(Step step) {
    must(set_.began(step, {FileId("fresh"), md5_of(step.sent.content.state)}, now_));
    return step;
  }
  Outcome finish(const Step& step) {
    const auto item = drive_.carry_out(step);
    if (step.sent.action == Action::kRemove) {
      return must(set_.removed(step, now_));
    }
    return must(set_.finished(step, *item, kRoot, now_));
  }
  // The only step that may be sent.
  Step only() {
    const auto steps = offered();
    EXPECT_EQ(steps.size(), 1u);
    return steps.empty() ? Step{} : steps[0];
  }
  Step send_only() {
    const Step step = begin(only());
    finish(step);
    return step;
  }
  Wait wait_of(int inode) { return set_.waiting(InodeId(inode), now_).wait; }
  void reload() {
    std::vector<Change> rows;
    for (int inode = 0; inode < 100; ++inode) {
      if (const Change* const change = set_.find(InodeId(inode))) {
        rows.push_back(must(decode_change(encode(*change))));
      }
    }
    set_ = ChangeSet(options_);
    must(set_.load(std::move(rows), now_));
  }
  static std::string cat_id(InodeId inode) { return "id" + std::to_string(inode.value()); }

  const Error cut_{ErrorCode::kUnavailable, "cut", true};
  const Error refused_{ErrorCode::kPermissionDenied, "no", false};
  Options options_;
  ChangeSet set_{options_};
  TinyDrive drive_;
  WallTime now_{std::chrono::hours(400'000)};
};

// --- Coalescing (design 5).

TEST_F(ChangeSetTest, CreateWriteAndRenameAreOneCreate) {
  file(10, "tmp", "");
  rewrite(10, "bytes", 10);
  must(set_.rename(InodeId(10), in_root("final"), now_));
  EXPECT_TRUE(offered().empty()) << "J12: --settle";
  pass(kSettle);
  const Step step = send_only();
  EXPECT_EQ(step.sent.action, Action::kCreate);
  EXPECT_EQ(step.sent.name, "final");
  EXPECT_EQ(step.sent.content.state, "bytes");
  EXPECT_TRUE(set_.dirty().empty());
}

TEST_F(ChangeSetTest, CreatedAndDeletedNeverReachesDrive) {
  file(10, "a");
  const Rows rows = must(set_.remove(InodeId(10), now_));
  EXPECT_FALSE(rows.changed.at(InodeId(10)).has_value());
  EXPECT_EQ(set_.size(), 0u);
}

TEST_F(ChangeSetTest, ThereAndBackIsNothing) {
  clean(10, "a", "x");
  must(set_.rename(InodeId(10), in_root("b"), now_));
  must(set_.rename(InodeId(10), in_root("a"), now_));
  EXPECT_EQ(set_.size(), 0u);
}

TEST_F(ChangeSetTest, BackWhileTheWayThereIsOutIsAChange) {
  clean(10, "a", "x");
  must(set_.rename(InodeId(10), in_root("b"), now_));
  pass(kSettle);
  const Step step = begin(only());
  must(set_.rename(InodeId(10), in_root("a"), now_));
  finish(step);
  pass(kSettle);
  EXPECT_EQ(send_only().sent.name, "a");
}

TEST_F(ChangeSetTest, TenRewritesAreOneUpload) {
  clean(10, "a", "x");
  for (int i = 0; i < 10; ++i) rewrite(10, "y" + std::to_string(i));
  pass(kSettle);
  EXPECT_EQ(send_only().sent.content.state, "y9");
  EXPECT_TRUE(set_.dirty().empty());
}

// --- Order.

TEST_F(ChangeSetTest, ParentsComeBeforeChildren) {
  folder(10, "d");
  create(InodeId(11), {InodeId(10), FileId(), "f"}, ItemKind::kFile, "x");
  pass(kSettle);
  EXPECT_EQ(wait_of(11), Wait::kParent);
  EXPECT_EQ(send_only().inode, InodeId(10));
  EXPECT_EQ(send_only().sent.parent, FileId("id10"));
}

TEST_F(ChangeSetTest, ANameIsTakenAfterItWasLeft) {
  clean(10, "a", "x");
  must(set_.rename(InodeId(10), in_root("b"), now_));
  file(11, "a", "");
  pass(kSettle);
  EXPECT_EQ(wait_of(11), Wait::kName);
  EXPECT_EQ(send_only().inode, InodeId(10));
  EXPECT_EQ(send_only().inode, InodeId(11));
}

TEST_F(ChangeSetTest, ExchangeDoesNotWaitForItself) {
  clean(10, "a", "x");
  clean(11, "b", "y");
  must(set_.exchange(InodeId(10), InodeId(11), now_));
  pass(kSettle);
  const auto steps = offered();
  ASSERT_EQ(steps.size(), 2u);
  EXPECT_EQ(steps[0].beside, std::vector<FileId>{FileId("id11")});
}

TEST_F(ChangeSetTest, FoldersThatChangePlacesMakeNoCycle) {
  clean(10, "a", "", true);
  clean(11, "b", "", true, "id10", 10);
  must(set_.rename(InodeId(11), in_root("b"), now_));
  must(set_.rename(InodeId(10), {InodeId(11), FileId("id11"), "a"}, now_, std::vector{kRoot}));
  pass(kSettle);
  EXPECT_EQ(wait_of(10), Wait::kFolders);
  EXPECT_EQ(send_only().inode, InodeId(11));
  EXPECT_EQ(send_only().inode, InodeId(10));  // TinyDrive counts a cycle as a failure
}

TEST_F(ChangeSetTest, AFolderThatMayHaveBeenMadeElsewhereIsAboutToMove) {
  clean(10, "a", "", true);
  create(InodeId(11), {InodeId(10), FileId("id10"), "b"}, ItemKind::kFolder);
  pass(kSettle);
  const Step create = begin(only());
  must(set_.rename(InodeId(11), in_root("b"), now_));
  drive_.add("c", "id11", "c", true, "");  // theirs; it has no row
  const std::vector above{InodeId(11), kRoot};
  must(set_.rename(InodeId(10), {InodeId(12), FileId("c"), "a"}, now_, above));
  pass(kSettle);
  EXPECT_EQ(wait_of(10), Wait::kFolders);
  finish(create);
  EXPECT_EQ(only().inode, InodeId(11));
}

TEST_F(ChangeSetTest, DataComesBeforeItsMarker) {
  file(10, "data", "0123456789");
  file(11, "marker", "ok");
  pass(kSettle);
  EXPECT_EQ(wait_of(11), Wait::kData);
  const Step data = begin(only());
  EXPECT_TRUE(offered().empty());
  must(set_.failed(data, refused_, false, now_));
  EXPECT_EQ(only().inode, InodeId(11)) << "what failed for good does not block its folder";
}

TEST_F(ChangeSetTest, FilesOfOneSizeDoNotWaitForEachOther) {
  file(10, "a", "0123456789");
  file(11, "b", "0123456789");
  pass(kSettle);
  EXPECT_EQ(offered().size(), 2u);
}

TEST_F(ChangeSetTest, J4NothingIsUploadedUnderAWriter) {
  clean(10, "a", "x");
  must(set_.opened(InodeId(10)));
  must(set_.written(InodeId(10), bytes(5, "y"), now_, now_));
  pass(std::chrono::hours(1));
  EXPECT_EQ(wait_of(10), Wait::kWriter);
  EXPECT_TRUE(offered().empty());
  const std::vector<InodeId> all{InodeId(10)};
  const Flush flush = set_.raise(all);  // J11, J5: a snapshot
  const Step step = begin(only());
  must(set_.written(InodeId(10), bytes(5, "z"), now_, now_));
  EXPECT_EQ(finish(step).verdict, Verdict::kDone);  // not kUploaded
  EXPECT_TRUE(set_.progress(flush).done());
  EXPECT_TRUE(set_.is_dirty(*set_.find(InodeId(10))));
}

TEST_F(ChangeSetTest, J4TruncationAloneIsHeld) {
  clean(10, "a", "x");
  ContentState empty = bytes(5, "");
  empty.truncated_only = true;
  must(set_.opened(InodeId(10)));
  must(set_.closed(InodeId(10), empty, now_, now_));
  pass(Milliseconds(2'999));
  EXPECT_TRUE(offered().empty());
  pass(Milliseconds(1));
  EXPECT_EQ(offered().size(), 1u);
}

TEST_F(ChangeSetTest, J4AnUnclosedContentIsRecoveredBesideItsFile) {
  clean(10, "a.txt", "x");
  must(set_.opened(InodeId(10)));
  must(set_.written(InodeId(10), bytes(5, "torn"), now_, now_));
  reload();
  pass(std::chrono::hours(1));
  ASSERT_EQ(set_.unclosed(), std::vector<InodeId>{InodeId(10)});
  EXPECT_TRUE(offered().empty());
  must(set_.recover(InodeId(10), InodeId(20), "DATE", now_));
  pass(kSettle);
  const Step step = send_only();
  EXPECT_EQ(step.sent.name, "a (recovered DATE).txt");
  EXPECT_EQ(drive_.at(FileId("id10")).content, "x");
  EXPECT_TRUE(set_.dirty().empty());
}

TEST_F(ChangeSetTest, J4ASyncedContentIsNotRecovered) {
  clean(10, "a", "x");
  must(set_.opened(InodeId(10)));
  must(set_.synced(InodeId(10), bytes(5, "kept"), now_, now_));
  reload();
  EXPECT_TRUE(set_.unclosed().empty());
  pass(kSettle);
  EXPECT_EQ(send_only().sent.content.state, "kept");
}

TEST_F(ChangeSetTest, J5ANameThatKeepsChangingIsPaced) {
  clean(10, "a", "x");
  rewrite(10, "0");
  pass(kSettle);
  const Step first = begin(only());
  pass(Milliseconds(4'000));  // so: at most every 40 s
  finish(first);
  int uploads = 0;
  for (int i = 0; i < 60; ++i) {  // a close every 2 s
    rewrite(10, std::to_string(i));
    pass(Milliseconds(2'000));
    for (const Step& step : offered()) {
      finish(begin(step));
      ++uploads;
    }
  }
  EXPECT_EQ(uploads, 3);  // the later ones took no time: every 30 s
  rewrite(10, "last");
  pass(Milliseconds(3'000));
  EXPECT_EQ(send_only().sent.content.state, "last");
}

TEST_F(ChangeSetTest, J5AFlushDoesNotEndWithTheUploadOfWhatItsFileReplaced) {
  file(11, "new", "small");
  file(10, "name", "what is there before");
  pass(kSettle);
  const auto steps = offered();
  ASSERT_EQ(steps.size(), 2u);
  const Step of_old = begin(steps[0].inode == InodeId(10) ? steps[0] : steps[1]);
  const InodeId inode(11);
  const Flush flush = set_.raise({&inode, 1});
  must(set_.rename_over(inode, InodeId(10), in_root("name"), now_));
  EXPECT_EQ(finish(of_old).inode, inode);
  EXPECT_EQ(set_.progress(flush).waiting, 1u);
  send_only();
  EXPECT_TRUE(set_.progress(flush).done());
  EXPECT_EQ(drive_.at(of_old.sent.id).content, "small");
}

TEST_F(ChangeSetTest, J5ThreeMismatchesAreReported) {
  file(10, "a");
  pass(kSettle);
  for (int i = 0; i < 3; ++i) {
    const Step step = begin(only());
    drive::Item item = *drive_.carry_out(step);
    item.md5 = "another";
    const Outcome outcome = must(set_.finished(step, item, kRoot, now_));
    EXPECT_EQ(outcome.verdict, i < 2 ? Verdict::kAgain : Verdict::kFailed);
  }
  EXPECT_EQ(wait_of(10), Wait::kFailed);
  EXPECT_TRUE(set_.find(InodeId(10))->wanted.content.has_value());
}

// --- J6.

TEST_F(ChangeSetTest, J6RenameOverIsARevisionOfTheTarget) {
  clean(10, "ckpt", "old");
  file(11, "tmp", "new");
  must(set_.rename_over(InodeId(11), InodeId(10), in_root("ckpt"), now_));
  pass(kSettle);
  const Step step = send_only();
  EXPECT_EQ(step.sent.action, Action::kUpdate);
  EXPECT_EQ(step.sent.id, FileId("id10"));
  EXPECT_EQ(step.sent.replaces, InodeId(10));
  EXPECT_EQ(drive_.at(FileId("id10")).content, "new");
  EXPECT_TRUE(set_.dirty().empty());
}

TEST_F(ChangeSetTest, J6ASmallSourceThatWasSentBecomesAnUpdateAndItsOwnGoes) {
  clean(10, "ckpt", "old");
  file(11, "tmp", "new");
  pass(kSettle);
  const Step create = begin(only());
  must(set_.rename_over(InodeId(11), InodeId(10), in_root("ckpt"), now_));
  finish(create);
  pass(kHold);
  EXPECT_EQ(wait_of(10), Wait::kReplacer);
  EXPECT_EQ(send_only().sent.id, FileId("id10"));
  EXPECT_EQ(send_only().sent.action, Action::kRemove);  // J1
  EXPECT_FALSE(drive_.has(FileId("id11")));
  EXPECT_EQ(drive_.at(FileId("id10")).content, "new");
}

TEST_F(ChangeSetTest, J6ALargeSourceIsRenamedAndTheTargetTrashedAfterwards) {
  clean(10, "ckpt", "old");
  clean(11, "tmp", "new");
  must(set_.rename_over(InodeId(11), InodeId(10), in_root("ckpt"), now_));
  pass(kHold);
  const Step rename = send_only();
  EXPECT_EQ(rename.sent.id, FileId("id11"));
  EXPECT_EQ(rename.beside, std::vector<FileId>{FileId("id10")});
  EXPECT_EQ(send_only().sent.action, Action::kTrash);
  EXPECT_TRUE(drive_.is_trashed(FileId("id10")));
}

// --- J8.

TEST_F(ChangeSetTest, J8RmDashRIsOneCall) {
  clean(10, "d", "", true);
  clean(11, "s", "", true, "id10", 10);
  clean(12, "f", "x", false, "id11", 11);
  for (const int inode : {12, 11, 10}) must(set_.remove(InodeId(inode), now_));
  EXPECT_TRUE(offered().empty());
  pass(kHold);
  EXPECT_EQ(wait_of(12), Wait::kCovered);
  const Step step = send_only();
  EXPECT_EQ(step.inode, InodeId(10));
  EXPECT_EQ(step.takes_along.size(), 2u);
  EXPECT_TRUE(set_.dirty().empty());
  set_.echoed(FileId("id10"), set_.find(InodeId(10))->known.version);
  pass(options_.overlay);  // J3
  for (int i = 0; i < 3; ++i) set_.forget(now_);
  EXPECT_EQ(set_.size(), 0u) << "the feed tells nothing of what went along";
}

TEST_F(ChangeSetTest, J8AFolderWaitsForWhatMovesOutOfIt) {
  clean(10, "d", "", true);
  clean(11, "f", "x", false, "id10", 10);
  must(set_.remove(InodeId(10), now_));
  pass(kHold);
  must(set_.rename(InodeId(11), in_root("f"), now_));
  EXPECT_EQ(wait_of(10), Wait::kMovesOut);
  EXPECT_TRUE(offered().empty());
  pass(kSettle);
  EXPECT_EQ(send_only().inode, InodeId(11));
  EXPECT_EQ(send_only().inode, InodeId(10));
}

TEST_F(ChangeSetTest, J8WhatAnotherClientMovedOutOfSightDoesNotGoWithItsFolder) {
  clean(10, "folder", "", true);
  clean(11, "file", "bytes", false, "id10", 10);
  clean(12, "elsewhere", "", true);
  must(set_.remove(InodeId(11), now_));
  must(set_.remove(InodeId(10), now_));
  TinyDrive::Entry& file = drive_.at(FileId("id11"));
  file.item.parent = FileId("id12");
  drive_.changed(file);
  must(set_.remote_changed(InodeId(11), file.item, InodeId(), now_));
  EXPECT_EQ(wait_of(11), Wait::kHold) << "not covered by a folder that it is not in";
  pass(kHold);
  for (const Step& step : offered()) {
    EXPECT_TRUE(step.takes_along.empty());
    finish(begin(step));
  }
  EXPECT_TRUE(set_.dirty().empty());
  EXPECT_TRUE(drive_.is_trashed(FileId("id11")));
}

TEST_F(ChangeSetTest, J8WhatTheListingShowsBesidesIsKeptWithItsFolder) {
  clean(10, "d", "", true);
  clean(11, "f", "x", false, "id10", 10);
  drive_.add("theirs", "id10", "t", false, "t");
  for (const int inode : {11, 10}) must(set_.remove(InodeId(inode), now_));
  pass(kHold);
  const Step step = begin(only());
  must(set_.listing_differs(step, FileId("id10"), now_));
  EXPECT_EQ(send_only().inode, InodeId(11));
  EXPECT_TRUE(set_.dirty().empty());
  EXPECT_FALSE(drive_.is_trashed(FileId("theirs")));
}

// --- J1, J2, J3, J9, J10.

TEST_F(ChangeSetTest, J8WhatWasRemovedAfterTheCallWasSentIsNotTakenForGone) {
  clean(10, "folder", "", true);
  clean(11, "file", "bytes", false, "id10", 10);
  drive_.at(FileId("id11")).item.parent = kRootId;  // another client's, not heard yet
  must(set_.remove(InodeId(10), now_));
  pass(kHold);
  const Step trash = begin(only());
  must(set_.remove(InodeId(11), now_));
  finish(trash);
  pass(kHold);
  EXPECT_EQ(send_only().inode, InodeId(11));
  EXPECT_TRUE(drive_.is_trashed(FileId("id11")));
}

TEST_F(ChangeSetTest, J1TheUnlinkOfASentCreateDeletesIt) {
  file(10, "a");
  pass(kSettle);
  const Step step = begin(only());
  must(set_.remove(InodeId(10), now_));
  finish(step);
  pass(kHold);
  EXPECT_EQ(send_only().sent.action, Action::kRemove);
  EXPECT_FALSE(drive_.has(FileId("id10")));
}

TEST_F(ChangeSetTest, J2AnUploadWhoseAnswerWasLostIsRecognised) {
  clean(10, "a", "x");
  rewrite(10, "mine");
  pass(kSettle);
  const Step step = begin(only());
  must(set_.uploading(step, Secret("https://session"), 4, md5_of("mine")));
  drive_.carry_out(step);
  reload();
  const Step again = begin(only());
  EXPECT_TRUE(again.resolve);
  EXPECT_EQ(again.sent.session, Secret("https://session"));
  const auto outcome = must(set_.resolved(again, drive_.get(FileId("id10")), kRoot, now_));
  EXPECT_EQ(outcome.verdict, Verdict::kUploaded);
  EXPECT_TRUE(set_.dirty().empty());
}

TEST_F(ChangeSetTest, J3ConfirmedRowsStayUntilTheFeedHasToldOfThem) {
  file(10, "a");
  pass(kSettle);
  send_only();
  const std::uint64_t version = set_.find(InodeId(10))->known.version;
  pass(std::chrono::hours(1));
  set_.forget(now_);
  EXPECT_EQ(set_.size(), 1u);
  set_.echoed(FileId("id10"), version - 1);
  set_.forget(now_);
  EXPECT_EQ(set_.size(), 1u);
  set_.echoed(FileId("id10"), version);
  set_.forget(now_);
  EXPECT_EQ(set_.size(), 0u);
}

TEST_F(ChangeSetTest, J9AnExistingFolderIsAdoptedWithItsChildren) {
  folder(10, "d");
  create(InodeId(11), {InodeId(10), FileId(), "f"}, ItemKind::kFile, "x");
  drive_.add("theirs", "root", "d", true, "");
  pass(kSettle);
  must(set_.adopted(begin(only()), *drive_.get(FileId("theirs")), kRoot, now_));
  EXPECT_EQ(send_only().sent.parent, FileId("theirs"));
  EXPECT_TRUE(set_.dirty().empty());
}

TEST_F(ChangeSetTest, J9AdoptionWaitsForWhatIsSentOfTheFolder) {
  folder(10, "name");
  pass(kSettle);
  const Step create = begin(only());
  clean(11, "name", "", true);
  must(set_.rename(InodeId(11), in_root("aside"), now_));
  pass(kSettle);
  const Step leave = begin(only());
  const drive::Item theirs = *drive_.get(FileId("id11"));
  EXPECT_EQ(must(set_.adopted(create, theirs, kRoot, now_)).verdict, Verdict::kAgain);
  finish(leave);
  pass(kSettle);
  EXPECT_EQ(send_only().sent.id, FileId("id10")) << "the name is free by now";
}

TEST_F(ChangeSetTest, J9WhatWasRemovedHereMeanwhileDoesNotRemoveTheirs) {
  folder(10, "name");
  pass(kSettle);
  const Step create = begin(only());
  must(set_.remove(InodeId(10), now_));
  drive_.add("theirs", "root", "name", true, "");
  const drive::Item theirs = *drive_.get(FileId("theirs"));
  EXPECT_EQ(must(set_.adopted(create, theirs, kRoot, now_)).verdict, Verdict::kDone);
  EXPECT_EQ(set_.size(), 0u);
}

TEST_F(ChangeSetTest, J9WhatWasMovedHereMeanwhileDoesNotMoveTheirs) {
  folder(10, "name");
  pass(kSettle);
  const Step create = begin(only());
  must(set_.rename(InodeId(10), in_root("other"), now_));
  drive_.add("theirs", "root", "name", true, "");
  const drive::Item theirs = *drive_.get(FileId("theirs"));
  EXPECT_EQ(must(set_.adopted(create, theirs, kRoot, now_)).verdict, Verdict::kAgain);
  pass(kSettle);
  EXPECT_EQ(send_only().sent.name, "other");
  EXPECT_EQ(drive_.at(FileId("theirs")).item.name, "name");
}

TEST_F(ChangeSetTest, J10BothSurviveAConflict) {
  clean(10, "a", "x");
  rewrite(10, "mine");
  drive_.set_content(drive_.at(FileId("id10")), "theirs");
  const auto heard =
      must(set_.remote_changed(InodeId(10), drive_.get(FileId("id10")), kRoot, now_));
  EXPECT_EQ(heard.verdict, Verdict::kConflict);
  must(set_.conflict(InodeId(10), "a (conflict)", now_));
  pass(kSettle);
  const Step step = send_only();
  EXPECT_EQ(step.sent.name, "a (conflict)");
  EXPECT_EQ(drive_.at(FileId("fresh")).content, "mine");
  EXPECT_EQ(drive_.at(FileId("id10")).content, "theirs");
}

TEST_F(ChangeSetTest, J10WhatWasDeletedThereAndChangedHereIsMadeAnew) {
  clean(10, "a", "x");
  rewrite(10, "mine");
  EXPECT_EQ(must(set_.remote_changed(InodeId(10), std::nullopt, InodeId(), now_)).verdict,
            Verdict::kAgain);
  pass(kSettle);
  EXPECT_EQ(send_only().sent.name, "a");
  EXPECT_EQ(drive_.at(FileId("fresh")).content, "mine");
}

TEST_F(ChangeSetTest, J10ARenameThereAndAnEditHereGoTogether) {
  clean(10, "a", "x");
  rewrite(10, "mine");
  drive_.at(FileId("id10")).item.name = "b";
  drive_.changed(drive_.at(FileId("id10")));
  must(set_.remote_changed(InodeId(10), drive_.get(FileId("id10")), kRoot, now_));
  pass(kSettle);
  EXPECT_FALSE(send_only().sent.name.has_value());
  EXPECT_EQ(drive_.at(FileId("id10")).item.name, "b");
  EXPECT_EQ(drive_.at(FileId("id10")).content, "mine");
}

TEST_F(ChangeSetTest, J10FoldersAboveWhatIsWantedAreMadeAnewAtAnyDepth) {
  clean(10, "above", "", true);
  clean(11, "folder", "", true, "id10", 10);
  create(InodeId(12), {InodeId(11), FileId("id11"), "file"}, ItemKind::kFile, "bytes");
  drive_.at(FileId("id10")).item.trashed = true;
  const auto gone = [&](int inode) {
    const auto item = drive_.get(FileId(cat_id(InodeId(inode))));
    return must(set_.remote_changed(InodeId(inode), item, InodeId(), now_)).verdict;
  };
  EXPECT_EQ(gone(10), Verdict::kAgain);
  EXPECT_EQ(gone(11), Verdict::kAgain);
  pass(kSettle);
  for (const std::string id : {"new above", "new folder", "id12"}) {
    Step step = only();
    must(set_.began(step, {FileId(id), ""}, now_));
    EXPECT_EQ(step.sent.id, FileId(id));
    finish(step);
  }
  EXPECT_EQ(drive_.at(FileId("id12")).item.parent, FileId("new folder"));
  EXPECT_EQ(drive_.at(FileId("new folder")).item.parent, FileId("new above"));
}

TEST_F(ChangeSetTest, J10WhatIsSavedFromOutOfSightGoesWhereTheTreeSays) {
  clean(10, "file", "base");
  rewrite(10, "mine");
  TinyDrive::Entry& theirs = drive_.at(FileId("id10"));
  theirs.item.parent = FileId("unseen");
  drive_.set_content(theirs, "theirs");
  const Outcome outcome = must(set_.remote_changed(InodeId(10), theirs.item, InodeId(), now_));
  EXPECT_EQ(outcome.verdict, Verdict::kConflict);
  must(set_.conflict(InodeId(10), "file (conflict)", now_));
  EXPECT_EQ(set_.find(InodeId(10))->parent(), InodeId());
  must(set_.rename(InodeId(10), in_root("file (conflict)"), now_));
  pass(kHold);
  EXPECT_EQ(only().sent.parent, kRootId);
}

TEST_F(ChangeSetTest, J10ChildrenOfALostFolderCanGoElsewhere) {
  clean(10, "d", "", true);
  clean(20, "driveway-recovered", "", true);
  create(InodeId(11), {InodeId(10), FileId("id10"), "f"}, ItemKind::kFile, "x");
  must(set_.rehome(InodeId(10), InodeId(20), FileId("id20"), now_));
  pass(kSettle);
  EXPECT_EQ(send_only().sent.parent, FileId("id20"));
}

// --- E1, E2, J11.

TEST_F(ChangeSetTest, E1NothingIsSentWithoutALogin) {
  file(10, "a");
  pass(kSettle);
  const Step step = begin(only());
  must(set_.failed(step, Error{ErrorCode::kLoginNeeded, "expired"}, true, now_));
  EXPECT_EQ(wait_of(10), Wait::kLogin);
  EXPECT_TRUE(offered().empty());
  set_.login_restored();
  EXPECT_TRUE(only().resolve);
}

TEST_F(ChangeSetTest, E2PermanentErrorsStickUntilAProbe) {
  file(10, "a");
  pass(kSettle);
  must(set_.failed(begin(only()), refused_, false, now_));
  const Flush flush = set_.raise_all();
  EXPECT_EQ(set_.progress(flush).failed.size(), 1u);
  pass(Milliseconds(59'999));
  EXPECT_TRUE(offered().empty());
  pass(Milliseconds(1));
  finish(begin(only()));
  EXPECT_TRUE(set_.progress(flush).done());
}

TEST_F(ChangeSetTest, E2FullStorageStopsBytesButNotRemovals) {
  file(10, "a");
  file(11, "b");
  clean(12, "c", "x");
  must(set_.remove(InodeId(12), now_));
  pass(kHold);
  const auto steps = offered();
  ASSERT_EQ(steps.size(), 3u);
  must(set_.failed(begin(steps[0]), Error{ErrorCode::kStorageFull, "full"}, false, now_));
  EXPECT_EQ(only().inode, InodeId(12));
  EXPECT_EQ(wait_of(11), Wait::kBlocked);
  pass(Milliseconds(60'000));
  EXPECT_EQ(offered().size(), 2u) << "one probe, and the removal";
}

TEST_F(ChangeSetTest, RetryableErrorsPauseLongerEachTime) {
  file(10, "a");
  pass(kSettle);
  for (const int seconds : {1, 2, 4}) {
    must(set_.failed(begin(only()), cut_, false, now_));
    pass(std::chrono::seconds(seconds) - Milliseconds(1));
    EXPECT_TRUE(offered().empty());
    pass(Milliseconds(1));
  }
  EXPECT_EQ(offered().size(), 1u);
}

TEST_F(ChangeSetTest, J11AFlushRaisesWhatItsFileWaitsFor) {
  folder(10, "d");
  folder(12, "other");
  create(InodeId(11), {InodeId(10), FileId(), "f"}, ItemKind::kFile, "x");
  const std::vector<InodeId> all{InodeId(11)};
  const Flush flush = set_.raise(all);
  EXPECT_EQ(send_only().inode, InodeId(10));  // before --settle
  EXPECT_EQ(send_only().inode, InodeId(11));
  EXPECT_TRUE(set_.progress(flush).done());
  EXPECT_TRUE(offered().empty());
}

TEST_F(ChangeSetTest, J11TheBacklogHasAgeAndEta) {
  for (int i = 0; i < 30; ++i) file(10 + i, std::to_string(i), "0123456789");
  pass(Milliseconds(5'000));
  const Backlog backlog = set_.backlog(now_, 10);
  EXPECT_EQ(backlog.changes, 30u);
  EXPECT_EQ(backlog.bytes, 300u);
  EXPECT_EQ(backlog.age, Milliseconds(5'000));
  EXPECT_EQ(backlog.eta, Milliseconds(30'000));  // 300 bytes at 10 a second; 30 calls at 3
  EXPECT_EQ(set_.backlog(now_, 0).eta, Milliseconds(10'000));
}

}  // namespace
}  // namespace driveway::journal
