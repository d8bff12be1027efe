#include "cli/app.h"

#include <exception>
#include <iostream>
#include <map>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "auth/environment.h"
#include "base/log.h"
#include "base/strings.h"
#include "cli/commands.h"
#include "cli/mount_helper.h"
#include "cli/secret_argument.h"

namespace driveway::cli {
namespace {

constexpr const char* kRemoteHelp =
    "drive:PATH, drive:@TEAM/PATH (a shared drive), drive:id=ID, NAME:PATH (another account), or a "
    "path inside a mounted Drive";

// What every command shares: the settings that stood on the line, and what to do.
class App {
 public:
  App() : app_("driveway: Google Drive in notebook machines", "driveway") {
    app_.set_version_flag("--version", std::string("driveway ") + DRIVEWAY_VERSION);
    app_.require_subcommand(1);
    add_login();
    add_logout();
    add_accounts();
    add_mount();
    add_unmount();
    add_status();
    add_about();
    add_remote("ls", "lists a folder of Drive", RemoteVerb::kLs);
    add_remote("stat", "shows what Drive says of a file or folder", RemoteVerb::kStat);
    add_files("prefetch", "fetches files and folders into the cache", FilesVerb::kPrefetch);
    add_files("pin", "fetches files and folders, and keeps them in the cache", FilesVerb::kPin);
    add_files("unpin", "lets pinned files be evicted again", FilesVerb::kUnpin);
    add_files("evict", "takes files out of the cache", FilesVerb::kEvict);
    add_cache();
    add_flush();
    add_retry();
    add_export_unsent();
    add_import_gdfuse();
    add_config();
    add_doctor();
    add_remote("cat", "writes a file of Drive to standard output", RemoteVerb::kCat);
  }

  int run(int argc, char** argv) {
    try {
      app_.parse(argc, argv);
      hide_secret_argument(argc, argv, "--client-secret");
    } catch (const CLI::ParseError& error) {
      const int code = app_.exit(error);
      return code == 0 ? 0 : static_cast<int>(ExitStatus::kUsage);
    }
    return static_cast<int>(chosen_());
  }

 private:
  CLI::App* add(const char* name, const char* help, std::function<ExitStatus()> command) {
    CLI::App* sub = app_.add_subcommand(name, help);
    sub->callback([this, command = std::move(command)] { chosen_ = command; });
    return sub;
  }

  // A flag of the same name as a setting.
  void setting(CLI::App* sub, const std::string& name, const std::string& help,
               const std::string& type) {
    sub->add_option_function<std::string>(
           "--" + name, [this, name](const std::string& value) { flags_[name] = value; }, help)
        ->type_name(type);
  }

  ExitStatus with_settings(const std::function<ExitStatus(const Settings&)>& command) {
    const Environment environment = process_environment();
    if (const auto level = environment("DRIVEWAY_LOG")) {
      const auto parsed = log::parse_level(*level);
      if (!parsed.ok()) return report(wrap(parsed.error(), "DRIVEWAY_LOG"));
      log::set_level(*parsed);
    }
    const auto settings =
        Settings::load(flags_, environment, config_directory(environment) / "config.toml");
    return settings.ok() ? command(*settings) : report(settings.error());
  }

  void account(CLI::App* sub) { setting(sub, "account", "the login to use", "NAME"); }
  // Where tokens come from.
  void source(CLI::App* sub) {
    setting(sub, "with",
            "the credential to use: stored, token=FILE, command=CMD, env (DRIVEWAY_ACCESS_TOKEN), "
            "credentials=FILE, adc (Application Default Credentials), metadata (of the machine); "
            "auto: the first that is there",
            "METHOD");
    setting(sub, "subject", "whom a service account acts for (domain-wide delegation)", "MAIL");
  }

  void add_login() {
    CLI::App* sub =
        add("login", "gives driveway access to a Drive: prints a URL, takes one paste", [this] {
          login_.as_json = json_;
          return with_settings(
              [this](const Settings& settings) { return login(settings, login_); });
        });
    account(sub);
    sub->add_option(
           "--with", login_.with,
           "browser (the built-in one); device: a code is typed into a page on any machine, "
           "for files of driveway's own only; gdfuse=LABEL: take over the login of "
           "google-drive-ocamlfuse; rclone=REMOTE: that of a remote in rclone.conf")
        ->type_name("METHOD");
    sub->add_option("--client-id", login_.client_id, "of your OAuth client")->type_name("ID");
    sub->add_option("--client-secret", login_.client_secret,
                    "its secret (or DRIVEWAY_CLIENT_SECRET)")
        ->type_name("S");
    sub->add_flag("--read-only", login_.read_only, "ask for the right to read only");
    sub->add_flag("--json", json_, "one JSON document on standard output, the rest on stderr");
  }

