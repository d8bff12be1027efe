// Drive's refusals as Errors: the one place where a reason is mapped (drive-api reference 1.8,
// 1.9). Private to drive/. Pure, thread-safe.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"

namespace driveway::drive {

// An answer that is not what was asked for.
struct Refusal {
  int status = 0;
  std::string_view content_type;  // empty: none
  std::string_view body;          // JSON in any of Google's envelopes, HTML, text, or nothing
  std::string_view retry_after;   // the header's value: seconds or an HTTP date; empty: none
};

// The Error of `refusal`, "WHAT: Drive's message (STATUS reason)", with a retry_after() hint where
// Drive gave one, an enable_url() where the Drive API is not enabled, and a hint of abuse_hint.h.
// 401 is kLoginNeeded here: the caller tries a fresh token first. The message holds no secret and
// at most 300 characters of Drive's.
Error error_of(const Refusal& refusal, std::string_view what, WallTime now);

// "120" or "Sat, 21 Nov 2026 02:03:04 GMT"; nothing if neither, never negative.
std::optional<Duration> parse_retry_after(std::string_view value, WallTime now);

}  // namespace driveway::drive
