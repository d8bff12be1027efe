// What open() and opendir() gave out. Private to fuse/.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <utility>

#include "base/context.h"
#include "base/ids.h"
#include "base/result.h"
#include "fuse/kernel_cache.h"
#include "vfs/vfs.h"

namespace driveway::fuse {

class Handle {
 public:
  Handle() = default;
  virtual ~Handle() = default;
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;

 private:
  friend class Handles;
  Handle* previous_ = nullptr;  // in its shard
  Handle* next_ = nullptr;
  std::size_t shard_ = 0;
};

// An open file. One whose bytes the kernel has is opened in the vfs only when a read comes after
// all: the inode stays known, and means the same bytes (R1a). Thread-safe.
class FileHandle final : public Handle {
 public:
  explicit FileHandle(InodeId inode, bool writes = false) : inode_(inode), writes_(writes) {}
  // Closes it where that was not done: one of a mount that was ended by force.
  ~FileHandle() override;
  // REQUIRES: before it is shared.
  void set(std::shared_ptr<vfs::OpenFile> file);
  // What Vfs::open_later gave, of one that is not opened yet. REQUIRES: as set().
  void hold(std::shared_ptr<const void> held) { held_ = std::move(held); }

  InodeId inode() const { return inode_; }
  // Whether it was opened for writing; then it is open from the start.
  bool writes() const { return writes_; }
  // Null until it was needed.
  vfs::OpenFile* opened() const { return opened_.load(std::memory_order_acquire); }
  // Opens it where that was not done yet; valid as long as the handle. Errors: as
  // Vfs::open_file; kStale where the inode has gone.
  Result<vfs::OpenFile*> open(const Context& context, vfs::Vfs& vfs);

  // OpenFile::close, where it was opened. REQUIRES: once, when nobody uses it any more.
  Status close(const Context& context);

  // Whether bytes were read through it.
  bool was_read() const { return was_read_.load(std::memory_order_relaxed); }
  void set_read() { was_read_.store(true, std::memory_order_relaxed); }

 private:
  const InodeId inode_;
  const bool writes_;
  std::atomic<vfs::OpenFile*> opened_{nullptr};
  std::atomic<bool> was_read_{false};
  std::mutex mutex_;
  std::shared_ptr<const void> held_;
  std::shared_ptr<vfs::OpenFile> file_;  // written once, with mutex_ held
};

// What a directory held when it was opened, or rewound: offsets mean the same entries until then.
struct DirectoryHandle final : Handle {
  DirectoryHandle(InodeId directory, KernelCache& cache) : inode(directory), kernel_cache(cache) {}
  ~DirectoryHandle() override {
    if (kernel_keeps) kernel_cache.left(inode);
  }
  const InodeId inode;
  KernelCache& kernel_cache;
  std::shared_ptr<const void> open;  // Vfs::open_folder; set before it is shared
  bool kernel_keeps = false;         // what is answered: joined; set before it is shared
  std::mutex mutex;                  // guards what follows
  bool started = false;
  std::shared_ptr<const Listing> listing;
};

// All of them, each until it is released. A mount that is ended by force gets no release for what
// was open: that ends with this. Thread-safe.
class Handles {
 public:
  Handles() = default;
  ~Handles();
  Handles(const Handles&) = delete;
  Handles& operator=(const Handles&) = delete;
  void keep(std::unique_ptr<Handle> handle);
  // REQUIRES: kept, and used by nobody else any more.
  void release(Handle* handle);

 private:
  // Opening is a matter of microseconds: threads do not meet at one lock.
  struct alignas(64) Shard {
    std::mutex mutex;
    Handle* first = nullptr;
  };
  static constexpr std::size_t kShards = 16;
  std::array<Shard, kShards> shards_;
  std::atomic<std::size_t> next_shard_{0};
};

}  // namespace driveway::fuse
