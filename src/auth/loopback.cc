#include "auth/loopback.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "auth/login.h"
#include "base/strings.h"

namespace driveway::auth {

namespace {

constexpr std::size_t kMaxConnections = 8;
constexpr std::size_t kMaxRequest = 16 * 1024;
constexpr std::size_t kMaxLine = 16 * 1024;

Error socket_error(std::string_view doing) {
  return Error{ErrorCode::kUnavailable,
               errno_error(errno, cat("waiting for the browser: ", doing)).message};
}

void respond(int fd, int status, std::string_view title, std::string_view text) {
  const std::string body = cat("<!doctype html><meta charset=\"utf-8\"><title>", title,
                               "</title><h1>", title, "</h1><p>", text, "</p>\n");
  const std::string answer = cat(
      "HTTP/1.1 ", status, status == 200 ? " OK" : " Not Found",
      "\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: ", body.size(),
      "\r\nCache-Control: no-store\r\nReferrer-Policy: no-referrer\r\nConnection: close\r\n\r\n",
      body);
  // It fits into an empty socket buffer; whether the browser shows it does not matter.
  static_cast<void>(!::send(fd, answer.data(), answer.size(), MSG_NOSIGNAL | MSG_DONTWAIT));
  ::shutdown(fd, SHUT_WR);
}

// "GET /?code=… HTTP/1.1" → "/?code=…"; "" for anything else.
std::string_view target_of(std::string_view request) {
  const auto words = split(request.substr(0, request.find("\r\n")), ' ');
  return words.size() == 3 && words[0] == "GET" ? words[1] : std::string_view();
}

struct Connection {
  UniqueFd fd;
  std::string request;
};

class Waiter {
 public:
  Waiter(int listener, int input, std::string_view state)
      : listener_(listener), input_(input), state_(state), cancelled_(::eventfd(0, EFD_CLOEXEC)) {}

  Result<Secret> run(const Context& context, Clock& clock) {
    if (!cancelled_.valid()) return socket_error("eventfd");
    const auto registration = context.cancel.on_cancel([this] {
      const std::uint64_t one = 1;
      static_cast<void>(!::write(cancelled_.get(), &one, sizeof one));
    });
    while (true) {
      DRIVEWAY_CHECK(context.check(clock));
      std::vector<pollfd> polled = {{cancelled_.get(), POLLIN, 0},
                                    {listener_, POLLIN, 0},
                                    {input_, POLLIN, 0}};  // negative: ignored
      for (const Connection& connection : connections_) {
        polled.push_back({connection.fd.get(), POLLIN, 0});
      }
      if (::poll(polled.data(), polled.size(), wait_time(context, clock)) < 0 && errno != EINTR) {
        return socket_error("poll");
      }
      if (auto answer = handle(polled)) return *std::move(answer);
    }
  }

 private:
  // At most a second, so that a clock that is moved by hand is noticed too.
  static int wait_time(const Context& context, Clock& clock) {
    if (context.deadline == TimePoint::max()) return 1000;
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(context.deadline - clock.now()).count();
    return static_cast<int>(std::clamp<std::int64_t>(left, 0, 1000));
  }

  std::optional<Secret> handle(const std::vector<pollfd>& polled) {
    if (polled[2].revents != 0) {
      if (auto line = read_line()) return line;
    }
    // From the back: a connection that is over is removed.
    for (std::size_t i = polled.size() - 1; i >= 3; --i) {
      if (polled[i].revents == 0) continue;
      if (auto answer = read_request(connections_[i - 3])) return answer;
      if (!connections_[i - 3].fd.valid()) {
        connections_.erase(connections_.begin() + static_cast<std::ptrdiff_t>(i - 3));
      }
    }
    if (polled[1].revents != 0) accept_one();
    return std::nullopt;
  }

  void accept_one() {
    UniqueFd fd(::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (!fd.valid()) return;
    if (connections_.size() == kMaxConnections) connections_.pop_front();
    connections_.push_back({std::move(fd), {}});
  }

  std::optional<Secret> read_request(Connection& connection) {
    std::array<char, 4096> piece;
    const ssize_t count = ::recv(connection.fd.get(), piece.data(), piece.size(), 0);
    if (count < 0 && (errno == EAGAIN || errno == EINTR)) return std::nullopt;
    if (count > 0) connection.request.append(piece.data(), static_cast<std::size_t>(count));
    const bool whole = connection.request.find("\r\n\r\n") != std::string::npos;
    if (!whole && count > 0 && connection.request.size() < kMaxRequest) return std::nullopt;
    const std::string_view target = whole ? target_of(connection.request) : std::string_view();
    std::optional<Secret> answer;
    if (target.starts_with("/?")) {
      const auto code = code_of_answer(target, state_);
      if (code.ok()) {
        respond(connection.fd.get(), 200, "driveway is logged in",
                "You can close this page and go back to the terminal or notebook.");
        answer = Secret(std::string(target));
      } else if (code.failed_with(ErrorCode::kPermissionDenied)) {
        respond(connection.fd.get(), 200, "The login was refused",
                "You can close this page; the terminal or notebook says more.");
        answer = Secret(std::string(target));
      }
    }
    if (!answer && whole) {
      respond(connection.fd.get(), 404, "Nothing here", "This address is only for a login.");
    }
    connection.fd.reset();
    return answer;
  }

  std::optional<Secret> read_line() {
    // One by one: what stands behind the line is for who reads `input` next.
    char byte = 0;
    const ssize_t count = ::read(input_, &byte, 1);
    if (count < 0 && (errno == EAGAIN || errno == EINTR)) return std::nullopt;
    if (count > 0) line_ += byte;
    const bool ended = count <= 0;
    if (ended || line_.size() > kMaxLine) input_ = -1;  // only the browser is left
    while (true) {
      const auto newline = line_.find_first_of("\r\n");
      if (newline == std::string::npos && !ended) return std::nullopt;
      std::string line(trim(std::string_view(line_).substr(0, newline)));
      line_.erase(0, newline == std::string::npos ? newline : newline + 1);
      if (!line.empty()) return Secret(std::move(line));
      if (line_.empty()) return std::nullopt;
    }
  }

  const int listener_;
  int input_;
  const std::string_view state_;
  const UniqueFd cancelled_;
  std::deque<Connection> connections_;
  std::string line_;
};

}  // namespace

Result<LoopbackListener> listen_on_loopback(int port) {
  LoopbackListener listener{
      UniqueFd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)), 0};
  if (!listener.fd.valid()) return socket_error("socket");
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  // A port that had connections a minute ago is free all the same.
  const int yes = 1;
  static_cast<void>(!::setsockopt(listener.fd.get(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes));
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  socklen_t size = sizeof address;
  if (::bind(listener.fd.get(), generic, size) != 0) return socket_error("bind");
  if (::listen(listener.fd.get(), 16) != 0) return socket_error("listen");
  if (::getsockname(listener.fd.get(), generic, &size) != 0) return socket_error("getsockname");
  listener.port = ntohs(address.sin_port);
  return listener;
}

Result<Secret> wait_for_redirect_or_line(const Context& context, Clock& clock, int listener,
                                         int input, std::string_view state) {
  return Waiter(listener, input, state).run(context, clock);
}

}  // namespace driveway::auth
