#include "base/clock.h"

#include <algorithm>
#include <vector>

namespace driveway {

TimePoint SystemClock::now() const { return std::chrono::steady_clock::now(); }

WallTime SystemClock::wall_now() const {
  return std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now());
}

bool SystemClock::wait_until(std::unique_lock<std::mutex>& lock, std::condition_variable& condition,
                             TimePoint deadline, const std::function<bool()>& ready) {
  if (deadline == TimePoint::max()) {
    condition.wait(lock, ready);
    return true;
  }
  return condition.wait_until(lock, deadline, ready);
}

// A thread inside wait_until. It stays in waiters_, and its mutex and condition stay alive, until
// nobody has it pinned.
struct FakeClock::Waiter {
  std::mutex* mutex;
  std::condition_variable* condition;
  TimePoint deadline;
  int pins = 0;  // calls of advance() that are about to wake it
};

TimePoint FakeClock::now() const {
  const std::lock_guard lock(mutex_);
  return now_;
}

WallTime FakeClock::wall_now() const {
  constexpr WallTime kWallStart{std::chrono::milliseconds(1'800'000'000'000)};  // 2027-01-15
  return kWallStart + std::chrono::floor<std::chrono::milliseconds>(now() - kStart);
}

bool FakeClock::wait_until(std::unique_lock<std::mutex>& lock, std::condition_variable& condition,
                           TimePoint deadline, const std::function<bool()>& ready) {
  if (deadline == TimePoint::max()) {
    condition.wait(lock, ready);
    return true;
  }
  if (ready()) return true;
  if (auto_advance_) {
    const std::lock_guard own(mutex_);
    now_ = std::max(now_, deadline);
    return false;
  }
  Waiter waiter{lock.mutex(), &condition, deadline};
  {
    const std::lock_guard own(mutex_);
    waiters_.insert(&waiter);
  }
  while (!ready() && now() < deadline) condition.wait(lock);
  {
    std::unique_lock own(mutex_);
    waiters_.erase(&waiter);
    if (waiter.pins > 0) {
      // An advance() is on its way to lock our mutex, which must not be freed under it.
      lock.unlock();
      unpinned_.wait(own, [&] { return waiter.pins == 0; });
      own.unlock();
      lock.lock();
    }
  }
  return ready();
}

void FakeClock::advance(Duration by) {
  std::vector<Waiter*> due;
  {
    const std::lock_guard own(mutex_);
    now_ += by;
    for (Waiter* waiter : waiters_) {
      if (waiter->deadline > now_) continue;
      ++waiter->pins;
      due.push_back(waiter);
    }
  }
  for (Waiter* waiter : due) {
    // With its mutex taken once, the waiter has either seen the new time or is asleep on its
    // condition: no wake-up is lost between its look at the clock and its sleep.
    { const std::lock_guard asleep(*waiter->mutex); }
    waiter->condition->notify_all();
    const std::lock_guard own(mutex_);
    --waiter->pins;
    unpinned_.notify_all();
  }
}

int FakeClock::waiting() const {
  const std::lock_guard own(mutex_);
  return static_cast<int>(waiters_.size());
}

}  // namespace driveway
