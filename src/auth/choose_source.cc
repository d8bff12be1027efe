#include "auth/choose_source.h"

#include "auth/application_credentials.h"
#include "auth/login_store.h"
#include "auth/refresh_token_grant.h"
#include "auth/refreshing_source.h"
#include "auth/token_endpoint.h"
#include "base/strings.h"

namespace driveway::auth {

namespace {

Error nothing_found(const LoginStore& store) {
  std::string message =
      "no login: run `driveway login`, or set GOOGLE_APPLICATION_CREDENTIALS to a credentials file";
  std::string names;
  for (const std::string& name : store.names()) names += cat(names.empty() ? "" : ", ", name);
  if (!names.empty()) message += cat(", or choose with --account a stored login: ", names);
  return Error{ErrorCode::kLoginNeeded, std::move(message)};
}

}  // namespace

Result<std::unique_ptr<TokenSource>> choose_source(const SourceOptions& options,
                                                   const Environment& environment,
                                                   http::HttpClient& http, Clock& clock) {
  const LoginStore store(environment.config_folder, clock);
  const TokenEndpoint endpoint(http, clock, environment.oauth_url);
  const bool by_default = options.account.empty() || options.account == kDefaultAccount;
  const std::string name(by_default ? kDefaultAccount : std::string_view(options.account));
  if (!by_default || store.contains(name)) {
    DRIVEWAY_CHECK(store.load(name));
    return make_refreshing_source(make_refresh_token_grant(store.home(name), endpoint, clock),
                                  clock);
  }
  if (environment.application_credentials.empty()) return nothing_found(store);
  DRIVEWAY_TRY(auto home, open_application_credentials(environment.application_credentials,
                                                       environment.quota_project));
  return make_refreshing_source(make_refresh_token_grant(std::move(home), endpoint, clock), clock);
}

}  // namespace driveway::auth
