#include "sim/net/server.h"

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "base/log.h"
#include "base/strings.h"
#include "base/threads.h"

namespace driveway::sim {
namespace {

constexpr int kBacklog = 1024;

Result<UniqueFd> listen_on(ListenAddress& address) {
  addrinfo hints{};
  hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (::getaddrinfo(address.address.c_str(), std::to_string(address.port).c_str(), &hints,
                    &found) != 0) {
    return Error{ErrorCode::kInvalidArgument,
                 cat("'", address.address, "' is no numeric address to listen on")};
  }
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> info(found, &::freeaddrinfo);
  UniqueFd fd(::socket(info->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const int on = 1;
  if (!fd.valid() || ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
      ::bind(fd.get(), info->ai_addr, info->ai_addrlen) != 0 || ::listen(fd.get(), kBacklog) != 0) {
    return errno_error(errno, cat("listening on ", address.address, ":", address.port));
  }
  sockaddr_storage bound{};
  socklen_t length = sizeof bound;
  ::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&bound), &length);
  address.port =
      ntohs(bound.ss_family == AF_INET6 ? reinterpret_cast<const sockaddr_in6&>(bound).sin6_port
                                        : reinterpret_cast<const sockaddr_in&>(bound).sin_port);
  return fd;
}

void set_up_socket(int fd, std::chrono::milliseconds idle) {
  const int on = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  const timeval patience{idle.count() / 1000, (idle.count() % 1000) * 1000};
  ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  ::setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
}

}  // namespace

Server::Server(ServerOptions options, Engine& engine, std::optional<TlsContext> tls)
    : options_(std::move(options)), engine_(engine), tls_(std::move(tls)) {}

Result<std::unique_ptr<Server>> Server::start(ServerOptions options, Engine& engine,
                                              std::optional<TlsContext> tls) {
  std::unique_ptr<Server> server(new Server(std::move(options), engine, std::move(tls)));
  DRIVEWAY_CHECK(server->listen_all());
  server->acceptor_ = start_thread("sim-accept", [raw = server.get()] { raw->accept_loop(); });
  return server;
}

Server::~Server() { stop(); }

Status Server::listen_all() {
  for (ListenAddress& address : options_.listen) {
    if (address.tls && !tls_) {
      return Error{ErrorCode::kInvalidArgument, "a TLS port needs certificates"};
    }
    DRIVEWAY_TRY(UniqueFd fd, listen_on(address));
    listeners_.push_back(std::move(fd));
  }
  wake_.reset(::eventfd(0, EFD_CLOEXEC));
  if (!wake_.valid()) return errno_error(errno, "eventfd");
  return {};
}

void Server::accept_loop() {
  std::vector<pollfd> waits;
  waits.push_back({wake_.get(), POLLIN, 0});
  for (const UniqueFd& listener : listeners_) waits.push_back({listener.get(), POLLIN, 0});
  while (!engine_.waiter.stopped()) {
    if (::poll(waits.data(), waits.size(), -1) < 0 && errno != EINTR) {
      log::error("sim: ", errno_error(errno, "poll"));
      return;
    }
    join_finished();
    for (std::size_t i = 1; i < waits.size(); ++i) {
      if ((waits[i].revents & POLLIN) != 0 && !engine_.waiter.stopped()) accept_one(i - 1);
    }
  }
}

void Server::accept_one(std::size_t listener) {
  UniqueFd fd(::accept4(listeners_[listener].get(), nullptr, nullptr, SOCK_CLOEXEC));
  if (!fd.valid()) {
    // Out of descriptors: the connection stays in the backlog, and the loop must not spin.
    if (errno == EMFILE || errno == ENFILE) {
      log::warn("sim: ", errno_error(errno, "accept"));
      engine_.waiter.wait_until(engine_.clock.now() + std::chrono::milliseconds(50));
    }
    return;
  }
  set_up_socket(fd.get(), options_.idle);
  const std::lock_guard lock(mutex_);
  if (entries_.size() - finished_.size() >= static_cast<std::size_t>(options_.max_connections)) {
    log::warn("sim: too many connections, one is turned away");
    return;
  }
  const std::uint64_t id = ++last_id_;
  Entry& entry = entries_[id];
  const bool tls = options_.listen[listener].tls;
  entry.thread =
      start_thread("sim-conn", [this, id, raw = fd.get(), tls] { run_connection(id, raw, tls); });
  entry.fd = std::move(fd);
}

void Server::run_connection(std::uint64_t id, int fd, bool tls) {
  serve_connection(engine_, fd, tls ? &*tls_ : nullptr, options_.connection);
  // Under the lock: stop() must not shut down a descriptor number that somebody else got meanwhile.
  const std::lock_guard lock(mutex_);
  entries_.at(id).fd.reset();
  finished_.push_back(id);
}

void Server::join_finished() {
  std::vector<std::thread> threads;
  {
    const std::lock_guard lock(mutex_);
    for (const std::uint64_t id : finished_) {
      const auto entry = entries_.find(id);
      threads.push_back(std::move(entry->second.thread));
      entries_.erase(entry);
    }
    finished_.clear();
  }
  for (std::thread& thread : threads) thread.join();
}

void Server::stop() {
  engine_.waiter.stop();
  if (acceptor_.joinable()) {
    const std::uint64_t one = 1;
    // An eventfd takes eight bytes or fails for good; then the loop is about to end anyway.
    if (::write(wake_.get(), &one, sizeof one) < 0) log::error("sim: ", errno_error(errno, "wake"));
    acceptor_.join();
  }
  listeners_.clear();
  std::map<std::uint64_t, Entry> entries;
  std::vector<std::thread> threads;
  {
    const std::lock_guard lock(mutex_);
    for (auto& [id, entry] : entries_) {
      if (entry.fd.valid()) ::shutdown(entry.fd.get(), SHUT_RDWR);
      threads.push_back(std::move(entry.thread));
    }
  }
  for (std::thread& thread : threads) thread.join();
  const std::lock_guard lock(mutex_);
  entries_.clear();
  finished_.clear();
}

}  // namespace driveway::sim
