// What one flush waits for, and how far it has come. Private to control/.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "base/bytes.h"
#include "base/ids.h"
#include "vfs/vfs.h"

namespace driveway::control {

// Not thread-safe. REQUIRES that vfs.journal() is there, and outlives it.
class FlushWatch {
 public:
  // What Drive does not have now of what is shown at and below `path`; nothing: of everything.
  FlushWatch(vfs::Vfs& vfs, const std::optional<std::string>& path);

  // The inodes of these, in the order of their last change.
  using Inodes = std::vector<InodeId>;
  static Inodes inodes_of(vfs::Vfs& vfs, const std::optional<std::string>& path);

  // {"files","files_done","bytes","bytes_done"}; a folder, a move or a removal counts as a file of
  // no bytes. What changes after the start does not count.
  nlohmann::json progress() const;
  std::uint64_t files_left() const;

 private:
  struct Goal {
    InodeId inode;
    std::uint64_t order = 0;
    std::uint64_t generation = 0;
    Bytes size = 0;
  };
  struct Amounts {
    std::uint64_t files = 0;
    Bytes bytes = 0;
  };
  Amounts done() const;

  vfs::Vfs& vfs_;
  std::vector<Goal> goals_;
  Bytes bytes_ = 0;
};

}  // namespace driveway::control
