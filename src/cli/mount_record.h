// What a daemon has mounted, written beside its control socket for those who come when it was
// killed.
//
// A killed daemon does not always end. Its `invalidate` may wait in the kernel for the lock of a
// folder, held by a reader who waits for that daemon (LOCKS.md, 6): then /dev/fuse stays open,
// readers go on waiting, and the account's folder stays taken. Only who ends the connection from
// outside frees them (E5).
#pragma once

#include <filesystem>
#include <map>
#include <mutex>
#include <string>

#include "base/clock.h"
#include "base/result.h"

namespace driveway::cli {

// This process's record: `folder`/PID.mounts. Thread-safe.
class MountRecord {
 public:
  explicit MountRecord(const std::filesystem::path& folder);
  ~MountRecord();  // removes it
  MountRecord(const MountRecord&) = delete;
  MountRecord& operator=(const MountRecord&) = delete;

  // Errors: as write_file_atomically.
  Status add(const std::string& device, const std::string& mountpoint);
  Status remove(const std::string& device);

 private:
  Status write() const;  // REQUIRES mutex_

  const std::filesystem::path path_;
  std::mutex mutex_;
  std::map<std::string, std::string> mounts_;  // mountpoints by device
};

// Whoever waits in a mount of a daemon that was killed gets an error, and its account's folder is
// free when this returns. The mounts stay, dead. Touches nothing of a process that lives, stopped
// or not. `folder`: of the records.
void end_killed_mounts(const std::filesystem::path& folder, Clock& clock);

}  // namespace driveway::cli
