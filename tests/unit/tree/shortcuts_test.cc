// Shortcuts: to files, to folders, in loops, to nothing.
#include <sys/stat.h>

#include "tree/tree.h"
#include "tree_fixture.h"

namespace driveway::tree {
namespace {

using drive::Method;
using ::testing::ElementsAre;

class Shortcuts : public TreeFixture {
 protected:
  // All paths below `path`, not through symlinks: what find prints.
  std::vector<std::string> find(const std::string& path, std::size_t most = 10'000) {
    std::vector<std::string> found;
    std::vector<std::string> pending = {path};
    while (!pending.empty() && found.size() < most) {
      const std::string here = pending.back();
      pending.pop_back();
      for (const DirEntry& entry : entries(here)) {
        const std::string child = here.empty() ? entry.name : cat(here, "/", entry.name);
        found.push_back(child);
        if (at(child).kind == NodeKind::kDirectory) pending.push_back(child);
      }
    }
    return found;
  }
};

TEST_F(Shortcuts, ToAFileShowItsSizeAndBytes) {
  const FileId data = store.add_folder(store.root(), "data");
  const FileId file = store.add_file(data, "a.bin", "12345");
  const FileId shortcut = store.add_shortcut(store.root(), "link.bin", file);
  start();
  const Node node = at("MyDrive/link.bin");
  EXPECT_EQ(node.kind, NodeKind::kFile);
  EXPECT_EQ(node.size, 5u);
  EXPECT_EQ(node.item->id, file);
  EXPECT_EQ(node.shortcut->id, shortcut);
  EXPECT_EQ(tree->by_id({}, shortcut)->item->id, file);
  // Its content changes: the shortcut's inode does too (R1a).
  store.set_content(file, "1234567");
  poll();
  const Node now = at("MyDrive/link.bin");
  EXPECT_NE(now.inode, node.inode);
  EXPECT_EQ(now.size, 7u);
  EXPECT_EQ(tree->node(node.inode)->size, 5u);
  EXPECT_TRUE(recorder.entry(at("MyDrive").inode, "link.bin"));
}

TEST_F(Shortcuts, ReaddirDoesNotWaitForTargets) {
  const FileId data = store.add_folder(store.root(), "data");
  for (int i = 0; i < 20; ++i) {
    const FileId file = store.add_file(data, cat("f", i), std::string(static_cast<size_t>(i), 'x'));
    store.add_shortcut(store.root(), cat("s", i), file);
  }
  start();
  const auto gate = store.faults().block(Method::kGet);
  const auto shown = entries("MyDrive");
  EXPECT_EQ(shown.size(), 21u);
  for (const DirEntry& entry : shown) {
    if (entry.name == "data") continue;
    EXPECT_EQ(entry.kind, NodeKind::kFile);
    EXPECT_EQ(tree->node(entry.inode).error().code, ErrorCode::kUnavailable);
  }
  ASSERT_TRUE(gate->wait_for_blocked(2));  // several at once
  gate->open();
  EXPECT_EQ(at("MyDrive/s7").size, 7u);
  EXPECT_TRUE(eventually([&] {
    std::vector<InodeId> inodes;
    inodes.reserve(shown.size());
    for (const DirEntry& entry : shown) inodes.push_back(entry.inode);
    const auto nodes = tree->nodes(inodes);
    return std::all_of(nodes.begin(), nodes.end(),
                       [](const auto& node) { return node.has_value(); });
  }));
  EXPECT_EQ(store.calls(Method::kGet), 20);
}

TEST_F(Shortcuts, AGetAheadThatHasNoTurnIsRaisedForWhoWaits) {
  const FileId file = store.add_file(store.add_shared_with_me_folder("theirs"), "file", "12345");
  store.add_shortcut(store.root(), "s", file);
  start();
  // As a budget would that others use up: low priorities wait until they are cancelled.
  std::atomic<int> starving{0};
  store.faults().set_hook([&](const Context& context, const drive::CallInfo& call) -> Status {
    if (call.method != Method::kGet || call.priority == Priority::kForeground) return {};
    ++starving;
    while (!context.cancel.cancelled()) std::this_thread::yield();
    return Error{ErrorCode::kCancelled, "cancelled"};
  });
  names("MyDrive");  // has the target asked for ahead
  ASSERT_TRUE(eventually([&] { return starving > 0; }));
  ASSERT_TRUE(eventually([&] { return clock.waiting() == 1; }));  // the feed, whose thread runs
  std::thread reader([&] { EXPECT_EQ(at("MyDrive/s").size, 5u); });
  EXPECT_TRUE(eventually([&] { return clock.waiting() == 2; }));  // and the reader
  clock.advance(std::chrono::seconds(2));
  reader.join();
}

TEST_F(Shortcuts, ToAFolderIsADirectoryWithItsEntries) {
  const DriveId team = store.add_shared_drive("Team");
  const FileId dataset = store.add_folder(FileId(team.value()), "dataset");
  store.add_file(dataset, "labels.csv", "1,2");
  const FileId train = store.add_folder(dataset, "train");
  store.add_file(train, "0.png", "png");
  store.add_shortcut(store.root(), "ds", dataset);
  start();
  EXPECT_EQ(at("MyDrive/ds").kind, NodeKind::kDirectory);
  EXPECT_THAT(names("MyDrive/ds"), ElementsAre("labels.csv", "train"));
  EXPECT_EQ(at("MyDrive/ds/train/0.png").size, 3u);
  // A directory stands in one place only; a file may stand in two.
  EXPECT_NE(at("MyDrive/ds").inode, at("Shareddrives/Team/dataset").inode);
  EXPECT_NE(at("MyDrive/ds/train").inode, at("Shareddrives/Team/dataset/train").inode);
  EXPECT_EQ(at("MyDrive/ds/train/0.png").inode, at("Shareddrives/Team/dataset/train/0.png").inode);
  EXPECT_EQ(entries("MyDrive/ds")[1].inode, at("MyDrive/ds/train").inode);
  // Changes are told for both.
  const InodeId view = at("MyDrive/ds").inode;
  const InodeId below = at("MyDrive/ds/train").inode;
  store.add_file(dataset, "new", "");
  store.add_file(train, "1.png", "");
  poll();
  EXPECT_TRUE(recorder.entry(view, "new"));
  EXPECT_TRUE(recorder.entry(below, "1.png"));
  EXPECT_THAT(names("MyDrive/ds/train"), ElementsAre("0.png", "1.png"));
  const InodeId stable = at("MyDrive/ds/train").inode;
  start();
  EXPECT_EQ(at("MyDrive/ds/train").inode, stable);
}

TEST_F(Shortcuts, ALoopIsASymlinkToTheAncestor) {
  const FileId a = store.add_folder(store.root(), "a");
  const FileId b = store.add_folder(a, "b");
  store.add_shortcut(b, "self", b);
  store.add_shortcut(b, "up", a);
  store.add_shortcut(b, "top", store.root());
  start();
  for (const auto& [name, target] : std::vector<std::pair<std::string, std::string>>{
           {"self", "."}, {"up", ".."}, {"top", "../.."}}) {
    const Node node = at("MyDrive/a/b/" + name);
    EXPECT_EQ(node.kind, NodeKind::kSymlink) << name;
    EXPECT_EQ(node.link_text, target);
    EXPECT_EQ(node.size, target.size());
    EXPECT_EQ(node.mode & S_IFMT, static_cast<mode_t>(S_IFLNK));
  }
  for (const DirEntry& entry : entries("MyDrive/a/b")) EXPECT_EQ(entry.kind, NodeKind::kSymlink);
  EXPECT_EQ(find("").size(), 4u + 2u + 3u);
}

TEST_F(Shortcuts, FoldersThatPointToEachOtherEnd) {
  const FileId a = store.add_folder(store.root(), "a");
  const FileId b = store.add_folder(store.root(), "b");
  store.add_shortcut(a, "to b", b);
  store.add_shortcut(b, "to a", a);
  start();
  EXPECT_EQ(at("MyDrive/a/to b").kind, NodeKind::kDirectory);
  const Node back = at("MyDrive/a/to b/to a");
  EXPECT_EQ(back.kind, NodeKind::kSymlink);
  EXPECT_EQ(back.link_text, "..");
  EXPECT_NE(back.inode, at("MyDrive/b/to a").inode);
  EXPECT_EQ(find("").size(), 4u + 2u + 2u + 2u);
}

TEST_F(Shortcuts, ManyThatPointToEachOtherEndToo) {
  std::vector<FileId> folders;
  folders.reserve(5);
  for (int i = 0; i < 5; ++i) folders.push_back(store.add_folder(store.root(), cat("d", i)));
  for (const FileId& from : folders) {
    for (const FileId& to : folders) store.add_shortcut(from, cat("to ", to), to);
  }
  start();
  const auto found = find("", 10'000);
  EXPECT_LT(found.size(), 2'000u);
}

TEST_F(Shortcuts, DanglingOnesSaySo) {
  const FileId file = store.add_file(store.root(), "file", "x");
  const FileId folder = store.add_folder(store.root(), "folder");
  store.add_shortcut(store.root(), "to file", file);
  store.add_shortcut(store.root(), "to folder", folder);
  store.add_shortcut(store.root(), "to nothing", FileId("nothing"));
  start();
  for (const char* name : {"to file", "to folder"}) EXPECT_TRUE(exists(cat("MyDrive/", name)));
  EXPECT_EQ(at("MyDrive/to nothing").kind, NodeKind::kFile);
  store.remove(file);
  store.remove(folder);
  poll();
  for (const char* name : {"to file", "to folder", "to nothing"}) {
    const Node node = at(cat("MyDrive/", name));
    EXPECT_EQ(node.kind, NodeKind::kFile) << name;
    EXPECT_EQ(node.content, ContentKind::kLink);
    EXPECT_EQ(node.size, node.link_text.size());
    EXPECT_NE(node.link_text.find("points to an item that was deleted"), std::string::npos);
  }
  for (const DirEntry& entry : entries("MyDrive")) EXPECT_EQ(entry.kind, NodeKind::kFile);
  const int gets = store.calls(Method::kGet);
  at("MyDrive/to nothing");
  EXPECT_EQ(store.calls(Method::kGet), gets);  // known to dangle
}

TEST_F(Shortcuts, ToDocsAreLinkFiles) {
  const FileId doc = store.add_document(store.root(), "Plan");
  store.add_shortcut(store.root(), "p", doc);
  start();
  EXPECT_EQ(at("MyDrive/p.gdoc").link_text, at("MyDrive/Plan.gdoc").link_text);
}

TEST_F(Shortcuts, WithoutNetworkKnownTargetsAreShownAndOthersFail) {
  const FileId file = store.add_file(store.root(), "file", "x");
  const FileId other = store.add_file(store.add_shared_with_me_folder("theirs"), "other", "yy");
  store.add_shortcut(store.root(), "known", file);
  store.add_shortcut(store.root(), "unknown", other);
  start();
  at("MyDrive/known");
  store.faults().set_hook([](const Context&, const drive::CallInfo&) -> Status {
    return Error{ErrorCode::kUnavailable, "no network", true};
  });
  EXPECT_EQ(at("MyDrive/known").size, 1u);
  EXPECT_EQ(tree->resolve({}, "MyDrive/unknown").error().code, ErrorCode::kUnavailable);
  store.faults().clear();
  EXPECT_EQ(at("MyDrive/unknown").size, 2u);
}

}  // namespace
}  // namespace driveway::tree
