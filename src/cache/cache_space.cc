// CacheCore: room. The hard cap and the minimum of free disk hold at all times; whole contents go
// (of a large one perhaps only the end), least recently used first, never one that is open (R2).
//
// LMDB never gives pages back to the disk. So its high-water mark counts as used, inline objects
// have a share of their own (a quarter of the capacity), and when files need room only files go.
#include <algorithm>
#include <limits>
#include <utility>

#include "base/fault.h"
#include "base/log.h"
#include "cache/cache_core.h"

namespace driveway::cache {
namespace {

constexpr double kHighWater = 0.95;         // above it the thread begins to evict
constexpr double kLowWater = 0.90;          // down to this
constexpr Bytes kLarge = 64 * kMiB;         // contents that may lose their end only
constexpr Bytes kLeastCut = 8 * kMiB;       // of it, at a time: each is a commit
constexpr std::size_t kMostVictims = 4096;  // in one transaction

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

// What the contents may grow to: the capacity, or where the disk leaves less, that.
Bytes CacheCore::ceiling_locked() const {
  const auto disk = options_.disk_space(folder_);
  if (!disk.ok()) return options_.capacity;
  const Bytes reachable = used_locked() + disk->available;
  return std::min(options_.capacity, above(reachable, share(disk->total, options_.min_free_disk)));
}

// Whether the thread would leave them all alone if there were `bytes` more.
bool CacheCore::is_room_locked(Bytes bytes) const {
  return used_locked() + bytes <= share(ceiling_locked(), kHighWater);
}

bool CacheCore::is_inline_room_locked(Bytes bytes) const {
  return inline_bytes_ + bytes <= share(inline_budget(), kHighWater);
}

bool CacheCore::above_high_water_locked() const {
  return !is_room_locked(0) || !is_inline_room_locked(0);
}

CacheCore::LowWater CacheCore::low_water_locked() const {
  return {share(ceiling_locked(), kLowWater), share(inline_budget(), kLowWater)};
}

void CacheCore::update_gauges_locked() {
  bytes_gauge_.set(static_cast<std::int64_t>(used_locked()));
  dirty_bytes_gauge_.set(static_cast<std::int64_t>(dirty_bytes_));
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
      if (wake) wake_eviction();
      return {};
    }
    if (evict(excess.kind, excess.bytes) > 0) continue;
    // What was closed just now has no row yet, and goes only when it has.
    if (std::exchange(rows_written, true) || !write_batch().ok()) break;
  }
  return Error{ErrorCode::kNoSpace, "the cache is full, and all that is in it is in use"};
}

void CacheCore::wake_eviction() {
  const std::lock_guard lock(mutex_);
  evict_wanted_ = true;
  changed_.notify_all();
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
  LowWater target;
  {
    const std::lock_guard lock(space_mutex_);
    if (!above_high_water_locked()) return;
    target = low_water_locked();
  }
  static_cast<void>(evict_to(target));  // has been logged
}

Result<Evicted> CacheCore::evict_to(const LowWater& target) {
  Bytes files = 0;
  Bytes inlines = 0;
  {
    const std::lock_guard lock(space_mutex_);
    files = above(used_locked(), target.all);
    inlines = above(inline_bytes_, target.inlines);
  }
  Evicted evicted;
  for (const auto& [order, bytes] : {std::pair(Order::kFiles, files), {Order::kInlines, inlines}}) {
    DRIVEWAY_TRY(const Evicted some, evict_all_of(order, bytes));
    evicted.contents += some.contents;
    evicted.bytes += some.bytes;
  }
  return evicted;
}

