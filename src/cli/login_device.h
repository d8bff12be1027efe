// `driveway login --with device`.
#pragma once

#include <ostream>

#include "auth/credential.h"
#include "auth/environment.h"
#include "base/clock.h"
#include "base/context.h"
#include "base/result.h"
#include "cli/commands.h"
#include "http/http_client.h"

namespace driveway::cli {

// Longer than a code of Google's lives (oauth reference 4).
inline constexpr Duration kDevicePatience = std::chrono::minutes(35);

// Tells on `out` where to type which code, and what such a login is good for; reads nothing.
// Errors: kInvalidArgument (--read-only, which this kind has no scope for); as device_client(),
// begin_device_login() and DeviceLogin::wait().
Result<auth::Credential> device_login(const LoginArguments& arguments,
                                      const auth::Environment& environment, const Context& context,
                                      http::HttpClient& http, Clock& clock, std::ostream& out);

}  // namespace driveway::cli
