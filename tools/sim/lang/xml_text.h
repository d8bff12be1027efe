// Text within XML and HTML.
#pragma once

#include <string>
#include <string_view>

namespace driveway::sim {

// Fit for an element or a quoted attribute; control characters, which XML does not have, are left
// out.
std::string escape_xml(std::string_view text);

}  // namespace driveway::sim
