// What changes the bytes of an open file, and makes it durable.
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <optional>
#include <span>

#include "fuse/request.h"

namespace driveway::fuse {
namespace {

// Appended bytes went behind what another mount appended meanwhile: this kernel took another place
// for the end, and has pages and a size that are wrong.
bool went_elsewhere(const MountState& state, InodeId inode, Bytes end) {
  const auto node = state.vfs.node(inode);
  return node.ok() && node->size != end;
}

void op_write(fuse_req_t req, fuse_ino_t, const char* data, std::size_t size, off_t offset,
              fuse_file_info* info) {
  MountState& state = state_of(req);
  const TimePoint begin = state.clock.now();
  const FileHandle& handle = *file_of(info);
  const InodeId inode = handle.inode();
  const auto at = static_cast<Bytes>(offset);
  // The flags are those of this write. Written-back pages of a memory map have their place,
  // whichever handle the kernel sends them through.
  const bool appends = info->writepage == 0 && (info->flags & O_APPEND) != 0;
  const Status written =
      changing(req, {.inode = inode, .bytes = true}, [&](const Context& context) {
        return handle.opened()->write(context, appends ? std::nullopt : std::optional(at),
                                      std::as_bytes(std::span(data, size)));
      });
  state.write_latency.record(state.clock.now() - begin);
  if (!written.ok()) return reply_error(req, written.error());
  state.write_bytes.add(size);
  const bool elsewhere = appends && went_elsewhere(state, inode, at + size);
  fuse_reply_write(req, size);
  if (elsewhere) state.invalidator.drop_content(inode);
}

// At each close(2) of what was opened for writing.
void op_flush(fuse_req_t req, fuse_ino_t, fuse_file_info* info) {
  const FileHandle& handle = *file_of(info);
  if (!handle.writes()) {  // a kernel that does not know `noflush`
    fuse_reply_err(req, 0);
    return;
  }
  const LocalChange change{.inode = handle.inode(), .bytes = true};
  reply_status(req, changing(req, change, [&](const Context& context) {
                 return handle.opened()->flush(context);
               }));
}

// Where nothing can be changed there is nothing to sync.
void reply_synced(fuse_req_t req, const Status& synced) {
  reply_status(req, synced.failed_with(ErrorCode::kReadOnly) ? Status() : synced);
}

void op_fsync(fuse_req_t req, fuse_ino_t, int, fuse_file_info* info) {
  MountState& state = state_of(req);
  FileHandle& handle = *file_of(info);
  const Status synced = changing(
      req, {.inode = handle.inode()},
      [&](const Context& context) -> Status {
        DRIVEWAY_TRY(vfs::OpenFile* const file, handle.open(context, state.vfs));
        return file->sync(context);
      },
      Patience::kUntilInterrupted);
  reply_synced(req, synced);
}

void op_fsyncdir(fuse_req_t req, fuse_ino_t directory, int, fuse_file_info*) {
  const Status synced = changing(
      req, {},
      [&](const Context& context) {
        return state_of(req).vfs.sync_folder(context, inode_of(req, directory));
      },
      Patience::kUntilInterrupted);
  reply_synced(req, synced);
}

// The room first, which may not be there: then nothing has changed.
Status change_range(const Context& context, vfs::OpenFile& file, int mode, ByteRange range) {
  const bool keep_size = (mode & FALLOC_FL_KEEP_SIZE) != 0;
  const bool punches = (mode & FALLOC_FL_PUNCH_HOLE) != 0;
  if (!punches) DRIVEWAY_CHECK(file.allocate(context, range, keep_size));
  if (punches || (mode & FALLOC_FL_ZERO_RANGE) != 0) return file.punch(context, range);
  return {};
}

bool is_supported(int mode) {
  const int kind = mode & ~FALLOC_FL_KEEP_SIZE;
  return kind == 0 || kind == FALLOC_FL_ZERO_RANGE ||
         mode == (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE);
}

void op_fallocate(fuse_req_t req, fuse_ino_t, int mode, off_t offset, off_t length,
                  fuse_file_info* info) {
  if (!is_supported(mode)) {
    fuse_reply_err(req, EOPNOTSUPP);
    return;
  }
  const FileHandle& handle = *file_of(info);
  const ByteRange range{static_cast<Bytes>(offset), static_cast<Bytes>(length)};
  const LocalChange change{.inode = handle.inode(), .bytes = true};
  reply_status(req, changing(req, change, [&](const Context& context) {
                 return change_range(context, *handle.opened(), mode, range);
               }));
}

void op_copy_file_range(fuse_req_t req, fuse_ino_t, off_t from_offset, fuse_file_info* from,
                        fuse_ino_t, off_t to_offset, fuse_file_info* to, std::size_t length, int) {
  MountState& state = state_of(req);
  const FileHandle& target = *file_of(to);
  const auto copied = changing(
      req, {.inode = target.inode(), .bytes = true}, [&](const Context& context) -> Result<Bytes> {
        DRIVEWAY_TRY(vfs::OpenFile* const source, file_of(from)->open(context, state.vfs));
        return state.vfs.copy_range(context, *source, static_cast<Bytes>(from_offset),
                                    *target.opened(), static_cast<Bytes>(to_offset), length);
      });
  if (!copied.ok()) return reply_error(req, copied.error());
  fuse_reply_write(req, *copied);
}

void op_lseek(fuse_req_t req, fuse_ino_t, off_t offset, int whence, fuse_file_info* info) {
  MountState& state = state_of(req);
  const auto from = static_cast<Bytes>(offset);
  const auto found = waiting(req, [&](const Context& context) -> Result<std::optional<Bytes>> {
    DRIVEWAY_TRY(vfs::OpenFile* const file, file_of(info)->open(context, state.vfs));
    return whence == SEEK_DATA ? file->next_data(from) : file->next_hole(from);
  });
  if (!found.ok()) return reply_error(req, found.error());
  if (!*found) {
    fuse_reply_err(req, ENXIO);
    return;
  }
  fuse_reply_lseek(req, static_cast<off_t>(**found));
}

}  // namespace

void add_write_operations(fuse_lowlevel_ops& ops) {
  ops.write = op_write;
  ops.flush = op_flush;
  ops.fsync = op_fsync;
  ops.fsyncdir = op_fsyncdir;
  ops.fallocate = op_fallocate;
  ops.copy_file_range = op_copy_file_range;
  ops.lseek = op_lseek;
}

}  // namespace driveway::fuse
