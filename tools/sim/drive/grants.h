// The permissions that hold on an item: its own, its owner's, and those of the folders above it
// (drive-api reference 8.5), and the users that resources name.
#pragma once

#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "sim/drive/world.h"

namespace driveway::sim {

struct Grant {
  Permission permission;
  std::string inherited_from;  // id of the folder; "" = on the item itself
};

// One for each grantee: the strongest, the nearest of equal ones. The owner's first.
std::vector<Grant> grants_on(const World& world, const Item& item);
// {"kind":"drive#user",…} of an account; mails that have none get a name made of the mail.
nlohmann::json user_json(const World& world, Text mail, Text viewer);
nlohmann::json permission_json(const World& world, const Item& item, const Grant& grant);

}  // namespace driveway::sim
