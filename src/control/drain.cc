#include "control/drain.h"

#include <algorithm>
#include <utility>

#include <nlohmann/json.hpp>

#include "base/log.h"
#include "base/strings.h"
#include "control/background_call.h"
#include "control/flush_watch.h"
#include "control/wording.h"
#include "control/writes_document.h"

namespace driveway::control {
namespace {

constexpr auto kDrainTick = std::chrono::milliseconds(200);
// What can go on beside something that failed for good does so at once.
constexpr auto kStallAfterFailure = std::chrono::seconds(3);

// When something was last seen to move.
class Movement {
 public:
  Movement(vfs::Vfs& vfs, Clock& clock)
      : vfs_(vfs), clock_(clock), watch_(vfs, std::nullopt), moved_(clock.now()) {}

  bool has_stalled(Duration limit) {
    nlohmann::json now = {watch_.progress(), backlog_document(vfs_, clock_)};
    for (const char* changes_by_itself : {"age_ms", "eta_ms"}) now[1].erase(changes_by_itself);
    if (now != last_) {
      last_ = std::move(now);
      moved_ = clock_.now();
    }
    return clock_.now() - moved_ >= limit;
  }

 private:
  vfs::Vfs& vfs_;
  Clock& clock_;
  const FlushWatch watch_;
  nlohmann::json last_;
  TimePoint moved_;
};

// Why nothing that is left can go to Drive now (E2). Nothing: something can.
std::optional<Error> obstacle_of_all(vfs::Vfs& vfs) {
  return vfs.journal()->look([](const journal::ChangeSet& set) {
    std::optional<Error> first;
    for (const InodeId inode : set.dirty()) {
      const auto problem = set.obstacle(inode);
      if (!problem) return std::optional<Error>();
      if (first) continue;
      first = Error{problem->code, cat(set.find(inode)->name(), ": ", problem->message)};
    }
    return first;
  });
}

}  // namespace

void Drain::run(const DrainLimits& limits) {
  Status status;
  if (vfs_.journal() != nullptr && backlog_document(vfs_, clock_)["changes"] > 0) {
    log::info("before the end: ", backlog_text(backlog_document(vfs_, clock_)));
    const Context context{.deadline = clock_.now() + limits.longest, .cancel = source_.token()};
    // A flush would send it at once, however soon its time is over.
    const bool sends = limits.longest > Duration();
    status = sends ? send(context, limits.stall)
                   : Status(Error{ErrorCode::kDeadlineExceeded, "not waited for"});
    const std::string left = backlog_text(backlog_document(vfs_, clock_));
    if (!left.empty()) log::warn(left, ": the next mount of this account sends it");
  }
  const std::lock_guard lock(mutex_);
  ended_ = std::move(status);
  changed_.notify_all();
}

Status Drain::send(const Context& context, Duration stall) {
  Movement movement(vfs_, clock_);
  while (true) {
    DRIVEWAY_CHECK(context.check(clock_));
    BackgroundCall call(context, clock_, "drain",
                        [&](const Context& own) { return vfs_.flush(own, InodeId()); });
    std::optional<Status> ended;
    while (!ended) {
      if (movement.has_stalled(stall)) call.cancel();
      ended = call.wait({.deadline = clock_.now() + kDrainTick});
    }
    if (ended->ok() || ended->failed_with(ErrorCode::kLoginNeeded) || context.cancel.cancelled()) {
      return *ended;
    }
    // Also where the time is over: more of it would not have helped.
    if (const auto obstacle = obstacle_of_all(vfs_)) return *obstacle;
    const bool is_over = ended->failed_with(ErrorCode::kCancelled) ||
                         ended->failed_with(ErrorCode::kDeadlineExceeded);
    stall = std::min<Duration>(stall, kStallAfterFailure);
    if (is_over || movement.has_stalled(stall)) return *ended;
    if (!sleep_until(context, clock_, clock_.now() + kDrainTick).ok()) return *ended;
  }
}

std::optional<Status> Drain::wait(const Context& context) {
  std::unique_lock lock(mutex_);
  const Status waited =
      driveway::wait(context, clock_, lock, changed_, [this] { return ended_.has_value(); });
  return waited.ok() ? ended_ : std::nullopt;
}

}  // namespace driveway::control
