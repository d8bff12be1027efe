#include "auth/json_fields.h"

#include <cmath>

#include "base/strings.h"

namespace driveway::auth {

std::optional<nlohmann::json> parse_object(std::string_view text) {
  nlohmann::json value = nlohmann::json::parse(text, nullptr, false);
  if (!value.is_object()) return std::nullopt;
  return value;
}

std::string text_field(const nlohmann::json& object, const char* name) {
  const auto found = object.find(name);
  if (found == object.end() || !found->is_string()) return "";
  return found->get<std::string>();
}

std::optional<std::int64_t> number_field(const nlohmann::json& object, const char* name) {
  const auto found = object.find(name);
  if (found == object.end()) return std::nullopt;
  if (found->is_string()) return parse_int(found->get<std::string>());
  if (found->is_number_integer()) return found->get<std::int64_t>();
  if (found->is_number_float() && std::abs(found->get<double>()) < 1e15) {
    return static_cast<std::int64_t>(found->get<double>());
  }
  return std::nullopt;
}

}  // namespace driveway::auth
