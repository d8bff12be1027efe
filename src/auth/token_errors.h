// What the token endpoint's refusals mean, and what to tell the user (oauth reference 2 and 5).
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "auth/credential.h"
#include "base/clock.h"
#include "base/result.h"

namespace driveway::auth {

// What was asked for, as far as an error text needs it.
struct TokenPurpose {
  enum class Kind { kRefresh, kCode, kDevice, kAssertion, kExchange } kind = Kind::kRefresh;
  std::string of;      // "stored login default"
  std::string remedy;  // "run `driveway login`"
  std::optional<WallTime> created{};
  std::optional<WallTime> grant_ends{};
};

// The Error of an answer that is no token: kLoginNeeded where it names an error of OAuth that only
// a new login helps against; kUnavailable (retryable) where asking again may help, and where it
// names none: a proxy's page or a portal's says nothing of the login. Of the answer's own words
// only the error's name is shown. Of kDevice also kBusy (the user has not answered yet) and
// kRateLimited (asked too often), and kPermissionDenied where the user refuses. `clock_ahead`: by
// how much this machine's clock is ahead of the service's, where that is known: assertions are
// refused for it.
Error token_refusal(int http_status, std::string_view body, const TokenPurpose& purpose,
                    WallTime now, std::optional<std::chrono::seconds> clock_ahead = std::nullopt);

// "this machine's clock is N s ahead of Google's: set it".
std::string wrong_clock_text(std::chrono::seconds ahead);

}  // namespace driveway::auth
