// Logins of rclone: `driveway login --with rclone=REMOTE`. Its rclone.conf is read and never
// changed.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <string_view>

#include "auth/credential.h"
#include "auth/environment.h"
#include "base/result.h"

namespace driveway::auth {

// $RCLONE_CONFIG; else the first that is there of $XDG_CONFIG_HOME/rclone/rclone.conf,
// ~/.config/rclone/rclone.conf, ~/.rclone.conf (rclone's docs/content/docs.md, --config). Errors:
// kLoginNeeded: there is none.
Result<std::filesystem::path> find_rclone_config(const Environment& environment);

// The entries of an rclone.conf by name: [NAME], then lines key = value; those that begin with # or
// ; are comments, and """ or ` may quote a value. Errors: kLoginNeeded where it is encrypted,
// kInvalidArgument with the line; neither shows a value. `name` begins the texts.
using RcloneEntries = std::map<std::string, std::map<std::string, std::string, std::less<>>>;
Result<RcloneEntries> parse_rclone_config(std::string_view text, std::string_view name);

// Of the entry `remote` (a colon at its end is not of the name), which must be of type drive and
// have an OAuth client of its own. Errors, with what to do: kLoginNeeded: no such entry, or one
// that is of another kind; kTooLarge; as above and errno_error.
Result<Credential> read_rclone_login(std::string_view remote, const Environment& environment);

}  // namespace driveway::auth
