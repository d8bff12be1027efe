#include "tree/item_fetcher.h"

#include <utility>

#include "base/fault.h"
#include "base/threads.h"
#include "tree/feed_token.h"

namespace driveway::tree {
namespace {

constexpr int kGetThreads = 8;
constexpr std::size_t kMostGetsAhead = 10'000;
constexpr Duration kGetDeadline = std::chrono::minutes(5);
// A get that has its turn is answered in less.
constexpr Duration kGetAheadPatience = std::chrono::seconds(1);

}  // namespace

ItemFetcher::ItemFetcher(TreeParts& parts, std::function<void(const Events&)> tell)
    : parts_(parts), tell_(std::move(tell)) {
  for (int i = 0; i < kGetThreads; ++i) {
    threads_.push_back(start_thread("items", [this] { work(); }));
  }
}

void ItemFetcher::stop() {
  {
    const std::lock_guard lock(mutex_);
    if (stopping_) return;
    stopping_ = true;
  }
  stop_.cancel();
  work_.notify_all();
  for (std::thread& thread : threads_) thread.join();
  const std::lock_guard lock(mutex_);
  for (const auto& [id, job] : jobs_) {
    job->done = true;
    job->result = Error{ErrorCode::kCancelled, "the file system is being closed"};
  }
  jobs_.clear();
  done_.notify_all();
}

Status ItemFetcher::fetch(const Context& context, const FileId& id) {
  DRIVEWAY_CHECK(context.check(parts_.clock));
  std::unique_lock lock(mutex_);
  if (stopping_) return Error{ErrorCode::kCancelled, "the file system is being closed"};
  JobPtr& slot = jobs_[id];
  if (slot == nullptr) {
    slot = std::make_shared<Job>();
    slot->id = id;
  }
  const JobPtr job = slot;
  if (!job->running && !job->foreground) {
    job->foreground = true;  // its place in ahead_ is passed over
    foreground_.push_back(job);
    work_.notify_one();
  }
  DRIVEWAY_CHECK(wait_for(context, lock, job));
  return job->result;
}

// Raises a get ahead that does not end soon: at its own priority it may have no turn for long.
Status ItemFetcher::wait_for(const Context& context, std::unique_lock<std::mutex>& lock,
                             const JobPtr& job) {
  const auto done = [&] { return job->done; };
  if (!job->foreground) {
    const TimePoint soon = parts_.clock.now() + kGetAheadPatience;
    const Status waited = wait(context.with_deadline(soon), parts_.clock, lock, done_, done);
    if (waited.ok()) return {};
    DRIVEWAY_CHECK(context.check(parts_.clock));
    if (!job->done && !std::exchange(job->foreground, true)) {
      CancelSource raised = job->raised;
      lock.unlock();
      raised.cancel();
      lock.lock();
    }
  }
  return wait(context, parts_.clock, lock, done_, done);
}

void ItemFetcher::fetch_ahead(const std::vector<FileId>& ids) {
  const std::lock_guard lock(mutex_);
  if (stopping_) return;
  for (const FileId& id : ids) {
    if (ahead_.size() >= kMostGetsAhead) break;
    JobPtr& job = jobs_[id];
    if (job != nullptr) continue;
    job = std::make_shared<Job>();
    job->id = id;
    job->raised = CancelSource(stop_.token());
    ahead_.push_back(job);
  }
  work_.notify_all();
}

Context ItemFetcher::context_of(const Job& job) const {
  Context context;
  context.deadline = parts_.clock.now() + kGetDeadline;
  context.cancel = job.foreground ? stop_.token() : job.raised.token();
  context.priority = job.foreground ? Priority::kForeground : Priority::kPrefetch;
  return context;
}

ItemFetcher::JobPtr ItemFetcher::pick() {
  for (std::deque<JobPtr>* queue : {&foreground_, &ahead_}) {
    while (!queue->empty()) {
      const JobPtr job = queue->front();
      queue->pop_front();
      if (!job->running && !job->done) return job;
    }
  }
  return nullptr;
}

void ItemFetcher::work() {
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    const JobPtr job = pick();
    if (job == nullptr) {
      work_.wait(lock);
      continue;
    }
    job->running = true;
    Status result;
    bool raised = true;
    while (raised) {
      const Context context = context_of(*job);
      lock.unlock();
      result = run(context, job->id);
      lock.lock();
      raised = context.priority != Priority::kForeground && job->foreground && !stopping_ &&
               result.failed_with(ErrorCode::kCancelled);
    }
    job->done = true;
    job->result = std::move(result);
    jobs_.erase(job->id);
    done_.notify_all();
  }
}

