// Shared drives as JSON (drive-api reference 8.6).
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "sim/drive/access.h"
#include "sim/drive/world.h"

namespace driveway::sim {

nlohmann::json drive_json(const World& world, Access& access, const SharedDrive& drive);

}  // namespace driveway::sim
