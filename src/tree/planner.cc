#include "tree/planner.h"

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "base/threads.h"
#include "tree/directories.h"

namespace driveway::tree {
namespace {

constexpr int kListThreads = 16;
constexpr int kMostRunsAhead = 12;
constexpr std::size_t kMostParents = 50;  // of one query (drive-api reference 3.4)
constexpr std::size_t kMostListsAhead = 20'000;
constexpr double kPageGoal = 900;  // of the 1,000 items of a page
constexpr Duration kRunDeadline = std::chrono::minutes(5);
// A page of a query that has its turn comes in less.
constexpr Duration kListAheadPatience = std::chrono::seconds(1);

bool groupable(const ListTarget& a, const ListTarget& b) {
  return a.scope == drive::ListQuery::Scope::kChildren && b.scope == a.scope && a.drive == b.drive;
}

// Whether each of the group might fare better alone: one unknown parent spoils the query for all.
bool worth_asking_singly(const Error& error) {
  return !error.retryable && error.code != ErrorCode::kCancelled &&
         error.code != ErrorCode::kDeadlineExceeded && error.code != ErrorCode::kLoginNeeded;
}

}  // namespace

Planner::Planner(TreeParts& parts, FragileListings& fragile, Callbacks callbacks)
    : parts_(parts),
      fragile_(fragile),
      callbacks_(std::move(callbacks)),
      waiting_(parts.metrics.gauge("tree.waiting")) {
  for (int i = 0; i < kListThreads; ++i) {
    threads_.push_back(start_thread("listing", [this] { work(); }));
  }
}

void Planner::stop() {
  {
    const std::lock_guard lock(mutex_);
    if (stopping_) return;
    stopping_ = true;
  }
  stop_.cancel();
  work_.notify_all();
  for (std::thread& thread : threads_) thread.join();
  const std::lock_guard lock(mutex_);
  for (const auto& [inode, job] : jobs_) {
    job->done = true;
    job->result = Error{ErrorCode::kCancelled, "the file system is being closed"};
  }
  jobs_.clear();
  done_.notify_all();
}

Planner::JobPtr Planner::join(const ListTarget& target) {
  JobPtr& job = jobs_[target.directory.value()];
  const bool fresh = job == nullptr;
  if (fresh) {
    job = std::make_shared<Job>();
    job->target = target;
  }
  ++job->waiters;
  if (job->group == nullptr && !job->foreground) {
    job->foreground = true;  // its place in ahead_ is passed over
    foreground_.push_back(job);
    work_.notify_one();
  }
  return job;
}

// A waiter gave up.
std::optional<CancelSource> Planner::leave(const JobPtr& job) {
  if (job->waiters > 0 || job->done) return std::nullopt;
  if (job->group == nullptr) {
    job->done = true;  // its place in foreground_ is passed over
    jobs_.erase(job->target.directory.value());
    return std::nullopt;
  }
  const auto& jobs = job->group->jobs;
  const bool wanted =
      !job->group->foreground ||
      std::any_of(jobs.begin(), jobs.end(), [](const JobPtr& each) { return each->waiters > 0; });
  if (wanted) return std::nullopt;
  return job->group->cancel;
}

// A waiter has been patient with a run ahead.
std::optional<CancelSource> Planner::raise(const JobPtr& job) {
  if (job->done || job->group == nullptr || job->group->foreground) return std::nullopt;
  if (std::exchange(job->group->raised, true)) return std::nullopt;
  return job->group->cancel;
}

Status Planner::wait_for(const Context& context, std::unique_lock<std::mutex>& lock,
                         const JobPtr& job) {
  const auto done = [&] { return job->done; };
  if (job->group != nullptr && !job->group->foreground) {
    const TimePoint soon = parts_.clock.now() + kListAheadPatience;
    const Status waited = wait(context.with_deadline(soon), parts_.clock, lock, done_, done);
    if (waited.ok()) return {};
    DRIVEWAY_CHECK(context.check(parts_.clock));
    if (auto slow = raise(job)) {
      lock.unlock();
      slow->cancel();
      lock.lock();
    }
  }
  return wait(context, parts_.clock, lock, done_, done);
}

Status Planner::list(const Context& context, const ListTarget& target) {
  DRIVEWAY_CHECK(context.check(parts_.clock));
  std::unique_lock lock(mutex_);
  if (stopping_) return Error{ErrorCode::kCancelled, "the file system is being closed"};
  const JobPtr job = join(target);
  waiting_.add(1);
  const Status waited = wait_for(context, lock, job);
  waiting_.add(-1);
  --job->waiters;
  if (waited.ok()) return job->result;
  auto unwanted = leave(job);
  lock.unlock();
  if (unwanted) unwanted->cancel();
  return waited;
}

void Planner::enqueue(const std::vector<ListTarget>& targets, bool refresh) {
  for (const ListTarget& target : targets) {
    if (ahead_.size() >= kMostListsAhead) break;
    JobPtr& job = jobs_[target.directory.value()];
    if (job != nullptr) continue;
    job = std::make_shared<Job>();
    job->target = target;
    job->refresh = refresh;
    ahead_.push_back(job);
  }
  work_.notify_all();
}

void Planner::list_ahead(const std::vector<ListTarget>& targets, std::uint64_t children) {
  const std::lock_guard lock(mutex_);
  if (stopping_) return;
  if (ahead_.empty()) ramp_ = 4;
  if (children > 0) children_ = static_cast<double>(children);
  enqueue(targets, false);
}

void Planner::refresh(const std::vector<ListTarget>& targets) {
  const std::lock_guard lock(mutex_);
  if (!stopping_) enqueue(targets, true);
}

void Planner::kick() {
  const std::lock_guard lock(mutex_);  // a thread that is about to wait must not miss it
  work_.notify_all();
}

std::size_t Planner::ahead_group_size() {
  const double fits = kPageGoal / std::max(children_, 1.0);
  const auto size = static_cast<std::size_t>(std::clamp(fits, 1.0, double{kMostParents}));
  const std::size_t most = std::min(size, ramp_);
  ramp_ = std::min(ramp_ * 2, kMostParents);
  return most;
}

// What nobody waits for, but refreshes, is forgotten.
void Planner::drop_ahead() {
  std::erase_if(ahead_, [&](const JobPtr& job) {
    if (job->refresh && !job->foreground) return false;
    if (!job->foreground && job->group == nullptr && !job->done) {
      jobs_.erase(job->target.directory.value());
      job->done = true;
    }
    return true;
  });
}

std::shared_ptr<Planner::Group> Planner::take(std::deque<JobPtr>& queue, std::size_t most) {
  const bool foreground = &queue == &foreground_;
  auto group = std::make_shared<Group>();
  while (!queue.empty() && group->jobs.size() < most) {
    const JobPtr job = queue.front();
    const bool passed_over = job->done || job->group != nullptr || job->foreground != foreground;
    if (!passed_over && !group->jobs.empty()) {
      const Job& first = *group->jobs.front();
      if (first.single || job->single || !groupable(first.target, job->target)) break;
    }
    queue.pop_front();
    if (passed_over) continue;
    job->group = group;
    group->jobs.push_back(job);
  }
  if (group->jobs.empty()) return nullptr;
  group->foreground = foreground;
  group->cancel = CancelSource(stop_.token());
  return group;
}

std::shared_ptr<Planner::Group> Planner::pick() {
  const auto idle = static_cast<std::size_t>(kListThreads - running_);
  const std::size_t share = (foreground_.size() + idle - 1) / idle;
  if (auto group = take(foreground_, std::clamp<std::size_t>(share, 1, kMostParents))) return group;
  if (ahead_.empty() || running_ahead_ >= kMostRunsAhead) return nullptr;
  const auto ahead = callbacks_.may_go_ahead();
  if (ahead == Callbacks::Ahead::kGiveUp) drop_ahead();
  if (ahead == Callbacks::Ahead::kWait && !ahead_.front()->refresh) return nullptr;
  if (ahead_.empty()) return nullptr;
  return take(ahead_, ahead_group_size());
}

void Planner::work() {
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    const std::shared_ptr<Group> group = pick();
    if (group == nullptr) {
      work_.wait(lock);
      continue;
    }
    ++running_;
    if (!group->foreground) ++running_ahead_;
    lock.unlock();
    run(*group);
    lock.lock();
    --running_;
    if (!group->foreground) --running_ahead_;
    work_.notify_all();  // what had to wait for a thread, or for a run ahead to end
  }
}

