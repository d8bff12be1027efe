#include "auth/login.h"

#include <algorithm>

#include "auth/loopback.h"
#include "auth/new_credential.h"
#include "auth/refresh_token_grant.h"
#include "auth/refreshing_source.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/strings.h"

namespace driveway::auth {

namespace {

constexpr std::string_view kAgain = "run `driveway login` again";

std::string joined(const std::vector<std::string>& scopes) {
  std::string text;
  for (const std::string& scope : scopes) text += cat(text.empty() ? "" : " ", scope);
  return text;
}

// The value of `name` in a query, decoded once (a code contains a slash: oauth reference 2).
std::optional<std::string> parameter(std::string_view query, std::string_view name) {
  for (const std::string_view part : split(query, '&')) {
    const auto equals = part.find('=');
    if (part.substr(0, equals) != name) continue;
    return equals == std::string_view::npos ? "" : percent_decode(part.substr(equals + 1), true);
  }
  return std::nullopt;
}

Error not_understood(std::string_view why) {
  return Error{ErrorCode::kInvalidArgument,
               cat(why, ": paste the whole address from the browser's address bar, or the code")};
}

Error refused_by_user(std::string_view error) {
  if (error == "access_denied") {
    return Error{ErrorCode::kPermissionDenied,
                 cat("the access was denied in the browser (if Google's page said that the app is "
                     "not verified or the account is no test user, add the account to the OAuth "
                     "client's test users or publish the app); ",
                     kAgain)};
  }
  return Error{ErrorCode::kPermissionDenied,
               cat("Google's page ended with an error (see the browser); ", kAgain)};
}

Result<Secret> checked_code(std::string code) {
  const bool plain =
      !code.empty() && code.size() <= 2048 &&
      std::all_of(code.begin(), code.end(), [](char c) { return c > 0x20 && c < 0x7f; });
  if (!plain) return not_understood("that is no code");
  return Secret(std::move(code));
}

std::string_view unquoted(std::string_view text) {
  text = trim(text);
  while (text.size() >= 2 && (text.front() == '\'' || text.front() == '"') &&
         text.back() == text.front()) {
    text = trim(text.substr(1, text.size() - 2));
  }
  return text;
}

}  // namespace

Result<ClientIdentity> client_identity(const std::string& id, const Secret& secret,
                                       const Environment& environment,
                                       const std::optional<BegunLogin>& begun) {
  // Never the id of one client with the secret of another.
  const std::string& used = id.empty() ? environment.client_id : id;
  if (!used.empty()) {
    if (!secret.empty()) return ClientIdentity{used, secret};
    const bool is_ours = used == environment.client_id && !environment.client_secret.empty();
    if (!is_ours && begun && begun->client.id == used) return begun->client;
    return ClientIdentity{used, is_ours ? environment.client_secret : Secret()};
  }
  if (begun && secret.empty()) return begun->client;
  return Error{
      ErrorCode::kLoginNeeded,
      "a login needs an OAuth client of your own: pass --client-id and --client-secret, or set "
      "DRIVEWAY_CLIENT_ID and DRIVEWAY_CLIENT_SECRET, or client-id and client-secret in "
      "config.toml. To get one, at console.cloud.google.com: "
      "make "
      "a project, enable the Google Drive API, set up the consent screen and publish it (\"In "
      "production\"; else each login ends after 7 days), then Credentials, Create credentials, "
      "OAuth client ID, type \"Desktop app\""};
}

namespace {

class TrialHome final : public CredentialHome {
 public:
  explicit TrialHome(Credential& credential) : credential_(credential) {}
  Result<Credential> load() override { return credential_; }
  std::string version() const override { return "trial"; }
  Status replace_refresh_token(const Secret& old, const Secret& fresh) override {
    if (credential_.refresh_token == old) credential_.refresh_token = fresh;
    return {};
  }
  std::optional<FileLock> lock(const Context&, Clock&) override { return std::nullopt; }
  std::string describe() const override { return "the new login"; }
  std::string remedy() const override { return std::string(kAgain); }

