// What this client changes in Drive itself: the tree asks before it takes what Drive says for
// another client's doing.
#pragma once

#include <optional>

#include "base/ids.h"
#include "drive/item.h"

namespace driveway::tree {

// Thread-safe. Called within a write transaction of `meta`: must not wait, nor call the Tree.
class OwnChanges {
 public:
  virtual ~OwnChanges() = default;
  // The inode of an item that was made here, where the tree has not seen it yet.
  virtual std::optional<InodeId> inode_of(const FileId& id) const = 0;
  // Whether the bytes that `item` has now were put there from `inode`: then the inode stays (R1a is
  // about the changes of others).
  virtual bool wrote(InodeId inode, const drive::Item& item) const = 0;
};

}  // namespace driveway::tree
