// Which dirty contents a record names whose bytes may not have reached the disk yet (D2).
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>

#include "base/result.h"
#include "cache/dirty_content.h"

namespace driveway::vfs {

// Thread-safe; its mutex is a leaf, held over no disk work.
class UnsyncedContents {
 public:
  // A record of `generation` is about to be made.
  void add(std::shared_ptr<cache::DirtyContent> content, std::uint64_t generation);
  // Brings its bytes to the disk. Errors: those of DirtyContent::sync.
  Status sync(const std::shared_ptr<cache::DirtyContent>& content);
  // All that were added before the call. One that fails does not keep the others from it; the first
  // error is given, and it is tried again the next time.
  Status sync_all();
  // Whether its bytes may not have reached the disk since the last add().
  bool holds(std::uint64_t number) const;
  // No record names it any more.
  void forget(const cache::DirtyContent& content);

 private:
  struct Entry {
    std::shared_ptr<cache::DirtyContent> content;
    std::uint64_t generation = 0;
  };
  Status sync(const Entry& entry);

  mutable std::mutex mutex_;
  std::map<std::uint64_t, Entry> contents_;  // by number
};

}  // namespace driveway::vfs
