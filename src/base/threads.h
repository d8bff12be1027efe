// Worker threads.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace driveway {

// Names the calling thread as `ps -L` and gdb show it (15 bytes).
void set_thread_name(const std::string& name);
// The calling thread gets CPU and disk time when nobody else wants them much (nice 19, idle I/O
// class), best effort.
void lower_thread_priority();
// Starts a named thread with all signals blocked: signals belong to the main thread.
// Aborts the process where the system has no thread to give: the starter could not go on without.
std::thread start_thread(const std::string& name, std::function<void()> body);
// The same for a thread that only makes things faster: nothing where there is none to be had.
std::optional<std::thread> try_start_thread(const std::string& name, std::function<void()> body);

// A fixed number of threads that run tasks first in, first out. Thread-safe. The destructor runs
// what is queued, then joins; stop() drops what is queued, then joins. A task must not throw, nor
// destroy its pool.
class WorkerPool {
 public:
  WorkerPool(const std::string& name, int threads);
  ~WorkerPool();
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;
  // False, and the task is dropped, after stop().
  bool submit(std::function<void()> task);
  void stop();

 private:
  void run();
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::function<void()>> tasks_;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace driveway
