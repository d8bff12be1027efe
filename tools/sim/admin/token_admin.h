// What the endpoints under /__sim/ ask of the simulated OAuth server: tokens and credentials
// without a login.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include <nlohmann/json_fwd.hpp>

#include "base/result.h"

namespace driveway::sim {

struct TokenRequest {
  std::string account;                                           // mail; "" = the first account
  std::string scopes = "https://www.googleapis.com/auth/drive";  // space separated
  std::string client_id;                     // "" = the simulator's own default client
  std::optional<std::chrono::seconds> life;  // of the access token; absent: as configured
};

struct IssuedTokens {
  std::string access_token;
  std::string refresh_token;
  std::string scope;
  std::int64_t expires_in = 0;  // seconds
};

// Thread-safe.
class TokenAdmin {
 public:
  virtual ~TokenAdmin() = default;

  // Makes `email` an account that may log in (consent page, tokens). Idempotent; the first one is
  // the default of the auto-approving page.
  virtual Status add_account(const std::string& email) = 0;
  // Errors: kNotFound (account, client).
  virtual Result<IssuedTokens> issue(const TokenRequest& request) = 0;
  // All access tokens of `account` ("" = of everybody) are expired from now on; refresh tokens
  // live. Returns how many.
  virtual Result<int> expire_access_tokens(const std::string& account) = 0;
  // Takes `account`'s consent away: all its tokens, refresh tokens too ("" = of everybody). Returns
  // how many refresh tokens died.
  virtual Result<int> revoke(const std::string& account) = 0;

  // The file of Application Default Credentials: {"type":"authorized_user","client_id",
  // "client_secret","refresh_token","account"…} with a new refresh token.
  virtual Result<nlohmann::json> authorized_user(const TokenRequest& request) = 0;
  // A key file of a service account (account `email`, made if it does not exist): {"type":
  // "service_account","client_email","private_key","private_key_id","token_uri",…}. `token_uri` is
  // the one given, e.g. "https://oauth2.googleapis.com/token".
  virtual Result<nlohmann::json> service_account_key(const std::string& email,
                                                     const std::string& token_uri) = 0;
};

}  // namespace driveway::sim
