// Reading a JSON document without exceptions: what is absent or of another type is "nothing".
// Private to drive/.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/strings.h"
#include "nlohmann/json.hpp"

namespace driveway::drive {

using Json = nlohmann::json;

// Discarded (no object) where it is not JSON.
inline Json parse_document(std::string_view text) {
  return Json::parse(text.begin(), text.end(), nullptr, false);
}

inline const Json* value_at(const Json& object, const char* key) {
  if (!object.is_object()) return nullptr;
  const auto found = object.find(key);
  return found == object.end() ? nullptr : &*found;
}

inline const Json* object_at(const Json& object, const char* key) {
  const Json* const value = value_at(object, key);
  return value != nullptr && value->is_object() ? value : nullptr;
}

inline std::string text_at(const Json& object, const char* key) {
  const Json* const value = value_at(object, key);
  return value != nullptr && value->is_string() ? value->get_ref<const std::string&>()
                                                : std::string();
}

inline bool flag_at(const Json& object, const char* key) {
  const Json* const value = value_at(object, key);
  return value != nullptr && value->is_boolean() && value->get_ref<const bool&>();
}

// An int64 as a string of digits or a number (reference 2).
inline std::optional<std::uint64_t> uint_at(const Json& object, const char* key) {
  const Json* const value = value_at(object, key);
  if (value == nullptr) return std::nullopt;
  if (value->is_string()) return parse_uint(value->get_ref<const std::string&>());
  if (value->is_number_unsigned()) return value->get_ref<const Json::number_unsigned_t&>();
  return std::nullopt;
}

}  // namespace driveway::drive
