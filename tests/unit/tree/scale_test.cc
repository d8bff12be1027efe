// What a big tree costs: CPU and memory of a cold walk, of a warm one, and of reopening. Bounds are
// loose (debug builds and sanitizers run this too); the figures are printed.
#include <time.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>

#include "tree/tree.h"
#include "tree_fixture.h"
#include "unit/drive/passing_store.h"

namespace driveway::tree {
namespace {

struct NoItems {
  FakeClock clock;
  drive::FakeStore empty{clock};
};

// Gives back what it got, at once: the tree's own cost, without a FakeStore's.
class Snapshot final : NoItems, public drive::PassingStore {
 public:
  Snapshot(int folders, int files) : PassingStore(empty) {
    about_.root = FileId("root-of-my-drive");
    about_.email = "demo@example.com";
    for (int i = 0; i < folders; ++i) {
      drive::Item folder = item(cat("folder-with-a-long-id-", 100'000 + i), about_.root);
      folder.kind = drive::ItemKind::kFolder;
      folder.mime_type = "application/vnd.google-apps.folder";
      children_[about_.root].push_back(folder);
      for (int j = 0; j < files; ++j) {
        drive::Item file = item(cat("file-with-a-long-id-", 1'000'000 + i * files + j), folder.id);
        file.size = 1024;
        file.md5 = std::string(32, 'a');
        file.sha1 = std::string(40, 'b');
        file.sha256 = std::string(64, 'c');
        file.head_revision = Revision(std::string(50, 'r'));
        children_[folder.id].push_back(std::move(file));
      }
    }
  }
  Result<drive::About> about(const Context&) override { return about_; }
  Result<drive::Item> get(const Context&, const FileId& id) override {
    return Error{ErrorCode::kNotFound, id.value()};
  }
  Result<drive::ItemPage> list(const Context&, const drive::ListQuery& query,
                               const std::string& token) override {
    pages_.fetch_add(1);
    const std::size_t first = token.empty() ? 0 : parse_uint(token).value_or(0);
    drive::ItemPage page;
    std::size_t position = 0;
    for (const FileId& parent : query.parents) {
      for (const drive::Item& item : children_[parent]) {
        if (position++ < first) continue;
        if (page.items.size() == 1000) {
          page.next_page_token = cat(first + 1000);
          return page;
        }
        page.items.push_back(item);
      }
    }
    return page;
  }
  Result<std::vector<drive::SharedDrive>> shared_drives(const Context&) override {
    return std::vector<drive::SharedDrive>();
  }
  Result<std::string> start_page_token(const Context&, const drive::Feed&) override {
    return std::string("1");
  }
  Result<drive::ChangePage> changes(const Context&, const drive::Feed&,
                                    const std::string& token) override {
    drive::ChangePage page;
    page.new_start_page_token = token;
    return page;
  }
  int pages() const { return pages_.load(); }

 private:
  static drive::Item item(std::string id, const FileId& parent) {
    drive::Item item;
    item.name = cat("name of ", id);
    item.id = FileId(std::move(id));
    item.mime_type = "application/octet-stream";
    item.parent = parent;
    item.version = 7;
    item.web_view_link = cat("https://drive.google.com/file/d/", item.id, "/view?usp=drivesdk");
    return item;
  }
  drive::About about_;
  std::map<FileId, std::vector<drive::Item>> children_;
  std::atomic<int> pages_{0};
};

double cpu_seconds() {
  timespec now{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

double wall_seconds() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

double anonymous_mib() {
  std::ifstream status("/proc/self/status");
  std::string line;
  while (std::getline(status, line)) {
    if (line.starts_with("RssAnon:")) return std::atof(line.c_str() + 8) / 1024;
  }
  return 0;
}

class Scale : public TreeFixture {
 protected:
  // As `find` does: names and attributes of all.
  std::size_t walk() {
    std::size_t count = 0;
    std::vector<InodeId> pending = {at("MyDrive").inode};
    while (!pending.empty()) {
      const InodeId here = pending.back();
      pending.pop_back();
      const auto entries = tree->list({}, here);
      EXPECT_TRUE(entries.ok());
      std::vector<InodeId> inodes;
      for (const DirEntry& entry : *entries) inodes.push_back(entry.inode);
      const auto nodes = tree->nodes(inodes);
      for (const auto& node : nodes) EXPECT_TRUE(node.has_value());
      count += nodes.size();
      for (auto entry = entries->rbegin(); entry != entries->rend(); ++entry) {
        if (entry->kind == NodeKind::kDirectory) pending.push_back(entry->inode);
      }
    }
    return count;
  }
  void measure(const char* what, const std::function<void()>& action) {
    const double cpu = cpu_seconds();
    const double wall = wall_seconds();
    action();
    std::printf("%-28s %7.3f s wall %7.3f s CPU, anonymous memory +%.0f MiB\n", what,
                wall_seconds() - wall, cpu_seconds() - cpu, anonymous_mib() - memory_before_);
  }
  double memory_before_ = 0;
};

// DRIVEWAY_TREE_FILES=100 makes it 100,000 files in 1,000 folders.
TEST_F(Scale, ColdWalkWarmWalkAndReopening) {
  const char* const given = std::getenv("DRIVEWAY_TREE_FILES");
  const int files = given == nullptr ? 5 : std::atoi(given);
  const int folders = given == nullptr ? 200 : 1000;
  Snapshot snapshot(folders, files);
  const auto total = static_cast<std::size_t>(folders) * static_cast<std::size_t>(files + 1);
  memory_before_ = anonymous_mib();
  const auto open_tree = [&] {
    tree.reset();
    auto opened =
        Tree::open(folder.path() / "meta", options, snapshot, scheduler, inodes, clock, metrics);
    ASSERT_TRUE(opened.ok()) << opened.error().to_string();
    tree = std::move(opened).value();
    ASSERT_TRUE(tree->start({}, &recorder).ok());
  };
  measure("open, cold", open_tree);
  measure("walk, cold", [&] { EXPECT_EQ(walk(), total); });
  EXPECT_LE(snapshot.pages(), 10 + folders / 2);
  const int pages = snapshot.pages();
  std::printf("%zu items, %d pages\n", total, pages);
  measure("walk, warm", [&] { EXPECT_EQ(walk(), total); });
  measure("reopen", open_tree);
  measure("walk, reopened", [&] { EXPECT_EQ(walk(), total); });
  EXPECT_EQ(snapshot.pages(), pages);
  EXPECT_LT(anonymous_mib() - memory_before_, 100);
}

TEST_F(Scale, AFolderOfTenThousand) {
  Snapshot snapshot(1, 10'000);
  memory_before_ = anonymous_mib();
  auto opened =
      Tree::open(folder.path() / "meta", options, snapshot, scheduler, inodes, clock, metrics);
  ASSERT_TRUE(opened.ok());
  tree = std::move(opened).value();
  ASSERT_TRUE(tree->start({}, &recorder).ok());
  const InodeId directory = entries("MyDrive")[0].inode;
  measure("10,000 entries, cold", [&] { EXPECT_EQ(tree->list({}, directory)->size(), 10'000u); });
  std::vector<InodeId> inodes;
  measure("10,000 entries, warm", [&] {
    const auto listed = tree->list({}, directory);
    for (const DirEntry& entry : *listed) inodes.push_back(entry.inode);
  });
  measure("10,000 nodes", [&] { EXPECT_EQ(tree->nodes(inodes).size(), 10'000u); });
}

}  // namespace
}  // namespace driveway::tree
