// A browser on this machine.
#pragma once

#include <string>

namespace driveway::ocamlfuse {

// Opens `address` in `program`, or where that is "" in the first that is here of those that the old
// program tried. False: there is none, or no screen to show it on. What the browser prints is
// thrown away.
bool start_browser(const std::string& program, const std::string& address);

}  // namespace driveway::ocamlfuse
