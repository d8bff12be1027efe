// What the kernel calls an inode: the top of the mount has the root's number there, and the root,
// where it is not the top, the top's; all others have their own. So every mount of a daemon shows
// the same inodes, whichever folder is its top. Private to fuse/.
#pragma once

#include <cstdint>

#include "base/ids.h"
#include "tree/tree.h"

namespace driveway::fuse {

class InodeNumbers {
 public:
  explicit InodeNumbers(InodeId top) : top_(top) {}
  InodeId top() const { return top_; }
  bool shows_all() const { return top_ == tree::Tree::root(); }

  InodeId ours(std::uint64_t kernels) const { return exchanged(InodeId(kernels)); }
  std::uint64_t kernels(InodeId ours) const { return exchanged(ours).value(); }

 private:
  InodeId exchanged(InodeId inode) const {
    if (inode == top_) return tree::Tree::root();
    return inode == tree::Tree::root() ? top_ : inode;
  }
  const InodeId top_;
};

}  // namespace driveway::fuse
