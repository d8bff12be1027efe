// Access tokens by refresh token.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "auth/credential.h"
#include "auth/token_endpoint.h"
#include "auth/token_source.h"
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

// One refresh serves all who wait. It happens 3 min 45 s and up to 30 s of jitter before the token
// expires (oauth reference 5), or after a quarter less of a shorter life; a token that still works
// is given out meanwhile, and stays in use when the refresh fails for a fault of the network.
// A login that Google has refused is asked again once a minute, or at once when the home's version
// changes: so `driveway login` in another process wakes whoever uses this source (E1).
// `endpoint` and `clock` must outlive the source.
std::unique_ptr<TokenSource> make_refreshing_source(std::unique_ptr<CredentialHome> home,
                                                    TokenEndpoint endpoint, Clock& clock);

}  // namespace driveway::auth
