#define FUSE_USE_VERSION 312
#include "fuse/request_loop.h"

#include <fuse_lowlevel.h>
#include <pthread.h>
#include <signal.h>

#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <optional>
#include <utility>

#include "base/threads.h"

namespace driveway::fuse {
namespace {

// Interrupts a thread that waits for a request. No handler runs anything: read(2) just returns
// EINTR.
constexpr int kWakeSignal = SIGURG;

// Until a thread is asked for again that the system had none for.
constexpr auto kGrowthPause = std::chrono::seconds(1);

void install_wake_signal() {
  struct sigaction action {};
  action.sa_handler = [](int) {};
  sigemptyset(&action.sa_mask);
  sigaction(kWakeSignal, &action, nullptr);
}

void unblock_wake_signal() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, kWakeSignal);
  pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
}

}  // namespace

RequestLoop::RequestLoop(fuse_session* session, int initial, int limit)
    : session_(session), limit_(limit) {
  install_wake_signal();
  const std::lock_guard lock(mutex_);
  for (int i = 0; i < initial; ++i) add_thread(true);
}

RequestLoop::~RequestLoop() { stop(); }

// REQUIRES mutex_.
void RequestLoop::add_thread(bool essential) {
  const auto now = std::chrono::steady_clock::now();
  if (static_cast<int>(threads_.size()) >= limit_ || stopping_ || now < grow_again_) return;
  ++idle_;
  ++running_;
  const auto body = [this] { run(); };
  auto thread =
      essential ? std::optional(start_thread("fuse", body)) : try_start_thread("fuse", body);
  if (thread) {
    threads_.push_back(*std::move(thread));
    return;
  }
  --idle_;
  --running_;
  grow_again_ = now + kGrowthPause;
}

void RequestLoop::run() {
  unblock_wake_signal();
  fuse_buf buffer{};
  while (!stopping_ && fuse_session_exited(session_) == 0) {
    const int received = fuse_session_receive_buf(session_, &buffer);
    if (received == -EINTR || received == -EAGAIN) continue;
    if (received <= 0) break;
    if (--idle_ == 0) {
      const std::lock_guard lock(mutex_);
      add_thread(false);
    }
    fuse_session_process_buf(session_, &buffer);
    ++idle_;
  }
  std::free(buffer.mem);
  const std::lock_guard lock(mutex_);
  has_ended_ = true;
  --running_;
  ended_.notify_all();
}

void RequestLoop::wait_for_end() {
  std::unique_lock lock(mutex_);
  ended_.wait(lock, [this] { return has_ended_; });
}

void RequestLoop::stop() {
  stopping_ = true;
  fuse_session_exit(session_);
  std::vector<std::thread> threads;
  {
    std::unique_lock lock(mutex_);
    // A signal that comes just before read(2) begins is lost, hence again until all have left.
    while (running_ > 0) {
      for (std::thread& thread : threads_) pthread_kill(thread.native_handle(), kWakeSignal);
      ended_.wait_for(lock, std::chrono::milliseconds(10), [this] { return running_ == 0; });
    }
    threads.swap(threads_);
  }
  for (std::thread& thread : threads) thread.join();
}

}  // namespace driveway::fuse
