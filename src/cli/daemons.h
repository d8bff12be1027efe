// The daemons of this user.
#pragma once

#include <vector>

#include "base/clock.h"
#include "control/socket.h"

namespace driveway::cli {

// All that answer, wherever they listen (control::runtime_directories()). Ends what killed ones
// have left (mount_record.h).
std::vector<control::Daemon> running_daemons(Clock& clock);

}  // namespace driveway::cli
