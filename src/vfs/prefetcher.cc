#include "vfs/prefetcher.h"

#include <algorithm>
#include <set>

#include "base/log.h"
#include "base/strings.h"
#include "base/threads.h"
#include "cache/content_cache.h"

namespace driveway::vfs {
namespace {

constexpr int kMostLoad = 32;
// One request brings a small file; a large one has several of its own at a time.
constexpr Bytes kLarge = 8 * kMiB;
constexpr int kWeightOfLarge = 8;
constexpr std::size_t kMostFailures = 1000;  // kept for who asks

int weight_of(Bytes missing) { return missing > kLarge ? kWeightOfLarge : 1; }

Bytes missing_of(const cache::Content& content) {
  Bytes sum = 0;
  for (const ByteRange& range : content.missing({0, content.size()})) sum += range.length;
  return sum;
}

Error no_room(Bytes needed, const cache::CacheSummary& summary) {
  std::string why = cat("the cache has room for ", format_size(summary.room), " of ",
                        format_size(needed), " (its size is ", format_size(summary.capacity));
  if (summary.pinned_bytes > 0) why += cat(", pinned are ", format_size(summary.pinned_bytes));
  return {ErrorCode::kNoSpace,
          cat(why, ", the disk has ", format_size(summary.free_disk), " free, of which ",
              format_size(summary.free_disk_floor),
              " stay free): fetch less, unpin something, or raise --cache-size")};
}

}  // namespace

struct Prefetcher::Job {
  PrefetchPlan plan;
  CancelSource cancel;
  // Guarded by the Prefetcher's mutex_:
  std::size_t next = 0;             // the first file that nobody has begun
  std::set<std::size_t> in_flight;  // files
  std::uint64_t done = 0;
  std::uint64_t failed = 0;
  Bytes bytes_done = 0;
  std::vector<FailureOfSet> failures;
  bool cancelled = false;
  bool ended = false;
};

Prefetcher::Prefetcher(Vfs& vfs, Clock& clock, Metrics& metrics)
    : vfs_(vfs),
      clock_(clock),
      files_(metrics.counter("prefetch.files")),
      failures_(metrics.counter("prefetch.failures")) {}

Prefetcher::~Prefetcher() {
  std::deque<JobPtr> jobs;
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    jobs = jobs_;
  }
  for (const JobPtr& job : jobs) cancel(*job);
  changed_.notify_all();
  for (std::thread& worker : workers_) worker.join();
}

Result<PrefetchPlan> Prefetcher::plan(const FileSet& set) const {
  PrefetchPlan plan;
  Bytes needed = 0;
  for (const FileOfSet& file : set.files) {
    DRIVEWAY_TRY(const auto content, vfs_.cache().open_content(file.content, file.size));
    const Bytes missing = missing_of(*content);
    // What is pinned already has its room.
    needed += content->pinned() ? missing : cache::disk_cost(file.size);
    if (missing == 0) {
      ++plan.present_files;
      plan.present_bytes += file.size;
      continue;
    }
    plan.present_bytes += file.size - missing;
    plan.bytes += missing;
    plan.files.push_back({file, missing});
  }
  const cache::CacheSummary summary = vfs_.cache().summary();
  if (!plan.files.empty() && needed > summary.room) return no_room(needed, summary);
  return plan;
}

Prefetcher::JobPtr Prefetcher::start(PrefetchPlan plan) {
  auto job = std::make_shared<Job>();
  job->plan = std::move(plan);
  const std::lock_guard lock(mutex_);
  jobs_.push_back(job);
  end_if_over(*job);
  start_workers(job->plan.files.size());
  changed_.notify_all();
  return job;
}

// With mutex_ held. One worker at least; more are welcome.
void Prefetcher::start_workers(std::size_t files) {
  const std::size_t wanted = std::min<std::size_t>(files, kMostLoad);
  while (workers_.size() < wanted) {
    if (workers_.empty()) {
      workers_.push_back(start_thread("prefetch", [this] { run_worker(); }));
      continue;
    }
    auto worker = try_start_thread("prefetch", [this] { run_worker(); });
    if (!worker) return;
    workers_.push_back(*std::move(worker));
  }
}

void Prefetcher::run_worker() {
  std::unique_lock lock(mutex_);
  while (true) {
    std::optional<Claim> claimed;
    changed_.wait(lock, [&] { return stopping_ || (claimed = claim()).has_value(); });
    if (!claimed) return;
    lock.unlock();
    const Status status = fetch(*claimed);
    lock.lock();
    finish(*claimed, status);
  }
}

