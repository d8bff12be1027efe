// Numbers in the specs that come through the endpoints under /__sim/: a JSON reader would turn
// -1 into 2^64 - 1 without a word.
#pragma once

#include <cstdint>

#include <nlohmann/json_fwd.hpp>

#include "base/bytes.h"
#include "base/result.h"

namespace driveway::sim {

// Drive takes no larger file (drive-api reference 1.1).
inline constexpr Bytes kMaxFileSize = 5 * 1024 * kGiB;

// A whole number from 0 to `most`. Errors: kInvalidArgument names `key`.
Result<std::uint64_t> whole_number(const nlohmann::json& value, const char* key,
                                   std::uint64_t most);

}  // namespace driveway::sim
