// Renames.
#include <algorithm>
#include <utility>

#include "base/strings.h"
#include "tree/docs.h"
#include "tree/layout.h"
#include "tree/names.h"
#include "vfs/late_opens.h"
#include "vfs/naming.h"
#include "vfs/open_file.h"

namespace driveway::vfs {
namespace {

std::string_view extension_of(const tree::Node& node, const tree::DocsMode& docs) {
  const drive::Item& item = *own_item(node);
  return tree::doc_extension(item.shortcut ? item.shortcut->target_mime_type : item.mime_type,
                             docs);
}

bool is_folder(const tree::Node& node) { return own_item(node)->kind == drive::ItemKind::kFolder; }

// A file of bytes, whose item may go on with those of another one (J6).
bool is_plain(const tree::Node& node) {
  return !node.shortcut && node.item->kind == drive::ItemKind::kFile;
}

DriveId drive_of(const tree::Node& folder) { return folder.item->drive.value_or(DriveId()); }

// The trash and lost+found: what they list is of My Drive.
bool holds_of_my_drive(const tree::Node& folder) {
  return folder.inode == tree::kTrashInode || folder.inode == tree::kLostAndFoundInode;
}

}  // namespace

// The name that `node` has to have in Drive to be shown as `shown`.
Result<std::string> Naming::drive_name(const tree::Node& node, std::string_view shown) const {
  const drive::Item& item = *own_item(node);
  // What moves only keeps a name that is too long to be shown.
  if (!item.id.empty() && parts_.tree.shown_name_of(item) == shown) return item.name;
  const std::string_view extension = extension_of(node, parts_.tree.options().docs);
  if (!extension.empty()) {
    if (!shown.ends_with(extension) || shown.size() == extension.size()) {
      return Error{ErrorCode::kInvalidArgument,
                   cat("the name of this document has to end in ", extension)};
    }
    shown.remove_suffix(extension.size());
  }
  return tree::unescape_name(shown);
}

// As ChangeSet::rename() wants it.
Result<std::vector<InodeId>> Naming::above(const tree::Node& moving,
                                           const tree::Node& folder) const {
  if (!is_folder(moving)) return std::vector<InodeId>();
  DRIVEWAY_TRY(auto folders, parts_.view.above(folder.inode));
  if (std::find(folders.begin(), folders.end(), moving.inode) != folders.end()) {
    return Error{ErrorCode::kInvalidArgument, "a folder cannot be moved into itself"};
  }
  if (!folders.empty()) folders.erase(folders.begin());
  return folders;
}

// Whether what is in `from` may be moved to `to`.
Status Naming::check_areas(const tree::Node& from, const tree::Node& to) const {
  if (from.inode == to.inode) return {};
  const Error apart{ErrorCode::kCrossDevice, "Drive moves nothing between these places"};
  DRIVEWAY_TRY(const auto above_from, parts_.view.above(from.inode));
  DRIVEWAY_TRY(const auto above_to, parts_.view.above(to.inode));
  const auto is_shared = [](const std::vector<InodeId>& folders) {
    return !folders.empty() && folders.back() == tree::kSharedWithMeInode;
  };
  if (is_shared(above_from) != is_shared(above_to)) return apart;
  if (holds_of_my_drive(from)) return {};
  if (!from.item || drive_of(from) != drive_of(to)) return apart;
  return {};
}

Status Naming::check_move(const Move& move) const {
  if (!move.from.node) return Error{ErrorCode::kNotFound, cat("no '", move.from.name, "' here")};
  const tree::Node& moving = *move.from.node;
  DRIVEWAY_CHECK(check_can_edit(moving));
  DRIVEWAY_CHECK(check_areas(move.from.folder, move.to.folder));
  if (holds_of_my_drive(move.from.folder) && move.to.folder.item->drive) {
    return Error{ErrorCode::kCrossDevice, "what is of My Drive goes to a folder in it"};
  }
  if (!move.to.node) return {};
  const tree::Node& target = *move.to.node;
  return check_can_edit(target);
}

Status Naming::check_over(const Move& move) {
  const tree::Node& target = *move.to.node;
  const bool over_folder = target.kind == tree::NodeKind::kDirectory;
  const bool folder = move.from.node->kind == tree::NodeKind::kDirectory;
  if (folder && !over_folder) {
    return Error{ErrorCode::kNotADirectory, cat("'", move.to.name, "' is no folder")};
  }
  if (!folder && over_folder) {
    return Error{ErrorCode::kIsADirectory, cat("'", move.to.name, "' is a folder")};
  }
  if (move.to.has_entries) {
    return Error{ErrorCode::kNotEmpty, cat("'", move.to.name, "' is not empty")};
  }
  return {};
}

// With the turn.
Status Naming::move(const Context& context, const Move& move) {
  const tree::Node& moving = *move.from.node;
  const auto& target = move.to.node;
  if (target) DRIVEWAY_CHECK(check_over(move));
  DRIVEWAY_TRY(const auto folders, above(moving, move.to.folder));
  DRIVEWAY_TRY(std::string name, drive_name(moving, move.to.name));
  const journal::Place place{move.to.folder.inode, move.to.folder.item->id, std::move(name)};
  DRIVEWAY_TRY(const auto known, folder_rows(parts_.view, parts_.journal, move.to.folder.inode));
  const KnownRow row = known_row(moving);
  const auto target_row = target ? std::optional(known_row(*target)) : std::nullopt;
  const bool takes_over = target && is_plain(moving) && is_plain(*target);
  const auto change = [&](journal::ChangeSet& set, WallTime now) -> Result<journal::Rows> {
    for (const KnownRow& folder : known) folder.tell(set);
    row.tell(set);
    if (!target) return set.rename(moving.inode, place, now, folders);
    target_row->tell(set);
    if (takes_over) return set.rename_over(moving.inode, target->inode, place, now, folders);
    DRIVEWAY_TRY(journal::Rows rows, set.remove(target->inode, now));
    DRIVEWAY_TRY(journal::Rows more, set.rename(moving.inode, place, now, folders));
    add_rows(rows, std::move(more));
    return rows;
  };
  const auto record = [&] {
    return parts_.journal.change(context, journal::Purpose::kNew, change);
  };
  const auto rename = [&] {
    return takes_over ? parts_.drafts.rename_over(moving.inode, record) : record();
  };
  DRIVEWAY_CHECK(target ? take_name(*target, rename) : rename());
  parts_.open_nodes.has_name(moving.inode);
  return {};
}

// With the turn.
Status Naming::exchange(const Context& context, const Move& move) {
  const tree::Node& a = *move.from.node;
  const tree::Node& b = *move.to.node;
  for (const tree::Node* const node : {&a, &b}) {
    if (!extension_of(*node, parts_.tree.options().docs).empty()) {
      return Error{ErrorCode::kInvalidArgument, "a document cannot exchange its name"};
    }
  }
  DRIVEWAY_TRY(const auto above_a, above(a, move.to.folder));
  DRIVEWAY_TRY(const auto above_b, above(b, move.from.folder));
  // The journal exchanges names of Drive: those that are shown here may have a suffix.
  DRIVEWAY_TRY(std::string name_a, drive_name(a, move.to.name));
  DRIVEWAY_TRY(std::string name_b, drive_name(b, move.from.name));
  const journal::Place place_a{move.to.folder.inode, move.to.folder.item->id, std::move(name_a)};
  const journal::Place place_b{move.from.folder.inode, move.from.folder.item->id,
                               std::move(name_b)};
  const KnownRow row_a = known_row(a);
  const KnownRow row_b = known_row(b);
  return parts_.journal.change(
      context, journal::Purpose::kNew,
      [&](journal::ChangeSet& set, WallTime now) -> Result<journal::Rows> {
        row_a.tell(set);
        row_b.tell(set);
        DRIVEWAY_TRY(journal::Rows rows, set.rename(a.inode, place_a, now, above_a));
        DRIVEWAY_TRY(journal::Rows more, set.rename(b.inode, place_b, now, above_b));
        add_rows(rows, std::move(more));
        return rows;
      });
}

Status Naming::rename(const Context& context, InodeId parent, std::string_view name,
                      InodeId new_parent, std::string_view new_name, RenameMode mode) {
  Move done;
  const auto look = [&](const Context& now) -> Result<Move> {
    const Use use = mode == RenameMode::kExchange ? Use::kAdd : Use::kMoveAway;
    DRIVEWAY_TRY(Slot from, find(now, parent, name, use));
    DRIVEWAY_TRY(Slot to, find(now, new_parent, new_name, Use::kAdd));
    return Move{std::move(from), std::move(to)};
  };
  DRIVEWAY_CHECK(in_turn(context, look, [&](const Move& found) -> Status {
    DRIVEWAY_CHECK(check_move(found));
    const auto& target = found.to.node;
    if (mode == RenameMode::kNoReplace && target) {
      return Error{ErrorCode::kAlreadyExists, cat("'", new_name, "' is there already")};
    }
    if (mode == RenameMode::kExchange && !target) {
      return Error{ErrorCode::kNotFound, cat("no '", new_name, "' here")};
    }
    if (target && target->inode == found.from.node->inode) return {};
    DRIVEWAY_CHECK(mode == RenameMode::kExchange ? exchange(context, found)
                                                 : this->move(context, found));
    done = found;
    return {};
  }));
  if (!done.from.node) return {};
  const auto& target = done.to.node;
  tell(done.from.folder.inode, name, done.from.node->inode);
  tell(done.to.folder.inode, new_name, target ? std::optional(target->inode) : std::nullopt);
  return {};
}

}  // namespace driveway::vfs
