#include "base/mount_table.h"

#include <algorithm>
#include <utility>

#include "base/strings.h"

namespace driveway {
namespace {

bool is_octal(char c) { return c >= '0' && c <= '7'; }

// The kernel writes blanks, tabs, line feeds and backslashes as \ooo.
std::string unescape_field(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 3 < text.size() && is_octal(text[i + 1]) && is_octal(text[i + 2]) &&
        is_octal(text[i + 3])) {
      out += static_cast<char>((text[i + 1] - '0') * 64 + (text[i + 2] - '0') * 8 +
                               (text[i + 3] - '0'));
      i += 3;
    } else {
      out += text[i];
    }
  }
  return out;
}

bool lies_in(const std::string& path, const std::string& folder) {
  if (folder == "/") return path.starts_with('/');
  return path.starts_with(folder) && (path.size() == folder.size() || path[folder.size()] == '/');
}

}  // namespace

std::vector<FileSystem> parse_mount_table(std::string_view mountinfo) {
  std::vector<FileSystem> table;
  for (const std::string_view line : split(mountinfo, '\n')) {
    const auto fields = split(line, ' ');
    if (fields.size() < 10) continue;
    const auto dash = std::find(fields.begin() + 6, fields.end(), "-");
    if (dash == fields.end() || dash + 1 == fields.end()) continue;
    table.push_back({std::string(dash[1]), unescape_field(fields[4]), std::string(fields[2])});
  }
  return table;
}

FileSystem file_system_of(const std::string& path, std::string_view mountinfo) {
  FileSystem found;
  for (FileSystem& each : parse_mount_table(mountinfo)) {
    // The deepest one, and of those at one place the last, which covers the others.
    if (lies_in(path, each.mountpoint) && each.mountpoint.size() >= found.mountpoint.size()) {
      found = std::move(each);
    }
  }
  return found;
}

}  // namespace driveway
