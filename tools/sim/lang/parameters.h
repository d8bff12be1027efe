// Query parameters by their types, with the errors that Drive answers (drive-api reference 1.10).
// Of a repeated parameter the first one counts. Names are as sent ("pageSize"); errors name the
// field of the server ("page_size").
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sim/lang/api_result.h"
#include "sim/net/service.h"

namespace driveway::sim {

// "pageSize" -> "page_size".
std::string snake_case(std::string_view name);

// 400, reason invalid, status INVALID_ARGUMENT: "Invalid value at 'page_size' (TYPE_INT32), "abc"".
ApiError invalid_type(std::string_view parameter, std::string_view type, std::string_view value);

struct IntBounds {
  std::int32_t fallback = 0;  // where the parameter is absent
  std::int32_t min = 0;
  std::int32_t max = 0;
};
// Errors: 400 TYPE_INT32; 400 invalidParameter outside of the bounds, with location page_size.
ApiResult<std::int32_t> int_parameter(const RequestHead& head, std::string_view name,
                                      IntBounds bounds);

// true/false, 1/0, t/f, y/n, yes/no in any case.
struct Flag {
  bool value = false;
  // Sent as "true" exactly: only this spelling starts the checks of shared drives and of abuse.
  bool literally_true = false;
};
// Errors: 400 TYPE_BOOL.
ApiResult<Flag> flag_parameter(const RequestHead& head, std::string_view name,
                               bool fallback = false);

// Errors: 400 required, "Required parameter: NAME".
ApiResult<std::string> required_text(const RequestHead& head, std::string_view name);

enum class Alt { kJson, kMedia, kProto };
// `alt`, without case. Errors: 400.
ApiResult<Alt> alt_parameter(const RequestHead& head);

// What is checked before everything else, of every method: `$.xgafv` (1 or 2), prettyPrint.
struct CommonParameters {
  bool pretty_print = true;
};
ApiResult<CommonParameters> common_parameters(const RequestHead& head);

// "a,b" -> {"a", "b"}: blanks around are cut, empty entries left out.
std::vector<std::string> comma_list(std::string_view text);

}  // namespace driveway::sim
