#include "unit/drive/sim_process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <vector>

#include "base/strings.h"
#include "nlohmann/json.hpp"

namespace driveway::drive {
namespace {

constexpr int kStartMs = 30'000;

std::string program() {
  if (const char* const set = std::getenv("DRIVEWAY_SIM"); set != nullptr && *set != '\0') {
    return set;
  }
  std::error_code error;
  const auto self = std::filesystem::read_symlink("/proc/self/exe", error);
  return (self.parent_path() / "driveway-sim").string();
}

// One line from `fd`, or what came until the end or the deadline.
std::string read_line(int fd) {
  std::string line;
  char c = 0;
  pollfd readable{fd, POLLIN, 0};
  while (line.size() < 65'536 && ::poll(&readable, 1, kStartMs) == 1 && ::read(fd, &c, 1) == 1) {
    if (c == '\n') break;
    line += c;
  }
  return line;
}

}  // namespace

Result<std::unique_ptr<SimProcess>> SimProcess::start() {
  const std::string path = program();
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return errno_error(errno, "pipe");
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
  std::vector<std::string> arguments = {
      path,        "--die-with-parent", "--profile", "lan",
      "--quota",   "unlimited",         "--account", "demo@example.com",
      "--account", "other@example.com", "--no-https"};
  std::vector<char*> argv;
  argv.reserve(arguments.size() + 1);
  for (std::string& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  pid_t pid = 0;
  const int failed = ::posix_spawn(&pid, path.c_str(), &actions, nullptr, argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  ::close(ends[1]);
  if (failed != 0) {
    ::close(ends[0]);
    return errno_error(failed, cat("starting the simulator ", path));
  }
  std::unique_ptr<SimProcess> process(new SimProcess(pid));
  const std::string line = read_line(ends[0]);
  ::close(ends[0]);
  const auto said = nlohmann::json::parse(line, nullptr, false);
  if (!said.is_object() || !said.contains("http") || !said["http"].is_string()) {
    return Error{ErrorCode::kInternal, cat("the simulator did not say where it is: ", line)};
  }
  process->url_ = said["http"].get<std::string>();
  return process;
}

SimProcess::~SimProcess() {
  ::kill(pid_, SIGTERM);
  while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
}

}  // namespace driveway::drive
