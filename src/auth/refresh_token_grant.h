// Access tokens by refresh token: of a stored login, or of a file of the user's.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "auth/credential.h"
#include "auth/grant.h"
#include "auth/token_endpoint.h"
#include "base/clock.h"
#include "base/context.h"
#include "base/file.h"
#include "base/result.h"

namespace driveway::auth {

// Where a credential is kept. Called by one thread at a time, version() and describe() by any.
class CredentialHome {
 public:
  virtual ~CredentialHome() = default;
  // Errors: kLoginNeeded with what is wrong and what to do.
  virtual Result<Credential> load() = 0;
  // Differs once the credential has been replaced from outside. Cheap (one stat).
  virtual std::string version() const = 0;
  // Google gave a new refresh token in the place of `old`. Kept only if `old` is still there.
  virtual Status replace_refresh_token(const Secret& old, const Secret& fresh) = 0;
  // Held over read-refresh-write, against other processes; nothing where that is not needed, or
  // where another process held it for too long.
  virtual std::optional<FileLock> lock(const Context& context, Clock& clock) = 0;
  virtual std::string describe() const = 0;
  virtual std::string remedy() const = 0;  // "run `driveway login`"
};

// Of a credential that is kept in memory only; `describe` and `remedy` are for texts.
std::unique_ptr<CredentialHome> make_memory_home(Credential credential, std::string describe,
                                                 std::string remedy);

// A refresh token that Google gives anew goes home. `clock` must outlive the grant.
std::unique_ptr<Grant> make_refresh_token_grant(std::unique_ptr<CredentialHome> home,
                                                TokenEndpoint endpoint, Clock& clock);

}  // namespace driveway::auth
