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

#include "base/log.h"
#include "base/strings.h"
#include "fuse/errno.h"

namespace driveway::fuse {
namespace {

// How long the kernel may believe an entry, a miss or attributes. What another client changes is
// invalidated explicitly; this bounds what the feed cannot tell (an item that lost its parent in a
// listing gap).
constexpr double kCacheSeconds = 60;
constexpr std::string_view kAttributePrefix = "user.";
constexpr std::size_t kMaxName = 255;  // as statfs says; the kernel itself takes 1024 bytes

MountState& state_of(fuse_req_t req) { return *static_cast<MountState*>(fuse_req_userdata(req)); }

// A request that may wait for Drive: with the read deadline, ended at once by the kernel's
// interrupt and by unmounting (R5).
class Waiting {
 public:
  explicit Waiting(fuse_req_t req) : req_(req), source_(state_of(req).unmounting.token()) {
    MountState& state = state_of(req);
    context_.deadline = state.clock.now() + state.read_deadline;
    context_.cancel = source_.token();
    fuse_req_interrupt_func(req, &Waiting::interrupted, &source_);
  }
  // libfuse calls the function under the request's own lock, so none runs when this returns.
  // REQUIRES: before the reply.
  ~Waiting() { fuse_req_interrupt_func(req_, nullptr, nullptr); }
  Waiting(const Waiting&) = delete;
  Waiting& operator=(const Waiting&) = delete;
  const Context& context() const { return context_; }

