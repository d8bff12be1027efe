// The extended attributes of a node: user.drive.*, and what google-drive-ocamlfuse stored of a
// user's own (E3).
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "tree/node.h"

namespace driveway::vfs {

// Names with their prefix, and values as text, in a fixed order; what the item has not is absent.
std::vector<std::pair<std::string, std::string>> drive_attributes(const tree::Node& node);

}  // namespace driveway::vfs
