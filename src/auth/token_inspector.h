// What Google knows of a token that came without a word about itself (oauth reference 11,
// tokeninfo).
#pragma once

#include <string>

#include "auth/grant.h"
#include "base/clock.h"
#include "base/context.h"
#include "base/result.h"
#include "http/http_client.h"

namespace driveway::auth {

// Thread-safe.
class TokenInspector {
 public:
  // `http` and `clock` must outlive it.
  TokenInspector(http::HttpClient& http, Clock& clock, const std::string& oauth_url)
      : http_(http), clock_(clock), url_(oauth_url + "/tokeninfo") {}

  // Fills in `answer`'s scopes, and its lifetime where that is unknown; asks nothing where the
  // scopes are known. Where the service does not answer within some seconds it leaves them: Drive
  // will say what it thinks of the token. `of` and `remedy` as TokenPurpose's. Errors: kLoginNeeded
  // (Google does not know the token), kCancelled.
  Status complete(const Context& context, TokenAnswer& answer, const std::string& of,
                  const std::string& remedy);

 private:
  http::HttpClient& http_;
  Clock& clock_;
  const std::string url_;
};

}  // namespace driveway::auth
