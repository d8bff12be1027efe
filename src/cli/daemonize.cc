#include "cli/daemonize.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <iostream>
#include <optional>
#include <utility>

#include "base/strings.h"

namespace driveway::cli {
namespace {

constexpr std::string_view kReady = "ready";

pid_t g_child = 0;

// While it lives, SIGINT and SIGTERM wait.
class HeldSignals {
 public:
  HeldSignals() {
    sigset_t signals;
    sigemptyset(&signals);
    for (const int signal : {SIGINT, SIGTERM}) sigaddset(&signals, signal);
    sigprocmask(SIG_BLOCK, &signals, &before_);
  }
  ~HeldSignals() { sigprocmask(SIG_SETMASK, &before_, nullptr); }
  HeldSignals(const HeldSignals&) = delete;
  HeldSignals& operator=(const HeldSignals&) = delete;

 private:
  sigset_t before_{};
};

void kill_child(int) {
  if (g_child > 0) ::kill(g_child, SIGTERM);
}

std::string read_to_end(int fd) {
  std::string text;
  std::array<char, 4096> buffer{};
  while (true) {
    const ssize_t count = ::read(fd, buffer.data(), buffer.size());
    if (count > 0) {
      text.append(buffer.data(), static_cast<std::size_t>(count));
    } else if (count == 0 || errno != EINTR) {
      return text;
    }
  }
}

// "ready[ NOTE]" or "CODE MESSAGE", as ready() and failed() write it.
Status decode_report(const std::string& text) {
  if (text.starts_with(kReady)) {
    const std::string_view note = std::string_view(text).substr(kReady.size());
    if (!note.empty()) std::cerr << "driveway:" << note << "\n";
    return {};
  }
  const auto space = text.find(' ');
  const auto code = parse_uint(std::string_view(text).substr(0, space));
  if (space == std::string::npos || !code ||
      *code > static_cast<std::uint64_t>(ErrorCode::kInternal)) {
    return Error{ErrorCode::kInternal,
                 "the daemon died while it started; its log is driveway.log in the cache folder"};
  }
  return Error{static_cast<ErrorCode>(*code), text.substr(space + 1)};
}

Status wait_for_report(pid_t child, int fd, std::optional<HeldSignals>& held) {
  g_child = child;
  struct sigaction action {};
  struct sigaction old_int {};
  struct sigaction old_term {};
  action.sa_handler = kill_child;
  sigaction(SIGINT, &action, &old_int);
  sigaction(SIGTERM, &action, &old_term);
  held.reset();
  const Status status = decode_report(read_to_end(fd));
  sigaction(SIGINT, &old_int, nullptr);
  sigaction(SIGTERM, &old_term, nullptr);
  if (!status.ok()) {
    while (::waitpid(child, nullptr, 0) < 0 && errno == EINTR) {
    }
  }
  return status;
}

void detach_from_terminal() {
  ::setsid();
  if (::chdir("/") != 0) return;
  const UniqueFd null(::open("/dev/null", O_RDWR | O_CLOEXEC));
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) ::dup2(null.get(), fd);
}

}  // namespace

void StartReport::ready(const std::string& note) {
  send(note.empty() ? std::string(kReady) : cat(kReady, " ", note));
}

void StartReport::failed(const Error& error) {
  send(cat(static_cast<int>(error.code), " ", error.to_string()));
}

void StartReport::send(const std::string& text) {
  if (!pipe_.valid()) return;
  std::string_view rest = text;
  while (!rest.empty()) {
    const ssize_t count = ::write(pipe_.get(), rest.data(), rest.size());
    if (count < 0 && errno != EINTR) break;
    if (count > 0) rest.remove_prefix(static_cast<std::size_t>(count));
  }
  pipe_.reset();
}

Status run_in_background(const std::function<int(StartReport& report)>& body) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return errno_error(errno, "pipe");
  UniqueFd reading(ends[0]);
  UniqueFd writing(ends[1]);
  // One that came between the fork and the handler would end the parent alone.
  std::optional<HeldSignals> held(std::in_place);
  const pid_t child = ::fork();
  if (child < 0) return errno_error(errno, "fork");
  if (child == 0) {
    held.reset();
    reading.reset();
    detach_from_terminal();
    lower_oom_score();
    StartReport report(std::move(writing));
    std::exit(body(report));
  }
  writing.reset();
  return wait_for_report(child, reading.get(), held);
}

void lower_oom_score() {
  const UniqueFd score(::open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC));
  constexpr std::string_view kLow = "-500";
  // Only root may lower it; without it the daemon is as good as any other process.
  if (score.valid() && ::write(score.get(), kLow.data(), kLow.size()) < 0) return;
}

}  // namespace driveway::cli
