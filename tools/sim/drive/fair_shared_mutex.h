// A shared mutex in which readers that keep coming do not starve a writer: who waits for the lock
// alone holds the gate that all others must pass first. (glibc's read-write lock prefers readers.)
#pragma once

#include <mutex>
#include <shared_mutex>

namespace driveway::sim {

class FairSharedMutex {
 public:
  void lock() {
    const std::lock_guard gate(gate_);
    mutex_.lock();
  }
  void unlock() { mutex_.unlock(); }
  void lock_shared() {
    const std::lock_guard gate(gate_);
    mutex_.lock_shared();
  }
  void unlock_shared() { mutex_.unlock_shared(); }

 private:
  std::mutex gate_;
  std::shared_mutex mutex_;
};

}  // namespace driveway::sim
