// The last thing that a daemon does: what Drive does not have yet goes there, as long as that is
// wanted. What is left stays in the journal. Private to control/.
#pragma once

#include <condition_variable>
#include <mutex>
#include <optional>

#include "base/clock.h"
#include "base/context.h"
#include "base/result.h"
#include "control/dispatcher.h"
#include "vfs/vfs.h"

namespace driveway::control {

// Thread-safe. REQUIRES that the Vfs outlives it.
class Drain {
 public:
  Drain(vfs::Vfs& vfs, Clock& clock) : vfs_(vfs), clock_(clock) {}

  // Returns when Drive has everything, when nothing more can be sent (a login that is needed; what
  // failed for good, or is blocked: E2), at the limits, or on cancel(). Once. What stops all that
  // is left is what it has come to, rather than that the time is over.
  void run(const DrainLimits& limits);
  // Ends run(), also one that has not begun yet.
  void cancel() { source_.cancel(); }
  // Until run() has ended, and what it has come to; nothing: `context` ended before.
  std::optional<Status> wait(const Context& context);

 private:
  Status send(const Context& context, Duration stall);

  vfs::Vfs& vfs_;
  Clock& clock_;
  CancelSource source_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::optional<Status> ended_;  // guarded by mutex_
};

}  // namespace driveway::control
