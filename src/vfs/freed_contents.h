// What of dirty contents no record needs any more, until that is on the disk (D2): a crash of the
// machine before may bring back the record that needs it, whose bytes somebody's fsync has
// acknowledged.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>

#include "cache/content_cache.h"
#include "cache/dirty_content.h"
#include "journal/journal.h"

namespace driveway::vfs {

// Thread-safe; its mutex is a leaf, held over no disk work.
class FreedContents {
 public:
  FreedContents(cache::ContentCache& cache, const journal::Journal& journal)
      : cache_(cache), journal_(journal) {}

  // DirtyContent::recorded(), for the record that was appended last.
  void recorded(std::shared_ptr<cache::DirtyContent> content, std::uint64_t generation);
  // ContentCache::discard(), of what the records do not name any more that were appended last.
  void discard(std::shared_ptr<cache::DirtyContent> content);
  // The records up to `sequence` are on the disk.
  void synced(std::uint64_t sequence);

 private:
  struct Entry {
    std::shared_ptr<cache::DirtyContent> content;
    std::uint64_t generation = 0;
    bool is_needed = true;  // by later records
  };
  void add(Entry entry);

  cache::ContentCache& cache_;
  const journal::Journal& journal_;
  std::mutex mutex_;
  std::multimap<std::uint64_t, Entry> entries_;  // by sequence
};

}  // namespace driveway::vfs