// With mutex_ held. Marks what it chooses: nobody opens it until it is gone.
std::vector<CacheCore::Victim> CacheCore::choose_victims(Order order, Bytes bytes) {
  std::vector<Victim> victims;
  std::vector<Victim> fresher;  // used since their row was written
  Bytes sum = 0;
  const Status status =
      index_->visit_oldest(order, [&](const std::string& key, const ContentRow& row) {
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
        return sum < bytes && victims.size() < kMostVictims;
      });
  if (!status.ok()) {
    log::warn("the cache's index cannot be read: ", status.error());
    return {};
  }
  std::sort(fresher.begin(), fresher.end(),
            [](const Victim& a, const Victim& b) { return a.accessed < b.accessed; });
  for (Victim& victim : fresher) {
    if (sum >= bytes || victims.size() >= kMostVictims) break;
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

// Gives what it freed.
Bytes CacheCore::evict(Kind kind, Bytes bytes) {
  const auto evicted = evict_of(kind == Kind::kFile ? Order::kFiles : Order::kInlines, bytes);
  return evicted.ok() ? evicted->bytes : 0;
}

// As many as one transaction takes. The last one, where it is large and not needed whole, loses its
// end only: who reads large files in turn finds the beginnings of all of them, instead of always
// missing the one that went whole a moment ago.
Result<Evicted> CacheCore::evict_of(Order order, Bytes bytes) {
  const std::lock_guard turn(evict_mutex_);
  std::vector<Victim> victims;
  {
    const std::lock_guard lock(mutex_);
    victims = choose_victims(order, bytes);
  }
  if (victims.empty()) return Evicted{};
  Bytes others = 0;
  for (const Victim& victim : victims) others += victim.row.stored;
  others -= victims.back().row.stored;
  const Bytes cut = std::max(above(bytes, others), kLeastCut);
  const bool shortens = order == Order::kFiles && victims.back().row.stored >= kLarge &&
                        cut <= victims.back().row.stored / 2;
  if (!shortens) return evict_victims(victims);
  const Victim large = std::move(victims.back());
  victims.pop_back();
  auto shortened = shorten(large, cut);
  if (!shortened.ok()) {
    log::debug("the cache cannot shorten a content: ", shortened.error());
    victims.push_back(large);
    shortened = Bytes{0};
  }
  DRIVEWAY_TRY(Evicted evicted, evict_victims(victims));
  evicted.bytes += *shortened;
  return evicted;
}

Result<Evicted> CacheCore::evict_all_of(Order order, Bytes bytes) {
  Evicted all;
  while (all.bytes < bytes) {
    DRIVEWAY_TRY(const Evicted some, evict_of(order, bytes - all.bytes));
    if (some.contents == 0 && some.bytes == 0) break;
    all.contents += some.contents;
    all.bytes += some.bytes;
  }
  return all;
}

// The order is R2's: no user, no row (committed), file truncated, then reuse. With evict_mutex_
// held; the victims are in evicting_.
Result<Evicted> CacheCore::evict_victims(const std::vector<Victim>& victims) {
  if (victims.empty()) return Evicted{};
  std::vector<std::string> keys;
  keys.reserve(victims.size());
  for (const Victim& victim : victims) keys.push_back(victim.key);
  Status status = remove_rows(keys);
  bool emptied = false;
  if (status.failed_with(ErrorCode::kNoSpace)) {
    // A full disk has no room for the commit either. A row whose file is too short harms nobody: it
    // is seen when the content is loaded.
    for (const Victim& victim : victims) {
      if (victim.row.number != 0) files_.empty(victim.row.number);
    }
    emptied = true;
    status = remove_rows(keys);
  }
  forget_victims(victims, /*files=*/status.ok() || emptied, /*inlines=*/status.ok());
  if (!status.ok()) {
    log::warn("the cache cannot evict: ", status.error());
    return std::move(status).error();
  }
  Evicted evicted;
  for (const Victim& victim : victims) {
    if (victim.row.number != 0) files_.release(victim.row.number);
    give_back(victim.row.number == 0 ? Kind::kInline : Kind::kFile, victim.row.stored);
    evicted.bytes += victim.row.stored;
  }
  evicted.contents = victims.size();
  evictions_.add(victims.size());
  contents_gauge_.set(static_cast<std::int64_t>(index_->totals().contents));
  return evicted;
}

// They may be opened again; what is loaded of those that have gone is of no use any more.
void CacheCore::forget_victims(const std::vector<Victim>& victims, bool files, bool inlines) {
  const std::lock_guard lock(mutex_);
  for (const Victim& victim : victims) {
    evicting_.erase(victim.key);
    const auto found = entries_.find(victim.key);
    const bool gone = victim.row.number != 0 ? files : inlines;
    if (!gone || found == entries_.end()) continue;
    leave_closed(found->second);
    entries_.erase(found);
  }
  changed_.notify_all();
}

// Takes the last blocks of a content, `bytes` of them, and gives what it freed. The order is R2's
// here, too. After an error the victim is still in evicting_. With evict_mutex_ held.
Result<Bytes> CacheCore::shorten(const Victim& victim, Bytes bytes) {
  DRIVEWAY_TRY(auto loaded, index_->load(victim.key));
  if (!loaded) return Error{ErrorCode::kNotFound, "its row has gone"};
  BlockMap map(loaded->row.size);
  for (const GroupRow& group : loaded->groups) map.load(group);
  std::vector<std::uint64_t> blocks = map.indexed_blocks();
  std::sort(blocks.begin(), blocks.end());
  Bytes cut = 0;
  std::uint64_t first = 0;
  for (; cut < bytes && !blocks.empty(); blocks.pop_back()) {
    first = blocks.back();
    cut += map.block_cost(first);
    map.drop(first);
  }
  ContentUpdate update;
  update.key = victim.key;
  update.row = loaded->row;
  update.row.stored = map.indexed_cost();
  update.row.accessed = victim.accessed;
  update.row.verified = false;
  update.groups = map.take_changed();
  DRIVEWAY_CHECK(DRIVEWAY_FAULT_STATUS("cache.before_evict_commit"));
  DRIVEWAY_CHECK(index_->write({update}, next_number_.load()));
  DRIVEWAY_FAULT_POINT("cache.after_evict_commit");
  files_.cut(victim.row.number, first * kBlockSize);
  forget_victims({victim}, /*files=*/true, /*inlines=*/false);
  give_back(Kind::kFile, cut);
  return cut;
}

// --- On demand

CacheSummary CacheCore::summary() const {
  CacheSummary summary;
  const Totals totals = index_->totals();
  summary.contents = totals.contents;
  summary.pinned_bytes = totals.pinned_bytes;
  summary.pinned_contents = totals.pinned_contents;
  summary.capacity = options_.capacity;
  if (const auto disk = options_.disk_space(folder_); disk.ok()) {
    summary.free_disk = disk->available;
    summary.free_disk_floor = share(disk->total, options_.min_free_disk);
  }
  {
    const std::lock_guard lock(dirty_mutex_);
    summary.dirty_contents = dirty_contents_.size();
  }
  const std::lock_guard lock(space_mutex_);
  summary.bytes = used_locked();
  summary.dirty_bytes = dirty_bytes_;
  summary.inline_bytes = inline_bytes_;
  // Pages of LMDB that hold nothing now are no room for files.
  const Bytes kept = above(index_->used_bytes(), inline_bytes_);
  summary.room =
      above(share(ceiling_locked(), kHighWater), totals.pinned_bytes + dirty_bytes_ + kept);
  return summary;
}

// What was closed just now goes only when it has a row. An index that cannot be written is no
// reason to keep the rest.
void CacheCore::save_closed() {
  if (const Status status = write_batch(); !status.ok()) log::debug(status.error());
}

Result<Evicted> CacheCore::trim(std::optional<Bytes> target) {
  save_closed();
  LowWater low_water;
  {
    const std::lock_guard lock(space_mutex_);
    low_water = low_water_locked();
  }
  if (target) {
    low_water.all = std::min(*target, options_.capacity);
    low_water.inlines = std::min(low_water.inlines, *target);
  }
  return evict_to(low_water);
}

Result<Evicted> CacheCore::clear(bool pinned_too) {
  save_closed();
  Evicted all;
  for (const Order order : {Order::kFiles, Order::kInlines, Order::kPinned}) {
    if (order == Order::kPinned && !pinned_too) continue;
    DRIVEWAY_TRY(const Evicted some, evict_all_of(order, std::numeric_limits<Bytes>::max()));
    all.contents += some.contents;
    all.bytes += some.bytes;
  }
  return all;
}

Result<EvictOutcome> CacheCore::evict_content(const ContentId& id) {
  const std::string key = index_key(id);
  save_closed();
  const std::lock_guard turn(evict_mutex_);
  Victim victim{.key = key, .row = {}, .accessed = 0};
  {
    const std::lock_guard lock(mutex_);
    const auto found = entries_.find(key);
    if (found != entries_.end() && found->second.busy()) return EvictOutcome::kOpen;
    DRIVEWAY_TRY(const auto loaded, index_->load(key));
    if (!loaded) return EvictOutcome::kNotHere;
    if (loaded->row.pinned) return EvictOutcome::kPinned;
    victim.row = loaded->row;
    evicting_.insert(key);
  }
  DRIVEWAY_TRY(const Evicted evicted, evict_victims({victim}));
  static_cast<void>(evicted);
  return EvictOutcome::kEvicted;
}

}  // namespace driveway::cache
