// Attributes, plain and extended.
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <string>
#include <string_view>

#include "fuse/errno.h"
#include "fuse/request.h"

namespace driveway::fuse {
namespace {

constexpr std::string_view kAttributePrefix = "user.";

// As Vfs::node, of what a handle may have open that is known to nobody else any more (R1a).
Result<tree::Node> node_of(const MountState& state, InodeId inode, const FileHandle* handle) {
  auto node = state.vfs.node(inode);
  if (!node.failed_with(ErrorCode::kNotFound)) return node;
  if (handle != nullptr && handle->opened() != nullptr) return handle->opened()->node();
  return Error{ErrorCode::kStale, "the inode has gone"};
}

void op_getattr(fuse_req_t req, fuse_ino_t inode, fuse_file_info* info) {
  const MountState& state = state_of(req);
  const std::uint64_t epoch = state.invalidator.epoch();
  const auto node = node_of(state, inode_of(req, inode), file_of(info));
  if (!node.ok()) return reply_error(req, node.error());
  reply_attributes(req, *node, epoch);
}

// Asked where the kernel checks no modes: of root, whom only a file that nobody may run keeps out.
void op_access(fuse_req_t req, fuse_ino_t inode, int mask) {
  const auto node = node_of(state_of(req), inode_of(req, inode), nullptr);
  if (!node.ok()) return reply_error(req, node.error());
  const bool runs = (mask & X_OK) != 0 && S_ISREG(node->mode);
  fuse_reply_err(req, runs && (node->mode & (S_IXUSR | S_IXGRP | S_IXOTH)) == 0 ? EACCES : 0);
}

WallTime to_wall_time(const timespec& time) {  // cut to ms (E4)
  using std::chrono::duration_cast;
  const auto whole = std::chrono::seconds(time.tv_sec);
  return WallTime(whole +
                  duration_cast<std::chrono::milliseconds>(std::chrono::nanoseconds(time.tv_nsec)));
}

// Access times are not kept, and change times follow from the others.
vfs::AttributeChange change_of(const Clock& clock, const struct stat& wanted, int which) {
  vfs::AttributeChange change;
  if ((which & FUSE_SET_ATTR_SIZE) != 0) change.size = static_cast<Bytes>(wanted.st_size);
  if ((which & FUSE_SET_ATTR_MODE) != 0) change.mode = wanted.st_mode & ALLPERMS;
  if ((which & FUSE_SET_ATTR_UID) != 0) change.uid = wanted.st_uid;
  if ((which & FUSE_SET_ATTR_GID) != 0) change.gid = wanted.st_gid;
  if ((which & FUSE_SET_ATTR_MTIME_NOW) != 0) {
    change.modified = clock.wall_now();
  } else if ((which & FUSE_SET_ATTR_MTIME) != 0) {
    change.modified = to_wall_time(wanted.st_mtim);
  }
  return change;
}

// The size through the handle, which may be all that still knows the file.
Result<tree::Node> set_attributes(const Context& context, const MountState& state, InodeId inode,
                                  const FileHandle* handle, vfs::AttributeChange change) {
  if (change.size && handle != nullptr && handle->writes()) {
    DRIVEWAY_CHECK(handle->opened()->truncate(context, *change.size));
    change.size.reset();
  }
  if (change.size || change.mode || change.uid || change.gid || change.modified) {
    return state.vfs.set_attributes(context, inode, change);
  }
  return node_of(state, inode, handle);
}

void op_setattr(fuse_req_t req, fuse_ino_t ino, struct stat* wanted, int which,
                fuse_file_info* info) {
  const MountState& state = state_of(req);
  const InodeId inode = inode_of(req, ino);
  const std::uint64_t epoch = state.invalidator.epoch();
  const vfs::AttributeChange change = change_of(state.clock, *wanted, which);
  const auto node = changing(req, {.inode = inode, .bytes = change.size.has_value()},
                             [&](const Context& context) {
                               return set_attributes(context, state, inode, file_of(info), change);
                             });
  if (!node.ok()) return reply_error(req, node.error());
  reply_attributes(req, *node, epoch);
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

void reply_attribute_error(fuse_req_t req, const Error& error) {
  fuse_reply_err(req, to_attribute_errno(error));
}

void op_getxattr(fuse_req_t req, fuse_ino_t inode, const char* name, std::size_t size) {
  if (!std::string_view(name).starts_with(kAttributePrefix)) {
    fuse_reply_err(req, ENODATA);
    return;
  }
  const auto value = state_of(req).vfs.attribute(inode_of(req, inode), name);
  if (!value.ok()) return reply_attribute_error(req, value.error());
  reply_attribute(req, *value, size);
}

void op_listxattr(fuse_req_t req, fuse_ino_t inode, std::size_t size) {
  const auto names = state_of(req).vfs.list_attributes(inode_of(req, inode));
  if (!names.ok()) return reply_error(req, names.error());
  std::string list;
  for (const std::string& name : *names) list.append(name).push_back('\0');
  reply_attribute(req, list, size);
}

vfs::AttributeMode attribute_mode(int flags) {
  if ((flags & XATTR_CREATE) != 0) return vfs::AttributeMode::kCreate;
  if ((flags & XATTR_REPLACE) != 0) return vfs::AttributeMode::kReplace;
  return vfs::AttributeMode::kAny;
}

void op_setxattr(fuse_req_t req, fuse_ino_t ino, const char* name, const char* value,
                 std::size_t size, int flags) {
  if (!std::string_view(name).starts_with(kAttributePrefix)) {
    fuse_reply_err(req, EOPNOTSUPP);
    return;
  }
  const InodeId inode = inode_of(req, ino);
  const Status set = changing(req, {.inode = inode}, [&](const Context& context) {
    return state_of(req).vfs.set_attribute(context, inode, name, {value, size},
                                           attribute_mode(flags));
  });
  if (!set.ok()) return reply_attribute_error(req, set.error());
  fuse_reply_err(req, 0);
}

void op_removexattr(fuse_req_t req, fuse_ino_t ino, const char* name) {
  if (!std::string_view(name).starts_with(kAttributePrefix)) {
    fuse_reply_err(req, EOPNOTSUPP);
    return;
  }
  const InodeId inode = inode_of(req, ino);
  const Status removed = changing(req, {.inode = inode}, [&](const Context& context) {
    return state_of(req).vfs.remove_attribute(context, inode, name);
  });
  if (!removed.ok()) return reply_attribute_error(req, removed.error());
  fuse_reply_err(req, 0);
}

}  // namespace

void add_attribute_operations(fuse_lowlevel_ops& ops) {
  ops.getattr = op_getattr;
  ops.access = op_access;
  ops.setattr = op_setattr;
  ops.getxattr = op_getxattr;
  ops.listxattr = op_listxattr;
  ops.setxattr = op_setxattr;
  ops.removexattr = op_removexattr;
}

}  // namespace driveway::fuse
