// Changes of ours and of others at random, told in any order: no inode shows bytes that it did not
// have or that were not put there from it (R1a, J6), and in the end all is as Drive has it (J3).
#include <random>

#include "own_changes_fixture.h"

namespace driveway::tree {
namespace {

class OwnChangesModel : public OwnChangesFixture,
                        public ::testing::WithParamInterface<std::uint32_t> {
 protected:
  using Step = void (OwnChangesModel::*)();

  std::size_t below(std::size_t count) { return random() % count; }
  std::string content() { return cat("content ", ++contents); }
  FileId folder() { return folders[below(folders.size())]; }
  std::string name() { return cat("n", below(4)); }
  // One of the files that are in no trash; nothing where there is none.
  std::optional<FileId> some_file() {
    std::vector<FileId> there;
    for (const FileId& id : files) {
      if (const auto item = store.find(id); item && !item->trashed) there.push_back(id);
    }
    if (there.empty()) return std::nullopt;
    return there[below(there.size())];
  }
  // As the journal would know it.
  std::optional<InodeId> inode_of(const FileId& id) {
    if (const auto known = ours.inode_of(id)) return known;
    const auto node = tree->by_id({}, id);
    return node.ok() ? std::optional(node->inode) : std::nullopt;
  }

  void create() {
    files.push_back(make(folder(), name(), content(), new_inode()));
    if (below(2) == 0) accept(files.back());
  }
  void they_create() { files.push_back(store.add_file(folder(), name(), content())); }
  void write() {
    const auto id = some_file();
    const auto inode = id ? inode_of(*id) : std::nullopt;
    if (!inode) return;
    upload(*id, *inode, content());
    if (below(2) == 0) accept(*id);
  }
  void they_write() {
    if (const auto id = some_file()) store.set_content(*id, content());
  }
  void they_move() {
    const auto id = some_file();
    if (!id) return;
    store.rename(*id, name());
    if (below(2) == 0) store.move(*id, folder());
  }
  void they_trash_or_remove() {
    const auto id = some_file();
    if (id && below(3) == 0) below(2) == 0 ? store.trash(*id) : store.remove(*id);
  }
  void rename_over() {  // J6
    const auto from = some_file();
    const auto onto = some_file();
    if (!from || !onto || *from == *onto) return;
    const auto source = inode_of(*from);
    const auto target = inode_of(*onto);
    if (!source || !target || *source == *target) return;
    ours.knows(*from, *target);
    ours.removes_it(*from);
    if (below(2) == 0) poll();
    upload(*onto, *source, content());
    if (below(2) == 0) poll();
    accept(*onto);
    if (below(2) == 0) poll();
    store.trash(*from);
    accept(*from);
  }
  void conflict() {  // J10: the inode becomes a new item
    const auto id = some_file();
    const auto inode = id ? inode_of(*id) : std::nullopt;
    if (!inode) return;
    ours.forgets(*id);
    files.push_back(make(folder(), name(), content(), *inode));
    if (below(2) == 0) accept(files.back());
  }
  void forget_row() {
    if (const auto id = some_file()) ours.forgets(*id);
  }
  void hear() { below(5) == 0 ? lose_feed() : poll(); }

  // R1a.
  void look() {
    for (const FileId& each : folders) {
      const auto directory = tree->by_id({}, each);
      ASSERT_TRUE(directory.ok()) << directory.error().to_string();
      const auto entries = tree->list({}, directory->inode);
      ASSERT_TRUE(entries.ok()) << entries.error().to_string();
      for (const DirEntry& entry : *entries) seen.insert(entry.inode);
    }
    for (const InodeId inode : seen) {
      const auto node = tree->node(inode);
      if (!node.ok() || node->content != ContentKind::kBlob) continue;
      std::string& before = bytes[inode];
      if (before.empty()) before = node->item->md5;
      EXPECT_TRUE(before == node->item->md5 || ours.wrote(inode, *node->item))
          << "inode " << inode.value() << " shows what nobody wrote there";
      before = node->item->md5;
    }
  }
  void expect_as_drive_has_it() {
    poll();
    std::set<InodeId> inodes;
    for (const FileId& each : folders) {
      std::set<FileId> there;
      std::set<FileId> shown;
      for (const FileId& id : files) {
        const auto item = store.find(id);
        if (item && !item->trashed && item->parent == each) there.insert(id);
      }
      const InodeId directory = tree->by_id({}, each)->inode;
      const auto entries = tree->list({}, directory);
      ASSERT_TRUE(entries.ok()) << entries.error().to_string();
      for (const DirEntry& entry : *entries) {
        const Node node = *tree->node(entry.inode);
        if (node.kind == NodeKind::kDirectory) continue;
        EXPECT_TRUE(inodes.insert(entry.inode).second);
        EXPECT_EQ(node.item, store.find(node.item->id));
        shown.insert(node.item->id);
      }
      EXPECT_EQ(shown, there);
    }
  }

  void run(std::uint32_t seed) {
    SCOPED_TRACE(cat("seed ", seed));
    random.seed(seed);
    folders = {data, store.root(), store.add_folder(data, "deep")};
    files = {file};
    const std::vector<Step> steps = {
        &OwnChangesModel::create,      &OwnChangesModel::they_create,
        &OwnChangesModel::write,       &OwnChangesModel::write,
        &OwnChangesModel::they_write,  &OwnChangesModel::they_move,
        &OwnChangesModel::rename_over, &OwnChangesModel::conflict,
        &OwnChangesModel::forget_row,  &OwnChangesModel::they_trash_or_remove,
        &OwnChangesModel::hear,        &OwnChangesModel::hear};
    poll();
    for (int i = 0; i < 100 && !HasFailure(); ++i) {
      (this->*steps[below(steps.size())])();
      look();
      if (i % 20 == 0) expect_as_drive_has_it();
    }
    expect_as_drive_has_it();
  }

  std::minstd_rand random;
  int contents = 0;
  std::vector<FileId> folders;
  std::vector<FileId> files;
  std::set<InodeId> seen;
  std::map<InodeId, std::string> bytes;
};

TEST_P(OwnChangesModel, NoInodeShowsForeignBytes) { run(first_seed() + GetParam()); }
INSTANTIATE_TEST_SUITE_P(Seeds, OwnChangesModel, ::testing::Range(0U, 10U));

}  // namespace
}  // namespace driveway::tree
