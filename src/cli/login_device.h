// `driveway login --with device`.
#pragma once

#include <ostream>
#include <string_view>

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

// What such a login is good for, to be told before anybody logs in.
inline constexpr std::string_view kDeviceReach =
    "This login reaches only the files that are made through it: Google allows no more to a login "
    "by device (scope drive.file).\nWhat is in your Drive already will not be seen.";

// Tells on `out` where to type which code, and what such a login is good for; reads nothing.
// Errors: kInvalidArgument (--read-only, which this kind has no scope for); as device_client(),
// begin_device_login() and DeviceLogin::wait().
Result<auth::Credential> device_login(const LoginArguments& arguments,
                                      const auth::Environment& environment, const Context& context,
                                      http::HttpClient& http, Clock& clock, std::ostream& out);

}  // namespace driveway::cli
