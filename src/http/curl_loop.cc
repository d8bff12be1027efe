#include "http/curl_loop.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/log.h"
#include "base/strings.h"
#include "base/threads.h"

namespace driveway::http {

namespace {

constexpr std::uint64_t kWakeKey = ~std::uint64_t{0};
constexpr std::size_t kMaxSpareHandles = 16;  // each keeps its receive buffer
constexpr int kMaxRoundsUnflushed = 4;
constexpr Duration kMaxIdleCheckPeriod = std::chrono::seconds(1);

TimePoint real_now() { return std::chrono::steady_clock::now(); }

Error closed() { return Error{ErrorCode::kCancelled, "the HTTP client was closed"}; }

void init_libcurl_once() {
  static const CURLcode code = curl_global_init(CURL_GLOBAL_DEFAULT);
  if (code != CURLE_OK) log::error("libcurl cannot be initialised: ", curl_easy_strerror(code));
}

// One thread uses the share, so it needs no locks. TLS sessions: 64 connections to one host, one
// full handshake.
CURLSH* make_share() {
  init_libcurl_once();
  CURLSH* share = curl_share_init();
  if (share != nullptr) {
    curl_share_setopt(share, CURLSHOPT_SHARE, CURL_LOCK_DATA_DNS);
    curl_share_setopt(share, CURLSHOPT_SHARE, CURL_LOCK_DATA_SSL_SESSION);
  }
  return share;
}

}  // namespace

CurlLoop::CurlLoop(Options options, Metrics& metrics)
    : options_(std::move(options)),
      requests_(metrics.counter("http.requests")),
      connections_opened_(metrics.counter("http.connections_opened")),
      in_flight_(metrics.gauge("http.in_flight")),
      share_(make_share()),
      wiring_{options_,
              roots_,
              share_,
              metrics.counter("http.bytes_in"),
              metrics.counter("http.bytes_out"),
              metrics.histogram("http.first_byte"),
              real_now(),
              RateLimit(options_.max_download),
              RateLimit(options_.max_upload)},
      epoll_(::epoll_create1(EPOLL_CLOEXEC)),
      wake_fd_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.u64 = kWakeKey;
  const bool opened =
      open(pools_[static_cast<std::size_t>(Pool::kMetadata)],
           static_cast<std::size_t>(Pool::kMetadata), options_.max_metadata_connections) &&
      open(pools_[static_cast<std::size_t>(Pool::kMedia)], static_cast<std::size_t>(Pool::kMedia),
           options_.max_media_connections);
  if (!opened || !epoll_.valid() || !wake_fd_.valid() ||
      ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, wake_fd_.get(), &event) != 0) {
    log::error("the HTTP client cannot start: out of descriptors or memory");
    stopping_ = true;  // every request is answered with an error
    return;
  }
  thread_ = start_thread("dw-http", [this] { run(); });
  thread_id_ = thread_.get_id();
}

CurlLoop::~CurlLoop() {
  stop();
  for (PoolState& pool : pools_) {
    for (CURL* easy : pool.spare) curl_easy_cleanup(easy);
    if (pool.multi != nullptr) curl_multi_cleanup(pool.multi);
  }
  if (share_ != nullptr) curl_share_cleanup(share_);
}

bool CurlLoop::open(PoolState& pool, std::size_t index, int connections) {
  pool.loop = this;
  pool.index = index;
  pool.limit = std::max(connections, 1);
  pool.multi = curl_multi_init();
  if (pool.multi == nullptr) return false;
  const auto on_socket = +[](CURL*, curl_socket_t socket, int what, void* user, void* known) {
    auto& state = *static_cast<PoolState*>(user);
    return state.loop->watch(state, socket, what, known != nullptr);
  };
  const auto on_timer = +[](CURLM*, long milliseconds, void* user) {
    static_cast<PoolState*>(user)->timer =
        milliseconds < 0 ? TimePoint::max() : real_now() + std::chrono::milliseconds(milliseconds);
    return 0;
  };
  const long limit = pool.limit;
  curl_multi_setopt(pool.multi, CURLMOPT_SOCKETFUNCTION, on_socket);
  curl_multi_setopt(pool.multi, CURLMOPT_SOCKETDATA, &pool);
  curl_multi_setopt(pool.multi, CURLMOPT_TIMERFUNCTION, on_timer);
  curl_multi_setopt(pool.multi, CURLMOPT_TIMERDATA, &pool);
  curl_multi_setopt(pool.multi, CURLMOPT_PIPELINING, static_cast<long>(CURLPIPE_NOTHING));
  curl_multi_setopt(pool.multi, CURLMOPT_MAX_HOST_CONNECTIONS, limit);
  // Said explicitly: by default the pool shrinks with the number of requests in flight.
  curl_multi_setopt(pool.multi, CURLMOPT_MAXCONNECTS, limit + 8);
  return true;
}