 private:
  Credential& credential_;
};

}  // namespace

std::unique_ptr<TokenSource> make_trial_source(Credential& credential,
                                               const Environment& environment,
                                               http::HttpClient& http, Clock& clock) {
  return make_refreshing_source(
      make_refresh_token_grant(std::make_unique<TrialHome>(credential),
                               TokenEndpoint(http, clock, environment.oauth_url), clock),
      clock);
}

Result<Secret> code_of_answer(std::string_view answer, std::string_view state) {
  const std::string_view text = unquoted(answer);
  if (text.empty()) return not_understood("nothing was given");
  const bool is_address = text.find("://") != std::string_view::npos ||
                          text.find("code=") != std::string_view::npos ||
                          text.find("error=") != std::string_view::npos || text.starts_with('?') ||
                          text.starts_with('/');
  if (!is_address) return checked_code(percent_decode(text));

  const auto question = text.find('?');
  std::string_view query = question == std::string_view::npos ? text : text.substr(question + 1);
  query = query.substr(0, query.find('#'));
  const auto code = parameter(query, "code");
  const auto error = parameter(query, "error");
  if (!code && !error) return not_understood("that address has no code in it");
  if (parameter(query, "state") != state) {
    return Error{
        ErrorCode::kInvalidArgument,
        "that address belongs to another attempt to log in: open the address printed last, "
        "and paste where it leads"};
  }
  if (error) return refused_by_user(*error);
  return checked_code(*code);
}

namespace {

std::string url_of(const BegunLogin& login, const Environment& environment) {
  std::vector<std::pair<std::string, std::string>> query = {
      {"client_id", login.client.id},
      {"redirect_uri", login.redirect_uri},
      {"response_type", "code"},
      {"scope", joined(login.scopes)},
      {"state", login.state.reveal()},
      {"code_challenge", base64url(hash_bytes(HashKind::kSha256, login.verifier.reveal()))},
      {"code_challenge_method", "S256"},
      {"access_type", "offline"},
      {"prompt", "consent"}};
  if (!login.login_hint.empty()) query.emplace_back("login_hint", login.login_hint);
  return cat(environment.accounts_url, "/o/oauth2/v2/auth?", http::encode_query(query));
}

}  // namespace

PendingLogin::PendingLogin(std::string account, BegunLogin begun, const Environment& environment,
                           http::HttpClient& http, Clock& clock, UniqueFd listener)
    : account_(std::move(account)),
      begun_(std::move(begun)),
      store_(environment.config_folder, clock),
      clock_(clock),
      endpoint_(http, clock, environment.oauth_url),
      listener_(std::move(listener)),
      url_(url_of(begun_, environment)) {}

Result<Secret> PendingLogin::wait_for_answer(const Context& context, int input) {
  return wait_for_redirect_or_line(context, clock_, listener_.get(), input, begun_.state.reveal());
}

Result<Credential> PendingLogin::finish(const Context& context, const Secret& answer) {
  auto code = code_of_answer(answer.reveal(), begun_.state.reveal());
  auto credential = code.ok() ? exchange(context, *code) : Result<Credential>(code.error());
  if (credential.ok() || credential.failed_with(ErrorCode::kLoginNeeded) ||
      credential.failed_with(ErrorCode::kPermissionDenied)) {
    // What ended the exchange must not keep the file.
    const Status dropped = drop({.deadline = context.deadline});
    if (!dropped.ok()) log::warn("the login that has ended is still kept: ", dropped.error());
  }
  return credential;
}

Status PendingLogin::drop(const Context& context) {
  return store_.drop_begun(context, account_, begun_.state);
}

Result<Credential> PendingLogin::exchange(const Context& context, const Secret& code) {
  const std::string again = cat(login_remedy(account_), " again");
  const TokenPurpose purpose{
      .kind = TokenPurpose::Kind::kCode, .of = "the code from the browser", .remedy = again};
  DRIVEWAY_TRY(TokenAnswer token,
               endpoint_.exchange_code(context, begun_.client, code, begun_.verifier,
                                       begun_.redirect_uri, purpose));
  return new_credential(std::move(token),
                        {.client = begun_.client,
                         .asked = begun_.scopes,
                         .suffices = allows_drive,
                         .again = again,
                         .lasting = cat("is the OAuth client of the type \"Desktop app\"? Then "
                                        "remove the app's access at "
                                        "myaccount.google.com/permissions and ",
                                        again)},
                        clock_);
}

Result<std::unique_ptr<PendingLogin>> begin_login(const Context& context,
                                                  const LoginRequest& request,
                                                  const Environment& environment,
                                                  http::HttpClient& http, Clock& clock) {
  const LoginStore store(environment.config_folder, clock);
  auto begun = store.begun(request.account);
  LoopbackListener listener;
  if (!begun || !begun->fits(request)) {
    DRIVEWAY_TRY(listener, listen_on_loopback(request.port));
    DRIVEWAY_TRY(begun,
                 store.keep_begun(context, request.account, request,
                                  new_begun_login(request, listener.port, clock.wall_now())));
  }
  if (listener.port != begun->port()) {
    auto old_port = listen_on_loopback(begun->port());
    if (!old_port.ok()) log::info("without a listener for the browser: ", old_port.error());
    listener = old_port.ok() ? *std::move(old_port) : LoopbackListener();
  }
  return std::make_unique<PendingLogin>(request.account, *std::move(begun), environment, http,
                                        clock, std::move(listener.fd));
}

}  // namespace driveway::auth
