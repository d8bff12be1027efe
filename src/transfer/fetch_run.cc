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

// The hash that tells whether bytes are `item`'s; nothing where Drive gave none.
struct Expected {
  HashKind kind = HashKind::kMd5;
  std::string hex;
};
std::optional<Expected> expected_hash(const drive::Item& item) {
  if (!item.md5.empty()) return Expected{HashKind::kMd5, to_lower(item.md5)};
  if (!item.sha256.empty()) return Expected{HashKind::kSha256, to_lower(item.sha256)};
  return std::nullopt;
}

}  // namespace

// Where the bytes of one part go.
class FetchEngine::Sink final : public ByteSink {
 public:
  Sink(FetchEngine& engine, Fetch& fetch, ByteRange part, Hasher* hasher, std::string* held_back)
      : engine_(engine), fetch_(fetch), part_(part), hasher_(hasher), held_back_(held_back) {}

  Status write(std::span<const std::byte> data) override {
    if (data.size() > part_.length - count_) {
      return Error{ErrorCode::kCorrupt, "more bytes came than were asked for"};
    }
    if (hasher_ != nullptr) hasher_->update(data);
    if (held_back_ != nullptr) {
      held_back_->append(reinterpret_cast<const char*>(data.data()), data.size());
    } else {
      DRIVEWAY_CHECK(fetch_.target->write(part_.offset + count_, data));
    }
    count_ += data.size();
    engine_.bytes_.add(data.size());
    engine_.in_flight_.add(-static_cast<std::int64_t>(data.size()));
    if (held_back_ == nullptr) engine_.arrived(fetch_, part_.offset + count_);
    return {};
  }
  Bytes count() const { return count_; }

 private:
  FetchEngine& engine_;
  Fetch& fetch_;
  const ByteRange part_;
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
      Context context{.deadline = deadline, .cancel = fetch->cancel.token()};
      {
        const std::lock_guard lock(mutex_);
        context.priority = fetch->priority;
      }
      outcome = transfer(*fetch, context);
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
    auto slot = scheduler_.acquire(context, Lane::kMedia);
    {
      const std::lock_guard lock(mutex_);
      fetch.slot_wait.reset();
    }
    const bool raised =
        slot.failed_with(ErrorCode::kCancelled) && !fetch.cancel.token().cancelled();
    if (!raised) return slot;
  }
}

// A waiter wakes as soon as its own bytes are there.
void FetchEngine::arrived(Fetch& fetch, Bytes position) {
  const std::lock_guard lock(mutex_);
  for (Waiter* waiter : fetch.waiters) {
    if (waiter->settled || waiter->need.end() > position) continue;
    if (fetch.target->has(waiter->need)) settle(*waiter, std::nullopt);
  }
}

FetchEngine::Outcome FetchEngine::transfer(Fetch& fetch, const Context& context) {
  const std::vector<ByteRange> parts = fetch.target->missing(fetch.range);
  const drive::Item& item = fetch.target->item();
  const bool whole = parts.size() == 1 && parts.front() == ByteRange{0, item.size.value_or(0)};
  if (whole && expected_hash(item)) return transfer_whole(fetch, context);
  return transfer_parts(fetch, context, parts);
}

Status FetchEngine::read_part(Fetch& fetch, const Context& context, ByteRange part, Sink& sink) {
  fetches_.add();
  in_flight_.add(static_cast<std::int64_t>(part.length));
  Status status = store_.read(context, fetch.target->item(), part, sink);
  in_flight_.add(-static_cast<std::int64_t>(part.length - sink.count()));
  if (status.ok() && sink.count() != part.length) {
    return Error{ErrorCode::kCorrupt, cat("\"", fetch.target->item().name, "\" came short"), true};
  }
  return status;
}

FetchEngine::Outcome FetchEngine::transfer_parts(Fetch& fetch, const Context& context,
                                                 const std::vector<ByteRange>& parts) {
  Outcome outcome;
  for (const ByteRange& part : parts) {
    Sink sink(*this, fetch, part, nullptr, nullptr);
    outcome.status = read_part(fetch, context, part, sink);
    if (sink.count() > 0) outcome.arrived.push_back({part.offset, sink.count()});
    if (!outcome.status.ok()) break;
  }
  return outcome;
}

