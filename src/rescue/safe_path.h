// Names from elsewhere, as names below a folder. Pure functions.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace driveway::rescue {

// The names of `path`, which separates them by '/' and may be any text: each is 1 to 255 bytes of
// UTF-8, neither "." nor "..", without '/', control characters (NUL, those of a terminal) and what
// a mount takes for an escape (U+241B): "_" stands in their place. At most 100, of a longer path
// the first ones and the last. None where the path has no name.
std::vector<std::string> safe_names(std::string_view path);
// "a/b" of {"a", "b"}.
std::string joined(const std::vector<std::string>& names);
// `name`, for `number` > 1 with " (NUMBER)" before its extension, so that it has at most 255 bytes.
std::string numbered(std::string_view name, unsigned number);

}  // namespace driveway::rescue
