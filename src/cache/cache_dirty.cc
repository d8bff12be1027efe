// CacheCore: dirty contents, the room that they take, and how one becomes clean (D4). The steps of
// that and what a crash leaves at each stand in docs/DESIGN.md.
#include <algorithm>
#include <utility>

#include "base/fault.h"
#include "base/log.h"
#include "base/strings.h"
#include "cache/cache_core.h"

namespace driveway::cache {
namespace {

// Small dirty contents in memory, in all; what is more has files.
constexpr Bytes kMostMemory = 32 * kMiB;

}  // namespace

// --- Room

// With space_mutex_ held.
void CacheCore::take_dirty_locked(Bytes cost) {
  file_bytes_ += cost;
  dirty_bytes_ += cost;
  update_gauges_locked();
}

// Clean contents go first. What they leave is dirty alone, and for that only the disk counts (D6).
Status CacheCore::reserve_dirty(Bytes cost, Room room) {
  DRIVEWAY_CHECK(DRIVEWAY_FAULT_STATUS("cache.reserve_dirty"));
  bool rows_written = false;
  while (true) {
    Bytes excess = 0;
    bool wake = false;
    {
      const std::lock_guard lock(space_mutex_);
      excess = excess_locked(Kind::kFile, cost).bytes;
      if (excess == 0) {
        take_dirty_locked(cost);
        wake = above_high_water_locked();
      }
    }
    if (excess == 0) {
      if (wake) wake_eviction();
      return {};
    }
    if (evict(Kind::kFile, excess) > 0) continue;
    // What was closed just now has no row yet, and goes only when it has.
    if (std::exchange(rows_written, true) || !write_batch().ok()) break;
  }
  const std::lock_guard lock(space_mutex_);
  if (room == Room::kWithinCapacity || disk_deficit(cost) > 0) {
    return Error{ErrorCode::kNoSpace,
                 "the local disk is full, and what the cache still holds waits for its upload"};
  }
  take_dirty_locked(cost);
  return {};
}

void CacheCore::count_dirty(Bytes cost) {
  const std::lock_guard lock(space_mutex_);
  take_dirty_locked(cost);
}

void CacheCore::give_back_dirty(Bytes cost) {
  const std::lock_guard lock(space_mutex_);
  file_bytes_ -= std::min(file_bytes_, cost);
  dirty_bytes_ -= std::min(dirty_bytes_, cost);
  update_gauges_locked();
}

bool CacheCore::take_memory(Bytes bytes) {
  if ((dirty_memory_ += bytes) <= kMostMemory) return true;
  dirty_memory_ -= bytes;
  return false;
}

// --- Coming and going

// A record still names what the index names already: its upload was confirmed, and the record was
// not gone yet. The record counts: a row would let the file be evicted.
Status CacheCore::free_from_rows(const std::vector<std::uint64_t>& numbers) {
  std::vector<std::string> keys;
  for (const std::uint64_t number : numbers) {
    DRIVEWAY_TRY(auto key, index_->key_of(number));
    if (key) keys.push_back(*std::move(key));
  }
  if (keys.empty()) return {};
  return index_->remove(keys);
}

std::shared_ptr<OverlayContent> CacheCore::enter_dirty(std::shared_ptr<OverlayContent> overlay) {
  const std::lock_guard lock(dirty_mutex_);
  const auto [entry, inserted] = dirty_contents_.emplace(overlay->number(), std::move(overlay));
  dirty_contents_gauge_.set(static_cast<std::int64_t>(dirty_contents_.size()));
  return entry->second;
}

std::shared_ptr<OverlayContent> CacheCore::find_dirty(const DirtyContent& dirty) {
  const std::lock_guard lock(dirty_mutex_);
  const auto found = dirty_contents_.find(dirty.number());
  return found == dirty_contents_.end() ? nullptr : found->second;
}

std::shared_ptr<DirtyContent> CacheCore::begin_dirty(std::shared_ptr<Content> base) {
  return enter_dirty(
      std::make_shared<OverlayContent>(shared_from_this(), new_number(), std::move(base)));
}

Result<std::shared_ptr<DirtyContent>> CacheCore::open_dirty(std::string_view state, Check check) {
  DRIVEWAY_TRY(const DirtyState decoded, decode_dirty_state(state));
  {
    const std::lock_guard lock(dirty_mutex_);
    const auto found = dirty_contents_.find(decoded.number);
    if (found != dirty_contents_.end()) return std::shared_ptr<DirtyContent>(found->second);
  }
  DRIVEWAY_TRY(auto overlay, load_dirty(decoded, check));
  return std::shared_ptr<DirtyContent>(enter_dirty(std::move(overlay)));
}

Result<std::shared_ptr<OverlayContent>> CacheCore::load_dirty(const DirtyState& state,
                                                              Check check) {
  std::shared_ptr<Content> base;
  if (state.base) {
    DRIVEWAY_TRY(base, open_content(state.base->id, state.base->size));
  }
  auto overlay = std::make_shared<OverlayContent>(shared_from_this(), state, std::move(base));
  overlay->load(state, check);
  return overlay;
}

Result<bool> CacheCore::is_intact(std::string_view state) {
  DRIVEWAY_TRY(const DirtyState decoded, decode_dirty_state(state));
  DRIVEWAY_TRY(const auto overlay, load_dirty(decoded, Check::kAll));
  return overlay->damaged().empty();
}

void CacheCore::discard(const DirtyContent& dirty) {
  std::shared_ptr<OverlayContent> overlay;  // ends outside the lock
  {
    const std::lock_guard lock(dirty_mutex_);
    const auto found = dirty_contents_.find(dirty.number());
    if (found == dirty_contents_.end()) return;
    overlay = std::move(found->second);
    dirty_contents_.erase(found);
    dirty_contents_gauge_.set(static_cast<std::int64_t>(dirty_contents_.size()));
  }
  overlay->doom();
}

// --- Becoming clean

Result<std::shared_ptr<Content>> CacheCore::adopt(const DirtyContent& dirty, const ContentId& id,
                                                  std::uint64_t generation, bool verified) {
  const auto overlay = find_dirty(dirty);
  if (overlay == nullptr) {
    return Error{ErrorCode::kInvalidArgument, "this dirty content is not of this cache"};
  }
  const std::lock_guard turn(overlay->adopt_mutex());
  std::shared_ptr<Content> clean = overlay->adopted();
  OverlayContent::Former former;  // its base is let go behind the row
  if (clean == nullptr) {
    if (overlay->in_memory() && overlay->size() > kInlineLimit) {
      DRIVEWAY_CHECK(overlay->move_to_file());
    }
    if (!overlay->in_memory()) DRIVEWAY_CHECK(overlay->prepare(generation));
    DRIVEWAY_FAULT_POINT("cache.adopt_prepared");
    DRIVEWAY_TRY(const OverlayContent::Whole whole, overlay->freeze(generation));
    auto cleaned = make_clean(*overlay, id, whole);
    if (!cleaned.ok()) {
      overlay->thaw();
      return std::move(cleaned).error();
    }
    clean = cleaned->content;
    former = overlay->become(clean, cleaned->has_file);
    give_back_dirty(former.charged);
  }
  if (verified) clean->set_verified(clean->generation());
  DRIVEWAY_FAULT_POINT("cache.adopt_before_row");
  DRIVEWAY_CHECK(write_rows());
  DRIVEWAY_FAULT_POINT("cache.adopt_after_row");
  return clean;
}

// All that was to be written when this was called.
Status CacheCore::write_rows() {
  while (true) {
    DRIVEWAY_CHECK(write_batch());
    const std::lock_guard lock(mutex_);
    if (dirty_.empty()) return {};
  }
}

Result<CacheCore::Cleaned> CacheCore::make_clean(OverlayContent& overlay, const ContentId& id,
                                                 const OverlayContent::Whole& whole) {
  Cleaned cleaned;
  if (!overlay.in_memory()) {
    DRIVEWAY_TRY(cleaned.content, install(overlay, id, whole));
    cleaned.has_file = cleaned.content != nullptr;
  }
  if (!cleaned.has_file) {
    DRIVEWAY_TRY(cleaned.content, pour(overlay, id));
  }
  return cleaned;
}

// Nothing where the id is known already.
Result<std::shared_ptr<Content>> CacheCore::install(OverlayContent& overlay, const ContentId& id,
                                                    const OverlayContent::Whole& whole) {
  const std::string key = index_key(id);
  const Bytes size = overlay.size();
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return !evicting_.contains(key); });
  if (entries_.contains(key)) return std::shared_ptr<Content>();
  DRIVEWAY_TRY(const auto loaded, load_row(id, key, size));
  if (loaded) return std::shared_ptr<Content>();
  Entry entry;
  entry.content = std::make_shared<CachedContent>(*this, id, key, size, Kind::kFile, counters_);
  entry.content->take_over(overlay.number(), whole.groups, whole.rest);
  entry.accessed = next_access();
  {
    const std::lock_guard space(space_mutex_);
    file_bytes_ += entry.content->charged();
    update_gauges_locked();
  }
  Entry& stored = entries_.emplace(key, std::move(entry)).first->second;
  enter_closed(key, stored);
  mark_dirty_locked(key, stored);
  return handle_of(stored, key);
}

// Into a content that is known already, or a small one that lies in the index: what it lacks.
Result<std::shared_ptr<Content>> CacheCore::pour(OverlayContent& overlay, const ContentId& id) {
  const Bytes size = overlay.size();
  DRIVEWAY_TRY(std::shared_ptr<Content> clean, open_content(id, size));
  std::vector<std::byte> bytes;
  for (const ByteRange& missing : clean->missing({0, size})) {
    for (Bytes at = missing.offset; at < missing.end(); at += bytes.size()) {
      bytes.resize(std::min(kBlockSize, missing.end() - at));
      // What is not here, damaged, or finds no room is not in the clean content either.
      if (!overlay.read(at, bytes).ok() || !clean->write(at, bytes).ok()) continue;
    }
  }
  DRIVEWAY_FAULT_POINT("cache.adopt_poured");
  DRIVEWAY_CHECK(clean->commit({0, size}));
  return clean;
}

}  // namespace driveway::cache
