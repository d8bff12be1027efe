// The threads that take requests from the kernel. Private to fuse/.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

struct fuse_session;

namespace driveway::fuse {

// Starts with `initial` threads and adds one whenever the last idle one takes a request, up to
// `limit`: a request that is known locally never waits behind those that wait for Drive. Threads
// stay (a low idle limit costs most of the throughput of random reads, measured.md). Where the
// system has no more threads to give, those that are there go on.
class RequestLoop {
 public:
  RequestLoop(fuse_session* session, int initial, int limit);
  ~RequestLoop();  // stop()
  RequestLoop(const RequestLoop&) = delete;
  RequestLoop& operator=(const RequestLoop&) = delete;

  // Waits until the kernel has ended the session (unmounted), or stop().
  void wait_for_end();
  // Ends the threads after the requests that they are in. REQUIRES: those will end (cancelled).
  void stop();

 private:
  void add_thread(bool essential);
  void run();

  fuse_session* const session_;
  const int limit_;
  std::atomic<int> idle_{0};
  std::atomic<bool> stopping_{false};
  std::mutex mutex_;
  std::condition_variable ended_;
  bool has_ended_ = false;
  int running_ = 0;
  std::chrono::steady_clock::time_point grow_again_;
  std::vector<std::thread> threads_;
};

}  // namespace driveway::fuse