  void add_logout() {
    CLI::App* sub = add("logout", "removes a stored login; what is not sent yet stays", [this] {
      return with_settings([this](const Settings& settings) { return logout(settings, logout_); });
    });
    account(sub);
    sub->add_flag("--revoke", logout_.revoke,
                  "end it at Google too, with all tokens of the same Cloud project");
  }

  void add_accounts() {
    CLI::App* sub = add("accounts", "the stored logins, and where they are mounted", [this] {
      return with_settings([this](const Settings& settings) { return accounts(settings, json_); });
    });
    sub->add_flag("--json", json_);
  }

  void add_mount() {
    CLI::App* sub = add("mount", "mounts Drive; returns when the mount answers", [this] {
      return with_settings([this](const Settings& settings) { return mount(settings, mount_); });
    });
    sub->add_option("mountpoint", mount_.mountpoint, "a folder; made if missing")
        ->required()
        ->type_name("MOUNTPOINT");
    account(sub);
    source(sub);
    setting(sub, "layout", "colab: MyDrive/, Shareddrives/, …; root: My Drive itself",
            "colab|root");
    setting(sub, "top", "shows this folder alone: a path in My Drive, @TEAM/PATH, or id=ID",
            "FOLDER");
    sub->add_flag_callback(
        "--lost-and-found", [this] { flags_["lost-and-found"] = "true"; },
        "shows your files that are in no folder in lost+found/");
    sub->add_flag_callback(
        "--read-only", [this] { flags_["read-only"] = "true"; },
        "nothing can be changed through the mount");
    sub->add_flag("--foreground", mount_.foreground, "stay in the foreground, log to stderr");
    setting(sub, "fsync", "what fsync waits for: the local journal, or the upload",
            "journal|upload");
    setting(sub, "settle", "how long a closed file may change again before it is sent", "DURATION");
    setting(sub, "max-backlog", "how late Drive may be before writers wait (0: they never do)",
            "DURATION");
    setting(sub, "delete", "what becomes of removed files", "trash|permanent");
    setting(sub, "revisions", "what becomes of the contents that were replaced here",
            "auto|keep|drop");
    sub->add_option("-o", mount_.kernel_options, "mount options, such as allow_other")
        ->delimiter(',')
        ->type_name("OPT[,OPT…]");
    setting(sub, "cache-dir", "where cached files live", "DIR");
    setting(sub, "cache-size", "how much disk they may take", "SIZE");
    setting(sub, "min-free-disk", "how much of the disk stays free", "SHARE");
    setting(sub, "poll", "how often to ask Drive for changes", "DURATION");
    setting(sub, "docs",
            "Google Docs as links, exported, or by type: document=odt,drawing=svg,form=link",
            "link|export|desktop|TYPE=FORMAT,…");
    setting(sub, "umask", "which rights what has no mode of its own does not have", "MASK");
    sub->add_flag_callback(
        "--acknowledge-abuse", [this] { flags_["acknowledge-abuse"] = "true"; },
        "read also your files that Drive takes for malware");
    setting(sub, "max-download", "how much a second is read from Drive at most (0: no limit)",
            "SIZE");
    setting(sub, "max-upload", "how much a second is sent to Drive at most (0: no limit)", "SIZE");
    setting(sub, "quota", "which limits Drive sets", "2026|legacy|unlimited|auto");
    setting(sub, "read-deadline", "how long a read may wait for Drive", "DURATION");
  }

  void add_unmount() {
    CLI::App* sub = add("unmount", "unmounts", [this] { return unmount(unmount_); });
    sub->add_option("mountpoint", unmount_.mountpoint)->required()->type_name("MOUNTPOINT");
    sub->add_option("--timeout", unmount_.timeout,
                    "how long to wait for open files (5s), and until Drive has what was written "
                    "(10m)")
        ->type_name("DURATION");
    sub->add_flag("--force", unmount_.force,
                  "then unmount although files are open; do not wait for Drive");
    sub->add_flag("--quiet", unmount_.quiet, "show no progress");
  }

