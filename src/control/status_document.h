// What `status` says, as docs/METRICS.md describes it. Private to control/.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include <nlohmann/json_fwd.hpp>

namespace driveway::control {

using Figures = std::map<std::string, std::int64_t>;  // Metrics::snapshot()

// Keys derived from the figures: "reads", "waiting", "quota", "latency". Some figures belong to
// parts that have not run yet; what is not known is absent.
void add_figures(const Figures& figures, nlohmann::json& document);

}  // namespace driveway::control
