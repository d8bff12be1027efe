// Says in the mount's log that what is written does not arrive in Drive (J11).
#pragma once

#include <optional>
#include <string>
#include <thread>

#include <nlohmann/json_fwd.hpp>

#include "base/clock.h"
#include "base/context.h"
#include "vfs/vfs.h"

namespace driveway::control {

// When to say it: from an age of 2 minutes on, at most every 5 minutes, and once when it is over.
// Not thread-safe.
class BacklogWarnings {
 public:
  // `writes`: of `status`. Gives what is to be said.
  std::optional<std::string> look(const nlohmann::json& writes, TimePoint now);

 private:
  std::optional<TimePoint> said_;
};

// Looks every 10 s on a thread of its own, until it is destroyed. REQUIRES that the Vfs outlives
// it.
class BacklogWatch {
 public:
  BacklogWatch(vfs::Vfs& vfs, Clock& clock);
  ~BacklogWatch();
  BacklogWatch(const BacklogWatch&) = delete;
  BacklogWatch& operator=(const BacklogWatch&) = delete;

 private:
  void run();

  vfs::Vfs& vfs_;
  Clock& clock_;
  CancelSource stopping_;
  std::thread thread_;
};

}  // namespace driveway::control
