#include "tree/item_fetcher.h"

#include <utility>

#include "base/log.h"
#include "base/threads.h"
#include "tree/feed_token.h"

namespace driveway::tree {
namespace {

constexpr int kThreads = 8;
constexpr std::size_t kMostQueuedAhead = 10'000;
constexpr Duration kGetDeadline = std::chrono::minutes(5);

}  // namespace

ItemFetcher::ItemFetcher(TreeParts& parts, std::function<void(const Events&)> tell)
    : parts_(parts), tell_(std::move(tell)) {
  for (int i = 0; i < kThreads; ++i) {
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
  DRIVEWAY_CHECK(wait(context, parts_.clock, lock, done_, [&] { return job->done; }));
  return job->result;
}

void ItemFetcher::fetch_ahead(const std::vector<FileId>& ids) {
  const std::lock_guard lock(mutex_);
  if (stopping_) return;
  for (const FileId& id : ids) {
    if (ahead_.size() >= kMostQueuedAhead) break;
    JobPtr& job = jobs_[id];
    if (job != nullptr) continue;
    job = std::make_shared<Job>();
    job->id = id;
    ahead_.push_back(job);
  }
  work_.notify_all();
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
    const bool foreground = job->foreground;
    lock.unlock();
    Status result = run(*job, foreground);
    lock.lock();
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

Status ItemFetcher::run(const Job& job, bool foreground) {
  Context context;
  context.deadline = parts_.clock.now() + kGetDeadline;
  context.cancel = stop_.token();
  context.priority = foreground ? Priority::kForeground : Priority::kPrefetch;
  Result<drive::Item> item = get(context, job.id);
  if (item.ok() && item->drive) {
    DRIVEWAY_TRY(const bool followed, is_followed(*item->drive));
    // The item is asked for again, so that nothing is missed between it and the feed's token.
    if (!followed && follow_feed(context, parts_, item->drive).ok()) item = get(context, job.id);
  }
  Events events;
  Status result;
  if (item.ok()) {
    result = merge_found(*item, events);
  } else if (item.failed_with(ErrorCode::kNotFound) ||
             item.failed_with(ErrorCode::kPermissionDenied)) {
    result = mark_missing(job.id, events);
    if (result.ok()) {
      result = Error{ErrorCode::kNotFound, item.error().message, false,
                     std::make_shared<Error>(item.error())};
    }
  } else {
    result = item.error();
  }
  if (!events.empty()) tell_(events);
  return result;
}

Status ItemFetcher::merge_found(const drive::Item& item, Events& events) {
  DRIVEWAY_TRY(MetaWriter meta, parts_.meta.write());
  DRIVEWAY_TRY(Merger merger, Merger::begin(meta, events, parts_));
  DRIVEWAY_TRY(const InodeId inode, merger.merge(item));
  static_cast<void>(inode);
  DRIVEWAY_CHECK(merger.remember(item.id, &item));
  DRIVEWAY_CHECK(merger.finish());
  return meta.commit();
}

Status ItemFetcher::mark_missing(const FileId& id, Events& events) {
  DRIVEWAY_TRY(MetaWriter meta, parts_.meta.write());
  DRIVEWAY_TRY(Merger merger, Merger::begin(meta, events, parts_));
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
  return meta.commit();
}

}  // namespace driveway::tree
