// What Drive guesses from a name where a client states no MIME type (drive-api reference 2).
#pragma once

#include <string_view>

namespace driveway::sim {

// By the extension, application/octet-stream where it says nothing. A text with static storage.
std::string_view mime_of_name(std::string_view name);
// Without the dot; "" where there is none.
std::string_view extension_of(std::string_view name);

}  // namespace driveway::sim