// With mutex_ held: the next file, if there is one for which there is room beside the others.
std::optional<Prefetcher::Claim> Prefetcher::claim() {
  if (stopping_) return std::nullopt;
  for (const JobPtr& job : jobs_) {
    if (job->cancelled || job->next == job->plan.files.size()) continue;
    const int weight = weight_of(job->plan.files[job->next].missing);
    if (load_ + weight > kMostLoad) return std::nullopt;
    load_ += weight;
    job->in_flight.insert(job->next);
    return Claim{job, job->next++, weight};
  }
  return std::nullopt;
}

Status Prefetcher::fetch(const Claim& claim) {
  const FileOfSet& file = claim.job->plan.files[claim.index].file;
  const Context context{.cancel = claim.job->cancel.token(), .priority = Priority::kPrefetch};
  DRIVEWAY_TRY(const tree::Node node, vfs_.node(file.inode));
  if (!node.item || drive::content_id(*node.item) != file.content) {
    return Error{ErrorCode::kStale, "it was replaced in Drive meanwhile"};
  }
  return vfs_.fetch_content(context, node);
}

// With mutex_ held.
void Prefetcher::finish(const Claim& claim, const Status& status) {
  Job& job = *claim.job;
  const PrefetchPlan::File& file = job.plan.files[claim.index];
  job.in_flight.erase(claim.index);
  load_ -= claim.weight;
  if (status.ok()) {
    ++job.done;
    job.bytes_done += file.missing;
    files_.add();
  } else if (!job.cancelled) {
    ++job.failed;
    failures_.add();
    log::info("prefetch of ", file.file.path, ": ", status.error());
    if (job.failures.size() < kMostFailures)
      job.failures.push_back({file.file.path, status.error()});
    if (status.failed_with(ErrorCode::kLoginNeeded)) job.cancelled = true;
  }
  end_if_over(job);
  changed_.notify_all();
}

// With mutex_ held.
void Prefetcher::end_if_over(Job& job) {
  const bool begun = job.cancelled || job.next == job.plan.files.size();
  if (job.ended || !begun || !job.in_flight.empty()) return;
  job.ended = true;
  std::erase_if(jobs_, [&](const JobPtr& other) { return other.get() == &job; });
}

void Prefetcher::cancel(Job& job) {
  {
    const std::lock_guard lock(mutex_);
    job.cancelled = true;
  }
  job.cancel.cancel();
  const std::lock_guard lock(mutex_);
  end_if_over(job);
  changed_.notify_all();
}

Status Prefetcher::wait(const Context& context, const Job& job) {
  std::unique_lock lock(mutex_);
  return driveway::wait(context, clock_, lock, changed_, [&] { return job.ended; });
}

Bytes Prefetcher::arrived_of(const PrefetchPlan::File& file) const {
  const auto content = vfs_.cache().open_content(file.file.content, file.file.size);
  if (!content.ok()) return 0;
  return file.missing - std::min(file.missing, missing_of(**content));
}

PrefetchProgress Prefetcher::progress(const Job& job) const {
  PrefetchProgress progress;
  std::vector<std::size_t> in_flight;
  {
    const std::lock_guard lock(mutex_);
    progress = {.files = job.plan.files.size(),
                .files_done = job.done,
                .files_failed = job.failed,
                .bytes = job.plan.bytes,
                .bytes_done = job.bytes_done,
                .ended = job.ended};
    in_flight.assign(job.in_flight.begin(), job.in_flight.end());
  }
  // The plan is never changed.
  for (const std::size_t index : in_flight) {
    progress.bytes_done += arrived_of(job.plan.files[index]);
  }
  return progress;
}

std::vector<FailureOfSet> Prefetcher::take_failures(Job& job) {
  const std::lock_guard lock(mutex_);
  return std::exchange(job.failures, {});
}

std::vector<PrefetchProgress> Prefetcher::running() const {
  std::deque<JobPtr> jobs;
  {
    const std::lock_guard lock(mutex_);
    jobs = jobs_;
  }
  std::vector<PrefetchProgress> all;
  all.reserve(jobs.size());
  for (const JobPtr& job : jobs) all.push_back(progress(*job));
  return all;
}

}  // namespace driveway::vfs
