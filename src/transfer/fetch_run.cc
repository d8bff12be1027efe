// FetchEngine: one fetch, from its slot to the index.
#include <algorithm>
#include <string>

#include "base/hash.h"
#include "base/io.h"
#include "base/log.h"
#include "base/strings.h"
#include "transfer/fetch_engine.h"

namespace driveway::transfer {
namespace {

// Whole contents up to this size are shown to readers only after their hash was found right: they
// come within one first byte or so, and a wrong byte of them never gets out.
constexpr Bytes kHoldBack = 1 * kMiB;

}  // namespace

// Where the bytes of one fetch go.
class FetchEngine::Sink final : public ByteSink {
 public:
  Sink(FetchEngine& engine, Fetch& fetch, Scheduler::Slot& slot, Hasher* hasher,
       std::string* held_back)
      : engine_(engine), fetch_(fetch), slot_(slot), hasher_(hasher), held_back_(held_back) {}

  Status write(std::span<const std::byte> data) override {
    const Bytes at = fetch_.begin + count_;
    const Bytes end = fetch_.end;
    if (at >= end) return Error{ErrorCode::kCancelled, "the rest is another fetch's"};
    data = data.first(static_cast<std::size_t>(std::min<Bytes>(data.size(), end - at)));
    if (hasher_ != nullptr) hasher_->update(data);
    if (held_back_ != nullptr) {
      held_back_->append(reinterpret_cast<const char*>(data.data()), data.size());
    } else {
      DRIVEWAY_CHECK(fetch_.target->write(at, data));
    }
    count_ += data.size();
    engine_.bytes_.add(data.size());
    slot_.arrived(data.size());
    engine_.meter_.arrived(&fetch_, data.size());
    engine_.arrived(fetch_, {at, data.size()});
    return {};
  }
  void new_answer() override { engine_.begin_answer(fetch_); }
  void asked() override { engine_.asked(fetch_); }
  Bytes count() const { return count_; }
  bool complete() const { return fetch_.begin + count_ >= fetch_.end; }

