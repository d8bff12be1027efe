// `driveway mount` and `driveway unmount`.

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <condition_variable>
#include <iostream>
#include <mutex>
#include <optional>
#include <thread>

#include <nlohmann/json.hpp>

#include "base/log.h"
#include "base/strings.h"
#include "base/threads.h"
#include "cli/account.h"
#include "cli/commands.h"
#include "cli/daemonize.h"
#include "cli/interrupt.h"
#include "cli/mount_plan.h"
#include "control/dispatcher.h"
#include "control/socket.h"
#include "fuse/mount.h"
#include "vfs/vfs.h"

namespace driveway::cli {
namespace {

// From the start of the command until the mount answers, Drive's part included; less where a read
// would not wait so long either.
constexpr auto kStartDeadline = std::chrono::seconds(60);
constexpr auto kBusyRetry = std::chrono::milliseconds(100);

// The signals that end the daemon; the last is its own: the file system was unmounted.
constexpr int kUnmountedSignal = SIGUSR2;

sigset_t ending_signals() {
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP, kUnmountedSignal}) sigaddset(&set, signal);
  return set;
}

// Unmounts as soon as no file is open, until the context ends; then, with `force`, all the same.
Status unmount_patiently(fuse::Mount& mount, const Context& context, Clock& clock, bool force) {
  while (true) {
    Status status = mount.unmount(false);
    if (!status.failed_with(ErrorCode::kBusy)) return status;
    if (!sleep_until(context, clock, clock.now() + kBusyRetry).ok()) {
      return force ? mount.unmount(true) : status;
    }
  }
}

// The mount's life: everything opens in order, and closes in the opposite one.
class MountedVolume {
 public:
  explicit MountedVolume(const MountPlan& plan) : plan_(plan) {}

  Status open(const CancelToken& cancel) {
    const Duration patience = std::min<Duration>(kStartDeadline, plan_.mount.read_deadline);
    const Context context{.deadline = clock_.now() + patience, .cancel = cancel};
    DRIVEWAY_TRY(account_, Account::open(plan_.account, plan_.quota, clock_, metrics_));
    DRIVEWAY_TRY(const std::string id, permission_id(context, clock_, *account_, plan_.cache_dir));
    DRIVEWAY_TRY(
        vfs_, vfs::Vfs::open(plan_.cache_dir / id, plan_.vfs, account_->store(), clock_, metrics_));
    DRIVEWAY_CHECK(vfs_->start(context));
    DRIVEWAY_TRY(mount_, fuse::Mount::mount(plan_.mount, *vfs_, clock_, metrics_));
    const control::Identity identity{.account = plan_.account,
                                     .permission_id = id,
                                     .mountpoint = plan_.mount.mountpoint.string(),
                                     .cache_dir = plan_.cache_dir.string(),
                                     .layout = plan_.vfs.tree.layout};
    dispatcher_ = std::make_unique<control::Dispatcher>(
        identity, *vfs_, clock_, metrics_, [this](const Context& limit, bool force) {
          Status unmounted = unmount_patiently(*mount_, limit, clock_, force);
          // By force, open files keep the kernel's session: it does not end by itself.
          if (unmounted.ok()) ::kill(::getpid(), kUnmountedSignal);
          return unmounted;
        });
    DRIVEWAY_TRY(const auto folder, control::runtime_directory());
    DRIVEWAY_TRY(server_, control::Server::start(folder, *dispatcher_, clock_));
    return {};
  }

  // Returns when the file system was unmounted, or a signal asked for the end.
  void serve() {
    std::thread watcher = start_thread("unmounted", [this] {
      mount_->wait();
      ::kill(::getpid(), kUnmountedSignal);
    });
    const sigset_t signals = ending_signals();
    int signal = 0;
    sigwait(&signals, &signal);
    if (signal != kUnmountedSignal) {
      log::info("signal ", signal, ": unmounting");
      const Context at_once{.deadline = clock_.now()};
      const Status unmounted = unmount_patiently(*mount_, at_once, clock_, true);
      if (!unmounted.ok()) log::warn(unmounted.error());
    }
    server_.reset();
    mount_->stop();
    watcher.join();
    mount_.reset();
    log::info("unmounted ", plan_.mount.mountpoint.string());
  }

 private:
  const MountPlan& plan_;
  SystemClock clock_;
  Metrics metrics_;
  std::unique_ptr<Account> account_;
  std::unique_ptr<vfs::Vfs> vfs_;
  std::unique_ptr<fuse::Mount> mount_;
  std::unique_ptr<control::Dispatcher> dispatcher_;
  std::unique_ptr<control::Server> server_;
};

