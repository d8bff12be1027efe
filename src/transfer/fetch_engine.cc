#include "transfer/fetch_engine.h"

#include <algorithm>

#include "base/strings.h"
#include "base/threads.h"

namespace driveway::transfer {

FetchEngine::FetchEngine(const FetcherOptions& options, drive::RemoteStore& store,
                         Scheduler& scheduler, Clock& clock, Metrics& metrics)
    : options_(options),
      store_(store),
      scheduler_(scheduler),
      clock_(clock),
      fetches_(metrics.counter("transfer.fetches")),
      bytes_(metrics.counter("transfer.bytes")),
      stale_(metrics.counter("transfer.stale")),
      mismatches_(metrics.counter("transfer.md5_mismatches")),
      asked_again_(metrics.counter("transfer.asked_again")),
      split_(metrics.counter("transfer.split")),
      meter_(clock) {}

FetchEngine::~FetchEngine() = default;

void FetchEngine::stop() {
  std::vector<CancelSource> cancelled;
  std::vector<std::thread> threads;
  // They may be the last to hold a target, which must not end under mutex_.
  std::map<const FetchTarget*, std::shared_ptr<Target>> targets;
  std::map<QueueKey, std::shared_ptr<Fetch>> queue;
  std::vector<std::map<Bytes, std::shared_ptr<Fetch>>> unfinished;
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    for (const auto& [key, target] : targets_) {
      for (const auto& [begin, fetch] : target->fetches) {
        cancelled.push_back(fetch->cancel);
        for (Waiter* waiter : fetch->waiters) {
          settle(*waiter, Error{ErrorCode::kCancelled, "driveway is stopping"});
        }
      }
      target->changed.notify_all();
    }
    queue.swap(queue_);
    threads.swap(threads_);
    work_.notify_all();
    watch_.notify_all();
  }
  stop_.cancel();
  for (CancelSource& source : cancelled) source.cancel();
  for (std::thread& thread : threads) thread.join();
  if (watch_thread_.joinable()) watch_thread_.join();
  const std::lock_guard lock(mutex_);
  // What never ran is held by its target's state, which it holds.
  for (const auto& [key, target] : targets_) unfinished.push_back(std::move(target->fetches));
  targets.swap(targets_);
}

// --- Callers

Status FetchEngine::ensure(const Context& context, const std::shared_ptr<FetchTarget>& target,
                           ByteRange range, ByteRange ask) {
  // Bytes may be dropped again between their arrival and our look: a revision that moved, a block
  // that failed its checksum. And a fetch may be split, and its parts waited for anew. Not for
  // ever.
  constexpr int kRounds = 16;
  for (int round = 0; round < kRounds; ++round) {
    DRIVEWAY_CHECK(context.check(clock_));
    if (target->has(range)) return {};
    DRIVEWAY_CHECK(fetch_missing(context, target, range, ask));
  }
  if (target->has(range)) return {};
  return Error{ErrorCode::kUnavailable,
               cat("the bytes of \"", target->item().name, "\" do not stay in the cache"), true};
}

// Ok when a fetch of each missing part has given the caller's bytes, or was cancelled on behalf of
// others: look again.
Status FetchEngine::fetch_missing(const Context& context,
                                  const std::shared_ptr<FetchTarget>& target, ByteRange range,
                                  ByteRange ask) {
  Wish wish;
  std::vector<CancelSource> hurry;
  std::vector<CancelSource> cancelled;
  Status status;
  {
    std::unique_lock lock(mutex_);
    if (stopping_) return Error{ErrorCode::kCancelled, "driveway is stopping"};
    const std::shared_ptr<Target> state = target_state(target);
    if (state->stale) return drive::replaced(target->item());
    if (ask.empty()) ask = default_ask(*target, range);
    join(target, state, range, ask, context.priority, wish, hurry);
    if (!hurry.empty()) {
      lock.unlock();
      for (CancelSource& source : hurry) source.cancel();
      lock.lock();
    }
    status = wish.waiters.empty() ? wait_for_verdict(context, lock, target, *state, range)
                                  : wait_for_fetches(context, lock, target, *state, wish);
    if (status.ok() && wish.error) status = *wish.error;
    leave(wish, cancelled);
  }
  for (CancelSource& source : cancelled) source.cancel();
  return status;
}

class FetchEngine::TicketOf final : public Ticket {
 public:
  TicketOf(std::shared_ptr<FetchEngine> engine, std::shared_ptr<Wish> wish)
      : engine_(std::move(engine)), wish_(std::move(wish)) {}
  ~TicketOf() override { engine_->end_ticket(*wish_); }
  TicketOf(const TicketOf&) = delete;
  TicketOf& operator=(const TicketOf&) = delete;
  bool finished() const override { return wish_->finished.load(); }

