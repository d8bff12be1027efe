// The documents of `status` as a person reads them.
#pragma once

#include <string>

#include <nlohmann/json_fwd.hpp>

namespace driveway::cli {

// What a daemon says of itself: where it is mounted, what is cached, what is not in Drive yet, and
// what stops that.
std::string status_text(const nlohmann::json& status);
// What is being sent, and the first of what waits: for `--watch`.
std::string queue_text(const nlohmann::json& status);
// What Drive has refused for good, for `--failed`.
std::string failed_text(const nlohmann::json& status);

}  // namespace driveway::cli
