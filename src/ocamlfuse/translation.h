// What becomes of the settings of google-drive-ocamlfuse: which setting of driveway each one is, or
// why it has no meaning here. Pure. None is dropped without a word.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace driveway::ocamlfuse {

// One key of its config, or one of its mount options.
struct Fate {
  std::string key;
  std::string value{};    // "" where it may be a secret
  std::string setting{};  // of driveway: "cache-size"; "" = none
  std::string ours{};     // the value that it gets
  std::string why{};      // where there is no setting, or more is to be said
  // A meaning is lost that protected data, or decided what is shown: to be told in any case.
  bool loses = false;
};
// One line, such as "max_cache_size_mb=1024: --cache-size 1024M".
std::string to_string(const Fate& fate);

// `values`: every key of a config file with its text. In the order of the keys, but for those of
// the top; Google Docs come last, as one. `docs_mode`: of -docsmode, which beats the config's; "" =
// not given.
std::vector<Fate> translate_config(const std::map<std::string, std::string, std::less<>>& values,
                                   const std::string& docs_mode);

struct MountOptions {
  std::vector<std::string> kernel;  // those that driveway mount takes with its -o
  std::vector<Fate> fates;          // of the others: settings, or libfuse 2's own, ignored
};
MountOptions translate_mount_options(const std::vector<std::string>& options);

}  // namespace driveway::ocamlfuse
