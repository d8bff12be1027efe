// What the way to Drive can do, as measured.
#pragma once

#include "base/clock.h"

namespace driveway::vfs {

// Zero where it is not known yet.
struct LinkSpeed {
  double connection_rate = 0;  // bytes a second of one connection
  double total_rate = 0;       // bytes a second of all
  Duration first_byte{};       // from asking to the first byte of an answer
  int streams = 4;             // GETs at once that the link asks for, 1–8 (R3)
};

}  // namespace driveway::vfs
