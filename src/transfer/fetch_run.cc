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
    const ByteRange bytes{part_.offset + count_, data.size()};
    if (held_back_ != nullptr) {
      held_back_->append(reinterpret_cast<const char*>(data.data()), data.size());
    } else {
      DRIVEWAY_CHECK(fetch_.target->write(bytes.offset, data));
    }
    count_ += data.size();
    engine_.bytes_.add(data.size());
    engine_.in_flight_.add(-static_cast<std::int64_t>(data.size()));
    if (held_back_ == nullptr) engine_.arrived(fetch_, bytes);
    return {};
  }
  void new_answer() override { engine_.begin_answer(fetch_); }
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

void FetchEngine::begin_answer(Fetch& fetch) {
  const std::lock_guard lock(mutex_);
  ++fetch.answer;
  fetch.position.reset();
  fetch.standing = Fetch::Standing::kUnknown;
}

// A waiter wakes as soon as its own bytes are there.
void FetchEngine::arrived(Fetch& fetch, ByteRange bytes) {
  const std::lock_guard lock(mutex_);
  fetch.position = bytes.end();
  if (fetch.standing == Fetch::Standing::kCurrent) fetch.target->expose(bytes);
  wake_waiters(fetch);
}

// With mutex_ held. Those whose bytes have come: they have them, or may ask about their revision.
void FetchEngine::wake_waiters(Fetch& fetch) {
  for (Waiter* waiter : fetch.waiters) {
    if (waiter->settled || !fetch.position || waiter->need.end() > *fetch.position) continue;
    if (fetch.target->has(waiter->need)) {
      settle(*waiter, std::nullopt);
    } else {
      waiter->caller->changed.notify_all();
    }
  }
}

FetchEngine::Outcome FetchEngine::transfer(Fetch& fetch, const Context& context) {
  const std::vector<ByteRange> parts = fetch.target->missing(fetch.range);
  const drive::Item& item = fetch.target->item();
  const bool whole = parts.size() == 1 && parts.front() == ByteRange{0, item.size.value_or(0)};
  if (whole && drive::expected_hash(item)) return transfer_whole(fetch, context);
  return transfer_parts(fetch, context, parts);
}

Status FetchEngine::read_part(Fetch& fetch, const Context& context, ByteRange part, Sink& sink) {
  begin_answer(fetch);
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
  const drive::ExpectedHash expected = *drive::expected_hash(item);
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
        } else {
          target.set_verified();
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
    if (!drive::same_revision(*now, item)) {
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
    for (Waiter* waiter : fetch->waiters) {
      // Whose bytes came before it broke off looks again, for them; and who joined late still has
      // time for another try.
      const bool came = !state.stale && fetch->target->missing(waiter->need).empty();
      const bool again = came || (waiter->late && error && error->retryable);
      settle(*waiter, again ? std::nullopt : error);
    }
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
  if (verify_now) {
    verify({.deadline = clock_.now() + options_.time_limit, .cancel = stop_.token()}, fetch->target,
           state);
  }
}

}  // namespace driveway::transfer
