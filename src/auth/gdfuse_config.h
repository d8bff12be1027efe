// The settings of google-drive-ocamlfuse, whose logins and mounts driveway takes over.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <string_view>

#include "base/result.h"

namespace driveway::auth {

// Its config file, in either form: `key=value` lines up to its version 0.7, TOML since 0.8, whose
// tables only group the keys (compatibility reference, Files). Its state file has the older form.
// Some values are secrets (client_secret, refresh_token): show none that is not known to be none.
class GdfuseConfig {
 public:
  using Values = std::map<std::string, std::string, std::less<>>;

  // Errors: kInvalidArgument, "`name`, line N: …" or "`name`: …", which shows no value.
  static Result<GdfuseConfig> parse(std::string_view text, std::string_view name);
  // The file is not changed. Errors: as parse(), naming the path; kNotFound; kTooLarge; as
  // errno_error.
  static Result<GdfuseConfig> read(const std::filesystem::path& path);

  // Every key with its value as text: "true", "16", "0o022". Those at their default may be missing.
  const Values& values() const { return values_; }
  // "" where the key is missing.
  std::string text(std::string_view key) const;

 private:
  explicit GdfuseConfig(Values values) : values_(std::move(values)) {}
  Values values_;
};

}  // namespace driveway::auth
