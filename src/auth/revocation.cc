#include "auth/revocation.h"

#include "auth/json_fields.h"
#include "auth/token_retry.h"
#include "base/strings.h"

namespace driveway::auth {

namespace {

constexpr int kRevokeAttempts = 4;

Result<bool> revoke_once(const Context& context, const Credential& credential,
                         const std::string& url, http::HttpClient& http, Duration& retry_after) {
  http::Request request;
  request.method = "POST";
  request.url = url;
  request.headers = {{"Content-Type", "application/x-www-form-urlencoded"},
                     {"Accept", "application/json"}};
  request.body = http::encode_query({{"token", credential.refresh_token.reveal()}});
  request.max_body = kMiB;
  DRIVEWAY_TRY(const http::Response response, http.fetch(context, std::move(request)));
  if (response.status == 200) return true;
  retry_after = retry_after_of(response);
  const auto json = parse_object(response.body);
  const std::string error = json ? text_field(*json, "error") : "";
  if (response.status == 400 && error == "invalid_token") return true;
  const bool may_pass = response.status >= 500 || response.status == 429 || response.status == 408;
  return Error{ErrorCode::kUnavailable,
               cat("Google's token service does not revoke it: HTTP ", response.status), may_pass};
}

}  // namespace

Status revoke(const Context& context, const Credential& credential, const Environment& environment,
              http::HttpClient& http, Clock& clock) {
  const std::string url = environment.oauth_url + "/revoke";
  DRIVEWAY_CHECK(ask_patiently<bool>(context, clock, kRevokeAttempts, [&](Duration& retry_after) {
    return revoke_once(context, credential, url, http, retry_after);
  }));
  return {};
}

}  // namespace driveway::auth
