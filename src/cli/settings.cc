#include "cli/settings.h"

#include <toml++/toml.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>
#include <sstream>
#include <utility>

#include "auth/environment.h"
#include "base/file.h"
#include "base/secret.h"
#include "base/strings.h"

namespace driveway::cli {
namespace {

struct Key {
  std::string_view name;
  std::string_view built_in;  // "": depends on the machine, or there is none
};
// Those of config.toml.
constexpr std::array<Key, 25> kKeys = {{{"account", ""},
                                        {"with", "auto"},
                                        {"subject", ""},
                                        {"layout", "colab"},
                                        {"read-only", "false"},
                                        {"cache-dir", ""},
                                        {"cache-size", ""},
                                        {"min-free-disk", "5%"},
                                        {"poll", "10s"},
                                        {"docs", "link"},
                                        {"umask", "022"},
                                        {"fsync", "journal"},
                                        {"settle", "1s"},
                                        {"max-backlog", "10m"},
                                        {"delete", "trash"},
                                        {"revisions", "auto"},
                                        {"quota", "auto"},
                                        {"read-deadline", "300s"},
                                        {"acknowledge-abuse", "false"},
                                        {"max-download", "0"},
                                        {"max-upload", "0"},
                                        {"top", ""},
                                        {"lost-and-found", "false"},
                                        {"client-id", ""},
                                        {"client-secret", ""}}};

const Key* find_key(std::string_view name) {
  const auto* const found =
      std::find_if(kKeys.begin(), kKeys.end(), [&](const Key& key) { return key.name == name; });
  return found == kKeys.end() ? nullptr : found;
}

std::string variable_name(std::string_view name) {
  std::string variable = "DRIVEWAY_";
  for (const char c : name) {
    variable += c == '-' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  }
  return variable;
}

std::filesystem::path xdg_directory(const Environment& environment, const std::string& variable,
                                    const char* below_home) {
  if (const auto base = environment(variable); base && base->starts_with('/')) {
    return std::filesystem::path(*base) / "driveway";
  }
  return std::filesystem::path(environment("HOME").value_or("/root")) / below_home / "driveway";
}

std::string toml_text(const toml::node& node) {
  if (const auto text = node.value<std::string>(); text && node.is_string()) return *text;
  if (const auto flag = node.value<bool>(); flag && node.is_boolean())
    return *flag ? "true" : "false";
  std::ostringstream out;
  node.visit([&](const auto& value) { out << value; });
  return out.str();
}

Result<std::map<std::string, std::string>> read_config(const std::filesystem::path& path) {
  std::map<std::string, std::string> values;
  const auto text = read_file(path);
  if (text.failed_with(ErrorCode::kNotFound)) return values;
  if (!text.ok()) return text.error();
  try {
    const toml::table table = toml::parse(*text, path.string());
    for (const auto& [key, node] : table) {
      if (find_key(key.str()) == nullptr) {
        return Error{ErrorCode::kInvalidArgument,
                     cat(path.string(), ": unknown key \"", key.str(), "\"")};
      }
      values[std::string(key.str())] = toml_text(node);
    }
  } catch (const toml::parse_error& error) {
    return Error{
        ErrorCode::kInvalidArgument,
        cat(path.string(), ", line ", error.source().begin.line, ": ", error.description())};
  }
  return values;
}

}  // namespace

Environment process_environment() {
  return [](const std::string& name) -> std::optional<std::string> {
    if (name == "DRIVEWAY_CLIENT_SECRET") {  // hidden from children, and so from getenv()
      const Secret secret = auth::Environment::from_process().client_secret;
      return secret.empty() ? std::nullopt : std::optional(secret.reveal());
    }
    const char* value = std::getenv(name.c_str());
    if (value == nullptr || *value == '\0') return std::nullopt;
    return std::string(value);
  };
}

std::filesystem::path config_directory(const Environment& environment) {
  return xdg_directory(environment, "XDG_CONFIG_HOME", ".config");
}

std::filesystem::path default_cache_directory(const Environment& environment) {
  return xdg_directory(environment, "XDG_CACHE_HOME", ".cache");
}

Result<Settings> Settings::load(std::map<std::string, std::string> flags, Environment environment,
                                const std::filesystem::path& config_file) {
  Settings settings;
  settings.flags_ = std::move(flags);
  settings.environment_ = std::move(environment);
  settings.file_name_ = config_file.string();
  DRIVEWAY_TRY(settings.file_, read_config(config_file));
  return settings;
}

void Settings::add_config(std::map<std::string, Found> values) {
  other_config_ = std::move(values);
}

std::optional<Settings::Found> Settings::where(std::string_view name) const {
  const std::string key(name);
  if (const auto flag = flags_.find(key); flag != flags_.end()) {
    return Found{flag->second, cat("--", name), Rank::kFlag};
  }
  const std::string variable = variable_name(name);
  if (auto value = environment_(variable))
    return Found{*std::move(value), variable, Rank::kVariable};
  if (const auto other = other_config_.find(key); other != other_config_.end()) {
    return other->second;
  }
  if (const auto value = file_.find(key); value != file_.end()) {
    return Found{value->second, cat(name, " in ", file_name_), Rank::kFile};
  }
  return std::nullopt;
}

std::vector<std::string_view> Settings::names() {
  std::vector<std::string_view> names;
  names.reserve(std::size(kKeys));
  for (const Key& key : kKeys) names.push_back(key.name);
  return names;
}

std::string Settings::built_in(std::string_view name) {
  const Key* const key = find_key(name);
  return key == nullptr ? "" : std::string(key->built_in);
}

std::string Settings::text(std::string_view name, std::string_view built_in) const {
  const auto found = where(name);
  return found ? found->value : std::string(built_in);
}

std::string Settings::file_text(std::string_view name) const {
  const auto value = file_.find(std::string(name));
  return value == file_.end() ? "" : value->second;
}

Result<Bytes> Settings::size(std::string_view name, Bytes built_in) const {
  const auto found = where(name);
  if (!found) return built_in;
  auto value = parse_size(found->value);
  return value.ok() ? value : wrap(std::move(value).error(), found->place);
}

Result<Duration> Settings::duration(std::string_view name, Duration built_in) const {
  const auto found = where(name);
  if (!found) return built_in;
  auto value = parse_duration(found->value);
  return value.ok() ? value : wrap(std::move(value).error(), found->place);
}

Result<double> Settings::fraction(std::string_view name, double built_in) const {
  const auto found = where(name);
  if (!found) return built_in;
  std::string_view text = trim(found->value);
  const bool percent = text.ends_with('%');
  if (percent) text.remove_suffix(1);
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (percent) value /= 100;
  if (error != std::errc() || end != text.data() + text.size() || !(value >= 0 && value <= 1)) {
    return Error{ErrorCode::kInvalidArgument,
                 cat(found->place, ": \"", found->value, "\" is no share such as 5%")};
  }
  return value;
}

Result<bool> Settings::boolean(std::string_view name, bool built_in) const {
  const auto found = where(name);
  if (!found) return built_in;
  const std::string value = to_lower(found->value);
  if (value == "true" || value == "1" || value == "yes" || value == "on") return true;
  if (value == "false" || value == "0" || value == "no" || value == "off") return false;
  return Error{ErrorCode::kInvalidArgument,
               cat(found->place, ": \"", found->value, "\" is neither true nor false")};
}

Result<std::string> Settings::choice(std::string_view name,
                                     std::initializer_list<std::string_view> values,
                                     std::string_view built_in) const {
  const auto found = where(name);
  if (!found) return std::string(built_in);
  std::string list;
  for (const std::string_view value : values) {
    if (found->value == value) return found->value;
    list += cat(list.empty() ? "" : ", ", value);
  }
  return Error{ErrorCode::kInvalidArgument,
               cat(found->place, ": \"", found->value, "\" is none of ", list)};
}

}  // namespace driveway::cli
