#include "sim/config.h"

#include <toml++/toml.h>

#include <cmath>
#include <cstddef>
#include <type_traits>
#include <utility>

#include <nlohmann/json.hpp>

#include "base/file.h"
#include "base/strings.h"

namespace driveway::sim {
namespace {

using nlohmann::json;

// One list of fields for each group serves both directions. `visit(name, field)` for each; a
// probability is visited as such, because its range is checked.
struct Probability {
  double& value;
};

template <typename Visit>
void visit_network(NetworkConfig& c, Visit&& visit) {
  visit("get_latency", c.get_latency);
  visit("list_latency", c.list_latency);
  visit("media_first_byte", c.media_first_byte);
  visit("write_latency", c.write_latency);
  visit("jitter", Probability{c.jitter});
  visit("connect_latency", c.connect_latency);
  visit("connection_bandwidth", c.connection_bandwidth);
  visit("total_bandwidth", c.total_bandwidth);
  visit("seed", c.seed);
}

template <typename Visit>
void visit_faults(FaultConfig& c, Visit&& visit) {
  visit("error_5xx", Probability{c.error_5xx});
  visit("error_429", Probability{c.error_429});
  visit("error_403_rate", Probability{c.error_403_rate});
  visit("retry_after", c.retry_after);
  visit("plain_error_bodies", c.plain_error_bodies);
  visit("reset", Probability{c.reset});
  visit("truncate", Probability{c.truncate});
  visit("stall", Probability{c.stall});
  visit("stall_time", c.stall_time);
  visit("wrong_range", Probability{c.wrong_range});
  visit("flip", Probability{c.flip});
  visit("upload_reset", Probability{c.upload_reset});
  visit("lost_answer", Probability{c.lost_answer});
  visit("dead", c.dead);
  visit("refuse", c.refuse);
  visit("path_prefix", c.path_prefix);
  visit("budget", c.budget);
}

template <typename Visit>
void visit_drive(DriveConfig& c, Visit&& visit) {
  visit("list_lag", c.list_lag);
  visit("change_lag", c.change_lag);
  visit("empty_group", Probability{c.empty_group});
  visit("short_page", Probability{c.short_page});
  visit("page_token_life", c.page_token_life);
  visit("session_life", c.session_life);
  visit("session_gone", Probability{c.session_gone});
  visit("wrong_md5", Probability{c.wrong_md5});
  visit("strict_chunks", c.strict_chunks);
  visit("upload_cap_reached", c.upload_cap_reached);
  visit("legacy_sizes_of_docs", c.legacy_sizes_of_docs);
  visit("incomplete_search", Probability{c.incomplete_search});
}

template <typename Visit>
void visit_oauth(OauthConfig& c, Visit&& visit) {
  visit("access_token_life", c.access_token_life);
  visit("code_life", c.code_life);
  visit("refresh_token_expires_in", c.refresh_token_expires_in);
  visit("refresh_token_limit", c.refresh_token_limit);
  visit("denied_scopes", c.denied_scopes);
  visit("deny_consent", c.deny_consent);
  visit("device_approval_delay", c.device_approval_delay);
  visit("metadata_404_count", c.metadata_404_count);
  visit("metadata_scopes", c.metadata_scopes);
  visit("delegated_scopes", c.delegated_scopes);
  visit("identity_provider_key", c.identity_provider_key);
  visit("token_creators", c.token_creators);
}

template <typename Visit>
void visit_groups(Config& c, Visit&& visit) {
  visit("network", [&](auto&& field) { visit_network(c.network, field); });
  visit("faults", [&](auto&& field) { visit_faults(c.faults, field); });
  visit("drive", [&](auto&& field) { visit_drive(c.drive, field); });
  visit("oauth", [&](auto&& field) { visit_oauth(c.oauth, field); });
}

Error invalid(std::string message) {
  return Error{ErrorCode::kInvalidArgument, std::move(message)};
}

// Reads: whole numbers (also written as 5.0) into integers and durations, never below `lowest`.
template <typename Int>
bool read_integer(const json& value, Int& field, std::int64_t lowest) {
  std::int64_t number = 0;
  if (value.is_number_integer()) {
    number = value.get<std::int64_t>();
    if (value.is_number_unsigned() && number < 0) return false;
  } else if (value.is_number_float()) {
    const double real = value.get<double>();
    if (real != std::floor(real) || std::abs(real) > 9e15) return false;
    number = static_cast<std::int64_t>(real);
  } else {
    return false;
  }
  if (number < lowest || !std::in_range<Int>(number)) return false;
  field = static_cast<Int>(number);
  return true;
}

bool read_field(const json& value, Probability field) {
  if (!value.is_number()) return false;
  const double number = value.get<double>();
  if (!(number >= 0 && number <= 1)) return false;
  field.value = number;
  return true;
}

bool read_field(const json& value, bool& field) {
  if (!value.is_boolean()) return false;
  field = value.get<bool>();
  return true;
}

bool read_field(const json& value, std::string& field) {
  if (!value.is_string()) return false;
  field = value.get<std::string>();
  return true;
}

bool read_field(const json& value, std::uint64_t& field) { return read_integer(value, field, 0); }
bool read_field(const json& value, int& field) { return read_integer(value, field, 0); }
// Of the signed 64-bit fields, -1 means "none" or "no limit".
bool read_field(const json& value, std::int64_t& field) { return read_integer(value, field, -1); }

template <typename Period>
bool read_field(const json& value, std::chrono::duration<std::int64_t, Period>& field) {
  std::int64_t count = 0;
  // Ten years: later arithmetic in nanoseconds cannot overflow.
  if (!read_integer(value, count, 0) || count > 315'360'000'000) return false;
  field = std::chrono::duration<std::int64_t, Period>(count);
  return true;
}

json print_field(const Probability& field) { return field.value; }
template <typename Period>
json print_field(const std::chrono::duration<std::int64_t, Period>& field) {
  return field.count();
}
template <typename T>
json print_field(const T& field) {
  return field;
}

Status patch_group(const std::string& group, const json& change, const auto& visit_group) {
  if (!change.is_object()) return invalid(cat("config: '", group, "' must be an object"));
  for (const auto& entry : change.items()) {
    const std::string& key = entry.key();
    const json& value = entry.value();
    bool known = false;
    bool good = false;
    visit_group([&](std::string_view name, auto&& field) {
      if (name != key) return;
      known = true;
      good = read_field(value, field);
    });
    if (!known) return invalid(cat("config: unknown key '", group, ".", key, "'"));
    if (!good) return invalid(cat("config: bad value of '", group, ".", key, "'"));
  }
  return {};
}

Status patch_config(const json& change, Config& config) {
  if (!change.is_object()) return invalid("config: an object is wanted");
  if (const auto profile = change.find("profile"); profile != change.end()) {
    if (!profile->is_string()) return invalid("config: bad value of 'profile'");
    DRIVEWAY_CHECK(apply_profile(profile->get<std::string>(), config));
  }
  for (const auto& entry : change.items()) {
    const std::string& key = entry.key();
    const json& value = entry.value();
    if (key == "profile") continue;
    if (key == "quota") {
      if (!value.is_string()) return invalid("config: bad value of 'quota'");
      DRIVEWAY_TRY(config.quota, parse_quota_model(value.get<std::string>()));
      continue;
    }
    bool known = false;
    Status status;
    visit_groups(config, [&](std::string_view name, auto&& visit_group) {
      if (name != key) return;
      known = true;
      status = patch_group(key, value, visit_group);
    });
    if (!known) return invalid(cat("config: unknown key '", key, "'"));
    DRIVEWAY_CHECK(std::move(status));
  }
  return {};
}

// hostile = colab + 5 % 5xx, 2 % resets (of either direction), 1 % stalls of 20 s, list lag 30 s.
void apply_hostile(Config& config) {
  config.faults.error_5xx = 0.05;
  config.faults.reset = 0.02;
  config.faults.upload_reset = 0.02;
  config.faults.stall = 0.01;
  config.faults.stall_time = Millis(20'000);
  config.drive.list_lag = Millis(30'000);
}

void clear_hostile(Config& config) {
  const FaultConfig none;
  config.faults.error_5xx = none.error_5xx;
  config.faults.reset = none.reset;
  config.faults.upload_reset = none.upload_reset;
  config.faults.stall = none.stall;
  config.faults.stall_time = none.stall_time;
  config.drive.list_lag = DriveConfig{}.list_lag;
}

// Megabytes as the design's rates mean them.
constexpr Bytes kMegabyte = 1'000'000;

// Reported from notebooks: latencies and 40 MB/s a connection (design: the simulator).
NetworkConfig colab_network() {
  NetworkConfig network;
  network.get_latency = Millis(120);
  network.list_latency = Millis(250);
  network.media_first_byte = Millis(350);
  network.write_latency = Millis(350);
  network.jitter = 0.3;
  network.connect_latency = 3 * Millis(30);  // TCP and two round trips of TLS, 30 ms each
  network.connection_bandwidth = 40 * kMegabyte;
  network.total_bandwidth = 200 * kMegabyte;
  return network;
}

json toml_to_json(const toml::node& node);

json toml_table_to_json(const toml::table& table) {
  json object = json::object();
  for (const auto& [key, value] : table) object[std::string(key.str())] = toml_to_json(value);
  return object;
}

json toml_to_json(const toml::node& node) {
  if (const auto* table = node.as_table()) return toml_table_to_json(*table);
  if (const auto* array = node.as_array()) {
    json list = json::array();
    for (const toml::node& element : *array) list.push_back(toml_to_json(element));
    return list;
  }
  if (const auto text = node.value_exact<std::string>()) return *text;
  if (const auto number = node.value_exact<std::int64_t>()) return *number;
  if (const auto real = node.value_exact<double>()) return *real;
  if (const auto flag = node.value_exact<bool>()) return *flag;
  return nullptr;  // dates: no key takes one, so patch() names it
}

}  // namespace

Status apply_profile(std::string_view name, Config& config) {
  NetworkConfig network;
  if (name == "lan") {
    // 1 ms for each class, no caps: the defaults.
  } else if (name == "colab" || name == "hostile") {
    network = colab_network();
  } else if (name == "slow") {
    network = colab_network();
    network.media_first_byte = Millis(1350);
    network.connection_bandwidth = 160 * kMegabyte;
  } else {
    return invalid(cat("unknown profile '", name, "' (lan, colab, slow, hostile)"));
  }
  if (config.network.profile == "hostile") clear_hostile(config);
  if (name == "hostile") apply_hostile(config);
  network.profile = name;
  network.seed = config.network.seed;
  config.network = std::move(network);
  return {};
}

Result<QuotaModel> parse_quota_model(std::string_view name) {
  if (name == "2026") return QuotaModel::k2026;
  if (name == "legacy") return QuotaModel::kLegacy;
  if (name == "unlimited") return QuotaModel::kUnlimited;
  return invalid(cat("unknown quota '", name, "' (2026, legacy, unlimited)"));
}

std::string_view to_string(QuotaModel model) {
  switch (model) {
    case QuotaModel::k2026:
      return "2026";
    case QuotaModel::kLegacy:
      return "legacy";
    case QuotaModel::kUnlimited:
      return "unlimited";
  }
  return "";
}

Result<json> read_config_file(const std::filesystem::path& path) {
  DRIVEWAY_TRY(const std::string text, read_file(path));
  try {
    return toml_table_to_json(toml::parse(text));
  } catch (const toml::parse_error& error) {
    return invalid(cat(path.string(), ":", static_cast<std::uint64_t>(error.source().begin.line),
                       ": ", error.description()));
  }
}

ConfigStore::ConfigStore(Config config)
    : config_(std::make_shared<const Config>(std::move(config))) {}

std::shared_ptr<const Config> ConfigStore::get() const {
  const std::lock_guard lock(mutex_);
  return config_;
}

Status ConfigStore::patch(const json& change) {
  {
    const std::lock_guard lock(mutex_);
    Config next = *config_;
    DRIVEWAY_CHECK(patch_config(change, next));
    config_ = std::make_shared<const Config>(std::move(next));
  }
  for (const auto& listener : listeners_) listener();
  return {};
}

json ConfigStore::to_json() const {
  Config config = *get();
  json out = {{"profile", config.network.profile}, {"quota", to_string(config.quota)}};
  visit_groups(config, [&](const char* name, auto&& visit_group) {
    json& group = out[name] = json::object();
    visit_group([&](const char* key, auto&& field) { group[key] = print_field(field); });
  });
  return out;
}

void ConfigStore::on_change(std::function<void()> listener) {
  listeners_.push_back(std::move(listener));
}

}  // namespace driveway::sim
