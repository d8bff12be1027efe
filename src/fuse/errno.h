// Errors become errno here, and nowhere else.
#pragma once

#include "base/result.h"

namespace driveway::fuse {

// A positive errno. What a program can react to keeps its meaning; what it cannot is EIO.
int to_errno(const Error& error);

}  // namespace driveway::fuse
