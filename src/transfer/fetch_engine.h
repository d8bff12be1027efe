// The fetches behind Fetcher: who wants what, in which order it runs, and what becomes of the
// bytes.
//
// The running and queued fetches of a target are disjoint. A fetch brings the bytes of its range
// from the front; its end can be brought forward while it runs (split), never its begin.
//
// Lock: mutex_, before a target's own. It is not held over a call of the store or the scheduler,
// nor while something is cancelled or a `done` is called.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <thread>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/context.h"
#include "base/metrics.h"
#include "drive/remote_store.h"
#include "transfer/fetcher.h"
#include "transfer/link_meter.h"
#include "transfer/scheduler.h"

namespace driveway::transfer {

class FetchEngine : public std::enable_shared_from_this<FetchEngine> {
 public:
  FetchEngine(const FetcherOptions& options, drive::RemoteStore& store, Scheduler& scheduler,
              Clock& clock, Metrics& metrics);
  ~FetchEngine();
  FetchEngine(const FetchEngine&) = delete;
  FetchEngine& operator=(const FetchEngine&) = delete;

  Status ensure(const Context& context, const std::shared_ptr<FetchTarget>& target, ByteRange range,
                ByteRange ask);
  std::unique_ptr<Ticket> want(const std::shared_ptr<FetchTarget>& target, ByteRange range,
                               Priority priority, std::function<void(const Status&)> done);
  Status confirm(const Context& context, const std::shared_ptr<FetchTarget>& target);
  Status confirm_shown(const Context& context, const std::shared_ptr<FetchTarget>& target);
  LinkSpeed link_speed() const { return meter_.speed(); }
  void stop();

 private:
  struct Fetch;
  struct Target;
  struct Wish;
  class TicketOf;
  class Sink;

  // What somebody wants of one fetch.
  struct Waiter {
    Wish* wish = nullptr;
    std::shared_ptr<Fetch> fetch;
    ByteRange need;
    bool late = false;  // the fetch had begun for others
    bool settled = false;
  };

  // One caller of ensure(), or one ticket.
  struct Wish : std::enable_shared_from_this<Wish> {
    std::condition_variable changed;
    std::list<Waiter> waiters;
    std::size_t open = 0;        // waiters that are not settled
    std::optional<Error> error;  // of the first that failed
    // Of a ticket alone:
    bool ticket = false;
    Priority priority = Priority::kForeground;
    bool told = false;
    std::atomic<bool> finished{false};
    std::mutex done_mutex;  // held while done runs
    std::function<void(const Status&)> done;
  };

  // Of the fetches that begin, so many may be asked for again, with a few in store (R4).
  static constexpr double kAskAgainShare = 0.1;
  static constexpr double kMostAskAgain = 8;

  using QueueKey = std::pair<Priority, std::uint64_t>;

  struct Fetch {
    std::shared_ptr<FetchTarget> target;
    std::shared_ptr<Target> state;
    const Bytes begin;
    std::atomic<Bytes> end;      // changes under mutex_ only
    const std::uint64_t number;  // order of asking
    CancelSource cancel{};
    // Guarded by mutex_:
    Priority priority = Priority::kForeground;
    bool queued = true;
    bool low = false;  // counted in running_low_
    bool given_up = false;
    bool by_hash = false;  // its bytes are judged by their hash, and not shown before that
    Bytes position;        // up to here its bytes have come
    // Of the answer that brings bytes now: whether some have come, and whether its revision was
    // found current after that.
    enum class Standing { kUnknown, kCurrent, kDoubtful };
    std::uint64_t answer = 0;  // how many have begun
    bool answering = false;
    bool outdated = false;  // the head has moved since it began: nothing of it can be kept
    Standing standing = Standing::kUnknown;
    std::optional<CancelSource> slot_wait;  // ends its wait for a slot, to ask with more priority
    // Whether the answer keeps coming (fetch_watch.cc).
    std::optional<CancelSource> asking;  // ends the answer
    bool asked = false;                  // the request is out: not waiting for quota
    bool ask_again = false;
    int asked_again = 0;
    TimePoint looked_at{};
    Bytes position_then = 0;
    std::list<Waiter*> waiters;

    Fetch(Bytes from, Bytes to, std::uint64_t order)
        : begin(from), end(to), number(order), position(from) {}
    ByteRange range() const { return {begin, end.load() - begin}; }
  };

  // What is remembered of a target as long as it lives.
  struct Target {
    std::weak_ptr<FetchTarget> target;
    std::map<Bytes, std::shared_ptr<Fetch>> fetches;  // by their begin
    bool stale = false;
    // The head revision under which its bytes are known to be the head: the item's, or a later one
    // of equal content.
    Revision head;
    bool on_trust = false;              // bytes were shown that no get has confirmed yet
    int running = 0;                    // fetches begun, and not handed to `unverified` yet
    std::vector<ByteRange> unverified;  // arrived, in whole blocks
    bool verifying = false;             // a thread is at it
    bool checking = false;              // somebody asks whether the revision is still current
    bool check_queued = false;          // somebody will
    std::optional<Error> get_error;     // of the last get
    std::condition_variable changed;
  };

  // How the transfer of a fetch ended.
  struct Outcome {
    Status status;
    ByteRange arrived;      // from its begin
    bool verified = false;  // by its hash, and committed
  };

