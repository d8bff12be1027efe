#include "control/wire.h"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>

#include <nlohmann/json.hpp>

#include "base/strings.h"
#include "control/dispatcher.h"

namespace driveway::control {
namespace {

using nlohmann::json;

// How often a wait looks at its context: the sockets are local, so this is only felt by who is
// cancelled.
constexpr auto kTick = std::chrono::milliseconds(50);

Status wait_for(const Context& context, Clock& clock, int fd, short events) {
  while (true) {
    DRIVEWAY_CHECK(context.check(clock));
    pollfd poller{.fd = fd, .events = events, .revents = 0};
    const int ready = ::poll(&poller, 1, static_cast<int>(kTick.count()));
    if (ready > 0) return {};
    if (ready < 0 && errno != EINTR) return errno_error(errno, "control socket");
  }
}

Error gone() {
  return Error{ErrorCode::kUnavailable, "the other end of the control socket has gone"};
}

Status send_all(const Context& context, Clock& clock, int fd, std::string_view data) {
  while (!data.empty()) {
    const ssize_t count = ::send(fd, data.data(), data.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (count > 0) {
      data.remove_prefix(static_cast<std::size_t>(count));
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
      DRIVEWAY_CHECK(wait_for(context, clock, fd, POLLOUT));
    } else if (errno != EINTR) {
      return gone();
    }
  }
  return {};
}

Status receive_all(const Context& context, Clock& clock, int fd, std::span<char> data) {
  while (!data.empty()) {
    const ssize_t count = ::recv(fd, data.data(), data.size(), MSG_DONTWAIT);
    if (count > 0) {
      data = data.subspan(static_cast<std::size_t>(count));
    } else if (count == 0) {
      return gone();
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
      DRIVEWAY_CHECK(wait_for(context, clock, fd, POLLIN));
    } else if (errno != EINTR) {
      return gone();
    }
  }
  return {};
}

}  // namespace

Status send_frame(const Context& context, Clock& clock, int fd, char kind,
                  std::string_view payload) {
  const auto length = static_cast<std::uint32_t>(payload.size());
  std::string head = {kind, static_cast<char>(length), static_cast<char>(length >> 8),
                      static_cast<char>(length >> 16), static_cast<char>(length >> 24)};
  DRIVEWAY_CHECK(send_all(context, clock, fd, head));
  return send_all(context, clock, fd, payload);
}

Status wait_readable(const Context& context, Clock& clock, int fd) {
  return wait_for(context, clock, fd, POLLIN);
}

Result<Frame> receive_frame(const Context& context, Clock& clock, int fd) {
  std::array<char, 5> head{};
  DRIVEWAY_CHECK(receive_all(context, clock, fd, head));
  std::uint32_t length = 0;
  for (int i = 0; i < 4; ++i) {
    length |= static_cast<std::uint32_t>(static_cast<unsigned char>(head[1 + i])) << (8 * i);
  }
  if (length > kMaxFrame || (head[0] != 'J' && head[0] != 'B' && head[0] != 'E')) {
    return Error{ErrorCode::kCorrupt, "what came over the control socket is not driveway's"};
  }
  Frame frame{.kind = head[0], .payload = std::string(length, '\0')};
  DRIVEWAY_CHECK(receive_all(context, clock, fd, frame.payload));
  return frame;
}

std::string encode_status(const Status& status) {
  if (status.ok()) return "{}";
  const json document = {{"code", to_string(status.error().code)},
                         {"message", status.error().to_string()}};
  return document.dump(-1, ' ', false, json::error_handler_t::replace);
}

Status decode_status(std::string_view payload) {
  const json document = json::parse(payload, nullptr, false);
  if (!document.is_object()) {
    return Error{ErrorCode::kCorrupt, "the daemon's answer was not understood"};
  }
  if (document.empty()) return {};
  return Error{code_named(document.value("code", "")), document.value("message", "unknown error")};
}

}  // namespace driveway::control
