// OAuth's token endpoint: codes and refresh tokens in, access tokens out.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "auth/credential.h"
#include "auth/grant.h"
#include "auth/token_errors.h"
#include "base/clock.h"
#include "base/context.h"
#include "base/result.h"
#include "base/secret.h"
#include "http/http_client.h"

namespace driveway::auth {

// Thread-safe. Faults of network and server (oauth reference 1: HTTP 408, 429, 5xx,
// internal_failure, server_error, temporarily_unavailable) are tried again with growing pauses
// within the Context, at most kMaxAttempts times.
class TokenEndpoint {
 public:
  static constexpr int kMaxAttempts = 8;

  TokenEndpoint(http::HttpClient& http, Clock& clock, const std::string& oauth_url)
      : TokenEndpoint(WholeUrl{oauth_url + "/token"}, http, clock) {}
  // Of somebody else: `url` is all of it.
  static TokenEndpoint at(std::string url, http::HttpClient& http, Clock& clock) {
    return {WholeUrl{std::move(url)}, http, clock};
  }

  // Errors: as token_refusal(), kDeadlineExceeded, kCancelled.
  Result<TokenAnswer> refresh(const Context& context, const Credential& credential,
                              const TokenPurpose& purpose, int attempts = kMaxAttempts);
  Result<TokenAnswer> exchange_code(const Context& context, const ClientIdentity& client,
                                    const Secret& code, const Secret& verifier,
                                    const std::string& redirect_uri, const TokenPurpose& purpose);
  // `assertion`: a signed JWT (oauth reference 7).
  Result<TokenAnswer> exchange_assertion(const Context& context, const Secret& assertion,
                                         const TokenPurpose& purpose, int attempts);
  // Any other grant, by what is sent.
  using Form = std::vector<std::pair<std::string, std::string>>;
  Result<TokenAnswer> ask(const Context& context, const Form& form, const TokenPurpose& purpose,
                          int attempts);

 private:
  struct WholeUrl {
    std::string url;
  };
  TokenEndpoint(WholeUrl url, http::HttpClient& http, Clock& clock)
      : http_(http), clock_(clock), url_(std::move(url.url)) {}
  Result<TokenAnswer> ask_once(const Context& context, const Form& form,
                               const TokenPurpose& purpose, Duration& retry_after);
  Result<TokenAnswer> read_answer(const http::Response& response,
                                  const TokenPurpose& purpose) const;

  http::HttpClient& http_;
  Clock& clock_;
  const std::string url_;
};

}  // namespace driveway::auth
