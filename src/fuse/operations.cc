#include "fuse/operations.h"

#include <sys/statvfs.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <utility>
#include <vector>

#include "base/log.h"
#include "fuse/request.h"

namespace driveway::fuse {
namespace {

constexpr unsigned kMaxWrite = 1 << 20;  // what libfuse takes at most
constexpr std::size_t kMaxName = 255;    // as statfs says; the kernel itself takes 1024 bytes

void op_init(void* userdata, fuse_conn_info* connection) {
  connection->want |= connection->capable & (FUSE_CAP_ASYNC_READ | FUSE_CAP_PARALLEL_DIROPS |
                                             FUSE_CAP_READDIRPLUS | FUSE_CAP_READDIRPLUS_AUTO);
  // The kernel drops pages only when told (R1a), not whenever it sees another mtime.
  if ((connection->capable & FUSE_CAP_EXPLICIT_INVAL_DATA) != 0) {
    connection->want |= FUSE_CAP_EXPLICIT_INVAL_DATA;
    connection->want &= ~static_cast<unsigned>(FUSE_CAP_AUTO_INVAL_DATA);
  }
  // open(O_TRUNC) says so itself, instead of a truncation of its own (J4).
  connection->want |= connection->capable & FUSE_CAP_ATOMIC_O_TRUNC;
  // writeback_cache: the kernel would own size and mtime (measured.md): off.
  connection->want &= ~static_cast<unsigned>(FUSE_CAP_WRITEBACK_CACHE);
  connection->max_write = kMaxWrite;
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
    return state.vfs.lookup(context, inode_of(req, parent), name);
  });
  state.lookup_latency.record(state.clock.now() - begin);
  if (!node.ok() && node.error().code != ErrorCode::kNotFound) {
    return reply_error(req, node.error());
  }
  state.invalidator.reply(epoch, [&](bool cacheable) {
    if (node.ok()) {
      const fuse_entry_param entry = to_entry(state, *node, cacheable);
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

void op_readlink(fuse_req_t req, fuse_ino_t inode) {
  auto target = waiting(req, [&](const Context& context) {
    return read_link(state_of(req), context, inode_of(req, inode));
  });
  if (!target.ok()) return reply_error(req, target.error());
  fuse_reply_readlink(req, target->c_str());
}

// Whether the kernel may go on showing the pages that it has of the file, which is just opened.
bool keeps_pages(MountState& state, vfs::OpenFile& file, InodeId inode, std::uint64_t stamp) {
  if (!file.keep_cache()) return false;
  state.kernel_cache.trust(inode, stamp);
  // Those that another mount has made stale go now, not a moment later.
  return !state.invalidator.has_stale_content(inode);
}

void op_open(fuse_req_t req, fuse_ino_t ino, fuse_file_info* info) {
  MountState& state = state_of(req);
  const InodeId inode = inode_of(req, ino);
  const vfs::OpenMode mode = open_mode(info->flags);
  auto handle = std::make_unique<FileHandle>(inode, mode.write);
  // Nothing is to be done when that is closed: open() and close() cost one request each.
  info->noflush = mode.write ? 0 : 1;
  const bool trusted = state.kernel_cache.trusts(inode);
  info->keep_cache = trusted ? 1 : 0;
  if (!trusted || mode.write) {
    const std::uint64_t stamp = state.kernel_cache.file_stamp(inode);
    auto file =
        changing(req, {.inode = inode, .bytes = mode.truncate},
                 [&](const Context& context) { return state.vfs.open_file(context, inode, mode); });
    if (!file.ok()) return reply_error(req, file.error());
    info->direct_io = (*file)->direct_io() ? 1 : 0;
    if (trusted) {
      (*file)->set_shown();
    } else {
      info->keep_cache = keeps_pages(state, **file, inode, stamp) ? 1 : 0;
    }
    handle->set(*std::move(file));
  } else {
    handle->hold(state.vfs.open_later(inode));
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

void op_release(fuse_req_t req, fuse_ino_t ino, fuse_file_info* info) {
  MountState& state = state_of(req);
  const InodeId inode = inode_of(req, ino);
  FileHandle* const handle = file_of(info);
  if (handle->was_read() && handle->opened() != nullptr) {
    const std::uint64_t stamp = state.kernel_cache.file_stamp(inode);
    if (handle->opened()->keep_cache()) state.kernel_cache.trust(inode, stamp);
  }
  {
    // Nobody waits for it, and unmounting must not keep it from being done (J4).
    const LocalChange change{.inode = inode, .bytes = handle->writes()};
    const LocalChangeScope scope(state.invalidator, change);
    const Status closed = handle->close({.deadline = state.clock.now() + state.read_deadline});
    if (!closed.ok()) log::error("closing a file: ", closed.error());
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

fuse_lowlevel_ops make_operations() {
  fuse_lowlevel_ops ops{};
  ops.init = op_init;
  ops.lookup = op_lookup;
  ops.forget = op_forget;
  ops.forget_multi = op_forget_multi;
  ops.readlink = op_readlink;
  ops.open = op_open;
  ops.read = op_read;
  ops.release = op_release;
  ops.statfs = op_statfs;
  add_attribute_operations(ops);
  add_directory_operations(ops);
  add_naming_operations(ops);
  add_write_operations(ops);
  return ops;
}

}  // namespace

const fuse_lowlevel_ops& operations() {
  static const fuse_lowlevel_ops ops = make_operations();
  return ops;
}

}  // namespace driveway::fuse
