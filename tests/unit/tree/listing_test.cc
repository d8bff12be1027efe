// How directories get listed: completeness, grouping, what is believed.
#include "base/fault.h"
#include "tree/tree.h"
#include "tree_fixture.h"

namespace driveway::tree {
namespace {

using drive::Method;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class Listing : public TreeFixture {
 protected:
  void TearDown() override { fault::disarm_all(); }
};

TEST_F(Listing, OneListingServesAllNamesAndMisses) {
  for (int i = 0; i < 10; ++i) store.add_file(store.root(), cat("f", i), "x");
  start();
  EXPECT_TRUE(exists("MyDrive/f3"));
  EXPECT_EQ(lists(), 1);
  EXPECT_TRUE(exists("MyDrive/f7"));
  EXPECT_FALSE(exists("MyDrive/none"));
  EXPECT_THAT(names("MyDrive"), SizeIs(10));
  EXPECT_EQ(lists(), 1);
}

TEST_F(Listing, PagesAreFollowed) {
  store.set_page_size(7);
  for (int i = 0; i < 50; ++i) store.add_file(store.root(), cat("f", i), "x");
  start();
  EXPECT_THAT(names("MyDrive"), SizeIs(50));
  EXPECT_EQ(lists(), 8);
}

TEST_F(Listing, FeedTokenIsTakenBeforeTheFirstListing) {  // J3
  const DriveId team = store.add_shared_drive("Team");
  store.add_file(FileId(team.value()), "a", "1");
  start();
  names("MyDrive");
  names("Shareddrives/Team");
  std::vector<std::pair<Method, std::optional<DriveId>>> calls;
  for (const auto& call : store.log()) {
    if (call.method == Method::kStartPageToken || call.method == Method::kList) {
      calls.emplace_back(call.method, call.drive);
    }
  }
  EXPECT_THAT(calls, ElementsAre(std::pair(Method::kStartPageToken, std::optional<DriveId>()),
                                 std::pair(Method::kList, std::optional<DriveId>()),
                                 std::pair(Method::kStartPageToken, std::optional(team)),
                                 std::pair(Method::kList, std::optional(team))));
}

TEST_F(Listing, DirectoriesWantedAtOnceShareAQueryWhenThreadsAreScarce) {
  std::vector<FileId> folders;
  for (int i = 0; i < 60; ++i) {
    folders.push_back(store.add_folder(store.root(), cat("d", i)));
    store.add_file(folders.back(), "f", "x");
  }
  start();
  std::vector<InodeId> directories;
  directories.reserve(60);
  for (int i = 0; i < 60; ++i) directories.push_back(at(cat("MyDrive/d", i)).inode);
  store.reset_calls();
  const auto gate = store.faults().block(Method::kList);
  std::vector<std::thread> readers;
  readers.reserve(60);
  for (const InodeId directory : directories) {
    readers.emplace_back([this, directory] { EXPECT_THAT(*tree->list({}, directory), SizeIs(1)); });
  }
  const bool all_wait = eventually([&] { return metric("tree.waiting") == 60; });
  gate->open();
  for (std::thread& reader : readers) reader.join();
  EXPECT_TRUE(all_wait);
  EXPECT_LT(lists(), 60);
}

TEST_F(Listing, OneQueryForAllWhoWait) {
  const FileId data = store.add_folder(store.root(), "data");
  store.add_file(data, "f", "x");
  start();
  const InodeId directory = at("MyDrive/data").inode;
  store.reset_calls();
  const auto gate = store.faults().block(Method::kList);
  std::vector<std::thread> readers;
  readers.reserve(8);
  for (int i = 0; i < 8; ++i) {
    readers.emplace_back([&] { EXPECT_TRUE(tree->lookup({}, directory, "f").ok()); });
  }
  const bool all_wait = eventually([&] { return metric("tree.waiting") == 8; });
  gate->open();
  for (std::thread& reader : readers) reader.join();
  EXPECT_TRUE(all_wait);
  EXPECT_EQ(lists(), 1);
}

TEST_F(Listing, FailureReachesTheCallerAndNothingIsRemembered) {
  store.add_file(store.root(), "a", "1");
  start();
  store.faults().fail(Method::kList, {ErrorCode::kUnavailable, "down", true});
  EXPECT_EQ(tree->resolve({}, "MyDrive/a").error().code, ErrorCode::kUnavailable);
  EXPECT_TRUE(exists("MyDrive/a"));
}

TEST_F(Listing, WaitingEndsWithTheContext) {  // R5
  store.add_file(store.root(), "a", "1");
  start();
  const auto gate = store.faults().block(Method::kList);
  CancelSource interrupt;
  Context context;
  context.cancel = interrupt.token();
  std::thread reader(
      [&] { EXPECT_EQ(tree->resolve(context, "MyDrive/a").error().code, ErrorCode::kCancelled); });
  ASSERT_TRUE(gate->wait_for_blocked(1));
  interrupt.cancel();
  reader.join();
  // What nobody waits for is cancelled; the next one asks again.
  std::thread next([&] { EXPECT_TRUE(exists("MyDrive/a")); });
  gate->open();
  next.join();
}

TEST_F(Listing, AbsenceOfWhatTheFeedToldLatelyProvesNothing) {  // J3
  start();
  const FileId data = store.add_folder(store.root(), "data");
  poll();
  names("MyDrive");
  store.set_listing_lag(std::chrono::seconds(60));
  const FileId fresh = store.add_file(data, "fresh", "1");
  const FileId doomed = store.add_file(data, "doomed", "2");
  clock.advance(std::chrono::seconds(70));
  const FileId fresher = store.add_file(data, "fresher", "3");
  store.remove(doomed);
  poll();
  // The listing still has "doomed", and not yet "fresher".
  EXPECT_THAT(names("MyDrive/data"), ElementsAre("fresh", "fresher"));
  EXPECT_EQ(at("MyDrive/data/fresher").item->id, fresher);
  EXPECT_EQ(at("MyDrive/data/fresh").item->id, fresh);
}

TEST_F(Listing, WhatWeMayNotSeeAnyMoreDoesNotSpoilAListing) {  // J3
  start();
  const FileId data = store.add_folder(store.root(), "data");
  const FileId hidden = store.add_file(data, "hidden", "1");
  store.add_file(data, "kept", "2");
  poll();
  names("MyDrive");
  store.set_listing_lag(std::chrono::seconds(60));
  store.remove(hidden);
  poll();
  store.faults().set_hook([&](const Context&, const drive::CallInfo& call) -> Status {
    if (call.method != Method::kGet || call.id != hidden) return {};
    return Error{ErrorCode::kPermissionDenied, "insufficientFilePermissions"};
  });
  EXPECT_THAT(names("MyDrive/data"), ElementsAre("kept"));  // the listing still has the other
}

TEST_F(Listing, ARunAheadThatHasNoTurnIsRaisedForWhoWaits) {
  std::vector<FileId> folders;
  for (int i = 0; i < 4; ++i) {
    folders.push_back(store.add_folder(store.root(), cat("d", i)));
    for (int j = 0; j < 2; ++j) {
      store.add_file(store.add_folder(folders.back(), cat("s", j)), "f", "x");
    }
  }
  start();
  names("MyDrive");
  // As a budget would that others use up: low priorities wait until they are cancelled.
  std::atomic<int> starving{0};
  store.faults().set_hook([&](const Context& context, const drive::CallInfo& call) -> Status {
    if (call.method != Method::kList || call.priority == Priority::kForeground) return {};
    ++starving;
    while (!context.cancel.cancelled()) std::this_thread::yield();
    return Error{ErrorCode::kCancelled, "cancelled"};
  });
  names("MyDrive/d0");
  names("MyDrive/d1");  // a walk: the rest is listed ahead
  ASSERT_TRUE(eventually([&] { return starving > 0; }));
  const InodeId waited_for = at("MyDrive/d2").inode;
  ASSERT_TRUE(eventually([&] { return clock.waiting() == 1; }));  // the feed, whose thread runs
  std::thread reader([&] { EXPECT_THAT(*tree->list({}, waited_for), SizeIs(2)); });
  EXPECT_TRUE(eventually([&] { return clock.waiting() == 2; }));  // and the reader
  clock.advance(std::chrono::seconds(2));
  reader.join();
  store.faults().clear();
}

TEST_F(Listing, OlderVersionsOfAListingDoNotMerge) {  // J3
  const FileId data = store.add_folder(store.root(), "data");
  const FileId file = store.add_file(data, "old name", "1");
  store.set_listing_lag(std::chrono::seconds(60));
  start();
  store.rename(file, "new name");
  EXPECT_EQ(tree->by_id({}, file)->item->name, "new name");
  EXPECT_THAT(names("MyDrive/data"), ElementsAre("new name"));
}

TEST_F(Listing, IncompleteSearchProvesNoAbsence) {
  const FileId data = store.add_folder(store.root(), "data");
  store.add_file(data, "a", "1");
  start();
  store.set_incomplete_search(true);
  EXPECT_THAT(names("MyDrive/data"), ElementsAre("a"));
  const int before = lists();
  EXPECT_FALSE(exists("MyDrive/data/b"));
  EXPECT_GT(lists(), before);  // it was asked for again
  store.set_incomplete_search(false);
  EXPECT_THAT(names("MyDrive/data"), ElementsAre("a"));
  const int complete = lists();
  EXPECT_FALSE(exists("MyDrive/data/b"));
  EXPECT_EQ(lists(), complete);
}

TEST_F(Listing, ChangesBetweenPagesAreSeen) {
  const FileId data = store.add_folder(store.root(), "data");
  std::vector<FileId> files;
  files.reserve(30);
  for (int i = 0; i < 30; ++i) files.push_back(store.add_file(data, cat("f", 10 + i), "x"));
  start();
  at("MyDrive/data");
  store.set_page_size(10);
  int pages = 0;
  store.faults().set_hook([&](const Context&, const drive::CallInfo& call) -> Status {
    // Items shift: without care, one between the pages would never be seen.
    if (call.method == Method::kList && ++pages == 2) store.remove(files[0]);
    return {};
  });
  names("MyDrive/data");
  store.faults().set_hook({});
  poll();
  EXPECT_THAT(names("MyDrive/data"), SizeIs(29));
}

TEST_F(Listing, FolderListedWhileItWasInTheTrashIsListedAnew) {
  const FileId outer = store.add_folder(store.root(), "outer");
  const FileId inner = store.add_folder(outer, "inner");
  store.add_file(inner, "f", "x");
  start();
  at("MyDrive/outer/inner");
  store.trash(outer);
  EXPECT_THAT(names("MyDrive/outer/inner"), IsEmpty());  // we have not heard of it yet
  store.untrash(outer);
  poll();
  EXPECT_TRUE(eventually([&] { return names("MyDrive/outer/inner").size() == 1; }));
}

TEST_F(Listing, ALostCommitIsListedAgain) {
  if (!fault::compiled_in()) return;
  store.add_file(store.root(), "a", "1");
  start();
  bool failed = false;
  fault::arm("tree.before_listing_commit", [&]() -> Status {
    if (std::exchange(failed, true)) return {};
    return Error{ErrorCode::kNoSpace, "full"};
  });
  EXPECT_EQ(tree->resolve({}, "MyDrive/a").error().code, ErrorCode::kNoSpace);
  EXPECT_TRUE(exists("MyDrive/a"));
}

}  // namespace
}  // namespace driveway::tree
