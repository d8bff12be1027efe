#include "vfs/read_ahead.h"

#include <algorithm>
#include <utility>

#include "base/interval_set.h"

namespace driveway::vfs {
namespace {

// GETs of a file that is fetched whole in the background (R3: 16 to 64 MiB).
constexpr Bytes kBackgroundChunk = 64 * kMiB;

bool overlap(const ByteRange& a, const ByteRange& b) { return !a.intersect(b).empty(); }

}  // namespace

std::shared_ptr<ReadAhead> ReadAhead::make(Bytes size, Container container, Bytes most_whole,
                                           transfer::Fetcher& fetcher) {
  return std::make_shared<ReadAhead>(size, container, most_whole, fetcher);
}

ReadAhead::ReadAhead(Bytes size, Container container, Bytes most_whole, transfer::Fetcher& fetcher)
    : fetcher_(fetcher), size_(size), most_whole_(most_whole), pattern_(size, container) {}

ByteRange ReadAhead::before_read(const std::shared_ptr<Blob>& blob, ByteRange read, bool hit) {
  Tickets ended;  // without the lock: their end waits for their callbacks
  const std::lock_guard lock(mutex_);
  if (closed_) return {};
  const Advice& advice = pattern_.on_read(read, hit, fetcher_.link_speed());
  const bool other_blob = blob != blob_;
  if (other_blob) {
    release_unwanted(true, ended);
    blob_ = blob;
  }
  const bool changed = std::exchange(version_, advice.version) != advice.version || other_blob;
  if (changed) {
    regions_ = advice.regions;
    whole_ = advice.whole && size_ <= most_whole_;
  }
  // What a reader waits for goes first, and as such.
  if (!hit && !is_held(read) && !blob->lacks_room()) hold(advice.ask, Priority::kForeground);
  const bool finished = std::any_of(held_.begin(), held_.end(),
                                    [](const Held& held) { return held.ticket->finished(); });
  if (!changed && hit && !finished) return advice.ask;
  failing_ = false;
  release_unwanted(false, ended);
  fill();
  return advice.ask;
}

void ReadAhead::close() {
  Tickets ended;
  const std::lock_guard lock(mutex_);
  closed_ = true;
  release_unwanted(true, ended);
  blob_.reset();
}

// --- All below with mutex_ held, but ticket_finished().

// What is finished, and what lies in no region any more: the reader has gone elsewhere.
void ReadAhead::release_unwanted(bool all, Tickets& ended) {
  for (Held& held : held_) {
    const bool wanted =
        !all && !held.ticket->finished() &&
        (whole_ || std::any_of(regions_.begin(), regions_.end(), [&](const auto& region) {
           return overlap(region.range, held.range);
         }));
    if (!wanted) ended.push_back(std::move(held.ticket));
  }
  std::erase_if(held_, [](const Held& held) { return held.ticket == nullptr; });
}

bool ReadAhead::is_held(ByteRange range) const {
  return std::any_of(held_.begin(), held_.end(), [&](const Held& held) {
    return held.range.contains(range) && !held.ticket->finished();
  });
}

void ReadAhead::hold(ByteRange range, Priority priority) {
  if (range.empty()) return;
  auto done = [self = weak_from_this()](const Status& status) {
    if (const auto read_ahead = self.lock()) read_ahead->ticket_finished(status);
  };
  held_.push_back({range, fetcher_.want(blob_, range, priority, std::move(done))});
}

// Readers may be waiting all the while: the next GET follows the one that has ended. On a thread of
// the fetcher, so no ticket may end here.
void ReadAhead::ticket_finished(const Status& status) {
  const std::lock_guard lock(mutex_);
  if (closed_ || blob_ == nullptr) return;
  if (!status.ok()) failing_ = true;
  fill();
}

// Asks for what of the regions is neither here nor on its way, in their order.
void ReadAhead::fill() {
  if (failing_ || blob_->lacks_room()) return;
  auto room = fetcher_.link_speed().gets_at_once(kShortestGet) -
              static_cast<int>(std::count_if(held_.begin(), held_.end(), [](const Held& held) {
                return !held.ticket->finished();
              }));
  for (const Advice::Region& region : regions_) {
    fill_region(region, Priority::kReadAhead, room);
  }
  if (whole_) fill_region({{0, size_}, kBackgroundChunk, false}, Priority::kBackground, room);
}

// At most `room` GETs more.
void ReadAhead::fill_region(const Advice::Region& region, Priority priority, int& room) {
  if (room <= 0) return;
  IntervalSet on_their_way;
  for (const Held& held : held_) {
    if (!held.ticket->finished()) on_their_way.add(held.range);
  }
  std::vector<ByteRange> gaps;
  for (const ByteRange& missing : blob_->missing(region.range)) {
    const auto parts = on_their_way.gaps(missing);
    gaps.insert(gaps.end(), parts.begin(), parts.end());
  }
  if (region.backward) std::reverse(gaps.begin(), gaps.end());
  for (ByteRange gap : gaps) {
    while (!gap.empty()) {
      if (room <= 0) return;
      const Bytes length = std::min(gap.length, std::max(region.chunk, cache::kBlockSize));
      hold({region.backward ? gap.end() - length : gap.offset, length}, priority);
      --room;
      gap.length -= length;
      if (!region.backward) gap.offset += length;
    }
  }
}

}  // namespace driveway::vfs
