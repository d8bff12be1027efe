// `driveway login`: the authorization code flow of an installed app, with PKCE and a loopback
// redirect (oauth reference 2), also where no browser can reach this machine (2.1).
//
//   DRIVEWAY_TRY(auto client, auth::client_identity(id, secret, environment));
//   DRIVEWAY_TRY(auto login, auth::begin_login({.client = client, .scopes = …}, environment, …));
//   print(login->url());
//   DRIVEWAY_TRY(auto answer, login->wait_for_answer(context, STDIN_FILENO));
//   DRIVEWAY_TRY(auto credential, login->finish(context, answer));
//   DRIVEWAY_CHECK(auth::LoginStore(environment.config_folder, clock).save(context, name, …));
//
// The answer is a secret: whoever reads it from a terminal should not echo it into a notebook.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "auth/credential.h"
#include "auth/environment.h"
#include "auth/token_endpoint.h"
#include "auth/token_source.h"
#include "base/clock.h"
#include "base/context.h"
#include "base/file.h"
#include "base/result.h"
#include "base/secret.h"
#include "http/http_client.h"

namespace driveway::auth {

// The OAuth client to log in with: `id` and `secret` where given, else the environment's. Errors:
// kLoginNeeded, which says how to get one.
Result<ClientIdentity> client_identity(const std::string& id, const Secret& secret,
                                       const Environment& environment);

struct LoginRequest {
  ClientIdentity client;
  std::vector<std::string> scopes;  // drive_scopes()
  std::string login_hint{};         // mail address to suggest; may be empty
};

// A login that has begun. Not thread-safe. Ends with its object.
class PendingLogin {
 public:
  PendingLogin(LoginRequest request, const Environment& environment, http::HttpClient& http,
               Clock& clock, UniqueFd listener, int port);

  // What the user opens in a browser.
  const std::string& url() const { return url_; }

  // Waits until the browser comes to the loopback address with this login's state, or a line comes
  // on `input` (-1: none; its end is not an answer), whichever is first, and gives what came, for
  // finish(). What others send to the port is answered and ignored. Errors: kDeadlineExceeded,
  // kCancelled, kUnavailable (sockets).
  Result<Secret> wait_for_answer(const Context& context, int input = -1);

  // `answer`: the code, percent-encoded or not, or the whole address that the browser was sent to.
  // Errors: kInvalidArgument (not understood, or of another attempt: another answer may be tried),
  // kPermissionDenied (refused, or Drive's box not ticked), kLoginNeeded (the code or the client is
  // refused), kUnavailable, kDeadlineExceeded, kCancelled.
  Result<Credential> finish(const Context& context, const Secret& answer);

 private:
  const LoginRequest request_;
  Clock& clock_;
  TokenEndpoint endpoint_;
  const UniqueFd listener_;
  const std::string redirect_uri_;
  const Secret state_;
  const Secret verifier_;
  std::string url_;
};

// Opens the loopback listener. `http` and `clock` must outlive the login. Errors: kUnavailable.
Result<std::unique_ptr<PendingLogin>> begin_login(LoginRequest request,
                                                  const Environment& environment,
                                                  http::HttpClient& http, Clock& clock);

// Tokens of a login that is not stored yet, to try it before it takes another one's place. A
// refresh token that Google gives anew goes into `credential`, which must outlive the source, as
// must `http` and `clock`.
std::unique_ptr<TokenSource> make_trial_source(Credential& credential,
                                               const Environment& environment,
                                               http::HttpClient& http, Clock& clock);

// The code in an answer. Errors: as PendingLogin::finish.
Result<Secret> code_of_answer(std::string_view answer, std::string_view state);

}  // namespace driveway::auth
