// /proc/self/mountinfo, as far as doctor needs it. Private to doctor/.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace driveway::doctor {

struct FileSystem {
  std::string type;  // "ext4", "fuse.driveway"; "" = not known
  std::string mountpoint;
};

// In the order in which they were mounted; lines that are not understood are left out.
std::vector<FileSystem> parse_mount_table(std::string_view mountinfo);
// The one that `path` (absolute, without symbolic links) lies in, by its name alone: nothing is
// asked of what is mounted.
FileSystem file_system_of(const std::string& path, std::string_view mountinfo);

}  // namespace driveway::doctor
