// Settings by name, from three places: a flag beats its DRIVEWAY_… variable, which beats
// config.toml (design: the commands).
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/result.h"

namespace driveway::cli {

// Reads environment variables; a test gives its own.
using Environment = std::function<std::optional<std::string>(const std::string& name)>;
Environment process_environment();

// $XDG_CONFIG_HOME/driveway, else ~/.config/driveway.
std::filesystem::path config_directory(const Environment& environment);
// $XDG_CACHE_HOME/driveway, else ~/.cache/driveway.
std::filesystem::path default_cache_directory(const Environment& environment);

// A setting's name is that of its flag without the dashes: "cache-size" is --cache-size,
// DRIVEWAY_CACHE_SIZE, and cache-size in config.toml. All getters: the built-in value where no
// place has the setting; errors kInvalidArgument, naming the place.
class Settings {
 public:
  enum class Rank { kFile, kVariable, kFlag };  // the later beats the earlier
  struct Found {
    std::string value;
    std::string place;  // "--cache-size", "DRIVEWAY_CACHE_SIZE", "cache-size in /…/config.toml"
    Rank rank = Rank::kFile;
  };
  // `flags`: what stood on the command line. A config file that is not there is empty. Errors:
  // kInvalidArgument (not TOML: with its line; an unknown key).
  static Result<Settings> load(std::map<std::string, std::string> flags, Environment environment,
                               const std::filesystem::path& config_file);

  // What the config of another program says, by our names: it counts where neither a flag nor a
  // variable does, before config.toml.
  void add_config(std::map<std::string, Found> values);

  const Environment& environment() const { return environment_; }
  // All that there are, in the order in which they are told.
  static std::vector<std::string_view> names();
  // What counts where no place has it; "" where that depends on the machine, or nothing does.
  static std::string built_in(std::string_view name);
  // What counts, as it stands there; nothing: the built-in value.
  std::optional<Found> where(std::string_view name) const;

  std::string text(std::string_view name, std::string_view built_in) const;
  // As config.toml alone has it, "" where it does not: for settings of which one must not come from
  // here and its partner from elsewhere.
  std::string file_text(std::string_view name) const;
  Result<Bytes> size(std::string_view name, Bytes built_in) const;
  Result<Duration> duration(std::string_view name, Duration built_in) const;
  // "5%" or "0.05": 0…1.
  Result<double> fraction(std::string_view name, double built_in) const;
  Result<bool> boolean(std::string_view name, bool built_in) const;
  // One of `values`; the error lists them.
  Result<std::string> choice(std::string_view name, std::initializer_list<std::string_view> values,
                             std::string_view built_in) const;

 private:
  std::map<std::string, std::string> flags_;
  Environment environment_;
  std::map<std::string, Found> other_config_;
  std::map<std::string, std::string> file_;
  std::string file_name_;
};

}  // namespace driveway::cli
