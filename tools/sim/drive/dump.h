// The whole tree as NDJSON, for tests to compare with (StateAdmin::dump).
#pragma once

#include <string>

#include "base/result.h"
#include "sim/admin/state_admin.h"
#include "sim/drive/world.h"

namespace driveway::sim {

// As StateAdmin::dump. The World's mutex is held at least shared.
Result<std::string> dump_tree(const World& world, const DumpRequest& request);

}  // namespace driveway::sim
