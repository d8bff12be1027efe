// `driveway mount`, and the daemon that it starts.

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <iostream>
#include <optional>
#include <thread>
#include <vector>

#include <nlohmann/json.hpp>

#include "base/log.h"
#include "base/strings.h"
#include "base/threads.h"
#include "cli/account.h"
#include "cli/commands.h"
#include "cli/daemonize.h"
#include "cli/daemons.h"
#include "cli/interrupt.h"
#include "cli/mount_plan.h"
#include "cli/mount_set.h"
#include "cli/service_manager.h"
#include "control/backlog_watch.h"
#include "control/dispatcher.h"
#include "control/socket.h"
#include "fuse/mount.h"
#include "vfs/vfs.h"

namespace driveway::cli {
namespace {

// From the start of the command until the mount answers, Drive's part included; less where a read
// would not wait so long either.
constexpr auto kStartDeadline = std::chrono::seconds(60);
// For a daemon, or a command, that has the account's folder and is about to end, or to answer.
constexpr auto kFolderPatience = std::chrono::seconds(10);
constexpr auto kFolderRetry = std::chrono::milliseconds(100);

// The signals that end the daemon; the last is its own: a mount has ended, or
// everything is sent.
constexpr int kOwnSignal = SIGUSR2;

sigset_t ending_signals() {
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP, kOwnSignal}) sigaddset(&set, signal);
  return set;
}

control::MountRequest mount_request(const MountPlan& plan) {
  return {.mountpoint = plan.mount.mountpoint.string(),
          .kernel_options = plan.mount.kernel_options,
          .read_deadline = plan.mount.read_deadline,
          .top = plan.top};
}

control::Identity identity_of(const MountPlan& plan, const std::string& permission_id) {
  return {.account = plan.account,
          .permission_id = permission_id,
          .cache_dir = plan.cache_dir.string(),
          .layout = plan.vfs.tree.layout,
          .lost_and_found = plan.vfs.tree.lost_and_found,
          .docs = plan.vfs.tree.docs,
          .directory_mode = plan.vfs.tree.directory_mode,
          .writes = write_settings(plan.vfs),
          .acknowledge_abuse = plan.drive.acknowledge_abuse,
          .max_download = plan.drive.max_download,
          .max_upload = plan.drive.max_upload,
          .quota_units_last_minute = nullptr};
}

// Has `daemon` mount it too (D5). False: it is mounted there already. Errors: kBusy (the daemon has
// other settings, which are named), kUnavailable (it is ending), as Mounts::mount.
Result<bool> ask_to_mount(const Context& context, const control::Daemon& daemon,
                          const MountPlan& plan, Clock& clock) {
  auto client = control::Client::connect(daemon.socket, clock);
  if (!client.ok()) return Error{ErrorCode::kUnavailable, client.error().message, true};
  DRIVEWAY_TRY(
      const auto answer,
      client->ask(context, control::mount_document(mount_request(plan), identity_of(plan, ""))));
  return !(answer.is_object() && answer.value("already", false));
}

// The daemon of one account: everything opens in order, and closes in the opposite one.
class MountedVolume {
 public:
  explicit MountedVolume(const MountPlan& plan) : plan_(plan) {}

  // False: the daemon that the account has already has mounted it, and there is nothing to serve.
  Result<bool> open(const CancelToken& cancel) {
    const Duration patience = std::min<Duration>(kStartDeadline, plan_.mount.read_deadline);
    const Context context{.deadline = clock_.now() + patience, .cancel = cancel};
    DRIVEWAY_TRY(account_, Account::open(plan_.source, plan_.drive, clock_, metrics_));
    DRIVEWAY_TRY(const std::string id, permission_id(context, clock_, *account_, plan_.cache_dir));
    const Context patient = context.with_deadline(clock_.now() + kPatienceWhenKnown);
    if (!plan_.vfs.read_only && account_->reads_only(patient)) {
      make_read_only(plan_);
      read_only_by_login_ = true;
    }
    DRIVEWAY_TRY(const bool own, open_or_join(context, id));
    if (!own) return false;
    DRIVEWAY_CHECK(vfs_->start(context));
    DRIVEWAY_TRY(const auto folder, control::runtime_directory());
    mounts_ = std::make_unique<MountSet>(folder, *vfs_, clock_, metrics_,
                                         [] { ::kill(::getpid(), kOwnSignal); });
    DRIVEWAY_TRY(const bool fresh, mounts_->mount(context, mount_request(plan_)));
    static_cast<void>(fresh);
    control::Identity identity = identity_of(plan_, id);
    identity.writes.read_only_by_login = read_only_by_login_;
    identity.quota_units_last_minute = [this] { return account_->quota_units_last_minute(); };
    dispatcher_ = std::make_unique<control::Dispatcher>(identity, *vfs_, clock_, metrics_,
                                                        mounts_.get(), plan_.mount.read_deadline);
    DRIVEWAY_TRY(server_, control::Server::start(folder, *dispatcher_, clock_));
    backlog_watch_ = std::make_unique<control::BacklogWatch>(*vfs_, clock_);
    return true;
  }