Result<drive::Item> ItemFetcher::get(const Context& context, const FileId& id) {
  DRIVEWAY_TRY(const auto slot, parts_.scheduler.acquire(context, transfer::Lane::kListing));
  parts_.metrics.counter("tree.gets").add();
  return parts_.store.get(context, id);
}

Result<bool> ItemFetcher::is_followed(const DriveId& drive) const {
  DRIVEWAY_TRY(const MetaReader meta, parts_.meta.read());
  DRIVEWAY_TRY(const auto feed, meta.feed(drive));
  return feed.has_value();
}

// The item, with the feed followed that tells about it.
Result<drive::Item> ItemFetcher::get_followed(const Context& context, const FileId& id) {
  Result<drive::Item> item = get(context, id);
  if (!item.ok() || !item->drive) return item;
  DRIVEWAY_TRY(const bool followed, is_followed(*item->drive));
  if (followed || !follow_feed(context, parts_, item->drive).ok()) return item;
  // The item is asked for again, so that nothing is missed between it and the feed's token.
  return get(context, id);
}

Status ItemFetcher::run(const Context& context, const FileId& id) {
  Events events;
  std::optional<Error> missing;
  bool entered = false;
  while (!entered) {
    DRIVEWAY_TRY(const auto heard, heard_of(parts_.meta, id));
    const Result<drive::Item> item = get_followed(context, id);
    DRIVEWAY_FAULT_POINT("tree.after_get");
    if (item.ok()) {
      missing.reset();
      DRIVEWAY_TRY(entered, merge_found(*item, heard, events));
    } else if (means_missing(item.error())) {
      missing = item.error();
      DRIVEWAY_TRY(entered, mark_missing(id, heard, events));
    } else {
      return item.error();
    }
  }
  if (!events.empty()) tell_(events);
  if (!missing) return {};
  return Error{ErrorCode::kNotFound, missing->message, false, std::make_shared<Error>(*missing)};
}

// Both: false if something was heard of the item since `heard` (merge.h).
Result<bool> ItemFetcher::merge_found(const drive::Item& item,
                                      const std::optional<RecentRow>& heard, Events& events) {
  DRIVEWAY_TRY(MetaWriter meta, parts_.meta.write());
  DRIVEWAY_TRY(const auto now, meta.recent(item.id));
  if (now != heard) return false;
  DRIVEWAY_TRY(Merger merger, Merger::begin(meta, events, parts_, News::kAll));
  DRIVEWAY_TRY(const InodeId inode, merger.merge(item));
  static_cast<void>(inode);
  DRIVEWAY_CHECK(merger.remember(item.id, &item));
  DRIVEWAY_CHECK(merger.finish());
  DRIVEWAY_CHECK(meta.commit());
  return true;
}

Result<bool> ItemFetcher::mark_missing(const FileId& id, const std::optional<RecentRow>& heard,
                                       Events& events) {
  DRIVEWAY_TRY(MetaWriter meta, parts_.meta.write());
  DRIVEWAY_TRY(const auto now, meta.recent(id));
  if (now != heard) return false;
  DRIVEWAY_TRY(Merger merger, Merger::begin(meta, events, parts_, News::kAll));
  DRIVEWAY_CHECK(merger.remove(id));
  DRIVEWAY_TRY(const std::uint64_t epoch, meta.epoch_of(std::nullopt));
  DRIVEWAY_TRY(const auto shortcuts, meta.shortcuts_to(id));
  for (const InodeId inode : shortcuts) {
    DRIVEWAY_TRY(auto row, meta.item(inode));
    if (!row || !row->live()) continue;
    row->dangling_epoch = epoch;
    DRIVEWAY_CHECK(meta.put(*row));
  }
  DRIVEWAY_CHECK(merger.finish());
  DRIVEWAY_CHECK(meta.commit());
  return true;
}

}  // namespace driveway::tree
