// opendir to releasedir. The kernel keeps listings that it has read whole, until it is told
// otherwise (KernelCache).
#include <sys/stat.h>

#include <algorithm>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "fuse/request.h"

namespace driveway::fuse {
namespace {

DirectoryHandle& directory_of(const fuse_file_info* info) {
  auto* const handle = reinterpret_cast<Handle*>(info->fh);  // NOLINT: libfuse's way
  return *static_cast<DirectoryHandle*>(handle);
}

// Whether every kind in it is known: that of a folder's shortcut is a guess until its target is
// known, and nothing is told when it is.
bool is_settled(vfs::Vfs& vfs, const std::vector<tree::DirEntry>& entries) {
  std::vector<InodeId> directories;
  for (const tree::DirEntry& entry : entries) {
    if (entry.kind == tree::NodeKind::kDirectory) directories.push_back(entry.inode);
  }
  const auto nodes = vfs.nodes(directories);
  return std::all_of(nodes.begin(), nodes.end(), [](const auto& node) { return node.has_value(); });
}

Result<std::shared_ptr<const Listing>> read_listing(fuse_req_t req, InodeId directory) {
  MountState& state = state_of(req);
  auto listing = std::make_shared<Listing>();
  listing->stamp = state.kernel_cache.listing_stamp(directory);
  DRIVEWAY_TRY(const tree::Node node, state.vfs.node(directory));
  listing->parent = directory == state.numbers.top() ? directory : node.parent;
  auto entries =
      waiting(req, [&](const Context& context) { return state.vfs.list(context, directory); });
  if (!entries.ok()) return std::move(entries).error();
  listing->entries = *std::move(entries);
  // The fixed folders have no item: what is read of them is noted in the tree.
  listing->settled = node.item.has_value() && is_settled(state.vfs, listing->entries);
  return std::shared_ptr<const Listing>(std::move(listing));
}

void op_opendir(fuse_req_t req, fuse_ino_t inode, fuse_file_info* info) {
  MountState& state = state_of(req);
  auto handle = std::make_unique<DirectoryHandle>(inode_of(req, inode), state.kernel_cache);
  handle->open = state.vfs.open_folder(handle->inode);
  handle->listing = state.kernel_cache.listing(handle->inode);
  const bool kernel_has_it = handle->listing != nullptr;
  if (!kernel_has_it) {
    auto listing = read_listing(req, handle->inode);
    if (!listing.ok()) return reply_error(req, listing.error());
    handle->listing = *std::move(listing);
  }
  handle->kernel_keeps =
      handle->listing->settled && state.kernel_cache.join(handle->inode, handle->listing->stamp);
  info->cache_readdir = handle->kernel_keeps ? 1 : 0;
  info->keep_cache = handle->kernel_keeps && kernel_has_it ? 1 : 0;
  reply_handle(req, info, std::move(handle));
}

void op_releasedir(fuse_req_t req, fuse_ino_t, fuse_file_info* info) {
  state_of(req).handles.release(&directory_of(info));
  fuse_reply_err(req, 0);
}

// What the request is answered from. At the beginning that is what is there now: rewinddir() shows
// what came meanwhile, as POSIX asks.
Result<std::shared_ptr<const Listing>> listing_for(fuse_req_t req, DirectoryHandle& handle,
                                                   off_t offset) {
  const std::lock_guard lock(handle.mutex);
  const bool rewound = offset == 0 && std::exchange(handle.started, true);
  const bool old = handle.listing->stamp != state_of(req).kernel_cache.listing_stamp(handle.inode);
  if (rewound || (offset == 0 && old)) {
    DRIVEWAY_TRY(handle.listing, read_listing(req, handle.inode));
  }
  return handle.listing;
}

// One answer from a listing. When it is destroyed, after the answer, the kernel's copy is
// accounted for: kept, when the last answer made it whole, or dropped, when it is not what it
// should be. The handle may have gone by then.
class Answer {
 public:
  Answer(MountState& state, const DirectoryHandle& handle, std::shared_ptr<const Listing> listing)
      : state_(state),
        directory_(handle.inode),
        kernel_keeps_(handle.kernel_keeps),
        listing_(std::move(listing)),
        good_(kernel_keeps_ && listing_->settled &&
              state.kernel_cache.rejoin(directory_, listing_->stamp) &&
              listing_->stamp == state.kernel_cache.listing_stamp(directory_)) {}
  Answer(const Answer&) = delete;
  Answer& operator=(const Answer&) = delete;
  ~Answer() {
    if (!kernel_keeps_) return;
    if (!good_) {
      state_.invalidator.drop_directory(directory_);
    } else if (ended_) {
      state_.kernel_cache.keep(directory_, listing_);
    }
  }

