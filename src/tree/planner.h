// Who is listed when: the queue of directories that somebody waits for or will ask for soon, and
// the threads that ask Drive.
//
// * Directories wanted at the same time go into one query, up to 50 of one drive; several queries
//   run in parallel. A directory that is being listed is not asked for again: all wait for the one
//   query. One ahead that does not end soon is begun anew in the foreground for who waits for it:
//   at its own priority it may have no turn for long.
// * An empty grouped answer, and one that Drive refuses, is asked again singly.
// * Listing ahead (walk.h) runs at Priority::kPrefetch, on at most three quarters of the threads,
//   in groups sized so that an answer fits in about one page: pages of one query come one after the
//   other, those of different queries in parallel.
//
// Thread-safe. `tell` and `listed_ahead` are called without a lock, from the planner's threads;
// `may_go_ahead` under the planner's lock: it must not call the planner.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <unordered_map>
#include <vector>

#include "base/context.h"
#include "base/result.h"
#include "tree/fragile.h"
#include "tree/listing_run.h"

namespace driveway::tree {

class Planner {
 public:
  struct Callbacks {
    std::function<void(const Events&)> tell;
    // Directories that were listed ahead.
    std::function<void(const std::vector<ListTarget>&)> listed_ahead;
    // Whether listing ahead may go on now.
    enum class Ahead { kGo, kWait, kGiveUp };
    std::function<Ahead()> may_go_ahead;
  };
  Planner(TreeParts& parts, FragileListings& fragile, Callbacks callbacks);
  ~Planner() { stop(); }
  Planner(const Planner&) = delete;
  Planner& operator=(const Planner&) = delete;

  // Returns when `target` has been listed. Errors: those of RemoteStore, kCancelled,
  // kDeadlineExceeded.
  Status list(const Context& context, const ListTarget& target);
  // Queues what is not queued yet, behind all that is; drops what is beyond the bound.
  // `children`: how many entries these directories are expected to have.
  void list_ahead(const std::vector<ListTarget>& targets, std::uint64_t children);
  // As list_ahead(), for listings that have become old: done whoever walks.
  void refresh(const std::vector<ListTarget>& targets);
  // may_go_ahead() may give something else now.
  void kick();
  // Cancels what runs, fails what waits, joins. For good.
  void stop();

 private:
  struct Group;
  struct Job {
    ListTarget target;
    bool foreground = false;
    bool refresh = false;
    bool single = false;
    int waiters = 0;
    std::shared_ptr<Group> group;  // while it runs
    bool done = false;
    Status result;
  };
  struct Group {
    std::vector<std::shared_ptr<Job>> jobs;
    bool foreground = false;
    bool raised =
        false;  // somebody waits for a part of this run ahead: cancelled, to be queued anew
    CancelSource cancel;
  };
  using JobPtr = std::shared_ptr<Job>;

  // All below: with mutex_ held, but where said otherwise.
  JobPtr join(const ListTarget& target);
  // Both: what has to be cancelled then, without the lock.
  std::optional<CancelSource> leave(const JobPtr& job);
  std::optional<CancelSource> raise(const JobPtr& job);
  Status wait_for(const Context& context, std::unique_lock<std::mutex>& lock, const JobPtr& job);
  void enqueue(const std::vector<ListTarget>& targets, bool refresh);
  std::shared_ptr<Group> pick();
  std::shared_ptr<Group> take(std::deque<JobPtr>& queue, std::size_t most);
  std::size_t ahead_group_size();
  void drop_ahead();
  void finish(Group& group, const Result<ListOutcome>& outcome);
  void finish_job(const JobPtr& job, Status result);
  void requeue(const JobPtr& job);
  std::vector<ListTarget> still_unlisted(const Group& group) const;  // without
  void work();                                                       // without
  void run(Group& group);                                            // without

  TreeParts& parts_;
  FragileListings& fragile_;
  const Callbacks callbacks_;
  Gauge& waiting_;  // callers of list()
  std::mutex mutex_;
  std::condition_variable work_;
  std::condition_variable done_;
  bool stopping_ = false;
  CancelSource stop_;
  std::unordered_map<std::uint64_t, JobPtr> jobs_;  // queued or running, by inode
  std::deque<JobPtr> foreground_;
  std::deque<JobPtr> ahead_;
  int running_ = 0;
  int running_ahead_ = 0;
  double children_ = 100;  // of a directory listed ahead, on average
  std::size_t ramp_ = 4;
  std::vector<std::thread> threads_;
};

}  // namespace driveway::tree