void CurlLoop::start(std::shared_ptr<Transfer> transfer) {
  requests_.add();
  in_flight_.add(1);
  post({Command::Kind::kStart, std::move(transfer)});
}

void CurlLoop::resume(std::shared_ptr<Transfer> transfer) {
  post({Command::Kind::kResume, std::move(transfer)});
}

void CurlLoop::cancel(std::shared_ptr<Transfer> transfer) {
  post({Command::Kind::kCancel, std::move(transfer)});
}

void CurlLoop::post(Command command) {
  {
    const std::lock_guard lock(mutex_);
    if (!stopping_) {
      commands_.push_back(std::move(command));
      if (commands_.size() == 1) wake();
      return;
    }
  }
  if (command.kind == Command::Kind::kStart) end_with(*command.transfer, closed());
}

void CurlLoop::wake() const {
  const std::uint64_t one = 1;
  // Fails only if the counter is full, and then the thread is being woken already.
  static_cast<void>(!::write(wake_fd_.get(), &one, sizeof one));
}

void CurlLoop::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    if (thread_.joinable()) wake();
  }
  if (thread_.joinable()) thread_.join();
}

void CurlLoop::run() {
  while (true) {
    wiring_.now = real_now();
    if (!take_commands()) break;
    const int ready = poll_sockets();
    drive_timers();
    drive_limit(wiring_.downloads);
    drive_limit(wiring_.uploads);
    for (PoolState& pool : pools_) reap(pool);
    check_idle();
    // While bytes keep coming at once, the readers are woken only now and then.
    if (!wiring_.fed.empty() && (ready == 0 || ++rounds_unflushed_ >= kMaxRoundsUnflushed)) flush();
  }
  end_all();
}

// False: stop.
bool CurlLoop::take_commands() {
  std::vector<Command> commands;
  {
    const std::lock_guard lock(mutex_);
    commands.swap(commands_);
    if (stopping_) {
      for (Command& command : commands) {  // end_all() ends these too
        if (command.kind == Command::Kind::kStart) {
          active_.emplace(command.transfer.get(), command.transfer);
        }
      }
      return false;
    }
  }
  for (const Command& command : commands) {
    switch (command.kind) {
      case Command::Kind::kStart:
        begin(command.transfer);
        break;
      case Command::Kind::kResume:
        resume_now(*command.transfer);
        break;
      case Command::Kind::kCancel:
        cancel_now(command.transfer);
        break;
    }
  }
  return true;
}

void CurlLoop::begin(const std::shared_ptr<Transfer>& transfer) {
  if (Status checked = transfer->check(); !checked.ok()) {
    end_with(*transfer, std::move(checked).error());
    return;
  }
  PoolState& pool = pool_of(*transfer);
  Origin& origin = pool.origins[transfer->origin()];
  origin.waiting.push_back(transfer);
  admit(pool, origin);
}

void CurlLoop::admit(PoolState& pool, Origin& origin) {
  while (!origin.waiting.empty() && origin.active < pool.limit) {
    const std::shared_ptr<Transfer> transfer = std::move(origin.waiting.front());
    origin.waiting.pop_front();
    ++origin.active;
    launch(pool, transfer);
  }
}

