// What memory there is to use.
#pragma once

#include "base/bytes.h"

namespace driveway {

// Bytes that could be allocated now without swapping: the least of what the machine has available
// (/proc/meminfo) and what the limits of this process's cgroups (v2, v1) leave. 1 GiB where neither
// can be read.
Bytes available_memory();

}  // namespace driveway
