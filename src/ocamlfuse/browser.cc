#include "ocamlfuse/browser.h"

#include <fcntl.h>
#include <spawn.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <optional>
#include <vector>

#include "base/strings.h"

extern char** environ;  // NOLINT: POSIX names it so

namespace driveway::ocamlfuse {
namespace {

std::optional<std::string> find_program(const std::string& name) {
  if (name.find('/') != std::string::npos) {
    return ::access(name.c_str(), X_OK) == 0 ? std::optional(name) : std::nullopt;
  }
  const char* const path = std::getenv("PATH");
  for (const std::string_view folder : split(path == nullptr ? "" : path, ':')) {
    const std::string file = (std::filesystem::path(folder) / name).string();
    if (!folder.empty() && ::access(file.c_str(), X_OK) == 0) return file;
  }
  return std::nullopt;
}

bool has_screen() {
  return std::getenv("DISPLAY") != nullptr || std::getenv("WAYLAND_DISPLAY") != nullptr;
}

bool start(const std::string& file, const std::string& address) {
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    posix_spawn_file_actions_addopen(&actions, fd, "/dev/null", O_RDWR, 0);
  }
  std::string program = file;
  std::string argument = address;
  char* const arguments[] = {program.data(), argument.data(), nullptr};
  pid_t pid = 0;
  const int failed = ::posix_spawn(&pid, file.c_str(), &actions, nullptr, arguments, environ);
  posix_spawn_file_actions_destroy(&actions);
  return failed == 0;
}

}  // namespace

bool start_browser(const std::string& program, const std::string& address) {
  if (program.empty() && !has_screen()) return false;
  const std::vector<std::string> usual = {"xdg-open", "firefox", "google-chrome",
                                          "chromium-browser", "open"};
  for (const std::string& name : program.empty() ? usual : std::vector{program}) {
    const auto file = find_program(name);
    if (file && start(*file, address)) return true;
  }
  return false;
}

}  // namespace driveway::ocamlfuse
