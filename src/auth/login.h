// `driveway login`: the authorization code flow of an installed app, with PKCE and a loopback
// redirect (oauth reference 2), also where no browser can reach this machine (2.1).
//
//   DRIVEWAY_TRY(auto client, auth::client_identity(id, secret, environment));
//   DRIVEWAY_TRY(auto login, auth::begin_login(context, {.client = client, .scopes = …}, …));
//   print(login->url());
//   DRIVEWAY_TRY(auto answer, login->wait_for_answer(context, STDIN_FILENO));
//   DRIVEWAY_TRY(auto credential, login->finish(context, answer));
//   DRIVEWAY_CHECK(auth::LoginStore(environment.config_folder, clock).save(context, name, …));
//
// A login that has begun is kept on disk (begun_login.h): until it is finished, or an hour later,
// it is taken up by the next begin_login() for the same account, client and scopes, in this or
// another process, with the same URL. So an answer to a URL that was printed an hour ago is still
// good.
//
// The answer is a secret: whoever reads it from a terminal should not echo it into a notebook.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "auth/begun_login.h"
#include "auth/credential.h"
#include "auth/environment.h"
#include "auth/login_store.h"
#include "auth/token_endpoint.h"
#include "auth/token_source.h"
#include "base/clock.h"
#include "base/context.h"
#include "base/file.h"
#include "base/result.h"
#include "base/secret.h"
#include "http/http_client.h"

namespace driveway::auth {

// The OAuth client to log in with: `id` and `secret` where given, else the environment's, else that
// of the login that has `begun`, whose secret also serves where only its id is given. Errors:
// kLoginNeeded, which says how to get one.
Result<ClientIdentity> client_identity(const std::string& id, const Secret& secret,
                                       const Environment& environment,
                                       const std::optional<BegunLogin>& begun = std::nullopt);

// A login that has begun. Not thread-safe. What is kept of it outlives the object.
class PendingLogin {
 public:
  // `listener`: on the port of `begun`; may be none.
  PendingLogin(std::string account, BegunLogin begun, const Environment& environment,
               http::HttpClient& http, Clock& clock, UniqueFd listener);

  // What the user opens in a browser.
  const std::string& url() const { return url_; }
  // When its URL was made: before now, where it was taken up.
  WallTime begun() const { return begun_.begun; }
  // Whether a browser on this machine can bring the answer: else something else has the port.
  bool hears_browser() const { return listener_.valid(); }

  // Waits until the browser comes to the loopback address with this login's state, or a line comes
  // on `input` (-1: none; its end is not an answer), whichever is first, and gives what came, for
  // finish(). What others send to the port is answered and ignored. Errors: kDeadlineExceeded,
  // kCancelled, kUnavailable (sockets).
  Result<Secret> wait_for_answer(const Context& context, int input = -1);

  // `answer`: the code, percent-encoded or not, or the whole address that the browser was sent to.
  // Errors: kInvalidArgument (not understood, or of another attempt: another answer may be tried),
  // kPermissionDenied (refused, or Drive's box not ticked), kLoginNeeded (the code or the client is
  // refused), kUnavailable, kDeadlineExceeded, kCancelled. Once a code was taken, or refused for
  // good, nothing is kept of the login any more: the next one has another URL.
  Result<Credential> finish(const Context& context, const Secret& answer);

  // Keeps nothing of it: the next login has another URL. Errors: as LoginStore::drop_begun.
  Status drop(const Context& context);

 private:
  Result<Credential> exchange(const Context& context, const Secret& code);

  const std::string account_;
  const BegunLogin begun_;
  const LoginStore store_;
  Clock& clock_;
  TokenEndpoint endpoint_;
  const UniqueFd listener_;
  const std::string url_;
};

// Takes up the login that has begun for `request`, or begins one and keeps it in the logins' folder
// of `environment`. Opens the loopback listener; where the port of a login that is taken up is not
// to be had, it goes on without. `http` and `clock` must outlive the login. Errors: kUnavailable,
// and as LoginStore::save.
Result<std::unique_ptr<PendingLogin>> begin_login(const Context& context,
                                                  const LoginRequest& request,
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
