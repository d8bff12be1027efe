#include "control/wording.h"

#include <array>
#include <utility>

#include <nlohmann/json.hpp>

#include "base/bytes.h"
#include "base/strings.h"

namespace driveway::control {
namespace {

using nlohmann::json;

std::uint64_t figure_of(const json& document, const char* key) {
  const auto found = document.find(key);
  return found != document.end() && found->is_number() ? found->get<std::uint64_t>() : 0;
}

}  // namespace

std::string short_duration(Duration duration) {
  const auto milliseconds = std::chrono::duration_cast<std::chrono::milliseconds>(duration).count();
  if (milliseconds <= 0) return "0s";
  if (milliseconds < 1000) return cat(milliseconds, "ms");
  constexpr std::array<std::pair<std::int64_t, const char*>, 4> kUnits = {
      {{86'400, "d"}, {3'600, "h"}, {60, "m"}, {1, "s"}}};
  std::int64_t rest = milliseconds / 1000;
  std::string text;
  int units = 0;
  for (const auto& [seconds, name] : kUnits) {
    if (text.empty() && rest < seconds) continue;
    if (units == 2) break;
    ++units;
    if (rest >= seconds) text += cat(rest / seconds, name);
    rest %= seconds;
  }
  return text;
}

std::string counted(std::uint64_t count, const std::string& singular) {
  return cat(count, " ", singular, count == 1 ? "" : "s");
}

std::string backlog_text(const json& writes) {
  const std::uint64_t changes = figure_of(writes, "changes");
  if (changes == 0) return "";
  const std::uint64_t files = figure_of(writes, "dirty_files");
  std::string text;
  if (files > 0) {
    text = cat(counted(files, "file"), " (", format_size(figure_of(writes, "bytes")), ")");
  }
  if (changes > files) {
    const std::uint64_t others = changes - files;
    text += files > 0 ? cat(" and ", counted(others, "other change")) : counted(others, "change");
  }
  text += cat(" not in Drive yet, oldest ",
              short_duration(std::chrono::milliseconds(figure_of(writes, "age_ms"))));
  if (const std::uint64_t eta = figure_of(writes, "eta_ms"); eta >= 1000) {
    text += cat(", about ", short_duration(std::chrono::milliseconds(eta)), " to go");
  }
  return text;
}

}  // namespace driveway::control
