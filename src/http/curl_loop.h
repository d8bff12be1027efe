// The I/O thread: one epoll over the sockets of two curl multi handles, one per pool.
//
// Requests to one origin beyond the pool's limit wait here, first come first served, rather than
// inside libcurl, where waiting would count against their connect timeout.
//
// start, resume, cancel and stop may be called from any thread; they leave a command and wake the
// thread. No lock is held while an observer is called, except the transfer's own.
#pragma once

#include <curl/curl.h>

#include <array>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "base/file.h"
#include "base/metrics.h"
#include "http/curl_transfer.h"
#include "http/http_client.h"
#include "http/tls_roots.h"

namespace driveway::http {

class CurlLoop {
 public:
  CurlLoop(Options options, Metrics& metrics);
  ~CurlLoop();
  CurlLoop(const CurlLoop&) = delete;
  CurlLoop& operator=(const CurlLoop&) = delete;

  void start(std::shared_ptr<Transfer> transfer);
  void resume(std::shared_ptr<Transfer> transfer);
  void cancel(std::shared_ptr<Transfer> transfer);
  // Ends every transfer with kCancelled and joins the thread. Commands are ignored from now on.
  void stop();
  bool on_io_thread() const { return std::this_thread::get_id() == thread_id_; }

 private:
  static constexpr std::size_t kPools = 2;

  struct Command {
    enum class Kind { kStart, kResume, kCancel } kind;
    std::shared_ptr<Transfer> transfer;
  };
  struct Origin {
    int active = 0;
    std::deque<std::shared_ptr<Transfer>> waiting;
  };
  struct PoolState {
    CurlLoop* loop = nullptr;
    std::size_t index = 0;
    CURLM* multi = nullptr;
    int limit = 0;
    TimePoint timer = TimePoint::max();  // when libcurl wants to be called
    std::map<std::string, Origin, std::less<>> origins;
    std::vector<CURL*> spare;  // recycled handles
  };

  bool open(PoolState& pool, std::size_t index, int connections);
  void post(Command command);
  void wake() const;
  void run();
  bool take_commands();
  void begin(const std::shared_ptr<Transfer>& transfer);
  void admit(PoolState& pool, Origin& origin);
  void launch(PoolState& pool, const std::shared_ptr<Transfer>& transfer);
  void resume_now(Transfer& transfer);
  void has_resumed(Transfer& transfer, CURLcode code);
  void cancel_now(const std::shared_ptr<Transfer>& transfer);
  void end(Transfer& transfer, CURLcode code);
  void end_with(Transfer& transfer, Result<Response> result);
  std::shared_ptr<Transfer> release(Transfer& transfer);
  void end_all();

  int wait_time();
  int poll_sockets();
  void drive_socket(std::uint64_t key, std::uint32_t events);
  void drive_timers();
  void reap(PoolState& pool);
  void check_idle();
  void drive_limit(RateLimit& limit);
  void flush();
  int watch(PoolState& pool, curl_socket_t socket, int what, bool known) const;

  PoolState& pool_of(const Transfer& transfer) {
    return pools_[static_cast<std::size_t>(transfer.request().pool)];
  }

  const Options options_;
  Counter& requests_;
  Counter& connections_opened_;
  Gauge& in_flight_;
  CURLSH* share_ = nullptr;
  TlsRoots roots_;
  Wiring wiring_;
  std::array<PoolState, kPools> pools_;
  UniqueFd epoll_;
  UniqueFd wake_fd_;

  std::mutex mutex_;
  std::vector<Command> commands_;  // guarded by mutex_
  bool stopping_ = false;          // guarded by mutex_

  // I/O thread only.
  std::unordered_map<Transfer*, std::shared_ptr<Transfer>> active_;
  TimePoint next_idle_check_ = TimePoint::max();
  int rounds_unflushed_ = 0;

  std::thread thread_;
  std::thread::id thread_id_;
};

}  // namespace driveway::http
