#include "base/fault.h"

#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "base/strings.h"

namespace driveway::fault {

namespace {

struct Armed {
  std::shared_ptr<const std::function<Status()>> action;
  int passages_left = 0;  // until the action runs
};

struct Registry {
  std::mutex mutex;
  std::map<std::string, Armed, std::less<>> points;
  std::atomic<bool> anything_armed{false};
};

// Never destroyed: threads may pass a point while the process exits.
Registry& registry() {
  static Registry& instance = *new Registry;
  return instance;
}

// A fault list that is not understood would let a test pass that tested nothing.
[[noreturn]] void reject(std::string_view entry) {
  std::fprintf(stderr, "DRIVEWAY_FAULT: not understood: '%.*s' (NAME=kill[@N] or NAME=error[@N])\n",
               static_cast<int>(entry.size()), entry.data());
  std::abort();
}

std::function<Status()> action_named(std::string_view kind, const std::string& name,
                                     std::string_view entry) {
  if (kind == "kill") {
    return []() -> Status {
      kill(getpid(), SIGKILL);
      pause();  // not reached by SIGKILL's victim; no code behind the point may run
      return {};
    };
  }
  if (kind == "error") {
    return [name]() -> Status { return Error{ErrorCode::kLocalDisk, cat("fault point ", name)}; };
  }
  reject(entry);
}

void arm_entry(std::string_view entry) {
  const std::size_t equals = entry.find('=');
  if (equals == 0 || equals == std::string_view::npos) reject(entry);
  const std::string name(entry.substr(0, equals));
  std::string_view kind = entry.substr(equals + 1);
  int passage = 1;
  if (const std::size_t at = kind.find('@'); at != std::string_view::npos) {
    const auto number = parse_uint(kind.substr(at + 1));
    if (!number || *number == 0 || *number > 1'000'000'000) reject(entry);
    passage = static_cast<int>(*number);
    kind = kind.substr(0, at);
  }
  arm(name, action_named(kind, name, entry), passage);
}

void arm_from_environment() {
  const char* list = std::getenv("DRIVEWAY_FAULT");
  if (list == nullptr || *list == '\0') return;
  for (const std::string_view entry : split(list, ',')) arm_entry(trim(entry));
}

// The registry, with what DRIVEWAY_FAULT says in it.
Registry& registry_read() {
  static std::once_flag environment_read;
  std::call_once(environment_read, arm_from_environment);
  return registry();
}

}  // namespace

void arm(std::string_view name, std::function<Status()> action, int passage) {
  auto& points = registry();
  const std::lock_guard lock(points.mutex);
  points.points[std::string(name)] =
      Armed{std::make_shared<const std::function<Status()>>(std::move(action)), passage - 1};
  points.anything_armed = true;
}

void disarm_all() {
  auto& points = registry();
  const std::lock_guard lock(points.mutex);
  points.points.clear();
  points.anything_armed = false;
}

bool armed(std::string_view name) {
  auto& points = registry_read();
  if (!points.anything_armed) return false;
  const std::lock_guard lock(points.mutex);
  return points.points.contains(name);
}

Status pass(std::string_view name) {
  auto& points = registry_read();
  if (!points.anything_armed) return {};
  std::shared_ptr<const std::function<Status()>> action;
  {
    const std::lock_guard lock(points.mutex);
    const auto found = points.points.find(name);
    if (found == points.points.end()) return {};
    if (found->second.passages_left > 0) {
      --found->second.passages_left;
      return {};
    }
    action = found->second.action;
  }
  return (*action)();  // without the mutex: it may arm, disarm or pass other points
}

}  // namespace driveway::fault
