#include "sim/drive/file_move.h"

#include <algorithm>

#include "sim/drive/refused.h"

namespace driveway::sim {

namespace {

constexpr std::size_t kMaxChildren = 500'000;
constexpr std::uint64_t kMaxDriveItems = 500'000;
constexpr int kMaxDepth = 100;

int height_of(const Table& table, const Item& item) {
  if (!item.is_folder()) return 0;
  int height = 0;
  for (const auto& [serial, child] : table.children(item.id)) {
    height = std::max(height, height_of(table, *child));
  }
  return height + 1;
}

bool is_inside(const Table& table, const Item& folder, std::string_view possible_ancestor) {
  for (const Item* at = &folder; at != nullptr; at = table.peek(at->parent)) {
    if (at->id == possible_ancestor) return true;
    if (at->parent.empty()) return false;
  }
  return false;
}

std::string resolve_alias(const World& world, const Viewer& viewer, const std::string& id) {
  const Account* account = world.account(viewer.mail);
  return id == "root" && account != nullptr ? account->root_id : id;
}

// As with a new item (file_write.cc): an app of the drive.file scope may put its files into the
// root, which it cannot get.
const Item& parent_to_add(const World& world, Access& access, const Viewer& viewer,
                          const std::string& id, bool supports_all_drives) {
  const Account* account = world.account(viewer.mail);
  if (account != nullptr && (id == "root" || id == account->root_id)) {
    return *world.current().peek(account->root_id);
  }
  return find_visible(world, access, viewer, id, supports_all_drives);
}

void cross_drives(SimState& state, const Viewer& viewer, Access& access, const Item& target,
                  Item& item) {
  if (item.is_folder()) {
    refuse(403, "teamDrivesFolderMoveInNotSupported",
           "Moving folders into shared drives is not supported.");
  }
  if (target.drive != nullptr && access.trashed(item)) {
    refuse(403, "cannotMoveTrashedItemIntoTeamDrive",
           "A trashed item cannot be moved into a shared drive.");
  }
  const bool out_of_drive = item.drive != nullptr;
  require(
      access, item,
      out_of_drive ? Capability::kCanMoveItemOutOfDrive : Capability::kCanMoveItemIntoTeamDrive);
  if (target.drive == nullptr) check_storage(state.world, viewer, target, item.quota_bytes());
  item.drive = target.drive;
  item.owner = target.drive == nullptr ? viewer.mail : nullptr;
}

}  // namespace

void check_room_below(const World& world, const Item& parent, bool is_folder, int height) {
  if (!parent.root && world.current().children(parent.id).size() >= kMaxChildren) {
    refuse(403, "numChildrenInNonRootLimitExceeded",
           "The limit for this folder's number of children (files and folders) has been exceeded.");
  }
  if (parent.drive != nullptr) {
    const SharedDrive* drive = world.drive(*parent.drive);
    if (drive != nullptr && drive->item_count >= kMaxDriveItems) {
      refuse(403, "teamDriveFileLimitExceeded",
             "The file limit for this shared drive has been exceeded.");
    }
  }
  if (!is_folder || world.depth_of(parent.id) + 1 + height <= kMaxDepth) return;
  if (parent.drive != nullptr) {
    refuse(403, "teamDriveHierarchyTooDeep",
           "The shared drive hierarchy depth will exceed the limit.");
  }
  refuse(403, "myDriveHierarchyDepthLimitExceeded",
         "Your request would exceed the depth limit of a folder in My Drive.");
}

void check_storage(const World& world, const Viewer& viewer, const Item& parent, Bytes more) {
  if (parent.drive != nullptr) return;  // the organisation's
  const Account* account = world.account(viewer.mail);
  if (account == nullptr) return;
  if (account->service_account && !account->storage_limit) {
    refuse(errors::service_account_storage());
  }
  if (account->storage_limit && account->usage + more > *account->storage_limit) {
    refuse(errors::storage_quota());
  }
}

void apply_move(SimState& state, const Viewer& viewer, Access& access, const WriteOptions& options,
                Item& item) {
  if (options.add_parents.empty() && options.remove_parents.empty()) return;
  const World& world = state.world;
  bool leaves = false;
  for (const std::string& id : options.remove_parents) {
    leaves = leaves || resolve_alias(world, viewer, id) == item.parent;
  }
  std::string target_id;
  for (const std::string& id : options.add_parents) {
    const Item& found = parent_to_add(world, access, viewer, id, options.supports_all_drives);
    const bool second = !target_id.empty() && target_id != found.id;
    if (second || (!leaves && !item.parent.empty() && found.id != item.parent)) {
      refuse(403, "cannotAddParent", "Increasing the number of parents is not allowed");
    }
    target_id = found.id;
  }
  if (target_id.empty()) {
    if (!leaves || item.drive != nullptr) return;
    // Without a folder an item of My Drive falls back to its owner's root.
    const Account* owner = world.account(item.owner);
    if (owner == nullptr) return;
    target_id = owner->root_id;
  }
  if (target_id == item.parent) return;
  const Item& target = *world.current().peek(target_id);
  if (!target.is_folder()) {
    refuse(403, "parentNotAFolder", "The specified parent is not a folder.");
  }
  const bool foreign_root = target.root && target.drive == nullptr && target.owner != viewer.mail;
  if (!foreign_root && !has(capabilities_for(access, target), Capability::kCanAddChildren)) {
    refuse(403, "insufficientParentPermissions",
           "Insufficient permissions for the specified parent.");
  }
  if (item.root) refuse(errors::insufficient_file_permissions());
  if (item.is_folder() && is_inside(world.current(), target, item.id)) {
    refuse(403, "cannotAddParent",
           "A folder cannot be moved into itself or into one of its descendants.");
  }
  if (target.drive != item.drive) {
    cross_drives(state, viewer, access, target, item);
  } else {
    require(access, item, Capability::kCanMoveItemWithinDrive);
  }
  check_room_below(world, target, item.is_folder(),
                   std::max(0, height_of(world.current(), item) - 1));
  item.parent = target.id;
}

}  // namespace driveway::sim