  struct Entry {  // ".", "..", then its own
    const char* name;
    InodeId inode;
    mode_t type;
  };
  std::size_t count() const { return listing_->entries.size() + 2; }
  Entry entry(std::size_t index) const;
  void set_ended() { ended_ = true; }

 private:
  MountState& state_;
  const InodeId directory_;
  const bool kernel_keeps_;
  const std::shared_ptr<const Listing> listing_;
  const bool good_;
  bool ended_ = false;
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

Answer::Entry Answer::entry(std::size_t index) const {
  if (index == 0) return {".", directory_, S_IFDIR};
  if (index == 1) return {"..", listing_->parent, S_IFDIR};
  const tree::DirEntry& entry = listing_->entries[index - 2];
  return {entry.name.c_str(), entry.inode, type_bits(entry.kind)};
}

void op_readdir(fuse_req_t req, fuse_ino_t, std::size_t size, off_t offset, fuse_file_info* info) {
  MountState& state = state_of(req);
  state.readdirs.add();
  DirectoryHandle& handle = directory_of(info);
  auto listing = listing_for(req, handle, offset);
  if (!listing.ok()) return reply_error(req, listing.error());
  Answer answer(state, handle, *std::move(listing));
  std::vector<char> buffer(size);
  std::size_t used = 0;
  for (auto index = static_cast<std::size_t>(offset); index < answer.count(); ++index) {
    const Answer::Entry entry = answer.entry(index);
    struct stat attributes {};
    attributes.st_ino = state.numbers.kernels(entry.inode);
    attributes.st_mode = entry.type;
    const std::size_t needed = fuse_add_direntry(req, buffer.data() + used, size - used, entry.name,
                                                 &attributes, static_cast<off_t>(index + 1));
    if (needed > size - used) break;
    used += needed;
  }
  if (used == 0) answer.set_ended();
  fuse_reply_buf(req, buffer.data(), used);
}

// How many entries an answer of `size` bytes holds at most: each takes this much besides its name.
constexpr std::size_t kPlusEntryOverhead = 152;

std::vector<std::optional<tree::Node>> nodes_of(vfs::Vfs& vfs, const Answer& answer,
                                                std::size_t first, std::size_t end) {
  std::vector<InodeId> inodes;
  for (std::size_t index = first; index < end; ++index) inodes.push_back(answer.entry(index).inode);
  return vfs.nodes(inodes);
}

void op_readdirplus(fuse_req_t req, fuse_ino_t, std::size_t size, off_t offset,
                    fuse_file_info* info) {
  MountState& state = state_of(req);
  state.readdirs.add();
  const std::uint64_t epoch = state.invalidator.epoch();
  DirectoryHandle& handle = directory_of(info);
  auto listing = listing_for(req, handle, offset);
  if (!listing.ok()) return reply_error(req, listing.error());
  Answer answer(state, handle, *std::move(listing));
  const auto first = static_cast<std::size_t>(offset);
  const std::size_t end = std::min(answer.count(), first + size / kPlusEntryOverhead);
  const auto nodes = nodes_of(state.vfs, answer, first, end);
  state.invalidator.reply(epoch, [&](bool cacheable) {
    std::vector<char> buffer(size);
    std::size_t used = 0;
    for (std::size_t index = first; index < end; ++index) {
      const Answer::Entry shown = answer.entry(index);
      fuse_entry_param entry{};
      if (index >= 2 && nodes[index - first]) {
        entry = to_entry(state, *nodes[index - first], cacheable);
      } else {
        entry.attr.st_ino = state.numbers.kernels(shown.inode);
        entry.attr.st_mode = shown.type;
      }
      const std::size_t needed =
          fuse_add_direntry_plus(req, buffer.data() + used, size - used, shown.name, &entry,
                                 static_cast<off_t>(index + 1));
      if (needed > size - used) break;
      used += needed;
    }
    if (used == 0) answer.set_ended();
    fuse_reply_buf(req, buffer.data(), used);
  });
}

}  // namespace

void add_directory_operations(fuse_lowlevel_ops& ops) {
  ops.opendir = op_opendir;
  ops.readdir = op_readdir;
  ops.readdirplus = op_readdirplus;
  ops.releasedir = op_releasedir;
}

}  // namespace driveway::fuse
