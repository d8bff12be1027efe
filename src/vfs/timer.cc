#include "vfs/timer.h"

#include <utility>

#include "base/threads.h"

namespace driveway::vfs {

void Timer::at(TimePoint time, Call call) {
  bool is_next = false;
  {
    const std::lock_guard lock(mutex_);
    if (stopping_) return;
    is_next = calls_.empty() || time < calls_.begin()->first;
    calls_.emplace(time, std::move(call));
    if (!thread_.joinable()) thread_ = start_thread(thread_name_, [this] { run(); });
  }
  if (is_next) changed_.notify_all();
}

void Timer::stop() {
  std::thread thread;
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    thread.swap(thread_);
  }
  changed_.notify_all();
  if (thread.joinable()) thread.join();
}

void Timer::run() {
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    const TimePoint next = calls_.empty() ? TimePoint::max() : calls_.begin()->first;
    if (next > clock_.now()) {
      clock_.wait_until(lock, changed_, next, [&] {
        return stopping_ || (!calls_.empty() && calls_.begin()->first < next);
      });
      continue;
    }
    const auto due = calls_.extract(calls_.begin());
    lock.unlock();
    due.mapped()();
    lock.lock();
  }
}

}  // namespace driveway::vfs
