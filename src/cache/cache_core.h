// The cache behind ContentCache: which contents are loaded, what space they take, what is still to
// be written to the index, and who goes when room is needed.
//
// Contents hold the core alive, so that one may be closed after the cache. Dirty contents are held
// by the core in turn, until they are discarded or the cache ends.
//
// Locks, outer first: a dirty content's · evict_mutex_, batch_mutex_ · mutex_ · a content's ·
// ContentFiles', space_mutex_ and dirty_mutex_. No lock is held while a content calls its owner,
// but for a dirty one's own.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <filesystem>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "base/clock.h"
#include "base/metrics.h"
#include "cache/cached_content.h"
#include "cache/content_cache.h"
#include "cache/content_files.h"
#include "cache/index.h"
#include "cache/overlay_content.h"

namespace driveway::cache {

class CacheCore final : public ContentOwner,
                        public OverlayOwner,
                        public std::enable_shared_from_this<CacheCore> {
 public:
  static Result<std::shared_ptr<CacheCore>> open(const std::filesystem::path& folder,
                                                 const CacheOptions& options, Clock& clock,
                                                 Metrics& metrics,
                                                 const std::vector<std::uint64_t>& dirty);
  // Use open().
  CacheCore(std::filesystem::path folder, const CacheOptions& options, Clock& clock,
            Metrics& metrics, std::unique_ptr<Index> index);

  Result<std::shared_ptr<Content>> open_content(const ContentId& id, Bytes size);
  Status flush();
  Bytes used_bytes() const;
  CacheSummary summary() const;
  Result<Evicted> trim(std::optional<Bytes> target);
  Result<Evicted> clear(bool pinned_too);
  Result<EvictOutcome> evict_content(const ContentId& id);
  std::shared_ptr<DirtyContent> begin_dirty(std::shared_ptr<Content> base);
  Result<std::shared_ptr<DirtyContent>> open_dirty(std::string_view state, Check check);
  Result<std::shared_ptr<Content>> adopt(const DirtyContent& dirty, const ContentId& id,
                                         std::uint64_t generation, bool verified);
  Result<bool> is_intact(std::string_view state);
  void discard(const DirtyContent& dirty);
  // Ends the thread and writes what is to be written.
  void shut_down();

  Status reserve(Kind kind, Bytes cost) override;
  void give_back(Kind kind, Bytes cost) override;
  void relieve_disk(Bytes bytes) override;
  Status make_inline_room(Bytes bytes) override;
  void mark_dirty(const std::string& key, Bytes unsaved) override;
  Result<std::uint64_t> new_file() override;
  ContentFiles& files() override { return files_; }
  const Index& index() override { return *index_; }

  Status reserve_dirty(Bytes cost, Room room) override;
  void count_dirty(Bytes cost) override;
  void give_back_dirty(Bytes cost) override;
  bool take_memory(Bytes bytes) override;
  void give_memory(Bytes bytes) override { dirty_memory_ -= bytes; }
  std::uint64_t new_number() override { return next_number_.fetch_add(1); }
  Counter& damage_counter() override { return dirty_damaged_; }

 private:
  // A loaded content.
  struct Entry {
    std::shared_ptr<CachedContent> content;
    std::weak_ptr<Content> handle;  // what users share
    int opens = 0;                  // handles whose end has not been seen yet
    bool dirty = false;             // in dirty_
    bool writing = false;           // in a batch that is being committed
    bool has_row = false;
    std::uint64_t row_accessed = 0;  // what the row says
    std::uint64_t accessed = 0;
    std::list<std::string>::iterator place;  // in closed_, when opens == 0
    std::size_t groups = 0;                  // counted in closed_groups_, when opens == 0

    bool busy() const { return opens > 0 || dirty || writing; }
  };
  struct Batch {
    std::shared_ptr<CachedContent> content;
    CachedContent::Changes changes;
  };
  struct Victim {
    std::string key;
    ContentRow row;
    std::uint64_t accessed = 0;
  };
  // What must go before something fits: `bytes` of `kind`.
  struct Excess {
    Kind kind = Kind::kFile;
    Bytes bytes = 0;
  };
  // Down to what eviction in the background goes.
  struct LowWater {
    Bytes all = 0;
    Bytes inlines = 0;
  };

  // cache_core.cc: contents
  Status start(const std::vector<std::uint64_t>& dirty);
  Result<std::optional<Index::Loaded>> load_row(const ContentId& id, const std::string& key,
                                                Bytes size);
  Result<Entry*> load_entry(const ContentId& id, const std::string& key, Bytes size);
  bool goes_inline(Bytes size) const;
  Status forget_row(const std::string& key, std::uint64_t number);
  std::shared_ptr<Content> handle_of(Entry& entry, const std::string& key);
  void closed(const std::string& key);
  void unload(const std::string& key, std::vector<std::uint64_t>& released);
  void enter_closed(const std::string& key, Entry& entry);
  void leave_closed(Entry& entry);
  bool too_many_closed() const;
  void release_files(const std::vector<std::uint64_t>& numbers);
  std::uint64_t next_access();

  // cache_batches.cc: what goes to the index
  void run();
  void mark_dirty_locked(const std::string& key, Entry& entry);
  bool batch_is_due() const;
  Status write_batch();
  std::vector<Batch> take_batch();
  void finish_batch(const std::vector<Batch>& batch, const Status& status);
  void note_damage(const Status& status);

  // cache_dirty.cc: what Drive does not have yet
  Status free_from_rows(const std::vector<std::uint64_t>& numbers);
  std::shared_ptr<OverlayContent> find_dirty(const DirtyContent& dirty);
  Result<std::shared_ptr<OverlayContent>> load_dirty(const DirtyState& state, Check check);
  std::shared_ptr<OverlayContent> enter_dirty(std::shared_ptr<OverlayContent> overlay);
  // Made clean: the content, and whether it has the overlay's file.
  struct Cleaned {
    std::shared_ptr<Content> content;
    bool has_file = false;
  };
  Result<Cleaned> make_clean(OverlayContent& overlay, const ContentId& id,
                             const OverlayContent::Whole& whole);
  Result<std::shared_ptr<Content>> install(OverlayContent& overlay, const ContentId& id,
                                           const OverlayContent::Whole& whole);
  Result<std::shared_ptr<Content>> pour(OverlayContent& overlay, const ContentId& id);
  Status write_rows();
  void take_dirty_locked(Bytes cost);

  // cache_space.cc: room
  Bytes inline_budget() const { return options_.capacity / 4; }
  Bytes used_locked() const;
  Excess excess_locked(Kind kind, Bytes cost) const;
  Bytes disk_deficit(Bytes bytes) const;
  Bytes ceiling_locked() const;
  bool is_room_locked(Bytes bytes) const;
  bool is_inline_room_locked(Bytes bytes) const;
  void update_gauges_locked();
  bool above_high_water_locked() const;
  LowWater low_water_locked() const;
  void wake_eviction();
  void evict_to_low_water();
  Result<Evicted> evict_to(const LowWater& target);
  void save_closed();
  Bytes evict(Kind kind, Bytes bytes);
  Result<Evicted> evict_of(Order order, Bytes bytes);
  Result<Evicted> evict_all_of(Order order, Bytes bytes);
  Result<Evicted> evict_victims(const std::vector<Victim>& victims);
  Result<Bytes> shorten(const Victim& victim, Bytes bytes);
  void forget_victims(const std::vector<Victim>& victims, bool files, bool inlines);
  Status remove_rows(const std::vector<std::string>& keys);
  std::vector<Victim> choose_victims(Order order, Bytes bytes);

  const std::filesystem::path folder_;
  const CacheOptions options_;
  Clock& clock_;
  const CachedContent::Counters counters_;
  Counter& evictions_;
  Gauge& bytes_gauge_;
  Gauge& contents_gauge_;
  Counter& dirty_damaged_;
  Gauge& dirty_bytes_gauge_;
  Gauge& dirty_contents_gauge_;
  const std::unique_ptr<Index> index_;
  ContentFiles files_;
  std::atomic<std::uint64_t> next_number_{1};
  std::atomic<std::uint64_t> last_access_{0};
  std::atomic<Bytes> unsaved_{0};  // inline bytes in memory that wait for the index

  std::atomic<Bytes> dirty_memory_{0};  // bytes of small dirty contents in memory

  std::mutex evict_mutex_;      // one eviction at a time
  std::mutex batch_mutex_;      // one batch at a time; guards what follows
  bool index_failing_ = false;  // and the log says so

  std::mutex mutex_;  // guards what follows
  std::condition_variable changed_;
  std::unordered_map<std::string, Entry> entries_;
  std::list<std::string> closed_;  // loaded, not open; first: the latest
  std::size_t closed_groups_ = 0;
  std::vector<std::string> dirty_;
  std::unordered_set<std::string> evicting_;
  bool evict_wanted_ = false;
  bool stopping_ = false;
  std::thread thread_;

  mutable std::mutex dirty_mutex_;  // guards what follows
  std::unordered_map<std::uint64_t, std::shared_ptr<OverlayContent>> dirty_contents_;

  mutable std::mutex space_mutex_;  // guards what follows
  Bytes file_bytes_ = 0;            // dirty ones, too
  Bytes dirty_bytes_ = 0;
  Bytes inline_bytes_ = 0;
};

}  // namespace driveway::cache
