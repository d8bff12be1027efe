// The tree against a simple model: random changes by another client, random reads, polls, lost
// networks and reopening in between; then what is shown must be what is in Drive, each name that a
// kernel would have kept must still be right (or have been invalidated), and inodes must be stable.
#include <functional>
#include <optional>
#include <random>

#include "drive/mime.h"
#include "tree/docs.h"
#include "tree/names.h"
#include "tree/tree.h"
#include "tree_fixture.h"

namespace driveway::tree {
namespace {

using drive::Item;
using drive::ItemKind;
using drive::Method;

// What a kernel keeps: names it has asked for, until it is told that they changed.
class KernelCache final : public TreeObserver {
 public:
  using Key = std::pair<InodeId, std::string>;
  void entry_changed(InodeId parent, const std::string& name, std::optional<InodeId>) override {
    const std::lock_guard lock(mutex_);
    ++told_;
    entries_.erase({parent, name});
  }
  void attributes_changed(InodeId) override {}
  void directory_changed(InodeId) override {}
  std::uint64_t told() const {
    const std::lock_guard lock(mutex_);
    return told_;
  }
  // Keeps it unless something was told since `told`: as the kernel does with a reply that an
  // invalidation overtook.
  void keep(InodeId parent, const std::string& name, std::optional<InodeId> child,
            std::uint64_t told) {
    const std::lock_guard lock(mutex_);
    if (told == told_) entries_[{parent, name}] = child;
  }
  std::map<Key, std::optional<InodeId>> entries() const {
    const std::lock_guard lock(mutex_);
    return entries_;
  }
  void clear() {
    const std::lock_guard lock(mutex_);
    entries_.clear();
  }

 private:
  mutable std::mutex mutex_;
  std::uint64_t told_ = 0;
  std::map<Key, std::optional<InodeId>> entries_;
};

const std::vector<std::string> kNames = {"a",      "b",  "c.txt", "c.txt",     "x/y", "",
                                         ".Trash", "..", "d.tar", "long name", "a"};

class ModelTest : public TreeFixture {
 public:
  ~ModelTest() override { tree.reset(); }  // before the observer that it tells

 protected:
  void run(std::uint32_t seed, bool lagging);

  // --- The other client.

