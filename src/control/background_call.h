// A call that waits, on a thread of its own, so that who asked for it can say how far it is.
// Private to control/.
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "base/clock.h"
#include "base/context.h"
#include "base/result.h"

namespace driveway::control {

// Thread-safe but for the destructor, which cancels the call and waits for its end.
class BackgroundCall {
 public:
  // Begins at once. `call` gets `context`, also cancelled by cancel(). Where the system has no
  // thread to give it has failed with kUnavailable.
  BackgroundCall(const Context& context, Clock& clock, const std::string& name,
                 std::function<Status(const Context&)> call);
  ~BackgroundCall();
  BackgroundCall(const BackgroundCall&) = delete;
  BackgroundCall& operator=(const BackgroundCall&) = delete;

  void cancel() { source_.cancel(); }
  // What it has come to, as soon as it has ended; nothing: `context` ended before.
  std::optional<Status> wait(const Context& context);

 private:
  Clock& clock_;
  CancelSource source_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::optional<Status> ended_;  // guarded by mutex_
  std::optional<std::thread> thread_;
};

}  // namespace driveway::control
