// The commands, one function each: what it was asked in, an exit status out. Messages go to stderr,
// answers to stdout.
#pragma once

#include <string>
#include <vector>

#include "cli/exit_status.h"
#include "cli/settings.h"

namespace driveway::cli {

struct LoginArguments {
  std::string with;  // how to come by a login: auth/login_method.h
  std::string client_id;
  std::string client_secret;
  bool read_only = false;
  bool as_json = false;
};
ExitStatus login(const Settings& settings, const LoginArguments& arguments);

struct LogoutArguments {
  bool revoke = false;  // at Google, too
};
// Removes the stored login that the setting `account` names, and one that has begun.
ExitStatus logout(const Settings& settings, const LogoutArguments& arguments);
// The stored logins. Asks nothing of the network.
ExitStatus accounts(const Settings& settings, bool as_json);

struct MountArguments {
  std::string mountpoint;
  bool foreground = false;
  std::vector<std::string> kernel_options;  // of -o, split at commas
  bool quiet = false;                       // no word where it is mounted already
  bool debug = false;    // everything is logged, unless DRIVEWAY_LOG says otherwise
  std::string log_file;  // "" = driveway.log in the cache folder, in the foreground stderr
};
ExitStatus mount(const Settings& settings, const MountArguments& arguments);

struct UnmountArguments {
  std::string mountpoint;
  std::string timeout;  // for open files, and for what is not in Drive yet; "" = 5s and 10m
  bool force = false;
  bool quiet = false;
};
ExitStatus unmount(const UnmountArguments& arguments);

struct StatusArguments {
  std::string mountpoint;  // "" = all
  bool watch = false;      // again and again, with what waits
  bool failed = false;     // only what Drive refused for good
  bool as_json = false;
};
ExitStatus status(const StatusArguments& arguments);
ExitStatus about(const Settings& settings, bool as_json);

enum class RemoteVerb { kLs, kStat, kCat };
struct RemoteArguments {
  RemoteVerb verb = RemoteVerb::kLs;
  std::vector<std::string> remotes;
  bool long_form = false;  // ls -l
  bool as_json = false;
};
ExitStatus remote(const Settings& settings, const RemoteArguments& arguments);

enum class FilesVerb { kPrefetch, kPin, kUnpin, kEvict };
struct FilesArguments {
  FilesVerb verb = FilesVerb::kPrefetch;
  std::vector<std::string> remotes;
  bool wait = false;   // prefetch, pin: until all of it is here
  bool quiet = false;  // only errors are told
  bool as_json = false;
};
ExitStatus files(const Settings& settings, const FilesArguments& arguments);

enum class WritesVerb { kFlush, kRetry };
struct WritesArguments {
  WritesVerb verb = WritesVerb::kFlush;
  std::string path;     // a REMOTE, "" = everything; of export_unsent the folder to write to
  std::string timeout;  // "" = for ever
  bool quiet = false;
  bool as_json = false;
};
ExitStatus writes(const Settings& settings, const WritesArguments& arguments);
ExitStatus export_unsent(const Settings& settings, const WritesArguments& arguments);

struct ImportGdfuseArguments {
  std::string label;
  std::string to;      // "" = in the mount of the account that the settings name
  std::string config;  // the old program's config; "" = where it would look
  bool dry_run = false;
  bool as_json = false;
};
// Copies what google-drive-ocamlfuse did not send. kPartly: some could not be copied.
ExitStatus import_gdfuse(const Settings& settings, const ImportGdfuseArguments& arguments);

ExitStatus config(const Settings& settings, bool as_json);

// 0 if nothing failed, else 1. Needs neither a mount nor a login.
ExitStatus doctor(const Settings& settings, bool as_json);

enum class CacheVerb { kShow, kTrim, kClear };
struct CacheArguments {
  CacheVerb verb = CacheVerb::kShow;
  std::string to;    // trim: a SIZE; "" = the low-water mark
  bool all = false;  // clear: what is pinned, too
  bool as_json = false;
  bool quiet = false;  // only errors are told
};
ExitStatus cache(const Settings& settings, const CacheArguments& arguments);

// Says `error` on stderr as "driveway: …", secrets taken out, and gives the status for it.
ExitStatus report(const Error& error);

}  // namespace driveway::cli
