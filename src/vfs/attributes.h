// The extended attributes of a node: user.drive.*, and a user's own (E3).
//
// The attribute user.NAME is the public property x-NAME. Read too, where there is none: the
// appProperty x-NAME, where google-drive-ocamlfuse kept it.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "drive/item.h"
#include "tree/node.h"

namespace driveway::vfs {

// Names with their prefix, and values as text, in a fixed order; what the item has not is absent.
std::vector<std::pair<std::string, std::string>> drive_attributes(const tree::Node& node);

// The value of a user's own attribute `name` ("user.NAME").
std::optional<std::string> users_attribute(const drive::Item& item, std::string_view name);
// The property that a user's own attribute is kept as. Errors: kPermissionDenied (user.drive.*),
// kUnsupported (none of a user), kNameTooLong.
Result<std::string> attribute_key(std::string_view name);

}  // namespace driveway::vfs
