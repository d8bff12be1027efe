// Permissions (drive-api reference 8.5), also the members of shared drives.

#include <algorithm>

#include <nlohmann/json.hpp>

#include "base/strings.h"
#include "sim/drive/api.h"
#include "sim/drive/grants.h"

namespace driveway::sim::api {

namespace {

using nlohmann::json;

struct Wish {
  std::optional<Grantee> grantee;
  std::optional<Role> role;
  std::string mail;
  std::string domain;
  bool discoverable = false;
};

std::string text_of(const json& body, const char* name) {
  const auto found = body.find(name);
  if (found == body.end() || found->is_null()) return {};
  if (!found->is_string()) refuse(400, "invalid", cat("Invalid value for: ", name));
  return found->get<std::string>();
}

Wish parse_wish(Call& call) {
  const json body = json::parse(call.read_body(), nullptr, false);
  if (!body.is_object()) refuse(400, "parseError", "Parse Error");
  Wish wish;
  const std::string type = text_of(body, "type");
  if (type == "user") wish.grantee = Grantee::kUser;
  if (type == "group") wish.grantee = Grantee::kGroup;
  if (type == "domain") wish.grantee = Grantee::kDomain;
  if (type == "anyone") wish.grantee = Grantee::kAnyone;
  if (!type.empty() && !wish.grantee) refuse(400, "invalid", "The permission type is invalid.");
  if (const std::string role = text_of(body, "role"); !role.empty()) {
    wish.role = parse_role(role);
    if (!wish.role) refuse(400, "invalid", "The permission role is invalid.");
  }
  wish.mail = text_of(body, "emailAddress");
  wish.domain = text_of(body, "domain");
  if (const auto found = body.find("allowFileDiscovery"); found != body.end()) {
    if (!found->is_boolean()) refuse(400, "invalid", "Invalid value for: allowFileDiscovery");
    wish.discoverable = found->get<bool>();
  }
  return wish;
}

void check_role(const Item& item, Role role, Grantee grantee) {
  const bool of_shared_drives = role == Role::kOrganizer || role == Role::kFileOrganizer;
  const bool person = grantee == Grantee::kUser || grantee == Grantee::kGroup;
  const bool wrong_place = of_shared_drives ? item.drive == nullptr : false;
  const bool owner_there = role == Role::kOwner && item.drive != nullptr;
  if (wrong_place || owner_there || (!person && role > Role::kWriter)) {
    refuse(403, "cannotShareTeamDriveTopFolderWithAnyoneOrDomains",
           "The role is not valid for this item and this type of permission.");
  }
}

Permission make_permission(World& world, const Wish& wish) {
  Permission permission;
  permission.grantee = *wish.grantee;
  permission.role = *wish.role;
  switch (permission.grantee) {
    case Grantee::kUser: {
      if (wish.mail.find('@') == std::string::npos) {
        refuse(400, "invalidSharingRequest", "The specified emailAddress is invalid.");
      }
      const Account& account = world.ensure_account(wish.mail, false);
      permission.id = account.permission_id;
      permission.mail = *account.mail;
      break;
    }
    case Grantee::kGroup:
      permission.id = cat("g", base64url(wish.mail));
      permission.mail = wish.mail;
      break;
    case Grantee::kDomain:
      if (wish.domain.empty()) refuse(400, "invalid", "A domain is required.");
      permission.id = cat("d", base64url(wish.domain));
      permission.domain = wish.domain;
      permission.discoverable = wish.discoverable;
      break;
    case Grantee::kAnyone:
      permission.id = wish.discoverable ? "anyone" : "anyoneWithLink";
      permission.discoverable = wish.discoverable;
      break;
  }
  return permission;
}

// Puts the item with its new grants; of a drive's top folder these are its members, and the drive
// itself changes for them.
ItemPtr publish(World& world, Item item, Extras extras) {
  const bool members = item.root && item.drive != nullptr;
  const std::string drive_id = members ? *item.drive : std::string();
  item.set_extras(std::move(extras));
  if (members) world.note_drive_change(*world.drive(drive_id));  // for those who are members now
  const ItemPtr made = world.put(std::move(item));
  if (members) world.note_drive_change(*world.drive(drive_id));  // for those who are from now on
  return made;
}

const Item& find_item(const Call& call, Access& access, bool supports) {
  return find_visible(call.state.world, access, call.viewer, call.route.id, supports);
}

void require_share(Access& access, const Item& item) {
  if (item.root && item.drive != nullptr) {
    if (access.standing(item).role() < Role::kOrganizer) {
      refuse(errors::insufficient_file_permissions());
    }
    return;
  }
  require(access, item, Capability::kCanShare);
}

[[noreturn]] void refuse_permission(const std::string& id) {
  ApiError error = errors::not_found(id);
  error.message = cat("Permission not found: ", id, ".");
  error.location = "permissionId";
  refuse(std::move(error));
}

Grant find_grant(const World& world, const Item& item, const std::string& id) {
  for (Grant& grant : grants_on(world, item)) {
    if (grant.permission.id == id) return std::move(grant);
  }
  refuse_permission(id);
}

Permission& own_permission(const Item& item, Extras& extras, const Grant& grant) {
  for (Permission& one : extras.permissions) {
    if (one.id == grant.permission.id) return one;
  }
  refuse(403,
         item.drive != nullptr ? "cannotModifyInheritedTeamDrivePermission"
                               : "cannotModifyInheritedPermission",
         "Inherited permissions cannot be changed on the item.");
}

// The owner gives the item away and stays a writer.
void transfer(const Call& call, const Wish& wish, Item& item, Extras& extras) {
  if (!call.flag("transferOwnership")) {
    refuse(403, "forbidden",
           "The transferOwnership parameter must be enabled when the permission role is 'owner'.");
  }
  if (item.owner != call.viewer.mail || wish.grantee != Grantee::kUser) {
    refuse(errors::insufficient_file_permissions());
  }
  World& world = call.state.world;
  const Account& heir = world.ensure_account(wish.mail, false);
  const Account& owner = *world.account(item.owner);
  std::erase_if(extras.permissions,
                [&](const Permission& one) { return one.id == heir.permission_id; });
  extras.permissions.push_back(
      {owner.permission_id, Grantee::kUser, Role::kWriter, *owner.mail, "", false});
  item.owner = heir.mail;
}

}  // namespace

Reply permissions_list(Call& call) {
  const auto page_size = static_cast<std::size_t>(call.number("pageSize", {100, 1, 100}));
  const bool supports = call.supports_all_drives();
  const std::string identity = cat(*call.viewer.mail, "\npermissions\n", call.route.id);
  std::size_t from = 0;
  if (const std::string* token = call.query("pageToken")) {
    if (token->empty()) {
      refuse(403, "pageTokenExpired",
             "The specified page token has expired, and can no longer be used.");
    }
    from = parse_uint(page_position(call, *token, identity)).value_or(0);
  }
  const FieldMask mask = call.mask(resource("PermissionList"));
  const std::shared_lock lock(call.state.world.mutex());
  Access access(call.state.world.current(), call.viewer.mail);
  const Item& item = find_item(call, access, supports);
  if (access.standing(item).role() < Role::kWriter) {
    refuse(403, "insufficientFilePermissions",
           "The user does not have sufficient permissions for this file.");
  }
  const auto grants = grants_on(call.state.world, item);
  json list = json::array();
  std::size_t at = std::min(from, grants.size());
  for (; at < grants.size() && list.size() < page_size; ++at) {
    list.push_back(permission_json(call.state.world, item, grants[at]));
  }
  json result{{"kind", "drive#permissionList"}, {"permissions", std::move(list)}};
  if (at < grants.size()) {
    result["nextPageToken"] = encode_page_token({identity, call.state.world.now(), cat(at)});
  }
  return call.masked(result, mask);
}

Reply permissions_get(Call& call) {
  const bool supports = call.supports_all_drives();
  const FieldMask mask = call.mask(resource("Permission"));
  const std::shared_lock lock(call.state.world.mutex());
  Access access(call.state.world.current(), call.viewer.mail);
  const Item& item = find_item(call, access, supports);
  const Grant grant = find_grant(call.state.world, item, call.route.second_id);
  return call.masked(permission_json(call.state.world, item, grant), mask);
}

Reply permissions_create(Call& call) {
  const bool supports = call.supports_all_drives();
  const FieldMask mask = call.mask(resource("Permission"));
  const Wish wish = parse_wish(call);
  if (!wish.grantee) refuse(400, "required", "The permission type field is required.");
  if (!wish.role) refuse(400, "required", "The permission role field is required.");
  const std::unique_lock lock(call.state.world.mutex());
  World& world = call.state.world;
  Access access(world.current(), call.viewer.mail);
  const Item& old = find_item(call, access, supports);
  require_share(access, old);
  check_role(old, *wish.role, *wish.grantee);
  if (old.root && old.drive == nullptr) refuse(errors::insufficient_file_permissions());
  Item item = old;
  Extras extras = item.edit_extras();
  const Permission permission = make_permission(world, wish);
  if (permission.role == Role::kOwner) {
    transfer(call, wish, item, extras);
  } else if (item.owner == nullptr || permission.mail != *item.owner) {
    std::erase_if(extras.permissions,
                  [&](const Permission& one) { return one.id == permission.id; });
    extras.permissions.push_back(permission);
    if (permission.grantee == Grantee::kUser && !item.root) {
      Personal& personal = extras.personal[intern(permission.mail)];
      personal.shared = world.now();
      personal.shared_by = call.viewer.mail;
    }
  }
  const ItemPtr made = publish(world, std::move(item), std::move(extras));
  const Grant grant = find_grant(world, *made, permission.id);
  return call.masked(permission_json(world, *made, grant), mask);
}

Reply permissions_update(Call& call) {
  const bool supports = call.supports_all_drives();
  const FieldMask mask = call.mask(resource("Permission"));
  const Wish wish = parse_wish(call);
  if (!wish.role) refuse(400, "required", "The permission role field is required.");
  const std::unique_lock lock(call.state.world.mutex());
  World& world = call.state.world;
  Access access(world.current(), call.viewer.mail);
  const Item& old = find_item(call, access, supports);
  require_share(access, old);
  const Grant grant = find_grant(world, old, call.route.second_id);
  check_role(old, *wish.role, grant.permission.grantee);
  Item item = old;
  Extras extras = item.edit_extras();
  if (*wish.role == Role::kOwner) {
    Wish heir = wish;
    heir.grantee = grant.permission.grantee;
    heir.mail = grant.permission.mail;
    transfer(call, heir, item, extras);
  } else {
    own_permission(item, extras, grant).role = *wish.role;
  }
  const ItemPtr made = publish(world, std::move(item), std::move(extras));
  const Grant now = find_grant(world, *made, call.route.second_id);
  return call.masked(permission_json(world, *made, now), mask);
}

Reply permissions_delete(Call& call) {
  const bool supports = call.supports_all_drives();
  const std::unique_lock lock(call.state.world.mutex());
  World& world = call.state.world;
  Access access(world.current(), call.viewer.mail);
  const Item& old = find_item(call, access, supports);
  const Grant grant = find_grant(world, old, call.route.second_id);
  const bool own = grant.permission.mail == *call.viewer.mail;  // everybody may leave
  if (!own) require_share(access, old);
  if (grant.permission.role == Role::kOwner) refuse(errors::insufficient_file_permissions());
  Item item = old;
  Extras extras = item.edit_extras();
  const std::string gone = own_permission(item, extras, grant).id;
  std::erase_if(extras.permissions, [&](const Permission& one) { return one.id == gone; });
  if (grant.permission.grantee == Grantee::kUser) {
    if (const auto mine = extras.personal.find(intern(grant.permission.mail));
        mine != extras.personal.end()) {
      mine->second.shared = 0;
      mine->second.shared_by = nullptr;
    }
  }
  publish(world, std::move(item), std::move(extras));
  return {204, "", false};
}

}  // namespace driveway::sim::api