  std::uint32_t below(std::size_t bound) {
    return static_cast<std::uint32_t>(random_() % std::max<std::size_t>(bound, 1));
  }
  std::vector<FileId> where(const std::function<bool(const Item&)>& wanted) {
    std::vector<FileId> found;
    for (const FileId& id : ids_) {
      if (const auto item = store.find(id); item && wanted(*item)) found.push_back(id);
    }
    return found;
  }
  std::optional<FileId> any(const std::function<bool(const Item&)>& wanted) {
    const auto found = where(wanted);
    if (found.empty()) return std::nullopt;
    return found[below(found.size())];
  }
  static bool is_folder(const Item& item) { return item.kind == ItemKind::kFolder; }
  static bool is_top(const Item& item) {
    return item.drive && item.id.value() == item.drive->value();
  }
  FileId any_folder() {
    if (below(3) == 0) return store.root();
    return any(is_folder).value_or(store.root());
  }
  std::string any_name() {
    if (below(12) == 0) {  // one that a twin may have been given
      if (const auto id = any([](const Item&) { return true; })) {
        return suffixed_name(base_name(*store.find(*id)), *id, 8);
      }
    }
    return kNames[below(kNames.size())];
  }
  bool is_within(FileId id, const FileId& folder) {
    while (true) {
      if (id == folder) return true;
      const auto item = store.find(id);
      if (!item || !item->parent) return false;
      id = *item->parent;
    }
  }
  // Writes the step down for whoever has to find out what went wrong.
  const FileId& did(std::string_view what, const FileId& id) {
    steps_ += cat(what, " ", id, "\n");
    return id;
  }
  void create() {
    const std::size_t before = ids_.size();
    create_any();
    if (ids_.size() == before) return;
    const Item item = *store.find(ids_.back());
    did(cat("create '", item.name, "' in ", item.parent.value_or(FileId("nowhere")), ":"), item.id);
  }
  void create_any() {
    switch (below(9)) {
      case 0:
      case 1:
      case 2:
        ids_.push_back(store.add_folder(any_folder(), any_name()));
        break;
      case 3:
        ids_.push_back(store.add_document(any_folder(), any_name()));
        break;
      case 4:
        if (const auto target =
                any([](const Item& item) { return item.kind != ItemKind::kShortcut; })) {
          ids_.push_back(store.add_shortcut(any_folder(), any_name(), *target));
        }
        break;
      case 5:
        ids_.push_back(below(2) == 0 ? store.add_shared_with_me_folder(any_name())
                                     : store.add_shared_with_me_file(any_name(), "shared"));
        break;
      default:
        ids_.push_back(store.add_file(any_folder(), any_name(), std::string(below(5), 'x')));
    }
  }
  void move() {
    const auto id = any([](const Item& item) { return !is_top(item); });
    const FileId to = any_folder();
    if (!id || is_within(to, *id)) return;
    const auto item = store.find(*id);
    const auto folder = store.find(to);
    // Folders do not move between drives (drive-api reference 9).
    if (item->kind == ItemKind::kFolder && item->drive != folder->drive) return;
    did("move", *id);
    store.move(*id, did("… to", to));
  }
  void change() {
    const auto movable = [](const Item& item) { return !is_top(item); };
    switch (below(10)) {
      case 0:
        if (const auto id = any(movable)) store.rename(did("rename", *id), any_name());
        break;
      case 1:
      case 2:
        move();
        break;
      case 3:
        if (const auto id =
                any([](const Item& item) { return !item.explicitly_trashed && !is_top(item); })) {
          store.trash(did("trash", *id));
        }
        break;
      case 4:
      case 5:
        if (const auto id = any([](const Item& item) { return item.explicitly_trashed; })) {
          store.untrash(did("untrash", *id));
        }
        break;
      case 6:
        if (below(2) == 0) break;
        if (const auto id = any(movable)) store.remove(did("remove", *id));
        break;
      case 7:
        if (const auto id = any([](const Item& item) { return item.kind == ItemKind::kFile; })) {
          store.set_content(did("content of", *id), std::string(below(9), 'y'));
        }
        break;
      case 8:
        if (const auto id = any(movable)) {
          store.edit(did("edit", *id),
                     [](Item& item) { item.properties["driveway.mode"] = "0700"; });
        }
        break;
      default:
        create();
    }
  }
  void change_drives() {
    if (lagging_) return;
    if (below(3) != 0) {
      const DriveId drive = store.add_shared_drive(any_name());
      ids_.emplace_back(drive.value());
      drives_.push_back(drive);
    } else if (!drives_.empty()) {
      const auto which = below(drives_.size());
      store.remove_shared_drive(drives_[which]);
      drives_.erase(drives_.begin() + which);
    }
  }

  // --- The reader.

  void read_somewhere() {
    InodeId here = Tree::root();
    for (int depth = 0; depth < 6; ++depth) {
      const auto entries = tree->list({}, here);
      if (!entries.ok() || entries->empty()) return;
      const std::string name = below(5) == 0 ? any_name() : (*entries)[below(entries->size())].name;
      const std::uint64_t told = kernel.told();
      const auto node = tree->lookup({}, here, name);
      did(cat("look up '", name, "' in"), FileId(cat(here)));
      if (node.ok()) {
        kernel.keep(here, name, node->inode, told);
      } else if (node.failed_with(ErrorCode::kNotFound)) {
        kernel.keep(here, name, std::nullopt, told);
      }
      if (!node.ok() || node->kind != NodeKind::kDirectory) return;
      here = node->inode;
    }
  }

  // --- The model.

