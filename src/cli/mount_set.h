// The mounts of one daemon: one Vfs at any number of mountpoints (D5).
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/metrics.h"
#include "cli/mount_record.h"
#include "control/dispatcher.h"
#include "fuse/mount.h"
#include "vfs/vfs.h"

namespace driveway::cli {

// Thread-safe; reap() and the destructor belong to one thread.
class MountSet final : public control::Mounts {
 public:
  // `ended` is called, from some thread, whenever a mount has ended. All must outlive it.
  // `runtime_folder`: where what is mounted is recorded (mount_record.h).
  MountSet(const std::filesystem::path& runtime_folder, vfs::Vfs& vfs, Clock& clock,
           Metrics& metrics, std::function<void()> ended);
  ~MountSet() override;  // unmount_all()

  std::vector<std::string> mountpoints() const override;
  InodeId top(const std::string& mountpoint) const override;
  Result<bool> mount(const Context& context, const control::MountRequest& request) override;
  Result<bool> unmount(const Context& context, const control::UnmountRequest& request) override;

  // Closes what has ended. False when nothing is mounted any more; nothing can be from then on.
  bool reap();
  // Unmounts all, by force where files are open.
  void unmount_all();
  // How long to send when nothing is mounted any more: what the request asked for that ended the
  // last mount, else the usual.
  control::DrainLimits drain_limits() const;

 private:
  struct Entry;
  using EntryPtr = std::shared_ptr<Entry>;
  EntryPtr find(const std::string& mountpoint) const;  // REQUIRES mutex_
  bool is_empty() const;                               // REQUIRES mutex_
  Result<InodeId> find_top(const Context& context, const control::MountRequest& request) const;
  void add(const control::MountRequest& request, InodeId top, const std::string& device,
           std::unique_ptr<fuse::Mount> mount);
  Status unmount_patiently(const Entry& entry, const Context& context, bool force) const;

  vfs::Vfs& vfs_;
  Clock& clock_;
  Metrics& metrics_;
  const std::function<void()> ended_;
  MountRecord record_;
  mutable std::mutex mutex_;
  bool closing_ = false;
  std::optional<Duration> drain_;  // asked for at the last one that ended
  std::set<std::string> pending_;  // being mounted
  std::vector<EntryPtr> entries_;
};

}  // namespace driveway::cli
