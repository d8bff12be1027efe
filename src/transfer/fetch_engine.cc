#include "transfer/fetch_engine.h"

#include <algorithm>
#include <set>

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
      in_flight_(metrics.gauge("transfer.in_flight_bytes")),
      stale_(metrics.counter("transfer.stale")),
      mismatches_(metrics.counter("transfer.md5_mismatches")) {}

FetchEngine::~FetchEngine() = default;

void FetchEngine::stop() {
  std::vector<CancelSource> cancelled;
  std::vector<std::thread> threads;
  // They may be the last to hold a target, which must not end under mutex_.
  std::map<PieceKey, std::shared_ptr<Fetch>> fetches;
  std::map<QueueKey, std::shared_ptr<Fetch>> queue;
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    for (const auto& [key, fetch] : fetches_by_piece_) {
      cancelled.push_back(fetch->cancel);
      for (Waiter* waiter : fetch->waiters) {
        settle(*waiter, Error{ErrorCode::kCancelled, "driveway is stopping"});
      }
    }
    queue.swap(queue_);
    fetches.swap(fetches_by_piece_);
    for (const auto& [key, target] : targets_) target->changed.notify_all();
    threads.swap(threads_);
    work_.notify_all();
  }
  stop_.cancel();
  for (CancelSource& source : cancelled) source.cancel();
  for (std::thread& thread : threads) thread.join();
}

Status FetchEngine::ensure(const Context& context, const std::shared_ptr<FetchTarget>& target,
                           ByteRange range) {
  // Bytes may be dropped again between their arrival and our look: a revision that moved, a block
  // that failed its checksum. Not for ever.
  constexpr int kRounds = 8;
  for (int round = 0; round < kRounds; ++round) {
    DRIVEWAY_CHECK(context.check(clock_));
    if (target->has(range)) return {};
    DRIVEWAY_CHECK(fetch_missing(context, target, range));
  }
  if (target->has(range)) return {};
  return Error{ErrorCode::kUnavailable,
               cat("the bytes of \"", target->item().name, "\" do not stay in the cache"), true};
}

// Ok when a fetch of each missing piece has given the caller's bytes, or was cancelled on behalf of
// others: look again.
Status FetchEngine::fetch_missing(const Context& context,
                                  const std::shared_ptr<FetchTarget>& target, ByteRange range) {
  Caller caller;
  std::list<Waiter> waiters;
  std::vector<CancelSource> hurry;
  std::vector<CancelSource> cancelled;
  Status status;
  {
    std::unique_lock lock(mutex_);
    if (stopping_) return Error{ErrorCode::kCancelled, "driveway is stopping"};
    const std::shared_ptr<Target> state = target_state(target);
    if (state->stale) {
      return Error{ErrorCode::kStale, cat("\"", target->item().name, "\" was replaced in Drive")};
    }
    join(context, target, state, range, caller, waiters, hurry);
    if (!hurry.empty()) {
      lock.unlock();
      for (CancelSource& source : hurry) source.cancel();
      lock.lock();
    }
    status = waiters.empty() ? wait_for_verdict(context, lock, target, *state, range)
                             : wait_for_fetches(context, lock, target, *state, caller, waiters);
    if (status.ok() && caller.error) status = *caller.error;
    leave(waiters, cancelled);
  }
  for (CancelSource& source : cancelled) source.cancel();
  return status;
}

// All below with mutex_ held.

