// The fixed folders of the layouts (design: the commands), and their inodes.
//
//   colab: / (1) with MyDrive (2), Shareddrives (3), .shared (4), .Trash (5)
//   root:  / is My Drive itself (1), with .Shareddrives (3), .shared (4), .Trash (5) in it
//
// With --lost-and-found both have lost+found (6) beside .Trash.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

#include "base/ids.h"
#include "tree/tree.h"

namespace driveway::tree {

inline const InodeId kRootInode{1};
inline const InodeId kMyDriveInode{2};  // colab only
inline const InodeId kSharedDrivesInode{3};
inline const InodeId kSharedWithMeInode{4};
inline const InodeId kTrashInode{5};
inline const InodeId kLostAndFoundInode{6};
inline constexpr std::uint64_t kFirstFreeInode = 1024;  // journal/inode_allocator.h

inline constexpr int kMaxDepth = 1000;  // of folders; Drive's own limit is 100 (reference 1.7)

inline bool is_fixed(InodeId inode) { return inode.value() < kFirstFreeInode; }

inline InodeId my_drive_inode(Layout layout) {
  return layout == Layout::kColab ? kMyDriveInode : kRootInode;
}

struct FixedEntry {
  std::string_view name;
  std::uint64_t inode;
};

// The entries of the root that are always there.
inline std::span<const FixedEntry> fixed_entries(Layout layout, bool lost_and_found) {
  static constexpr std::array<FixedEntry, 5> kColab = {
      {{"MyDrive", 2}, {"Shareddrives", 3}, {".shared", 4}, {".Trash", 5}, {"lost+found", 6}}};
  static constexpr std::array<FixedEntry, 4> kRoot = {
      {{".Shareddrives", 3}, {".shared", 4}, {".Trash", 5}, {"lost+found", 6}}};
  const std::span<const FixedEntry> all = layout == Layout::kColab
                                              ? std::span<const FixedEntry>(kColab)
                                              : std::span<const FixedEntry>(kRoot);
  return lost_and_found ? all : all.first(all.size() - 1);
}

}  // namespace driveway::tree
