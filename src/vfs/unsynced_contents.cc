#include "vfs/unsynced_contents.h"

#include <utility>
#include <vector>

namespace driveway::vfs {

void UnsyncedContents::add(std::shared_ptr<cache::DirtyContent> content, std::uint64_t generation) {
  const std::uint64_t number = content->number();
  const std::lock_guard lock(mutex_);
  contents_[number] = {std::move(content), generation};
}

// It stays among the others until its bytes are on the disk: the log must not be synced before.
Status UnsyncedContents::sync(const Entry& entry) {
  DRIVEWAY_CHECK(entry.content->sync());
  const std::lock_guard lock(mutex_);
  const auto found = contents_.find(entry.content->number());
  if (found != contents_.end() && found->second.generation == entry.generation) {
    contents_.erase(found);
  }
  return {};
}

Status UnsyncedContents::sync(const std::shared_ptr<cache::DirtyContent>& content) {
  Entry entry{content, 0};
  {
    const std::lock_guard lock(mutex_);
    const auto found = contents_.find(content->number());
    if (found != contents_.end()) entry.generation = found->second.generation;
  }
  return sync(entry);
}

Status UnsyncedContents::sync_all() {
  std::vector<Entry> entries;
  {
    const std::lock_guard lock(mutex_);
    entries.reserve(contents_.size());
    for (const auto& [number, entry] : contents_) entries.push_back(entry);
  }
  Status first;
  for (const Entry& entry : entries) {
    Status status = sync(entry);
    if (first.ok() && !status.ok()) first = std::move(status);
  }
  return first;
}

bool UnsyncedContents::holds(std::uint64_t number) const {
  const std::lock_guard lock(mutex_);
  return contents_.contains(number);
}

void UnsyncedContents::forget(const cache::DirtyContent& content) {
  std::shared_ptr<cache::DirtyContent> last;  // may end outside of the lock
  const std::lock_guard lock(mutex_);
  const auto found = contents_.find(content.number());
  if (found == contents_.end()) return;
  last = std::move(found->second.content);
  contents_.erase(found);
}

}  // namespace driveway::vfs
