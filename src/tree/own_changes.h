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
  // As which inode an item is known here: that of what was made here and that the tree has not seen
  // yet; of what a rename put in the place of another (J6).
  virtual std::optional<InodeId> inode_of(const FileId& id) const = 0;
  // As inode_of(item.id); also where Drive has chosen that id and has not told of it yet (J2).
  virtual std::optional<InodeId> maker_of(const drive::Item& item) const {
    return inode_of(item.id);
  }
  // Whether the bytes that `item` has now were put there from `inode`: then the inode stays (R1a is
  // about the changes of others). Of no other inode: also where the item's id has gone to another
  // one since (J6).
  virtual bool wrote(InodeId inode, const drive::Item& item) const = 0;
  // Whether the item is about to be trashed or removed, as inode_of(id). Asked where the tree has
  // another inode for it, which nobody has removed.
  virtual bool removes(const FileId& /*id*/) const { return false; }
  // Whether the item is a folder whose creation Drive is answering just now: nothing can be in it
  // that the feed does not tell of. Not one whose answer was lost, by an earlier run, say.
  virtual bool is_fresh_folder(const FileId& /*id*/) const { return false; }
};

}  // namespace driveway::tree
