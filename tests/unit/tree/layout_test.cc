// The layouts, kinds and attributes of what is shown; reopening; the account.
#include <sys/stat.h>

#include <fstream>

#include "base/fault.h"
#include "tree/tree.h"
#include "tree_fixture.h"

namespace driveway::tree {
namespace {

using drive::Method;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

class Layouts : public TreeFixture {};

TEST_F(Layouts, Colab) {
  const FileId data = store.add_folder(store.root(), "data");
  store.add_file(data, "a.bin", "bytes");
  start();
  EXPECT_EQ(at("").inode, InodeId(1));
  EXPECT_THAT(names(""), ElementsAre(".Trash", ".shared", "MyDrive", "Shareddrives"));
  EXPECT_EQ(at("MyDrive").item->id, store.root());
  EXPECT_THAT(names("MyDrive"), ElementsAre("data"));
  const Node file = at("MyDrive/data/a.bin");
  EXPECT_EQ(file.kind, NodeKind::kFile);
  EXPECT_EQ(file.content, ContentKind::kBlob);
  EXPECT_EQ(file.size, 5u);
  EXPECT_EQ(file.mode, static_cast<mode_t>(S_IFREG | 0644));
  EXPECT_EQ(file.parent, at("MyDrive/data").inode);
  EXPECT_EQ(tree->resolve({}, "MyDrive/data/a.bin/x").error().code, ErrorCode::kNotADirectory);
  EXPECT_EQ(tree->resolve({}, "MyDrive/none").error().code, ErrorCode::kNotFound);
  EXPECT_EQ(tree->list({}, file.inode).error().code, ErrorCode::kNotADirectory);
  EXPECT_EQ(tree->node(InodeId(999'999)).error().code, ErrorCode::kNotFound);
}

TEST_F(Layouts, RootIsMyDriveItself) {
  options.layout = Layout::kRoot;
  store.add_folder(store.root(), "data");
  const FileId odd = store.add_file(store.root(), ".Trash", "a real file");
  start();
  const auto shown = names("");
  ASSERT_EQ(shown.size(), 5u);
  EXPECT_THAT(shown, ::testing::IsSupersetOf({".Shareddrives", ".Trash", ".shared", "data"}));
  EXPECT_EQ(at("").item->id, store.root());
  EXPECT_EQ(at(".Trash").kind, NodeKind::kDirectory);  // the fixed folder keeps its name
  EXPECT_EQ(tree->by_id({}, odd)->size, 11u);
  store.remove(odd);
  poll();
  EXPECT_THAT(names(""), ElementsAre(".Shareddrives", ".Trash", ".shared", "data"));
}

TEST_F(Layouts, LostAndFound) {
  options.lost_and_found = true;
  const FileId data = store.add_folder(store.root(), "data");
  store.add_file(data, "a.bin", "bytes");
  const FileId lost = store.add_lost_file("lost.txt", "x");
  store.add_shared_with_me_file("of others.txt", "y");
  start();
  EXPECT_THAT(names(""), ElementsAre(".Trash", ".shared", "MyDrive", "Shareddrives", "lost+found"));
  EXPECT_THAT(names("lost+found"), ElementsAre("lost.txt"));
  EXPECT_EQ(at("lost+found/lost.txt").item->id, lost);
  store.add_lost_file("later.txt", "z");
  poll();
  EXPECT_THAT(names("lost+found"), ElementsAre("later.txt", "lost.txt"));
  const InodeId before = at("lost+found/lost.txt").inode;
  store.move(lost, data);
  poll();
  EXPECT_THAT(names("lost+found"), ElementsAre("later.txt"));
  EXPECT_EQ(at("MyDrive/data/lost.txt").inode, before);
}

TEST_F(Layouts, LostAndFoundComesAndGoesWithItsOption) {
  options.layout = Layout::kRoot;
  store.add_lost_file("lost.txt", "x");
  start();
  EXPECT_THAT(names(""), ElementsAre(".Shareddrives", ".Trash", ".shared"));
  EXPECT_EQ(tree->resolve({}, "lost+found").error().code, ErrorCode::kNotFound);
  options.lost_and_found = true;
  start();
  EXPECT_THAT(names(""), ElementsAre(".Shareddrives", ".Trash", ".shared", "lost+found"));
  EXPECT_THAT(names("lost+found"), ElementsAre("lost.txt"));
  options.lost_and_found = false;
  options.as_shown_last = true;
  start();
  EXPECT_TRUE(tree->options().lost_and_found);
  EXPECT_THAT(names("lost+found"), ElementsAre("lost.txt"));
  options.as_shown_last = false;
  start();
  EXPECT_THAT(names(""), ElementsAre(".Shareddrives", ".Trash", ".shared"));
}

TEST_F(Layouts, SharedDrivesSharedWithMeAndTrash) {
  const DriveId team = store.add_shared_drive("Team/1");
  store.add_file(FileId(team.value()), "plan.txt", "plan");
  const FileId theirs = store.add_shared_with_me_folder("theirs");
  store.add_file(theirs, "inside.txt", "x");
  store.add_shared_with_me_file("single.txt", "y");
  const FileId old = store.add_file(store.root(), "old.txt", "z");
  store.trash(old);
  start();
  EXPECT_THAT(names("Shareddrives"), ElementsAre("Team\u22151"));
  EXPECT_THAT(names("Shareddrives/Team\u22151"), ElementsAre("plan.txt"));
  EXPECT_THAT(names(".shared"), ElementsAre("single.txt", "theirs"));
  EXPECT_THAT(names(".shared/theirs"), ElementsAre("inside.txt"));
  EXPECT_THAT(names(".Trash"), ElementsAre("old.txt"));
  EXPECT_THAT(names("MyDrive"), IsEmpty());
}

TEST_F(Layouts, OddNamesAndDuplicates) {
  store.add_file(store.root(), "a/b", "1");
  store.add_file(store.root(), ".", "2");
  store.add_file(store.root(), "", "3");
  const FileId oldest = store.add_file(store.root(), "twin.txt", "old");
  clock.advance(std::chrono::seconds(1));
  const FileId younger = store.add_file(store.root(), "twin.txt", "younger");
  store.add_file(store.root(), std::string(300, 'n') + ".txt", "4");
  start();
  EXPECT_TRUE(exists("MyDrive/a\u2215b"));
  const auto shown = names("MyDrive");
  EXPECT_EQ(shown.size(), 6u);
  EXPECT_EQ(at("MyDrive/twin.txt").item->id, oldest);
  const auto twin = std::find_if(shown.begin(), shown.end(), [](const std::string& name) {
    return name.starts_with("twin (");
  });
  ASSERT_NE(twin, shown.end());
  EXPECT_EQ(at("MyDrive/" + *twin).item->id, younger);
  EXPECT_EQ(twin->size(), std::string("twin (12345678).txt").size());
  store.remove(oldest);  // the next one has the plain name
  poll();
  EXPECT_EQ(at("MyDrive/twin.txt").item->id, younger);
  EXPECT_FALSE(exists("MyDrive/" + *twin));
}

TEST_F(Layouts, SuffixGivesWayToARealName) {  // J9
  store.add_file(store.root(), "twin.txt", "old");
  clock.advance(std::chrono::seconds(1));
  const FileId younger = store.add_file(store.root(), "twin.txt", "younger");
  start();
  auto shown = names("MyDrive");
  ASSERT_EQ(shown.size(), 2u);
  const std::string suffixed = shown[0] == "twin.txt" ? shown[1] : shown[0];
  const FileId real = store.add_file(store.root(), suffixed, "really called so");
  poll();
  EXPECT_EQ(at("MyDrive/" + suffixed).item->id, real);
  EXPECT_EQ(names("MyDrive").size(), 3u);
  EXPECT_EQ(tree->by_id({}, younger)->item->id, younger);
}

TEST_F(Layouts, DocsAreLinkFilesOfExactSize) {  // E4
  const FileId doc = store.add_document(store.root(), "Plan");
  store.add_document(store.root(), "Form", "application/vnd.google-apps.form");
  start();
  EXPECT_THAT(names("MyDrive"), ElementsAre("Form.gform", "Plan.gdoc"));
  const Node node = at("MyDrive/Plan.gdoc");
  EXPECT_EQ(node.content, ContentKind::kLink);
  EXPECT_EQ(node.size, node.link_text.size());
  EXPECT_NE(node.link_text.find(doc.value()), std::string::npos);
  EXPECT_NE(node.link_text.find("demo@example.com"), std::string::npos);
  // Another mode shows other names, with the same inodes.
  options.docs = DocsMode::kExport;
  start();
  EXPECT_THAT(names("MyDrive"), ElementsAre("Form.gform", "Plan.docx"));
  const Node exported = at("MyDrive/Plan.docx");
  EXPECT_EQ(exported.content, ContentKind::kExport);
  EXPECT_EQ(exported.size, 0u);
  EXPECT_TRUE(exported.export_mime.ends_with("wordprocessingml.document"));
  EXPECT_EQ(exported.inode, node.inode);
  EXPECT_EQ(store.calls(Method::kExport), 0);
}

TEST_F(Layouts, SymlinksAndModes) {  // E3
  const FileId ours = store.add_file(store.root(), "ours", "../target");
  store.edit(ours, [](drive::Item& item) { item.properties["driveway.symlink"] = "1"; });
  const FileId old = store.add_file(store.root(), "old", "");
  store.edit(old, [](drive::Item& item) { item.app_properties["l"] = "/outside"; });
  start();
  const Node link = at("MyDrive/ours");
  EXPECT_EQ(link.kind, NodeKind::kSymlink);
  EXPECT_EQ(link.content, ContentKind::kBlob);
  EXPECT_EQ(link.size, 9u);
  const Node old_link = at("MyDrive/old");
  EXPECT_EQ(old_link.content, ContentKind::kLink);
  EXPECT_EQ(old_link.link_text, "/outside");
  EXPECT_EQ(old_link.mode, static_cast<mode_t>(S_IFLNK | 0777));
  EXPECT_EQ(entries("MyDrive")[0].kind, NodeKind::kSymlink);
}

TEST_F(Layouts, WarmReopenNeedsNoListingAndKeepsInodes) {
  const FileId data = store.add_folder(store.root(), "data");
  store.add_file(data, "a", "1");
  store.add_shared_drive("Team");
  start();
  const InodeId file = at("MyDrive/data/a").inode;
  const InodeId team = at("Shareddrives/Team").inode;
  tree.reset();
  store.add_file(data, "b", "2");  // while nobody looks
  store.reset_calls();
  start();
  EXPECT_EQ(at("MyDrive/data/a").inode, file);
  EXPECT_EQ(at("Shareddrives/Team").inode, team);
  poll();  // catches up
  EXPECT_THAT(names("MyDrive/data"), ElementsAre("a", "b"));
  EXPECT_EQ(lists(), 0);
  EXPECT_LE(store.calls(), 5);
  EXPECT_EQ(store.calls(Method::kAbout), 0);
}

TEST_F(Layouts, WarmReopenSucceedsWithoutNetwork) {
  store.add_file(store.root(), "a", "1");
  start();
  names("MyDrive");
  tree.reset();
  store.faults().set_hook([](const Context&, const drive::CallInfo&) -> Status {
    return Error{ErrorCode::kUnavailable, "no network", true};
  });
  start();
  EXPECT_THAT(names("MyDrive"), ElementsAre("a"));
  EXPECT_FALSE(exists("MyDrive/none"));
  EXPECT_EQ(tree->poll({}).error().code, ErrorCode::kUnavailable);
  EXPECT_FALSE(tree->status().feed_healthy);
  EXPECT_EQ(tree->status().feed_error->code, ErrorCode::kUnavailable);
  EXPECT_EQ(tree->about({})->email, "demo@example.com");
  EXPECT_THAT(names("MyDrive"), ElementsAre("a"));
  store.faults().clear();
  poll();
  EXPECT_TRUE(tree->status().feed_healthy);
}

TEST_F(Layouts, ColdStartNeedsTheNetworkAndSaysSo) {
  store.faults().fail(Method::kAbout, {ErrorCode::kUnavailable, "no network", true});
  open();
  EXPECT_EQ(tree->start({}, nullptr).error().code, ErrorCode::kUnavailable);
  EXPECT_TRUE(tree->start({}, nullptr).ok());
  EXPECT_THAT(names("MyDrive"), IsEmpty());
}

TEST_F(Layouts, DeletedOrDamagedMetaIsBegunAnewAndNoInodeComesTwice) {  // D3
  store.add_file(store.root(), "a", "1");
  start();
  const InodeId before = at("MyDrive/a").inode;
  tree.reset();
  std::filesystem::remove_all(folder.path() / "meta");
  start();
  const InodeId wiped = at("MyDrive/a").inode;
  EXPECT_NE(wiped, before);
  tree.reset();
  {
    std::ofstream damage(folder.path() / "meta" / "data.mdb", std::ios::trunc);
    damage << std::string(8192, 'x');
  }
  start();
  EXPECT_GT(at("MyDrive/a").inode, wiped);
}

TEST_F(Layouts, AsShownLastForgetsNoListing) {
  store.add_file(store.root(), "a", "1");
  options.layout = Layout::kRoot;
  options.docs = DocsMode::kExport;
  start();
  const InodeId file = at("a").inode;
  options = {.as_shown_last = true};
  store.reset_calls();
  start();
  EXPECT_EQ(tree->options().layout, Layout::kRoot);
  EXPECT_EQ(tree->options().docs, DocsMode::kExport);
  EXPECT_EQ(at("a").inode, file);
  EXPECT_EQ(lists(), 0);
}

TEST_F(Layouts, AnotherLayoutOfTheSameAccount) {
  store.add_file(store.root(), "a", "1");
  start();
  const InodeId file = at("MyDrive/a").inode;
  options.layout = Layout::kRoot;
  start();
  EXPECT_EQ(at("a").inode, file);
  options.layout = Layout::kColab;
  start();
  EXPECT_EQ(at("MyDrive/a").inode, file);
}

TEST_F(Layouts, ByIdFindsWhatIsNowhereListed) {
  const FileId deep = store.add_folder(store.add_folder(store.root(), "a"), "b");
  const FileId file = store.add_file(deep, "f", "12");
  const DriveId team = store.add_shared_drive("Team");
  const FileId planned = store.add_file(FileId(team.value()), "plan", "123");
  start();
  EXPECT_EQ(tree->by_id({}, file)->size, 2u);
  EXPECT_EQ(lists(), 0);
  EXPECT_EQ(store.calls(Method::kGet), 1);
  EXPECT_EQ(tree->by_id({}, file)->size, 2u);
  EXPECT_EQ(store.calls(Method::kGet), 1);  // the feed keeps it fresh
  store.set_content(file, "1234");
  poll();
  EXPECT_EQ(tree->by_id({}, file)->size, 4u);
  EXPECT_EQ(tree->by_id({}, planned)->size, 3u);
  EXPECT_EQ(tree->by_id({}, store.root())->inode, at("MyDrive").inode);
  EXPECT_EQ(tree->by_id({}, FileId("nope")).error().code, ErrorCode::kNotFound);
  EXPECT_THAT(tree->list({}, tree->by_id({}, deep)->inode).value(), ::testing::SizeIs(1));
  // Reached by its path afterwards, it is the same inode.
  EXPECT_EQ(at("MyDrive/a/b/f").inode, tree->by_id({}, file)->inode);
}

TEST_F(Layouts, AboutIsAMinuteOldAtMost) {
  start();
  EXPECT_EQ(store.calls(Method::kAbout), 1);
  EXPECT_EQ(tree->about({})->usage, 0u);
  EXPECT_EQ(store.calls(Method::kAbout), 1);
  drive::About about = *tree->about({});
  about.usage = 42;
  store.set_about(about);
  clock.advance(std::chrono::minutes(2));
  EXPECT_EQ(tree->about({})->usage, 42u);
  store.faults().fail(Method::kAbout, {ErrorCode::kUnavailable, "down", true});
  clock.advance(std::chrono::minutes(2));
  EXPECT_EQ(tree->about({})->usage, 42u);
}

}  // namespace
}  // namespace driveway::tree
