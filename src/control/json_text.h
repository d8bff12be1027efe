// Values in and out of the documents of requests. Private to control/.
#pragma once

#include <array>
#include <string>

#include <nlohmann/json.hpp>

#include "base/strings.h"

namespace driveway::control {

// The text under `key`; "" where there is none.
inline std::string text_of(const nlohmann::json& request, const char* key) {
  if (!request.is_object()) return "";
  const auto found = request.find(key);
  return found != request.end() && found->is_string() ? found->get<std::string>() : "";
}

// Whether `key` is there and true.
inline bool flag_of(const nlohmann::json& request, const char* key) {
  if (!request.is_object()) return false;
  const auto found = request.find(key);
  return found != request.end() && found->is_boolean() && found->get<bool>();
}

// The keys of a REMOTE.
inline constexpr std::array<const char*, 3> kRemoteKeys = {"path", "shown", "id"};

// Names may be any bytes; a document holds UTF-8 only.
inline std::string valid_utf8(std::string text) {
  return is_valid_utf8(text) ? std::move(text) : percent_encode(text);
}

}  // namespace driveway::control
