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

std::string leftovers_text(const json& left) {
  std::string text;
  if (const std::uint64_t count = figure_of(left, "revisions"); count > 0) {
    text = cat(counted(count, "old revision"), " (", format_size(figure_of(left, "revision_bytes")),
               ")");
  }
  if (const std::uint64_t count = figure_of(left, "trashed"); count > 0) {
    text += cat(text.empty() ? "" : " and ", counted(count, "file"), " in its trash (",
                format_size(figure_of(left, "trashed_bytes")), ")");
  }
  return text;
}

std::string conflict_text(const json& conflict) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 6> kReasons = {
      {{"changed_too", "another client has changed it, too, and that keeps the name"},
       {"name_taken", "another client has made a file of this name"},
       {"overwritten",
        "what another client had just written to it was replaced, and is kept there"},
       {"removed_there", "another client has removed it: it was made anew"},
       {"folder_gone", "its folder has gone from Drive: it is in driveway-recovered"},
       {"unclosed", "it was being written when driveway stopped, and that is kept there"}}};
  const std::string name = conflict.value("name", "");
  const std::string kept_as = conflict.value("kept_as", "");
  const std::string kind = conflict.value("kind", "");
  std::string text = name;
  for (const auto& [word, reason] : kReasons) {
    if (word == kind) text = cat(name, ": ", reason);
  }
  // The path is that of ours, and theirs is what was given another name there.
  const std::string kept = kind == "overwritten" ? kept_as : conflict.value("path", kept_as);
  if (kept != name) text += cat("; see ", kept);
  return cat(text, " (", conflict.value("at", ""), ")");
}

}  // namespace driveway::control
