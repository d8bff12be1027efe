// Which request of which mount a thread is working on: the vfs tells all mounts of a change on the
// thread that makes it, and the kernel need not be told by a mount what it asked of that mount
// itself. Private to fuse/.
#pragma once

#include <array>
#include <string_view>

#include "base/ids.h"

namespace driveway::fuse {

class Invalidator;

// What a request changes. What the kernel does with its own caches when such a request succeeds:
// entries and the attributes of their directories are made right, the inode's size and pages too,
// its other attributes asked for again.
struct LocalChange {
  struct Name {
    InodeId parent{};
    std::string_view name{};
  };
  std::array<Name, 2> names{};  // that come, go, or mean something else
  InodeId inode{};              // whose attributes or bytes change
  bool bytes = false;           // the bytes, too

  bool changes_name(InodeId parent, std::string_view name) const;
  // Whether it makes or removes entries of it.
  bool changes_entries_of(InodeId directory) const;
};

// While it lives, this thread makes `change` on behalf of the mount that `through` belongs to.
// Scopes of one thread do not overlap.
class LocalChangeScope {
 public:
  // Both outlive it.
  LocalChangeScope(const Invalidator& through, const LocalChange& change);
  ~LocalChangeScope();
  LocalChangeScope(const LocalChangeScope&) = delete;
  LocalChangeScope& operator=(const LocalChangeScope&) = delete;

  // What this thread is making; null where it makes nothing.
  static const LocalChangeScope* current();
  bool is_through(const Invalidator& mount) const { return &through_ == &mount; }
  const LocalChange& change() const { return change_; }

 private:
  const Invalidator& through_;
  const LocalChange& change_;
};

}  // namespace driveway::fuse
