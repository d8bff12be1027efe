#include "sim/drive/spec.h"

#include <nlohmann/json.hpp>

#include "base/strings.h"

namespace driveway::sim {

Result<std::uint64_t> whole_number(const nlohmann::json& value, const char* key,
                                   std::uint64_t most) {
  const bool negative =
      value.is_number_integer() && !value.is_number_unsigned() && value.get<std::int64_t>() < 0;
  if (!value.is_number_integer() || negative || value.get<std::uint64_t>() > most) {
    return Error{ErrorCode::kInvalidArgument,
                 cat("\"", key, "\" must be a whole number from 0 to ", most)};
  }
  return value.get<std::uint64_t>();
}

}  // namespace driveway::sim
