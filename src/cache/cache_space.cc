// CacheCore: room. The hard cap and the minimum of free disk hold at all times; whole contents go,
// least recently used first, never one that is open (R2).
//
// LMDB never gives pages back to the disk. So its high-water mark counts as used, inline objects
// have a share of their own (a quarter of the capacity), and when files need room only files go.
#include <algorithm>
#include <utility>

#include "base/fault.h"
#include "base/log.h"
#include "cache/cache_core.h"

namespace driveway::cache {
namespace {

constexpr double kHighWater = 0.95;  // above it the thread begins to evict
constexpr double kLowWater = 0.90;   // down to this

Bytes share(Bytes whole, double part) {
  return static_cast<Bytes>(static_cast<double>(whole) * part);
}

Bytes above(Bytes value, Bytes limit) { return value > limit ? value - limit : 0; }

}  // namespace

// With space_mutex_ held, as all that end in _locked here.
Bytes CacheCore::used_locked() const {
  return file_bytes_ + std::max(index_->used_bytes(), inline_bytes_);
}

// How much less must be on the disk before `bytes` more may be.
Bytes CacheCore::disk_deficit(Bytes bytes) const {
  const auto disk = options_.disk_space(folder_);
  if (!disk.ok()) return 0;  // the write itself will tell
  return above(bytes + share(disk->total, options_.min_free_disk), disk->available);
}

CacheCore::Excess CacheCore::excess_locked(Kind kind, Bytes cost) const {
  if (kind == Kind::kInline && inline_bytes_ + cost > inline_budget()) {
    return {Kind::kInline, inline_bytes_ + cost - inline_budget()};
  }
  // An inline object that fits into pages that LMDB has already takes nothing more.
  const Bytes index_bytes = index_->used_bytes();
  const Bytes before = std::max(index_bytes, inline_bytes_);
  const Bytes after =
      kind == Kind::kInline ? std::max(index_bytes, inline_bytes_ + cost) : before + cost;
  return {Kind::kFile,
          std::max(above(file_bytes_ + after, options_.capacity), disk_deficit(after - before))};
}

bool CacheCore::above_high_water_locked() const {
  return used_locked() > share(options_.capacity, kHighWater) ||
         inline_bytes_ > share(inline_budget(), kHighWater);
}

void CacheCore::update_gauges_locked() {
  bytes_gauge_.set(static_cast<std::int64_t>(used_locked()));
}

Status CacheCore::reserve(Kind kind, Bytes cost) {
  DRIVEWAY_CHECK(DRIVEWAY_FAULT_STATUS("cache.reserve"));
  // Others may take what was made free for this call; not for ever.
  constexpr int kAttempts = 64;
  bool rows_written = false;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    Excess excess;
    bool wake = false;
    {
      const std::lock_guard lock(space_mutex_);
      excess = excess_locked(kind, cost);
      if (excess.bytes == 0) {
        (kind == Kind::kInline ? inline_bytes_ : file_bytes_) += cost;
        update_gauges_locked();
        wake = above_high_water_locked();
      }
    }
    if (excess.bytes == 0) {
      if (wake) {
        const std::lock_guard lock(mutex_);
        evict_wanted_ = true;
        changed_.notify_all();
      }
      return {};
    }
    if (evict(excess.kind, excess.bytes) > 0) continue;
    // What was closed just now has no row yet, and goes only when it has.
    if (std::exchange(rows_written, true) || !write_batch().ok()) break;
  }
  return Error{ErrorCode::kNoSpace, "the cache is full, and all that is in it is in use"};
}

void CacheCore::give_back(Kind kind, Bytes cost) {
  const std::lock_guard lock(space_mutex_);
  Bytes& bytes = kind == Kind::kInline ? inline_bytes_ : file_bytes_;
  bytes -= std::min(bytes, cost);
  update_gauges_locked();
}

void CacheCore::relieve_disk(Bytes bytes) {
  constexpr Bytes kAtLeast = 16 * kMiB;
  evict(Kind::kFile, std::max(bytes, kAtLeast));
}

