#include "cache/cache_core.h"

#include <sys/resource.h>

#include <algorithm>
#include <system_error>
#include <utility>

#include "base/log.h"
#include "base/strings.h"
#include "base/threads.h"

namespace driveway::cache {
namespace {

// Left behind when the index was found damaged in use: the next open() begins anew.
constexpr const char* kDamageMark = "cache-damaged";
// Closed contents that stay loaded, so that a file that is opened again needs no new checks.
constexpr std::size_t kMaxClosed = 1024;
constexpr std::size_t kMaxClosedGroups = 16 * 1024;  // about 1 KiB each
// An access time on disk is this old before a close renews it: a warm read writes nothing.
constexpr std::uint64_t kAccessGrainMs = 60'000;

std::size_t max_open_files() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return 64;
  return std::clamp<std::size_t>(limit.rlim_cur / 4, 16, 512);
}

Bytes index_map_size(Bytes capacity) { return std::max<Bytes>(4 * kGiB, capacity / 2 + 4 * kGiB); }

Result<std::unique_ptr<Index>> open_index(const std::filesystem::path& folder, Bytes capacity) {
  const std::filesystem::path path = folder / "cache";
  const std::filesystem::path mark = folder / kDamageMark;
  std::error_code ignored;
  if (!std::filesystem::exists(mark, ignored)) {
    auto index = Index::open(path, index_map_size(capacity));
    if (!index.failed_with(ErrorCode::kCorrupt)) return index;
    log::warn("the cache's index is begun anew: ", index.error());
  }
  DRIVEWAY_CHECK(Index::wipe_folder(path));
  std::filesystem::remove(mark, ignored);
  return Index::open(path, index_map_size(capacity));
}

}  // namespace

CacheCore::CacheCore(std::filesystem::path folder, const CacheOptions& options, Clock& clock,
                     Metrics& metrics, std::unique_ptr<Index> index)
    : folder_(std::move(folder)),
      options_(options),
      clock_(clock),
      counters_{metrics.counter("cache.read_bytes"), metrics.counter("cache.crc_errors")},
      evictions_(metrics.counter("cache.evictions")),
      bytes_gauge_(metrics.gauge("cache.bytes")),
      contents_gauge_(metrics.gauge("cache.contents")),
      dirty_damaged_(metrics.counter("cache.dirty_damaged")),
      dirty_bytes_gauge_(metrics.gauge("cache.dirty_bytes")),
      dirty_contents_gauge_(metrics.gauge("cache.dirty_contents")),
      index_(std::move(index)),
      files_(folder_ / "content", max_open_files()) {}

Result<std::shared_ptr<CacheCore>> CacheCore::open(const std::filesystem::path& folder,
                                                   const CacheOptions& options, Clock& clock,
                                                   Metrics& metrics,
                                                   const std::vector<std::uint64_t>& dirty) {
  DRIVEWAY_CHECK(make_private_directory(folder));
  DRIVEWAY_TRY(std::unique_ptr<Index> index, open_index(folder, options.capacity));
  auto core = std::make_shared<CacheCore>(folder, options, clock, metrics, std::move(index));
  DRIVEWAY_CHECK(core->start(dirty));
  return core;
}

Status CacheCore::start(const std::vector<std::uint64_t>& dirty) {
  DRIVEWAY_CHECK(free_from_rows(dirty));
  const std::unordered_set<std::uint64_t> kept(dirty.begin(), dirty.end());
  DRIVEWAY_TRY(std::uint64_t highest, files_.sweep([&](std::uint64_t number) -> Result<bool> {
    if (kept.contains(number)) return true;
    return index_->has_number(number);
  }));
  for (const std::uint64_t number : dirty) highest = std::max(highest, number);
  const Totals totals = index_->totals();
  // Never a number twice (D4), not even after the index was begun anew: the clock's part is above
  // all that an earlier run gave.
  const auto seconds =
      std::chrono::duration_cast<std::chrono::seconds>(clock_.wall_now().time_since_epoch());
  const std::uint64_t by_clock = static_cast<std::uint64_t>(seconds.count()) << 20;
  next_number_ = std::max({totals.next_number, highest + 1, by_clock});
  {
    const std::lock_guard lock(space_mutex_);
    file_bytes_ = totals.file_bytes;
    inline_bytes_ = totals.inline_bytes;
    update_gauges_locked();
    evict_wanted_ = above_high_water_locked();
  }
  contents_gauge_.set(static_cast<std::int64_t>(totals.contents));
  thread_ = start_thread("cache", [this] { run(); });
  return {};
}

