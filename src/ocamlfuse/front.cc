#include "ocamlfuse/front.h"

#include <exception>
#include <filesystem>
#include <iostream>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "auth/credential.h"
#include "auth/environment.h"
#include "auth/gdfuse_config.h"
#include "auth/gdfuse_login.h"
#include "auth/login_store.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/strings.h"
#include "cli/commands.h"
#include "cli/secret_argument.h"
#include "cli/settings.h"
#include "fuse/mount.h"
#include "ocamlfuse/authorise.h"
#include "ocamlfuse/command_line.h"
#include "ocamlfuse/memory.h"
#include "ocamlfuse/translation.h"

namespace driveway::ocamlfuse {
namespace {

namespace fs = std::filesystem;
using cli::ExitStatus;

constexpr const char* kProgram = "google-drive-ocamlfuse";
constexpr std::string_view kNonempty = "nonempty";

int failed(const Error& error) {
  std::cerr << "Error: " << log::redact(error.to_string()) << "\n";
  return 1;
}

bool is_directory(const std::string& path) {
  const auto state = fuse::inspect_mountpoint(fuse::canonical_mountpoint(path));
  return state != fuse::MountpointState::kMissing && state != fuse::MountpointState::kNotADirectory;
}

// What a scope of the old program's allows here.
bool reads_only(std::string_view scope) {
  return !scope.empty() && auth::split_scopes(scope) ==
                               std::vector<std::string>{std::string(auth::kScopeDriveReadOnly)};
}

// The port of the loopback address that the old settings name; 0: any.
int port_of(std::string_view redirect_uri, std::string_view port) {
  for (const std::string_view host : {"http://127.0.0.1:", "http://localhost:"}) {
    if (!redirect_uri.starts_with(host)) continue;
    port = redirect_uri.substr(host.size());
    port = port.substr(0, port.find('/'));
  }
  const auto number = parse_uint(port);
  return number && *number <= 65535 ? static_cast<int>(*number) : 0;
}

class Front {
 public:
  explicit Front(CommandLine line) : line_(std::move(line)) {}

  int run() {
    const Status ready = prepare();
    if (!ready.ok()) return failed(ready.error());
    if (line_.verbose) tell(std::cout, false);
    const auto mountpoint = choose_mountpoint();
    if (!mountpoint.ok()) return failed(mountpoint.error());
    if (const Status done = get_access(); !done.ok()) return refused(done.error());
    if (line_.clear_cache) {
      if (const int status = clear_cache(); status != 0) return status;
    }
    return mountpoint->empty() ? 0 : mount(*mountpoint);
  }

 private:
  // Reads what there is, and remembers what was given, whatever becomes of the rest.
  Status prepare() {
    environment_ = cli::process_environment();
    if (const auto level = environment_("DRIVEWAY_LOG")) {
      DRIVEWAY_TRY(const log::Level parsed, log::parse_level(*level));
      log::set_level(parsed);
    }
    login_environment_ = auth::Environment::from_process();
    DRIVEWAY_TRY(const cli::Settings known, cli::Settings::load({}, environment_, config_file()));
    account_ = line_.label.empty() ? known.text("account", auth::kDefaultAccount) : line_.label;
    place_ = {.label = account_,
              .config = line_.config_file,
              .base_folder = line_.base_folder,
              .xdg_folders = line_.xdg_folders};
    DRIVEWAY_TRY(memory_, Memory::open(login_environment_.config_folder, account_));
    DRIVEWAY_CHECK(remember());
    DRIVEWAY_CHECK(read_old_config());
    return make_settings();
  }

  fs::path config_file() const { return cli::config_directory(environment_) / "config.toml"; }

