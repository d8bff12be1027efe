#include "base/memory.h"

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>

#include "base/file.h"
#include "base/strings.h"

namespace driveway {
namespace {

constexpr Bytes kUnknown = 1 * kGiB;

std::optional<Bytes> number_in(const std::string& path) {
  const auto text = read_file(path);
  if (!text.ok()) return std::nullopt;
  return parse_uint(trim(*text));  // "max" is no number: no limit
}

// The folder of this process's cgroup, as `/proc/self/cgroup` says it; "" for the root.
std::string cgroup_of(std::string_view controller) {
  const auto text = read_file("/proc/self/cgroup");
  if (!text.ok()) return "";
  for (const auto& line : split(*text, '\n')) {
    const auto parts = split(line, ':');
    if (parts.size() == 3 && parts[1] == controller) return std::string(parts[2]);
  }
  return "";
}

// What a limit leaves of itself, in the cgroup and in all above it.
Bytes left_below(const std::string& root, std::string folder, std::string_view limit_file,
                 std::string_view usage_file) {
  Bytes least = UINT64_MAX;
  while (true) {
    const auto limit = number_in(cat(root, folder, "/", limit_file));
    const auto usage = number_in(cat(root, folder, "/", usage_file));
    if (limit && usage) least = std::min(least, *limit > *usage ? *limit - *usage : Bytes{0});
    if (folder.empty() || folder == "/") return least;
    folder.resize(folder.rfind('/'));
  }
}

Bytes available_to_machine() {
  const auto text = read_file("/proc/meminfo");
  if (!text.ok()) return kUnknown;
  for (const auto& line : split(*text, '\n')) {
    if (!line.starts_with("MemAvailable:")) continue;
    std::string_view value = trim(line.substr(line.find(':') + 1));
    value = value.substr(0, value.find(' '));
    return parse_uint(value).value_or(kUnknown / kKiB) * kKiB;
  }
  return kUnknown;
}

}  // namespace

Bytes available_memory() {
  const Bytes v2 = left_below("/sys/fs/cgroup", cgroup_of(""), "memory.max", "memory.current");
  const Bytes v1 = left_below("/sys/fs/cgroup/memory", cgroup_of("memory"), "memory.limit_in_bytes",
                              "memory.usage_in_bytes");
  return std::min({available_to_machine(), v2, v1});
}

}  // namespace driveway