// What was listed between a caller's look and the job's turn is not asked for again.
std::vector<ListTarget> Planner::still_unlisted(const Group& group) const {
  std::vector<ListTarget> targets;
  const auto meta = std::as_const(parts_.meta).read();
  for (const JobPtr& job : group.jobs) {
    if (meta.ok()) {
      const auto known = completeness(*meta, job->target.directory, parts_.options);
      if (known.ok() && *known == Completeness::kComplete) continue;
    }
    targets.push_back(job->target);
  }
  return targets;
}

void Planner::run(Group& group) {
  const std::vector<ListTarget> targets = still_unlisted(group);
  const TimePoint now = parts_.clock.now();
  Context context;
  context.deadline = now + kRunDeadline;
  context.cancel = group.cancel.token();
  context.priority = group.foreground ? Priority::kForeground : Priority::kPrefetch;
  Events events;
  Result<ListOutcome> outcome = ListOutcome();
  if (!targets.empty()) {
    parts_.metrics.counter("tree.list_queries").add();
    outcome = ListingRun(parts_, targets).run(context, events);
  }
  if (!events.empty()) callbacks_.tell(events);
  const bool listed = outcome.ok() && !outcome->ask_singly && !outcome->again;
  if (listed) {
    std::vector<InodeId> directories;
    directories.reserve(targets.size());
    for (const ListTarget& target : targets) directories.push_back(target.directory);
    fragile_.add(now, std::move(directories), outcome->empty, outcome->pages);
    if (!group.foreground) {
      parts_.metrics.counter("tree.listed_ahead").add(targets.size());
      callbacks_.listed_ahead(targets);
    }
  } else if (!outcome.ok()) {
    log::debug("listing failed: ", outcome.error());
  }
  const std::lock_guard lock(mutex_);
  finish(group, outcome);
}

