// FetchEngine: which fetches bring what somebody wants. All of it with mutex_ held.
#include <algorithm>
#include <utility>

#include "transfer/fetch_engine.h"

namespace driveway::transfer {
namespace {

// A fetch that has this far to go to a reader's bytes, and nothing is known of the link: as the
// first byte of another would take about as long at 25 MB/s.
constexpr Bytes kFarAhead = 8 * kMiB;
// On a fast link no reader minds to wait for this.
constexpr Duration kNotNoticed = std::chrono::milliseconds(100);

}  // namespace

// The pieces that hold `range`; a small content whole.
ByteRange FetchEngine::default_ask(const FetchTarget& target, ByteRange range) const {
  const ByteRange whole{0, target.item().size.value_or(0)};
  if (whole.length <= options_.piece) return whole;
  const Bytes begin = range.offset / options_.piece * options_.piece;
  const Bytes end = (range.end() + options_.piece - 1) / options_.piece * options_.piece;
  return ByteRange{begin, end - begin}.intersect(whole);
}

std::shared_ptr<FetchEngine::Fetch> FetchEngine::covering(const Target& state, Bytes at) {
  const auto next = state.fetches.upper_bound(at);
  if (next == state.fetches.begin()) return nullptr;
  const auto& fetch = std::prev(next)->second;
  return at < fetch->end ? fetch : nullptr;
}

// What may be fetched around `at`, which is missing and on nobody's way: of `ask`, as far as the
// bytes are missing and no other fetch brings them, in one GET.
ByteRange FetchEngine::free_around(const FetchTarget& target, const Target& state, Bytes at,
                                   ByteRange ask) const {
  Bytes from = std::min(ask.offset, at);
  Bytes to = std::max(ask.end(), at + 1);
  const auto next = state.fetches.upper_bound(at);
  if (next != state.fetches.end()) to = std::min(to, next->first);
  if (next != state.fetches.begin()) from = std::max(from, std::prev(next)->second->end.load());
  for (const ByteRange& gap : target.missing({from, to - from})) {
    if (at < gap.offset || at >= gap.end()) continue;
    // Widened to whole blocks, which others' ranges are too.
    const Bytes begin = at - gap.offset < options_.longest ? gap.offset : at;
    return {begin, std::min(gap.end() - begin, options_.longest)};
  }
  return {at, options_.block};  // it has come meanwhile
}

// Whether a reader at `at` does better with a fetch of its own than to wait until this one gets
// there.
bool FetchEngine::comes_too_late(const Fetch& fetch, Bytes at) const {
  if (fetch.given_up || fetch.by_hash || at <= fetch.position) return false;
  const Bytes distance = at - fetch.position;
  const LinkSpeed speed = meter_.speed();
  if (speed.connection_rate <= 0 || speed.first_byte <= Duration::zero()) {
    return distance >= 2 * kFarAhead;
  }
  // As long again as the first byte of another takes: that one costs 200 units, and the rest of
  // this one's connection.
  const double patience = to_seconds(std::max(2 * speed.first_byte, kNotNoticed));
  return distance >= kFarAhead && static_cast<double>(distance) > patience * speed.connection_rate;
}

std::shared_ptr<FetchEngine::Fetch> FetchEngine::begin_fetch(
    const std::shared_ptr<FetchTarget>& target, const std::shared_ptr<Target>& state,
    ByteRange range, Priority priority) {
  auto fetch = std::make_shared<Fetch>(range.offset, range.end(), next_number_++);
  fetch->target = target;
  fetch->state = state;
  fetch->priority = priority;
  ++state->running;
  state->fetches.emplace(range.offset, fetch);
  ask_again_budget_ = std::min(ask_again_budget_ + kAskAgainShare, kMostAskAgain);
  enqueue(fetch);
  return fetch;
}

// The fetch ends at `at`, and another brings the rest. Readers who wait for bytes behind it look
// again; tickets, which do not, want the rest of the other one.
std::shared_ptr<FetchEngine::Fetch> FetchEngine::split(Fetch& fetch, Bytes at, Priority priority) {
  const ByteRange rest{at, fetch.end - at};
  fetch.end = at;
  split_.add();
  auto other = begin_fetch(fetch.target, fetch.state, rest, priority);
  for (Waiter* waiter : fetch.waiters) {
    const ByteRange part = waiter->need.intersect(rest);
    if (part.empty() || waiter->settled) continue;
    const bool ticket = waiter->wish->ticket;
    if (ticket) add_waiter(*waiter->wish, other, part);
    waiter->need.length -= part.length;
    if (!ticket || waiter->need.empty()) settle(*waiter, std::nullopt);
  }
  return other;
}

// The fetch that brings the missing byte `at`: one that there is, or a new one.
std::shared_ptr<FetchEngine::Fetch> FetchEngine::fetch_at(
    const std::shared_ptr<FetchTarget>& target, const std::shared_ptr<Target>& state, Bytes at,
    ByteRange ask, Priority priority, std::vector<CancelSource>& hurry) {
  const auto found = covering(*state, at);
  if (found == nullptr) {
    return begin_fetch(target, state, free_around(*target, *state, at, ask), priority);
  }
  if (priority == Priority::kForeground && comes_too_late(*found, at)) {
    return split(*found, at, priority);
  }
  // One that is being cancelled is waited for as well: each byte has one fetch at a time.
  raise(found, priority, hurry);
  return found;
}

void FetchEngine::join(const std::shared_ptr<FetchTarget>& target,
                       const std::shared_ptr<Target>& state, ByteRange need, ByteRange ask,
                       Priority priority, Wish& wish, std::vector<CancelSource>& hurry) {
  std::map<Bytes, std::shared_ptr<Fetch>> joined;
  for (const ByteRange& gap : target->missing(need)) {
    for (Bytes at = gap.offset; at < gap.end();) {
      const auto fetch = fetch_at(target, state, at, ask, priority, hurry);
      joined.emplace(fetch->begin, fetch);
      at = std::max(at + 1, fetch->end.load());
    }
  }
  // Bytes that one has brought may be hidden yet.
  for (const auto& [begin, fetch] : state->fetches) {
    const ByteRange part = need.intersect(fetch->range());
    if (!part.empty() && !target->has(part)) joined.emplace(begin, fetch);
  }
  for (const auto& [begin, fetch] : joined) {
    const ByteRange part = need.intersect(fetch->range());
    if (!part.empty()) add_waiter(wish, fetch, part);
  }
}

void FetchEngine::add_waiter(Wish& wish, const std::shared_ptr<Fetch>& fetch, ByteRange need) {
  Waiter& waiter = wish.waiters.emplace_back();
  waiter.late = !fetch->waiters.empty();
  waiter.wish = &wish;
  waiter.fetch = fetch;
  waiter.need = need;
  fetch->waiters.push_back(&waiter);
  ++wish.open;
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
  if (fetch->asking && !fetch->asked) {  // it waits for quota, or after a refusal
    fetch->ask_again = true;
    hurry.push_back(*fetch->asking);
  }
}

}  // namespace driveway::transfer
