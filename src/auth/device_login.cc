#include "auth/device_login.h"

#include <algorithm>

#include "auth/json_fields.h"
#include "auth/login.h"
#include "auth/new_credential.h"
#include "auth/token_errors.h"
#include "auth/token_retry.h"
#include "base/log.h"
#include "base/strings.h"

namespace driveway::auth {

namespace {

// RFC 8628, 3.2 and 3.5: where no interval is said, and what slow_down adds.
constexpr std::int64_t kDefaultInterval = 5;
constexpr Duration kSlowDown = std::chrono::seconds(5);
constexpr std::int64_t kLongestInterval = 300;
constexpr std::int64_t kLongestCodeLife = 3600;

constexpr std::string_view kDeviceGrant = "urn:ietf:params:oauth:grant-type:device_code";

TokenPurpose device_purpose() {
  return {.kind = TokenPurpose::Kind::kDevice,
          .of = "the login by device",
          .remedy = "run `driveway login --with device` again"};
}

// Google's page has room for no more (oauth reference 4); what is printed must be harmless.
bool is_shown(std::string_view text, std::size_t longest) {
  return !text.empty() && text.size() <= longest && is_header_text(text);
}

Result<DeviceCode> read_device_code(const http::Response& response, WallTime now) {
  const auto json = parse_object(response.body);
  const TokenPurpose purpose = device_purpose();
  if (!json || response.status != 200) {
    return token_refusal(response.status, response.body, purpose, now);
  }
  DeviceCode code;
  code.device_code = Secret(text_field(*json, "device_code"));
  code.user_code = text_field(*json, "user_code");
  code.url = text_field(*json, "verification_url");
  if (code.url.empty()) code.url = text_field(*json, "verification_uri");  // RFC 8628's name of it
  if (!is_shown(code.device_code.reveal(), 4096) || !is_shown(code.user_code, 64) ||
      !is_shown(code.url, 512)) {
    return Error{ErrorCode::kCorrupt,
                 cat(purpose.of, ": Google's answer has no code to type; ", purpose.remedy)};
  }
  code.lifetime = std::chrono::seconds(std::clamp<std::int64_t>(
      number_field(*json, "expires_in").value_or(kLongestCodeLife), 1, kLongestCodeLife));
  code.interval = std::chrono::seconds(std::clamp<std::int64_t>(
      number_field(*json, "interval").value_or(kDefaultInterval), 1, kLongestInterval));
  return code;
}

Result<DeviceCode> ask_for_code(const Context& context, const ClientIdentity& client,
                                const std::string& url, http::HttpClient& http, Clock& clock) {
  return ask_patiently<DeviceCode>(
      context, clock, TokenEndpoint::kMaxAttempts,
      [&](Duration& retry_after) -> Result<DeviceCode> {
        http::Request request;
        request.method = "POST";
        request.url = url;
        request.headers = {{"Content-Type", "application/x-www-form-urlencoded"},
                           {"Accept", "application/json"}};
        request.body =
            http::encode_query({{"client_id", client.id}, {"scope", std::string(kScopeDriveFile)}});
        request.max_body = kMiB;
        const auto response = http.fetch(context, std::move(request));
        if (!response.ok()) return wrap(response.error(), device_purpose().of);
        retry_after = retry_after_of(*response);
        return read_device_code(*response, clock.wall_now());
      });
}

}  // namespace

Result<ClientIdentity> device_client(const std::string& id, const Secret& secret,
                                     const Environment& environment) {
  auto client = client_identity(id, secret, environment);
  if (client.ok()) return client;
  return Error{ErrorCode::kLoginNeeded,
               "a login by device needs an OAuth client of your own, of the type \"TVs and Limited "
               "Input devices\" (at console.cloud.google.com: Credentials, Create credentials, "
               "OAuth client ID): pass --client-id and --client-secret, or set DRIVEWAY_CLIENT_ID "
               "and DRIVEWAY_CLIENT_SECRET"};
}

DeviceLogin::DeviceLogin(ClientIdentity client, DeviceCode code, TokenEndpoint endpoint,
                         Clock& clock)
    : client_(std::move(client)),
      code_(std::move(code)),
      endpoint_(std::move(endpoint)),
      clock_(clock),
      expires_(clock.now() + code_.lifetime) {}

Result<Credential> DeviceLogin::wait(const Context& context) {
  TokenEndpoint::Form form = {{"grant_type", std::string(kDeviceGrant)},
                              {"device_code", code_.device_code.reveal()},
                              {"client_id", client_.id}};
  if (!client_.secret.empty()) form.emplace_back("client_secret", client_.secret.reveal());
  Duration interval = code_.interval;
  while (clock_.now() < expires_) {
    DRIVEWAY_CHECK(sleep_until(context, clock_, clock_.now() + interval));
    auto answer = endpoint_.ask(context, form, device_purpose(), 1);
    if (answer.ok()) {
      const std::string again = device_purpose().remedy;
      return new_credential(*std::move(answer),
                            {.client = client_,
                             .asked = {std::string(kScopeDriveFile)},
                             .suffices = allows_files,
                             .again = again,
                             .lasting = again},
                            clock_);
    }
    if (answer.failed_with(ErrorCode::kBusy)) continue;
    if (answer.failed_with(ErrorCode::kRateLimited)) {
      interval += kSlowDown;
    } else if (answer.error().retryable) {
      DRIVEWAY_CHECK(context.check(clock_));
      log::warn(answer.error(), "; asked again");
    } else {
      return std::move(answer).error();
    }
  }
  return Error{ErrorCode::kLoginNeeded,
               cat("nobody typed the code while it was good; ", device_purpose().remedy)};
}

Result<std::unique_ptr<DeviceLogin>> begin_device_login(const Context& context,
                                                        const ClientIdentity& client,
                                                        const Environment& environment,
                                                        http::HttpClient& http, Clock& clock) {
  DRIVEWAY_TRY(DeviceCode code,
               ask_for_code(context, client, environment.oauth_url + "/device/code", http, clock));
  return std::make_unique<DeviceLogin>(client, std::move(code),
                                       TokenEndpoint(http, clock, environment.oauth_url), clock);
}

}  // namespace driveway::auth
