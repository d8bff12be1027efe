// `driveway login --with device`: a short code is typed into Google's page on any other machine
// (oauth reference 4). Nothing is pasted back, so it works without a standard input. Google gives
// such logins no more than the scope drive.file: the files which this OAuth client has made.
//
//   DRIVEWAY_TRY(auto login, auth::begin_device_login(context, client, environment, http, clock));
//   print(login->url(), login->user_code());
//   DRIVEWAY_TRY(auto credential, login->wait(context));
#pragma once

#include <memory>
#include <string>

#include "auth/credential.h"
#include "auth/environment.h"
#include "auth/token_endpoint.h"
#include "base/clock.h"
#include "base/context.h"
#include "base/result.h"
#include "base/secret.h"
#include "http/http_client.h"

namespace driveway::auth {

// The OAuth client for it, as client_identity() finds one. Errors: kLoginNeeded, which says how to
// get one of the type that it takes.
Result<ClientIdentity> device_client(const std::string& id, const Secret& secret,
                                     const Environment& environment);

// What Google answers when it is asked for a code.
struct DeviceCode {
  Secret device_code;
  std::string user_code;
  std::string url;  // what the user opens, on any machine
  Duration lifetime{};
  Duration interval{};
};

// A login whose code the user may type now. Not thread-safe.
class DeviceLogin {
 public:
  DeviceLogin(ClientIdentity client, DeviceCode code, TokenEndpoint endpoint, Clock& clock);

  const std::string& url() const { return code_.url; }
  const std::string& user_code() const { return code_.user_code; }
  Duration lifetime() const { return code_.lifetime; }

  // Asks at Google's pace until the user has answered there. Faults of network and server are
  // waited out. Errors: kPermissionDenied (the user, or their organisation, refuses; Drive's box is
  // not ticked), kLoginNeeded (the code has expired, the client is refused), kDeadlineExceeded,
  // kCancelled.
  Result<Credential> wait(const Context& context);

 private:
  const ClientIdentity client_;
  const DeviceCode code_;
  TokenEndpoint endpoint_;
  Clock& clock_;
  const TimePoint expires_;
};

// Asks for a code. `http` and `clock` must outlive the login. Errors: kLoginNeeded (the client is
// refused: it is of another type, say), kUnavailable, kCorrupt, kDeadlineExceeded, kCancelled.
Result<std::unique_ptr<DeviceLogin>> begin_device_login(const Context& context,
                                                        const ClientIdentity& client,
                                                        const Environment& environment,
                                                        http::HttpClient& http, Clock& clock);

}  // namespace driveway::auth
