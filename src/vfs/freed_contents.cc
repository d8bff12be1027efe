#include "vfs/freed_contents.h"

#include <utility>
#include <vector>

namespace driveway::vfs {

void FreedContents::recorded(std::shared_ptr<cache::DirtyContent> content,
                             std::uint64_t generation) {
  add({.content = std::move(content), .generation = generation});
}

void FreedContents::discard(std::shared_ptr<cache::DirtyContent> content) {
  add({.content = std::move(content), .is_needed = false});
}

void FreedContents::add(Entry entry) {
  const std::uint64_t sequence = journal_.ledger_state().appended;
  {
    const std::lock_guard lock(mutex_);
    entries_.emplace(sequence, std::move(entry));
  }
  // It may have been synced before it stood here.
  synced(journal_.ledger_state().synced);
}

void FreedContents::synced(std::uint64_t sequence) {
  std::vector<Entry> freed;
  {
    const std::lock_guard lock(mutex_);
    const auto end = entries_.upper_bound(sequence);
    for (auto entry = entries_.begin(); entry != end; ++entry) {
      freed.push_back(std::move(entry->second));
    }
    entries_.erase(entries_.begin(), end);
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
