#include "transfer/scheduler.h"

#include <algorithm>
#include <array>
#include <condition_variable>
#include <cstdint>
#include <map>
#include <mutex>
#include <utility>

namespace driveway::transfer {

struct Scheduler::State {
  struct Waiter {
    std::condition_variable granted_changed;
    bool granted = false;
  };
  // Priority, then order of asking.
  using Place = std::pair<Priority, std::uint64_t>;
  struct LaneState {
    int slots = 1;
    int low_priority_slots = 1;  // as many may be taken when a lower priority takes one
    int taken = 0;
    std::map<Place, Waiter*> waiters;
    Gauge* gauge = nullptr;
  };

  State(const SchedulerOptions& options, Clock& time, Metrics& metrics)
      : clock(time), wait_time(metrics.histogram("transfer.slot_wait")) {
    set_up(Lane::kListing, options.listing_slots, metrics.gauge("transfer.slots.listing"));
    set_up(Lane::kMedia, options.media_slots, metrics.gauge("transfer.slots.media"));
  }

  void set_up(Lane which, int slots, Gauge& gauge) {
    LaneState& state = lane(which);
    state.slots = std::max(slots, 1);
    state.low_priority_slots = std::max(state.slots - (state.slots + 3) / 4, 1);
    state.gauge = &gauge;
  }

  LaneState& lane(Lane which) { return lanes[static_cast<std::size_t>(which)]; }

  // Gives free slots to those whose turn it is. With `mutex` held.
  static void grant(LaneState& lane) {
    while (!lane.waiters.empty()) {
      const auto first = lane.waiters.begin();
      const bool foreground = first->first.first == Priority::kForeground;
      if (lane.taken >= (foreground ? lane.slots : lane.low_priority_slots)) return;
      first->second->granted = true;
      first->second->granted_changed.notify_one();
      lane.waiters.erase(first);
      ++lane.taken;
      lane.gauge->set(lane.taken);
    }
  }

  void give_back(Lane which) {
    const std::lock_guard lock(mutex);
    LaneState& state = lane(which);
    --state.taken;
    state.gauge->set(state.taken);
    grant(state);
  }

  Clock& clock;
  Histogram& wait_time;
  std::mutex mutex;  // guards what follows
  std::array<LaneState, 2> lanes;
  std::uint64_t next_place = 0;
};

struct Scheduler::Slot::Lease {
  std::shared_ptr<Scheduler::State> state;
  Lane lane;

  Lease(std::shared_ptr<Scheduler::State> owner, Lane which)
      : state(std::move(owner)), lane(which) {}
  ~Lease() { state->give_back(lane); }
  Lease(const Lease&) = delete;
  Lease& operator=(const Lease&) = delete;
};

Scheduler::Slot::Slot(std::unique_ptr<Lease> lease) : lease_(std::move(lease)) {}
Scheduler::Slot::~Slot() = default;
Scheduler::Slot::Slot(Slot&& other) noexcept = default;
Scheduler::Slot& Scheduler::Slot::operator=(Slot&& other) noexcept = default;

Scheduler::Scheduler(SchedulerOptions options, Clock& clock, Metrics& metrics)
    : state_(std::make_shared<State>(options, clock, metrics)) {}
Scheduler::~Scheduler() = default;

Result<Scheduler::Slot> Scheduler::acquire(const Context& context, Lane lane) {
  DRIVEWAY_CHECK(context.check(state_->clock));
  const TimePoint begun = state_->clock.now();
  {
    std::unique_lock lock(state_->mutex);
    State::Waiter waiter;
    State::LaneState& lane_state = state_->lane(lane);
    const State::Place place(context.priority, state_->next_place++);
    lane_state.waiters.emplace(place, &waiter);
    State::grant(lane_state);
    const Status status = wait(context, state_->clock, lock, waiter.granted_changed,
                               [&waiter] { return waiter.granted; });
    if (!status.ok()) {
      lane_state.waiters.erase(place);
      State::grant(lane_state);  // it may have stood before one who can go
      return status.error();
    }
  }
  state_->wait_time.record(state_->clock.now() - begun);
  return Slot(std::make_unique<Slot::Lease>(state_, lane));
}

}  // namespace driveway::transfer
