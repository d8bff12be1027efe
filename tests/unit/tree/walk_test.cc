// Listing ahead of a walk, and grouped listings.
#include "tree/tree.h"
#include "tree_fixture.h"

namespace driveway::tree {
namespace {

using drive::Method;
using ::testing::SizeIs;

class WalkAhead : public TreeFixture {
 protected:
  // `folders` folders d00… with `files` files each, in MyDrive.
  void fill(int folders, int files) {
    for (int i = 0; i < folders; ++i) {
      const FileId folder = store.add_folder(store.root(), cat("d", 1000 + i));
      for (int j = 0; j < files; ++j) store.add_file(folder, cat("f", j), "x");
    }
  }
  std::string folder_name(int i) { return cat("MyDrive/d", 1000 + i); }
};

TEST_F(WalkAhead, SecondSubfolderStartsItAndTheRestIsThere) {
  fill(200, 5);
  start();
  names("MyDrive");
  names(folder_name(0));
  EXPECT_EQ(metric("tree.listed_ahead"), 0);
  names(folder_name(1));
  ASSERT_TRUE(eventually([&] { return metric("tree.listed_ahead") == 198; }));
  const int before = lists();
  EXPECT_LE(before, 3 + 20);
  for (int i = 2; i < 200; ++i) EXPECT_THAT(names(folder_name(i)), SizeIs(5));
  EXPECT_EQ(lists(), before);
  for (const auto& call : store.log()) {
    if (call.query.parents.size() > 1) {
      EXPECT_EQ(call.priority, Priority::kPrefetch);
    }
    EXPECT_LE(call.query.parents.size(), 50u);
  }
}

TEST_F(WalkAhead, GoesOnBreadthFirstWhileTheWalkFollows) {
  for (int i = 0; i < 10; ++i) {
    const FileId outer = store.add_folder(store.root(), cat("d", 1000 + i));
    for (int j = 0; j < 10; ++j) {
      const FileId inner = store.add_folder(outer, cat("e", j));
      store.add_folder(inner, "leaf");
    }
  }
  start();
  names("MyDrive");
  names(folder_name(0));
  names(folder_name(1));
  // 8 siblings; 100 below all ten; 100 leaves.
  ASSERT_TRUE(eventually([&] { return metric("tree.listed_ahead") >= 8 + 80; }));
}

TEST_F(WalkAhead, LookingUpPathsIsNoWalk) {
  fill(50, 1);
  start();
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(exists(cat(folder_name(i), "/f0")));
  EXPECT_EQ(metric("tree.listed_ahead"), 0);
  EXPECT_EQ(lists(), 11);
}

TEST_F(WalkAhead, SlowReadersAreNoWalk) {
  fill(50, 1);
  start();
  names("MyDrive");
  for (int i = 0; i < 5; ++i) {
    names(folder_name(i));
    clock.advance(std::chrono::seconds(11));
  }
  EXPECT_EQ(metric("tree.listed_ahead"), 0);
}

TEST_F(WalkAhead, EndsWhenNobodyFollows) {
  fill(400, 5);
  start();
  names("MyDrive");
  names(folder_name(0));
  const InodeId second = at(folder_name(1)).inode;
  const auto gate = store.faults().block(Method::kList);
  std::thread walker([&] { EXPECT_TRUE(tree->list({}, second).ok()); });
  ASSERT_TRUE(gate->wait_for_blocked(1));
  store.faults().set_hook([&](const Context& context, const drive::CallInfo&) -> Status {
    // Time passes as soon as the listing ahead has begun.
    if (context.priority == Priority::kPrefetch) clock.advance(std::chrono::seconds(20));
    return {};
  });
  gate->open();
  walker.join();
  ASSERT_TRUE(eventually([&] { return metric("tree.listed_ahead") > 0; }));
  store.faults().set_hook({});
  // A later reader asks for himself alone.
  EXPECT_THAT(names(folder_name(399)), SizeIs(5));
  EXPECT_LT(metric("tree.listed_ahead"), 398);
}

TEST_F(WalkAhead, EmptyGroupedAnswerIsAskedAgainSingly) {
  fill(30, 2);
  start();
  names("MyDrive");
  names(folder_name(0));
  store.empty_grouped_listings(100);
  names(folder_name(1));
  ASSERT_TRUE(eventually([&] { return metric("tree.listed_ahead") == 28; }));
  for (int i = 2; i < 30; ++i) EXPECT_THAT(names(folder_name(i)), SizeIs(2)) << i;
  EXPECT_EQ(metric("tree.asked_singly"), 28);
}

TEST_F(WalkAhead, AGroupedAnswerThatEndsInNothingIsAskedAgainSingly) {
  fill(30, 2);
  start();
  names("MyDrive");
  names(folder_name(0));
  store.set_page_size(5);
  store.faults().set_hook([&](const Context&, const drive::CallInfo& call) -> Status {
    const bool goes_on = call.query.parents.size() > 1 && !call.page_token.empty();
    if (goes_on) store.empty_grouped_listings();
    return {};
  });
  names(folder_name(1));
  ASSERT_TRUE(eventually([&] { return metric("tree.listed_ahead") == 28; }));
  for (int i = 2; i < 30; ++i) EXPECT_THAT(names(folder_name(i)), SizeIs(2)) << i;
  EXPECT_GT(metric("tree.asked_singly"), 0);
  store.faults().set_hook({});
}

TEST_F(WalkAhead, EmptyFoldersAreFoundEmpty) {
  fill(30, 0);
  start();
  names("MyDrive");
  for (int i = 0; i < 30; ++i) EXPECT_THAT(names(folder_name(i)), SizeIs(0));
}

TEST_F(WalkAhead, ForegroundWaitsForTheQueryThatIsUnderWay) {
  fill(40, 2);
  start();
  names("MyDrive");
  names(folder_name(0));
  const InodeId last = at(folder_name(39)).inode;
  const InodeId second = at(folder_name(1)).inode;
  store.reset_calls();
  const auto gate = store.faults().block(Method::kList);
  std::thread walker([&] { EXPECT_TRUE(tree->list({}, second).ok()); });
  ASSERT_TRUE(gate->wait_for_blocked(1));
  gate->open();
  walker.join();
  ASSERT_TRUE(eventually([&] { return lists() >= 2; }));
  EXPECT_THAT(*tree->list({}, last), SizeIs(2));
  int asked_for_last = 0;
  const FileId id = tree->node(last)->item->id;
  for (const auto& call : store.log()) {
    asked_for_last +=
        static_cast<int>(std::count(call.query.parents.begin(), call.query.parents.end(), id));
  }
  EXPECT_EQ(asked_for_last, 1);
}

TEST_F(WalkAhead, AGroupWithARefusedParentIsAskedSingly) {
  fill(20, 1);
  start();
  names("MyDrive");
  const FileId refused = tree->node(at(folder_name(7)).inode)->item->id;
  store.faults().set_hook([&](const Context&, const drive::CallInfo& call) -> Status {
    const auto& parents = call.query.parents;
    if (std::find(parents.begin(), parents.end(), refused) == parents.end()) return {};
    return Error{ErrorCode::kNotFound, "File not found: ."};
  });
  names(folder_name(0));
  names(folder_name(1));
  ASSERT_TRUE(eventually([&] { return metric("tree.listed_ahead") == 17; }));
  EXPECT_EQ(tree->list({}, at(folder_name(7)).inode).error().code, ErrorCode::kNotFound);
  EXPECT_THAT(names(folder_name(8)), SizeIs(1));
  store.faults().set_hook({});
}

}  // namespace
}  // namespace driveway::tree
