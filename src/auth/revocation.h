// The end of a login at Google (oauth reference 11, revoke).
#pragma once

#include "auth/credential.h"
#include "auth/environment.h"
#include "base/clock.h"
#include "base/context.h"
#include "base/result.h"
#include "http/http_client.h"

namespace driveway::auth {

// Ends what the user has allowed the Cloud project of the login's OAuth client: with this token all
// of this user's that any of the project's clients has, on every machine. A login that Google does
// not know any more is as good as revoked. Faults of network and server are tried again within the
// Context. Errors: kUnavailable, kDeadlineExceeded, kCancelled: whether it was revoked is not
// known.
Status revoke(const Context& context, const Credential& credential, const Environment& environment,
              http::HttpClient& http, Clock& clock);

}  // namespace driveway::auth