  Status remember() {
    if (!line_.client_id.empty() && memory_->text("client_id") != line_.client_id) {
      memory_->forget("client_secret");  // it was another client's
    }
    memory_->set("client_id", line_.client_id);
    memory_->set("client_secret", line_.client_secret.reveal());
    if (!line_.service_account_file.empty()) {
      memory_->set("service_account_credentials_path",
                   fs::absolute(line_.service_account_file).string());
    }
    memory_->set("service_account_user_to_impersonate", line_.service_account_user);
    memory_->set("scope", line_.scope);
    memory_->set("redirect_uri", line_.redirect_uri);
    memory_->set("docs_mode", line_.docs_mode);
    memory_->set("log_to", line_.log_to);
    return memory_->save();
  }

  Status read_old_config() {
    const fs::path path = auth::gdfuse_config_path(place_, login_environment_);
    const auto config = auth::GdfuseConfig::read(path);
    if (config.ok()) {
      values_ = config->values();
      config_name_ = path.string();
    } else if (!config.failed_with(ErrorCode::kNotFound)) {
      return config.error();
    } else if (!line_.config_file.empty()) {
      std::cerr << kProgram << ": there is no " << path.string() << ", so nothing of it counts\n";
    }
    // A secret belongs to its client.
    const std::string id = memory_->text("client_id");
    if (!id.empty() && id != old("client_id")) values_.erase("client_secret");
    for (const auto& [key, value] : memory_->values()) {
      if (key != "docs_mode" && key != "told") values_[key] = value;
    }
    return {};
  }

  std::string old(std::string_view key) const {
    const auto found = values_.find(key);
    return found == values_.end() ? "" : found->second;
  }

  Status make_settings() {
    std::map<std::string, std::string> flags = {{"layout", "root"}};
    options_ = translate_mount_options(line_.mount_options);
    fates_ = translate_config(values_, memory_->text("docs_mode"));
    std::map<std::string, cli::Settings::Found> configured;
    for (const Fate& fate : fates_) {
      if (fate.setting.empty()) continue;
      configured[fate.setting] = {fate.ours, cat(fate.key, " in ", config_name_)};
    }
    for (const Fate& fate : options_.fates) {
      if (!fate.setting.empty()) flags[fate.setting] = fate.ours;
    }
    if (line_.skip_trash) flags["delete"] = "permanent";
    // A service account is no stored login.
    const bool named = old("service_account_credentials_path").empty() && !line_.label.empty();
    if (named) flags["account"] = account_;
    DRIVEWAY_TRY(settings_, cli::Settings::load(std::move(flags), environment_, config_file()));
    settings_->add_config(std::move(configured));
    return {};
  }

  // With `lost` only what should be known in any case.
  void tell(std::ostream& out, bool lost) const {
    for (const auto* const fates : {&fates_, &options_.fates}) {
      for (const Fate& fate : *fates) {
        if (!lost || fate.loses) out << kProgram << ": " << to_string(fate) << "\n";
      }
    }
  }

  // Once for each set of settings.
  void warn_once() {
    std::string lost;
    for (const auto* const fates : {&fates_, &options_.fates}) {
      for (const Fate& fate : *fates) lost += fate.loses ? cat(to_string(fate), "\n") : "";
    }
    const std::string told = hex(hash_bytes(HashKind::kSha256, lost)).substr(0, 16);
    if (lost.empty() || memory_->text("told") == told) return;
    tell(std::cerr, true);
    memory_->set("told", told);
    if (const Status saved = memory_->save(); !saved.ok()) log::info(saved.error());
  }

  // "": authorise only. Cells in circulation have `drive nonempty`, a slip for `-o nonempty`.
  Result<std::string> choose_mountpoint() {
    const auto& given = line_.mountpoints;
    if (given.empty()) return std::string();
    std::string chosen;
    for (const std::string& each : given) {
      if (chosen.empty() && is_directory(each)) chosen = each;
    }
    if (chosen.empty()) {
      return Error{ErrorCode::kInvalidArgument,
                   cat("Mountpoint ", given.front(), " should be an existing directory.")};
    }
    if (given.size() == 1) return chosen;
    std::cerr << kProgram << ": " << given.size() << " mountpoints are given; it mounts on "
              << chosen << "\n";
    for (const std::string& each : given) {
      if (each == kNonempty && each != chosen) options_.kernel.emplace_back(kNonempty);
    }
    return chosen;
  }

