// Asking a token service until it answers: the one way in which its faults are met.
#pragma once

#include <functional>
#include <string_view>

#include "base/clock.h"
#include "base/context.h"
#include "base/log.h"
#include "base/result.h"
#include "http/http_client.h"

namespace driveway::auth {

namespace internal {
// Waits before the next try, as long as `retry_after` and the growing `pause` want. Errors: the
// context's, with `fault` as the cause.
Status pause_after(const Error& fault, const Context& context, Clock& clock, Duration retry_after,
                   Duration& pause);
inline constexpr Duration kFirstPause = std::chrono::milliseconds(500);
}  // namespace internal

// `once`, again while it fails with a retryable error, at most `attempts` times in all. `once` may
// say how long the service wants to be left alone.
template <typename T>
Result<T> ask_patiently(const Context& context, Clock& clock, int attempts,
                        const std::function<Result<T>(Duration& retry_after)>& once) {
  Duration pause = internal::kFirstPause;
  for (int attempt = 1;; ++attempt) {
    Duration retry_after{};
    Result<T> answer = once(retry_after);
    if (answer.ok() || !answer.error().retryable || attempt >= attempts) return answer;
    DRIVEWAY_CHECK(internal::pause_after(answer.error(), context, clock, retry_after, pause));
  }
}

// The header of that name, at most two minutes; 0 without one.
Duration retry_after_of(const http::Response& response);

// Whether it can be sent as a token: visible ASCII, no blank (oauth reference 11).
bool is_header_text(std::string_view text);

}  // namespace driveway::auth
