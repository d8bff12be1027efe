#include "fuse/handles.h"

#include "base/log.h"

namespace driveway::fuse {

FileHandle::~FileHandle() {
  if (const Status closed = close({}); !closed.ok()) log::error("closing: ", closed.error());
}

void FileHandle::set(std::shared_ptr<vfs::OpenFile> file) {
  file_ = std::move(file);
  opened_.store(file_.get(), std::memory_order_release);
}

Result<vfs::OpenFile*> FileHandle::open(const Context& context, vfs::Vfs& vfs) {
  if (vfs::OpenFile* file = opened()) return file;
  // Without a lock, since it may wait; the first one stays.
  auto file = vfs.open_file(context, inode_);
  if (file.failed_with(ErrorCode::kNotFound)) {
    return Error{ErrorCode::kStale, "the inode has gone"};
  }
  if (!file.ok()) return std::move(file).error();
  (*file)->set_shown();
  const std::lock_guard lock(mutex_);
  if (file_ == nullptr) set(*std::move(file));
  return file_.get();
}

Status FileHandle::close(const Context& context) {
  vfs::OpenFile* const file = opened_.exchange(nullptr);
  return file != nullptr ? file->close(context) : Status();
}

Handles::~Handles() {
  for (Shard& shard : shards_) {
    while (shard.first != nullptr) release(shard.first);
  }
}

void Handles::keep(std::unique_ptr<Handle> handle) {
  handle->shard_ = next_shard_.fetch_add(1, std::memory_order_relaxed) % kShards;
  Shard& shard = shards_[handle->shard_];
  const std::lock_guard lock(shard.mutex);
  handle->next_ = shard.first;
  if (shard.first != nullptr) shard.first->previous_ = handle.get();
  shard.first = handle.release();
}

void Handles::release(Handle* handle) {
  const std::unique_ptr<Handle> ended(handle);  // outlives the lock
  Shard& shard = shards_[handle->shard_];
  const std::lock_guard lock(shard.mutex);
  (handle->previous_ != nullptr ? handle->previous_->next_ : shard.first) = handle->next_;
  if (handle->next_ != nullptr) handle->next_->previous_ = handle->previous_;
}

}  // namespace driveway::fuse
