// REMOTE arguments: what a command without a mount works on (design: the commands).
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "base/result.h"
#include "control/socket.h"

namespace driveway::cli {

struct Remote {
  std::string account;        // "" = the default one ("drive:")
  std::string team;           // a shared drive's name ("drive:@TEAM/PATH")
  std::string path;           // below My Drive or the shared drive
  std::string id;             // "drive:id=ID"
  std::optional<int> daemon;  // the path lies in this live mount (index), and
  std::string mountpoint;     // there, and
  std::string shown;          // this is it, below the mountpoint

  // The keys of control/dispatcher.h.
  void add_to(nlohmann::json& request) const;
};

// "drive:a/b", "drive:@TEAM/a", "drive:id=ID", "NAME:a/b", or a local path inside the mount of one
// of `daemons`, also by way of symlinks. Errors: kInvalidArgument, with what would be right.
Result<Remote> parse_remote(std::string_view text, const std::vector<control::Daemon>& daemons);

}  // namespace driveway::cli
