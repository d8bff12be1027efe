#include "auth/token_endpoint.h"

#include <algorithm>

#include "auth/json_fields.h"
#include "auth/token_retry.h"
#include "base/http_date.h"
#include "base/log.h"
#include "base/strings.h"

namespace driveway::auth {

namespace {

constexpr auto kClockTolerance = std::chrono::minutes(5);
constexpr std::int64_t kAssumedLifetime = 3600;  // seconds, where none is said

// A client without a secret sends none: Google refuses an empty one.
void add_secret(std::vector<std::pair<std::string, std::string>>& form,
                const ClientIdentity& client) {
  if (!client.secret.empty()) form.emplace_back("client_secret", client.secret.reveal());
}

// By how much this machine's clock is ahead of the server's.
std::optional<std::chrono::seconds> clock_ahead_of(const http::Response& response, WallTime now) {
  const std::string* const said = response.header("date");
  const auto there = said == nullptr ? std::nullopt : parse_http_date(*said);
  if (!there) return std::nullopt;
  return std::chrono::duration_cast<std::chrono::seconds>(now - *there);
}

// TLS, file times and tokens of service accounts go wrong with the clock, and few of their errors
// say so (oauth reference 13).
void warn_of_wrong_clock(const http::Response& response, WallTime now) {
  const auto ahead = clock_ahead_of(response, now);
  if (!ahead || std::chrono::abs(*ahead) <= kClockTolerance) return;
  log::warn(wrong_clock_text(*ahead), " (Google says it is ", format_rfc3339(now - *ahead),
            "), or connections and the times of files go wrong");
}

}  // namespace

Result<TokenAnswer> TokenEndpoint::refresh(const Context& context, const Credential& credential,
                                           const TokenPurpose& purpose, int attempts) {
  Form form = {{"grant_type", "refresh_token"},
               {"client_id", credential.client.id},
               {"refresh_token", credential.refresh_token.reveal()}};
  add_secret(form, credential.client);
  return ask(context, form, purpose, attempts);
}

Result<TokenAnswer> TokenEndpoint::exchange_code(const Context& context,
                                                 const ClientIdentity& client, const Secret& code,
                                                 const Secret& verifier,
                                                 const std::string& redirect_uri,
                                                 const TokenPurpose& purpose) {
  Form form = {{"grant_type", "authorization_code"},
               {"code", code.reveal()},
               {"client_id", client.id},
               {"code_verifier", verifier.reveal()},
               {"redirect_uri", redirect_uri}};
  add_secret(form, client);
  return ask(context, form, purpose, kMaxAttempts);
}

Result<TokenAnswer> TokenEndpoint::exchange_assertion(const Context& context,
                                                      const Secret& assertion,
                                                      const TokenPurpose& purpose, int attempts) {
  const Form form = {{"grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"},
                     {"assertion", assertion.reveal()}};
  return ask(context, form, purpose, attempts);
}

Result<TokenAnswer> TokenEndpoint::ask(const Context& context, const Form& form,
                                       const TokenPurpose& purpose, int attempts) {
  return ask_patiently<TokenAnswer>(context, clock_, attempts, [&](Duration& retry_after) {
    return ask_once(context, form, purpose, retry_after);
  });
}

Result<TokenAnswer> TokenEndpoint::ask_once(const Context& context, const Form& form,
                                            const TokenPurpose& purpose, Duration& retry_after) {
  http::Request request;
  request.method = "POST";
  request.url = url_;
  request.headers = {{"Content-Type", "application/x-www-form-urlencoded"},
                     {"Accept", "application/json"}};
  request.body = http::encode_query(form);
  request.max_body = kMiB;
  Result<http::Response> response = http_.fetch(context, std::move(request));
  if (!response.ok()) return wrap(std::move(response).error(), purpose.of);
  retry_after = retry_after_of(*response);
  auto answer = read_answer(*response, purpose);
  if (answer.ok()) warn_of_wrong_clock(*response, clock_.wall_now());
  return answer;
}

Result<TokenAnswer> TokenEndpoint::read_answer(const http::Response& response,
                                               const TokenPurpose& purpose) const {
  const auto json = parse_object(response.body);
  Secret token(json ? text_field(*json, "access_token") : "");
  if (response.status != 200 || token.empty()) {
    const WallTime now = clock_.wall_now();
    return token_refusal(response.status, response.body, purpose, now,
                         clock_ahead_of(response, now));
  }
  if (!is_header_text(token.reveal())) {
    return Error{ErrorCode::kCorrupt,
                 cat(purpose.of, ": the token service gave a token with strange characters")};
  }
  TokenAnswer answer;
  answer.token.value = std::move(token);
  answer.lives_for(
      std::chrono::seconds(number_field(*json, "expires_in").value_or(kAssumedLifetime)),
      clock_.now());
  answer.token.scopes = split_scopes(text_field(*json, "scope"));
  answer.refresh_token = Secret(text_field(*json, "refresh_token"));
  if (const auto limit = number_field(*json, "refresh_token_expires_in"); limit && *limit > 0) {
    answer.grant_lifetime = std::min(std::chrono::seconds(*limit), kLongestLifetime);
  }
  return answer;
}

}  // namespace driveway::auth
