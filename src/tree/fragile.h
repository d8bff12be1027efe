// Listings that a change at about the same time may have distorted, unseen.
//
// Drive lists nothing of a folder in the trash, and tells nothing of its descendants when it comes
// back; pages of one listing are no snapshot, so that a change between them may hide an item
// (drive-api reference 3.3, 6). Where the feed brings such a change soon after the listing, the
// listing is made anew. Thread-safe.
#pragma once

#include <algorithm>
#include <deque>
#include <functional>
#include <mutex>
#include <set>
#include <vector>

#include "base/clock.h"
#include "base/ids.h"

namespace driveway::tree {

class FragileListings {
 public:
  void add(TimePoint now, std::vector<InodeId> directories, std::vector<InodeId> empty, int pages) {
    if (empty.empty() && pages < 2) return;
    const std::lock_guard lock(mutex_);
    listings_.push_back({now, std::move(directories), std::move(empty), pages > 1});
    while (listings_.size() > kMost) listings_.pop_front();
  }

  // Takes out those that a feed's changes, told at `now`, make doubtful. `changed`: directories
  // whose entries changed. `below`: whether an (empty) directory is, or is below, a folder that
  // changed. Forgets old ones.
  std::set<InodeId> take_doubtful(TimePoint now, const std::set<std::uint64_t>& changed,
                                  const std::function<bool(InodeId)>& below) {
    const std::lock_guard lock(mutex_);
    while (!listings_.empty() && now - listings_.front().at > kFor) listings_.pop_front();
    std::set<InodeId> doubtful;
    for (Listing& listing : listings_) {
      std::erase_if(listing.empty, [&](InodeId inode) {
        if (!below(inode)) return false;
        doubtful.insert(inode);
        return true;
      });
      const bool shaken = listing.many_pages && (touches(listing.directories, changed) ||
                                                 std::any_of(listing.directories.begin(),
                                                             listing.directories.end(), below));
      if (shaken) {
        doubtful.insert(listing.directories.begin(), listing.directories.end());
        listing.many_pages = false;
      }
    }
    return doubtful;
  }

 private:
  static constexpr std::size_t kMost = 4096;
  // How much later the feed may tell of a change (drive-api reference 6: seconds, at times
  // minutes).
  static constexpr Duration kFor = std::chrono::minutes(10);
  struct Listing {
    TimePoint at;
    std::vector<InodeId> directories;
    std::vector<InodeId> empty;
    bool many_pages;
  };
  static bool touches(const std::vector<InodeId>& directories,
                      const std::set<std::uint64_t>& changed) {
    for (const InodeId inode : directories) {
      if (changed.contains(inode.value())) return true;
    }
    return false;
  }
  std::mutex mutex_;
  std::deque<Listing> listings_;
};

}  // namespace driveway::tree