  void add_status() {
    CLI::App* sub = add("status", "what is mounted, cached, and what Drive answers", [this] {
      status_.as_json = json_;
      return status(status_);
    });
    sub->add_option("mountpoint", status_.mountpoint, "all mounts without it")
        ->type_name("MOUNTPOINT");
    sub->add_flag("--watch", status_.watch, "again and again, with what waits for Drive");
    sub->add_flag("--failed", status_.failed, "only what Drive refused for good");
    sub->add_flag("--json", json_);
  }

  void add_about() {
    CLI::App* sub = add("about", "who is logged in, and how full the Drive is", [this] {
      return with_settings([this](const Settings& settings) { return about(settings, json_); });
    });
    account(sub);
    source(sub);
    sub->add_flag("--json", json_);
  }

  void add_remote(const char* name, const char* help, RemoteVerb verb) {
    CLI::App* sub = add(name, help, [this, verb] {
      remote_.verb = verb;
      remote_.as_json = json_;
      return with_settings([this](const Settings& settings) { return remote(settings, remote_); });
    });
    sub->add_option("remote", remote_.remotes, kRemoteHelp)->required()->type_name("REMOTE…");
    source(sub);
    setting(sub, "cache-dir", "where cached files live", "DIR");
    if (verb == RemoteVerb::kLs) {
      sub->add_flag("-l,--long", remote_.long_form, "mode, size and time too");
    }
    if (verb != RemoteVerb::kCat) sub->add_flag("--json", json_, "one JSON document a line");
  }

  void add_files(const char* name, const char* help, FilesVerb verb) {
    CLI::App* sub = add(name, help, [this, verb] {
      files_.verb = verb;
      files_.as_json = json_;
      return with_settings([this](const Settings& settings) { return files(settings, files_); });
    });
    sub->add_option("path", files_.remotes, kRemoteHelp)->required()->type_name("PATH…");
    source(sub);
    setting(sub, "cache-dir", "where cached files live", "DIR");
    setting(sub, "cache-size", "how much disk they may take, where no daemon runs", "SIZE");
    if (verb == FilesVerb::kPrefetch || verb == FilesVerb::kPin) {
      sub->add_flag("--wait", files_.wait, "until all of it is here (always, without a daemon)");
    }
    sub->add_flag("--quiet", files_.quiet, "tell only what failed");
    sub->add_flag("--json", json_, "one JSON document a line");
  }

  void add_cache() {
    CLI::App* group = app_.add_subcommand("cache", "looks after what is cached");
    group->require_subcommand(1);
    const auto add_verb = [&](const char* name, const char* help, CacheVerb verb) {
      CLI::App* sub = group->add_subcommand(name, help);
      sub->callback([this, verb] {
        chosen_ = [this, verb] {
          cache_.verb = verb;
          cache_.as_json = json_;
          return with_settings(
              [this](const Settings& settings) { return cache(settings, cache_); });
        };
      });
      account(sub);
      source(sub);
      setting(sub, "cache-dir", "where cached files live", "DIR");
      setting(sub, "cache-size", "how much disk they may take, where no daemon runs", "SIZE");
      sub->add_flag("--json", json_);
      return sub;
    };
    add_verb("show", "how much is cached and pinned, and how much may be", CacheVerb::kShow);
    add_verb("trim", "evicts what was used least recently", CacheVerb::kTrim)
        ->add_option("--to", cache_.to, "how much may stay (default: 90 % of the cache size)")
        ->type_name("SIZE");
    add_verb("clear", "evicts all but what is open or pinned", CacheVerb::kClear)
        ->add_flag("--all", cache_.all, "what is pinned, too");
  }

  CLI::App* add_writes(const char* name, const char* help,
                       ExitStatus (*command)(const Settings&, const WritesArguments&)) {
    CLI::App* sub = add(name, help, [this, command] {
      writes_.as_json = json_;
      return with_settings(
          [this, command](const Settings& settings) { return command(settings, writes_); });
    });
    account(sub);
    source(sub);
    setting(sub, "cache-dir", "where cached files live", "DIR");
    sub->add_flag("--quiet", writes_.quiet, "tell only what failed");
    sub->add_flag("--json", json_, "one JSON document a line");
    return sub;
  }

