// Who may talk to Drive now: slots by lane, and one budget for the bytes that are asked for and not
// here yet. (Quota units are drive/'s.)
//
// Turns are given in the order of priority; among equals to the file that has the fewest slots
// already, then in the order of asking. Lower priorities never take the last quarter of a lane,
// nor the last sixteenth of the budget: a foreground call always finds a slot soon.
#pragma once

#include <memory>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/context.h"
#include "base/metrics.h"
#include "base/result.h"

namespace driveway::transfer {

enum class Lane { kListing, kMedia };

struct SchedulerOptions {
  int listing_slots = 16;
  // Three quarters of it are 64: so many small files may be on their way at once.
  int media_slots = 86;
  Bytes bytes_in_flight = 256 * kMiB;
};

// At most 25 % of the memory that the machine, or the cgroup that this process is in, has available
// (R3), and at most `wanted`; never below 32 MiB.
Bytes bytes_in_flight_for_memory(Bytes wanted);

// Thread-safe. Metrics: transfer.slots.listing, transfer.slots.media, transfer.in_flight_bytes,
// transfer.waiting (gauges), transfer.slot_wait.
class Scheduler {
 public:
  // What one call will take.
  struct Demand {
    Bytes bytes = 0;
    const void* file = nullptr;  // whose it is; null: nobody's
  };

  // Given back when destroyed.
  class Slot {
   public:
    Slot() = default;
    ~Slot();
    Slot(Slot&& other) noexcept;
    Slot& operator=(Slot&& other) noexcept;
    // So many of its bytes are here.
    void arrived(Bytes bytes);

   private:
    friend class Scheduler;
    struct Lease;
    explicit Slot(std::unique_ptr<Lease> lease);
    std::unique_ptr<Lease> lease_;
  };

  Scheduler(SchedulerOptions options, Clock& clock, Metrics& metrics);
  ~Scheduler();
  // Waits for a slot. One that asks for more than the budget holds gets it when nothing else is in
  // flight. Errors: kCancelled, kDeadlineExceeded.
  Result<Slot> acquire(const Context& context, Lane lane, Demand demand);
  Result<Slot> acquire(const Context& context, Lane lane) { return acquire(context, lane, {}); }

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace driveway::transfer
