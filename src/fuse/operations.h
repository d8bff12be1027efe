// The file system operations, as libfuse's low-level API calls them. Private to fuse/.
#pragma once

#define FUSE_USE_VERSION 312
#include <fuse_lowlevel.h>

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <utility>

#include "base/clock.h"
#include "base/context.h"
#include "base/metrics.h"
#include "fuse/invalidator.h"
#include "vfs/vfs.h"

namespace driveway::fuse {

// What open() and opendir() gave out, each until it is released. A mount that is ended by force
// gets no release for what was open: that ends with this. Thread-safe.
class Handles {
 public:
  void keep(std::shared_ptr<void> handle) {
    const std::lock_guard lock(mutex_);
    const void* key = handle.get();
    open_.emplace(key, std::move(handle));
  }
  void release(const void* handle) {
    std::shared_ptr<void> ended;  // outlives the lock
    const std::lock_guard lock(mutex_);
    const auto found = open_.find(handle);
    if (found == open_.end()) return;
    ended = std::move(found->second);
    open_.erase(found);
  }

 private:
  std::mutex mutex_;
  std::unordered_map<const void*, std::shared_ptr<void>> open_;
};

// What the operations work on: the session's userdata. Outlives the session.
struct MountState {
  vfs::Vfs& vfs;
  Clock& clock;
  Invalidator& invalidator;
  Duration read_deadline;
  CancelSource unmounting{};  // ends every waiting request
  Handles handles{};
  std::atomic<bool> init_answered{false};
  std::function<void()> on_init;  // INIT has come from the kernel
  Histogram& read_latency;
  Histogram& lookup_latency;
  Counter& read_bytes;
  Counter& errors;
};

const fuse_lowlevel_ops& operations();

}  // namespace driveway::fuse