void CurlLoop::launch(PoolState& pool, const std::shared_ptr<Transfer>& transfer) {
  CURL* easy = nullptr;
  if (pool.spare.empty()) {
    easy = curl_easy_init();
  } else {
    easy = pool.spare.back();
    pool.spare.pop_back();
  }
  active_.emplace(transfer.get(), transfer);
  Status attached = easy == nullptr
                        ? Error{ErrorCode::kInternal, cat(transfer->text(), ": out of memory")}
                        : transfer->attach(easy, wiring_);
  if (attached.ok() && curl_multi_add_handle(pool.multi, easy) != CURLM_OK) {
    attached = Error{ErrorCode::kInternal, cat(transfer->text(), ": libcurl refused the request")};
  }
  if (!attached.ok()) {
    const auto kept = release(*transfer);
    end_with(*kept, std::move(attached).error());
    return;
  }
  next_idle_check_ = std::min(next_idle_check_, wiring_.now + transfer->request().idle_timeout / 4);
}

void CurlLoop::resume_now(Transfer& transfer) {
  if (transfer.easy() == nullptr || transfer.finished()) return;
  has_resumed(transfer, transfer.resume());
}

void CurlLoop::has_resumed(Transfer& transfer, CURLcode code) {
  if (code != CURLE_OK) {
    end(transfer, code);
  } else {
    pool_of(transfer).timer = wiring_.now;  // not every libcurl asks for it itself
  }
}

void CurlLoop::cancel_now(const std::shared_ptr<Transfer>& transfer) {
  if (transfer->finished()) return;
  const auto cancelled = [&] {
    return Error{ErrorCode::kCancelled, cat(transfer->text(), ": cancelled")};
  };
  if (transfer->easy() == nullptr) {
    const auto origin = pool_of(*transfer).origins.find(transfer->origin());
    if (origin != pool_of(*transfer).origins.end()) std::erase(origin->second.waiting, transfer);
    end_with(*transfer, cancelled());
  } else if (transfer->resolving()) {
    transfer->abandon();
    end_with(*transfer, cancelled());
  } else {
    const auto kept = release(*transfer);
    end_with(*kept, cancelled());
  }
}

// libcurl is done with it, or must be.
void CurlLoop::end(Transfer& transfer, CURLcode code) {
  Result<Response> result = transfer.outcome(code);
  const auto kept = release(transfer);
  end_with(*kept, std::move(result));
}

void CurlLoop::end_with(Transfer& transfer, Result<Response> result) {
  if (transfer.finished()) return;
  in_flight_.add(-1);
  transfer.finish(std::move(result));
}

// Takes the transfer out of libcurl and lets the next one in.
std::shared_ptr<Transfer> CurlLoop::release(Transfer& transfer) {
  const auto found = active_.find(&transfer);
  std::shared_ptr<Transfer> kept = std::move(found->second);
  active_.erase(found);
  std::erase(wiring_.fed, &transfer);
  wiring_.downloads.remove(&transfer);
  wiring_.uploads.remove(&transfer);
  PoolState& pool = pool_of(transfer);
  Origin& origin = pool.origins[transfer.origin()];
  if (CURL* easy = transfer.easy(); easy != nullptr) {
    long connections = 0;
    curl_easy_getinfo(easy, CURLINFO_NUM_CONNECTS, &connections);
    connections_opened_.add(static_cast<std::uint64_t>(std::max(connections, 0L)));
    curl_multi_remove_handle(pool.multi, easy);
    transfer.release_easy();
    if (pool.spare.size() < kMaxSpareHandles) {
      curl_easy_reset(easy);
      pool.spare.push_back(easy);
    } else {
      curl_easy_cleanup(easy);
    }
  }
  --origin.active;
  admit(pool, origin);
  return kept;
}

void CurlLoop::end_all() {
  std::vector<std::shared_ptr<Transfer>> all;
  for (PoolState& pool : pools_) {
    for (auto& [name, origin] : pool.origins) {
      all.insert(all.end(), origin.waiting.begin(), origin.waiting.end());
      origin.waiting.clear();
    }
  }
  for (const auto& [key, transfer] : active_) all.push_back(transfer);
  for (const auto& transfer : all) {
    if (transfer->easy() != nullptr) release(*transfer);
    end_with(*transfer, closed());
  }
  active_.clear();
}