FetchEngine::Outcome FetchEngine::transfer_whole(Fetch& fetch, const Context& context) {
  FetchTarget& target = *fetch.target;
  const drive::Item& item = target.item();
  const Expected expected = *expected_hash(item);
  const ByteRange whole{0, item.size.value_or(0)};
  Outcome outcome;
  for (int attempt = 1; attempt <= 2; ++attempt) {
    Hasher hasher(expected.kind);
    std::string held_back;
    const bool hold = whole.length <= kHoldBack;
    Sink sink(*this, fetch, whole, &hasher, hold ? &held_back : nullptr);
    outcome.status = read_part(fetch, context, whole, sink);
    if (!outcome.status.ok()) {
      if (!hold && sink.count() > 0) outcome.arrived.push_back({0, sink.count()});
      return outcome;
    }
    if (hasher.finish_hex() == expected.hex) {
      if (hold) outcome.status = target.write(0, std::as_bytes(std::span(held_back)));
      if (outcome.status.ok()) {
        // Bytes that are right but cannot be kept can still be read.
        if (const Status kept = target.commit(whole); !kept.ok()) {
          log::debug("not kept in the cache: ", kept.error());
        }
        outcome.verified = true;
      }
      return outcome;
    }
    target.discard(whole);
    outcome.arrived.clear();
    const Result<drive::Item> now = store_.get(context, item.id);
    if (!now.ok()) {
      outcome.status = now.error();
      return outcome;
    }
    if (drive::content_id(*now) != drive::content_id(item)) {
      const std::lock_guard lock(mutex_);
      make_stale(target, *fetch.state);
      outcome.status = Error{ErrorCode::kStale, cat("\"", item.name, "\" was replaced in Drive")};
      return outcome;
    }
    mismatches_.add();
    log::warn("\"", item.name, "\" (", item.id, ") came with wrong bytes");
  }
  outcome.status = Error{ErrorCode::kCorrupt,
                         cat("\"", item.name, "\" does not have the checksum that Drive names")};
  return outcome;
}

// Of what arrived, forgets what is not whole blocks, so that nobody's later fetch of a block meets
// its remains.
std::vector<ByteRange> FetchEngine::keep_whole_blocks(Fetch& fetch, const Outcome& outcome) {
  std::vector<ByteRange> kept;
  const Bytes size = fetch.target->item().size.value_or(0);
  for (const ByteRange& range : outcome.arrived) {
    const Bytes end = range.end() == size ? size : range.end() / options_.block * options_.block;
    if (end > range.offset) kept.push_back({range.offset, end - range.offset});
    const Bytes from = std::max(end, range.offset);
    if (from < range.end()) fetch.target->discard({from, range.end() - from});
  }
  return kept;
}

void FetchEngine::finish(const std::shared_ptr<Fetch>& fetch, const Outcome& outcome) {
  const std::vector<ByteRange> kept = keep_whole_blocks(*fetch, outcome);
  Target& state = *fetch->state;
  // Ended for its own reasons, which are not its waiters': they look again.
  const bool own_end = outcome.status.failed_with(ErrorCode::kCancelled) ||
                       outcome.status.failed_with(ErrorCode::kDeadlineExceeded);
  bool verify_now = false;
  bool forget = false;
  {
    const std::lock_guard lock(mutex_);
    const auto found = fetches_by_piece_.find(fetch->key);
    if (found != fetches_by_piece_.end() && found->second == fetch) fetches_by_piece_.erase(found);
    std::optional<Error> error;
    if (state.stale) {
      forget = true;
      error = Error{ErrorCode::kStale,
                    cat("\"", fetch->target->item().name, "\" was replaced in Drive")};
    } else if (!outcome.status.ok() && !own_end) {
      error = outcome.status.error();
    }
    for (Waiter* waiter : fetch->waiters) settle(*waiter, error);
    --state.fetches;
    if (!forget && !kept.empty() && !outcome.verified) {
      state.unverified.insert(state.unverified.end(), kept.begin(), kept.end());
      verify_now = !std::exchange(state.verifying, true);
    }
    state.changed.notify_all();
  }
  if (forget) {
    for (const ByteRange& range : kept) fetch->target->discard(range);
  }
  if (verify_now) verify(fetch->target, state);
}

