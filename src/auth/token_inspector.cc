#include "auth/token_inspector.h"

#include "auth/credential.h"
#include "auth/json_fields.h"
#include "base/log.h"
#include "base/strings.h"

namespace driveway::auth {

namespace {

constexpr Duration kInspectionPatience = std::chrono::seconds(5);

}  // namespace

Status TokenInspector::complete(const Context& context, TokenAnswer& answer, const std::string& of,
                                const std::string& remedy) {
  if (!answer.token.scopes.empty()) return {};
  http::Request request;
  request.method = "POST";
  request.url = url_;
  request.headers = {{"Content-Type", "application/x-www-form-urlencoded"},
                     {"Accept", "application/json"}};
  request.body = http::encode_query({{"access_token", answer.token.value.reveal()}});
  request.max_body = kMiB;
  const auto response =
      http_.fetch(context.with_deadline(clock_.now() + kInspectionPatience), std::move(request));
  if (response.failed_with(ErrorCode::kCancelled)) return response.error();
  if (!response.ok()) {
    log::warn(of, ": nobody says what its token may do: ", response.error());
    return {};
  }
  const auto json = parse_object(response->body);
  if (json && response->status == 400 && text_field(*json, "error") == "invalid_token") {
    return Error{
        ErrorCode::kLoginNeeded,
        cat(of, ": Google does not know its token, which has expired or was revoked; ", remedy)};
  }
  if (!json || response->status != 200) {
    log::warn(of, ": nobody says what its token may do: HTTP ", response->status);
    return {};
  }
  answer.token.scopes = split_scopes(text_field(*json, "scope"));
  const auto left = number_field(*json, "expires_in");
  if (left && answer.lifetime == kUnknownLifetime) {
    answer.lives_for(std::chrono::seconds(*left), clock_.now());
  }
  return {};
}

}  // namespace driveway::auth
