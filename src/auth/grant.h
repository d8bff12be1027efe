// How a new access token is got: one grant for each kind of credential. Who keeps the token, and
// when another one is asked for, is RefreshingSource's business alone.
#pragma once

#include <algorithm>
#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "auth/token_source.h"
#include "base/clock.h"
#include "base/context.h"
#include "base/result.h"
#include "base/secret.h"

namespace driveway::auth {

// A token that is good until Drive refuses it.
inline constexpr Duration kUnknownLifetime = Duration::max();
inline constexpr std::chrono::seconds kShortestLifetime{1};
inline constexpr std::chrono::seconds kLongestLifetime{365 * 24 * 3600};

// What whoever gives out tokens answers.
struct TokenAnswer {
  AccessToken token;
  Duration lifetime{};                     // until token.expires, when it came
  Secret refresh_token;                    // empty: none was sent
  std::optional<Duration> grant_lifetime;  // how long the refresh token will work, where limited

  // Of a token that has come just now; a server may say anything.
  void lives_for(std::chrono::seconds said, TimePoint now) {
    lifetime = std::clamp(said, kShortestLifetime, kLongestLifetime);
    token.expires = now + lifetime;  // monotonic: oauth reference 13
  }
};

// obtain() is called by one thread at a time, the rest by any.
class Grant {
 public:
  virtual ~Grant() = default;
  // A new token. `version` becomes that of what it was asked for with, also where that was refused.
  // A fault of network or server is met by asking again, `attempts` times in all. Errors:
  // kLoginNeeded (with what to do), kUnavailable (retryable), kCorrupt, kDeadlineExceeded,
  // kCancelled.
  virtual Result<TokenAnswer> obtain(const Context& context, int attempts,
                                     std::string& version) = 0;
  // Differs once what tokens are asked for with has been replaced from outside. Cheap (one stat).
  virtual std::string version() const = 0;
  // As TokenSource's. fingerprint() may read a file.
  virtual std::string describe() const = 0;
  virtual std::string remedy() const = 0;
  virtual std::string fingerprint() = 0;
  // What the user has granted, as far as that is known without asking anybody; else empty. May read
  // a file.
  virtual std::vector<std::string> granted_scopes() { return {}; }
  // Whether another token is to be had after Drive has refused one; else the user must give one.
  virtual bool renews() const { return true; }
};

}  // namespace driveway::auth
