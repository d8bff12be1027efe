#include "base/threads.h"

#include <linux/ioprio.h>
#include <pthread.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <system_error>
#include <utility>

#include "base/log.h"

namespace driveway {

namespace {

// All signals but those that a thread's own fault raises: these go to that thread anyway, and
// blocked they would kill the process past its crash handler.
sigset_t asynchronous_signals() {
  sigset_t set;
  sigfillset(&set);
  for (const int fault : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS, SIGABRT}) {
    sigdelset(&set, fault);
  }
  return set;
}

}  // namespace

void set_thread_name(const std::string& name) {
  constexpr std::size_t kKernelLimit = 15;  // TASK_COMM_LEN less the final zero
  pthread_setname_np(pthread_self(), name.substr(0, kKernelLimit).c_str());
}

void lower_thread_priority() {
  // Both act on the one thread (Linux).
  const auto thread = static_cast<id_t>(::gettid());
  static_cast<void>(::setpriority(PRIO_PROCESS, thread, 19));
  static_cast<void>(::syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS, thread,
                              IOPRIO_PRIO_VALUE(IOPRIO_CLASS_IDLE, 0)));
}

std::optional<std::thread> try_start_thread(const std::string& name, std::function<void()> body) {
  // A thread inherits its starter's mask; set any later, a signal could still reach it.
  const sigset_t blocked = asynchronous_signals();
  sigset_t previous;
  pthread_sigmask(SIG_BLOCK, &blocked, &previous);
  std::optional<std::thread> thread;
  try {
    thread.emplace([name, body = std::move(body)] {
      set_thread_name(name);
      body();
    });
  } catch (const std::system_error& failure) {  // out of threads or memory
    log::warn("cannot start the thread '", name, "': ", std::string_view(failure.what()));
  }
  pthread_sigmask(SIG_SETMASK, &previous, nullptr);
  return thread;
}

std::thread start_thread(const std::string& name, std::function<void()> body) {
  auto thread = try_start_thread(name, std::move(body));
  if (!thread) {
    log::error("going on without the thread '", name, "' is not possible");
    std::abort();
  }
  return *std::move(thread);
}

WorkerPool::WorkerPool(const std::string& name, int threads) {
  threads_.reserve(static_cast<std::size_t>(threads));
  for (int i = 0; i < threads; ++i) threads_.push_back(start_thread(name, [this] { run(); }));
}

WorkerPool::~WorkerPool() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  for (auto& thread : threads_) thread.join();
}

bool WorkerPool::submit(std::function<void()> task) {
  {
    const std::lock_guard lock(mutex_);
    if (stopping_) return false;
    tasks_.push_back(std::move(task));
  }
  changed_.notify_one();
  return true;
}

void WorkerPool::stop() {
  std::deque<std::function<void()>> dropped;  // destroyed without the mutex: they may own anything
  std::vector<std::thread> threads;
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    dropped.swap(tasks_);
    threads.swap(threads_);
  }
  changed_.notify_all();
  for (auto& thread : threads) thread.join();
}

void WorkerPool::run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return stopping_ || !tasks_.empty(); });
    if (tasks_.empty()) return;
    {
      const auto task = std::move(tasks_.front());
      tasks_.pop_front();
      lock.unlock();
      task();
    }
    lock.lock();
  }
}

}  // namespace driveway