void CacheCore::shut_down() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
  // They hold this core, as their bases do.
  decltype(dirty_contents_) dirty;
  {
    const std::lock_guard lock(dirty_mutex_);
    dirty.swap(dirty_contents_);
  }
  dirty.clear();
  if (const Status status = flush(); !status.ok()) {
    log::warn("the cache forgets its last changes: ", status.error());
  }
}

std::uint64_t CacheCore::next_access() {
  const auto now = static_cast<std::uint64_t>(clock_.wall_now().time_since_epoch() /
                                              std::chrono::milliseconds(1));
  std::uint64_t last = last_access_.load();
  std::uint64_t next = 0;
  do {
    next = std::max(last + 1, now);
  } while (!last_access_.compare_exchange_weak(last, next));
  return next;
}

Result<std::shared_ptr<Content>> CacheCore::open_content(const ContentId& id, Bytes size) {
  const std::string key = index_key(id);
  std::unique_lock lock(mutex_);
  // An eviction takes milliseconds; it needs no deadline.
  changed_.wait(lock, [&] { return !evicting_.contains(key); });
  auto found = entries_.find(key);
  Entry* entry = found == entries_.end() ? nullptr : &found->second;
  if (entry != nullptr && entry->content->size() != size) {
    if (entry->busy()) {
      return Error{ErrorCode::kInvalidArgument,
                   cat(id, " is in use with ", entry->content->size(), " bytes, not ", size)};
    }
    std::vector<std::uint64_t> released;
    unload(key, released);
    entry = nullptr;
  }
  if (entry == nullptr) {
    DRIVEWAY_TRY(entry, load_entry(id, key, size));
  }
  entry->accessed = next_access();
  return handle_of(*entry, key);
}

// With mutex_ held. What is known under this id with another size goes.
Result<std::optional<Index::Loaded>> CacheCore::load_row(const ContentId& id,
                                                         const std::string& key, Bytes size) {
  auto loaded = index_->load(key);
  if (!loaded.ok()) {
    if (!loaded.failed_with(ErrorCode::kCorrupt)) return std::move(loaded).error();
    note_damage(loaded.error());
    return std::optional<Index::Loaded>();
  }
  if (*loaded && (*loaded)->row.size != size) {
    log::warn("cache: ", id, " was kept with ", (*loaded)->row.size, " bytes and has ", size);
    DRIVEWAY_CHECK(forget_row(key, (*loaded)->row.number));
    give_back((*loaded)->row.number == 0 ? Kind::kInline : Kind::kFile, (*loaded)->row.stored);
    return std::optional<Index::Loaded>();
  }
  return loaded;
}

// With mutex_ held.
Result<CacheCore::Entry*> CacheCore::load_entry(const ContentId& id, const std::string& key,
                                                Bytes size) {
  DRIVEWAY_TRY(const std::optional<Index::Loaded> loaded, load_row(id, key, size));
  bool is_inline = false;
  if (loaded && (loaded->row.stored > 0 || loaded->row.number != 0)) {
    is_inline = loaded->row.number == 0;
  } else {
    is_inline = goes_inline(size);
  }
  Entry entry;
  entry.content = std::make_shared<CachedContent>(
      *this, id, key, size, is_inline ? Kind::kInline : Kind::kFile, counters_);
  bool lost = false;
  if (loaded) {
    lost = entry.content->load(*loaded);
    entry.has_row = true;
    entry.row_accessed = loaded->row.accessed;
  }
  Entry& stored = entries_.emplace(key, std::move(entry)).first->second;
  enter_closed(key, stored);
  if (lost) mark_dirty_locked(key, stored);
  return &stored;
}