 private:
  const std::shared_ptr<FetchEngine> engine_;
  const std::shared_ptr<Wish> wish_;
};

std::unique_ptr<Ticket> FetchEngine::want(const std::shared_ptr<FetchTarget>& target,
                                          ByteRange range, Priority priority,
                                          std::function<void(const Status&)> done) {
  auto wish = std::make_shared<Wish>();
  wish->ticket = true;
  wish->priority = priority;
  wish->done = std::move(done);
  range = range.intersect({0, target->item().size.value_or(0)});
  std::vector<CancelSource> hurry;
  {
    const std::lock_guard lock(mutex_);
    const std::shared_ptr<Target> state = target_state(target);
    if (stopping_) {
      wish->error = Error{ErrorCode::kCancelled, "driveway is stopping"};
    } else if (state->stale) {
      wish->error = drive::replaced(target->item());
    } else {
      join(target, state, range, range, priority, *wish, hurry);
    }
    if (wish->open == 0) tell(*wish);
  }
  for (CancelSource& source : hurry) source.cancel();
  return std::make_unique<TicketOf>(shared_from_this(), std::move(wish));
}

void FetchEngine::end_ticket(Wish& wish) {
  std::vector<CancelSource> cancelled;
  {
    const std::lock_guard lock(mutex_);
    leave(wish, cancelled);
  }
  for (CancelSource& source : cancelled) source.cancel();
  std::function<void(const Status&)> done;  // its captures end without the lock
  const std::lock_guard lock(wish.done_mutex);
  done.swap(wish.done);
}

// --- All below with mutex_ held, where nothing else is said.

// Returns when each of the caller's fetches has given its bytes, or one has failed. Bytes that have
// come and are hidden want to know whether their revision is current: where the check that their
// arrival asked for has failed, one of their readers asks again.
Status FetchEngine::wait_for_fetches(const Context& context, std::unique_lock<std::mutex>& lock,
                                     const std::shared_ptr<FetchTarget>& target, Target& state,
                                     Wish& wish) {
  const auto any_hidden = [&] {
    return std::any_of(wish.waiters.begin(), wish.waiters.end(), [](const Waiter& waiter) {
      const Fetch& fetch = *waiter.fetch;
      return !waiter.settled && !fetch.by_hash && fetch.answering &&
             fetch.standing == Fetch::Standing::kUnknown && fetch.position >= waiter.need.end();
    });
  };
  while (true) {
    const auto done = [&wish] { return wish.open == 0 || wish.error.has_value(); };
    DRIVEWAY_CHECK(wait(context, clock_, lock, wish.changed,
                        [&] { return done() || (!state.checking && any_hidden()); }));
    if (done()) return {};
    DRIVEWAY_CHECK(check_revision(context, lock, target, state));
  }
}

// All of `range` has arrived and its fetches have ended, but some of it is hidden: the get that
// judges it is not answered yet, or failed.
Status FetchEngine::wait_for_verdict(const Context& context, std::unique_lock<std::mutex>& lock,
                                     const std::shared_ptr<FetchTarget>& target, Target& state,
                                     ByteRange range) {
  const auto done = [&] { return state.stale || stopping_ || target->has(range); };
  DRIVEWAY_CHECK(
      wait(context, clock_, lock, state.changed, [&] { return done() || !state.verifying; }));
  if (done() || state.unverified.empty()) return {};
  state.verifying = true;
  lock.unlock();
  verify(context, target, state);
  lock.lock();
  if (!done() && state.get_error) return *state.get_error;
  return {};
}

std::shared_ptr<FetchEngine::Target> FetchEngine::target_state(
    const std::shared_ptr<FetchTarget>& target) {
  if (targets_.size() >= prune_at_) {
    std::erase_if(targets_, [](const auto& entry) { return entry.second->target.expired(); });
    prune_at_ = std::max<std::size_t>(64, 2 * targets_.size());
  }
  std::shared_ptr<Target>& state = targets_[target.get()];
  // Another target may have stood at this address before.
  if (state == nullptr || state->target.expired()) {
    state = std::make_shared<Target>();
    state->target = target;
    state->head = target->item().head_revision;
  }
  return state;
}

void FetchEngine::settle(Waiter& waiter, const std::optional<Error>& error) {
  if (waiter.settled) return;
  waiter.settled = true;
  Wish& wish = *waiter.wish;
  --wish.open;
  if (error && !wish.error) wish.error = error;
  wish.changed.notify_all();
  if (wish.open == 0 || wish.error) tell(wish);
}