  // What whoever mounted it should know; else empty.
  std::string note() const {
    if (!read_only_by_login_) return "";
    return cat(account_->label(),
               " is for reading only, and so is the mount; to write, log in without --read-only");
  }

  // Returns when nothing is mounted any more, or a signal asked for the end, and Drive has what was
  // written, as far as that is waited for.
  void serve() {
    const sigset_t signals = ending_signals();
    while (mounts_->reap()) {
      int signal = 0;
      sigwait(&signals, &signal);
      if (signal == kOwnSignal) continue;
      log::info("signal ", signal, ": unmounting");
      mounts_->unmount_all();
    }
    drain(signals);
    server_.reset();
    mounts_.reset();
  }

 private:
  // Takes the account's folder; or, false, has the daemon mount that has it. Whoever has the folder
  // without a daemon's socket may be about to open one, or to end.
  Result<bool> open_or_join(const Context& context, const std::string& id) {
    const Context patient = context.with_deadline(clock_.now() + kFolderPatience);
    vfs::VfsOptions options = plan_.vfs;
    options.account = id;
    while (true) {
      const Status joined = join(context, id);
      if (joined.ok()) return false;
      const bool nobody =
          joined.failed_with(ErrorCode::kNotFound) || joined.failed_with(ErrorCode::kUnavailable);
      if (!nobody) return joined.error();
      auto vfs = vfs::Vfs::open(plan_.cache_dir / id, options, account_->store(), clock_, metrics_);
      if (vfs.ok()) {
        vfs_ = *std::move(vfs);
        return true;
      }
      const bool held = vfs.failed_with(ErrorCode::kBusy);
      if (!held || !sleep_until(patient, clock_, clock_.now() + kFolderRetry).ok()) {
        return vfs.error();
      }
    }
  }

  // Errors: kNotFound (the account has no daemon), those of ask_to_mount().
  Status join(const Context& context, const std::string& id) {
    for (const auto& daemon : running_daemons(clock_)) {
      if (daemon.permission_id != id) continue;
      const auto mounted = ask_to_mount(context, daemon, plan_, clock_);
      if (mounted.ok()) log::info("process ", daemon.pid, " has mounted it");
      return mounted.ok() ? Status() : Status(mounted.error());
    }
    return Error{ErrorCode::kNotFound, "no daemon"};
  }

  // Another signal ends it.
  void drain(const sigset_t& signals) {
    std::atomic<bool> drained{false};
    std::thread drainer = start_thread("drain", [&] {
      dispatcher_->drain(mounts_->drain_limits());
      drained = true;
      ::kill(::getpid(), kOwnSignal);
    });
    while (!drained) {
      int signal = 0;
      sigwait(&signals, &signal);
      if (signal == kOwnSignal) continue;
      log::info("signal ", signal, ": no longer waiting for Drive");
      dispatcher_->stop_draining();
    }
    drainer.join();
  }

  MountPlan plan_;
  bool read_only_by_login_ = false;
  SystemClock clock_;
  Metrics metrics_;
  std::unique_ptr<Account> account_;
  std::unique_ptr<vfs::Vfs> vfs_;
  std::unique_ptr<MountSet> mounts_;
  std::unique_ptr<control::Dispatcher> dispatcher_;
  std::unique_ptr<control::Server> server_;
  std::unique_ptr<control::BacklogWatch> backlog_watch_;
};

// The daemon, from after the fork on. The exit status is that of a foreground mount.
int run_mount(const MountPlan& plan, StartReport& start) {
  const sigset_t signals = ending_signals();
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  ::signal(SIGPIPE, SIG_IGN);
  MountedVolume volume(plan);
  std::optional<InterruptGuard> interrupt(std::in_place);
  const CancelToken interrupted = interrupt->token();
  Result<bool> opened = volume.open(interrupted);
  interrupt.reset();
  if (opened.ok() && interrupted.cancelled()) {
    opened = Error{ErrorCode::kCancelled, "interrupted"};
  }
  if (!opened.ok()) {
    log::error(opened.error());
    start.failed(opened.error());
    return static_cast<int>(exit_status(opened.error()));
  }
  start.ready(volume.note());
  tell_service_manager_ready();
  if (*opened) volume.serve();
  return 0;
}

