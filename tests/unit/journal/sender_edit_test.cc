// What the sender makes of changes that go well, and of what it finds before it sends.
#include "unit/journal/sender_fixture.h"

namespace driveway::journal {
namespace {

using drive::some_bytes;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;
using testing::UnorderedElementsAre;

class SenderEdit : public SenderTest {
 protected:
  void create_with(InodeId inode, const std::string& name, const ContentState& content) {
    change([&](ChangeSet& set, WallTime now) {
      NewEntry entry;
      entry.mime_type = "text/plain";
      entry.modified = now;
      entry.content = content;
      return set.create(inode, place(kRoot, name), entry, now);
    });
  }
  // Drive makes items with ids of its own only.
  void refuse_ids() {
    store_.faults().set_hook([this](const Context&, const drive::CallInfo& call) -> Status {
      const bool makes = call.method == Method::kCreate || call.method == Method::kBeginUpload;
      if (!makes || call.id.empty() || store_.find(call.id)) return {};
      return Error{ErrorCode::kInvalidArgument, "The provided file ID is not usable."};
    });
  }
  // Another client writes between our look at the head and our last byte.
  void overwrite_in_the_last_moment(const FileId& id) {
    store_.faults().set_hook(
        [this, id, first = true](const Context&, const drive::CallInfo& call) mutable -> Status {
          if (call.method == Method::kUpdate && std::exchange(first, false)) {
            store_.set_content(id, "theirs");
          }
          return {};
        });
  }
};

TEST_F(SenderEdit, FoldersAndFilesAreMade) {
  const InodeId folder = make_folder("d");
  create("a.txt", "alpha", folder);
  const InodeId empty = create("empty", "");
  ASSERT_TRUE(drain());
  EXPECT_THAT(tree(),
              ElementsAre(Pair("d", "<folder>"), Pair("d/a.txt", "alpha"), Pair("empty", "")));
  EXPECT_FALSE(side_.has_dirty(empty)) << "its content is not dirty any more";
  EXPECT_EQ(side_.confirmed().size(), 2);
  const auto item = store_.find(id_of("empty"));
  EXPECT_EQ(item->mime_type, "text/plain");
}

TEST_F(SenderEdit, ANewContentAndItsNameAreOneCall) {
  const FileId id = store_.add_file(store_.root(), "a", "old");
  rewrite(id, "new");
  rename(id, kRoot, "b");
  ASSERT_TRUE(drain());
  EXPECT_THAT(tree(), ElementsAre(Pair("b", "new")));
  EXPECT_EQ(store_.calls(Method::kUpdate), 1);
  EXPECT_EQ(store_.find(id)->name, "b");
}

TEST_F(SenderEdit, MovesAttributesAndRemovals) {
  const FileId folder = store_.add_folder(store_.root(), "d");
  const FileId moved = store_.add_file(store_.root(), "a", "bytes");
  const FileId doomed = store_.add_file(store_.root(), "b", "bytes");
  known(folder);
  rename(moved, known(folder), "c");
  remove(doomed);
  change([&](ChangeSet& set, WallTime now) {
    know(set, folder);
    Attributes attributes;
    attributes.properties["driveway.mode"] = "0700";
    return set.set_attributes(known(folder), attributes, now);
  });
  ASSERT_TRUE(drain());
  EXPECT_THAT(tree(), ElementsAre(Pair("d", "<folder>"), Pair("d/c", "bytes")));
  EXPECT_TRUE(store_.find(doomed)->explicitly_trashed);
  EXPECT_THAT(store_.find(folder)->properties, ElementsAre(Pair("driveway.mode", "0700")));
}

// Coalescing: only what is left of many changes reaches Drive.
TEST_F(SenderEdit, WhatIsQueuedCoalesces) {
  const InodeId inode = create("a", "1");
  for (int i = 2; i < 10; ++i) write(inode, std::to_string(i));
  change([&](ChangeSet& set, WallTime now) { return set.rename(inode, place(kRoot, "b"), now); });
  const InodeId gone = create("gone", "x");
  change([&](ChangeSet& set, WallTime now) { return set.remove(gone, now); });
  ASSERT_TRUE(drain());
  EXPECT_THAT(tree(), ElementsAre(Pair("b", "9")));
  EXPECT_EQ(changing_calls(), 1);
}

TEST_F(SenderEdit, AFileIsCopiedByTheServer) {
  const FileId id = store_.add_file(store_.root(), "a", "bytes");
  const InodeId inode = new_inode();
  create_with(inode, "b", side_.copy_of(inode, *store_.find(id)));
  ASSERT_TRUE(drain());
  EXPECT_THAT(tree(), ElementsAre(Pair("a", "bytes"), Pair("b", "bytes")));
  EXPECT_EQ(store_.calls(Method::kCopy), 1);
  EXPECT_EQ(store_.bytes_sent(), 0);
  ASSERT_EQ(side_.confirmed().size(), 1u) << "what is here of it is clean from now on";
  EXPECT_FALSE(side_.confirmed()[0].has_snapshot) << "no byte of it is here";
}

// The server's copy would have another content.
TEST_F(SenderEdit, ACopyOfWhatHasChangedGoesAsBytes) {
  const FileId id = store_.add_file(store_.root(), "a", "bytes");
  const InodeId inode = new_inode();
  const ContentState copy = side_.copy_of(inode, *store_.find(id), "bytes");
  store_.set_content(id, "other");
  create_with(inode, "b", copy);
  ASSERT_TRUE(drain());
  EXPECT_THAT(tree(), ElementsAre(Pair("a", "other"), Pair("b", "bytes")));
  EXPECT_EQ(store_.calls(Method::kCopy), 0);
}

TEST_F(SenderEdit, ACopyOfWhatHasChangedAndIsNotHereIsReported) {
  const FileId id = store_.add_file(store_.root(), "a", "bytes");
  const InodeId inode = new_inode();
  const ContentState copy = side_.copy_of(inode, *store_.find(id));
  store_.set_content(id, "other");
  create_with(inode, "b", copy);
  side_.fail_snapshots(Error{ErrorCode::kStale, "the base has gone"});
  ASSERT_TRUE(eventually([&] { return row(inode)->problem.has_value(); }));
  EXPECT_TRUE(row(inode)->problem->permanent);
  EXPECT_EQ(store_.calls(Method::kCopy), 0);
}

// Drive copies to new items only, and takes no other type without a content.
TEST_F(SenderEdit, ACopyThatIsToldOfAgainIsAnUpdateWithBytes) {
  const FileId id = store_.add_file(store_.root(), "a", "bytes");
  const InodeId inode = new_inode();
  const drive::Item source = *store_.find(id);
  store_.faults().set_hook([&](const Context&, const drive::CallInfo& call) -> Status {
    if (call.method != Method::kCopy) return {};
    change([&](ChangeSet& set, WallTime now) {
      return set.synced(inode, side_.copy_of(inode, source, "bytes"), now, now);
    });
    return {};
  });
  create_with(inode, "b", side_.copy_of(inode, source, "bytes"));
  ASSERT_TRUE(drain());
  EXPECT_THAT(tree(), ElementsAre(Pair("a", "bytes"), Pair("b", "bytes")));
  EXPECT_FALSE(row(inode)->problem);
}

// --- J2: ids that Drive does not take.

TEST_F(SenderEdit, WhatDriveTakesNoIdForIsMadeWithout) {
  refuse_ids();
  side_.on_accept([this](const drive::Item& item) {
    const InodeId inode =
        journal_->look([&](const ChangeSet& set) { return set.find_id(item.id); });
    EXPECT_NE(inode, InodeId()) << "the tree is to know whose inode " << item.name << " has";
  });
  const InodeId folder = make_folder("d");
  const InodeId file = create("a", "bytes", folder);
  const std::string large = some_bytes(kLarge, 1);
  create("large", large, folder);
  ASSERT_TRUE(drain());
  EXPECT_THAT(tree(),
              ElementsAre(Pair("d", "<folder>"), Pair("d/a", "bytes"), Pair("d/large", large)));
  EXPECT_EQ(side_.confirmed().size(), 2);
  const auto made = store_.find(row(file)->known.id);
  ASSERT_TRUE(made);
  EXPECT_EQ(made->name, "a");
  write(file, "more");
  ASSERT_TRUE(drain());
  EXPECT_EQ(store_.content(made->id), "more");
}

TEST_F(SenderEdit, WhatWasMadeWithoutAnIdIsFoundAgain) {
  refuse_ids();
  // Where the answer to the create is lost, and where that to the look for what it has made is.
  for (const Method lost : {Method::kCreate, Method::kList}) {
    SCOPED_TRACE(drive::to_string(lost));
    const std::string name(drive::to_string(lost));
    const InodeId inode = new_inode();
    create_with(inode, name, side_.write(inode, name));
    store_.faults().lose_answer(Method::kCreate);
    if (lost == Method::kList) store_.faults().lose_answer(Method::kList, 3);
    ASSERT_TRUE(drain());
    EXPECT_TRUE(store_.find(row(inode)->known.id));
    EXPECT_EQ(tree().at(name), name);
  }
  EXPECT_EQ(tree().size(), 2) << "nothing was made twice";
}

// J9.
TEST_F(SenderEdit, ANameThatIsTakenWhileAnIdIsRefusedIsAConflict) {
  bool is_first = true;
  store_.faults().set_hook([&](const Context&, const drive::CallInfo& call) -> Status {
    if (call.method != Method::kCreate || call.id.empty()) return {};
    if (std::exchange(is_first, false)) store_.add_file(store_.root(), "a", "theirs");
    return Error{ErrorCode::kInvalidArgument, "The provided file ID is not usable."};
  });
  create("a", "ours");
  ASSERT_TRUE(drain());
  EXPECT_THAT(tree(), ElementsAre(Pair("a", "theirs"), Pair("a (conflict)", "ours")));
}

// J6: the name keeps its id; what is replaced is fetched first.
TEST_F(SenderEdit, ARenameOverAFileIsANewRevisionOfIt) {
  const FileId id = store_.add_file(store_.root(), "a", "old");
  const InodeId inode = create("tmp", "new");
  change([&](ChangeSet& set, WallTime now) {
    know(set, id);
    return set.rename_over(inode, known(id), place(kRoot, "a"), now);
  });
  ASSERT_TRUE(drain());
  EXPECT_THAT(tree(), ElementsAre(Pair("a", "new")));
  EXPECT_EQ(store_.content(id), "new");
  EXPECT_EQ(store_.edits().size(), 1);
  EXPECT_THAT(side_.replaced(), ElementsAre(known(id)));
}

// --- J8.

TEST_F(SenderEdit, ATreeGoesToTheTrashInOneCall) {
  const FileId folder = store_.add_folder(store_.root(), "d");
  const FileId inner = store_.add_folder(folder, "e");
  const FileId file = store_.add_file(inner, "f", "bytes");
  known(folder);
  known(inner);
  remove(file, known(inner));
  remove(inner, known(folder));
  remove(folder);
  ASSERT_TRUE(drain());
  EXPECT_THAT(tree(), IsEmpty());
  EXPECT_EQ(changing_calls(), 1);
  EXPECT_TRUE(store_.find(folder)->explicitly_trashed);
  EXPECT_FALSE(store_.find(file)->explicitly_trashed);
}

TEST_F(SenderEdit, AFolderWithSomethingElseInItStays) {
  const FileId folder = store_.add_folder(store_.root(), "d");
  const FileId inner = store_.add_folder(folder, "e");
  const FileId file = store_.add_file(inner, "f", "bytes");
  known(folder);
  known(inner);
  remove(file, known(inner));
  remove(inner, known(folder));
  remove(folder);
  store_.add_file(inner, "theirs", "precious");
  ASSERT_TRUE(drain());
  EXPECT_THAT(tree(), ElementsAre(Pair("d", "<folder>"), Pair("d/e", "<folder>"),
                                  Pair("d/e/theirs", "precious")));
  EXPECT_TRUE(store_.find(file)->explicitly_trashed) << "that was ours to remove";
}

// --- J9.

TEST_F(SenderEdit, AFolderThatIsThereIsAdopted) {
  const InodeId inode = make_folder("d");
  create("a", "bytes", inode);
  const FileId theirs = store_.add_folder(store_.root(), "d");
  ASSERT_TRUE(drain());
  EXPECT_THAT(tree(), ElementsAre(Pair("d", "<folder>"), Pair("d/a", "bytes")));
  EXPECT_EQ(row(inode)->known.id, theirs);
}

TEST_F(SenderEdit, AFileThatIsThereKeepsItsName) {
  create("a", "ours");
  store_.add_file(store_.root(), "a", "theirs");
  ASSERT_TRUE(drain());
  EXPECT_THAT(tree(), ElementsAre(Pair("a", "theirs"), Pair("a (conflict)", "ours")));
}

// Listings are late: what has left its name since is no conflict.
TEST_F(SenderEdit, ANameThatWasLeftIsFree) {
  store_.set_listing_lag(std::chrono::hours(1));
  const FileId id = store_.add_file(store_.root(), "a", "old");
  pass(std::chrono::hours(1));
  rename(id, kRoot, "b");
  ASSERT_TRUE(drain());
  create("a", "new");
  ASSERT_TRUE(drain());
  EXPECT_EQ(store_.find(id)->name, "b");
  store_.set_listing_lag(Duration::zero());
  EXPECT_THAT(tree(), ElementsAre(Pair("a", "new"), Pair("b", "old")));
}

// --- J10.

TEST_F(SenderEdit, WhatWasChangedByBothIsKeptTwice) {
  const FileId id = store_.add_file(store_.root(), "a", "base");
  rewrite(id, "ours");
  store_.set_content(id, "theirs");
  ASSERT_TRUE(drain());
  EXPECT_THAT(tree(), ElementsAre(Pair("a", "theirs"), Pair("a (conflict)", "ours")));
  EXPECT_EQ(store_.content(id), "theirs");
  EXPECT_EQ(metrics_.counter("sender.conflicts").value(), 1);
}

TEST_F(SenderEdit, WhatAnotherClientRemovedAndWeChangedIsMadeAnew) {
  const FileId deleted = store_.add_file(store_.root(), "a", "base");
  const FileId trashed = store_.add_file(store_.root(), "b", "base");
  rewrite(deleted, "ours a");
  rewrite(trashed, "ours b");
  store_.remove(deleted);
  store_.trash(trashed);
  ASSERT_TRUE(drain());
  EXPECT_THAT(tree(), ElementsAre(Pair("a", "ours a"), Pair("b", "ours b")));
}

TEST_F(SenderEdit, WhatAnotherClientMovedIsEditedWhereItIs) {
  const FileId folder = store_.add_folder(store_.root(), "d");
  const FileId id = store_.add_file(store_.root(), "a", "base");
  known(folder);
  rewrite(id, "ours");
  store_.move(id, folder);
  ASSERT_TRUE(drain());
  EXPECT_THAT(tree(), ElementsAre(Pair("d", "<folder>"), Pair("d/a", "ours")));
}

TEST_F(SenderEdit, WhatHasLostItsFolderIsRecovered) {
  const FileId folder = store_.add_folder(store_.root(), "d");
  const FileId recovered = store_.add_folder(store_.root(), "driveway-recovered");
  side_.set_recovery(new_inode(), recovered);
  known(folder);
  store_.trash(folder);
  create("a", "bytes", known(folder));
  ASSERT_TRUE(drain());
  EXPECT_THAT(tree(), ElementsAre(Pair("driveway-recovered", "<folder>"),
                                  Pair("driveway-recovered/a", "bytes")));
}

// A folder that the journal has a row of is made anew where it was.
TEST_F(SenderEdit, AFolderThatHasGoneIsMadeAnewForWhatIsInIt) {
  const InodeId folder = make_folder("d");
  ASSERT_TRUE(drain());
  const FileId id = row(folder)->known.id;
  store_.remove(id);
  create("a", "bytes", folder);
  ASSERT_TRUE(drain());
  EXPECT_THAT(tree(), ElementsAre(Pair("d", "<folder>"), Pair("d/a", "bytes")));
  EXPECT_NE(row(folder)->known.id, id);
}

// What another client wrote between our look and our last byte is kept, too.
TEST_F(SenderEdit, WhatWasOverwrittenUnseenIsSaved) {
  const FileId id = store_.add_file(store_.root(), "a", "base");
  store_.faults().set_hook([&](const Context&, const drive::CallInfo& call) -> Status {
    if (call.method == Method::kUpdate) store_.set_content(id, "theirs");
    return {};
  });
  rewrite(id, "ours");
  ASSERT_TRUE(drain());
  store_.faults().clear();
  EXPECT_THAT(tree(), ElementsAre(Pair("a", "ours"), Pair("a (conflict)", "theirs")));
}

// J10: nothing is saved into the trash.
TEST_F(SenderEdit, WhatWasOverwrittenInATrashedFolderIsSavedElsewhere) {
  const FileId folder = store_.add_folder(store_.root(), "d");
  const FileId id = store_.add_file(folder, "a", "base");
  const FileId home = store_.add_folder(store_.root(), "driveway-recovered");
  side_.set_recovery(known(home), home);
  const InodeId parent = known(folder);
  store_.faults().set_hook(
      [&, first = true](const Context&, const drive::CallInfo& call) mutable -> Status {
        if (call.method != Method::kUpdate || !std::exchange(first, false)) return {};
        store_.set_content(id, "theirs");
        store_.trash(folder);
        return {};
      });
  rewrite(id, "ours", parent);
  ASSERT_TRUE(drain());
  store_.faults().clear();
  EXPECT_EQ(tree()["driveway-recovered/a (conflict)"], "theirs");
  EXPECT_EQ(tree()["driveway-recovered/a"], "ours")
      << "what was sent went into the trash with its folder";
}

// J10: it went into the trash, in a folder that a moment ago was none of it.
TEST_F(SenderEdit, WhatWasSentIntoAFolderThatWasJustTrashedIsMadeAnewElsewhere) {
  const FileId folder = store_.add_folder(store_.root(), "d");
  const FileId home = store_.add_folder(store_.root(), "driveway-recovered");
  side_.set_recovery(known(home), home);
  store_.faults().set_hook(
      [&, first = true](const Context&, const drive::CallInfo& call) mutable -> Status {
        if (call.method == Method::kCreate && std::exchange(first, false)) store_.trash(folder);
        return {};
      });
  create("new", "ours", known(folder));
  ASSERT_TRUE(drain());
  store_.faults().clear();
  EXPECT_EQ(tree()["driveway-recovered/new"], "ours");
  EXPECT_EQ(store_.calls(Method::kCreate), 2);
}

// J10: nothing was written yet when it went.
TEST_F(SenderEdit, WhatWasRemovedWhileItWasOpenIsMadeAnewWhenItIsWritten) {
  const FileId folder = store_.add_folder(store_.root(), "d");
  const FileId home = store_.add_folder(store_.root(), "driveway-recovered");
  side_.set_recovery(known(home), home);
  for (const bool with_folder : {false, true}) {
    SCOPED_TRACE(with_folder);
    const FileId id = store_.add_file(folder, "a", "base");
    const InodeId inode = known(id);
    change([&](ChangeSet& set, WallTime) -> Result<Rows> {
      know(set, id, known(folder));
      DRIVEWAY_CHECK(set.opened(inode));
      return Rows{};
    });
    if (with_folder) {
      pass(std::chrono::seconds(11));
      store_.trash(folder);
      sender_->heard(id, store_.find(id), InodeId());
    } else {
      store_.remove(id);
      sender_->heard(id, std::nullopt, InodeId());
    }
    EXPECT_EQ(dirty(), 0U) << "nothing is made anew of what nobody writes";
    write(inode, "ours");
    change([&](ChangeSet& set, WallTime now) { return set.closed(inode, {}, {}, now); });
    ASSERT_TRUE(drain());
    EXPECT_EQ(tree()[with_folder ? "driveway-recovered/a" : "d/a"], "ours");
  }
}

// Drive made the copy, and nobody was told.
TEST_F(SenderEdit, WhatWasOverwrittenIsSavedOnce) {
  const FileId id = store_.add_file(store_.root(), "a", "base");
  store_.edit(id, [](drive::Item& item) {
    item.properties = {{std::string(kOperation), "another"}, {"x-colour", "red"}};
  });
  overwrite_in_the_last_moment(id);
  store_.faults().lose_answer(Method::kCreate);
  rewrite(id, "ours");
  ASSERT_TRUE(drain());
  store_.faults().clear();
  EXPECT_THAT(tree(), ElementsAre(Pair("a", "ours"), Pair("a (conflict)", "theirs")));
  EXPECT_THAT(store_.find(id_of("a (conflict)"))->properties, ElementsAre(Pair("x-colour", "red")))
      << "J2: an operation is that of one item";
  EXPECT_EQ(metrics_.counter("sender.conflicts").value(), 1);
}

// Also where it takes a restart, and others go on writing.
TEST_F(SenderEdit, WhatWasOverwrittenIsSavedInTheEnd) {
  const FileId id = store_.add_file(store_.root(), "a", "base");
  overwrite_in_the_last_moment(id);
  for (const Method method : {Method::kRevisions, Method::kKeepRevision, Method::kReadRevision}) {
    store_.faults().fail(method, {ErrorCode::kUnavailable, "cut", true});
  }
  rewrite(id, "ours");
  const InodeId inode = known(id);
  ASSERT_TRUE(eventually([&] { return row(inode)->sent && row(inode)->sent->overwritten; }));
  reopen();
  store_.set_content(id, "theirs again");
  ASSERT_TRUE(drain());
  const auto found = tree();
  std::vector<std::string> contents;
  for (const auto& [name, content] : found) contents.push_back(content);
  EXPECT_THAT(contents, UnorderedElementsAre("ours", "theirs", "theirs again"));
  EXPECT_EQ(found.at("a"), "theirs again");
}

// What Drive has thrown away holds up nothing.
TEST_F(SenderEdit, WhatWasOverwrittenAndHasGoneIsReported) {
  const FileId id = store_.add_file(store_.root(), "a", "base");
  overwrite_in_the_last_moment(id);
  store_.faults().fail(Method::kKeepRevision, {ErrorCode::kNotFound, "no such revision"});
  rewrite(id, "ours");
  ASSERT_TRUE(drain());
  EXPECT_THAT(tree(), ElementsAre(Pair("a", "ours")));
}

// --- What is heard (J3, J10).

TEST_F(SenderEdit, WhatIsHeardOfADirtyFileIsAConflict) {
  const FileId id = store_.add_file(store_.root(), "a", "base");
  rewrite(id, "ours");
  store_.set_content(id, "theirs");
  sender_->heard(id, store_.find(id), kRoot);
  EXPECT_EQ(row(known(id))->name(), "a (conflict)") << "at once";
  ASSERT_TRUE(drain());
  EXPECT_THAT(tree(), ElementsAre(Pair("a", "theirs"), Pair("a (conflict)", "ours")));
}

TEST_F(SenderEdit, WhatIsHeardWhileSomethingIsSentWaits) {
  const FileId id = store_.add_file(store_.root(), "a", "base");
  std::optional<drive::Item> theirs;
  fault::arm("sender.after_answer", [&]() -> Status {
    store_.set_content(id, "theirs");
    theirs = store_.find(id);
    sender_->heard(id, theirs, kRoot);
    EXPECT_LT(row(known(id))->known.version, theirs->version) << "not before the outcome";
    return {};
  });
  rename(id, kRoot, "ours");
  ASSERT_TRUE(drain());
  ASSERT_TRUE(theirs);
  EXPECT_EQ(row(known(id))->known.version, theirs->version);
  EXPECT_THAT(tree(), ElementsAre(Pair("ours", "theirs")));
}

// J3: the row stays until the feed has told of it, and ten minutes.
TEST_F(SenderEdit, RowsGoWhenTheyAreNeededNoMore) {
  const InodeId inode = create("a", "bytes");
  ASSERT_TRUE(drain());
  const auto seen = journal_->changes();
  pass(std::chrono::minutes(20));
  ASSERT_TRUE(soon([&] { return journal_->changes() != seen; })) << "once a minute";
  EXPECT_TRUE(row(inode)) << "nobody has echoed it";
  const FileId id = row(inode)->known.id;
  sender_->heard(id, store_.find(id), kRoot);
  EXPECT_TRUE(eventually([&] { return !row(inode); }));
  EXPECT_TRUE(journal_->empty());
}

// What the feed told just before a crash it does not tell again.
TEST_F(SenderEdit, AnEchoThatWasMissedIsAskedFor) {
  const InodeId inode = create("a", "bytes");
  const FileId doomed = store_.add_file(store_.root(), "b", "bytes");
  remove(doomed);
  ASSERT_TRUE(drain());
  store_.remove(doomed);
  EXPECT_TRUE(eventually([&] { return journal_->empty(); }));
  EXPECT_FALSE(row(inode));
}

// Who only reads, or changes what is there, asks for none.
TEST_F(SenderEdit, IdsAreAtHandOnceOneWasAskedFor) {
  rename(store_.add_file(store_.root(), "a", "bytes"), kRoot, "b");
  ASSERT_TRUE(drain());
  EXPECT_EQ(store_.calls(Method::kGenerateIds), 0);
  EXPECT_FALSE(sender_->take_id());
  ASSERT_TRUE(soon([&] { return store_.calls(Method::kGenerateIds) > 0; }));
  std::optional<FileId> id;
  ASSERT_TRUE(soon([&] { return (id = sender_->take_id()).has_value(); }));
  EXPECT_NE(sender_->take_id(), id);
}

}  // namespace
}  // namespace driveway::journal
