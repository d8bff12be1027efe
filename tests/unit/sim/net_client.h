// A raw client for tests of the simulator's server: it sees what a library would hide.
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/file.h"
#include "base/strings.h"

namespace driveway::sim::test {

struct ClientResponse {
  int status = 0;
  std::string head;
  std::string body;
  bool whole = false;  // the body is as long as the head says
  bool reset = false;  // it ended with RST

  std::optional<std::string> header(std::string_view name) const {
    for (std::string_view line : split(head, '\n')) {
      line = trim(line);
      const auto colon = line.find(':');
      if (colon != std::string_view::npos && equals_ignoring_case(line.substr(0, colon), name)) {
        return std::string(trim(line.substr(colon + 1)));
      }
    }
    return std::nullopt;
  }
};

// One plain connection to 127.0.0.1. Waits at most ten seconds for anything.
class RawClient {
 public:
  explicit RawClient(std::uint16_t port) : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    const timeval patience{10, 0};
    ::setsockopt(fd_.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    ::setsockopt(fd_.get(), SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    connected_ = ::connect(fd_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
  }
  bool connected() const { return connected_; }
  int fd() const { return fd_.get(); }
  void close() { fd_.reset(); }

  // False when the peer has gone.
  bool send(std::string_view text) {
    while (!text.empty()) {
      const ssize_t count = ::send(fd_.get(), text.data(), text.size(), MSG_NOSIGNAL);
      if (count <= 0) return false;
      text.remove_prefix(static_cast<std::size_t>(count));
    }
    return true;
  }

  // The next answer; status 0 if there is none. `has_body` is false behind HEAD.
  ClientResponse receive(bool has_body = true) {
    ClientResponse response;
    std::size_t end = std::string::npos;
    while ((end = pending_.find("\r\n\r\n")) == std::string::npos) {
      if (!more(response)) return response;
    }
    response.head = pending_.substr(0, end + 2);
    pending_.erase(0, end + 4);
    response.status = std::atoi(response.head.c_str() + 9);
    if (response.status == 100) return response;
    if (response.header("Transfer-Encoding") == "chunked") {
      receive_chunks(response);
    } else if (has_body && response.status != 204) {
      const auto length = response.header("Content-Length");
      receive_length(response, length ? parse_uint(*length).value_or(0) : 0);
    } else {
      response.whole = true;
    }
    return response;
  }

  ClientResponse request(std::string_view text, bool has_body = true) {
    send(text);
    return receive(has_body);
  }
  ClientResponse get(std::string_view target, std::string_view headers = "") {
    return request(cat("GET ", target, " HTTP/1.1\r\nHost: localhost\r\n", headers, "\r\n"));
  }
  ClientResponse post(std::string_view target, std::string_view body,
                      std::string_view method = "POST") {
    return request(cat(method, " ", target, " HTTP/1.1\r\nHost: localhost\r\nContent-Length: ",
                       body.size(), "\r\n\r\n", body));
  }

  // Whether the peer ends the connection (within the patience) without sending anything more.
  bool ended() {
    ClientResponse response;
    return pending_.empty() && !more(response);
  }

 private:
  bool more(ClientResponse& response) {
    char buffer[65536];
    const ssize_t count = ::recv(fd_.get(), buffer, sizeof buffer, 0);
    if (count > 0) pending_.append(buffer, static_cast<std::size_t>(count));
    if (count < 0 && errno == ECONNRESET) response.reset = true;
    return count > 0;
  }
  void receive_length(ClientResponse& response, std::uint64_t length) {
    while (pending_.size() < length && more(response)) {
    }
    response.whole = pending_.size() >= length;
    response.body = pending_.substr(0, length);
    pending_.erase(0, length);
  }
  void receive_chunks(ClientResponse& response) {
    for (;;) {
      std::size_t line = std::string::npos;
      while ((line = pending_.find("\r\n")) == std::string::npos) {
        if (!more(response)) return;
      }
      const std::size_t size = std::stoul(pending_.substr(0, line), nullptr, 16);
      while (pending_.size() < line + 2 + size + 2) {
        if (!more(response)) return;
      }
      response.body += pending_.substr(line + 2, size);
      pending_.erase(0, line + 2 + size + 2);
      if (size == 0) {
        response.whole = true;
        return;
      }
    }
  }

  UniqueFd fd_;
  bool connected_ = false;
  std::string pending_;
};

}  // namespace driveway::sim::test
