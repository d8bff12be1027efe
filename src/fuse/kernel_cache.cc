#include "fuse/kernel_cache.h"

#include <utility>

namespace driveway::fuse {

KernelCache::KernelCache(std::size_t most_entries)
    : most_entries_(most_entries),
      files_(std::make_unique<Slot[]>(kFileSlots)),
      changes_(std::make_unique<Slot[]>(kDirectorySlots)) {}

std::shared_ptr<const Listing> KernelCache::listing(InodeId directory) {
  const std::lock_guard lock(mutex_);
  const auto found = kept_.find(directory);
  if (found == kept_.end() || found->second.listing->stamp != listing_stamp(directory)) return {};
  recently_used_.splice(recently_used_.begin(), recently_used_, found->second.place);
  return found->second.listing;
}

void KernelCache::keep(InodeId directory, std::shared_ptr<const Listing> listing) {
  const std::size_t size = listing->entries.size() + 1;  // an empty one takes room too
  const std::lock_guard lock(mutex_);
  if (!listing->settled || listing->stamp != listing_stamp(directory)) return;
  drop(directory);
  if (size > most_entries_ / 4) return;
  while (entries_ + size > most_entries_) drop(InodeId(recently_used_.back()));
  recently_used_.push_front(directory);
  kept_[directory] = {std::move(listing), recently_used_.begin()};
  entries_ += size;
}

bool KernelCache::join(InodeId directory, std::uint64_t stamp) {
  const std::lock_guard lock(mutex_);
  Readers& readers = readers_[directory];
  if (readers.count > 0 && readers.stamp != stamp) return false;
  readers.stamp = stamp;
  ++readers.count;
  return true;
}

bool KernelCache::rejoin(InodeId directory, std::uint64_t stamp) {
  const std::lock_guard lock(mutex_);
  Readers& readers = readers_.at(directory);
  if (readers.count == 1) readers.stamp = stamp;
  return readers.stamp == stamp;
}

void KernelCache::left(InodeId directory) {
  const std::lock_guard lock(mutex_);
  const auto found = readers_.find(directory);
  if (--found->second.count == 0) readers_.erase(found);
}

bool KernelCache::forget_listing(InodeId directory) {
  changes(directory).fetch_add(1);
  const std::lock_guard lock(mutex_);
  return drop(directory);
}

// With mutex_ held.
bool KernelCache::drop(InodeId directory) {
  const auto found = kept_.find(directory);
  if (found == kept_.end()) return false;
  entries_ -= found->second.listing->entries.size() + 1;
  recently_used_.erase(found->second.place);
  kept_.erase(found);
  return true;
}

}  // namespace driveway::fuse
