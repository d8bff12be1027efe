// SIGINT, as a cancellation.
#pragma once

#include "base/context.h"

namespace driveway::cli {

// While it lives, SIGINT and SIGTERM cancel token() (exit status 130). One at a time; call before
// other threads start, since they are to leave these signals to it.
class InterruptGuard {
 public:
  InterruptGuard();
  ~InterruptGuard();
  InterruptGuard(const InterruptGuard&) = delete;
  InterruptGuard& operator=(const InterruptGuard&) = delete;
  CancelToken token() const { return source_.token(); }

 private:
  struct Watcher;
  CancelSource source_;
  std::unique_ptr<Watcher> watcher_;
};

}  // namespace driveway::cli
