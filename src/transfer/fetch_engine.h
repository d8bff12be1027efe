// The fetches behind Fetcher: who waits for which, in which order they run, and what becomes of the
// bytes.
//
// Lock: mutex_, before a target's own. It is not held over a call of the store or the scheduler,
// nor while something is cancelled.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/context.h"
#include "base/metrics.h"
#include "drive/remote_store.h"
#include "transfer/fetcher.h"
#include "transfer/scheduler.h"

namespace driveway::transfer {

class FetchEngine {
 public:
  FetchEngine(const FetcherOptions& options, drive::RemoteStore& store, Scheduler& scheduler,
              Clock& clock, Metrics& metrics);
  ~FetchEngine();
  FetchEngine(const FetchEngine&) = delete;
  FetchEngine& operator=(const FetchEngine&) = delete;

  Status ensure(const Context& context, const std::shared_ptr<FetchTarget>& target,
                ByteRange range);
  Status confirm(const Context& context, const std::shared_ptr<FetchTarget>& target);
  void stop();

 private:
  struct Fetch;

  // One caller of ensure().
  struct Caller {
    std::condition_variable changed;
    std::size_t open = 0;        // waiters that are not settled
    std::optional<Error> error;  // of the first that failed
  };
  // What a caller wants of one fetch.
  struct Waiter {
    Caller* caller = nullptr;
    std::shared_ptr<Fetch> fetch;
    ByteRange need;
    bool late = false;  // the fetch had begun for others
    bool settled = false;
  };

  // What is remembered of a target as long as it lives.
  struct Target {
    std::weak_ptr<FetchTarget> target;
    bool stale = false;
    // The head revision under which its bytes are known to be the head: the item's, or a later one
    // of equal content.
    Revision head;
    int fetches = 0;                    // begun, and not handed to `unverified` yet
    std::vector<ByteRange> unverified;  // arrived, in whole blocks
    bool verifying = false;             // a thread is at it
    bool checking = false;              // a reader asks whether the revision is still current
    std::optional<Error> get_error;     // of the last get
    std::condition_variable changed;
  };

  using PieceKey = std::pair<const FetchTarget*, std::uint64_t>;
  using QueueKey = std::pair<Priority, std::uint64_t>;

  struct Fetch {
    std::shared_ptr<FetchTarget> target;
    std::shared_ptr<Target> state;
    PieceKey key;
    ByteRange range;
    std::uint64_t number = 0;  // order of asking
    CancelSource cancel;
    // Guarded by mutex_:
    Priority priority = Priority::kForeground;
    bool queued = true;
    bool low = false;  // counted in running_low_
    bool given_up = false;
    // Of the answer that brings bytes now: its number, how far they came, and whether its revision
    // was found current after it had begun.
    enum class Standing { kUnknown, kCurrent, kDoubtful };
    std::uint64_t answer = 0;
    std::optional<Bytes> position;
    Standing standing = Standing::kUnknown;
    std::optional<CancelSource> slot_wait;  // ends its wait for a slot, to ask with more priority
    std::list<Waiter*> waiters;
  };

  // How the transfer of a fetch ended.
  struct Outcome {
    Status status;
    std::vector<ByteRange> arrived;  // a valid prefix of each part
    bool verified = false;           // by its hash, and committed
  };
  class Sink;

  // fetch_engine.cc: waiting and queueing
  Status fetch_missing(const Context& context, const std::shared_ptr<FetchTarget>& target,
                       ByteRange range);
  std::shared_ptr<Target> target_state(const std::shared_ptr<FetchTarget>& target);
  void join(const Context& context, const std::shared_ptr<FetchTarget>& target,
            const std::shared_ptr<Target>& state, ByteRange range, Caller& caller,
            std::list<Waiter>& waiters, std::vector<CancelSource>& hurry);
  std::shared_ptr<Fetch> fetch_for(const std::shared_ptr<FetchTarget>& target,
                                   const std::shared_ptr<Target>& state, std::uint64_t piece,
                                   Priority priority, std::vector<CancelSource>& hurry);
  void raise(const std::shared_ptr<Fetch>& fetch, Priority priority,
             std::vector<CancelSource>& hurry);
  Status wait_for_fetches(const Context& context, std::unique_lock<std::mutex>& lock,
                          const std::shared_ptr<FetchTarget>& target, Target& state, Caller& caller,
                          const std::list<Waiter>& waiters);
  Status wait_for_verdict(const Context& context, std::unique_lock<std::mutex>& lock,
                          const std::shared_ptr<FetchTarget>& target, Target& state,
                          ByteRange range);
  std::vector<std::shared_ptr<Fetch>> fetches_of(const FetchTarget& target) const;
  void enqueue(const std::shared_ptr<Fetch>& fetch);
  void leave(std::list<Waiter>& waiters, std::vector<CancelSource>& cancelled);
  static void settle(Waiter& waiter, const std::optional<Error>& error);
  void run_worker();
  std::shared_ptr<Fetch> next_fetch();
  ByteRange piece_range(const FetchTarget& target, std::uint64_t piece) const;

  // fetch_run.cc: one fetch, fetch_verify.cc: is what came of the right revision
  void run(const std::shared_ptr<Fetch>& fetch);
  Result<Scheduler::Slot> acquire_slot(Fetch& fetch, TimePoint deadline);
  Outcome transfer(Fetch& fetch, const Context& context);
  Outcome transfer_parts(Fetch& fetch, const Context& context, const std::vector<ByteRange>& parts);
  Outcome transfer_whole(Fetch& fetch, const Context& context);
  Status read_part(Fetch& fetch, const Context& context, ByteRange part, Sink& sink);
  void begin_answer(Fetch& fetch);
  void arrived(Fetch& fetch, ByteRange bytes);
  static void wake_waiters(Fetch& fetch);
  Status check_revision(const Context& context, std::unique_lock<std::mutex>& lock,
                        const std::shared_ptr<FetchTarget>& target, Target& state);
  std::vector<ByteRange> keep_whole_blocks(Fetch& fetch, const Outcome& outcome);
  void finish(const std::shared_ptr<Fetch>& fetch, const Outcome& outcome);
  void verify(const Context& context, const std::shared_ptr<FetchTarget>& target, Target& state);
  bool is_current(const FetchTarget& target, const Target& state, const drive::Item& now) const;
  void judge(const std::shared_ptr<FetchTarget>& target, Target& state,
             std::vector<ByteRange> ranges, const Result<drive::Item>& now);
  void make_stale(FetchTarget& target, Target& state);

  const FetcherOptions options_;
  drive::RemoteStore& store_;
  Scheduler& scheduler_;
  Clock& clock_;
  Counter& fetches_;
  Counter& bytes_;
  Gauge& in_flight_;
  Counter& stale_;
  Counter& mismatches_;
  CancelSource stop_;

  std::mutex mutex_;  // guards what follows
  std::condition_variable work_;
  std::map<PieceKey, std::shared_ptr<Fetch>> fetches_by_piece_;
  std::map<QueueKey, std::shared_ptr<Fetch>> queue_;
  std::map<const FetchTarget*, std::shared_ptr<Target>> targets_;
  std::size_t prune_at_ = 64;
  std::uint64_t next_number_ = 0;
  int idle_ = 0;
  int running_low_ = 0;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace driveway::transfer