  std::optional<FileId> home(const Item& item) const {
    if (is_top(item)) return FileId("drives");
    if (item.explicitly_trashed) {
      if (item.drive || !item.owned_by_me) return std::nullopt;
      return FileId("trash");
    }
    if (item.parent) return item.parent;
    if (item.trashed || item.owned_by_me || item.drive) return std::nullopt;
    return FileId("shared");
  }
  std::map<FileId, std::vector<Item>> children() {
    std::map<FileId, std::vector<Item>> found;
    for (const FileId& id : ids_) {
      const auto item = store.find(id);
      if (!item) continue;
      if (const auto in = home(*item)) found[*in].push_back(*item);
    }
    return found;
  }
  std::string base_name(const Item& item) const {
    const std::string& type = item.shortcut ? item.shortcut->target_mime_type : item.mime_type;
    return shown_name(item.name, doc_extension(type, options.docs), item.id);
  }
  // Nothing if `shown` is what a directory with `items` must show, else what is wrong.
  std::string compare_names(const std::vector<Item>& items,
                            const std::map<std::string, Node>& shown, bool top) {
    std::map<std::string, std::vector<Item>> groups;
    for (const Item& item : items) groups[base_name(item)].push_back(item);
    std::map<FileId, std::string> name_of;
    for (const auto& [name, node] : shown) {
      const auto& item = node.shortcut ? node.shortcut : node.item;
      if (item) name_of[item->id] = name;
    }
    for (auto& [base, group] : groups) {
      std::sort(group.begin(), group.end(), [](const Item& a, const Item& b) {
        return std::tie(a.created, a.id) < std::tie(b.created, b.id);
      });
      const bool fixed = top && (base == ".Trash" || base == ".shared" || base == ".Shareddrives");
      for (std::size_t i = 0; i < group.size(); ++i) {
        const Item& item = group[i];
        const auto name = name_of.find(item.id);
        if (name == name_of.end()) return cat("'", base, "' ", item.id, " is not shown");
        const bool plain = i == 0 && !fixed;
        const bool right = plain ? name->second == base
                                 : name->second == suffixed_name(base, item.id, 8) ||
                                       name->second == suffixed_name(base, item.id, 16);
        if (!right) return cat("'", base, "' ", item.id, " is shown as '", name->second, "'");
      }
    }
    for (const auto& shown : name_of) {
      const bool right = std::any_of(items.begin(), items.end(),
                                     [&](const Item& item) { return item.id == shown.first; });
      if (!right) return cat("'", shown.second, "' ", shown.first, " should not be here");
    }
    const std::size_t fixed = top ? 3 : 0;
    if (shown.size() != items.size() + fixed) {
      return cat(shown.size(), " entries instead of ", items.size() + fixed);
    }
    return "";
  }
  std::string compare_node(const Item& item, const Node& node) {
    if (item.shortcut) {
      const auto target = store.find(item.shortcut->target);
      if (!target && node.content != ContentKind::kLink) return "should dangle";
      if (target && node.kind != NodeKind::kSymlink && node.content != ContentKind::kLink &&
          (!node.item || node.item->id != target->id)) {
        return "shows another target";
      }
      if (target && target->kind == ItemKind::kFile && node.size != target->size) {
        return cat("shortcut's size ", node.size);
      }
      return "";
    }
    // files.get calls the top of a shared drive by another name, so it is not asked for.
    if (!is_top(item) && node.item->version != item.version) {
      return cat("version ", node.item->version, " instead of ", item.version);
    }
    if (item.kind == ItemKind::kFile && node.size != item.size) return "wrong size";
    const auto last = last_inode_.find(item.id);
    if (last != last_inode_.end() && last->second.first == item.head_revision &&
        last->second.second != node.inode) {
      return "another inode without another content";
    }
    last_inode_[item.id] = {item.head_revision, node.inode};
    return "";
  }
  std::string compare_directory(const std::string& path, InodeId inode, const FileId& id,
                                std::map<FileId, std::vector<Item>>& model) {
    const auto entries = tree->list({}, inode);
    if (!entries.ok()) return cat(path, ": ", entries.error());
    reachable_.insert(inode);
    std::map<std::string, Node> shown;
    for (const DirEntry& entry : *entries) {
      auto node = tree->lookup({}, inode, entry.name);
      if (!node.ok()) return cat(path, "/", entry.name, ": ", node.error());
      if (node->content != ContentKind::kLink && !node->shortcut && node->kind != entry.kind) {
        return cat(path, "/", entry.name, ": readdir says another kind");
      }
      shown[entry.name] = *std::move(node);
    }
    const bool top = options.layout == Layout::kRoot && id == store.root();
    std::string wrong = compare_names(model[id], shown, top);
    if (!wrong.empty()) return cat(path, ": ", wrong);
    for (const auto& [name, node] : shown) {
      if (node.inode.value() < 1024) continue;
      const auto item = store.find(node.shortcut ? node.shortcut->id : node.item->id);
      wrong = item ? compare_node(*item, node) : "is gone";
      if (!wrong.empty()) return cat(path, "/", name, ": ", wrong);
      // Drive lists nothing that is in the trash.
      if (item->kind != ItemKind::kFolder || item->trashed) continue;
      wrong = compare_directory(cat(path, "/", name), node.inode, item->id, model);
      if (!wrong.empty()) return wrong;
    }
    return "";
  }
  std::string compare() {
    reachable_.clear();
    auto model = children();
    const bool colab = options.layout == Layout::kColab;
    const std::vector<std::tuple<std::string, std::uint64_t, FileId>> tops = {
        {"MyDrive", colab ? 2 : 1, store.root()},
        {"Shareddrives", 3, FileId("drives")},
        {".shared", 4, FileId("shared")},
        {".Trash", 5, FileId("trash")}};
    for (const auto& [name, inode, id] : tops) {
      std::string wrong = compare_directory(name, InodeId(inode), id, model);
      if (!wrong.empty()) return wrong;
    }
    return "";
  }
  std::string compare_kernel() {
    for (const auto& [key, child] : kernel.entries()) {
      const auto& [parent, name] = key;
      if (!reachable_.contains(parent)) continue;
      const auto node = tree->lookup({}, parent, name);
      if (!node.ok() && !node.failed_with(ErrorCode::kNotFound)) return node.error().to_string();
      const auto now = node.ok() ? std::optional(node->inode) : std::nullopt;
      if (now != child) {
        return cat("the kernel was not told about '", name, "' in ", parent, ": it has ",
                   child.value_or(InodeId()), ", right is ", now.value_or(InodeId()));
      }
    }
    return "";
  }
  // Listings made anew in the background may still be under way: what is wrong must become right.
  void expect_right() {
    std::string wrong;
    const bool right = eventually([&] {
      wrong = compare();
      if (wrong.empty()) wrong = compare_kernel();
      return wrong.empty();
    });
    ASSERT_TRUE(right) << wrong << "\n" << steps_;
  }
  void reopen() {
    did("reopen", FileId());
    tree.reset();
    kernel.clear();
    open();
    ASSERT_TRUE(tree->start({}, &kernel).ok());
  }
  void step();