void CacheCore::evict_to_low_water() {
  Bytes files = 0;
  Bytes inlines = 0;
  {
    const std::lock_guard lock(space_mutex_);
    if (!above_high_water_locked()) return;
    files = above(used_locked(), share(options_.capacity, kLowWater));
    inlines = above(inline_bytes_, share(inline_budget(), kLowWater));
  }
  if (files > 0) evict(Kind::kFile, files);
  if (inlines > 0) evict(Kind::kInline, inlines);
}

// With mutex_ held. Marks what it chooses: nobody opens it until it is gone.
std::vector<CacheCore::Victim> CacheCore::choose_victims(Kind kind, Bytes bytes) {
  std::vector<Victim> victims;
  std::vector<Victim> fresher;  // used since their row was written
  Bytes sum = 0;
  const Status status =
      index_->visit_oldest(kind, [&](const std::string& key, const ContentRow& row) {
        const auto found = entries_.find(key);
        if (found != entries_.end()) {
          if (found->second.busy()) return true;
          if (found->second.accessed > row.accessed) {
            fresher.push_back({key, row, found->second.accessed});
            return true;
          }
        }
        victims.push_back({key, row, row.accessed});
        sum += row.stored;
        return sum < bytes;
      });
  if (!status.ok()) {
    log::warn("the cache's index cannot be read: ", status.error());
    return {};
  }
  std::sort(fresher.begin(), fresher.end(),
            [](const Victim& a, const Victim& b) { return a.accessed < b.accessed; });
  for (Victim& victim : fresher) {
    if (sum >= bytes) break;
    sum += victim.row.stored;
    victims.push_back(std::move(victim));
  }
  for (const Victim& victim : victims) evicting_.insert(victim.key);
  return victims;
}

Status CacheCore::remove_rows(const std::vector<std::string>& keys) {
  DRIVEWAY_CHECK(DRIVEWAY_FAULT_STATUS("cache.before_evict_commit"));
  DRIVEWAY_CHECK(index_->remove(keys));
  DRIVEWAY_FAULT_POINT("cache.after_evict_commit");
  return {};
}

// Gives what it freed. The order is R2's: no user, no row (committed), file truncated, then reuse.
Bytes CacheCore::evict(Kind kind, Bytes bytes) {
  const std::lock_guard turn(evict_mutex_);
  std::vector<Victim> victims;
  {
    const std::lock_guard lock(mutex_);
    victims = choose_victims(kind, bytes);
  }
  if (victims.empty()) return 0;
  std::vector<std::string> keys;
  keys.reserve(victims.size());
  for (const Victim& victim : victims) keys.push_back(victim.key);
  Status status = remove_rows(keys);
  bool emptied = false;
  if (status.failed_with(ErrorCode::kNoSpace) && kind == Kind::kFile) {
    // A full disk has no room for the commit either. A row whose file is too short harms nobody: it
    // is seen when the content is loaded.
    for (const Victim& victim : victims) files_.empty(victim.row.number);
    emptied = true;
    status = remove_rows(keys);
  }
  {
    const std::lock_guard lock(mutex_);
    for (const std::string& key : keys) {
      evicting_.erase(key);
      const auto found = entries_.find(key);
      if ((!status.ok() && !emptied) || found == entries_.end()) continue;
      leave_closed(found->second);
      entries_.erase(found);
    }
    changed_.notify_all();
  }
  if (!status.ok()) {
    log::warn("the cache cannot evict: ", status.error());
    return 0;
  }
  Bytes freed = 0;
  for (const Victim& victim : victims) {
    if (victim.row.number != 0) files_.release(victim.row.number);
    give_back(kind, victim.row.stored);
    freed += victim.row.stored;
  }
  evictions_.add(victims.size());
  contents_gauge_.set(static_cast<std::int64_t>(index_->totals().contents));
  return freed;
}

}  // namespace driveway::cache
