#include "sim/drive/grants.h"

#include <algorithm>

#include <nlohmann/json.hpp>

#include "base/strings.h"

namespace driveway::sim {

namespace {

using nlohmann::json;

void merge(std::vector<Grant>& grants, Grant grant) {
  for (Grant& known : grants) {
    if (known.permission.id != grant.permission.id) continue;
    if (known.permission.role < grant.permission.role) known = std::move(grant);
    return;
  }
  grants.push_back(std::move(grant));
}

std::string_view grantee_name(Grantee grantee) {
  switch (grantee) {
    case Grantee::kUser:
      return "user";
    case Grantee::kGroup:
      return "group";
    case Grantee::kDomain:
      return "domain";
    case Grantee::kAnyone:
      return "anyone";
  }
  return "user";
}

}  // namespace

std::vector<Grant> grants_on(const World& world, const Item& item) {
  std::vector<Grant> grants;
  if (const Account* owner = world.account(item.owner)) {
    grants.push_back(
        {{owner->permission_id, Grantee::kUser, Role::kOwner, *owner->mail, "", false}, ""});
  }
  const Item* at = &item;
  while (at != nullptr) {
    const std::string from = at == &item ? std::string() : at->id;
    for (const Permission& permission : at->extra().permissions) merge(grants, {permission, from});
    // The owner of a folder edits what others put into it.
    if (at != &item && at->owner != item.owner && at->owner != nullptr) {
      if (const Account* owner = world.account(at->owner)) {
        merge(
            grants,
            {{owner->permission_id, Grantee::kUser, Role::kWriter, *owner->mail, "", false}, from});
      }
    }
    at = at->parent.empty() ? nullptr : world.current().peek(at->parent);
  }
  return grants;
}

json user_json(const World& world, Text mail, Text viewer) {
  json user{{"kind", "drive#user"}, {"me", mail == viewer}};
  if (mail == nullptr) return user;
  const Account* account = world.account(mail);
  user["emailAddress"] = *mail;
  user["displayName"] = account != nullptr ? account->name : mail->substr(0, mail->find('@'));
  if (account != nullptr) user["permissionId"] = account->permission_id;
  return user;
}

json permission_json(const World& world, const Item& item, const Grant& grant) {
  const Permission& permission = grant.permission;
  json result{{"kind", "drive#permission"},
              {"id", permission.id},
              {"type", grantee_name(permission.grantee)},
              {"role", to_string(permission.role)}};
  if (!permission.mail.empty()) {
    const Account* account = world.account(intern(to_lower(permission.mail)));
    result["emailAddress"] = permission.mail;
    result["displayName"] =
        account != nullptr ? account->name : permission.mail.substr(0, permission.mail.find('@'));
    result["deleted"] = false;
    result["pendingOwner"] = false;
  }
  if (permission.grantee == Grantee::kDomain) {
    result["domain"] = permission.domain;
    result["displayName"] = permission.domain;
  }
  if (permission.grantee == Grantee::kDomain || permission.grantee == Grantee::kAnyone) {
    result["allowFileDiscovery"] = permission.discoverable;
  }
  if (item.drive != nullptr) {
    const bool member = grant.inherited_from == *item.drive || item.root;
    json detail{{"permissionType", member ? "member" : "file"},
                {"role", to_string(permission.role)},
                {"inherited", !grant.inherited_from.empty()}};
    if (!grant.inherited_from.empty()) detail["inheritedFrom"] = grant.inherited_from;
    result["permissionDetails"] = json::array({std::move(detail)});
  }
  return result;
}

}  // namespace driveway::sim
