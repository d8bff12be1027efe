// Making and removing; renames are in naming_moves.cc.
#include "vfs/naming.h"

#include <utility>

#include "base/log.h"
#include "base/strings.h"
#include "drive/mime.h"
#include "tree/layout.h"
#include "tree/names.h"
#include "tree/posix.h"
#include "vfs/late_opens.h"
#include "vfs/open_file.h"

namespace driveway::vfs {
namespace {

constexpr std::string_view kSymlinkMimeType = "inode/symlink";
constexpr Bytes kMaxSymlinkTarget = 4095;  // PATH_MAX, less the NUL

Status check_name(std::string_view name) {
  if (name.size() > tree::kMaxNameBytes) {
    return Error{ErrorCode::kNameTooLong, "a name has at most 255 bytes"};
  }
  if (name.empty() || name == "." || name == ".." || name.find('/') != std::string_view::npos ||
      tree::escape_name(tree::unescape_name(name)) != name) {
    return Error{ErrorCode::kInvalidArgument, "this cannot be the name of a file in Drive"};
  }
  return {};
}

Properties properties_of(const drive::Item& item, const tree::TreeOptions& options,
                         const NewNode& attributes) {
  Properties properties;
  want_mode(item, options, attributes.mode, properties);
  want_owner(item, options, attributes.uid, attributes.gid, properties);
  return properties;
}

}  // namespace

// --- Looking.

Result<Naming::Slot> Naming::find(const Context& context, InodeId parent, std::string_view name,
                                  Use use) const {
  Slot slot;
  slot.name = name;
  DRIVEWAY_TRY(const InodeId real, parts_.view.real_directory(parent));
  DRIVEWAY_TRY(slot.folder, parts_.view.node(real));
  const bool is_removed = parts_.journal.look([&](const journal::ChangeSet& set) {
    const journal::Change* const change = set.find(real);
    return change != nullptr && change->wanted.deleted;
  });
  if (is_removed) return Error{ErrorCode::kNotFound, "the folder has been removed"};
  const bool only_leaves = real == tree::kTrashInode || real == tree::kLostAndFoundInode ||
                           (slot.folder.item && slot.folder.item->trashed);
  if (use == Use::kAdd) DRIVEWAY_CHECK(check_name(name));
  if (use != Use::kMoveAway || !only_leaves) DRIVEWAY_CHECK(check_can_add(slot.folder));
  auto node = parts_.view.lookup(context, real, name);
  if (!node.ok() && !node.failed_with(ErrorCode::kNotFound)) return std::move(node).error();
  if (!node.ok()) return slot;
  slot.node = *std::move(node);
  if (slot.node->kind == tree::NodeKind::kDirectory && !slot.node->shortcut) {
    DRIVEWAY_TRY(const auto entries, parts_.view.list(context, slot.node->inode));
    slot.has_entries = !entries.empty();
  }
  return slot;
}

// --- Making.

// With the turn.
Result<Naming::Made> Naming::make(const Context& context, const Slot& slot, journal::NewEntry entry,
                                  const NewNode& attributes, std::string_view bytes) {
  if (slot.node) return Error{ErrorCode::kAlreadyExists, cat("'", slot.name, "' is there already")};
  drive::Item item;
  item.kind = entry.kind;
  const Properties properties = properties_of(item, parts_.tree.options(), attributes);
  for (const auto& [key, value] : properties) {
    if (value) entry.properties[key] = *value;
  }
  entry.drive = slot.folder.item->drive.value_or(DriveId());
  entry.id = parts_.sender->take_id().value_or(FileId());
  entry.modified = parts_.clock.wall_now();
  DRIVEWAY_TRY(const auto folders, folder_rows(parts_.view, parts_.journal, slot.folder.inode));
  DRIVEWAY_TRY(const InodeId inode, parts_.journal.inodes().allocate());
  Made made;
  if (entry.kind == drive::ItemKind::kFile) {
    DRIVEWAY_TRY(made.draft, parts_.drafts.begin_new(inode, entry.modified, bytes));
    DRIVEWAY_TRY(entry.content, parts_.drafts.state(*made.draft));
  }
  const journal::Place place{slot.folder.inode, slot.folder.item->id,
                             tree::unescape_name(slot.name)};
  const Status changed = parts_.journal.change(context, journal::Purpose::kNew,
                                               [&](journal::ChangeSet& set, WallTime now) {
                                                 for (const KnownRow& row : folders) row.tell(set);
                                                 return set.create(inode, place, entry, now);
                                               });
  if (!changed.ok()) {
    if (made.draft != nullptr) parts_.drafts.unnamed(inode);
    return changed.error();
  }
  DRIVEWAY_TRY(made.node, parts_.view.node(inode));
  return made;
}

Result<Naming::Made> Naming::create_file(const Context& context, InodeId parent,
                                         std::string_view name, const NewNode& attributes) {
  journal::NewEntry entry;
  entry.kind = drive::ItemKind::kFile;
  entry.mime_type = drive::mime_type_of(name);
  auto made = in_turn(
      context, [&](const Context& now) { return find(now, parent, name, Use::kAdd); },
      [&](const Slot& slot) -> Result<Made> {
        DRIVEWAY_TRY(Made file, make(context, slot, entry, attributes));
        DRIVEWAY_CHECK(file.draft->add_writer(context));
        return file;
      });
  if (made.ok()) tell(made->node.parent, name, std::nullopt);
  return made;
}

Result<tree::Node> Naming::make_folder(const Context& context, InodeId parent,
                                       std::string_view name, const NewNode& attributes) {
  journal::NewEntry entry;
  entry.kind = drive::ItemKind::kFolder;
  entry.mime_type = drive::kFolderMimeType;
  auto made = in_turn(
      context, [&](const Context& now) { return find(now, parent, name, Use::kAdd); },
      [&](const Slot& slot) { return make(context, slot, entry, attributes); });
  if (!made.ok()) return std::move(made).error();
  tell(made->node.parent, name, std::nullopt);
  return std::move(made->node);
}

// E3: a small file whose content is the target, with a mark.
Result<tree::Node> Naming::make_symlink(const Context& context, InodeId parent,
                                        std::string_view name, std::string_view target,
                                        const NewNode& attributes) {
  if (target.empty()) return Error{ErrorCode::kNotFound, "a symlink to nothing"};
  if (target.size() > kMaxSymlinkTarget) {
    return Error{ErrorCode::kNameTooLong, cat("the target has ", target.size(), " bytes")};
  }
  journal::NewEntry entry;
  entry.kind = drive::ItemKind::kFile;
  entry.mime_type = kSymlinkMimeType;
  entry.properties[tree::kSymlinkProperty] = "1";
  NewNode owner = attributes;
  owner.mode = parts_.tree.options().file_mode;  // a symlink has no mode of its own
  auto made = in_turn(
      context, [&](const Context& now) { return find(now, parent, name, Use::kAdd); },
      [&](const Slot& slot) -> Result<tree::Node> {
        DRIVEWAY_TRY(Made link, make(context, slot, entry, owner, target));
        return std::move(link.node);
      });
  if (made.ok()) tell(made->parent, name, std::nullopt);
  return made;
}

// --- Removing.

// With the turn. Runs `change`, by which `node` loses its name; what is open of it stays usable.
Status Naming::take_name(const tree::Node& node, const std::function<Status()>& change) {
  parts_.late_opens.losing_name(node);
  DRIVEWAY_CHECK(change());
  parts_.open_nodes.lost_name(node);
  parts_.drafts.unnamed(node.inode);
  return {};
}

// With the turn. Of what Drive never had nothing stays.
Status Naming::remove_row(const Context& context, const tree::Node& node) {
  const KnownRow row = known_row(node);
  return take_name(node, [&] {
    return parts_.journal.change(context, journal::Purpose::kNew,
                                 [&](journal::ChangeSet& set, WallTime now) {
                                   row.tell(set);
                                   return set.remove(node.inode, now);
                                 });
  });
}

Status Naming::unlink(const Context& context, InodeId parent, std::string_view name) {
  InodeId folder;
  InodeId gone;
  DRIVEWAY_CHECK(in_turn(
      context, [&](const Context& now) { return find(now, parent, name, Use::kRemove); },
      [&](const Slot& slot) -> Status {
        if (!slot.node) return Error{ErrorCode::kNotFound, cat("no '", name, "' here")};
        if (slot.node->kind == tree::NodeKind::kDirectory) {
          return Error{ErrorCode::kIsADirectory, cat("'", name, "' is a folder")};
        }
        DRIVEWAY_CHECK(check_can_edit(*slot.node));
        folder = slot.folder.inode;
        gone = slot.node->inode;
        return remove_row(context, *slot.node);
      }));
  tell(folder, name, gone);
  return {};
}

Status Naming::remove_folder(const Context& context, InodeId parent, std::string_view name) {
  InodeId folder;
  InodeId gone;
  DRIVEWAY_CHECK(in_turn(
      context, [&](const Context& now) { return find(now, parent, name, Use::kRemove); },
      [&](const Slot& slot) -> Status {
        if (!slot.node) return Error{ErrorCode::kNotFound, cat("no '", name, "' here")};
        if (slot.node->kind != tree::NodeKind::kDirectory) {
          return Error{ErrorCode::kNotADirectory, cat("'", name, "' is no folder")};
        }
        DRIVEWAY_CHECK(check_can_edit(*slot.node));
        if (slot.has_entries) return Error{ErrorCode::kNotEmpty, cat("'", name, "' is not empty")};
        folder = slot.folder.inode;
        gone = slot.node->inode;
        return remove_row(context, *slot.node);
      }));
  tell(folder, name, gone);
  return {};
}

void Naming::tell(InodeId folder, std::string_view name, std::optional<InodeId> child) const {
  parts_.observers.entry_changed(folder, std::string(name), child);
  parts_.observers.directory_changed(folder);
}

}  // namespace driveway::vfs
