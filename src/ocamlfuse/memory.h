// What was given on a command line once and holds for a label from then on, as the old program kept
// it in its config: CONFIG/ocamlfuse/LABEL, folder 0700, file 0600, lines key=value with the old
// program's keys, and `docs_mode` and `told`. Its own config is never written to.
#pragma once

#include <filesystem>
#include <string>

#include "auth/gdfuse_config.h"
#include "base/result.h"

namespace driveway::ocamlfuse {

class Memory {
 public:
  // `config_folder`: of driveway. Errors: kInvalidArgument (a label that cannot be one), as
  // GdfuseConfig::read.
  static Result<Memory> open(const std::filesystem::path& config_folder, const std::string& label);

  std::string text(const std::string& key) const;
  const auth::GdfuseConfig::Values& values() const { return values_; }
  // Nothing happens for "": what was not given does not take back what was.
  void set(const std::string& key, const std::string& value);
  void forget(const std::string& key);
  // Writes what has changed. Errors: as errno_error; kInvalidArgument for a value of two lines.
  Status save();

 private:
  explicit Memory(std::filesystem::path path) : path_(std::move(path)) {}

  std::filesystem::path path_;
  auth::GdfuseConfig::Values values_;
  bool changed_ = false;
};

}  // namespace driveway::ocamlfuse
