// Reading JSON from outside without exceptions: what is absent or of another type is not there.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

namespace driveway::auth {

// An object, or nothing.
std::optional<nlohmann::json> parse_object(std::string_view text);
// A string; "" where there is none.
std::string text_field(const nlohmann::json& object, const char* name);
// A whole number, also when it comes as a string (oauth reference 1).
std::optional<std::int64_t> number_field(const nlohmann::json& object, const char* name);

}  // namespace driveway::auth