// Small objects become files when the index would outgrow its share. When the share is in use they
// do as long as there is room for files; then whoever was used least recently makes room. With
// mutex_ held.
bool CacheCore::goes_inline(Bytes size) const {
  if (size > kInlineLimit || index_->used_bytes() >= options_.capacity / 2) return false;
  {
    const std::lock_guard lock(space_mutex_);
    if (is_inline_room_locked(disk_cost(size))) return true;
    if (is_room_locked(disk_cost(size))) return false;
  }
  return index_->oldest(Order::kInlines) < index_->oldest(Order::kFiles);
}

// With mutex_ held.
Status CacheCore::forget_row(const std::string& key, std::uint64_t number) {
  DRIVEWAY_CHECK(index_->remove({key}));
  if (number != 0) files_.release(number);
  return {};
}

// With mutex_ held.
std::shared_ptr<Content> CacheCore::handle_of(Entry& entry, const std::string& key) {
  if (auto handle = entry.handle.lock()) return handle;
  if (entry.opens == 0) leave_closed(entry);
  ++entry.opens;
  std::shared_ptr<Content> handle(
      entry.content.get(),
      [core = shared_from_this(), content = entry.content, key](Content*) { core->closed(key); });
  entry.handle = handle;
  return handle;
}

void CacheCore::closed(const std::string& key) {
  std::vector<std::uint64_t> released;
  {
    const std::lock_guard lock(mutex_);
    Entry& entry = entries_.at(key);
    // Another handle may have been made before this one's end was seen.
    if (--entry.opens > 0) return;
    entry.handle.reset();  // it would keep the ended handle's hold on this core
    entry.accessed = next_access();
    enter_closed(key, entry);
    give_back(entry.content->kind(), entry.content->settle());
    if (entry.has_row && entry.accessed - entry.row_accessed >= kAccessGrainMs) {
      mark_dirty_locked(key, entry);
    }
    if (!entry.has_row && !entry.busy()) unload(key, released);
    // One that waits for the index stays, and finish_batch() looks again.
    while (too_many_closed() && !entries_.at(closed_.back()).busy()) {
      unload(std::string(closed_.back()), released);
    }
  }
  release_files(released);
}

// With mutex_ held. REQUIRES that the content is not busy. Its file goes to `released` when no row
// names it.
void CacheCore::unload(const std::string& key, std::vector<std::uint64_t>& released) {
  const auto found = entries_.find(key);
  Entry& entry = found->second;
  if (!entry.has_row) {
    give_back(entry.content->kind(), entry.content->charged());
    if (entry.content->number() != 0) released.push_back(entry.content->number());
  }
  leave_closed(entry);
  entries_.erase(found);
}

// With mutex_ held.
void CacheCore::enter_closed(const std::string& key, Entry& entry) {
  closed_.push_front(key);
  entry.place = closed_.begin();
  entry.groups = entry.content->groups();
  closed_groups_ += entry.groups;
}

// With mutex_ held.
void CacheCore::leave_closed(Entry& entry) {
  closed_.erase(entry.place);
  closed_groups_ -= entry.groups;
}

// With mutex_ held.
bool CacheCore::too_many_closed() const {
  return closed_.size() > kMaxClosed || closed_groups_ > kMaxClosedGroups;
}

void CacheCore::release_files(const std::vector<std::uint64_t>& numbers) {
  for (const std::uint64_t number : numbers) files_.release(number);
}

Result<std::uint64_t> CacheCore::new_file() {
  const std::uint64_t number = new_number();
  DRIVEWAY_CHECK(files_.create(number));
  return number;
}

Bytes CacheCore::used_bytes() const {
  const std::lock_guard lock(space_mutex_);
  return used_locked();
}

void CacheCore::note_damage(const Status& status) {
  log::error("the cache's index is damaged and will be begun anew at the next start: ",
             status.error());
  if (const Status marked = write_file_atomically(folder_ / kDamageMark, "", 0600); !marked.ok()) {
    log::warn("cannot mark the cache as damaged: ", marked.error());
  }
}

}  // namespace driveway::cache
