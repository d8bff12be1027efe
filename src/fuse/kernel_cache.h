// What the kernel may go on showing from its own cache: pages of files, and whole listings.
//
// A file's pages stay right, if they were right (bytes are shown before the hash of a large content
// is compared), because the bytes of an inode change by this client alone (R1a): through this
// mount, where the kernel writes its pages through and cuts them itself, or through another one of
// the same daemon, which speaks against them. A listing stays right until an entry comes or goes.
// Both are kept here as long as nothing speaks against them, so that an open() of what the kernel
// has asks nobody. Stamps close the gap between looking and saying so: what was spoken against
// after the stamp was taken is not believed.
//
// Thread-safe; its lock is a leaf.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "base/ids.h"
#include "tree/node.h"

namespace driveway::fuse {

// A directory as it was read once; offsets in it mean the same entries for all who share it.
struct Listing {
  InodeId parent;
  std::vector<tree::DirEntry> entries;
  bool settled = false;     // no kind in it is a guess
  std::uint64_t stamp = 0;  // of the directory, from before it was read
};

class KernelCache {
 public:
  // `most_entries`: how many entries the kept listings have at most, in all.
  explicit KernelCache(std::size_t most_entries = kMostEntries);

  // Whether the kernel may keep what it has of the file, whoever opens it.
  bool trusts(InodeId file) const { return slot(file).load() == file.value(); }
  // REQUIRES: taken before the content was asked whether it is trusted.
  std::uint64_t file_stamp(InodeId file) const { return slot(file).load(); }
  // Nothing happens where distrust() came after the stamp was taken.
  void trust(InodeId file, std::uint64_t stamp) {
    slot(file).compare_exchange_strong(stamp, file.value());
  }
  // Bytes of it are on their way to the kernel, or were changed through another mount, or the inode
  // means something else now.
  void distrust(InodeId file) { slot(file).store(kNobody | next_.fetch_add(1)); }

  std::uint64_t listing_stamp(InodeId directory) const { return changes(directory).load(); }
  // The listing that the kernel has whole; null when it has none, or an old one.
  std::shared_ptr<const Listing> listing(InodeId directory);
  // The kernel has it whole now. Nothing happens where it is old, or too large to keep.
  void keep(InodeId directory, std::shared_ptr<const Listing> listing);
  // Who reads a directory through the kernel's copy goes on in it at an offset, also when it was
  // made anew meanwhile: all at one time must be of one listing. Whether one more, who has the
  // listing of `stamp`, may be among them, until left().
  bool join(InodeId directory, std::uint64_t stamp);
  // One of them has the listing of `stamp` now: whether he may, that is, whether all have.
  bool rejoin(InodeId directory, std::uint64_t stamp);
  void left(InodeId directory);
  // An entry came or went. Whether a listing was kept.
  bool forget_listing(InodeId directory);

 private:
  static constexpr std::size_t kMostEntries = 128 * 1024;  // some 12 MB
  static constexpr std::size_t kFileSlots = 128 * 1024;    // 1 MiB
  static constexpr std::size_t kDirectorySlots = 4 * 1024;
  static constexpr std::uint64_t kNobody = std::uint64_t{1} << 63;  // with what makes it unique

  struct Kept {
    std::shared_ptr<const Listing> listing;
    std::list<InodeId>::iterator place;
  };
  struct Readers {
    std::uint64_t stamp = 0;
    std::size_t count = 0;
  };
  using Slot = std::atomic<std::uint64_t>;

  // Inode numbers are given out one after the other: files of one folder have slots of their own.
  // Files that share one drive each other out.
  Slot& slot(InodeId file) const { return files_[file.value() % kFileSlots]; }
  // Directories that share one are taken for changed with each other.
  Slot& changes(InodeId directory) const { return changes_[directory.value() % kDirectorySlots]; }
  bool drop(InodeId directory);

  const std::size_t most_entries_;
  const std::unique_ptr<Slot[]> files_;  // the inode that is trusted, or kNobody
  const std::unique_ptr<Slot[]> changes_;
  Slot next_{0};
  std::mutex mutex_;  // guards what follows
  std::unordered_map<InodeId, Kept> kept_;
  std::list<InodeId> recently_used_;  // first: the latest
  std::unordered_map<InodeId, Readers> readers_;
  std::size_t entries_ = 0;  // of all kept ones
};

}  // namespace driveway::fuse
