#include "auth/new_credential.h"

#include <chrono>
#include <utility>

#include "base/strings.h"

namespace driveway::auth {

Result<Credential> new_credential(TokenAnswer answer, const NewLogin& login, Clock& clock) {
  Credential credential;
  credential.client = login.client;
  credential.scopes = answer.token.scopes.empty() ? login.asked : answer.token.scopes;
  if (!login.suffices(credential.scopes)) {
    return Error{ErrorCode::kPermissionDenied,
                 cat("this login gives no access to Drive: on Google's page, tick the box for "
                     "Google Drive; ",
                     login.again)};
  }
  if (answer.refresh_token.empty()) {
    return Error{ErrorCode::kLoginNeeded,
                 cat("Google gave no lasting login (refresh token); ", login.lasting)};
  }
  credential.refresh_token = std::move(answer.refresh_token);
  credential.created = clock.wall_now();
  if (answer.grant_lifetime) {
    credential.grant_ends =
        *credential.created +
        std::chrono::duration_cast<std::chrono::milliseconds>(*answer.grant_lifetime);
  }
  return credential;
}

}  // namespace driveway::auth