int CurlLoop::wait_time() {
  if (!wiring_.fed.empty()) return 0;
  TimePoint until = std::min({next_idle_check_, wiring_.downloads.next_at(wiring_.now),
                              wiring_.uploads.next_at(wiring_.now)});
  for (const PoolState& pool : pools_) until = std::min(until, pool.timer);
  if (until == TimePoint::max()) return -1;
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - real_now()).count();
  return static_cast<int>(std::clamp<std::int64_t>(left, 0, 60'000));
}

int CurlLoop::poll_sockets() {
  std::array<epoll_event, 128> events;
  const int ready =
      ::epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), wait_time());
  wiring_.now = real_now();
  for (int i = 0; i < ready; ++i) {
    const epoll_event& event = events[static_cast<std::size_t>(i)];
    if (event.data.u64 == kWakeKey) {
      std::uint64_t count = 0;
      static_cast<void>(!::read(wake_fd_.get(), &count, sizeof count));
    } else {
      drive_socket(event.data.u64, event.events);
    }
  }
  return std::max(ready, 0);
}

void CurlLoop::drive_socket(std::uint64_t key, std::uint32_t events) {
  PoolState& pool = pools_[key >> 32];
  int what = 0;
  if ((events & (EPOLLIN | EPOLLHUP)) != 0) what |= CURL_CSELECT_IN;
  // A refusal that came meanwhile is looked for before more is sent: its sender may have closed,
  // and then sending fails.
  if ((events & EPOLLOUT) != 0) what |= CURL_CSELECT_OUT | CURL_CSELECT_IN;
  if ((events & EPOLLERR) != 0) what |= CURL_CSELECT_ERR;
  int running = 0;
  curl_multi_socket_action(pool.multi, static_cast<curl_socket_t>(key & 0xffffffff), what,
                           &running);
}

void CurlLoop::drive_timers() {
  for (PoolState& pool : pools_) {
    if (pool.timer > wiring_.now) continue;
    pool.timer = TimePoint::max();  // libcurl sets it anew
    int running = 0;
    curl_multi_socket_action(pool.multi, CURL_SOCKET_TIMEOUT, 0, &running);
  }
}

void CurlLoop::drive_limit(RateLimit& limit) {
  while (Transfer* const transfer = limit.next(wiring_.now)) {
    has_resumed(*transfer, transfer->resume_limited());
  }
}

void CurlLoop::reap(PoolState& pool) {
  int left = 0;
  while (const CURLMsg* message = curl_multi_info_read(pool.multi, &left)) {
    if (message->msg != CURLMSG_DONE) continue;
    const CURLcode code = message->data.result;
    Transfer* transfer = nullptr;
    curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &transfer);
    end(*transfer, code);
  }
}

void CurlLoop::check_idle() {
  if (wiring_.now < next_idle_check_) return;
  std::vector<Transfer*> idle;
  Duration period = kMaxIdleCheckPeriod;
  for (const auto& [key, transfer] : active_) {
    period = std::min(period, transfer->request().idle_timeout / 4);
    if (!transfer->finished() && transfer->idle_for_too_long(wiring_.now)) idle.push_back(key);
  }
  next_idle_check_ = active_.empty() ? TimePoint::max() : wiring_.now + period;
  for (Transfer* transfer : idle) {
    const auto kept = release(*transfer);
    const auto seconds = to_seconds(kept->request().idle_timeout);
    end_with(*kept,
             Error{ErrorCode::kUnavailable,
                   cat(kept->text(), ": no byte in either direction for ", seconds, " s"), true});
  }
}

void CurlLoop::flush() {
  rounds_unflushed_ = 0;
  std::vector<Transfer*> fed;
  fed.swap(wiring_.fed);
  for (Transfer* transfer : fed) transfer->batch_end();
}

int CurlLoop::watch(PoolState& pool, curl_socket_t socket, int what, bool known) const {
  epoll_event event{};
  event.data.u64 =
      (static_cast<std::uint64_t>(pool.index) << 32) | static_cast<std::uint32_t>(socket);
  if (what == CURL_POLL_REMOVE) {
    ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, socket, &event);
    return 0;
  }
  if ((what & CURL_POLL_IN) != 0) event.events |= EPOLLIN;
  if ((what & CURL_POLL_OUT) != 0) event.events |= EPOLLOUT;
  if (!known) curl_multi_assign(pool.multi, socket, &pool);
  // The number may belong to a new socket, whatever libcurl knew of the old one.
  if (::epoll_ctl(epoll_.get(), known ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, socket, &event) != 0) {
    ::epoll_ctl(epoll_.get(), errno == EEXIST ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, socket, &event);
  }
  return 0;
}

}  // namespace driveway::http
