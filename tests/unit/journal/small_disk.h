// A file system of a test's own that is soon full. Needs root; no other process sees it.
#pragma once

#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>

#include "base/bytes.h"
#include "unit/base/temporary_folder.h"

namespace driveway {

class SmallDisk {
 public:
  explicit SmallDisk(Bytes size) {
    const std::string options = "size=" + std::to_string(size);
    // A mount namespace of this program's own, in which nothing is passed on.
    const bool mounted = ::unshare(CLONE_NEWNS) == 0 &&
                         ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
                         ::mount("tmpfs", folder_.path().c_str(), "tmpfs", 0, options.c_str()) == 0;
    EXPECT_TRUE(mounted) << "cannot mount (as root?): " << std::strerror(errno);
  }
  ~SmallDisk() { ::umount2(folder_.path().c_str(), MNT_DETACH); }
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;

  std::filesystem::path operator/(const std::string& name) const { return folder_ / name; }
  // Takes all but `left` bytes.
  void fill(Bytes left = 0) {
    const Bytes free = std::filesystem::space(folder_.path()).available;
    if (free <= left) return;
    std::ofstream file(filler(), std::ios::binary | std::ios::app);
    const std::string block(4096, 'f');
    for (Bytes at = 0; at + block.size() <= free - left; at += block.size()) {
      file << block << std::flush;
    }
  }
  void empty() { std::filesystem::remove(filler()); }

 private:
  std::filesystem::path filler() const { return folder_ / "filler"; }
  TemporaryFolder folder_;
};

}  // namespace driveway
