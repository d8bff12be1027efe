#include "sim/drive/file_write.h"

#include <algorithm>
#include <utility>

#include "base/strings.h"
#include "sim/drive/file_move.h"
#include "sim/drive/ids.h"
#include "sim/drive/mime_types.h"
#include "sim/drive/refused.h"

namespace driveway::sim {

namespace {

constexpr Bytes kMaxCopy = 750 * kGiB;  // guide "limits"

std::string mime_for(const FileEdit& edit, const std::optional<NewContent>& media,
                     std::string_view name) {
  if (edit.mime_type && !edit.mime_type->empty()) return *edit.mime_type;
  if (edit.shortcut_target) return std::string(mime::kShortcut);
  if (media && !media->type.empty()) {
    return std::string(trim(std::string_view(media->type).substr(0, media->type.find(';'))));
  }
  return std::string(media ? mime_of_name(name) : mime::kOctets);
}

// The folder that a new item goes to.
const Item& parent_for(SimState& state, Access& access, const Viewer& viewer, const FileEdit& edit,
                       const WriteOptions& options) {
  if (edit.parents && edit.parents->size() > 1) {
    refuse(403, "cannotAddParent", "Increasing the number of parents is not allowed");
  }
  if (!edit.parents || edit.parents->empty()) {
    const Account* account = state.world.account(viewer.mail);
    return *state.world.current().peek(account->root_id);
  }
  const std::string& id = edit.parents->front();
  // An app of the drive.file scope may put its files into the root, which it cannot get.
  const Account* account = state.world.account(viewer.mail);
  if (id == "root" || (account != nullptr && id == account->root_id)) {
    return *state.world.current().peek(account->root_id);
  }
  const Item& parent = find_visible(state.world, access, viewer, id, options.supports_all_drives);
  if (!parent.is_folder()) {
    refuse(403, "parentNotAFolder", "The specified parent is not a folder.");
  }
  if (!has(capabilities_for(access, parent), Capability::kCanAddChildren)) {
    refuse(403, "insufficientParentPermissions",
           "Insufficient permissions for the specified parent.");
  }
  return parent;
}

void check_id(const World& world, const std::string& id, Kind kind) {
  const IdUse use = kind == Kind::kShortcut ? IdUse::kShortcut : IdUse::kFile;
  if (world.current().peek(id) != nullptr) {
    refuse(409, "fileIdInUse", "A file already exists with the provided ID.");
  }
  if (kind == Kind::kDoc) {
    refuse(400, "invalid", "Generated IDs are not supported for Docs Editors formats.");
  }
  if (is_generated_id(id, use)) return;
  ApiError error;
  error.http = 400;
  error.reason = "invalid";
  error.message = "The provided file ID is not usable.";
  error.location = "file.id";
  error.location_type = "other";
  refuse(std::move(error));
}

void check_upload_cap(const SimState& state) {
  if (state.config.get()->drive.upload_cap_reached) refuse(errors::upload_cap());
}

Shortcut shortcut_to(SimState& state, Access& access, const Viewer& viewer, const FileEdit& edit) {
  if (!edit.shortcut_target || edit.shortcut_target->empty()) {
    refuse(400, "invalid", "A shortcut needs shortcutDetails.targetId.");
  }
  const Item& target = find_visible(state.world, access, viewer, *edit.shortcut_target, true);
  if (target.kind == Kind::kShortcut) {
    refuse(403, "shortcutTargetInvalid", "The shortcut target is invalid.");
  }
  return {target.id, *target.mime};
}

// Parent, id, limits, storage: all that a new item of `kind` must pass. Gives the parent.
const Item& check_new(SimState& state, Access& access, const Viewer& viewer, const FileEdit& edit,
                      const WriteOptions& options, Kind kind, Bytes size) {
  const Item& parent = parent_for(state, access, viewer, edit, options);
  if (edit.id && !edit.id->empty()) check_id(state.world, *edit.id, kind);
  check_room_below(state.world, parent, kind == Kind::kFolder, 0);
  if (kind == Kind::kFile || kind == Kind::kDoc) {
    check_storage(state.world, viewer, parent, kind == Kind::kFile ? size : 0);
  }
  return parent;
}

Item new_item(SimState& state, const Viewer& viewer, const FileEdit& edit, const Item& parent,
              Kind kind) {
  Item item;
  item.serial = state.world.next_serial();
  item.id = edit.id && !edit.id->empty()
                ? *edit.id
                : make_item_id(kind == Kind::kShortcut ? IdUse::kShortcut : IdUse::kFile);
  item.parent = parent.id;
  item.kind = kind;
  item.drive = parent.drive;
  item.owner = parent.drive == nullptr ? viewer.mail : nullptr;
  item.last_user = viewer.mail;
  item.created = item.modified = item.head_modified = state.world.now();
  item.head_number = 1;
  return item;
}

void mark_app(const Viewer& viewer, const Item& parent, Extras& extras) {
  if ((viewer.scopes & kScopeFile) != 0) extras.apps.insert(viewer.project);
  extras.app_data_of = parent.extra().app_data_of;
}

bool has_content(const Extras& extras) {
  return !extras.description.empty() || !extras.properties.empty() ||
         !extras.app_properties.empty() || !extras.shortcut.target_id.empty() ||
         !extras.permissions.empty() || !extras.old_revisions.empty() || extras.keep_head ||
         !extras.original_name.empty() || !extras.personal.empty() || !extras.apps.empty() ||
         extras.app_data_of != nullptr || extras.trashing_user != nullptr || extras.read_only ||
         extras.copy_requires_writer || !extras.writers_can_share || !extras.folder_color.empty() ||
         extras.abusive || extras.download_quota_exceeded;
}

void publish(Item& item, Extras extras) {
  if (item.extras || has_content(extras)) item.set_extras(std::move(extras));
}

void set_trashed(SimState& state, const Viewer& viewer, Access& access, bool trashed, Item& item,
                 Extras& extras) {
  if (item.trashed == trashed) return;
  require(access, item, trashed ? Capability::kCanTrash : Capability::kCanUntrash);
  item.trashed = trashed;
  item.trashed_at = trashed ? state.world.now() : 0;
  extras.trashing_user = trashed ? viewer.mail : nullptr;
}

// The new head; the old one joins the old revisions.
void replace_content(SimState& state, const Viewer& viewer, const NewContent& media,
                     bool keep_forever, Item& item, Extras& extras) {
  if (item.kind == Kind::kFile) {
    extras.old_revisions.push_back({item.head_number, item.content, item.head_modified,
                                    extras.keep_head, item.mime, item.last_user,
                                    extras.original_name});
  }
  item.content = media.content;
  item.head_number = std::max(item.head_number, extras.last_revision) + 1;
  item.head_modified = state.world.now();
  item.modified = item.head_modified;
  item.last_user = viewer.mail;
  extras.keep_head = keep_forever;
}

// modifiedByMeTime of whoever modified it before stays what it was.
void note_edit(const Viewer& viewer, const Item& old, const FileEdit& edit, Item& item,
               Extras& extras) {
  const bool touches = item.modified != old.modified || edit.modified;
  if (!touches) return;
  if (old.last_user != viewer.mail && old.last_user != nullptr) {
    extras.personal[old.last_user].modified = old.modified;
  }
  if (const auto mine = extras.personal.find(viewer.mail); mine != extras.personal.end()) {
    mine->second.modified = 0;  // shown by last_user again
  }
  item.last_user = viewer.mail;
}

void check_content_target(Access& access, const Item& item) {
  if (item.is_folder() || item.kind == Kind::kShortcut) {
    refuse(403, "fileNotUpdatable", "The content of this kind of item cannot be changed.");
  }
  require(access, item, Capability::kCanModifyContent);
}

// Whether it changes only what everybody who sees the item has for himself.
bool is_personal(const FileEdit& edit) {
  const bool of_everybody = edit.name || edit.mime_type || edit.description || edit.folder_color ||
                            edit.original_name || edit.shortcut_target || edit.created ||
                            edit.modified || edit.trashed || edit.copy_requires_writer ||
                            edit.writers_can_share || edit.read_only || !edit.properties.empty() ||
                            !edit.app_properties.empty();
  return !of_everybody && (edit.starred || edit.viewed);
}

// The parts of an update that need no bytes; gives the item as it will be.
std::pair<Item, Extras> edited(SimState& state, const Viewer& viewer, const std::string& id,
                               const FileEdit& edit, const WriteOptions& options, bool with_media,
                               std::optional<Bytes> size) {
  Access access(state.world.current(), viewer.mail);
  const Item& old = find_visible(state.world, access, viewer, id, options.supports_all_drives);
  const bool moves = !options.add_parents.empty() || !options.remove_parents.empty();
  if (with_media || moves || !is_personal(edit)) require(access, old, Capability::kCanEdit);
  if (edit.name && *edit.name != old.name) require(access, old, Capability::kCanRename);
  if (with_media) {
    check_content_target(access, old);
    check_upload_cap(state);
    if (old.owner == viewer.mail) {
      check_storage(state.world, viewer, old, size.value_or(0));
    }
  }
  if (edit.mime_type && *edit.mime_type != *old.mime && !with_media && !edit.mime_type->empty()) {
    refuse(403, "fieldNotWritable",
           "The resource body includes fields which are not directly writable.");
  }
  if (edit.shortcut_target && *edit.shortcut_target != old.extra().shortcut.target_id) {
    refuse(403, "fieldNotWritable",
           "The resource body includes fields which are not directly writable.");
  }
  Item item = old;
  Extras extras = old.edit_extras();
  if (edit.trashed) set_trashed(state, viewer, access, *edit.trashed, item, extras);
  apply_move(state, viewer, access, options, item);
  if (item.drive != old.drive && item.drive != nullptr) extras.app_data_of = nullptr;
  return {std::move(item), std::move(extras)};
}

}  // namespace

void check_create(SimState& state, const Viewer& viewer, const FileEdit& edit,
                  const WriteOptions& options, bool with_media, std::optional<Bytes> size) {
  Access access(state.world.current(), viewer.mail);
  const std::optional<NewContent> media =
      with_media ? std::optional(NewContent{nullptr, "application/octet-stream"}) : std::nullopt;
  const Kind kind = kind_of_mime(mime_for(edit, media, edit.name.value_or("")));
  check_new(state, access, viewer, edit, options, kind, size.value_or(0));
  if (with_media) check_upload_cap(state);
}

void check_update(SimState& state, const Viewer& viewer, const std::string& id,
                  const FileEdit& edit, const WriteOptions& options, bool with_media,
                  std::optional<Bytes> size) {
  auto [item, extras] = edited(state, viewer, id, edit, options, with_media, size);
  apply_plain_edit(edit, viewer.mail, viewer.project, item, extras);
}

ItemPtr create_file(SimState& state, const Viewer& viewer, const FileEdit& edit,
                    const WriteOptions& options, const std::optional<NewContent>& media) {
  Access access(state.world.current(), viewer.mail);
  const std::string name = edit.name && !edit.name->empty() ? *edit.name : std::string("Untitled");
  const std::string mime_type = mime_for(edit, media, name);
  const Kind kind = kind_of_mime(mime_type);
  if (media && (kind == Kind::kFolder || kind == Kind::kShortcut)) {
    refuse(400, "badRequest", "Bad Request");
  }
  const Bytes size = media ? media->content->size() : 0;
  const Item& parent = check_new(state, access, viewer, edit, options, kind, size);
  if (media) check_upload_cap(state);
  Extras extras;
  if (kind == Kind::kShortcut) extras.shortcut = shortcut_to(state, access, viewer, edit);
  Item item = new_item(state, viewer, edit, parent, kind);
  item.name = name;
  item.mime = intern(mime_type);
  mark_app(viewer, parent, extras);
  extras.keep_head = options.keep_revision_forever && kind == Kind::kFile;
  if (kind == Kind::kFile || kind == Kind::kDoc) {
    if (media) {
      item.content = media->content;
    } else {
      const auto empty = state.contents.from_bytes("");
      if (!empty.ok()) refuse(errors::internal());
      item.content = *empty;
    }
  }
  apply_plain_edit(edit, viewer.mail, viewer.project, item, extras);
  if (item.name.empty()) item.name = name;
  if (edit.trashed.value_or(false)) {
    item.trashed = true;
    item.trashed_at = item.created;
  }
  publish(item, std::move(extras));
  return state.world.put(std::move(item));
}

ItemPtr update_file(SimState& state, const Viewer& viewer, const std::string& id,
                    const FileEdit& edit, const WriteOptions& options,
                    const std::optional<NewContent>& media) {
  std::optional<Bytes> size;
  if (media) size = media->content->size();
  auto [item, extras] = edited(state, viewer, id, edit, options, media.has_value(), size);
  const ItemPtr old = state.world.current().find(item.id);
  if (media) {
    if (extras.original_name.empty()) extras.original_name = old->name;
    replace_content(state, viewer, *media, options.keep_revision_forever, item, extras);
    if (edit.mime_type && !edit.mime_type->empty()) {
      item.mime = intern(*edit.mime_type);
      item.kind = kind_of_mime(*edit.mime_type);
    } else if (!media->type.empty() && item.kind == Kind::kFile) {
      item.mime = intern(trim(std::string_view(media->type).substr(0, media->type.find(';'))));
    }
  }
  apply_plain_edit(edit, viewer.mail, viewer.project, item, extras);
  note_edit(viewer, *old, edit, item, extras);
  publish(item, std::move(extras));
  return state.world.put(std::move(item));
}

ItemPtr copy_file(SimState& state, const Viewer& viewer, const std::string& id,
                  const FileEdit& edit, const WriteOptions& options) {
  Access access(state.world.current(), viewer.mail);
  const Item& source = find_visible(state.world, access, viewer, id, options.supports_all_drives);
  if (!has(capabilities_for(access, source), Capability::kCanCopy)) {
    refuse(403, "cannotCopyFile", "This file cannot be copied by the user.");
  }
  if (source.size() > kMaxCopy) {
    refuse(403, "cannotCopyFile", "This file is too large to be copied.");
  }
  check_upload_cap(state);
  FileEdit with_parent = edit;
  if (!edit.parents || edit.parents->empty()) {
    // The source's folder if that can be written, else the root.
    const Item* folder = state.world.current().peek(source.parent);
    if (folder != nullptr && has(capabilities_for(access, *folder), Capability::kCanAddChildren)) {
      with_parent.parents = {source.parent};
    }
  }
  const Item& parent =
      check_new(state, access, viewer, with_parent, options, source.kind, source.size());
  Item item = new_item(state, viewer, edit, parent, source.kind);
  item.name = "Copy of " + source.name;
  item.mime = source.mime;
  item.content = source.content;
  Extras extras;
  extras.properties = source.extra().properties;
  extras.app_properties = source.extra().app_properties;
  extras.description = source.extra().description;
  extras.shortcut = source.extra().shortcut;
  extras.keep_head = options.keep_revision_forever && source.kind == Kind::kFile;
  mark_app(viewer, parent, extras);
  apply_plain_edit(edit, viewer.mail, viewer.project, item, extras);
  publish(item, std::move(extras));
  return state.world.put(std::move(item));
}

void delete_file(SimState& state, const Viewer& viewer, const std::string& id,
                 const WriteOptions& options) {
  Access access(state.world.current(), viewer.mail);
  const Item& item = find_visible(state.world, access, viewer, id, options.supports_all_drives);
  require(access, item, Capability::kCanDelete);
  const std::string gone = item.id;  // `item` dies
  state.world.remove(gone);
}

void empty_trash(SimState& state, const Viewer& viewer, const std::string& drive_id) {
  Access access(state.world.current(), viewer.mail);
  if (!drive_id.empty()) {
    const SharedDrive* drive = state.world.drive(drive_id);
    const Item* root = drive == nullptr ? nullptr : state.world.current().peek(drive_id);
    const Role role = root == nullptr ? Role::kNone : access.standing(*root).personal;
    if (role == Role::kNone) {
      ApiError error = errors::not_found(drive_id);
      error.message = cat("Shared drive not found: ", drive_id);
      error.location = "driveId";
      refuse(std::move(error));
    }
    if (role < Role::kOrganizer) refuse(errors::insufficient_file_permissions());
  }
  for (const std::string& id : state.world.trashed_ids()) {
    const ItemPtr item = state.world.current().find(id);
    if (!item || !item->trashed) continue;  // went with a folder above it
    const bool meant = drive_id.empty() ? item->drive == nullptr && item->owner == viewer.mail
                                        : item->drive != nullptr && *item->drive == drive_id;
    if (meant) state.world.remove(id);
  }
}

}  // namespace driveway::sim
