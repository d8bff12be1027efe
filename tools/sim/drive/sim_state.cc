#include "sim/drive/sim_state.h"

#include <algorithm>

#include "base/hash.h"
#include "base/strings.h"
#include "sim/drive/refused.h"

namespace driveway::sim {

std::string app_data_folder_id(Text mail, Text project) {
  const std::string name = cat("appDataFolder of ", *project, " in ", *mail);
  return "0A" + base64url(hash_bytes(HashKind::kSha1, name)).substr(0, 17);
}

bool scope_opens(const Viewer& viewer, const Item& item) {
  const Extras& extra = item.extra();
  if (extra.app_data_of != nullptr) {
    return (viewer.scopes & kScopeAppdata) != 0 && extra.app_data_of == viewer.project;
  }
  if (viewer.sees_all()) return true;
  return (viewer.scopes & kScopeFile) != 0 && extra.apps.contains(viewer.project);
}

const Item& find_visible(const World& world, Access& access, const Viewer& viewer,
                         std::string_view id, bool supports_all_drives) {
  const std::string_view asked = id;
  std::string app_data;
  if (id == "root") {
    const Account* account = world.account(viewer.mail);
    id = account == nullptr ? std::string_view() : std::string_view(account->root_id);
  } else if (id == "appDataFolder") {
    app_data = app_data_folder_id(viewer.mail, viewer.project);
    id = app_data;
  }
  const Item* item = access.table().peek(id);
  const bool visible = item != nullptr && access.standing(*item).visible() &&
                       (item->drive == nullptr || supports_all_drives) &&
                       scope_opens(viewer, *item);
  if (!visible) refuse(errors::not_found(asked == "root" ? id : asked));
  return *item;
}

Capabilities capabilities_for(Access& access, const Item& item) {
  const Role role = access.standing(item).role();
  const Role parent_role = access.folder(item.parent).standing.role();
  return capabilities_of(item, role, parent_role);
}

void require(Access& access, const Item& item, Capability capability) {
  if (!has(capabilities_for(access, item), capability)) {
    refuse(errors::insufficient_file_permissions());
  }
}

}  // namespace driveway::sim
