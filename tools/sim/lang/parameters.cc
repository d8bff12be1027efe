#include "sim/lang/parameters.h"

#include <limits>

#include <nlohmann/json.hpp>

#include "base/strings.h"

namespace driveway::sim {

std::string snake_case(std::string_view name) {
  std::string out;
  for (const char c : name) {
    if (c >= 'A' && c <= 'Z') {
      out += '_';
      out += static_cast<char>(c - 'A' + 'a');
    } else {
      out += c;
    }
  }
  return out;
}

ApiError invalid_type(std::string_view parameter, std::string_view type, std::string_view value) {
  const std::string field = snake_case(parameter);
  ApiError error;
  error.reason = "invalid";
  error.domain = "";
  error.message = cat("Invalid value at '", field, "' (", type, "), \"", value, "\"");
  error.status = "INVALID_ARGUMENT";
  error.details =
      nlohmann::json::array(
          {{{"@type", "type.googleapis.com/google.rpc.BadRequest"},
            {"fieldViolations",
             nlohmann::json::array({{{"field", field}, {"description", error.message}}})}}})
          .dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  return error;
}

ApiResult<std::int32_t> int_parameter(const RequestHead& head, std::string_view name,
                                      IntBounds bounds) {
  const std::string* text = head.query_value(name);
  if (text == nullptr) return bounds.fallback;
  const auto value = parse_int(*text);
  if (!value || *value < std::numeric_limits<std::int32_t>::min() ||
      *value > std::numeric_limits<std::int32_t>::max()) {
    return invalid_type(name, "TYPE_INT32", *text);
  }
  if (*value < bounds.min || *value > bounds.max) {
    ApiError error;
    error.reason = "invalidParameter";
    error.message =
        cat("Invalid value '", *text, "'. Values must be within the range: [value: ", bounds.min,
            "\n, value: ", bounds.max, "\n]");
    error.location = snake_case(name);
    error.location_type = "parameter";
    return error;
  }
  return static_cast<std::int32_t>(*value);
}

ApiResult<Flag> flag_parameter(const RequestHead& head, std::string_view name, bool fallback) {
  const std::string* text = head.query_value(name);
  if (text == nullptr) return Flag{fallback, false};
  const std::string folded = to_lower(*text);
  for (const std::string_view yes : {"true", "1", "t", "y", "yes"}) {
    if (folded == yes) return Flag{true, *text == "true"};
  }
  for (const std::string_view no : {"false", "0", "f", "n", "no"}) {
    if (folded == no) return Flag{false, false};
  }
  return invalid_type(name, "TYPE_BOOL", *text);
}

ApiResult<std::string> required_text(const RequestHead& head, std::string_view name) {
  const std::string* text = head.query_value(name);
  if (text == nullptr || text->empty()) return errors::required_parameter(name);
  return *text;
}

ApiResult<Alt> alt_parameter(const RequestHead& head) {
  const std::string* text = head.query_value("alt");
  if (text == nullptr || equals_ignoring_case(*text, "json")) return Alt::kJson;
  if (equals_ignoring_case(*text, "media")) return Alt::kMedia;
  if (equals_ignoring_case(*text, "proto")) return Alt::kProto;
  return errors::invalid_value("alt");
}

ApiResult<CommonParameters> common_parameters(const RequestHead& head) {
  const std::string* version = head.query_value("$.xgafv");
  if (version != nullptr && *version != "1" && *version != "2") {
    return invalid_type("$.xgafv", "TYPE_ENUM", *version);
  }
  const auto pretty = flag_parameter(head, "prettyPrint", true);
  if (!pretty) return pretty.error();
  return CommonParameters{pretty->value};
}

std::vector<std::string> comma_list(std::string_view text) {
  std::vector<std::string> list;
  for (const std::string_view entry : split(text, ',')) {
    if (const std::string_view word = trim(entry); !word.empty()) list.emplace_back(word);
  }
  return list;
}

}  // namespace driveway::sim
