#include "vfs/freed_contents.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace driveway::vfs {

void FreedContents::recorded(std::shared_ptr<cache::DirtyContent> content,
                             std::uint64_t generation) {
  add({.content = std::move(content), .generation = generation});
}

void FreedContents::discard(std::shared_ptr<cache::DirtyContent> content) {
  add({.content = std::move(content), .is_needed = false});
}

void FreedContents::add(Entry entry) {
  entry.sequence = journal_.ledger_state().appended;
  {
    const std::lock_guard lock(mutex_);
    entries_.push_back(std::move(entry));
  }
  // It may have been synced before it stood here.
  synced(journal_.ledger_state().synced);
}

void FreedContents::synced(std::uint64_t sequence) {
  std::vector<Entry> freed;
  {
    const std::lock_guard lock(mutex_);
    const auto first =
        std::stable_partition(entries_.begin(), entries_.end(),
                              [sequence](const Entry& entry) { return entry.sequence > sequence; });
    freed.assign(std::move_iterator(first), std::move_iterator(entries_.end()));
    entries_.erase(first, entries_.end());
  }
  for (const Entry& entry : freed) {
    if (entry.is_needed) {
      entry.content->recorded(entry.generation);
    } else {
      cache_.discard(entry.content);
    }
  }
}

}  // namespace driveway::vfs