// A ticket's owner hears of its end, from a worker.
void FetchEngine::tell(Wish& wish) {
  if (std::exchange(wish.told, true)) return;
  wish.finished.store(true);
  if (!wish.done || stopping_) return;
  jobs_.push_back(
      [own = wish.shared_from_this(), status = wish.error ? Status(*wish.error) : Status()] {
        const std::lock_guard lock(own->done_mutex);
        const auto done = std::exchange(own->done, nullptr);
        if (done) done(status);
      });
  add_thread();
  work_.notify_one();
}

// A fetch that ends soon is not cancelled: what comes within two first bytes costs less than a
// connection that is closed. Of one that nobody ever waited for, that is less: after a seek there
// are many of them.
bool FetchEngine::ends_soon(const Fetch& fetch) const {
  const LinkSpeed speed = meter_.speed();
  Bytes most = fetch.priority == Priority::kForeground ? 2 * options_.piece : options_.piece / 4;
  if (speed.connection_rate > 0) {
    const double comes = 2 * to_seconds(speed.first_byte) * speed.connection_rate;
    most = std::min(most, std::max(options_.block, static_cast<Bytes>(comes)));
  }
  return fetch.end - fetch.position <= most;
}

// Ends a wish. A fetch that nobody wants any more is cancelled, unless its end is near: its
// connection stays good for the next one.
void FetchEngine::leave(Wish& wish, std::vector<CancelSource>& cancelled) {
  for (Waiter& waiter : wish.waiters) {
    Fetch& fetch = *waiter.fetch;
    fetch.waiters.remove(&waiter);
    if (!fetch.waiters.empty() || fetch.given_up) continue;
    const bool near_end = ends_soon(fetch);
    if (near_end && (waiter.settled || fetch.answering)) continue;
    fetch.given_up = true;
    cancelled.push_back(fetch.cancel);
    if (fetch.queued) {
      queue_.erase(QueueKey(fetch.priority, fetch.number));
      Target& state = *fetch.state;
      const auto found = state.fetches.find(fetch.begin);
      if (found != state.fetches.end() && found->second.get() == &fetch) {
        state.fetches.erase(found);
      }
      --state.running;
      state.changed.notify_all();
    }
  }
}

// --- Queue and threads

void FetchEngine::enqueue(const std::shared_ptr<Fetch>& fetch) {
  queue_.emplace(QueueKey(fetch->priority, fetch->number), fetch);
  add_thread();
  work_.notify_one();
}

// One more, where there is more to do than threads that wait for it.
void FetchEngine::add_thread() {
  if (stopping_) return;  // nobody would join it
  if (!watch_thread_.joinable()) watch_thread_ = start_thread("fetch-watch", [this] { watch(); });
  if (idle_ < static_cast<int>(queue_.size() + jobs_.size()) &&
      static_cast<int>(threads_.size()) < std::max(options_.threads, 1)) {
    threads_.push_back(start_thread("fetch", [this] { run_worker(); }));
  }
}

std::shared_ptr<FetchEngine::Fetch> FetchEngine::next_fetch() {
  if (queue_.empty()) return nullptr;
  const auto first = queue_.begin();
  const bool low = first->first.first != Priority::kForeground;
  // As the scheduler does: a quarter of the threads is for the foreground alone.
  if (low && running_low_ >= std::max(options_.threads - (options_.threads + 3) / 4, 1)) {
    return nullptr;
  }
  auto fetch = std::move(first->second);
  queue_.erase(first);
  fetch->queued = false;
  fetch->low = low;
  if (low) ++running_low_;
  return fetch;
}

// Without mutex_.
void FetchEngine::run_worker() {
  std::unique_lock lock(mutex_);
  while (true) {
    std::shared_ptr<Fetch> fetch;
    std::function<void()> job;
    ++idle_;
    work_.wait(lock, [&] {
      if (stopping_) return true;
      if (!jobs_.empty()) {
        job = std::move(jobs_.front());
        jobs_.pop_front();
        return true;
      }
      fetch = next_fetch();
      return fetch != nullptr;
    });
    --idle_;
    if (stopping_) return;
    lock.unlock();
    if (job) {
      job();
      job = nullptr;
    } else {
      run(fetch);
    }
    lock.lock();
    if (fetch != nullptr && std::exchange(fetch->low, false)) --running_low_;
    work_.notify_one();
    lock.unlock();
    fetch.reset();  // with its target, perhaps: not under mutex_
    lock.lock();
  }
}

}  // namespace driveway::transfer
