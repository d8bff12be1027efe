// `driveway unmount`.

#include <iostream>
#include <optional>
#include <utility>

#include <nlohmann/json.hpp>

#include "base/bytes.h"
#include "base/strings.h"
#include "cli/commands.h"
#include "cli/daemons.h"
#include "cli/interrupt.h"
#include "cli/progress.h"
#include "control/dispatcher.h"
#include "control/socket.h"
#include "control/wording.h"
#include "fuse/mount.h"

namespace driveway::cli {
namespace {

using nlohmann::json;

constexpr auto kDefaultBusyWait = std::chrono::seconds(5);
// What --max-backlog lets wait at most, where it is not told otherwise.
constexpr auto kDefaultDrain = std::chrono::minutes(10);
// Beyond what a daemon was given.
constexpr auto kUnmountSlack = std::chrono::seconds(10);
// From its last answer on: it closes its files.
constexpr auto kExitDeadline = std::chrono::seconds(60);

// How long to wait for what.
struct Patience {
  Duration busy = kDefaultBusyWait;  // open files
  Duration drain = kDefaultDrain;    // what Drive does not have yet
};

Result<Patience> patience_of(const UnmountArguments& arguments) {
  Patience patience;
  if (!arguments.timeout.empty()) {
    const auto timeout = parse_duration(arguments.timeout);
    if (!timeout.ok()) return wrap(timeout.error(), "--timeout");
    patience = {.busy = *timeout, .drain = *timeout};
  }
  if (arguments.force) patience.drain = Duration();
  return patience;
}

// Shows how far the daemon is, and keeps its last word.
class UnmountAnswer final : public control::Reply {
 public:
  UnmountAnswer(bool quiet, Clock& clock)
      : progress_(Progress::style_for(quiet), clock, std::cerr) {}
  ~UnmountAnswer() override { progress_.end(); }

  Status document(const json& document) override {
    if (document.contains("unmounted")) {
      last_word_ = document;
      return {};
    }
    const auto number = [&](const char* key) { return document.value(key, std::uint64_t{0}); };
    progress_.show({number("files_done"), number("bytes_done")},
                   {number("files"), number("bytes")});
    shown_ = true;
    return {};
  }
  Status bytes(std::span<const std::byte>) override { return {}; }
  void end() { progress_.end(); }
  // Whether the daemon has begun to send what is left: then nothing is mounted any more.
  bool is_draining() const { return shown_ && last_word_.is_null(); }
  const json& last_word() const { return last_word_; }

 private:
  Progress progress_;
  bool shown_ = false;
  json last_word_;
};

// The daemon that has `mountpoint`, if it answers.
Result<control::Daemon> daemon_at(const std::string& mountpoint, Clock& clock) {
  for (auto& daemon : running_daemons(clock)) {
    if (daemon.is_mounted_at(mountpoint)) return daemon;
  }
  return Error{ErrorCode::kNotFound, cat("no Drive is mounted at ", mountpoint)};
}

// What is not in Drive, said to who has unmounted.
ExitStatus report_left(const json& last_word) {
  const auto left = last_word.find("left");
  if (left == last_word.end()) return ExitStatus::kDone;
  const std::string text = control::backlog_text(*left);
  if (text.empty()) return ExitStatus::kDone;
  std::cerr << "driveway: unmounted; " << text
            << ". It stays in the cache folder, and the next mount of this account, or driveway "
               "flush, sends it\n";
  const std::string code = last_word.value("code", "");
  const ErrorCode why = code.empty() ? ErrorCode::kDeadlineExceeded : control::code_named(code);
  if (why == ErrorCode::kDeadlineExceeded || why == ErrorCode::kCancelled) {
    return ExitStatus::kUnsent;
  }
  std::cerr << "driveway: " << last_word.value("message", "") << "\n";
  return exit_status_of_unsent(why);
}

// What the daemon has come to. Errors: those of Mounts::unmount, and of the way to it.
Result<ExitStatus> ask_to_unmount(const Context& context, const control::Daemon& daemon,
                                  const std::string& mountpoint, const Patience& patience,
                                  const UnmountArguments& arguments, Clock& clock) {
  DRIVEWAY_TRY(auto client, control::Client::connect(daemon.socket, clock));
  const auto milliseconds = [](Duration duration) {
    return std::chrono::duration_cast<std::chrono::milliseconds>(duration).count();
  };
  client.set_patience(patience.busy + kUnmountSlack);  // it says something more often than that
  UnmountAnswer listener(arguments.quiet, clock);
  const Status asked = client.call(context,
                                   {{"op", "unmount"},
                                    {"mountpoint", mountpoint},
                                    {"force", arguments.force},
                                    {"timeout_ms", milliseconds(patience.busy)},
                                    {"drain_ms", milliseconds(patience.drain)}},
                                   listener);
  listener.end();
  if (listener.is_draining() && context.cancel.cancelled()) {
    std::cerr << "driveway: unmounted; process " << daemon.pid
              << " goes on sending what Drive does not have for at most "
              << control::short_duration(patience.drain)
              << "; what is left then is sent by the next mount\n";
  }
  DRIVEWAY_CHECK(asked);
  if (listener.last_word().value("last", false)) {
    // Only then is its cache folder free.
    const Context ending{.deadline = clock.now() + kExitDeadline, .cancel = context.cancel};
    DRIVEWAY_CHECK(control::wait_for_exit(ending, clock, daemon.pid));
  }
  return report_left(listener.last_word());
}

// Daemons first: what is mounted there may be wedged, and is not touched as long as one answers.
Result<ExitStatus> unmount_at(const Context& context, const std::string& mountpoint,
                              const Patience& patience, const UnmountArguments& arguments,
                              Clock& clock) {
  const auto daemon = daemon_at(mountpoint, clock);
  if (daemon.ok()) {
    auto asked = ask_to_unmount(context, *daemon, mountpoint, patience, arguments, clock);
    const bool silent = asked.failed_with(ErrorCode::kDeadlineExceeded) ||
                        asked.failed_with(ErrorCode::kUnavailable);
    if (!silent || !arguments.force) return asked;
  }
  if (!fuse::is_driveway_mount(mountpoint)) {
    return daemon.ok() ? Result<ExitStatus>(ExitStatus::kDone) : daemon.error();
  }
  const Status removed = fuse::inspect_mountpoint(mountpoint) == fuse::MountpointState::kStale
                             ? fuse::detach_stale(mountpoint)
                             : fuse::unmount_abandoned(mountpoint, arguments.force);
  DRIVEWAY_CHECK(removed);
  return ExitStatus::kDone;
}

}  // namespace

ExitStatus unmount(const UnmountArguments& arguments) {
  const InterruptGuard interrupt;
  SystemClock clock;
  const auto patience = patience_of(arguments);
  if (!patience.ok()) return report(patience.error());
  const std::string mountpoint = fuse::canonical_mountpoint(arguments.mountpoint).string();
  const auto unmounted =
      unmount_at({.cancel = interrupt.token()}, mountpoint, *patience, arguments, clock);
  return unmounted.ok() ? *unmounted : report(unmounted.error());
}

}  // namespace driveway::cli
