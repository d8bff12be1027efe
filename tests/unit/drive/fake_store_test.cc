// FakeStore where it is more than a store: set-up, faults, lag, the merging feed.
#include "drive/fake_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

#include "unit/drive/test_sinks.h"

namespace driveway::drive {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class FakeStoreTest : public testing::Test {
 protected:
  std::vector<std::string> names(const FileId& parent) {
    ListQuery query;
    query.parents = {parent};
    std::vector<std::string> result;
    std::string token;
    do {
      auto page = store.list(context, query, token);
      if (!page.ok()) return {"error"};
      for (const Item& item : page->items) result.push_back(item.name);
      token = page->next_page_token;
    } while (!token.empty());
    return result;
  }

  FakeClock clock;
  FakeStore store{clock};
  Context context;
};

TEST_F(FakeStoreTest, PagesHoldWhatWasAdded) {
  store.set_page_size(2);
  for (const char* name : {"a", "b", "b", "c", "d"}) store.add_file(store.root(), name, name);
  EXPECT_THAT(names(store.root()), ElementsAre("a", "b", "b", "c", "d"));
  EXPECT_EQ(store.calls(Method::kList), 3);
}

TEST_F(FakeStoreTest, TrashOfAFolderHidesWhatIsIn) {
  const FileId folder = store.add_folder(store.root(), "folder");
  const FileId file = store.add_file(folder, "file", "x");
  store.trash(folder);
  EXPECT_TRUE(store.find(file)->trashed);
  EXPECT_FALSE(store.find(file)->explicitly_trashed);
  EXPECT_THAT(names(folder), IsEmpty());
  store.untrash(folder);
  EXPECT_THAT(names(folder), ElementsAre("file"));
}

TEST_F(FakeStoreTest, TheFeedMergesEditsOfOneItem) {
  const std::string token = store.start_page_token(context, {}).value();
  const FileId file = store.add_file(store.root(), "a", "1");
  store.set_content(file, "22");
  store.rename(file, "b");
  const auto page = store.changes(context, {}, token).value();
  ASSERT_EQ(page.changes.size(), 1U);
  EXPECT_EQ(page.changes[0].item->name, "b");
  EXPECT_EQ(page.changes[0].item->version, 3U);
  EXPECT_THAT(store.changes(context, {}, page.new_start_page_token)->changes, IsEmpty());
}

TEST_F(FakeStoreTest, ListingsAndFeedLagBehind) {
  const FileId old = store.add_file(store.root(), "old", "1");
  const std::string token = store.start_page_token(context, {}).value();
  store.set_listing_lag(std::chrono::seconds(30));
  store.set_feed_lag(std::chrono::seconds(10));
  store.add_file(store.root(), "new", "1");
  store.rename(old, "renamed");
  EXPECT_THAT(names(store.root()), ElementsAre("old"));
  EXPECT_EQ(store.get(context, old)->name, "renamed");
  auto page = store.changes(context, {}, token).value();
  EXPECT_THAT(page.changes, IsEmpty());
  clock.advance(std::chrono::seconds(10));
  EXPECT_EQ(store.changes(context, {}, page.new_start_page_token)->changes.size(), 2U);
  clock.advance(std::chrono::seconds(20));
  EXPECT_THAT(names(store.root()), ElementsAre("renamed", "new"));
}

TEST_F(FakeStoreTest, FaultsComeAsPlanned) {
  const FileId file = store.add_file(store.root(), "a", std::string(1000, 'x'));
  store.faults().fail(Method::kGet, {ErrorCode::kUnavailable, "503", true});
  EXPECT_TRUE(store.get(context, file).failed_with(ErrorCode::kUnavailable));
  const Item item = store.get(context, file).value();
  store.faults().cut(Method::kRead, 300, {ErrorCode::kUnavailable, "cut", true});
  StringSink sink;
  EXPECT_TRUE(store.read(context, item, {0, 1000}, sink).failed_with(ErrorCode::kUnavailable));
  EXPECT_EQ(sink.text.size(), 300U);
  store.expire_tokens();
  EXPECT_TRUE(store.changes(context, {}, "c:0:1").failed_with(ErrorCode::kTokenExpired));
}

TEST_F(FakeStoreTest, AGateHoldsCallsAndHonoursCancel) {
  auto gate = store.faults().block(Method::kAbout);
  CancelSource cancel;
  Context cancellable;
  cancellable.cancel = cancel.token();
  Status first;
  std::thread caller([&] {
    auto result = store.about(cancellable);
    if (!result.ok()) first = result.error();
  });
  ASSERT_TRUE(gate->wait_for_blocked(1));
  cancel.cancel();
  caller.join();
  EXPECT_TRUE(first.failed_with(ErrorCode::kCancelled));
  gate->open();
  EXPECT_TRUE(store.about(context).ok());
}

TEST_F(FakeStoreTest, RemovedSharedDriveLeavesEntries) {
  const DriveId drive = store.add_shared_drive("Team");
  const FileId file = store.add_file(FileId(drive.value()), "a", "1");
  EXPECT_EQ(store.find(file)->drive, drive);
  const std::string token = store.start_page_token(context, {}).value();
  store.remove_shared_drive(drive);
  EXPECT_THAT(store.shared_drives(context).value(), IsEmpty());
  const auto page = store.changes(context, {}, token).value();
  ASSERT_FALSE(page.changes.empty());
  EXPECT_TRUE(page.changes.back().is_drive);
  EXPECT_TRUE(page.changes.back().removed);
}

}  // namespace
}  // namespace driveway::drive
