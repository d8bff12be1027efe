// What makes, removes and renames.
#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <memory>
#include <utility>

#include "fuse/request.h"

namespace driveway::fuse {
namespace {

LocalChange change_of(fuse_req_t req, fuse_ino_t parent, const char* name) {
  return {.names = {{{inode_of(req, parent), name}}}};
}

// Belongs to who asks; the kernel has applied the umask.
vfs::NewNode new_node(fuse_req_t req, mode_t mode) {
  const fuse_ctx* const caller = fuse_req_ctx(req);
  return {.mode = mode & ALLPERMS, .uid = caller->uid, .gid = caller->gid};
}

// Answers what made a node without opening it.
void reply_made(fuse_req_t req, const Result<tree::Node>& made, std::uint64_t epoch) {
  if (!made.ok()) return reply_error(req, made.error());
  reply_entry(req, *made, epoch);
}

void op_create(fuse_req_t req, fuse_ino_t parent, const char* name, mode_t mode,
               fuse_file_info* info) {
  MountState& state = state_of(req);
  const std::uint64_t epoch = state.invalidator.epoch();
  const vfs::OpenMode open = open_mode(info->flags);
  auto made = changing(req, change_of(req, parent, name), [&](const Context& context) {
    return state.vfs.create_file(context, inode_of(req, parent), name, new_node(req, mode), open);
  });
  if (made.failed_with(ErrorCode::kAlreadyExists) && (info->flags & O_EXCL) == 0) {
    // The kernel did not know; with this answer it looks again, and then opens what is there.
    fuse_reply_err(req, ESTALE);
    return;
  }
  if (!made.ok()) return reply_error(req, made.error());
  auto handle = std::make_unique<FileHandle>(made->node.inode, open.write);
  info->noflush = open.write ? 0 : 1;
  info->keep_cache = 1;
  handle->set(std::move(made->file));
  reply_created(req, info, std::move(handle), made->node, epoch);
}

Result<tree::Node> make_file(const Context& context, fuse_req_t req, fuse_ino_t parent,
                             const char* name, mode_t mode) {
  DRIVEWAY_TRY(
      const vfs::Opened made,
      state_of(req).vfs.create_file(context, inode_of(req, parent), name, new_node(req, mode), {}));
  DRIVEWAY_CHECK(made.file->close(context));
  return made.node;
}

// Drive has neither devices, nor pipes, nor sockets.
void op_mknod(fuse_req_t req, fuse_ino_t parent, const char* name, mode_t mode, dev_t) {
  if (!S_ISREG(mode)) {
    fuse_reply_err(req, EPERM);
    return;
  }
  const std::uint64_t epoch = state_of(req).invalidator.epoch();
  const auto made = changing(req, change_of(req, parent, name), [&](const Context& context) {
    return make_file(context, req, parent, name, mode);
  });
  reply_made(req, made, epoch);
}

void op_mkdir(fuse_req_t req, fuse_ino_t parent, const char* name, mode_t mode) {
  MountState& state = state_of(req);
  const std::uint64_t epoch = state.invalidator.epoch();
  const auto made = changing(req, change_of(req, parent, name), [&](const Context& context) {
    return state.vfs.make_folder(context, inode_of(req, parent), name, new_node(req, mode));
  });
  reply_made(req, made, epoch);
}

void op_symlink(fuse_req_t req, const char* target, fuse_ino_t parent, const char* name) {
  constexpr mode_t kAnyMode = 0777;  // of every symlink
  MountState& state = state_of(req);
  const std::uint64_t epoch = state.invalidator.epoch();
  const auto made = changing(req, change_of(req, parent, name), [&](const Context& context) {
    return state.vfs.make_symlink(context, inode_of(req, parent), name, target,
                                  new_node(req, kAnyMode));
  });
  reply_made(req, made, epoch);
}

// Drive has no hard links.
void op_link(fuse_req_t req, fuse_ino_t, fuse_ino_t, const char*) { fuse_reply_err(req, EPERM); }

void op_unlink(fuse_req_t req, fuse_ino_t parent, const char* name) {
  reply_status(req, changing(req, change_of(req, parent, name), [&](const Context& context) {
                 return state_of(req).vfs.unlink(context, inode_of(req, parent), name);
               }));
}

void op_rmdir(fuse_req_t req, fuse_ino_t parent, const char* name) {
  reply_status(req, changing(req, change_of(req, parent, name), [&](const Context& context) {
                 return state_of(req).vfs.remove_folder(context, inode_of(req, parent), name);
               }));
}

void op_rename(fuse_req_t req, fuse_ino_t parent, const char* name, fuse_ino_t new_parent,
               const char* new_name, unsigned flags) {
  if (flags != 0 && flags != RENAME_NOREPLACE && flags != RENAME_EXCHANGE) {
    fuse_reply_err(req, EINVAL);
    return;
  }
  const vfs::RenameMode mode = flags == RENAME_NOREPLACE  ? vfs::RenameMode::kNoReplace
                               : flags == RENAME_EXCHANGE ? vfs::RenameMode::kExchange
                                                          : vfs::RenameMode::kReplace;
  const LocalChange change{
      .names = {{{inode_of(req, parent), name}, {inode_of(req, new_parent), new_name}}}};
  reply_status(req, changing(req, change, [&](const Context& context) {
                 return state_of(req).vfs.rename(context, inode_of(req, parent), name,
                                                 inode_of(req, new_parent), new_name, mode);
               }));
}

}  // namespace

void add_naming_operations(fuse_lowlevel_ops& ops) {
  ops.create = op_create;
  ops.mknod = op_mknod;
  ops.mkdir = op_mkdir;
  ops.symlink = op_symlink;
  ops.link = op_link;
  ops.unlink = op_unlink;
  ops.rmdir = op_rmdir;
  ops.rename = op_rename;
}

}  // namespace driveway::fuse
