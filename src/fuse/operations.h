// The file system operations, as libfuse's low-level API calls them. Private to fuse/.
#pragma once

#define FUSE_USE_VERSION 312
#include <fuse_lowlevel.h>

#include <atomic>
#include <functional>

#include "base/clock.h"
#include "base/context.h"
#include "base/metrics.h"
#include "fuse/handles.h"
#include "fuse/inode_numbers.h"
#include "fuse/invalidator.h"
#include "fuse/kernel_cache.h"
#include "fuse/read_buffers.h"
#include "vfs/vfs.h"

namespace driveway::fuse {

// What the operations work on: the session's userdata. Outlives the session.
struct MountState {
  vfs::Vfs& vfs;
  Clock& clock;
  Invalidator& invalidator;
  KernelCache& kernel_cache;
  Duration read_deadline;
  InodeNumbers numbers;
  CancelSource unmounting{};  // ends every waiting request
  Handles handles{};
  ReadBuffers read_buffers{};
  std::atomic<bool> init_answered{false};
  std::function<void()> on_init;  // INIT has come from the kernel
  Histogram& read_latency;
  Histogram& write_latency;
  Histogram& lookup_latency;
  Counter& read_bytes;
  Counter& write_bytes;
  Counter& readdirs;
  Counter& errors;
};

const fuse_lowlevel_ops& operations();

}  // namespace driveway::fuse