  // fetch_engine.cc: waiting, queueing, threads
  Status fetch_missing(const Context& context, const std::shared_ptr<FetchTarget>& target,
                       ByteRange range, ByteRange ask);
  std::shared_ptr<Target> target_state(const std::shared_ptr<FetchTarget>& target);
  Status wait_for_fetches(const Context& context, std::unique_lock<std::mutex>& lock,
                          const std::shared_ptr<FetchTarget>& target, Target& state, Wish& wish);
  Status wait_for_verdict(const Context& context, std::unique_lock<std::mutex>& lock,
                          const std::shared_ptr<FetchTarget>& target, Target& state,
                          ByteRange range);
  void settle(Waiter& waiter, const std::optional<Error>& error);
  void tell(Wish& wish);
  void leave(Wish& wish, std::vector<CancelSource>& cancelled);
  bool ends_soon(const Fetch& fetch) const;
  void end_ticket(Wish& wish);
  void enqueue(const std::shared_ptr<Fetch>& fetch);
  void add_thread();
  void run_worker();
  std::shared_ptr<Fetch> next_fetch();

  // fetch_plan.cc: which fetches bring what somebody wants
  ByteRange default_ask(const FetchTarget& target, ByteRange range) const;
  void join(const std::shared_ptr<FetchTarget>& target, const std::shared_ptr<Target>& state,
            ByteRange need, ByteRange ask, Priority priority, Wish& wish,
            std::vector<CancelSource>& hurry);
  std::shared_ptr<Fetch> fetch_at(const std::shared_ptr<FetchTarget>& target,
                                  const std::shared_ptr<Target>& state, Bytes at, ByteRange ask,
                                  Priority priority, std::vector<CancelSource>& hurry);
  std::shared_ptr<Fetch> begin_fetch(const std::shared_ptr<FetchTarget>& target,
                                     const std::shared_ptr<Target>& state, ByteRange range,
                                     Priority priority);
  ByteRange free_around(const FetchTarget& target, const Target& state, Bytes at,
                        ByteRange ask) const;
  bool comes_too_late(const Fetch& fetch, Bytes at) const;
  std::shared_ptr<Fetch> split(Fetch& fetch, Bytes at, Priority priority);
  void add_waiter(Wish& wish, const std::shared_ptr<Fetch>& fetch, ByteRange need);
  void raise(const std::shared_ptr<Fetch>& fetch, Priority priority,
             std::vector<CancelSource>& hurry);
  static std::shared_ptr<Fetch> covering(const Target& state, Bytes at);

  // fetch_run.cc: one fetch
  void run(const std::shared_ptr<Fetch>& fetch);
  Result<Scheduler::Slot> acquire_slot(Fetch& fetch, TimePoint deadline);
  Outcome transfer(Fetch& fetch, const Context& context, Scheduler::Slot& slot);
  Outcome transfer_whole(Fetch& fetch, const Context& context, Scheduler::Slot& slot);
  Status read(Fetch& fetch, const Context& context, Sink& sink);
  void begin_answer(Fetch& fetch);
  void asked(Fetch& fetch);
  void arrived(Fetch& fetch, ByteRange bytes);
  void wake_waiters(Fetch& fetch);
  ByteRange keep_whole_blocks(Fetch& fetch, const Outcome& outcome);
  void finish(const std::shared_ptr<Fetch>& fetch, const Outcome& outcome);
  void settle_ended(Waiter& waiter, const Status& outcome, std::vector<CancelSource>& hurry);

  // fetch_verify.cc: whether it is of the right revision
  void ask_for_check(const std::shared_ptr<Target>& state);
  Status check_revision(const Context& context, std::unique_lock<std::mutex>& lock,
                        const std::shared_ptr<FetchTarget>& target, Target& state);
  void verify(const Context& context, const std::shared_ptr<FetchTarget>& target, Target& state);
  bool is_current(const FetchTarget& target, const Target& state, const drive::Item& now) const;
  void judge(const std::shared_ptr<FetchTarget>& target, Target& state,
             std::vector<ByteRange> ranges, const Result<drive::Item>& now, bool confirms_trust);
  static void move_head(Target& state, const Revision& head);
  void make_stale(FetchTarget& target, Target& state);

  // fetch_watch.cc: answers that do not come (R4)
  void watch();
  void look_at_answers(TimePoint now, std::vector<CancelSource>& ended);
  bool is_stuck(const Fetch& fetch, TimePoint now, double usual_rate) const;

  const FetcherOptions options_;
  drive::RemoteStore& store_;
  Scheduler& scheduler_;
  Clock& clock_;
  Counter& fetches_;
  Counter& bytes_;
  Counter& stale_;
  Counter& mismatches_;
  Counter& asked_again_;
  Counter& split_;
  LinkMeter meter_;
  CancelSource stop_;

  std::mutex mutex_;  // guards what follows
  std::condition_variable work_;
  std::condition_variable watch_;
  std::map<QueueKey, std::shared_ptr<Fetch>> queue_;
  std::deque<std::function<void()>> jobs_;  // short ones, before any fetch; run without mutex_
  std::map<const FetchTarget*, std::shared_ptr<Target>> targets_;
  std::set<std::shared_ptr<Fetch>> running_;
  std::size_t prune_at_ = 64;
  std::uint64_t next_number_ = 0;
  int idle_ = 0;
  int running_low_ = 0;
  double ask_again_budget_ = kMostAskAgain;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
  std::thread watch_thread_;
};

}  // namespace driveway::transfer
