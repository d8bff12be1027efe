// Fetches sets of files whole into the content cache, ahead of their use (`driveway prefetch`,
// `driveway pin`).
//
// A set is a job. Jobs are carried out in the order in which they were started, on own threads: up
// to 32 small files at a time, or 4 large ones, at Priority::kPrefetch (R4: the quota and the slots
// that readers need are left to them). A file that cannot be fetched is a failure of its job, which
// goes on; only a login that is not accepted any more ends it. Nothing here waits longer than the
// fetcher lets a fetch take (R5).
//
// Thread-safe. REQUIRES that its Vfs outlives it; the destructor cancels what runs, and joins.
// Metrics: prefetch.files, prefetch.failures (counters).
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/context.h"
#include "base/metrics.h"
#include "base/result.h"
#include "vfs/file_set.h"
#include "vfs/vfs.h"

namespace driveway::vfs {

// What is to be fetched, once it was found to fit.
struct PrefetchPlan {
  struct File {
    FileOfSet file;
    Bytes missing = 0;
  };
  std::vector<File> files;  // of which something is missing
  Bytes bytes = 0;          // missing, in all
  std::uint64_t present_files = 0;
  Bytes present_bytes = 0;
};

struct PrefetchProgress {
  std::uint64_t files = 0;
  std::uint64_t files_done = 0;
  std::uint64_t files_failed = 0;
  Bytes bytes = 0;
  Bytes bytes_done = 0;  // of files that are on their way, too
  bool ended = false;    // all are done or failed, or it was cancelled
};

class Prefetcher {
 public:
  struct Job;
  using JobPtr = std::shared_ptr<Job>;

  Prefetcher(Vfs& vfs, Clock& clock, Metrics& metrics);
  ~Prefetcher();
  Prefetcher(const Prefetcher&) = delete;
  Prefetcher& operator=(const Prefetcher&) = delete;

  // What of `set` is missing; its contents count as used now. Errors: kNoSpace (all of it cannot be
  // in the cache at once, whatever else is evicted), those of the cache.
  Result<PrefetchPlan> plan(const FileSet& set) const;

  JobPtr start(PrefetchPlan plan);
  // Ends it: what runs is cancelled (whole blocks that came are kept), the rest not begun.
  void cancel(Job& job);
  // Waits until it has ended. Errors: kCancelled, kDeadlineExceeded (of the context; the job goes
  // on).
  Status wait(const Context& context, const Job& job);
  PrefetchProgress progress(const Job& job) const;
  // Failures since the last call; of very many, the first ones.
  std::vector<FailureOfSet> take_failures(Job& job);
  // Of all jobs that have not ended, the one that is being carried out first.
  std::vector<PrefetchProgress> running() const;

 private:
  struct Claim {
    JobPtr job;
    std::size_t index = 0;
    int weight = 0;
  };

  void start_workers(std::size_t files);
  void run_worker();
  std::optional<Claim> claim();
  Status fetch(const Claim& claim);
  void finish(const Claim& claim, const Status& status);
  void end_if_over(Job& job);
  Bytes arrived_of(const PrefetchPlan::File& file) const;

  Vfs& vfs_;
  Clock& clock_;
  Counter& files_;
  Counter& failures_;

  mutable std::mutex mutex_;  // guards what follows, and every Job; a leaf
  std::condition_variable changed_;
  std::deque<JobPtr> jobs_;  // that have not ended
  int load_ = 0;             // of what is being fetched
  bool stopping_ = false;
  std::vector<std::thread> workers_;
};

}  // namespace driveway::vfs
