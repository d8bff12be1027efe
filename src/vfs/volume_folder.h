// The folder of one account: its lock, and whether what lies in it can be trusted.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "base/file.h"
#include "base/result.h"

namespace driveway::vfs {

// Holds CACHE/<permissionId>/ (D5): one process at a time. The file `state` in it says the boot id
// and whether the last holder closed cleanly: a process that died leaves LMDB's and the content
// files' bytes in the kernel, so they stay good; a machine that died may have lost any of what was
// not synced.
class VolumeFolder {
 public:
  // Errors: kBusy (names the process), kLocalDisk, kNoSpace, kReadOnly.
  static Result<VolumeFolder> acquire(const std::filesystem::path& folder,
                                      const std::string& boot_id);

  // The machine stopped while the folder was in use: `meta` and `cache` are not to be trusted.
  bool machine_crashed() const { return machine_crashed_; }
  const std::filesystem::path& path() const { return path_; }
  // What was not to be trusted is gone.
  Status mark_wiped();
  // Everything is closed and on disk. Call last.
  Status mark_clean();

 private:
  VolumeFolder(std::filesystem::path path, std::string boot_id, FileLock lock, bool machine_crashed)
      : path_(std::move(path)),
        boot_id_(std::move(boot_id)),
        lock_(std::move(lock)),
        machine_crashed_(machine_crashed) {}

  std::filesystem::path path_;
  std::string boot_id_;
  FileLock lock_;
  bool machine_crashed_ = false;
};

// This boot's id (/proc/sys/kernel/random/boot_id), or "unknown", which equals no boot.
std::string current_boot_id();

}  // namespace driveway::vfs
