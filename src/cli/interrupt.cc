#include "cli/interrupt.h"

#include <signal.h>

#include <atomic>
#include <thread>

#include "base/threads.h"

namespace driveway::cli {
namespace {

constexpr int kStopSignal = SIGUSR2;  // the destructor's

sigset_t watched_signals() {
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : {SIGINT, SIGTERM, kStopSignal}) sigaddset(&set, signal);
  return set;
}

}  // namespace

struct InterruptGuard::Watcher {
  sigset_t before{};
  std::thread thread;
};

InterruptGuard::InterruptGuard() : watcher_(std::make_unique<Watcher>()) {
  const sigset_t signals = watched_signals();
  pthread_sigmask(SIG_BLOCK, &signals, &watcher_->before);
  watcher_->thread = start_thread("signals", [source = source_, signals]() mutable {
    int signal = 0;
    while (signal != kStopSignal) {
      sigwait(&signals, &signal);
      if (signal != kStopSignal) source.cancel();
    }
  });
}

InterruptGuard::~InterruptGuard() {
  pthread_kill(watcher_->thread.native_handle(), kStopSignal);
  watcher_->thread.join();
  pthread_sigmask(SIG_SETMASK, &watcher_->before, nullptr);
}

}  // namespace driveway::cli
