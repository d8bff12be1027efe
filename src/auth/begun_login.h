// A login between the moment when its URL is printed and the one when its code comes: what both
// have in common. It is kept beside the logins (login_store.h), so that another run of the program
// can take the code: a notebook's cell has often no terminal to wait at (oauth reference 2.1).
//
// Format, version 1: {"version": 1, "client_id", "client_secret", "scopes": [...], "login_hint",
// "redirect_uri", "state", "code_verifier", "begun" (RFC 3339)}.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "auth/credential.h"
#include "base/clock.h"
#include "base/secret.h"

namespace driveway::auth {

// How long a login that has begun can be taken up. Google's code lives for some minutes only, but
// it is made when the user opens the URL, which may wait.
inline constexpr auto kBegunLife = std::chrono::hours(1);

struct LoginRequest {
  ClientIdentity client;
  std::vector<std::string> scopes;  // drive_scopes()
  std::string login_hint{};         // mail address to suggest; may be empty
  std::string account{"default"};   // the name that the login is to be stored under
  int port = 0;                     // of the loopback address; 0: any that is free
};

struct BegunLogin {
  ClientIdentity client;
  std::vector<std::string> scopes;
  std::string login_hint;
  // The exchange must repeat the string that the URL had (oauth reference 2).
  std::string redirect_uri;
  Secret state;
  Secret verifier;
  WallTime begun{};

  // What `request` asks for. A client's secret that is not given counts as the same.
  bool fits(const LoginRequest& request) const;
  bool is_over(WallTime now) const;
  // Where the browser looks for us; 0: `redirect_uri` is none of ours.
  int port() const;
};

// With a new state and verifier.
BegunLogin new_begun_login(const LoginRequest& request, int port, WallTime now);

std::string begun_login_json(const BegunLogin& login);
// Nothing for what is damaged or of a newer version: then another one is begun.
std::optional<BegunLogin> parse_begun_login(std::string_view text);

}  // namespace driveway::auth
