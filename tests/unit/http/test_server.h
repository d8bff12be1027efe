// A small HTTP/1.1 server for tests: one thread per connection, blocking sockets, a handler that
// may answer as badly as it likes. Header-only, so that other modules' tests use it too.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstring>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "base/file.h"
#include "base/strings.h"

namespace driveway::test {

// Opened once; whoever waits gives up after 20 s, so that a broken test ends.
class Gate {
 public:
  void open() {
    const std::lock_guard lock(mutex_);
    open_ = true;
    changed_.notify_all();
  }
  bool wait() {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds(20), [this] { return open_; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool open_ = false;
};

struct ReceivedRequest {
  std::string method, target;
  std::map<std::string, std::string> headers;  // names in lower case
  std::string body;
  int connection = 0;  // from 1, in the order of accept()

  std::string header(const std::string& name) const {
    const auto found = headers.find(name);
    return found == headers.end() ? "" : found->second;
  }
};

// Bytes of one connection; TLS replaces it.
class Channel {
 public:
  explicit Channel(int fd) : fd_(fd) {}
  virtual ~Channel() = default;
  Channel(const Channel&) = delete;
  Channel& operator=(const Channel&) = delete;
  virtual ssize_t read(char* data, std::size_t size) { return ::recv(fd_, data, size, 0); }
  virtual ssize_t write(const char* data, std::size_t size) {
    return ::send(fd_, data, size, MSG_NOSIGNAL);
  }

 protected:
  const int fd_;
};

// One connection, as the handler sees it.
class Peer {
 public:
  Peer(int fd, std::unique_ptr<Channel> channel) : fd_(fd), channel_(std::move(channel)) {}

  bool write(std::string_view data) {
    while (!data.empty()) {
      const ssize_t count = channel_->write(data.data(), data.size());
      if (count <= 0) return false;
      data.remove_prefix(static_cast<std::size_t>(count));
      written_ += static_cast<std::size_t>(count);
    }
    return true;
  }
  std::size_t written() const { return written_; }

  bool respond(int status, std::string_view body,
               const std::vector<std::pair<std::string, std::string>>& headers = {}) {
    std::string head = cat("HTTP/1.1 ", status, " Text\r\nContent-Length: ", body.size(), "\r\n");
    for (const auto& [name, value] : headers) head += cat(name, ": ", value, "\r\n");
    return write(head + "\r\n") && write(body);
  }

  // The connection ends after the handler: in order, or with a reset.
  void close() { closing_ = true; }
  void reset() {
    const linger option{1, 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &option, sizeof option);
    closing_ = true;
  }
  bool closing() const { return closing_; }
  // Until the client has gone.
  void wait_closed() {
    char byte = 0;
    while (channel_->read(&byte, 1) > 0) {
    }
    closing_ = true;
  }

  // Up to `size` bytes of what the client sends; empty at the end.
  std::string read_some(std::size_t size) {
    if (buffer_.empty()) {
      buffer_.resize(std::max<std::size_t>(size, 4096));
      const ssize_t count = channel_->read(buffer_.data(), buffer_.size());
      buffer_.resize(count > 0 ? static_cast<std::size_t>(count) : 0);
    }
    std::string piece = buffer_.substr(0, size);
    buffer_.erase(0, piece.size());
    return piece;
  }
  bool read_line(std::string& line) {
    line.clear();
    while (!line.ends_with("\r\n")) {
      const std::string byte = read_some(1);
      if (byte.empty()) return false;
      line += byte;
    }
    line.resize(line.size() - 2);
    return true;
  }
  bool read_exactly(std::size_t size, std::string& data) {
    while (size > 0) {
      const std::string piece = read_some(size);
      if (piece.empty()) return false;
      data += piece;
      size -= piece.size();
    }
    return true;
  }
  int fd() const { return fd_; }

 private:
  const int fd_;
  std::unique_ptr<Channel> channel_;
  std::string buffer_;
  std::size_t written_ = 0;
  bool closing_ = false;
};

class TestServer {
 public:
  using Handler = std::function<void(const ReceivedRequest&, Peer&)>;
  // Makes the channel of an accepted connection; none = refused.
  using Wrap = std::function<std::unique_ptr<Channel>(int fd)>;

  explicit TestServer(Handler handler, Wrap wrap = nullptr, bool read_bodies = true)
      : handler_(std::move(handler)), wrap_(std::move(wrap)), read_bodies_(read_bodies) {
    listener_.reset(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    socklen_t size = sizeof address;
    ok_ = ::bind(listener_.get(), generic, size) == 0 && ::listen(listener_.get(), 256) == 0 &&
          ::getsockname(listener_.get(), generic, &size) == 0;
    port_ = ntohs(address.sin_port);
    acceptor_ = std::thread([this] { accept_all(); });
  }
  ~TestServer() {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
      for (const auto& [number, fd] : open_) ::shutdown(fd, SHUT_RDWR);
    }
    ::shutdown(listener_.get(), SHUT_RDWR);
    acceptor_.join();
    for (std::thread& thread : threads_) thread.join();
  }
  TestServer(const TestServer&) = delete;
  TestServer& operator=(const TestServer&) = delete;

  bool ok() const { return ok_; }
  int port() const { return port_; }
  std::string url(std::string_view path = "/", std::string_view scheme = "http") const {
    return cat(scheme, "://127.0.0.1:", port_, path);
  }
  int connections() const { return accepted_; }
  std::vector<ReceivedRequest> requests() const {
    const std::lock_guard lock(mutex_);
    return requests_;
  }

 private:
  void accept_all() {
    while (true) {
      const int fd = ::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC);
      if (fd < 0) return;
      const int one = 1;
      ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
      const std::lock_guard lock(mutex_);
      const int number = ++accepted_;
      open_[number] = fd;
      if (stopping_) ::shutdown(fd, SHUT_RDWR);
      threads_.emplace_back([this, fd, number] { serve(fd, number); });
    }
  }

  void serve(int fd, int number) {
    {
      std::unique_ptr<Channel> channel = wrap_ ? wrap_(fd) : std::make_unique<Channel>(fd);
      if (channel != nullptr) {
        Peer peer(fd, std::move(channel));
        ReceivedRequest request;
        while (!peer.closing() && receive(peer, request)) {
          request.connection = number;
          {
            const std::lock_guard lock(mutex_);
            requests_.push_back(request);
          }
          handler_(request, peer);
        }
      }
    }
    const std::lock_guard lock(mutex_);
    open_.erase(number);
    ::close(fd);
  }

  bool receive(Peer& peer, ReceivedRequest& request) const {
    request = {};
    std::string line;
    if (!peer.read_line(line)) return false;
    const auto words = split(line, ' ');
    if (words.size() != 3) return false;
    request.method = words[0];
    request.target = words[1];
    while (peer.read_line(line) && !line.empty()) {
      const auto colon = line.find(':');
      request.headers[to_lower(line.substr(0, colon))] = trim(line.substr(colon + 1));
    }
    if (!read_bodies_) return true;
    if (request.header("transfer-encoding") == "chunked") return read_chunks(peer, request.body);
    const auto length = parse_uint(request.header("content-length")).value_or(0);
    return peer.read_exactly(length, request.body);
  }

  static bool read_chunks(Peer& peer, std::string& body) {
    std::string line;
    while (peer.read_line(line)) {
      const std::size_t size = std::stoul(line, nullptr, 16);
      if (!peer.read_exactly(size, body) || !peer.read_line(line)) return false;
      if (size == 0) return true;
    }
    return false;
  }

  const Handler handler_;
  const Wrap wrap_;
  const bool read_bodies_;
  UniqueFd listener_;
  int port_ = 0;
  bool ok_ = false;
  std::atomic<int> accepted_ = 0;
  mutable std::mutex mutex_;
  std::map<int, int> open_;
  std::vector<ReceivedRequest> requests_;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
  std::thread acceptor_;
};

}  // namespace driveway::test
