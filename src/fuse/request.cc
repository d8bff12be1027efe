#include "fuse/request.h"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <functional>
#include <optional>
#include <string_view>
#include <utility>

#include "base/log.h"
#include "fuse/errno.h"
#include "tree/layout.h"

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

// `answer` gives 0 where the kernel took it.
void answer_with(fuse_req_t req, fuse_file_info* info, std::unique_ptr<Handle> handle,
                 const std::function<int()>& answer) {
  Handles& handles = state_of(req).handles;
  Handle* const key = handle.get();
  info->fh = reinterpret_cast<std::uint64_t>(key);
  handles.keep(std::move(handle));  // before the answer: the release may come at once
  // An interrupted open() is answered, but nobody will release it.
  if (answer() != 0) handles.release(key);
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

// What a link says that must not lead out of the mount.
constexpr std::string_view kAboveTop = "(above the top of this mount)";

// How deep `directory` lies below the top, as far as that is known.
int depth_below_top(const MountState& state, InodeId directory) {
  int depth = 0;
  for (; directory != state.numbers.top() && depth < tree::kMaxDepth; ++depth) {
    const auto node = state.vfs.node(directory);
    if (!node.ok() || node->parent == directory) break;
    directory = node->parent;
  }
  return depth;
}

// Of the links that tree/views.h makes: "..", "../..", ".".
bool leads_above_top(const MountState& state, const tree::Node& node) {
  if (state.numbers.shows_all() || node.kind != tree::NodeKind::kSymlink || !node.shortcut) {
    return false;
  }
  if (!node.link_text.starts_with("..")) return false;
  const auto up = std::count(node.link_text.begin(), node.link_text.end(), '/') + 1;
  return up > depth_below_top(state, node.parent);
}

}  // namespace

Waiting::Waiting(fuse_req_t req, Patience patience)
    : req_(req), source_(source_of_thread(state_of(req))) {
  MountState& state = state_of(req);
  if (patience == Patience::kReadDeadline) {
    context_.deadline = state.clock.now() + state.read_deadline;
  }
  context_.cancel = source_.token();
  fuse_req_interrupt_func(req, interrupted, &source_);
}

void reply_error(fuse_req_t req, const Error& error) {
  const int number = to_errno(error);
  state_of(req).errors.add();
  if (number == EIO) log::warn("a request failed: ", error);
  fuse_reply_err(req, number);
}

void reply_status(fuse_req_t req, const Status& status) {
  if (!status.ok()) return reply_error(req, status.error());
  fuse_reply_err(req, 0);
}

void reply_entry(fuse_req_t req, const tree::Node& node, std::uint64_t epoch) {
  state_of(req).invalidator.reply(epoch, [&](bool cacheable) {
    const fuse_entry_param entry = to_entry(state_of(req), node, cacheable);
    fuse_reply_entry(req, &entry);
  });
}

void reply_attributes(fuse_req_t req, const tree::Node& node, std::uint64_t epoch) {
  state_of(req).invalidator.reply(epoch, [&](bool cacheable) {
    const struct stat attributes = to_stat(state_of(req), node);
    fuse_reply_attr(req, &attributes, cacheable ? kCacheSeconds : 0);
  });
}

void reply_handle(fuse_req_t req, fuse_file_info* info, std::unique_ptr<Handle> handle) {
  answer_with(req, info, std::move(handle), [&] { return fuse_reply_open(req, info); });
}

void reply_created(fuse_req_t req, fuse_file_info* info, std::unique_ptr<Handle> handle,
                   const tree::Node& node, std::uint64_t epoch) {
  answer_with(req, info, std::move(handle), [&] {
    int failed = 0;
    state_of(req).invalidator.reply(epoch, [&](bool cacheable) {
      const fuse_entry_param entry = to_entry(state_of(req), node, cacheable);
      failed = fuse_reply_create(req, &entry, info);
    });
    return failed;
  });
}

FileHandle* file_of(const fuse_file_info* info) {
  if (info == nullptr) return nullptr;
  auto* const handle = reinterpret_cast<Handle*>(info->fh);  // NOLINT: libfuse's way
  return static_cast<FileHandle*>(handle);
}

vfs::OpenMode open_mode(int flags) {
  const int access = flags & O_ACCMODE;
  const bool truncate = (flags & O_TRUNC) != 0;
  return {
      .read = access != O_WRONLY, .write = access != O_RDONLY || truncate, .truncate = truncate};
}

Result<std::string> read_link(const MountState& state, const Context& context, InodeId inode) {
  if (!state.numbers.shows_all()) {
    const auto node = state.vfs.node(inode);
    if (node.ok() && leads_above_top(state, *node)) return std::string(kAboveTop);
  }
  return state.vfs.read_link(context, inode);
}

struct stat to_stat(const MountState& state, const tree::Node& node) {
  struct stat attributes {};
  attributes.st_ino = state.numbers.kernels(node.inode);
  attributes.st_mode = node.mode;
  // 1 for directories too, as btrfs has it: "the number of subdirectories is not counted here".
  attributes.st_nlink = node.parent == InodeId() ? 0 : 1;
  attributes.st_uid = node.uid;
  attributes.st_gid = node.gid;
  attributes.st_size =
      static_cast<off_t>(leads_above_top(state, node) ? kAboveTop.size() : node.size);
  attributes.st_blksize = 128 * 1024;
  attributes.st_blocks = static_cast<blkcnt_t>((node.size + 511) / 512);
  attributes.st_mtim = to_timespec(node.modified);
  attributes.st_ctim = attributes.st_mtim;
  attributes.st_atim = attributes.st_mtim;
  return attributes;
}

fuse_entry_param to_entry(const MountState& state, const tree::Node& node, bool cacheable) {
  fuse_entry_param entry{};
  entry.ino = state.numbers.kernels(node.inode);
  entry.attr = to_stat(state, node);
  entry.attr_timeout = entry.entry_timeout = cacheable ? kCacheSeconds : 0;
  return entry;
}

}  // namespace driveway::fuse
