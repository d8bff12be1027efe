#include "control/status_document.h"

#include <optional>
#include <string_view>

#include <nlohmann/json.hpp>

namespace driveway::control {
namespace {

using nlohmann::json;

std::optional<std::int64_t> figure(const Figures& figures, const std::string& name) {
  const auto found = figures.find(name);
  return found == figures.end() ? std::nullopt : std::optional(found->second);
}

json only_known(const Figures& figures,
                std::initializer_list<std::pair<const char*, const char*>> names) {
  json document = json::object();
  for (const auto& [key, name] : names) {
    if (const auto value = figure(figures, name)) document[key] = *value;
  }
  return document;
}

// Of what readers asked for, how much was here.
std::optional<double> hit_ratio(const Figures& figures) {
  const auto hits = static_cast<double>(figure(figures, "vfs.read_bytes.cache").value_or(0));
  const auto misses = static_cast<double>(figure(figures, "vfs.read_bytes.drive").value_or(0) +
                                          figure(figures, "vfs.read_bytes.uncached").value_or(0));
  if (hits + misses <= 0) return std::nullopt;
  return hits / (hits + misses);
}

// {"get": {"count", "p50_us", "p90_us", "p99_us"}, …}, from drive.METHOD.latency.*.
json latencies(const Figures& figures) {
  constexpr std::string_view kBefore = "drive.";
  constexpr std::string_view kBetween = ".latency.";
  json all = json::object();
  for (auto it = figures.lower_bound(std::string(kBefore)); it != figures.end(); ++it) {
    const std::string_view name = it->first;
    if (!name.starts_with(kBefore)) break;
    const auto between = name.find(kBetween);
    if (between == std::string_view::npos) continue;
    const std::string method(name.substr(kBefore.size(), between - kBefore.size()));
    all[method][std::string(name.substr(between + kBetween.size()))] = it->second;
  }
  return all;
}

}  // namespace

void add_figures(const Figures& figures, json& document) {
  document["cache"]["evictions"] = figure(figures, "cache.evictions").value_or(0);
  if (const auto ratio = hit_ratio(figures)) document["cache"]["hit_ratio"] = *ratio;
  document["reads"] = only_known(figures, {{"cache_bytes", "vfs.read_bytes.cache"},
                                           {"drive_bytes", "vfs.read_bytes.drive"},
                                           {"uncached_bytes", "vfs.read_bytes.uncached"}});
  document["in_flight_bytes"] = figure(figures, "transfer.in_flight_bytes").value_or(0);
  document["quota"] = only_known(figures, {{"units_last_minute", "drive.quota.units_last_minute"},
                                           {"refused", "drive.quota.refused"}});
  document["waiting"] = only_known(figures, {{"slots", "transfer.waiting"},
                                             {"quota", "drive.quota.waiting"},
                                             {"drive", "http.in_flight"}});
  document["latency"] = latencies(figures);
}

}  // namespace driveway::control
