// What a login goes through between the moment when it is made and the one when it counts.
#pragma once

#include <string>
#include <vector>

#include "auth/credential.h"
#include "auth/environment.h"
#include "base/clock.h"
#include "base/context.h"
#include "base/metrics.h"
#include "base/result.h"
#include "cli/settings.h"
#include "drive/remote_store.h"
#include "http/http_client.h"

namespace driveway::cli {

// What auth takes from the environment, with the OAuth client of config.toml where it has none: id
// and secret from one place.
auth::Environment login_environment(const Settings& settings);

struct LoginPlace {
  const std::string& account;  // the name that it is stored under
  const auth::Environment& environment;
  http::HttpClient& http;
  Clock& clock;
  Metrics& metrics;
};

// Asks Drive who it is, which also proves that the login works, and what it may do; and stores it.
// One that Drive does not take never replaces one that may work. `on_trust`: where there is none,
// it is stored all the same, since what Drive misses (its API switched on, say) may come later.
// Errors: why Drive refuses it, and with `on_trust` what became of it; as LoginStore::save.
Result<drive::About> keep_login(const Context& context, const LoginPlace& place,
                                auth::Credential& credential, bool on_trust);

// E1: what waits for a login of this account goes on, without a new mount. Gives the mountpoints.
std::vector<std::string> wake_daemons(const std::string& permission_id, Clock& clock);

}  // namespace driveway::cli
