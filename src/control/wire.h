// Frames on the control socket. Private to control/.
//
// A frame is its kind (one byte), the length of its payload (4 bytes, little-endian, at most 16
// MiB), and the payload:
//   'J' a JSON document · 'B' bytes · 'E' the end: {} or {"code","message"}
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/context.h"
#include "base/result.h"

namespace driveway::control {

inline constexpr std::size_t kMaxFrame = 16 << 20;

struct Frame {
  char kind = 0;
  std::string payload;
};

// Whole frames over a non-blocking stream socket, each within the context (R5). Errors:
// kUnavailable (the peer has gone), kCorrupt (not a frame), kDeadlineExceeded, kCancelled.
Status send_frame(const Context& context, Clock& clock, int fd, char kind,
                  std::string_view payload);
Result<Frame> receive_frame(const Context& context, Clock& clock, int fd);

// Waits until `fd` is readable, or its process has exited where it is a pidfd.
Status wait_readable(const Context& context, Clock& clock, int fd);

std::string encode_status(const Status& status);
Status decode_status(std::string_view payload);

}  // namespace driveway::control