// Returns when each of the caller's fetches has given its bytes, or one has failed. Bytes that have
// come and are hidden want to know whether their revision is current: one of their readers asks.
Status FetchEngine::wait_for_fetches(const Context& context, std::unique_lock<std::mutex>& lock,
                                     const std::shared_ptr<FetchTarget>& target, Target& state,
                                     Caller& caller, const std::list<Waiter>& waiters) {
  const auto any_hidden = [&] {
    return std::any_of(waiters.begin(), waiters.end(), [](const Waiter& waiter) {
      const Fetch& fetch = *waiter.fetch;
      return !waiter.settled && fetch.standing == Fetch::Standing::kUnknown && fetch.position &&
             *fetch.position >= waiter.need.end();
    });
  };
  while (true) {
    const auto done = [&caller] { return caller.open == 0 || caller.error.has_value(); };
    DRIVEWAY_CHECK(wait(context, clock_, lock, caller.changed,
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

std::vector<std::shared_ptr<FetchEngine::Fetch>> FetchEngine::fetches_of(
    const FetchTarget& target) const {
  std::vector<std::shared_ptr<Fetch>> fetches;
  for (auto found = fetches_by_piece_.lower_bound(PieceKey(&target, 0));
       found != fetches_by_piece_.end() && found->first.first == &target; ++found) {
    fetches.push_back(found->second);
  }
  return fetches;
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

ByteRange FetchEngine::piece_range(const FetchTarget& target, std::uint64_t piece) const {
  const Bytes size = target.item().size.value_or(0);
  if (size <= options_.piece) return {0, size};
  return ByteRange{piece * options_.piece, options_.piece}.intersect({0, size});
}

void FetchEngine::join(const Context& context, const std::shared_ptr<FetchTarget>& target,
                       const std::shared_ptr<Target>& state, ByteRange range, Caller& caller,
                       std::list<Waiter>& waiters, std::vector<CancelSource>& hurry) {
  std::set<std::uint64_t> pieces;
  for (const ByteRange& gap : target->missing(range)) {
    const std::uint64_t last = (gap.end() - 1) / options_.piece;
    for (std::uint64_t piece = gap.offset / options_.piece; piece <= last; ++piece) {
      pieces.insert(piece);
    }
  }
  for (const auto& fetch : fetches_of(*target)) {  // bytes that it has brought may be hidden yet
    const ByteRange part = range.intersect(fetch->range);
    if (!part.empty() && !target->has(part)) pieces.insert(fetch->key.second);
  }
  for (const std::uint64_t piece : pieces) {
    const auto fetch = fetch_for(target, state, piece, context.priority, hurry);
    Waiter& waiter = waiters.emplace_back();
    waiter.late = !fetch->waiters.empty();
    waiter.caller = &caller;
    waiter.fetch = fetch;
    waiter.need = range.intersect(fetch->range);
    fetch->waiters.push_back(&waiter);
    ++caller.open;
  }
}

std::shared_ptr<FetchEngine::Fetch> FetchEngine::fetch_for(
    const std::shared_ptr<FetchTarget>& target, const std::shared_ptr<Target>& state,
    std::uint64_t piece, Priority priority, std::vector<CancelSource>& hurry) {
  const PieceKey key(target.get(), piece);
  const auto found = fetches_by_piece_.find(key);
  if (found != fetches_by_piece_.end()) {
    // One that is being cancelled is waited for as well: there is one fetch of a piece at a time.
    raise(found->second, priority, hurry);
    return found->second;
  }
  auto fetch = std::make_shared<Fetch>();
  fetch->target = target;
  fetch->state = state;
  fetch->key = key;
  fetch->range = piece_range(*target, piece);
  fetch->number = next_number_++;
  fetch->priority = priority;
  ++state->fetches;
  fetches_by_piece_.emplace(key, fetch);
  enqueue(fetch);
  return fetch;
}

void FetchEngine::enqueue(const std::shared_ptr<Fetch>& fetch) {
  queue_.emplace(QueueKey(fetch->priority, fetch->number), fetch);
  if (idle_ < static_cast<int>(queue_.size()) &&
      static_cast<int>(threads_.size()) < std::max(options_.threads, 1)) {
    threads_.push_back(start_thread("fetch", [this] { run_worker(); }));
  }
  work_.notify_one();
}

// The priority of a fetch is the best of its waiters'.
void FetchEngine::raise(const std::shared_ptr<Fetch>& fetch, Priority priority,
                        std::vector<CancelSource>& hurry) {
  if (priority >= fetch->priority) return;
  if (fetch->queued) {
    queue_.erase(QueueKey(fetch->priority, fetch->number));
    queue_.emplace(QueueKey(priority, fetch->number), fetch);
    work_.notify_one();
  }
  fetch->priority = priority;
  if (fetch->low && priority == Priority::kForeground) {
    fetch->low = false;
    --running_low_;
    work_.notify_one();
  }
  if (fetch->slot_wait) hurry.push_back(*fetch->slot_wait);
}

void FetchEngine::settle(Waiter& waiter, const std::optional<Error>& error) {
  if (waiter.settled) return;
  waiter.settled = true;
  --waiter.caller->open;
  if (error && !waiter.caller->error) waiter.caller->error = error;
  waiter.caller->changed.notify_all();
}

// Ends a caller's part. A fetch whose last waiter goes without its bytes is cancelled.
void FetchEngine::leave(std::list<Waiter>& waiters, std::vector<CancelSource>& cancelled) {
  for (Waiter& waiter : waiters) {
    Fetch& fetch = *waiter.fetch;
    fetch.waiters.remove(&waiter);
    if (waiter.settled || !fetch.waiters.empty() || fetch.given_up) continue;
    fetch.given_up = true;
    cancelled.push_back(fetch.cancel);
    if (fetch.queued) {
      queue_.erase(QueueKey(fetch.priority, fetch.number));
      fetches_by_piece_.erase(fetch.key);
      --fetch.state->fetches;
      fetch.state->changed.notify_all();
    }
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
    ++idle_;
    work_.wait(lock, [&] {
      if (stopping_) return true;
      fetch = next_fetch();
      return fetch != nullptr;
    });
    --idle_;
    if (stopping_) return;
    lock.unlock();
    run(fetch);
    lock.lock();
    if (fetch->low) {
      fetch->low = false;
      --running_low_;
    }
    work_.notify_one();
    lock.unlock();
    fetch.reset();  // with its target, perhaps: not under mutex_
    lock.lock();
  }
}

}  // namespace driveway::transfer
