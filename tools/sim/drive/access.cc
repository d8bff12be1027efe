#include "sim/drive/access.h"

#include <algorithm>
#include <array>
#include <initializer_list>

#include "base/strings.h"

namespace driveway::sim {

namespace {

bool in_domain(std::string_view mail, std::string_view domain) {
  const auto at = mail.rfind('@');
  return at != std::string_view::npos && equals_ignoring_case(mail.substr(at + 1), domain);
}

void raise(Role& role, Role to) { role = std::max(role, to); }

void add_grants(const Item& item, std::string_view mail, Standing& standing) {
  if (!item.extras) return;
  for (const Permission& grant : item.extras->permissions) {
    switch (grant.grantee) {
      case Grantee::kUser:
        if (equals_ignoring_case(grant.mail, mail)) raise(standing.personal, grant.role);
        break;
      case Grantee::kDomain:
        if (in_domain(mail, grant.domain)) {
          raise(grant.discoverable ? standing.personal : standing.by_link, grant.role);
        }
        break;
      case Grantee::kAnyone:
        raise(standing.by_link, grant.role);
        break;
      case Grantee::kGroup:
        break;  // who is in a group is not modelled
    }
  }
}

constexpr std::array<std::string_view, static_cast<std::size_t>(Capability::kCount)> kNames{
    "canAcceptOwnership",
    "canAddChildren",
    "canAddFolderFromAnotherDrive",
    "canAddMyDriveParent",
    "canChangeCopyRequiresWriterPermission",
    "canChangeItemDownloadRestriction",
    "canChangeSecurityUpdateEnabled",
    "canComment",
    "canCopy",
    "canDelete",
    "canDeleteChildren",
    "canDisableInheritedPermissions",
    "canDownload",
    "canEdit",
    "canEnableInheritedPermissions",
    "canListChildren",
    "canModifyContent",
    "canModifyContentRestriction",
    "canModifyEditorContentRestriction",
    "canModifyLabels",
    "canModifyOwnerContentRestriction",
    "canMoveChildrenOutOfDrive",
    "canMoveChildrenWithinDrive",
    "canMoveItemIntoTeamDrive",
    "canMoveItemOutOfDrive",
    "canMoveItemWithinDrive",
    "canReadDrive",
    "canReadLabels",
    "canReadRevisions",
    "canRemoveChildren",
    "canRemoveContentRestriction",
    "canRemoveMyDriveParent",
    "canRename",
    "canShare",
    "canTrash",
    "canTrashChildren",
    "canUntrash"};

// Adds these where the condition holds.
void set(Capabilities& all, bool on, std::initializer_list<Capability> which) {
  if (!on) return;
  for (const Capability one : which) all.set(static_cast<std::size_t>(one));
}

// What both kinds of drive have in common.
Capabilities common(const Item& item, Role role) {
  using enum Capability;
  const Extras& extra = item.extra();
  const bool reads = role >= Role::kReader;
  const bool writes = role >= Role::kWriter;
  const bool may_take = reads && (!extra.copy_requires_writer || writes);
  const bool folder = item.is_folder();
  Capabilities all;
  set(all, may_take, {kCanDownload});
  set(all, may_take && !folder, {kCanCopy});
  set(all, role >= Role::kCommenter, {kCanComment});
  set(all, writes, {kCanEdit, kCanModifyContentRestriction, kCanModifyEditorContentRestriction});
  set(all, writes && (folder || !extra.read_only), {kCanModifyContent});
  set(all, writes && !extra.read_only && !item.root, {kCanRename});
  set(all, writes && folder, {kCanAddChildren});
  set(all, reads && folder, {kCanListChildren});
  set(all, writes && !folder, {kCanReadRevisions});
  set(all, writes && extra.read_only, {kCanRemoveContentRestriction});
  return all;
}

void add_my_drive(const Item& item, Role role, Capabilities& all) {
  using enum Capability;
  const bool owner = role == Role::kOwner;
  const bool writes = role >= Role::kWriter;
  const bool loose = !item.root;
  const bool folder = item.is_folder();
  set(all, owner && loose,
      {kCanDelete, kCanTrash, kCanUntrash, kCanMoveItemOutOfDrive, kCanRemoveMyDriveParent,
       kCanModifyOwnerContentRestriction});
  set(all, owner && loose && !folder, {kCanMoveItemIntoTeamDrive});
  set(all, writes && loose, {kCanMoveItemWithinDrive});
  set(all, writes && folder, {kCanMoveChildrenWithinDrive, kCanRemoveChildren});
  set(all, owner && folder, {kCanMoveChildrenOutOfDrive});
  set(all, writes && loose && !folder,
      {kCanChangeCopyRequiresWriterPermission, kCanChangeItemDownloadRestriction});
  set(all, loose && (owner || (writes && item.extra().writers_can_share)), {kCanShare});
}

void add_shared_drive(const Item& item, Role role, Role parent_role, Capabilities& all) {
  using enum Capability;
  const bool loose = !item.root;
  const bool folder = item.is_folder();
  const bool manages_content = role >= Role::kFileOrganizer;
  const bool organizes = role >= Role::kOrganizer;
  const Role above = std::max(role, parent_role);
  set(all, role >= Role::kReader, {kCanReadDrive});
  set(all, loose && above >= Role::kFileOrganizer,
      {kCanTrash, kCanUntrash, kCanMoveItemWithinDrive});
  set(all, loose && above >= Role::kOrganizer, {kCanDelete, kCanMoveItemOutOfDrive});
  set(all, folder && manages_content,
      {kCanTrashChildren, kCanMoveChildrenWithinDrive, kCanRemoveChildren});
  set(all, folder && organizes, {kCanDeleteChildren, kCanMoveChildrenOutOfDrive});
  set(all, organizes && !folder,
      {kCanChangeCopyRequiresWriterPermission, kCanChangeItemDownloadRestriction});
  set(all, (folder ? manages_content : role >= Role::kWriter) && (loose || organizes), {kCanShare});
  set(all, item.root && organizes, {kCanRename});
}

}  // namespace

std::span<const std::string_view> capability_names() { return kNames; }

const Access::Folder& Access::folder(const std::string& id) {
  static const Folder nowhere;
  if (id.empty()) return nowhere;
  if (const auto known = folders_.find(id); known != folders_.end()) return known->second;
  Folder made;
  if (const Item* item = table_.peek(id)) {
    made.exists = true;
    made.trashed = trashed(*item);
    made.shared = shared(*item);
    made.standing = standing(*item);
  }
  return folders_.emplace(id, made).first->second;  // references into it stay valid
}

Standing Access::standing(const Item& item) {
  Standing result;
  if (item.owner == mail_ && mail_ != nullptr) {
    result.personal = Role::kOwner;
    return result;
  }
  if (!item.parent.empty()) {
    result = folder(item.parent).standing;
    // The owner of a folder may edit what others put into it, but does not own it.
    result.personal =
        std::min(result.personal, item.drive == nullptr ? Role::kWriter : Role::kOrganizer);
  }
  if (mail_ != nullptr) add_grants(item, *mail_, result);
  return result;
}

bool Access::shows_parent(const Item& item) {
  if (item.parent.empty()) return false;
  const Folder& parent = folder(item.parent);
  return parent.exists && parent.standing.visible();
}

Capabilities capabilities_of(const Item& item, Role role, Role parent_role) {
  Capabilities all = common(item, role);
  if (item.drive == nullptr) {
    add_my_drive(item, role, all);
  } else {
    add_shared_drive(item, role, parent_role, all);
  }
  return all;
}

}  // namespace driveway::sim
