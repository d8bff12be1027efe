#include "fuse/request.h"

#include <cerrno>
#include <optional>
#include <utility>

#include "base/log.h"
#include "fuse/errno.h"

namespace driveway::fuse {
namespace {

// One for each thread, until it is cancelled: a new one for each request costs more than all else
// in a read of bytes that are here. A thread works for one mount only.
CancelSource source_of_thread(const MountState& state) {
  thread_local std::optional<CancelSource> source;
  if (!source || source->token().cancelled()) source.emplace(state.unmounting.token());
  return *source;
}

void interrupted(fuse_req_t, void* source) { static_cast<CancelSource*>(source)->cancel(); }

timespec to_timespec(WallTime time) {
  const auto count = time.time_since_epoch().count();
  auto seconds = count / 1000;
  auto milliseconds = count % 1000;
  if (milliseconds < 0) {
    milliseconds += 1000;
    --seconds;
  }
  return {.tv_sec = static_cast<time_t>(seconds),
          .tv_nsec = static_cast<decltype(timespec::tv_nsec)>(milliseconds * 1'000'000)};
}

}  // namespace

Waiting::Waiting(fuse_req_t req) : req_(req), source_(source_of_thread(state_of(req))) {
  MountState& state = state_of(req);
  context_.deadline = state.clock.now() + state.read_deadline;
  context_.cancel = source_.token();
  fuse_req_interrupt_func(req, interrupted, &source_);
}

void reply_error(fuse_req_t req, const Error& error) {
  const int number = to_errno(error);
  state_of(req).errors.add();
  if (number == EIO) log::warn("a request failed: ", error);
  fuse_reply_err(req, number);
}

void reply_handle(fuse_req_t req, fuse_file_info* info, std::unique_ptr<Handle> handle) {
  Handles& handles = state_of(req).handles;
  Handle* const key = handle.get();
  info->fh = reinterpret_cast<std::uint64_t>(key);
  handles.keep(std::move(handle));  // before the answer: the release may come at once
  // An interrupted open() is answered, but nobody will release it.
  if (fuse_reply_open(req, info) != 0) handles.release(key);
}

struct stat to_stat(const tree::Node& node) {
  struct stat attributes {};
  attributes.st_ino = node.inode.value();
  attributes.st_mode = node.mode;
  // 1 for directories too, as btrfs has it: "the number of subdirectories is not counted here".
  attributes.st_nlink = 1;
  attributes.st_uid = node.uid;
  attributes.st_gid = node.gid;
  attributes.st_size = static_cast<off_t>(node.size);
  attributes.st_blksize = 128 * 1024;
  attributes.st_blocks = static_cast<blkcnt_t>((node.size + 511) / 512);
  attributes.st_mtim = to_timespec(node.modified);
  attributes.st_ctim = attributes.st_mtim;
  attributes.st_atim = attributes.st_mtim;
  return attributes;
}

fuse_entry_param to_entry(const tree::Node& node, bool cacheable) {
  fuse_entry_param entry{};
  entry.ino = node.inode.value();
  entry.attr = to_stat(node);
  entry.attr_timeout = entry.entry_timeout = cacheable ? kCacheSeconds : 0;
  return entry;
}

}  // namespace driveway::fuse