 private:
  FetchEngine& engine_;
  Fetch& fetch_;
  Scheduler::Slot& slot_;
  Hasher* const hasher_;
  std::string* const held_back_;
  Bytes count_ = 0;
};

void FetchEngine::run(const std::shared_ptr<Fetch>& fetch) {
  const TimePoint deadline = clock_.now() + options_.time_limit;
  Outcome outcome;
  {
    auto slot = acquire_slot(*fetch, deadline);
    if (slot.ok()) {
      const Context context{.deadline = deadline, .cancel = fetch->cancel.token()};
      {
        const std::lock_guard lock(mutex_);
        running_.insert(fetch);
        watch_.notify_one();
      }
      outcome = transfer(*fetch, context, *slot);
      const std::lock_guard lock(mutex_);
      running_.erase(fetch);
    } else {
      outcome.status = std::move(slot).error();
    }
  }
  finish(fetch, outcome);
}

Result<Scheduler::Slot> FetchEngine::acquire_slot(Fetch& fetch, TimePoint deadline) {
  while (true) {
    CancelSource ask_again(fetch.cancel.token());
    Context context{.deadline = deadline, .cancel = ask_again.token()};
    {
      const std::lock_guard lock(mutex_);
      context.priority = fetch.priority;
      fetch.slot_wait = ask_again;
    }
    auto slot = scheduler_.acquire(context, Lane::kMedia,
                                   {.bytes = fetch.range().length, .file = fetch.target.get()});
    {
      const std::lock_guard lock(mutex_);
      fetch.slot_wait.reset();
    }
    const bool raised =
        slot.failed_with(ErrorCode::kCancelled) && !fetch.cancel.token().cancelled();
    if (!raised) return slot;
  }
}

void FetchEngine::begin_answer(Fetch& fetch) {
  const std::lock_guard lock(mutex_);
  ++fetch.answer;
  fetch.asked = false;
  fetch.answering = false;
  fetch.standing = Fetch::Standing::kUnknown;
}

void FetchEngine::asked(Fetch& fetch) {
  meter_.asked(&fetch);
  const std::lock_guard lock(mutex_);
  fetch.asked = true;
  fetch.looked_at = clock_.now();
  fetch.position_then = fetch.position;
}

// A waiter wakes as soon as its own bytes are there.
void FetchEngine::arrived(Fetch& fetch, ByteRange bytes) {
  const std::lock_guard lock(mutex_);
  if (fetch.by_hash) {
    fetch.looked_at = clock_.now();  // not silent
    return;
  }
  fetch.position = bytes.end();
  if (!std::exchange(fetch.answering, true)) {
    fetch.looked_at = clock_.now();
    fetch.position_then = bytes.offset;
    // R1: of one revision with all that anybody was shown before, which is nothing.
    if (!fetch.target->was_shown()) {
      fetch.standing = Fetch::Standing::kCurrent;
      fetch.state->on_trust = true;
    } else {
      ask_for_check(fetch.state);
    }
  }
  if (fetch.standing == Fetch::Standing::kCurrent) fetch.target->expose(bytes);
  wake_waiters(fetch);
}

// With mutex_ held. Those whose bytes have come: they have them, or may ask about their revision.
void FetchEngine::wake_waiters(Fetch& fetch) {
  for (Waiter* waiter : fetch.waiters) {
    if (waiter->settled || waiter->need.end() > fetch.position) continue;
    if (fetch.target->has(waiter->need)) {
      settle(*waiter, std::nullopt);
    } else {
      waiter->wish->changed.notify_all();
    }
  }
}

// Reads the rest of the fetch into `sink`: in one answer, but for one that is given up (R4).
Status FetchEngine::read(Fetch& fetch, const Context& context, Sink& sink) {
  while (true) {
    const Bytes from = fetch.begin + sink.count();
    if (sink.complete()) return {};
    CancelSource asking(fetch.cancel.token());
    Context attempt = context;
    begin_answer(fetch);
    {
      const std::lock_guard lock(mutex_);
      fetch.asking = asking;
      fetch.ask_again = false;
      attempt.priority = fetch.priority;
    }
    fetches_.add();
    attempt.cancel = asking.token();
    const Status status =
        store_.read(attempt, fetch.target->item(), {from, fetch.end - from}, sink);
    meter_.ended(&fetch);
    bool again = false;
    {
      const std::lock_guard lock(mutex_);
      fetch.asking.reset();
      again = fetch.ask_again;
    }
    if (sink.complete()) return {};
    if (status.ok()) {
      return Error{ErrorCode::kCorrupt, cat("\"", fetch.target->item().name, "\" came short"),
                   true};
    }
    if (!again || !status.failed_with(ErrorCode::kCancelled)) return status;
    DRIVEWAY_CHECK(context.check(clock_));
  }
}

FetchEngine::Outcome FetchEngine::transfer(Fetch& fetch, const Context& context,
                                           Scheduler::Slot& slot) {
  const drive::Item& item = fetch.target->item();
  const ByteRange whole{0, item.size.value_or(0)};
  if (fetch.range() == whole && drive::expected_hash(item)) {
    return transfer_whole(fetch, context, slot);
  }
  Outcome outcome;
  Sink sink(*this, fetch, slot, nullptr, nullptr);
  outcome.status = read(fetch, context, sink);
  outcome.arrived = {fetch.begin, sink.count()};
  return outcome;
}

FetchEngine::Outcome FetchEngine::transfer_whole(Fetch& fetch, const Context& context,
                                                 Scheduler::Slot& slot) {
  FetchTarget& target = *fetch.target;
  const drive::Item& item = target.item();
  const drive::ExpectedHash expected = *drive::expected_hash(item);
  const ByteRange whole{0, item.size.value_or(0)};  // the fetch's, unless it is split
  const bool hold = whole.length <= kHoldBack;
  Outcome outcome;
  {
    const std::lock_guard lock(mutex_);
    fetch.by_hash = hold;
  }
  for (int attempt = 1; attempt <= 2; ++attempt) {
    Hasher hasher(expected.kind);
    std::string held_back;
    if (hold) held_back.reserve(whole.length);
    Sink sink(*this, fetch, slot, &hasher, hold ? &held_back : nullptr);
    outcome.status = read(fetch, context, sink);
    if (!outcome.status.ok() || sink.count() < whole.length) {  // failed, or cut
      if (!hold) outcome.arrived = {0, sink.count()};
      return outcome;
    }
    if (hasher.finish_hex() == expected.hex) {
      if (hold) outcome.status = target.write(0, std::as_bytes(std::span(held_back)));
      if (outcome.status.ok()) {
        // Bytes that are right but cannot be kept can still be read.
        if (const Status kept = target.commit(whole); !kept.ok()) {
          log::debug("not kept in the cache: ", kept.error());
        } else {
          target.set_verified();
        }
        outcome.verified = true;
      }
      return outcome;
    }
    target.discard(whole);
    const Result<drive::Item> now = store_.get(context, item.id);
    if (!now.ok()) {
      outcome.status = now.error();
      return outcome;
    }
    {
      const std::lock_guard lock(mutex_);
      // Of a head that has moved readers may have seen another content, also where it is back (R1).
      if (!drive::same_revision(*now, item) || !(hold || is_current(target, *fetch.state, *now))) {
        make_stale(target, *fetch.state);
        outcome.status = drive::replaced(item);
        return outcome;
      }
      fetch.position = fetch.begin;
    }
    mismatches_.add();
    if (!hold) target.distrust();
    log::warn("\"", item.name, "\" (", item.id, ") came with wrong bytes");
  }
  outcome.status = Error{ErrorCode::kCorrupt,
                         cat("\"", item.name, "\" does not have the checksum that Drive names")};
  return outcome;
}

// Of what arrived, forgets what is not whole blocks, so that nobody's later fetch of a block meets
// its remains.
ByteRange FetchEngine::keep_whole_blocks(Fetch& fetch, const Outcome& outcome) {
  const ByteRange& range = outcome.arrived;
  const Bytes size = fetch.target->item().size.value_or(0);
  const Bytes whole = range.end() == size ? size : range.end() / options_.block * options_.block;
  const Bytes end = std::max(whole, range.offset);
  if (end < range.end()) fetch.target->discard({end, range.end() - end});
  return {range.offset, end - range.offset};
}

void FetchEngine::finish(const std::shared_ptr<Fetch>& fetch, const Outcome& outcome) {
  const ByteRange kept = keep_whole_blocks(*fetch, outcome);
  Target& state = *fetch->state;
  std::vector<CancelSource> hurry;
  bool verify_now = false;
  bool forget = false;
  {
    const std::lock_guard lock(mutex_);
    const auto found = state.fetches.find(fetch->begin);
    if (found != state.fetches.end() && found->second == fetch) state.fetches.erase(found);
    // Drive, or the target, says so: it is of another length, or retired.
    if (outcome.status.failed_with(ErrorCode::kStale)) make_stale(*fetch->target, state);
    forget = state.stale || (fetch->outdated && !outcome.verified);
    if (forget) fetch->target->discard(kept);
    const Status status = state.stale ? drive::replaced(fetch->target->item()) : outcome.status;
    for (Waiter* waiter : fetch->waiters) settle_ended(*waiter, status, hurry);
    --state.running;
    if (!forget && !kept.empty() && !outcome.verified) {
      state.unverified.push_back(kept);
      verify_now = !std::exchange(state.verifying, true);
    }
    state.changed.notify_all();
  }
  for (CancelSource& source : hurry) source.cancel();
  if (verify_now) {
    verify({.deadline = clock_.now() + options_.time_limit, .cancel = stop_.token()}, fetch->target,
           state);
  }
}

// With mutex_ held, for a waiter of a fetch that has ended so.
void FetchEngine::settle_ended(Waiter& waiter, const Status& outcome,
                               std::vector<CancelSource>& hurry) {
  if (waiter.settled) return;
  const Fetch& fetch = *waiter.fetch;
  Wish& wish = *waiter.wish;
  // Whose bytes came before it broke off has them, or looks again for them.
  if (!fetch.state->stale && fetch.target->missing(waiter.need).empty()) {
    settle(waiter, std::nullopt);
    return;
  }
  const std::optional<Error> error = outcome.ok() ? std::nullopt : std::optional(outcome.error());
  if (wish.ticket) {
    // It does not look again: what was given up on behalf of others is wanted of another fetch.
    const bool again = !fetch.state->stale && !stopping_ && (fetch.given_up || fetch.outdated);
    if (again) {
      join(fetch.target, fetch.state, waiter.need, waiter.need, wish.priority, wish, hurry);
    }
    settle(waiter, again ? std::nullopt : error);
    return;
  }
  // Ended for its own reasons, which are not its readers': they look again. Who joined late still
  // has time for another try.
  const bool own_end = outcome.failed_with(ErrorCode::kCancelled) ||
                       outcome.failed_with(ErrorCode::kDeadlineExceeded);
  const bool again = own_end || (waiter.late && error && error->retryable);
  settle(waiter, again ? std::nullopt : error);
}

}  // namespace driveway::transfer
