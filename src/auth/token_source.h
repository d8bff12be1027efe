// Where access tokens come from.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/context.h"
#include "base/result.h"
#include "base/secret.h"

namespace driveway::auth {

struct AccessToken {
  Secret value;
  TimePoint expires =
      TimePoint::max();  // on the monotonic clock, from the time of the answer (oauth reference 13)
  std::vector<std::string> scopes;  // empty = not known
  std::string quota_project;        // as Credential's
};

// Thread-safe. One refresh serves all who wait for it.
class TokenSource {
 public:
  virtual ~TokenSource() = default;
  // A token that is valid for some minutes yet, refreshed if need be. Errors: kLoginNeeded (with
  // what to do), kUnavailable (retryable), kDeadlineExceeded, kCancelled.
  virtual Result<AccessToken> token(const Context& context) = 0;
  // Whether nothing can be changed with its tokens; false where that is not known, or nobody
  // answers.
  virtual bool reads_only(const Context& context) = 0;
  // Drive refused `used` with 401: the next token() must not give the same one again. A token that
  // has been replaced meanwhile is left alone.
  virtual void refused(const AccessToken& used) = 0;
  // "stored login NAME", "GOOGLE_APPLICATION_CREDENTIALS (authorized_user)": for status and error
  // texts.
  virtual std::string describe() const = 0;
  // What to do where Drive accepts no token of it: "run `driveway login`".
  virtual std::string remedy() const = 0;
  // As fingerprint() of credential.h: what describe() says may come to mean another Google account.
  // Of the login as it was when the source was made; "" where it could not be read.
  virtual const std::string& fingerprint() const = 0;
};

}  // namespace driveway::auth
