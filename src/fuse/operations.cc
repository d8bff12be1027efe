#include "fuse/operations.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <utility>
#include <vector>

#include "fuse/request.h"

namespace driveway::fuse {
namespace {

constexpr std::string_view kAttributePrefix = "user.";
constexpr std::size_t kMaxName = 255;  // as statfs says; the kernel itself takes 1024 bytes

void op_init(void* userdata, fuse_conn_info* connection) {
  connection->want |= connection->capable & (FUSE_CAP_ASYNC_READ | FUSE_CAP_PARALLEL_DIROPS |
                                             FUSE_CAP_READDIRPLUS | FUSE_CAP_READDIRPLUS_AUTO);
  // The kernel drops pages only when told (R1a), not whenever it sees another mtime.
  if ((connection->capable & FUSE_CAP_EXPLICIT_INVAL_DATA) != 0) {
    connection->want |= FUSE_CAP_EXPLICIT_INVAL_DATA;
    connection->want &= ~static_cast<unsigned>(FUSE_CAP_AUTO_INVAL_DATA);
  }
  // writeback_cache: the kernel would own size and mtime (measured.md): off.
  connection->want &= ~static_cast<unsigned>(FUSE_CAP_WRITEBACK_CACHE);
  connection->max_background = 256;
  connection->congestion_threshold = 192;
  static_cast<MountState*>(userdata)->on_init();
}

void op_lookup(fuse_req_t req, fuse_ino_t parent, const char* name) {
  MountState& state = state_of(req);
  if (std::strlen(name) > kMaxName) {
    fuse_reply_err(req, ENAMETOOLONG);
    return;
  }
  const TimePoint begin = state.clock.now();
  const std::uint64_t epoch = state.invalidator.epoch();
  auto node = waiting(req, [&](const Context& context) {
    return state.vfs.lookup(context, InodeId(parent), name);
  });
  state.lookup_latency.record(state.clock.now() - begin);
  if (!node.ok() && node.error().code != ErrorCode::kNotFound) {
    return reply_error(req, node.error());
  }
  state.invalidator.reply(epoch, [&](bool cacheable) {
    if (node.ok()) {
      const fuse_entry_param entry = to_entry(*node, cacheable);
      fuse_reply_entry(req, &entry);
    } else if (cacheable) {
      fuse_entry_param miss{};
      miss.entry_timeout = kCacheSeconds;
      fuse_reply_entry(req, &miss);
    } else {
      fuse_reply_err(req, ENOENT);
    }
  });
}

// The tree owns inodes for good: the kernel's look-up counts are not needed.
void op_forget(fuse_req_t req, fuse_ino_t, std::uint64_t) { fuse_reply_none(req); }
void op_forget_multi(fuse_req_t req, std::size_t, fuse_forget_data*) { fuse_reply_none(req); }

FileHandle* file_of(const fuse_file_info* info) {
  if (info == nullptr) return nullptr;
  auto* const handle = reinterpret_cast<Handle*>(info->fh);  // NOLINT: libfuse's way
  return static_cast<FileHandle*>(handle);
}

void op_getattr(fuse_req_t req, fuse_ino_t inode, fuse_file_info* info) {
  MountState& state = state_of(req);
  const std::uint64_t epoch = state.invalidator.epoch();
  auto node = state.vfs.node(InodeId(inode));
  // R1a: what a handle has open may be known to nobody else any more.
  const FileHandle* const handle = file_of(info);
  if (node.failed_with(ErrorCode::kNotFound) && handle != nullptr && handle->opened() != nullptr) {
    node = handle->opened()->node();
  }
  if (!node.ok()) {
    return reply_error(req, node.failed_with(ErrorCode::kNotFound)
                                ? Error{ErrorCode::kStale, "the inode has gone"}
                                : node.error());
  }
  state.invalidator.reply(epoch, [&](bool cacheable) {
    const struct stat attributes = to_stat(*node);
    fuse_reply_attr(req, &attributes, cacheable ? kCacheSeconds : 0);
  });
}

void op_readlink(fuse_req_t req, fuse_ino_t inode) {
  auto target = waiting(req, [&](const Context& context) {
    return state_of(req).vfs.read_link(context, InodeId(inode));
  });
  if (!target.ok()) return reply_error(req, target.error());
  fuse_reply_readlink(req, target->c_str());
}

void op_open(fuse_req_t req, fuse_ino_t inode, fuse_file_info* info) {
  if ((info->flags & O_ACCMODE) != O_RDONLY || (info->flags & O_TRUNC) != 0) {
    fuse_reply_err(req, EROFS);
    return;
  }
  MountState& state = state_of(req);
  auto handle = std::make_unique<FileHandle>(InodeId(inode));
  // R1a: the bytes of an inode never change, so what the kernel holds of it stays right.
  info->keep_cache = state.kernel_cache.trusts(InodeId(inode)) ? 1 : 0;
  if (info->keep_cache == 0) {
    const std::uint64_t stamp = state.kernel_cache.file_stamp(InodeId(inode));
    auto file = waiting(
        req, [&](const Context& context) { return state.vfs.open_file(context, InodeId(inode)); });
    if (!file.ok()) return reply_error(req, file.error());
    info->direct_io = (*file)->direct_io() ? 1 : 0;
    if ((*file)->keep_cache()) {
      info->keep_cache = 1;
      state.kernel_cache.trust(InodeId(inode), stamp);
    }
    handle->set(*std::move(file));
  }
  reply_handle(req, info, std::move(handle));
}

void op_read(fuse_req_t req, fuse_ino_t, std::size_t size, off_t offset, fuse_file_info* info) {
  MountState& state = state_of(req);
  const TimePoint begin = state.clock.now();
  FileHandle& handle = *file_of(info);
  const ReadBuffers::Buffer buffer(state.read_buffers, size);
  const auto count = waiting(req, [&](const Context& context) -> Result<std::size_t> {
    DRIVEWAY_TRY(vfs::OpenFile* const file, handle.open(context, state.vfs));
    return file->read(context, static_cast<Bytes>(offset), buffer.bytes());
  });
  state.read_latency.record(state.clock.now() - begin);
  // Before the answer, after which the handle may end.
  handle.set_read();
  state.kernel_cache.distrust(handle.inode());
  if (!count.ok()) return reply_error(req, count.error());
  state.read_bytes.add(*count);
  fuse_reply_buf(req, reinterpret_cast<const char*>(buffer.bytes().data()), *count);
}

void op_release(fuse_req_t req, fuse_ino_t inode, fuse_file_info* info) {
  MountState& state = state_of(req);
  FileHandle* const handle = file_of(info);
  if (handle->was_read() && handle->opened() != nullptr) {
    const std::uint64_t stamp = state.kernel_cache.file_stamp(InodeId(inode));
    if (handle->opened()->keep_cache()) state.kernel_cache.trust(InodeId(inode), stamp);
  }
  state.handles.release(handle);
  fuse_reply_err(req, 0);
}

void op_statfs(fuse_req_t req, fuse_ino_t) {
  constexpr Bytes kBlock = 4096;
  const auto space =
      waiting(req, [&](const Context& context) { return state_of(req).vfs.space(context); });
  if (!space.ok()) return reply_error(req, space.error());
  struct statvfs answer {};
  answer.f_bsize = answer.f_frsize = kBlock;
  answer.f_blocks = space->total / kBlock;
  answer.f_bfree = answer.f_bavail = space->free / kBlock;
  answer.f_files = space->items;
  answer.f_namemax = kMaxName;
  fuse_reply_statfs(req, &answer);
}

// getxattr and listxattr: size 0 asks for the length.
void reply_attribute(fuse_req_t req, const std::string& value, std::size_t size) {
  if (size == 0) {
    fuse_reply_xattr(req, value.size());
  } else if (size < value.size()) {
    fuse_reply_err(req, ERANGE);
  } else {
    fuse_reply_buf(req, value.data(), value.size());
  }
}

void op_getxattr(fuse_req_t req, fuse_ino_t inode, const char* name, std::size_t size) {
  if (!std::string_view(name).starts_with(kAttributePrefix)) {
    fuse_reply_err(req, ENODATA);
    return;
  }
  const auto value = state_of(req).vfs.attribute(InodeId(inode), name);
  if (value.failed_with(ErrorCode::kNotFound)) {
    fuse_reply_err(req, ENODATA);
  } else if (!value.ok()) {
    reply_error(req, value.error());
  } else {
    reply_attribute(req, *value, size);
  }
}

void op_listxattr(fuse_req_t req, fuse_ino_t inode, std::size_t size) {
  const auto names = state_of(req).vfs.list_attributes(InodeId(inode));
  if (!names.ok()) return reply_error(req, names.error());
  std::string list;
  for (const std::string& name : *names) list.append(name).push_back('\0');
  reply_attribute(req, list, size);
}

// An fsync of what was only read has nothing to do.
void op_fsync(fuse_req_t req, fuse_ino_t, int, fuse_file_info*) { fuse_reply_err(req, 0); }

// Everything that would change Drive.
template <typename... Arguments>
void refuse(fuse_req_t req, Arguments...) {
  fuse_reply_err(req, EROFS);
}

fuse_lowlevel_ops make_operations() {
  fuse_lowlevel_ops ops{};
  ops.init = op_init;
  ops.lookup = op_lookup;
  ops.forget = op_forget;
  ops.forget_multi = op_forget_multi;
  ops.getattr = op_getattr;
  ops.readlink = op_readlink;
  ops.open = op_open;
  ops.read = op_read;
  ops.release = op_release;
  ops.statfs = op_statfs;
  ops.getxattr = op_getxattr;
  ops.listxattr = op_listxattr;
  ops.fsync = op_fsync;
  ops.fsyncdir = op_fsync;
  add_directory_operations(ops);
  ops.setattr = refuse;
  ops.mknod = refuse;
  ops.mkdir = refuse;
  ops.unlink = refuse;
  ops.rmdir = refuse;
  ops.symlink = refuse;
  ops.rename = refuse;
  ops.link = refuse;
  ops.create = refuse;
  ops.setxattr = refuse;
  ops.removexattr = refuse;
  return ops;
}

}  // namespace

const fuse_lowlevel_ops& operations() {
  static const fuse_lowlevel_ops ops = make_operations();
  return ops;
}

}  // namespace driveway::fuse
