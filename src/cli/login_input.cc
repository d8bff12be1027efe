#include "cli/login_input.h"

#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <optional>

#include <nlohmann/json.hpp>

#include "base/file.h"
#include "base/strings.h"

namespace driveway::cli {
namespace {

constexpr int kMaxAncestors = 64;

std::uint64_t parent_of(std::uint64_t pid) {
  constexpr std::size_t kParent = 1;  // field behind the name, which may hold anything
  const std::string stat = read_file(cat("/proc/", pid, "/stat")).value_or("");
  const auto name_end = stat.rfind(") ");
  if (name_end == std::string::npos) return 0;
  const auto fields = split(std::string_view(stat).substr(name_end + 2), ' ');
  return fields.size() > kParent ? parse_uint(fields[kParent]).value_or(0) : 0;
}

// The Jupyter kernel above this process, a child of `server`; 0 where there is none.
std::uint64_t kernel_below(std::uint64_t server) {
  std::uint64_t pid = parent_of(static_cast<std::uint64_t>(::getpid()));
  for (int i = 0; i < kMaxAncestors && pid > 1; ++i) {
    const std::uint64_t parent = parent_of(pid);
    if (parent == server) return pid;
    pid = parent;
  }
  return 0;
}

bool is_input_of(std::uint64_t pid, const struct stat& ours) {
  struct stat theirs {};
  return pid != 0 && ::stat(cat("/proc/", pid, "/fd/0").c_str(), &theirs) == 0 &&
         theirs.st_dev == ours.st_dev && theirs.st_ino == ours.st_ino;
}

bool is_null_device(const struct stat& info) {
  return S_ISCHR(info.st_mode) && info.st_rdev == makedev(1, 3);  // Linux: devices.txt
}

}  // namespace

AnswerInput answer_input(const Environment& environment) {
  struct stat info {};
  if (::fstat(STDIN_FILENO, &info) != 0 || is_null_device(info)) return AnswerInput::kNobody;
  const auto server = environment("JPY_PARENT_PID");
  if (::isatty(STDIN_FILENO) != 0) {
    const bool silent = server && !environment("COLAB_RELEASE_TAG");
    return silent ? AnswerInput::kNobody : AnswerInput::kTerminal;
  }
  if (server && is_input_of(kernel_below(parse_uint(*server).value_or(0)), info)) {
    return AnswerInput::kNobody;
  }
  return AnswerInput::kLine;
}

std::string shell_command(const std::vector<std::string>& words) {
  std::string command;
  for (const std::string& word : words) {
    const bool plain = !word.empty() && std::all_of(word.begin(), word.end(), [](char c) {
      return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
             std::string_view("._-@+/=:").find(c) != std::string_view::npos;
    });
    if (!command.empty()) command += ' ';
    if (plain) {
      command += word;
      continue;
    }
    command += '\'';
    for (const char c : word) command += c == '\'' ? std::string("'\\''") : std::string(1, c);
    command += '\'';
  }
  return command;
}

std::string python_list(const std::vector<std::string>& words) {
  // A text of JSON is one of Python too.
  return nlohmann::json(words).dump(-1, ' ', true, nlohmann::json::error_handler_t::replace);
}

}  // namespace driveway::cli