  std::mt19937 random_;
  std::string steps_;
  bool expired_ = false;
  bool lagging_ = false;
  std::vector<FileId> ids_;
  std::vector<DriveId> drives_;
  KernelCache kernel;
  std::set<InodeId> reachable_;
  std::map<FileId, std::pair<Revision, InodeId>> last_inode_;
};

void ModelTest::step() {
  switch (below(24)) {
    case 0:
      change_drives();
      break;
    case 1:
      store.faults().fail(Method::kList, {ErrorCode::kUnavailable, "down", true}, 2);
      break;
    case 2:
      if (!expired_) store.faults().fail(Method::kChanges, {ErrorCode::kUnavailable, "down", true});
      break;
    case 3:
      store.empty_grouped_listings(2);
      break;
    case 4:
      store.set_page_size(1 + below(7));
      break;
    case 5:
      clock.advance(std::chrono::milliseconds(below(3000)));
      break;
    case 6:
      if (!lagging_ && below(6) == 0) {
        // All feeds get their new tokens in one poll: an item that moves out of a drive is not told
        // of in that drive's feed, as the FakeStore has it.
        did("the tokens expire", FileId());
        store.faults().clear();
        store.expire_tokens();
        expired_ = true;
      }
      break;
    case 7:
      did(tree->poll({}).ok() ? "poll" : "failed poll", FileId());
      break;
    case 8:
    case 9:
    case 10:
    case 11:
    case 12:
    case 13:
      read_somewhere();
      break;
    default:
      change();
  }
}

void ModelTest::run(std::uint32_t seed, bool lagging) {
  SCOPED_TRACE(cat("seed ", seed));
  random_.seed(seed);
  lagging_ = lagging;
  options.layout = below(2) == 0 ? Layout::kColab : Layout::kRoot;
  options.poll_interval = std::chrono::hours(24);
  for (int i = 0; i < 20; ++i) create();
  if (!lagging) change_drives();
  reopen();
  if (lagging) store.set_listing_lag(std::chrono::seconds(20));
  for (int round = 0; round < 12; ++round) {
    for (int i = 0; i < 40; ++i) step();
    store.faults().clear();
    // A kernel forgets by itself after a minute; here nothing helps the tree.
    const Status polled = tree->poll({});
    ASSERT_TRUE(polled.ok()) << polled.error().to_string();
    did("poll, and compare", FileId());
    expired_ = false;
    ASSERT_NO_FATAL_FAILURE(expect_right());
    if (below(4) == 0) {
      ASSERT_NO_FATAL_FAILURE(reopen());
    }
  }
}

class RandomModel : public ModelTest, public ::testing::WithParamInterface<std::uint32_t> {};

TEST_P(RandomModel, ShowsWhatIsInDrive) { run(first_seed() + GetParam(), false); }
TEST_P(RandomModel, ShowsWhatIsInDriveWhileListingsLag) { run(first_seed() + GetParam(), true); }

INSTANTIATE_TEST_SUITE_P(Seeds, RandomModel, ::testing::Range(0u, 10u));

}  // namespace
}  // namespace driveway::tree