void Planner::finish_job(const JobPtr& job, Status result) {
  job->done = true;
  job->result = std::move(result);
  job->group = nullptr;
  jobs_.erase(job->target.directory.value());
}

void Planner::requeue(const JobPtr& job) {
  job->group = nullptr;
  job->foreground = job->waiters > 0;
  (job->foreground ? foreground_ : ahead_).push_front(job);
  work_.notify_one();
}

void Planner::finish(Group& group, const Result<ListOutcome>& outcome) {
  if (outcome.ok() && !group.foreground && outcome->pages > 0) {
    const double children =
        static_cast<double>(outcome->items) / static_cast<double>(group.jobs.size());
    children_ = 0.7 * children_ + 0.3 * children;
  }
  const bool grouped = group.jobs.size() > 1;
  for (const JobPtr& job : group.jobs) {
    if (stopping_) {
      finish_job(job, Error{ErrorCode::kCancelled, "the file system is being closed"});
    } else if (outcome.ok() ? outcome->again
                            : group.raised && outcome.failed_with(ErrorCode::kCancelled)) {
      requeue(job);
    } else if (grouped &&
               (outcome.ok() ? outcome->ask_singly : worth_asking_singly(outcome.error()))) {
      job->single = true;
      parts_.metrics.counter("tree.asked_singly").add();
      requeue(job);
    } else if (outcome.ok()) {
      finish_job(job, {});
    } else if (job->waiters > 0 &&
               (!group.foreground || outcome.failed_with(ErrorCode::kCancelled))) {
      requeue(job);  // somebody waits who did not when it began
    } else {
      finish_job(job, outcome.error());
    }
  }
  done_.notify_all();
}

}  // namespace driveway::tree