// One get for all that had arrived when it began (R1), until nothing is left.
void FetchEngine::verify(const std::shared_ptr<FetchTarget>& target, Target& state) {
  while (true) {
    std::vector<ByteRange> ranges;
    {
      const std::lock_guard lock(mutex_);
      ranges.swap(state.unverified);
      if (ranges.empty() || stopping_) {
        state.verifying = false;
        state.changed.notify_all();
        return;
      }
    }
    const Context context{.deadline = clock_.now() + options_.time_limit, .cancel = stop_.token()};
    const Result<drive::Item> now = store_.get(context, target->item().id);
    const bool failed = !now.ok();
    judge(target, state, std::move(ranges), now);
    if (!failed) continue;
    const std::lock_guard lock(mutex_);
    state.verifying = false;
    state.changed.notify_all();
    return;
  }
}

void FetchEngine::judge(const std::shared_ptr<FetchTarget>& target, Target& state,
                        std::vector<ByteRange> ranges, const Result<drive::Item>& now) {
  if (!now.ok()) {
    log::debug("\"", target->item().name, "\" is not verified yet: ", now.error());
    const std::lock_guard lock(mutex_);
    state.get_error = now.error();
    // They stay readable; the get after the next fetch covers them too.
    state.unverified.insert(state.unverified.end(), ranges.begin(), ranges.end());
    return;
  }
  const bool same_content = drive::content_id(*now) == drive::content_id(target->item());
  Revision head;
  {
    const std::lock_guard lock(mutex_);
    state.get_error.reset();
    head = state.head;
  }
  const bool same_head = head.empty() || now->head_revision.empty() || now->head_revision == head;
  if (same_content && same_head) {
    for (const ByteRange& range : ranges) {
      if (const Status kept = target->commit(range); !kept.ok()) {
        log::debug("not kept in the cache: ", kept.error());
      }
    }
    return;
  }
  // Another head of equal content: what came in between may be a third one's. It is fetched again,
  // under the new head.
  for (const ByteRange& range : ranges) target->discard(range);
  const std::lock_guard lock(mutex_);
  state.head = now->head_revision;
  if (!same_content) make_stale(*target, state);
}

// With mutex_ held. Who waits for bytes of it is told; fetches that run end with their waiters.
void FetchEngine::make_stale(const FetchTarget& target, Target& state) {
  if (!std::exchange(state.stale, true)) stale_.add();
  const Error error{ErrorCode::kStale, cat("\"", target.item().name, "\" was replaced in Drive")};
  for (auto found = fetches_by_piece_.lower_bound(PieceKey(&target, 0));
       found != fetches_by_piece_.end() && found->first.first == &target; ++found) {
    for (Waiter* waiter : found->second->waiters) settle(*waiter, error);
  }
  state.changed.notify_all();
}

Status FetchEngine::confirm(const Context& context, const std::shared_ptr<FetchTarget>& target) {
  std::unique_lock lock(mutex_);
  const std::shared_ptr<Target> state = target_state(target);
  const auto done = [&] {
    return stopping_ || state->stale || (state->fetches == 0 && !state->verifying);
  };
  DRIVEWAY_CHECK(wait(context, clock_, lock, state->changed, done));
  if (!state->stale && !stopping_ && !state->unverified.empty()) {
    // The last get failed, and no fetch came after it.
    state->verifying = true;
    lock.unlock();
    verify(target, *state);
    lock.lock();
    DRIVEWAY_CHECK(wait(context, clock_, lock, state->changed, done));
  }
  if (state->stale) {
    return Error{ErrorCode::kStale, cat("\"", target->item().name, "\" was replaced in Drive")};
  }
  if (stopping_) return Error{ErrorCode::kCancelled, "driveway is stopping"};
  if (!state->unverified.empty() && state->get_error) return *state->get_error;
  return {};
}

}  // namespace driveway::transfer
