// What the first answer of the token endpoint makes a login.
#pragma once

#include <string>
#include <vector>

#include "auth/credential.h"
#include "auth/grant.h"
#include "base/clock.h"
#include "base/result.h"

namespace driveway::auth {

struct NewLogin {
  const ClientIdentity& client;
  std::vector<std::string> asked;  // scopes
  bool (&suffices)(const std::vector<std::string>& scopes);
  std::string again;    // what to do: "run `driveway login` again"
  std::string lasting;  // what to do for a refresh token
};

// An answer without scopes means those that were asked for (RFC 6749, 5.1). Errors:
// kPermissionDenied (Drive's box was not ticked), kLoginNeeded (there is no refresh token).
Result<Credential> new_credential(TokenAnswer answer, const NewLogin& login, Clock& clock);

}  // namespace driveway::auth
