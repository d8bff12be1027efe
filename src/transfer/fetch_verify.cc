// FetchEngine: whether what came is of the revision that it was asked for (R1).
#include <algorithm>
#include <utility>

#include "base/log.h"
#include "base/strings.h"
#include "transfer/fetch_engine.h"

namespace driveway::transfer {

// One get for all that had arrived when it began (R1), until nothing is left.
void FetchEngine::verify(const Context& context, const std::shared_ptr<FetchTarget>& target,
                         Target& state) {
  while (true) {
    std::vector<ByteRange> ranges;
    bool on_trust = false;
    {
      const std::lock_guard lock(mutex_);
      ranges.swap(state.unverified);
      on_trust = state.on_trust;
      if (ranges.empty() || stopping_) {
        state.verifying = false;
        state.changed.notify_all();
        return;
      }
    }
    const Result<drive::Item> now = store_.get(context, target->item().id);
    const bool failed = !now.ok();
    judge(target, state, std::move(ranges), now, on_trust);
    if (!failed) continue;
    const std::lock_guard lock(mutex_);
    state.verifying = false;
    state.changed.notify_all();
    return;
  }
}

// With mutex_ held.
bool FetchEngine::is_current(const FetchTarget& target, const Target& state,
                             const drive::Item& now) const {
  return drive::is_at(now, target.item(), state.head);
}

// With mutex_ held. The first bytes of an answer have come, hidden: a worker asks for all such
// whether their revision is current.
void FetchEngine::ask_for_check(const std::shared_ptr<Target>& state) {
  if (state->checking || std::exchange(state->check_queued, true)) return;
  jobs_.push_back([this, state] {
    const std::shared_ptr<FetchTarget> target = state->target.lock();
    std::unique_lock lock(mutex_);
    state->check_queued = false;
    if (target == nullptr || state->stale || state->checking || stopping_) return;
    const Context context{.deadline = clock_.now() + options_.time_limit, .cancel = stop_.token()};
    const Status asked = check_revision(context, lock, target, *state);
    // Those that began meanwhile. After a failure it is for who waits for the bytes to ask.
    const bool more =
        asked.ok() &&
        std::any_of(state->fetches.begin(), state->fetches.end(), [](const auto& entry) {
          return entry.second->answering && entry.second->standing == Fetch::Standing::kUnknown;
        });
    if (more) ask_for_check(state);
    lock.unlock();  // before the target may end
  });
  add_thread();
  work_.notify_one();
}

// With mutex_ held, but not during the get. What answers that had begun before it have brought and
// will bring is of the revision that was current before and after: readers may have it as it comes.
Status FetchEngine::check_revision(const Context& context, std::unique_lock<std::mutex>& lock,
                                   const std::shared_ptr<FetchTarget>& target, Target& state) {
  std::vector<std::pair<std::shared_ptr<Fetch>, std::uint64_t>> begun;
  for (const auto& [begin, fetch] : state.fetches) {
    if (fetch->answering && fetch->standing == Fetch::Standing::kUnknown) {
      begun.emplace_back(fetch, fetch->answer);
    }
  }
  if (begun.empty()) return {};
  state.checking = true;
  const bool on_trust = state.on_trust;
  lock.unlock();
  const Result<drive::Item> now = store_.get(context, target->item().id);
  lock.lock();
  state.checking = false;
  if (now.ok() && !drive::same_revision(*now, target->item())) {
    make_stale(*target, state);
    return {};
  }
  const bool current = now.ok() && is_current(*target, state, *now);
  if (current && on_trust) state.on_trust = false;
  for (const auto& [fetch, answer] : begun) {
    if (now.ok() && fetch->answer == answer && !state.stale) {
      fetch->standing = current ? Fetch::Standing::kCurrent : Fetch::Standing::kDoubtful;
      if (current) target->expose(fetch->range());
    }
  }
  // If the get failed, another reader may ask.
  for (const auto& [begin, fetch] : state.fetches) wake_waiters(*fetch);
  state.changed.notify_all();
  return now.ok() ? Status() : Status(now.error());
}

void FetchEngine::judge(const std::shared_ptr<FetchTarget>& target, Target& state,
                        std::vector<ByteRange> ranges, const Result<drive::Item>& now,
                        bool confirms_trust) {
  if (!now.ok()) {
    log::debug("\"", target->item().name, "\" is not verified yet: ", now.error());
    const std::lock_guard lock(mutex_);
    state.get_error = now.error();
    // The get after the next fetch, or of the next reader, covers them too.
    state.unverified.insert(state.unverified.end(), ranges.begin(), ranges.end());
    return;
  }
  const bool same_content = drive::same_revision(*now, target->item());
  bool current = false;
  {
    const std::lock_guard lock(mutex_);
    state.get_error.reset();
    current = is_current(*target, state, *now);
    if (current && confirms_trust) state.on_trust = false;
  }
  if (current) {
    for (const ByteRange& range : ranges) {
      if (const Status kept = target->commit(range); !kept.ok()) {
        log::debug("not kept in the cache: ", kept.error());
      }
    }
    const std::lock_guard lock(mutex_);
    state.changed.notify_all();
    return;
  }
  // Another head of equal content: what came in between may be a third one's. It is fetched again,
  // under the new head; but what readers have seen of it without a get cannot be taken back.
  for (const ByteRange& range : ranges) target->discard(range);
  const std::lock_guard lock(mutex_);
  if (same_content && !state.on_trust) {
    move_head(state, now->head_revision);
  } else {
    make_stale(*target, state);
  }
}

// With mutex_ held. An answer that began before may be of any revision, and the gets to come will
// not tell.
void FetchEngine::move_head(Target& state, const Revision& head) {
  state.head = head;
  for (const auto& [begin, fetch] : state.fetches) {
    if (fetch->answer == 0) continue;
    fetch->outdated = true;
    fetch->standing = Fetch::Standing::kDoubtful;
  }
}

// With mutex_ held. Who waits for bytes of it is told; fetches that run end with their waiters.
void FetchEngine::make_stale(FetchTarget& target, Target& state) {
  const bool was_stale = std::exchange(state.stale, true);
  target.retire();
  if (!was_stale) stale_.add();  // who sees it gets nothing more
  const Error error = drive::replaced(target.item());
  for (const auto& [begin, fetch] : state.fetches) {
    for (Waiter* waiter : fetch->waiters) settle(*waiter, error);
  }
  state.changed.notify_all();
}

Status FetchEngine::confirm_shown(const Context& context,
                                  const std::shared_ptr<FetchTarget>& target) {
  std::unique_lock lock(mutex_);
  const std::shared_ptr<Target> state = target_state(target);
  if (state->on_trust && !state->stale) {
    lock.unlock();
    DRIVEWAY_TRY(const drive::Item now, store_.get(context, target->item().id));
    lock.lock();
    if (is_current(*target, *state, now)) {
      state->on_trust = false;
    } else if (state->on_trust || !drive::same_revision(now, target->item())) {
      make_stale(*target, *state);
    }
  }
  if (state->stale) return drive::replaced(target->item());
  return {};
}

Status FetchEngine::confirm(const Context& context, const std::shared_ptr<FetchTarget>& target) {
  std::unique_lock lock(mutex_);
  const std::shared_ptr<Target> state = target_state(target);
  const auto done = [&] {
    return stopping_ || state->stale || (state->running == 0 && !state->verifying);
  };
  DRIVEWAY_CHECK(wait(context, clock_, lock, state->changed, done));
  if (!state->stale && !stopping_ && !state->unverified.empty()) {
    // The last get failed, and no fetch came after it.
    state->verifying = true;
    lock.unlock();
    verify(context, target, *state);
    lock.lock();
    DRIVEWAY_CHECK(wait(context, clock_, lock, state->changed, done));
  }
  if (state->stale) return drive::replaced(target->item());
  if (stopping_) return Error{ErrorCode::kCancelled, "driveway is stopping"};
  if (!state->unverified.empty() && state->get_error) return *state->get_error;
  return {};
}

}  // namespace driveway::transfer
