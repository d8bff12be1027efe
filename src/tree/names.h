// Drive name <-> shown name. Pure functions.
//
// Drive takes any UTF-8 as a name, and the same name twice in a folder (drive-api reference 2); a
// directory of the mount does not. escape_name() is injective and keeps what it can as it is:
//
//   '/'                    '∕' (U+2215)          a name that really has one of '∕' '␀' '␛'
//   NUL                    '␀' (U+2400)          has it behind a '␛' (U+241B)
//   the name "." or ".."   '␛' before it         a byte that is not UTF-8: "␛xHH"
//   the empty name         "␛0"
//
// A name that would be longer than 255 bytes is cut before its extension and gets " (xxxxxxxx)",
// the first hex digits of md5(id); so do all but the oldest of those that would be shown alike in
// one directory (dentries.h). Which item stands behind such a name is in `meta`.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/ids.h"

namespace driveway::tree {

inline constexpr std::size_t kMaxNameBytes = 255;  // NAME_MAX of Linux

// Without regard to length.
std::string escape_name(std::string_view drive_name);
// The inverse; what escape_name() never gives is left as it stands.
std::string unescape_name(std::string_view shown_name);

// The name that an item has in a directory as long as no other claims it. `extension` (".gdoc", or
// empty) is appended to the name. 1 to 255 bytes of UTF-8.
std::string shown_name(std::string_view drive_name, std::string_view extension, const FileId& id);

// `base`, a shown name, with " (xxxxxxxx)" before its extension: `digits` (8 to 32) hex digits of
// md5(id). `attempt` > 0 gives other digits, for the case that all others are taken.
std::string suffixed_name(std::string_view base, const FileId& id, int digits, int attempt = 0);

}  // namespace driveway::tree
