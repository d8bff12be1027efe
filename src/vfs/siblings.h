// Fetches the small files of a folder that is being read before they are asked for (R4).
//
// folder_reads.h has the rule which files, and how many; this runs it: up to 64 fetches at once,
// without a thread for each. What is fetched is chosen as late as possible: while the quota lets
// none through (SiblingSource::until_free) the files stand in no queue, so that a reader who comes
// for one is not behind it, and the next choice knows where the readers are by then. Folders that
// have proven that most of their files are read come first, at Priority::kPrefetch; the others get
// what is left, at kBackground.
//
// What is fetched and not yet used takes at most 1 GiB, and at most a quarter of the cache. Readers
// that go from folder to folder and take a few files of each: once 128 files lie unused in folders
// that have not proven anything (512 where nearly all was used lately), or little was used lately,
// a folder has to show more before it gets anything. A file counts as unused once its folder has
// not been read for 10 s, or for 2 s with 16 reads elsewhere.
//
// A file that could not be fetched is left alone for 30 s at least. Eight failures in a row pause
// everything for 5 s, then for twice as long up to a minute, until a single try succeeds; a full
// disk pauses it for a minute. A folder is forgotten 60 s after it was read last.
//
// Thread-safe. Locks: its own mutex is a leaf; SiblingSource is called without it. Metrics:
// siblings.prefetched, siblings.used, siblings.failed (counters), siblings.in_flight,
// siblings.folders, siblings.paused (gauges).
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <unordered_map>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/context.h"
#include "base/ids.h"
#include "base/metrics.h"
#include "base/result.h"
#include "tree/node.h"
#include "vfs/folder_reads.h"

namespace driveway::vfs {

// Whether the rule is about this file: a content of Drive, not empty, up to kSmallFile.
bool is_small_file(const tree::Node& node);

// What Siblings needs of the file system. Called from the thread of Siblings, which holds no lock;
// none of it may wait for Drive.
class SiblingSource {
 public:
  // A fetch that has begun. Destroyed, it is cancelled if it still runs and nobody else wants it;
  // when the destructor returns, `done` is not running and will not be called.
  class Fetching {
   public:
    virtual ~Fetching() = default;
  };

  virtual ~SiblingSource() = default;
  // The folder's small files in the order of the listing; nothing where it is not known locally.
  virtual std::optional<std::vector<Sibling>> small_files(InodeId folder) = 0;
  // Whether nothing is to be done for it: it is here whole, or open.
  virtual bool present(const Sibling& file) = 0;
  // Begins to fetch all of it. `done` is called once, from any thread (also from this call), unless
  // this call fails; it does not block.
  virtual Result<std::unique_ptr<Fetching>> fetch(const Sibling& file, Priority priority,
                                                  std::function<void(const Status&)> done) = 0;
  // How long until `downloads` more could begin at `priority` without waiting for the quota.
  virtual Duration until_free(Priority priority, int downloads) = 0;
};

struct SiblingsOptions {
  SiblingRules rules = {};
  Bytes most_unused = 1 * kGiB;
  std::size_t most_in_flight = 64;
  std::size_t most_folders = 256;    // with a memory of their reads
  std::size_t most_files = 500'000;  // in them: 20 bytes each
};

// The options where the cache holds `capacity`.
SiblingsOptions siblings_options(Bytes capacity);

class Siblings {
 public:
  // `source`, `clock` and `metrics` must outlive it.
  Siblings(const SiblingsOptions& options, SiblingSource& source, Clock& clock, Metrics& metrics);
  ~Siblings();  // cancels what is under way, and joins
  Siblings(const Siblings&) = delete;
  Siblings& operator=(const Siblings&) = delete;

  // A file is read through a handle for the first time; `here`: all of it is here already. Cheap
  // (it takes a mutex, and does no I/O); without effect for what is no small file.
  void read(const tree::Node& node, bool here);
  // Files came to the folder, or went.
  void folder_changed(InodeId folder);

 private:
  struct Folder {
    explicit Folder(PrefetchAccount& account, const SiblingRules& rules) : reads(account, rules) {}
    FolderReads reads;
    TimePoint last_read{};
    std::uint64_t last_read_number = 0;  // of all folders' reads
    bool settled = false;                // since the last read
    bool changed = false;                // since it was listed
    std::size_t list_at_reads = 0;       // where it could not be listed: not before
    TimePoint list_after{};
    std::size_t in_flight = 0;
  };
  struct Flight {
    InodeId folder;
    InodeId file;
    bool finished = false;
    std::unique_ptr<SiblingSource::Fetching> fetching;
  };
  struct Choice {
    InodeId folder;
    Priority priority = Priority::kBackground;
  };
  using Lock = std::unique_lock<std::mutex>;

  void run();
  // All that follows: with mutex_ held. Those that take the lock release it meanwhile.
  void reap(Lock& lock);
  TimePoint list_folders(Lock& lock);
  void list(Lock& lock, InodeId id);
  TimePoint fetch_some(Lock& lock);
  void fetch_one(Lock& lock, const Choice& choice);
  std::optional<Sibling> next_absent(Lock& lock, InodeId id);
  std::optional<Choice> choose(TimePoint now);
  TimePoint expire(TimePoint now);
  bool quiet(const Folder& folder, TimePoint now) const;
  bool needs_listing(const Folder& folder) const;
  Folder& folder_of(InodeId id);
  Folder* find(InodeId id);
  void drop(InodeId id);
  void drop_oldest(InodeId keep);
  std::size_t most_in_flight() const;
  int begun_lately(TimePoint now);
  void finish(std::uint64_t flight, const Status& status);
  void note_failure(Folder* folder, InodeId file, const Error& error);
  void pause(TimePoint now, Duration duration);

  const SiblingsOptions options_;
  SiblingSource& source_;
  Clock& clock_;
  Counter& prefetched_;
  Counter& used_;
  Counter& failed_;
  Gauge& in_flight_gauge_;
  Gauge& folders_gauge_;
  Gauge& paused_gauge_;

  std::mutex mutex_;  // guards what follows
  std::condition_variable changed_;
  bool stopping_ = false;
  bool news_ = false;             // the thread has something to look at
  bool waits_for_quota_ = false;  // what may be fetched is known, and held back
  PrefetchAccount account_;
  std::unordered_map<InodeId, Folder> folders_;
  std::uint64_t reads_ = 0;
  std::map<std::uint64_t, Flight> flights_;  // also finished ones, until reap()
  std::uint64_t next_flight_ = 0;
  std::size_t in_flight_ = 0;
  std::deque<TimePoint> begun_;  // in the last 100 ms
  int failures_in_a_row_ = 0;
  Duration next_pause_;
  TimePoint paused_until_ = TimePoint::min();
  std::optional<std::thread> thread_;  // none: there was none to be had, and nothing is fetched
};

}  // namespace driveway::vfs
