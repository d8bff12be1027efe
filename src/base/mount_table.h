// What is mounted: the lines of /proc/self/mountinfo (proc(5)).
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace driveway {

struct FileSystem {
  std::string type;  // "ext4", "fuse.driveway"; "" = not known
  std::string mountpoint;
  std::string device;  // "major:minor"
};

// In the order in which they were mounted; lines that are not understood are left out.
std::vector<FileSystem> parse_mount_table(std::string_view mountinfo);
// The one that `path` (absolute, without symbolic links) lies in, by its name alone: nothing is
// asked of what is mounted.
FileSystem file_system_of(const std::string& path, std::string_view mountinfo);

}  // namespace driveway