  Status get_access() {
    if (line_.device) {
      return Error{ErrorCode::kUnsupported,
                   "OAuth2 for devices (-device) gives no access to the files of a Drive: Google "
                   "allows it those alone that the program made itself. Use -headless"};
    }
    const std::string id = old("client_id");
    Authorisation wish{.account = account_, .old_place = place_};
    if (id != "gaeproxy") wish.client = {id, Secret(old("client_secret"))};
    wish.client_is_asked_for = !line_.client_id.empty();
    wish.read_only = reads_only(old("scope"));
    wish.headless = line_.headless;
    wish.checks = line_.headless || line_.mountpoints.empty();
    wish.browser = line_.browser;
    wish.port = line_.port.value_or(port_of(old("redirect_uri"), old("oauth2_loopback_port")));
    return authorise(wish, *settings_);
  }

  // The first line as scripts know it, then why.
  static int refused(const Error& error) {
    if (error.message != kNoTokens) return failed(error);
    std::cerr << "\n" << kNoTokens << "\n";
    if (error.cause != nullptr) std::cerr << log::redact(error.cause->to_string()) << "\n";
    return 1;
  }

  int clear_cache() {
    std::cout << "Clearing cache..." << std::flush;
    const ExitStatus status =
        cli::cache(*settings_, {.verb = cli::CacheVerb::kClear, .to = "", .quiet = true});
    if (status != ExitStatus::kDone) return static_cast<int>(status);
    std::cout << "done" << std::endl;
    return 0;
  }

  int mount(const std::string& mountpoint) {
    warn_once();
    cli::MountArguments arguments{.mountpoint = mountpoint,
                                  .foreground = line_.foreground,
                                  .kernel_options = options_.kernel,
                                  .quiet = true,
                                  .debug = line_.debug,
                                  .log_file = log_file()};
    return static_cast<int>(cli::mount(*settings_, arguments));
  }

  // A daemon has no standard output.
  std::string log_file() const {
    const std::string to = old("log_to");
    return to == "stdout" || to == "stderr" || to == "-" ? "" : to;
  }

  const CommandLine line_;
  cli::Environment environment_;
  auth::Environment login_environment_;
  std::string account_;
  auth::GdfusePlace place_;
  std::optional<Memory> memory_;
  std::string config_name_ = "the command line";  // where `values_` come from
  auth::GdfuseConfig::Values values_;             // of the old config, and what is remembered
  std::vector<Fate> fates_;
  MountOptions options_;
  std::optional<cli::Settings> settings_;
};

int run_line(int argc, char** argv) {
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  auto line = parse_command_line(arguments);
  for (const char* flag : {"-secret", "--secret"}) cli::hide_secret_argument(argc, argv, flag);
  if (!line.ok()) {
    std::cerr << kProgram << ": " << line.error().to_string() << "\n" << usage();
    return static_cast<int>(ExitStatus::kUsage);
  }
  if (line->wish == CommandLine::Wish::kHelp) {
    std::cout << usage();
    return 0;
  }
  if (line->wish == CommandLine::Wish::kVersion) {
    std::cout << kProgram << ", version 0.7.32\nDone by driveway " << DRIVEWAY_VERSION << "\n";
    return 0;
  }
  return Front(*std::move(line)).run();
}

}  // namespace

int run(int argc, char** argv) {
  try {
    auth::guard_secrets();
    return run_line(argc, argv);
  } catch (const std::exception& error) {
    return failed({ErrorCode::kInternal, error.what()});
  }
}

}  // namespace driveway::ocamlfuse
