#include "transfer/scheduler.h"

#include <algorithm>
#include <array>
#include <condition_variable>
#include <cstdint>
#include <list>
#include <mutex>
#include <tuple>
#include <unordered_map>
#include <utility>

#include "base/memory.h"

namespace driveway::transfer {

Bytes bytes_in_flight_for_memory(Bytes wanted) {
  constexpr Bytes kLeast = 32 * kMiB;
  return std::max(kLeast, std::min(wanted, available_memory() / 4));
}

struct Scheduler::State {
  struct Waiter {
    Priority priority = Priority::kForeground;
    std::uint64_t place = 0;  // in the order of asking
    Demand demand;
    bool granted = false;
    std::condition_variable granted_changed;
  };
  struct LaneState {
    int slots = 1;
    int low_priority_slots = 1;  // as many may be taken when a lower priority takes one
    int taken = 0;
    std::list<Waiter*> waiters;
    std::unordered_map<const void*, int> taken_by_file;
    Gauge* gauge = nullptr;
  };

  State(const SchedulerOptions& options, Clock& time, Metrics& metrics)
      : clock(time),
        wait_time(metrics.histogram("transfer.slot_wait")),
        in_flight_gauge(metrics.gauge("transfer.in_flight_bytes")),
        waiting_gauge(metrics.gauge("transfer.waiting")),
        budget(std::max<Bytes>(options.bytes_in_flight, 1)) {
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

  // --- All below with `mutex` held.

  // Whose turn it is.
  static std::list<Waiter*>::iterator first_of(LaneState& lane) {
    const auto turn = [&lane](const Waiter* waiter) {
      const auto taken = lane.taken_by_file.find(waiter->demand.file);
      const int held = taken == lane.taken_by_file.end() ? 0 : taken->second;
      return std::tuple(waiter->priority, held, waiter->place);
    };
    return std::min_element(lane.waiters.begin(), lane.waiters.end(),
                            [&](const Waiter* a, const Waiter* b) { return turn(a) < turn(b); });
  }

  bool fits(const LaneState& lane, const Waiter& waiter) const {
    const bool foreground = waiter.priority == Priority::kForeground;
    if (lane.taken >= (foreground ? lane.slots : lane.low_priority_slots)) return false;
    if (waiter.demand.bytes == 0 || in_flight == 0) return true;
    return in_flight + waiter.demand.bytes <= (foreground ? budget : budget / 16 * 15);
  }

  // Gives free slots to those whose turn it is.
  void grant(LaneState& lane) {
    while (!lane.waiters.empty()) {
      const auto first = first_of(lane);
      Waiter& waiter = **first;
      if (!fits(lane, waiter)) return;
      lane.waiters.erase(first);
      ++lane.taken;
      if (waiter.demand.file != nullptr) ++lane.taken_by_file[waiter.demand.file];
      lane.gauge->set(lane.taken);
      set_in_flight(in_flight + waiter.demand.bytes);
      waiter.granted = true;
      waiter.granted_changed.notify_one();
    }
  }

  void set_in_flight(Bytes bytes) {
    in_flight = bytes;
    in_flight_gauge.set(static_cast<std::int64_t>(bytes));
  }

  void give_back(Lane which, const Demand& left) {
    const std::lock_guard lock(mutex);
    LaneState& state = lane(which);
    --state.taken;
    state.gauge->set(state.taken);
    const auto of_file = state.taken_by_file.find(left.file);
    if (of_file != state.taken_by_file.end() && --of_file->second == 0) {
      state.taken_by_file.erase(of_file);
    }
    set_in_flight(in_flight - left.bytes);
    grant(state);
  }

  void arrived(Lane which, Bytes bytes) {
    const std::lock_guard lock(mutex);
    set_in_flight(in_flight - bytes);
    LaneState& state = lane(which);
    if (!state.waiters.empty()) grant(state);
  }

  Clock& clock;
  Histogram& wait_time;
  Gauge& in_flight_gauge;
  Gauge& waiting_gauge;
  const Bytes budget;
  std::mutex mutex;  // guards what follows
  std::array<LaneState, 2> lanes;
  Bytes in_flight = 0;
  std::uint64_t next_place = 0;
};

struct Scheduler::Slot::Lease {
  std::shared_ptr<Scheduler::State> state;
  Lane lane;
  Demand left;

  Lease(std::shared_ptr<Scheduler::State> owner, Lane which, const Demand& demand)
      : state(std::move(owner)), lane(which), left(demand) {}
  ~Lease() { state->give_back(lane, left); }
  Lease(const Lease&) = delete;
  Lease& operator=(const Lease&) = delete;
};

Scheduler::Slot::Slot(std::unique_ptr<Lease> lease) : lease_(std::move(lease)) {}
Scheduler::Slot::~Slot() = default;
Scheduler::Slot::Slot(Slot&& other) noexcept = default;
Scheduler::Slot& Scheduler::Slot::operator=(Slot&& other) noexcept = default;

void Scheduler::Slot::arrived(Bytes bytes) {
  bytes = std::min(bytes, lease_->left.bytes);
  if (bytes == 0) return;
  lease_->left.bytes -= bytes;
  lease_->state->arrived(lease_->lane, bytes);
}

Scheduler::Scheduler(SchedulerOptions options, Clock& clock, Metrics& metrics)
    : state_(std::make_shared<State>(options, clock, metrics)) {}
Scheduler::~Scheduler() = default;

Result<Scheduler::Slot> Scheduler::acquire(const Context& context, Lane lane, Demand demand) {
  DRIVEWAY_CHECK(context.check(state_->clock));
  const TimePoint begun = state_->clock.now();
  {
    std::unique_lock lock(state_->mutex);
    State::Waiter waiter;
    waiter.priority = context.priority;
    waiter.place = state_->next_place++;
    waiter.demand = demand;
    State::LaneState& lane_state = state_->lane(lane);
    lane_state.waiters.push_back(&waiter);
    state_->grant(lane_state);
    state_->waiting_gauge.add(1);
    const Status status = wait(context, state_->clock, lock, waiter.granted_changed,
                               [&waiter] { return waiter.granted; });
    state_->waiting_gauge.add(-1);
    if (!status.ok()) {
      lane_state.waiters.remove(&waiter);
      state_->grant(lane_state);  // it may have stood before one who can go
      return status.error();
    }
  }
  state_->wait_time.record(state_->clock.now() - begun);
  return Slot(std::make_unique<Slot::Lease>(state_, lane, demand));
}

}  // namespace driveway::transfer
