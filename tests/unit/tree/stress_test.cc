// Many readers, another client, the feed and remounts of listings, all at once: nothing crashes,
// nothing hangs, and at the end what is shown is right. Run under the thread sanitizer too.
#include <random>

#include "tree/tree.h"
#include "tree_fixture.h"

namespace driveway::tree {
namespace {

using ::testing::UnorderedElementsAreArray;

class Stress : public TreeFixture {
 protected:
  void read(std::uint32_t seed) {
    std::mt19937 random(seed);
    while (!stop_) {
      InodeId here = InodeId(2);
      for (int depth = 0; depth < 4; ++depth) {
        const auto entries = tree->list({}, here);
        if (!entries.ok() || entries->empty()) break;
        std::vector<InodeId> inodes;
        for (const DirEntry& entry : *entries) inodes.push_back(entry.inode);
        EXPECT_EQ(tree->nodes(inodes).size(), inodes.size());
        const DirEntry& entry = (*entries)[random() % entries->size()];
        const auto node = tree->lookup({}, here, entry.name);
        if (!node.ok() || node->kind != NodeKind::kDirectory) break;
        here = node->inode;
      }
    }
  }
  void change(std::uint32_t seed, const std::vector<FileId>& folders) {
    std::mt19937 random(seed);
    for (int i = 0; i < 300; ++i) {
      const FileId& folder = folders[random() % folders.size()];
      const FileId file = store.add_file(folder, cat("n", i % 7), "x");
      store.set_content(file, "changed");
      if (i % 3 == 0) store.move(file, folders[random() % folders.size()]);
      if (i % 5 == 0) store.remove(file);
      if (i % 11 == 0) store.add_shortcut(folder, cat("s", i), file);
      if (i == 150) store.expire_tokens();
      std::this_thread::yield();
    }
  }
  std::atomic<bool> stop_{false};
};

TEST_F(Stress, ReadersPollsAndAnotherClient) {
  const auto seed = std::random_device{}();
  SCOPED_TRACE(cat("seed ", seed));
  std::vector<FileId> folders;
  for (int i = 0; i < 10; ++i) {
    folders.push_back(store.add_folder(store.root(), cat("d", i)));
    folders.push_back(store.add_folder(folders.back(), "e"));
  }
  start();
  std::vector<std::thread> readers;
  for (std::uint32_t i = 0; i < 4; ++i) readers.emplace_back([this, i, seed] { read(seed + i); });
  std::thread poller([this] {
    while (!stop_) static_cast<void>(tree->poll({}).ok());
  });
  change(seed, folders);
  stop_ = true;
  for (std::thread& reader : readers) reader.join();
  poller.join();
  poll();
  for (const FileId& folder : folders) {
    drive::ListQuery query;
    query.parents = {folder};
    const auto page = store.list({}, query, "");
    ASSERT_TRUE(page.ok());
    std::vector<FileId> expected;
    for (const drive::Item& item : page->items) expected.push_back(item.id);
    const InodeId inode = tree->by_id({}, folder)->inode;
    std::vector<FileId> shown;
    const bool right = eventually([&] {
      shown.clear();
      const auto entries = tree->list({}, inode);
      if (!entries.ok()) return false;
      for (const DirEntry& entry : *entries) {
        const auto node = tree->lookup({}, inode, entry.name);
        if (!node.ok()) return false;
        shown.push_back(node->shortcut ? node->shortcut->id : node->item->id);
      }
      return ::testing::Matches(UnorderedElementsAreArray(expected))(shown);
    });
    EXPECT_TRUE(right);
    EXPECT_THAT(shown, UnorderedElementsAreArray(expected));
  }
}

}  // namespace
}  // namespace driveway::tree