// Whether what `mountpoint` shows is what is asked for. Errors: kBusy, if it is not.
Result<bool> is_mounted_already(const std::vector<control::Daemon>& daemons, const MountPlan& plan,
                                Clock& clock) {
  const std::string mountpoint = plan.mount.mountpoint.string();
  for (const auto& daemon : daemons) {
    if (!daemon.is_mounted_at(mountpoint) || daemon.account != plan.account) continue;
    const Context context{.deadline = clock.now() + kStartDeadline};
    DRIVEWAY_TRY(const bool fresh, ask_to_mount(context, daemon, plan, clock));
    static_cast<void>(fresh);  // or it was unmounted a moment ago, and is mounted again
    return true;
  }
  return Error{ErrorCode::kBusy, cat("another Drive is mounted at ", mountpoint,
                                     ": unmount it first, with driveway unmount")};
}

// -o nonempty: whoever asks for it knows.
bool says_nonempty(const MountPlan& plan) {
  const auto& options = plan.mount.kernel_options;
  return std::find(options.begin(), options.end(), "nonempty") != options.end();
}

// Makes the mountpoint ready. True: it is mounted already, by a daemon that answers. Errors:
// kInvalidArgument, kBusy, as errno_error.
Result<bool> prepare_mountpoint(const MountPlan& plan, Clock& clock) {
  const std::filesystem::path& mountpoint = plan.mount.mountpoint;
  const std::vector<control::Daemon> daemons = running_daemons(clock);
  if (fuse::inspect_mountpoint(mountpoint) == fuse::MountpointState::kStale) {
    std::cerr << "driveway: " << mountpoint.string() << " held a dead mount: removing it\n";
    DRIVEWAY_CHECK(fuse::detach_stale(mountpoint));
  }
  switch (fuse::inspect_mountpoint(mountpoint)) {
    case fuse::MountpointState::kFree:
      return false;
    case fuse::MountpointState::kNotEmpty:
      if (says_nonempty(plan)) return false;
      std::cerr << "driveway: " << mountpoint.string()
                << " is not empty: its files are hidden until it is unmounted\n";
      return false;
    case fuse::MountpointState::kMissing: {
      std::error_code error;
      std::filesystem::create_directories(mountpoint, error);
      if (error) return errno_error(error.value(), cat("cannot make ", mountpoint.string()));
      return false;
    }
    case fuse::MountpointState::kNotADirectory:
      return Error{ErrorCode::kInvalidArgument, cat(mountpoint.string(), " is not a directory")};
    case fuse::MountpointState::kStale:
      return Error{ErrorCode::kBusy,
                   cat("the dead mount at ", mountpoint.string(), " cannot be removed")};
    case fuse::MountpointState::kSilent:
      return Error{ErrorCode::kBusy,
                   cat("what is mounted at ", mountpoint.string(),
                       " does not answer: remove it with driveway unmount --force")};
    case fuse::MountpointState::kOurs:
      break;
  }
  return is_mounted_already(daemons, plan, clock);
}

Status init_log_file(const MountPlan& plan) {
  DRIVEWAY_CHECK(make_private_directory(plan.cache_dir));
  return log::init_file(plan.log_file.empty() ? plan.cache_dir / "driveway.log" : plan.log_file);
}

Status mount_in_background(const MountPlan& plan) {
  return run_in_background([&](StartReport& start) {
    if (const Status ready = init_log_file(plan); !ready.ok()) {
      start.failed(ready.error());
      return static_cast<int>(exit_status(ready.error()));
    }
    return run_mount(plan, start);
  });
}

}  // namespace

ExitStatus mount(const Settings& settings, const MountArguments& arguments) {
  const auto plan = plan_mount(settings, arguments);
  if (!plan.ok()) return report(plan.error());
  if (!settings.environment()("DRIVEWAY_LOG")) {
    log::set_level(arguments.debug ? log::Level::kDebug : log::Level::kInfo);
  }
  SystemClock clock;
  const auto mounted = prepare_mountpoint(*plan, clock);
  if (!mounted.ok()) return report(mounted.error());
  if (*mounted) {
    if (arguments.quiet) return ExitStatus::kDone;
    std::cerr << "driveway: already mounted at " << plan->mount.mountpoint.string() << "\n";
    tell_service_manager_ready();
    return ExitStatus::kDone;
  }
  if (arguments.foreground) {
    lower_oom_score();
    if (!plan->log_file.empty()) {
      if (const Status ready = init_log_file(*plan); !ready.ok()) return report(ready.error());
    }
    StartReport nobody;
    return static_cast<ExitStatus>(run_mount(*plan, nobody));
  }
  const Status started = mount_in_background(*plan);
  return started.ok() ? ExitStatus::kDone : report(started.error());
}

}  // namespace driveway::cli
