#include "control/background_call.h"

#include <utility>

#include "base/threads.h"

namespace driveway::control {

BackgroundCall::BackgroundCall(const Context& context, Clock& clock, const std::string& name,
                               std::function<Status(const Context&)> call)
    : clock_(clock), source_(context.cancel) {
  Context own = context;
  own.cancel = source_.token();
  thread_ = try_start_thread(name, [this, own = std::move(own), call = std::move(call)] {
    Status status = call(own);
    const std::lock_guard lock(mutex_);
    ended_ = std::move(status);
    changed_.notify_all();
  });
  if (!thread_) ended_ = Error{ErrorCode::kUnavailable, "no thread is to be had", true};
}

BackgroundCall::~BackgroundCall() {
  cancel();
  if (thread_) thread_->join();
}

std::optional<Status> BackgroundCall::wait(const Context& context) {
  std::unique_lock lock(mutex_);
  const Status waited =
      driveway::wait(context, clock_, lock, changed_, [this] { return ended_.has_value(); });
  return waited.ok() ? ended_ : std::nullopt;
}

}  // namespace driveway::control
