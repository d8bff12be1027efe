// Listens, accepts, and gives each connection its thread.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/file.h"
#include "base/result.h"
#include "sim/net/connection.h"
#include "sim/net/engine.h"
#include "sim/net/stream.h"

namespace driveway::sim {

struct ListenAddress {
  std::string address = "127.0.0.1";  // numeric, IPv4 or IPv6
  std::uint16_t port = 0;             // 0 = a free one
  bool tls = false;
};

struct ServerOptions {
  std::vector<ListenAddress> listen;
  int max_connections = 2000;               // more are closed at once
  std::chrono::milliseconds idle{240'000};  // silence of a peer that ends its connection
  ConnectionOptions connection;
};

class Server {
 public:
  // Listens on all addresses and serves. REQUIRES: `engine` lives longer; one server an engine.
  // Errors: kInvalidArgument (an address; TLS without a context), as errno_error (bind).
  static Result<std::unique_ptr<Server>> start(ServerOptions options, Engine& engine,
                                               std::optional<TlsContext> tls);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // The addresses in the order of the options, with the ports that were given.
  const std::vector<ListenAddress>& addresses() const { return options_.listen; }
  // Ends all waits, cuts all connections, joins all threads. Idempotent.
  void stop();

 private:
  Server(ServerOptions options, Engine& engine, std::optional<TlsContext> tls);
  Status listen_all();
  void accept_loop();
  void accept_one(std::size_t listener);
  void run_connection(std::uint64_t id, int fd, bool tls);
  void join_finished();

  struct Entry {
    UniqueFd fd;
    std::thread thread;
  };

  ServerOptions options_;
  Engine& engine_;
  std::optional<TlsContext> tls_;
  std::vector<UniqueFd> listeners_;
  UniqueFd wake_;  // an eventfd: the accept loop is to end
  std::thread acceptor_;

  std::mutex mutex_;
  std::map<std::uint64_t, Entry> entries_;
  std::vector<std::uint64_t> finished_;
  std::uint64_t last_id_ = 0;
};

}  // namespace driveway::sim