  void add_flush() {
    CLI::App* sub = add_writes("flush", "returns when Drive has what was written", writes);
    sub->add_option("path", writes_.path, cat(kRemoteHelp, "; everything without it"))
        ->type_name("PATH");
    sub->add_option("--timeout", writes_.timeout, "how long to wait (default: for ever)")
        ->type_name("DURATION");
  }

  void add_retry() {
    CLI::App* sub = add_writes("retry", "tries again what Drive refused for good",
                               [](const Settings& settings, const WritesArguments& arguments) {
                                 WritesArguments retry = arguments;
                                 retry.verb = WritesVerb::kRetry;
                                 return writes(settings, retry);
                               });
    sub->add_option("path", writes_.path, cat(kRemoteHelp, "; everything without it"))
        ->type_name("PATH");
  }

  void add_export_unsent() {
    add_writes("export-unsent", "writes what Drive does not have to a folder", export_unsent)
        ->add_option("folder", writes_.path, "made if missing; nothing in it is overwritten")
        ->required()
        ->type_name("DIR");
  }

  void add_import_gdfuse() {
    CLI::App* sub =
        add("import-gdfuse",
            "rescues what google-drive-ocamlfuse has not sent, before it deletes it", [this] {
              import_gdfuse_.as_json = json_;
              return with_settings([this](const Settings& settings) {
                return import_gdfuse(settings, import_gdfuse_);
              });
            });
    sub->add_option("label", import_gdfuse_.label, "of that program's account; its -label")
        ->required()
        ->type_name("LABEL");
    sub->add_option("--to", import_gdfuse_.to,
                    "made if missing; nothing in it is overwritten (default: "
                    "driveway-recovered/gdfuse-LABEL in My Drive, where it is mounted)")
        ->type_name("DIR");
    sub->add_option("--config", import_gdfuse_.config, "that program's config, as its -config")
        ->type_name("PATH");
    sub->add_flag("--dry-run", import_gdfuse_.dry_run, "only tell what would be copied");
    account(sub);
    source(sub);
    setting(sub, "cache-dir", "where cached files of the mount live", "DIR");
    sub->add_flag("--json", json_, "one JSON document");
  }

  void add_config() {
    CLI::App* sub = add("config", "the settings that count, and where each comes from", [this] {
      return with_settings([this](const Settings& settings) { return config(settings, json_); });
    });
    sub->add_flag("--json", json_);
  }

  void add_doctor() {
    CLI::App* sub = add("doctor", "what is wrong here, and what to do about it", [this] {
      return with_settings([this](const Settings& settings) { return doctor(settings, json_); });
    });
    account(sub);
    source(sub);
    setting(sub, "cache-dir", "where cached files would live", "DIR");
    sub->add_flag("--json", json_);
  }

  CLI::App app_;
  std::map<std::string, std::string> flags_;
  std::function<ExitStatus()> chosen_;
  LoginArguments login_;
  LogoutArguments logout_;
  MountArguments mount_;
  UnmountArguments unmount_;
  StatusArguments status_;
  WritesArguments writes_;
  ImportGdfuseArguments import_gdfuse_;
  RemoteArguments remote_;
  FilesArguments files_;
  CacheArguments cache_;
  bool json_ = false;
};

int run_mount_helper(int argc, const char* const* argv) {
  auto call = parse_mount_helper({argv + 1, argv + argc});
  if (!call.ok()) return mount_helper_status(report(call.error()));
  if (call->is_fake) return 0;
  std::vector<char*> arguments;
  arguments.reserve(call->arguments.size());
  for (std::string& argument : call->arguments) arguments.push_back(argument.data());
  const int status = App().run(static_cast<int>(arguments.size()), arguments.data());
  return mount_helper_status(static_cast<ExitStatus>(status));
}

}  // namespace

ExitStatus report(const Error& error) {
  std::cerr << "driveway: " << log::redact(error.to_string()) << "\n";
  return exit_status(error);
}

int run(int argc, char** argv) {
  try {
    auth::guard_secrets();
    if (argc > 0 && is_mount_helper(argv[0])) return run_mount_helper(argc, argv);
    return App().run(argc, argv);
  } catch (const std::exception& error) {
    return static_cast<int>(report({ErrorCode::kInternal, error.what()}));
  }
}

}  // namespace driveway::cli
