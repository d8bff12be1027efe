// Keeps the access token that a grant gives, and gets the next one in time.
#pragma once

#include <memory>

#include "auth/grant.h"
#include "auth/token_source.h"
#include "base/clock.h"

namespace driveway::auth {

// One refresh serves all who wait. It happens 3 min 45 s and up to 30 s of jitter before the token
// expires (oauth reference 5), or after a quarter less of a shorter life; a token that still works
// is given out meanwhile, and stays in use when the refresh fails for a fault of the network.
// A login that has been refused is asked again once a minute, or at once when the grant's version
// changes: so `driveway login` in another process wakes whoever uses this source (E1).
// `clock` must outlive the source.
std::unique_ptr<TokenSource> make_refreshing_source(std::unique_ptr<Grant> grant, Clock& clock);

}  // namespace driveway::auth
