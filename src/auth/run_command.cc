#include "auth/run_command.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/file.h"
#include "base/strings.h"

namespace driveway::auth {

namespace {

constexpr std::size_t kMaxOutput = 64 * 1024;
constexpr std::array<std::string_view, 2> kOwnSecrets = {"DRIVEWAY_ACCESS_TOKEN=",
                                                         "DRIVEWAY_CLIENT_SECRET="};
constexpr std::string_view kByHand = "; run it by hand to see why";

Error failed(std::string why) { return Error{ErrorCode::kLoginNeeded, std::move(why)}; }

bool is_own_secret(std::string_view variable) {
  return std::any_of(kOwnSecrets.begin(), kOwnSecrets.end(),
                     [&](std::string_view name) { return variable.starts_with(name); });
}

// With a null at the end.
std::vector<char*> child_environment() {
  std::vector<char*> variables;
  for (char** variable = environ; *variable != nullptr; ++variable) {
    if (!is_own_secret(*variable)) variables.push_back(*variable);
  }
  variables.push_back(nullptr);
  return variables;
}

// A program that runs. Killed with its group, and waited for, in the end.
class Child {
 public:
  explicit Child(pid_t pid)
      : pid_(pid), pidfd_(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0))) {}
  ~Child() {
    if (!status_) ::kill(-pid_, SIGKILL);
    wait(0);
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  int pidfd() const { return pidfd_.get(); }  // negative where the kernel has none
  // Its exit status as waitpid gives it, once it has ended.
  std::optional<int> ended() { return wait(WNOHANG); }

 private:
  std::optional<int> wait(int options) {
    int status = 0;
    while (!status_) {
      const pid_t done = ::waitpid(pid_, &status, options);
      if (done == pid_) status_ = status;
      if (done == 0 || (done < 0 && errno != EINTR)) break;
    }
    return status_;
  }

  const pid_t pid_;
  const UniqueFd pidfd_;
  std::optional<int> status_;
};

// The pid. `output` becomes its standard output.
Result<pid_t> start(const std::vector<std::string>& words, const UniqueFd& output) {
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&files, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
  posix_spawn_file_actions_adddup2(&files, output.get(), STDOUT_FILENO);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  // The daemon's threads block all signals, and it ignores some.
  sigset_t none;
  sigset_t all;
  sigemptyset(&none);
  sigfillset(&all);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &all);
  posix_spawnattr_setpgroup(&attributes, 0);
  posix_spawnattr_setflags(&attributes,
                           POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
  std::vector<char*> arguments;
  arguments.reserve(words.size() + 1);
  for (const std::string& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  pid_t pid = 0;
  const int error = ::posix_spawnp(&pid, arguments.front(), &files, &attributes, arguments.data(),
                                   child_environment().data());
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&files);
  if (error != 0) return failed(errno_error(error, cat("cannot run ", words.front())).message);
  return pid;
}

// Appends what is there. False: nothing will come any more.
bool read_what_is_there(int fd, std::string& output) {
  std::array<char, 4096> buffer;
  while (output.size() <= kMaxOutput) {
    const ssize_t count = ::read(fd, buffer.data(), buffer.size());
    if (count > 0) {
      output.append(buffer.data(), static_cast<std::size_t>(count));
    } else if (count == 0 || errno != EINTR) {
      return count != 0 && errno == EAGAIN;
    }
  }
  return false;
}

Status check_end(int status, std::string_view program) {
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return {};
  if (WIFSIGNALED(status)) {
    return failed(cat(program, " was ended by signal ", WTERMSIG(status), kByHand));
  }
  return failed(cat(program, " failed with status ", WEXITSTATUS(status), kByHand));
}

}  // namespace

Result<Secret> run_command(const Context& context, Clock& clock,
                           const std::vector<std::string>& words, Duration patience) {
  const std::string& program = words.front();
  const UniqueFd cancelled(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  std::array<int, 2> ends{};
  if (!cancelled.valid() || ::pipe2(ends.data(), O_CLOEXEC) != 0) {
    return errno_error(errno, cat("cannot run ", program));
  }
  const UniqueFd reader(ends[0]);
  UniqueFd writer(ends[1]);
  ::fcntl(reader.get(), F_SETFL, O_NONBLOCK);
  const auto registration = context.cancel.on_cancel([&] {
    const std::uint64_t one = 1;
    static_cast<void>(!::write(cancelled.get(), &one, sizeof one));
  });
  DRIVEWAY_TRY(const pid_t pid, start(words, writer));
  writer.reset();
  Child child(pid);
  const TimePoint give_up = clock.now() + patience;
  std::string output;
  bool open = true;
  while (true) {
    // First the end, then what it has written before that: a child of its own may keep the pipe.
    const std::optional<int> status = child.ended();
    if (open) open = read_what_is_there(reader.get(), output);
    if (output.size() > kMaxOutput) return failed(cat(program, " prints too much for a token"));
    if (status) {
      DRIVEWAY_CHECK(check_end(*status, program));
      return Secret(std::move(output));
    }
    DRIVEWAY_CHECK(context.check(clock));
    if (clock.now() >= give_up) {
      return failed(cat(program, " did not end within ",
                        std::chrono::ceil<std::chrono::seconds>(patience).count(), " s"));
    }
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(
        std::min(give_up, context.deadline) - clock.now());
    // Where there is no pidfd, the end is looked for now and then.
    const std::int64_t longest = child.pidfd() >= 0 ? 1000 : 20;
    std::array<pollfd, 3> polled = {{{cancelled.get(), POLLIN, 0},
                                     {open ? reader.get() : -1, POLLIN, 0},
                                     {child.pidfd(), POLLIN, 0}}};
    ::poll(polled.data(), polled.size(),
           static_cast<int>(std::clamp<std::int64_t>(left.count(), 0, longest)));
  }
}

}  // namespace driveway::auth
