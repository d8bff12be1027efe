#include "vfs/view.h"

#include <algorithm>
#include <numeric>
#include <unordered_set>
#include <utility>

#include "base/fault.h"
#include "base/strings.h"
#include "tree/layout.h"
#include "tree/names.h"
#include "tree/posix.h"
#include "tree/resolve_path.h"
#include "vfs/entry_rows.h"
#include "vfs/overlaid_item.h"

namespace driveway::vfs {
namespace {

constexpr mode_t kSymlinkMode = 0777;
// What is read is known locally from the second time on, and Drive does a few things a second.
constexpr int kMostLooks = 8;

using journal::Change;
using journal::ChangeSet;

// Where and how it is called is as Drive has it, and as the tree can show it.
bool in_place(const ChangeSet& set, const Change& change) {
  const journal::Wanted& wanted = change.wanted;
  return change.known.exists && !wanted.parent && !wanted.name && !wanted.deleted &&
         !wanted.restored && !set.shares_name(change);
}

// The row of `inode`, if it is shown as that says; else null.
const Change* dirty_row(const ChangeSet& set, InodeId inode) {
  const Change* const change = set.find(inode);
  if (change == nullptr) return nullptr;
  return set.is_dirty(*change) || set.shares_name(*change) ? change : nullptr;
}

const FileId& own_id(const tree::Node& node) {
  static const FileId none;
  if (node.shortcut) return node.shortcut->id;
  return node.item ? node.item->id : none;
}

void lose_name(tree::Node& node) {
  node.parent = InodeId();
  node.unnamed = true;
}

// Whether a name may be one that was made of another, with a suffix or cut (tree/names.h).
bool may_be_made_up(std::string_view name) {
  constexpr std::size_t kNearlyTooLong = 200;
  return name.size() > kNearlyTooLong || name.find(" (") != std::string_view::npos;
}

}  // namespace

template <typename Read>
auto View::consistent(const Read& read) const {
  for (int look = 1;; ++look) {
    const std::uint64_t before = journal_->settlements();
    auto found = read();
    if (look == kMostLooks || journal_->settlements() == before) return found;
  }
}

std::optional<Change> View::row_of(InodeId inode) const {
  if (!overlaid()) return std::nullopt;
  return journal_->look([&](const ChangeSet& set) -> std::optional<Change> {
    const Change* const change = dirty_row(set, inode);
    if (change == nullptr) return std::nullopt;
    return *change;
  });
}

Result<tree::Node> View::node_of(const Change& change) const {
  tree::Node node;
  bool is_known = false;
  if (change.known.exists || change.sent) {
    auto known = tree_.node(change.inode);
    is_known = known.ok();
    if (is_known) node = *std::move(known);
  }
  node.inode = change.inode;
  node.parent = change.parent();
  if (node.shortcut) {
    overlay_item(change, *node.shortcut);
    return with_target(std::move(node));
  }
  drive::Item item = std::move(node.item).value_or(drive::Item());
  overlay_item(change, item);
  // The tree may have it as what it was before a rename: a symlink, say, whose making was under
  // way.
  const bool is_file = item.kind == drive::ItemKind::kFile;
  if (!is_known || is_file) node.kind = tree::node_kind(tree::entry_kind(item));
  if (is_file && !tree::link_target_property(item)) node.content = tree::ContentKind::kBlob;
  const tree::Owner owner = tree::owner_of(item, tree_.options());
  node.uid = owner.uid;
  node.gid = owner.gid;
  node.mode = tree::type_bits(node.kind) |
              (node.kind == tree::NodeKind::kSymlink ? kSymlinkMode
                                                     : tree::permissions_of(item, tree_.options()));
  node.created = item.created;
  node.modified = item.modified;
  if (node.content == tree::ContentKind::kBlob) {
    node.size = item.size.value_or(0);
    const auto draft = drafts_ == nullptr ? nullptr : drafts_->find(change.inode);
    if (draft != nullptr && draft->dirty()) {
      node.size = draft->size();
      node.modified = draft->modified();
    }
  }
  node.item = std::move(item);
  return node;
}

bool View::stays(const Change& change) const {
  return journal_->look([&](const ChangeSet& set) { return in_place(set, change); });
}

// A shortcut to a file that is being changed here has that one's attributes.
tree::Node View::with_target(tree::Node node) const {
  if (!node.shortcut || !node.item || node.content != tree::ContentKind::kBlob) return node;
  const auto target = journal_->look([&](const ChangeSet& set) -> std::optional<Change> {
    const Change* const change = dirty_row(set, set.find_id(node.item->id));
    if (change == nullptr) return std::nullopt;
    return *change;
  });
  if (!target) return node;
  auto shown = node_of(*target);
  if (!shown.ok()) return node;
  shown->inode = node.inode;
  shown->parent = node.parent;
  shown->shortcut = std::move(node.shortcut);
  return *std::move(shown);
}

Result<tree::Node> View::node(InodeId inode) const {
  if (!overlaid()) return tree_.node(inode);
  return consistent([&] { return overlaid_node(inode); });
}

Result<tree::Node> View::overlaid_node(InodeId inode) const {
  const auto change = row_of(inode);
  if (change && !change->wanted.deleted) return node_of(*change);
  DRIVEWAY_TRY(tree::Node node, tree_.node(inode));
  if (node.shortcut) node = with_target(std::move(node));
  // Its row may be about another item by now, and its item another inode's (J6).
  if (change || is_of_another(node)) lose_name(node);
  return node;
}

// Whether another inode than the node's, which has no row, has the item. Folders have several,
// behind shortcuts.
bool View::is_of_another(const tree::Node& node) const {
  if (node.shortcut || !node.item || node.item->kind != drive::ItemKind::kFile) return false;
  return journal_->look([&](const ChangeSet& set) {
    const Change* const holder = dirty_row(set, set.find_id(node.item->id));
    return holder != nullptr && holder->inode != node.inode;
  });
}

std::vector<std::optional<tree::Node>> View::nodes(std::span<const InodeId> inodes) const {
  if (!overlaid()) return tree_.nodes(inodes);
  return consistent([&] { return overlaid_nodes(inodes); });
}

std::vector<std::optional<tree::Node>> View::overlaid_nodes(std::span<const InodeId> inodes) const {
  auto found = tree_.nodes(inodes);
  std::vector<std::pair<std::size_t, Change>> rows;
  journal_->look([&](const ChangeSet& set) {
    for (std::size_t i = 0; i < inodes.size(); ++i) {
      if (const Change* const change = dirty_row(set, inodes[i])) rows.emplace_back(i, *change);
    }
  });
  for (std::size_t i = 0; i < inodes.size(); ++i) {
    if (found[i] && found[i]->shortcut) found[i] = with_target(*std::move(found[i]));
  }
  for (const auto& [index, change] : rows) {
    if (change.wanted.deleted) {
      if (found[index]) lose_name(*found[index]);
      continue;
    }
    auto node = node_of(change);
    if (node.ok()) found[index] = *std::move(node);
  }
  return found;
}

// --- Folders.

Result<View::Folder> View::folder_of(InodeId directory) const {
  Folder folder;
  // The row first: it goes when the tree has the folder, and in between there are both.
  const auto change = row_of(directory);
  auto real = tree_.real_directory(directory);
  if (real.ok()) {
    folder.in_tree = true;
    folder.real = *real;
    const auto node = tree_.node(*real);
    if (node.ok() && node->item) folder.id = node->item->id;
    return folder;
  }
  if (!change) return std::move(real).error();
  if (!change->is_folder()) {
    return Error{ErrorCode::kNotADirectory, cat("\"", change->name(), "\" is not a folder")};
  }
  folder.real = directory;
  if (change->known.exists) folder.id = change->known.id;
  return folder;
}

Result<InodeId> View::real_directory(InodeId directory) const {
  DRIVEWAY_TRY(const Folder folder, folder_of(directory));
  return folder.real;
}

// What is shown for the tree's entry `inode`, of the item `id`, under the entry's name; nothing: it
// is not shown there. A row may be about another item than the tree has for its inode (J6).
std::optional<InodeId> View::shown_for(InodeId inode, const FileId& id) const {
  return journal_->look([&](const ChangeSet& set) -> std::optional<InodeId> {
    const Change* const change = dirty_row(set, inode);
    const auto shown = [&set](const Change& row) {
      return in_place(set, row) ? std::optional(row.inode) : std::nullopt;
    };
    if (change != nullptr && (id.empty() || change->known.id == id)) return shown(*change);
    const Change* const holder = id.empty() ? nullptr : dirty_row(set, set.find_id(id));
    if (holder != nullptr) return shown(*holder);
    return change == nullptr ? std::optional(inode) : std::nullopt;
  });
}

std::string View::shown_name(const Change& change, const tree::Node& node) const {
  if (node.shortcut) return tree_.shown_name_of(*node.shortcut);
  if (node.item && !node.item->id.empty()) return tree_.shown_name_of(*node.item);
  return tree::shown_name(change.name(), "", FileId(cat(change.inode)));
}

std::vector<View::Row> View::rows_in(const Folder& folder) const {
  std::vector<Row> rows;
  journal_->look([&](const ChangeSet& set) {
    for (const InodeId inode : set.wanted_in(folder.real)) {
      const Change* const change = dirty_row(set, inode);
      if (change != nullptr && !change->wanted.deleted) rows.push_back({*change, {}, {}});
    }
  });
  std::unordered_set<std::string> names;
  for (Row& row : rows) {
    auto node = node_of(row.change);
    if (!node.ok()) continue;
    row.node = *std::move(node);
    const std::string base = shown_name(row.change, row.node);
    row.name = base;
    for (int attempt = 0; !names.insert(row.name).second; ++attempt) {
      row.name = name_of_twin(base, row.change.inode, attempt);
    }
  }
  std::erase_if(rows, [](const Row& row) { return row.name.empty(); });
  return rows;
}

// The row that has `name` in the folder.
std::optional<View::Row> View::row_named(const Folder& folder, std::string_view name) const {
  std::vector<std::string> plain{tree::unescape_name(name)};
  // Docs have their extension in the mount only.
  if (const std::size_t dot = name.rfind('.'); dot != std::string_view::npos && dot > 0) {
    plain.push_back(tree::unescape_name(name.substr(0, dot)));
  }
  std::vector<Change> candidates;
  bool any = false;
  journal_->look([&](const ChangeSet& set) {
    for (const std::string& each : plain) {
      for (const InodeId inode : set.wanted_in(folder.real, each)) {
        if (const Change* const change = dirty_row(set, inode)) candidates.push_back(*change);
      }
    }
    if (may_be_made_up(name)) any = !set.wanted_in(folder.real).empty();
  });
  if (any) {
    for (Row& row : rows_in(folder)) {
      if (row.name == name) return std::move(row);
    }
    return std::nullopt;
  }
  for (Change& change : candidates) {
    auto node = node_of(change);
    if (!node.ok() || shown_name(change, *node) != name) continue;
    return Row{std::move(change), *std::move(node), std::string(name)};
  }
  return std::nullopt;
}

Result<tree::Node> View::lookup(const Context& context, InodeId parent,
                                std::string_view name) const {
  if (!overlaid()) return tree_.lookup(context, parent, name);
  return consistent([&] { return overlaid_lookup(context, parent, name); });
}

Result<tree::Node> View::overlaid_lookup(const Context& context, InodeId parent,
                                         std::string_view name) const {
  DRIVEWAY_TRY(const Folder folder, folder_of(parent));
  auto row = row_named(folder, name);
  if (row && !stays(row->change)) return std::move(row->node);
  if (folder.in_tree) {
    auto node = tree_.lookup(context, parent, name);
    DRIVEWAY_FAULT_POINT("view.before_rows");
    if (!node.ok() && !node.failed_with(ErrorCode::kNotFound) && !row) return node;
    if (node.ok()) {
      const auto shown = shown_for(node->inode, own_id(*node));
      if (shown == node->inode) {
        if (const auto change = row_of(*shown)) return node_of(*change);
        return with_target(*std::move(node));
      }
      if (shown) return this->node(*shown);  // in the place of what the tree has
    }
  }
  // Where the tree has it under another name, the row has this one all the same: the next listing
  // says so.
  if (row) return std::move(row->node);
  return Error{ErrorCode::kNotFound, cat("no '", name, "' here")};
}

// Leaves of the tree's entries those that are shown where it has them, as what is shown there.
void View::keep_shown(const Folder& folder, std::vector<tree::DirEntry>& entries) const {
  std::vector<std::size_t> concerned;  // entries that a row may be about
  journal_->look([&](const ChangeSet& set) {
    std::unordered_set<InodeId> seen;
    seen.reserve(entries.size());
    for (std::size_t i = 0; i < entries.size(); ++i) {
      seen.insert(entries[i].inode);
      if (dirty_row(set, entries[i].inode) != nullptr) concerned.push_back(i);
    }
    if (folder.id.empty()) return;
    const auto inside = set.in_drive(folder.id);
    const bool any = std::any_of(inside.begin(), inside.end(), [&](InodeId inode) {
      return !seen.contains(inode) && dirty_row(set, inode) != nullptr;
    });
    if (!any) return;  // else an item here has another inode by now
    concerned.resize(entries.size());
    std::iota(concerned.begin(), concerned.end(), std::size_t{0});
  });
  if (concerned.empty()) return;
  std::vector<InodeId> inodes;
  inodes.reserve(concerned.size());
  for (const std::size_t i : concerned) inodes.push_back(entries[i].inode);
  const auto nodes = tree_.nodes(inodes);
  for (std::size_t i = 0; i < concerned.size(); ++i) {
    tree::DirEntry& entry = entries[concerned[i]];
    entry.inode =
        shown_for(entry.inode, nodes[i] ? own_id(*nodes[i]) : FileId()).value_or(InodeId());
  }
  std::erase_if(entries, [](const tree::DirEntry& entry) { return entry.inode == InodeId(); });
}

// Adds the rows that are shown in the folder and that the tree does not have there.
void View::add_rows(const Folder& folder, std::vector<tree::DirEntry>& entries) const {
  std::vector<Row> rows = rows_in(folder);
  if (rows.empty()) return;
  std::unordered_set<InodeId> shown;
  for (const tree::DirEntry& entry : entries) shown.insert(entry.inode);
  std::erase_if(rows, [&](const Row& row) { return shown.contains(row.change.inode); });
  std::unordered_set<std::string_view> names;
  for (const Row& row : rows) names.insert(row.name);
  std::erase_if(entries, [&](const tree::DirEntry& entry) { return names.contains(entry.name); });
  for (const Row& row : rows) {
    entries.push_back({row.name, row.change.inode, row.node.kind});
  }
  std::sort(entries.begin(), entries.end(),
            [](const auto& a, const auto& b) { return a.name < b.name; });
}

Result<std::vector<tree::DirEntry>> View::list(const Context& context, InodeId directory) const {
  if (!overlaid()) return tree_.list(context, directory);
  return consistent([&] { return overlaid_list(context, directory); });
}

Result<std::vector<tree::DirEntry>> View::overlaid_list(const Context& context,
                                                        InodeId directory) const {
  DRIVEWAY_TRY(const Folder folder, folder_of(directory));
  std::vector<tree::DirEntry> entries;
  if (folder.in_tree) {
    DRIVEWAY_TRY(entries, tree_.list(context, directory));
  }
  DRIVEWAY_FAULT_POINT("view.before_rows");
  keep_shown(folder, entries);
  add_rows(folder, entries);
  return entries;
}

std::optional<std::vector<tree::DirEntry>> View::known_list(InodeId directory) const {
  if (!overlaid()) return tree_.known_list(directory);
  return consistent([&] { return overlaid_known_list(directory); });
}

std::optional<std::vector<tree::DirEntry>> View::overlaid_known_list(InodeId directory) const {
  const auto folder = folder_of(directory);
  if (!folder.ok()) return std::nullopt;
  std::vector<tree::DirEntry> entries;
  if (folder->in_tree) {
    auto known = tree_.known_list(directory);
    if (!known) return std::nullopt;
    entries = *std::move(known);
  }
  keep_shown(*folder, entries);
  add_rows(*folder, entries);
  return entries;
}

// --- Paths.

Result<tree::Node> View::resolve(const Context& context, std::string_view path) const {
  DRIVEWAY_TRY(tree::Node root, node(tree::Tree::root()));
  return tree::resolve_path(std::move(root), path, [&](InodeId folder, std::string_view name) {
    return lookup(context, folder, name);
  });
}

Result<tree::Node> View::by_id(const Context& context, const FileId& id) const {
  if (overlaid()) {
    const InodeId holder = journal_->look([&](const ChangeSet& set) {
      const Change* const change = dirty_row(set, set.find_id(id));
      return change == nullptr ? InodeId() : change->inode;
    });
    if (holder != InodeId()) return node(holder);
  }
  return tree_.by_id(context, id);
}

std::optional<View::Place> View::place(InodeId inode) const {
  const auto change = row_of(inode);
  if (change && change->wanted.deleted) return std::nullopt;
  const auto node = this->node(inode);
  if (!node.ok() || inode == tree::Tree::root()) return std::nullopt;
  if (node->parent == InodeId()) return std::nullopt;
  if (change && !stays(*change)) return Place{node->parent, shown_name(*change, *node)};
  if (const auto entries = tree_.known_list(node->parent)) {
    const auto found = std::find_if(entries->begin(), entries->end(),
                                    [&](const auto& entry) { return entry.inode == inode; });
    if (found != entries->end()) return Place{node->parent, found->name};
    if (!change) return std::nullopt;
  }
  if (change) return Place{node->parent, shown_name(*change, *node)};
  if (!node->item) return std::nullopt;
  return Place{node->parent, tree_.shown_name_of(node->shortcut ? *node->shortcut : *node->item)};
}

Result<std::vector<InodeId>> View::above(InodeId folder) const {
  std::vector<InodeId> folders;
  while (folder != tree::Tree::root() && folder != InodeId()) {
    if (folders.size() >= static_cast<std::size_t>(tree::kMaxDepth)) {
      return Error{ErrorCode::kInvalidArgument, "the folders are nested too deep"};
    }
    folders.push_back(folder);
    DRIVEWAY_TRY(const tree::Node here, node(folder));
    folder = here.parent;
  }
  return folders;
}

}  // namespace driveway::vfs
