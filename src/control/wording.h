// How figures are said to people: in the log, in messages, by the commands.
#pragma once

#include <cstdint>
#include <string>

#include <nlohmann/json_fwd.hpp>

#include "base/clock.h"

namespace driveway::control {

// "250ms", "45s", "2m", "1h30m", "3d4h": at most two units, as parse_duration() reads it.
std::string short_duration(Duration duration);
// "1 file", "12 files".
std::string counted(std::uint64_t count, const std::string& singular);
// What of Drive's is not there yet, of the document "writes" of `status` (docs/METRICS.md):
// "12 files (3.4 GiB) and 3 other changes not in Drive yet, oldest 2m, about 5m to go"; "" for
// nothing.
std::string backlog_text(const nlohmann::json& writes);

// What this client has left in Drive, of a document "left_in_drive": "3 old revisions (1.2 GiB) and
// 2 files in its trash (4 MiB)"; "" for nothing.
std::string leftovers_text(const nlohmann::json& left);
// How a conflict ended, of an entry of "conflicts": "PATH: kept as …: another client …".
std::string conflict_text(const nlohmann::json& conflict);

}  // namespace driveway::control