// The daemon, from after the fork on. The exit status is that of a foreground mount.
int run_mount(const MountPlan& plan, StartReport& start) {
  const sigset_t signals = ending_signals();
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  ::signal(SIGPIPE, SIG_IGN);
  MountedVolume volume(plan);
  std::optional<InterruptGuard> interrupt(std::in_place);
  const CancelToken interrupted = interrupt->token();
  Status opened = volume.open(interrupted);
  interrupt.reset();
  if (opened.ok() && interrupted.cancelled()) {
    opened = Error{ErrorCode::kCancelled, "interrupted"};
  }
  if (!opened.ok()) {
    log::error(opened.error());
    start.failed(opened.error());
    return static_cast<int>(exit_status(opened.error()));
  }
  log::info("mounted ", plan.mount.mountpoint.string());
  start.ready();
  volume.serve();
  return 0;
}

// Makes the mountpoint ready. True: it is mounted already, by a daemon that answers. Errors:
// kInvalidArgument, kBusy, as errno_error.
Result<bool> prepare_mountpoint(const MountPlan& plan, Clock& clock) {
  const std::filesystem::path& mountpoint = plan.mount.mountpoint;
  if (fuse::inspect_mountpoint(mountpoint) == fuse::MountpointState::kStale) {
    std::cerr << "driveway: " << mountpoint.string() << " held a dead mount: removing it\n";
    DRIVEWAY_CHECK(fuse::detach_stale(mountpoint));
  }
  switch (fuse::inspect_mountpoint(mountpoint)) {
    case fuse::MountpointState::kFree:
      return false;
    case fuse::MountpointState::kNotEmpty:
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
    case fuse::MountpointState::kOurs:
      break;
  }
  DRIVEWAY_TRY(const auto folder, control::runtime_directory());
  for (const auto& daemon : control::find_daemons(folder, clock)) {
    if (daemon.mountpoint == mountpoint.string() && daemon.account == plan.account) return true;
  }
  return Error{ErrorCode::kBusy, cat("another Drive is mounted at ", mountpoint.string(),
                                     ": unmount it first, with driveway unmount")};
}

Status init_log_file(const MountPlan& plan) {
  DRIVEWAY_CHECK(make_private_directory(plan.cache_dir));
  return log::init_file(plan.cache_dir / "driveway.log");
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

// The daemon that has `mountpoint`, if it answers.
Result<control::Daemon> daemon_at(const std::string& mountpoint, Clock& clock) {
  DRIVEWAY_TRY(const auto folder, control::runtime_directory());
  for (auto& daemon : control::find_daemons(folder, clock)) {
    if (daemon.mountpoint == mountpoint) return daemon;
  }
  return Error{ErrorCode::kNotFound, cat("no Drive is mounted at ", mountpoint)};
}

Status ask_to_unmount(const control::Daemon& daemon, Duration timeout, bool force, Clock& clock) {
  DRIVEWAY_TRY(auto client, control::Client::connect(daemon.socket, clock));
  const auto milliseconds = std::chrono::duration_cast<std::chrono::milliseconds>(timeout).count();
  const Context context{.deadline = clock.now() + timeout + kStartDeadline};
  const auto unmounted =
      client.ask(context, {{"op", "unmount"}, {"force", force}, {"timeout_ms", milliseconds}});
  if (!unmounted.ok()) return unmounted.error();
  return control::wait_for_exit(context, clock, daemon.pid);
}

}  // namespace

ExitStatus mount(const Settings& settings, const MountArguments& arguments) {
  const auto plan = plan_mount(settings, arguments);
  if (!plan.ok()) return report(plan.error());
  if (!settings.environment()("DRIVEWAY_LOG")) log::set_level(log::Level::kInfo);
  SystemClock clock;
  const auto mounted = prepare_mountpoint(*plan, clock);
  if (!mounted.ok()) return report(mounted.error());
  if (*mounted) {
    std::cerr << "driveway: already mounted at " << plan->mount.mountpoint.string() << "\n";
    return ExitStatus::kDone;
  }
  if (arguments.foreground) {
    protect_process();
    StartReport nobody;
    return static_cast<ExitStatus>(run_mount(*plan, nobody));
  }
  const Status started = mount_in_background(*plan);
  return started.ok() ? ExitStatus::kDone : report(started.error());
}

ExitStatus unmount(const UnmountArguments& arguments) {
  SystemClock clock;
  const auto timeout = parse_duration(arguments.timeout);
  if (!timeout.ok()) return report(wrap(timeout.error(), "--timeout"));
  std::error_code error;
  std::string mountpoint =
      std::filesystem::absolute(arguments.mountpoint, error).lexically_normal().string();
  while (mountpoint.size() > 1 && mountpoint.ends_with('/')) mountpoint.pop_back();
  if (fuse::inspect_mountpoint(mountpoint) == fuse::MountpointState::kStale) {
    const Status detached = fuse::detach_stale(mountpoint);
    return detached.ok() ? ExitStatus::kDone : report(detached.error());
  }
  const auto daemon = daemon_at(mountpoint, clock);
  if (!daemon.ok()) return report(daemon.error());
  const Status unmounted = ask_to_unmount(*daemon, *timeout, arguments.force, clock);
  return unmounted.ok() ? ExitStatus::kDone : report(unmounted.error());
}

}  // namespace driveway::cli
