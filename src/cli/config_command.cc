// `driveway config`: the settings that count, and where each comes from.

#include <iomanip>
#include <iostream>
#include <sstream>
#include <string>

#include <nlohmann/json.hpp>

#include "base/bytes.h"
#include "base/strings.h"
#include "cli/commands.h"
#include "cli/mount_plan.h"

namespace driveway::cli {
namespace {

using nlohmann::json;

// What holds where no place says anything.
std::string without_setting(std::string_view name, const Result<MountPlan>& plan) {
  if (plan.ok() && name == "cache-dir") return plan->cache_dir.string();
  if (plan.ok() && name == "cache-size") return cat(plan->vfs.cache.capacity / kMiB, "M");
  return Settings::built_in(name);
}

json entry_of(std::string_view name, const Settings& settings, const Result<MountPlan>& plan) {
  const auto found = settings.where(name);
  if (!found) return {{"value", without_setting(name, plan)}, {"from", "built in"}};
  const bool secret = name == "client-secret";
  return {{"value", secret ? "(not shown)" : found->value}, {"from", found->place}};
}

}  // namespace

ExitStatus config(const Settings& settings, bool as_json) {
  const auto plan = plan_vfs(settings);
  json all = json::object();
  for (const std::string_view name : Settings::names()) {
    const json entry = entry_of(name, settings, plan);
    all[std::string(name)] = entry;
    if (as_json) continue;
    std::ostringstream line;
    line << name << " = \"" << entry["value"].get<std::string>() << '"';
    std::cout << std::left << std::setw(40) << line.str() << "  # "
              << entry["from"].get<std::string>() << "\n";
  }
  if (as_json) {
    std::cout << all.dump(2, ' ', false, json::error_handler_t::replace) << "\n";
  }
  return plan.ok() ? ExitStatus::kDone : report(plan.error());
}

}  // namespace driveway::cli
