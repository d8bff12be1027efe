// Who may see and do what (drive-api reference 8.4–8.6, capabilities in 2).
#pragma once

#include <bitset>
#include <span>
#include <string>
#include <string_view>

#include "sim/drive/model.h"
#include "sim/drive/table.h"

namespace driveway::sim {

// By a grant to the user himself, his domain (discoverable), a shared drive's membership or the
// folder above; or by a link only: that opens an item to who knows its id, but does not list it.
struct Standing {
  Role personal = Role::kNone;
  Role by_link = Role::kNone;
  Role role() const { return personal < by_link ? by_link : personal; }
  bool visible() const { return role() != Role::kNone; }
};

// What folders give to their children, kept while one request looks at many of them.
class Access {
 public:
  // Valid while the table does not change.
  Access(const Table& table, Text mail) : table_(table), mail_(mail) {}

  struct Folder {
    bool exists = false;
    bool trashed = false;  // itself or an ancestor
    bool shared = false;   // it or an ancestor is granted to somebody but the owner
    Standing standing;     // on the folder itself
  };
  const Folder& folder(const std::string& id);

  Standing standing(const Item& item);
  // Itself or by an ancestor.
  bool trashed(const Item& item) { return item.trashed || folder(item.parent).trashed; }
  bool shared(const Item& item) {
    return !item.extra().permissions.empty() || folder(item.parent).shared;
  }
  // Whether the parent is shown to this user (drive-api reference 2: parents).
  bool shows_parent(const Item& item);

  const Table& table() const { return table_; }
  Text mail() const { return mail_; }

 private:
  const Table& table_;
  Text mail_;
  ById<Folder> folders_;
};

// The capabilities of drive-api reference 2, in its order.
enum class Capability : std::uint8_t {
  kCanAcceptOwnership,
  kCanAddChildren,
  kCanAddFolderFromAnotherDrive,
  kCanAddMyDriveParent,
  kCanChangeCopyRequiresWriterPermission,
  kCanChangeItemDownloadRestriction,
  kCanChangeSecurityUpdateEnabled,
  kCanComment,
  kCanCopy,
  kCanDelete,
  kCanDeleteChildren,
  kCanDisableInheritedPermissions,
  kCanDownload,
  kCanEdit,
  kCanEnableInheritedPermissions,
  kCanListChildren,
  kCanModifyContent,
  kCanModifyContentRestriction,
  kCanModifyEditorContentRestriction,
  kCanModifyLabels,
  kCanModifyOwnerContentRestriction,
  kCanMoveChildrenOutOfDrive,
  kCanMoveChildrenWithinDrive,
  kCanMoveItemIntoTeamDrive,
  kCanMoveItemOutOfDrive,
  kCanMoveItemWithinDrive,
  kCanReadDrive,
  kCanReadLabels,
  kCanReadRevisions,
  kCanRemoveChildren,
  kCanRemoveContentRestriction,
  kCanRemoveMyDriveParent,
  kCanRename,
  kCanShare,
  kCanTrash,
  kCanTrashChildren,
  kCanUntrash,
  kCount
};
using Capabilities = std::bitset<static_cast<std::size_t>(Capability::kCount)>;
std::span<const std::string_view> capability_names();  // by number

// `parent_role`: of the same user on the item's parent (kNone at a root).
Capabilities capabilities_of(const Item& item, Role role, Role parent_role);
inline bool has(const Capabilities& all, Capability one) {
  return all[static_cast<std::size_t>(one)];
}

}  // namespace driveway::sim
