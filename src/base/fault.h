// Named fault points: places where a test makes the program fail or die. In a release build they
// are not there.
//
//   // May kill the process, or run a test's action:
//   DRIVEWAY_FAULT_POINT("cache.before_commit");
//   // May also return an Error:
//   DRIVEWAY_CHECK(DRIVEWAY_FAULT_STATUS("cache.pwrite"));
//
// Armed by a test (fault::arm), or in another process by
// DRIVEWAY_FAULT="NAME=kill[@N],NAME=error[@N]" (from the N-th passage on, default 1; kill is
// SIGKILL). A list that is not understood aborts the program. Thread-safe.
#pragma once

#include <functional>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace driveway::fault {

// The `passage`-th (from 1, counted from here) and each later time that point `name` is passed,
// runs `action` and gives its result.
void arm(std::string_view name, std::function<Status()> action, int passage = 1);
void disarm_all();
// Whether `name` is armed: for a point that needs something done before it (half a write, say).
bool armed(std::string_view name);
// What DRIVEWAY_FAULT_STATUS calls. Reads DRIVEWAY_FAULT at the first passage of any point.
Status pass(std::string_view name);
// Whether fault points are compiled in.
constexpr bool compiled_in() {
#ifdef DRIVEWAY_FAULT_POINTS
  return true;
#else
  return false;
#endif
}

}  // namespace driveway::fault

#ifdef DRIVEWAY_FAULT_POINTS
#define DRIVEWAY_FAULT_POINT(name) static_cast<void>(::driveway::fault::pass(name).ok())
#define DRIVEWAY_FAULT_STATUS(name) ::driveway::fault::pass(name)
#else
#define DRIVEWAY_FAULT_POINT(name) static_cast<void>(0)
#define DRIVEWAY_FAULT_STATUS(name) ::driveway::Status()
#endif