 private:
  static void interrupted(fuse_req_t, void* data) { static_cast<CancelSource*>(data)->cancel(); }
  fuse_req_t req_;
  CancelSource source_;
  Context context_;
};

// Runs `call(context)` as a Waiting request.
template <typename Call>
auto waiting(fuse_req_t req, Call call) {
  const Waiting request(req);
  return call(request.context());
}

void reply_error(fuse_req_t req, const Error& error) {
  const int number = to_errno(error);
  state_of(req).errors.add();
  if (number == EIO) log::warn("a request failed: ", error);
  fuse_reply_err(req, number);
}

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

void op_init(void* userdata, fuse_conn_info* connection) {
  connection->want |= connection->capable & (FUSE_CAP_ASYNC_READ | FUSE_CAP_PARALLEL_DIROPS |
                                             FUSE_CAP_READDIRPLUS | FUSE_CAP_READDIRPLUS_AUTO);
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

// Answers open() or opendir().
void reply_handle(fuse_req_t req, fuse_file_info* info, std::shared_ptr<void> handle) {
  Handles& handles = state_of(req).handles;
  const void* key = handle.get();
  info->fh = reinterpret_cast<std::uint64_t>(key);
  handles.keep(std::move(handle));  // before the answer: the release may come at once
  // An interrupted open() is answered, but nobody will release it.
  if (fuse_reply_open(req, info) != 0) handles.release(key);
}

using FileHandle = std::shared_ptr<vfs::OpenFile>;

FileHandle* file_of(const fuse_file_info* info) {
  return info == nullptr ? nullptr
                         : reinterpret_cast<FileHandle*>(info->fh);  // NOLINT: libfuse's way
}

void op_getattr(fuse_req_t req, fuse_ino_t inode, fuse_file_info* info) {
  MountState& state = state_of(req);
  const std::uint64_t epoch = state.invalidator.epoch();
  auto node = state.vfs.node(InodeId(inode));
  // R1a: what a handle has open may be known to nobody else any more.
  if (node.failed_with(ErrorCode::kNotFound) && file_of(info) != nullptr) {
    node = (*file_of(info))->node();
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
  auto file = waiting(req, [&](const Context& context) {
    return state_of(req).vfs.open_file(context, InodeId(inode));
  });
  if (!file.ok()) return reply_error(req, file.error());
  info->direct_io = (*file)->direct_io() ? 1 : 0;
  // R1a: the bytes of an inode never change, so what the kernel holds of it stays right.
  info->keep_cache = (*file)->keep_cache() ? 1 : 0;
  reply_handle(req, info, std::make_shared<FileHandle>(*std::move(file)));
}

void op_read(fuse_req_t req, fuse_ino_t, std::size_t size, off_t offset, fuse_file_info* info) {
  MountState& state = state_of(req);
  const TimePoint begin = state.clock.now();
  thread_local std::vector<std::byte> buffer;
  if (buffer.size() < size) buffer.resize(size);
  const auto count = waiting(req, [&](const Context& context) {
    return (*file_of(info))
        ->read(context, static_cast<Bytes>(offset), std::span(buffer).first(size));
  });
  state.read_latency.record(state.clock.now() - begin);
  if (!count.ok()) return reply_error(req, count.error());
  state.read_bytes.add(*count);
  fuse_reply_buf(req, reinterpret_cast<const char*>(buffer.data()), *count);
}

void op_release(fuse_req_t req, fuse_ino_t, fuse_file_info* info) {
  state_of(req).handles.release(file_of(info));
  fuse_reply_err(req, 0);
}

// What a directory held when it was opened, or rewound: offsets mean the same entries until then.
struct DirectoryHandle {
  std::mutex mutex;
  InodeId inode;
  InodeId parent;
  bool started = false;
  std::vector<tree::DirEntry> entries;
};

DirectoryHandle& directory_of(const fuse_file_info* info) {
  return *reinterpret_cast<DirectoryHandle*>(info->fh);  // NOLINT: libfuse's way
}

void op_opendir(fuse_req_t req, fuse_ino_t inode, fuse_file_info* info) {
  MountState& state = state_of(req);
  const auto node = state.vfs.node(InodeId(inode));
  if (!node.ok()) return reply_error(req, node.error());
  auto entries =
      waiting(req, [&](const Context& context) { return state.vfs.list(context, InodeId(inode)); });
  if (!entries.ok()) return reply_error(req, entries.error());
  auto handle = std::make_shared<DirectoryHandle>();
  handle->inode = node->inode;
  handle->parent = node->parent;
  handle->entries = *std::move(entries);
  reply_handle(req, info, std::move(handle));
}

void op_releasedir(fuse_req_t req, fuse_ino_t, fuse_file_info* info) {
  state_of(req).handles.release(&directory_of(info));
  fuse_reply_err(req, 0);
}

// rewinddir() shows what came meanwhile, as POSIX asks.
Status refresh_at_rewind(fuse_req_t req, DirectoryHandle& handle, off_t offset) {
  if (offset == 0 && handle.started) {
    auto entries = waiting(
        req, [&](const Context& context) { return state_of(req).vfs.list(context, handle.inode); });
    if (!entries.ok()) return entries.error();
    handle.entries = *std::move(entries);
  }
  handle.started = true;
  return {};
}

// Entry `index` of a directory: ".", "..", then its own.
struct Shown {
  const char* name;
  InodeId inode;
  mode_t type;
};

mode_t type_bits(tree::NodeKind kind) {
  switch (kind) {
    case tree::NodeKind::kDirectory:
      return S_IFDIR;
    case tree::NodeKind::kSymlink:
      return S_IFLNK;
    case tree::NodeKind::kFile:
      break;
  }
  return S_IFREG;
}

Shown shown_entry(const DirectoryHandle& handle, std::size_t index) {
  if (index == 0) return {".", handle.inode, S_IFDIR};
  if (index == 1) return {"..", handle.parent, S_IFDIR};
  const tree::DirEntry& entry = handle.entries[index - 2];
  return {entry.name.c_str(), entry.inode, type_bits(entry.kind)};
}

// What an answer of at most `size` bytes holds. The handle is locked in here and not longer: as
// soon as the kernel has the answer it may release the directory.
Result<std::vector<char>> fill_names(fuse_req_t req, DirectoryHandle& handle, std::size_t size,
                                     off_t offset) {
  const std::lock_guard lock(handle.mutex);
  DRIVEWAY_CHECK(refresh_at_rewind(req, handle, offset));
  std::vector<char> buffer(size);
  std::size_t used = 0;
  const std::size_t count = handle.entries.size() + 2;
  for (auto index = static_cast<std::size_t>(offset); index < count; ++index) {
    const Shown shown = shown_entry(handle, index);
    struct stat attributes {};
    attributes.st_ino = shown.inode.value();
    attributes.st_mode = shown.type;
    const std::size_t needed = fuse_add_direntry(req, buffer.data() + used, size - used, shown.name,
                                                 &attributes, static_cast<off_t>(index + 1));
    if (needed > size - used) break;
    used += needed;
  }
  buffer.resize(used);
  return buffer;
}

void op_readdir(fuse_req_t req, fuse_ino_t, std::size_t size, off_t offset, fuse_file_info* info) {
  const auto names = fill_names(req, directory_of(info), size, offset);
  if (!names.ok()) return reply_error(req, names.error());
  fuse_reply_buf(req, names->data(), names->size());
}

// How many entries an answer of `size` bytes holds at most: each takes this much besides its name.
constexpr std::size_t kPlusEntryOverhead = 152;

// Entries and their attributes, read under the handle's lock.
struct EntriesAhead {
  std::vector<std::string> names;
  std::vector<Shown> shown;  // their names point into `names`
  std::vector<std::optional<tree::Node>> nodes;
};

Result<EntriesAhead> entries_ahead(fuse_req_t req, DirectoryHandle& handle, std::size_t size,
                                   off_t offset) {
  const std::lock_guard lock(handle.mutex);
  DRIVEWAY_CHECK(refresh_at_rewind(req, handle, offset));
  EntriesAhead ahead;
  std::vector<InodeId> inodes;
  const auto first = static_cast<std::size_t>(offset);
  const std::size_t count = handle.entries.size() + 2;
  const std::size_t end = std::min(count, first + size / kPlusEntryOverhead);
  for (std::size_t index = first; index < end; ++index) {
    const Shown shown = shown_entry(handle, index);
    ahead.names.emplace_back(shown.name);
    ahead.shown.push_back(shown);
    inodes.push_back(shown.inode);
  }
  for (std::size_t i = 0; i < ahead.names.size(); ++i) ahead.shown[i].name = ahead.names[i].c_str();
  ahead.nodes = state_of(req).vfs.nodes(inodes);
  return ahead;
}

void op_readdirplus(fuse_req_t req, fuse_ino_t, std::size_t size, off_t offset,
                    fuse_file_info* info) {
  MountState& state = state_of(req);
  const std::uint64_t epoch = state.invalidator.epoch();
  const auto ahead = entries_ahead(req, directory_of(info), size, offset);
  if (!ahead.ok()) return reply_error(req, ahead.error());
  const auto first = static_cast<std::size_t>(offset);
  state.invalidator.reply(epoch, [&](bool cacheable) {
    std::vector<char> buffer(size);
    std::size_t used = 0;
    for (std::size_t i = 0; i < ahead->shown.size(); ++i) {
      const Shown& shown = ahead->shown[i];
      fuse_entry_param entry{};
      if (first + i >= 2 && ahead->nodes[i]) {
        entry = to_entry(*ahead->nodes[i], cacheable);
      } else {
        entry.attr.st_ino = shown.inode.value();
        entry.attr.st_mode = shown.type;
      }
      const std::size_t needed =
          fuse_add_direntry_plus(req, buffer.data() + used, size - used, shown.name, &entry,
                                 static_cast<off_t>(first + i + 1));
      if (needed > size - used) break;
      used += needed;
    }
    fuse_reply_buf(req, buffer.data(), used);
  });
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
  ops.opendir = op_opendir;
  ops.readdir = op_readdir;
  ops.readdirplus = op_readdirplus;
  ops.releasedir = op_releasedir;
  ops.statfs = op_statfs;
  ops.getxattr = op_getxattr;
  ops.listxattr = op_listxattr;
  ops.fsync = op_fsync;
  ops.fsyncdir = op_fsync;
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
