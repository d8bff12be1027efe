// Who may talk to Drive now: slots by lane, given in the order of priority, then of asking. (Quota
// units are drive/'s.)
#pragma once

#include <memory>

#include "base/clock.h"
#include "base/context.h"
#include "base/metrics.h"
#include "base/result.h"

namespace driveway::transfer {

enum class Lane { kListing, kMedia };

struct SchedulerOptions {
  int listing_slots = 16;
  int media_slots = 32;
};

// Thread-safe. Lower priorities never take the last quarter of a lane: a foreground call always
// finds a slot soon.
class Scheduler {
 public:
  // Given back when destroyed.
  class Slot {
   public:
    Slot() = default;
    ~Slot();
    Slot(Slot&& other) noexcept;
    Slot& operator=(Slot&& other) noexcept;

   private:
    friend class Scheduler;
    struct Lease;
    explicit Slot(std::unique_ptr<Lease> lease);
    std::unique_ptr<Lease> lease_;
  };

  Scheduler(SchedulerOptions options, Clock& clock, Metrics& metrics);
  ~Scheduler();
  // Waits for a slot. Errors: kCancelled, kDeadlineExceeded.
  Result<Slot> acquire(const Context& context, Lane lane);

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace driveway::transfer
