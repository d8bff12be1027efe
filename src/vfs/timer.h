// Calls functions when their time has come, on a thread of its own, which is started by the first
// one. Private to vfs/.
//
// Thread-safe; its mutex is a leaf, and no call is made with it held.
#pragma once

#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <thread>

#include "base/clock.h"

namespace driveway::vfs {

class Timer {
 public:
  using Call = std::function<void()>;

  Timer(const char* thread_name, Clock& clock) : thread_name_(thread_name), clock_(clock) {}
  ~Timer() { stop(); }
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;

  // One call after the other: each must be short. Nothing after stop().
  void at(TimePoint time, Call call);
  // What is not due is dropped; the call that runs is waited for. Not to be called by a call.
  void stop();

 private:
  void run();

  const char* const thread_name_;
  Clock& clock_;
  std::mutex mutex_;  // guards what follows
  std::condition_variable changed_;
  std::multimap<TimePoint, Call> calls_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace driveway::vfs
