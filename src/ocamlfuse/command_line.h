// The command line of google-drive-ocamlfuse 0.7.32, as that program read it: flags with one dash,
// their values behind a blank or a `=`. Pure.
//
// Accepted beyond it: two dashes, -V, --version, and `--` before the mountpoints. An option that
// comes twice counts as it stands last, but -o, which adds up.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/secret.h"

namespace driveway::ocamlfuse {

struct CommandLine {
  enum class Wish { kRun, kVersion, kHelp } wish = Wish::kRun;
  std::vector<std::string> mountpoints;  // all positionals; none: authorise only

  // Texts: "" = not given.
  std::string label;
  std::string client_id;  // also "" where Python had none to put in ("None"), as its secret
  Secret client_secret;
  bool headless = false;
  bool device = false;
  std::string browser;
  std::string scope;
  std::string redirect_uri;
  std::optional<int> port;  // of the loopback address
  std::string service_account_file;
  std::string service_account_user;

  std::string config_file;
  std::string base_folder;  // gdfroot of -o
  bool xdg_folders = false;

  std::vector<std::string> mount_options;  // of -o, without gdfroot
  bool foreground = false;                 // -f; also by -d and -debug
  bool verbose = false;                    // also by -debug
  bool debug = false;                      // -debug or -d
  bool single_thread = false;
  bool clear_cache = false;
  bool skip_trash = false;
  std::string docs_mode;
  std::string log_to;
};

// `arguments`: without the program's name. -help and -version win over whatever stands behind them.
// Errors: kInvalidArgument, worded as that program did.
Result<CommandLine> parse_command_line(std::span<const std::string> arguments);

// What -help prints.
std::string usage();

}  // namespace driveway::ocamlfuse
