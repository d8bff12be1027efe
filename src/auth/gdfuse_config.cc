#include "auth/gdfuse_config.h"

#include <toml++/toml.h>

#include <algorithm>
#include <sstream>
#include <vector>

#include "base/file.h"
#include "base/strings.h"

namespace driveway::auth {

namespace {

constexpr std::size_t kMaxGdfuseFile = 256 * 1024;
constexpr std::string_view kGdfuseVersionKey = "config_version";  // of the form, not a setting

bool is_key(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
  });
}

// The older form knows no comments, tables, quotes, nor blanks before an equals sign.
bool is_older_line(std::string_view line) {
  const auto equals = line.find('=');
  if (equals == std::string_view::npos || !is_key(line.substr(0, equals))) return false;
  const std::string_view value = trim(line.substr(equals + 1));
  return line.substr(0, equals) != kGdfuseVersionKey && !value.starts_with('"') &&
         !value.starts_with('\'');
}

bool is_older_form(std::string_view text) {
  const auto lines = split(text, '\n');
  return std::all_of(lines.begin(), lines.end(), [](std::string_view line) {
    line = trim(line);
    return line.empty() || is_older_line(line);
  });
}

// Of a key that stands there twice the last counts, as there.
GdfuseConfig::Values older_values(std::string_view text) {
  GdfuseConfig::Values values;
  for (std::string_view line : split(text, '\n')) {
    line = trim(line);
    if (line.empty()) continue;
    const auto equals = line.find('=');
    values[std::string(line.substr(0, equals))] = std::string(trim(line.substr(equals + 1)));
  }
  return values;
}

Status add_value(std::string_view key, const toml::node& node, std::string_view name,
                 GdfuseConfig::Values& values) {
  if (key == kGdfuseVersionKey) return {};
  std::string text;
  if (node.is_string()) {
    text = node.value_or(std::string());
  } else if (node.is_boolean()) {
    text = node.value_or(false) ? "true" : "false";
  } else if (node.is_number()) {
    std::ostringstream out;
    node.visit([&](const auto& value) { out << value; });
    text = out.str();
  } else {
    return Error{ErrorCode::kInvalidArgument,
                 cat(name, ": the value of ", key, " is no string, number, true or false")};
  }
  if (values.emplace(key, std::move(text)).second) return {};
  return Error{ErrorCode::kInvalidArgument, cat(name, ": ", key, " stands there twice")};
}

Status add_table(const toml::table& table, std::string_view name, GdfuseConfig::Values& values) {
  for (const auto& [key, node] : table) {
    if (const toml::table* const group = node.as_table()) {
      for (const auto& [inner, value] : *group) {
        DRIVEWAY_CHECK(add_value(inner.str(), value, name, values));
      }
    } else {
      DRIVEWAY_CHECK(add_value(key.str(), node, name, values));
    }
  }
  return {};
}

}  // namespace

Result<GdfuseConfig> GdfuseConfig::parse(std::string_view text, std::string_view name) {
  if (is_older_form(text)) return GdfuseConfig(older_values(text));
  try {
    Values values;
    DRIVEWAY_CHECK(add_table(toml::parse(text), name, values));
    return GdfuseConfig(std::move(values));
  } catch (const toml::parse_error& error) {
    // Its description may show what stands there.
    return Error{ErrorCode::kInvalidArgument, cat(name, ", line ", error.source().begin.line,
                                                  ": that is neither TOML nor a line key=value")};
  }
}

Result<GdfuseConfig> GdfuseConfig::read(const std::filesystem::path& path) {
  DRIVEWAY_TRY(const std::string text, read_file(path, kMaxGdfuseFile));
  return parse(text, cat("'", path.native(), "'"));
}

std::string GdfuseConfig::text(std::string_view key) const {
  const auto found = values_.find(key);
  return found == values_.end() ? "" : found->second;
}

}  // namespace driveway::auth
