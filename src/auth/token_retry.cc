#include "auth/token_retry.h"

#include <algorithm>
#include <random>

#include "base/strings.h"

namespace driveway::auth {

namespace {

constexpr Duration kLongestPause = std::chrono::seconds(16);

// Half to all of `pause`: many clients that failed together do not come back together.
Duration with_jitter(Duration pause) {
  thread_local std::minstd_rand random(std::random_device{}());
  return pause / 2 +
         Duration(std::uniform_int_distribution<Duration::rep>(0, (pause / 2).count())(random));
}

}  // namespace

Status internal::pause_after(const Error& fault, const Context& context, Clock& clock,
                             Duration retry_after, Duration& pause) {
  const Duration wait = std::max(with_jitter(pause), retry_after);
  log::warn(fault, "; asked again in ",
            std::chrono::duration_cast<std::chrono::milliseconds>(wait).count(), " ms");
  if (Status slept = sleep_until(context, clock, clock.now() + wait); !slept.ok()) {
    Error ended = std::move(slept).error();
    ended.message = cat("waiting for Google's token service: ", ended.message);
    ended.cause = std::make_shared<const Error>(fault);
    return ended;
  }
  pause = std::min(2 * pause, kLongestPause);
  return {};
}

Duration retry_after_of(const http::Response& response) {
  const std::string* const said = response.header("retry-after");
  const auto seconds = said == nullptr ? 0 : parse_uint(*said).value_or(0);
  return std::chrono::seconds(std::min<std::uint64_t>(seconds, 120));
}

bool is_header_text(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c > 0x20 && c < 0x7f; });
}

}  // namespace driveway::auth
