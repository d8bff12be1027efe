// Files that were opened by name only: what opens them is done when bytes are asked for. Private to
// vfs/.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <unordered_map>

#include "base/ids.h"
#include "base/result.h"
#include "tree/node.h"
#include "vfs/vfs.h"

namespace driveway::vfs {

// A file that loses its name here is opened before, if somebody holds it: afterwards nobody could
// (R1a: the name has gone, the handle has not). Thread-safe; its lock is a leaf.
class LateOpens {
 public:
  using Open = std::function<Result<std::shared_ptr<OpenFile>>(const tree::Node& node)>;

  // `open` waits for nobody; it is called without a lock.
  explicit LateOpens(Open open) : open_(std::move(open)) {}

  // Until what this gives ends, which must be before this object.
  std::shared_ptr<const void> hold(InodeId inode);
  // REQUIRES that it has its name still.
  void losing_name(const tree::Node& node);
  // Null where no name was lost while somebody held it.
  std::shared_ptr<OpenFile> find(InodeId inode) const;

 private:
  struct Entry {
    int holders = 0;
    std::shared_ptr<OpenFile> file;
  };
  bool is_held(InodeId inode) const;
  void release(InodeId inode);

  const Open open_;
  mutable std::mutex mutex_;
  std::unordered_map<InodeId, Entry> entries_;  // guarded by mutex_
};

}  // namespace driveway::vfs
