// Who has which name in a directory.
//
// Items whose shown name would be the same are twins: the oldest by (createdTime, id) has the plain
// name, the others have it with a suffix of their id (names.h). So every mount shows the same
// names, and when the oldest goes, the next has the plain name. A name with a suffix gives way to
// an item that really is called so, and to the fixed folders of the layout (J9).
//
// Works within the caller's transaction; writes the rows that it changes.
#pragma once

#include <string>
#include <string_view>

#include "base/ids.h"
#include "base/result.h"
#include "tree/events.h"
#include "tree/meta_store.h"

namespace driveway::tree {

class Dentries {
 public:
  Dentries(MetaWriter& meta, Events& events) : meta_(meta), events_(events) {}

  // Puts `row` into `directory` and writes it. REQUIRES that it is nowhere.
  Status add(ItemRow& row, InodeId directory, const std::string& base, EntryKind kind,
             std::uint64_t run);
  // Takes `row` out of its directory and writes it. REQUIRES that it is somewhere.
  Status remove(ItemRow& row);
  // The name of `row` means inode `row.inode` from now on, and no longer `before` (R1a).
  Status replace(const ItemRow& row, InodeId before, EntryKind kind);

 private:
  struct Member {
    ItemRow row;
    Dentry dentry;
  };
  Result<Member> member(InodeId inode, InodeId directory);
  Result<std::string> free_suffix(InodeId directory, const std::string& base, const FileId& id);
  Status put(ItemRow& row, const std::string& name, const Dentry& dentry);
  Status put_suffixed(ItemRow& row, const std::string& base, Dentry dentry);
  Status take_name(const Member& member);
  Status add_twin(ItemRow& row, const std::string& base, const Dentry& dentry, Dentry holder);
  Status promote(InodeId directory, const std::string& base);

  MetaWriter& meta_;
  Events& events_;
};

}  // namespace driveway::tree
