// Logins of google-drive-ocamlfuse: `driveway login --with gdfuse=LABEL`. Its files are read and
// never changed (compatibility reference, Files).
#pragma once

#include <filesystem>
#include <set>
#include <string>

#include "auth/credential.h"
#include "auth/environment.h"
#include "auth/gdfuse_config.h"
#include "base/result.h"

namespace driveway::auth {

// Which of its accounts is meant, in the words of its command line.
struct GdfusePlace {
  std::string label = "default";        // -label
  std::filesystem::path config{};       // -config; empty = not given
  std::filesystem::path base_folder{};  // -o gdfroot=; empty = ~/.gdfuse
  bool xdg_folders = false;             // -xdgbd
};

// Where it keeps its config: `config`; $XDG_CONFIG_HOME/gdfuse/LABEL where that is wanted or there;
// else BASE/LABEL. It need not be there.
std::filesystem::path gdfuse_config_path(const GdfusePlace& place, const Environment& environment);
// Where its data are, of which the file "state" is one: `config` may name a folder.
std::filesystem::path gdfuse_data_folder(const GdfusePlace& place, const Environment& environment,
                                         const GdfuseConfig& config);
// Where its cache is, contents and database: `config` may name a folder; else that of XDG, or
// "cache" among its data.
std::filesystem::path gdfuse_cache_folder(const GdfusePlace& place, const Environment& environment,
                                          const GdfuseConfig& config);
// The labels that have a config here.
std::set<std::string> gdfuse_labels(const GdfusePlace& place, const Environment& environment);
// Whether it is one name of a folder. Errors: kInvalidArgument.
Status check_gdfuse_label(const std::string& label);

// Refresh token, OAuth client and scopes. Errors, with what to do: kInvalidArgument (a label that
// cannot be one); kLoginNeeded: no such label, no finished login, one through that program's proxy,
// whose client only its server knows, or a service account; as GdfuseConfig::read.
Result<Credential> read_gdfuse_login(const GdfusePlace& place, const Environment& environment);

}  // namespace driveway::auth
