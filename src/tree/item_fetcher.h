// Single items by id: targets of shortcuts, and REMOTEs of the form drive:id=ID.
//
// One get per id however many wait for it; several ids in parallel on own threads. What Drive says
// is merged into `meta`; the feed of a shared drive is followed before an item of it is believed
// (J3), and what the feed says while a get runs has it asked again. An id that Drive does not know
// marks the shortcuts to it as dangling. A caller who joins a get ahead raises it to the foreground
// where it does not end soon. Thread-safe.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <unordered_map>
#include <vector>

#include "base/context.h"
#include "base/ids.h"
#include "base/result.h"
#include "tree/events.h"
#include "tree/merge.h"

namespace driveway::tree {

class ItemFetcher {
 public:
  ItemFetcher(TreeParts& parts, std::function<void(const Events&)> tell);
  ~ItemFetcher() { stop(); }
  ItemFetcher(const ItemFetcher&) = delete;
  ItemFetcher& operator=(const ItemFetcher&) = delete;

  // Errors: kNotFound (then the shortcuts to it are marked), others of RemoteStore, kCancelled,
  // kDeadlineExceeded.
  Status fetch(const Context& context, const FileId& id);
  // In the background; drops what is beyond a bound.
  void fetch_ahead(const std::vector<FileId>& ids);
  void stop();

 private:
  struct Job {
    FileId id;
    bool foreground = false;
    bool running = false;
    CancelSource raised;  // cancelled: the get ahead is to be begun anew, in the foreground
    bool done = false;
    Status result;
  };
  using JobPtr = std::shared_ptr<Job>;
  JobPtr pick();
  void work();
  Status wait_for(const Context& context, std::unique_lock<std::mutex>& lock, const JobPtr& job);
  Status run(const Context& context, const FileId& id);
  Result<bool> is_followed(const DriveId& drive) const;
  Result<drive::Item> get(const Context& context, const FileId& id);
  Result<drive::Item> get_followed(const Context& context, const FileId& id);
  Result<bool> merge_found(const drive::Item& item, const std::optional<RecentRow>& heard,
                           Events& events);
  Result<bool> mark_missing(const FileId& id, const std::optional<RecentRow>& heard,
                            Events& events);
  Context context_of(const Job& job) const;

  TreeParts& parts_;
  const std::function<void(const Events&)> tell_;
  std::mutex mutex_;
  std::condition_variable work_;
  std::condition_variable done_;
  bool stopping_ = false;
  CancelSource stop_;
  std::unordered_map<FileId, JobPtr> jobs_;  // queued or running
  std::deque<JobPtr> foreground_;
  std::deque<JobPtr> ahead_;
  std::vector<std::thread> threads_;
};

}  // namespace driveway::tree
