#include "auth/impersonated_account.h"

#include <nlohmann/json.hpp>

#include "auth/credential.h"
#include "auth/json_fields.h"
#include "auth/token_retry.h"
#include "base/hash.h"
#include "base/strings.h"

namespace driveway::auth {

namespace {

using nlohmann::json;

class ImpersonatedGrant final : public Grant {
 public:
  ImpersonatedGrant(std::unique_ptr<Grant> source, Impersonation how, http::HttpClient& http,
                    Clock& clock)
      : source_(std::move(source)), how_(std::move(how)), http_(http), clock_(clock) {}

  Result<TokenAnswer> obtain(const Context& context, int attempts, std::string& version) override {
    DRIVEWAY_TRY(const TokenAnswer source, source_->obtain(context, attempts, version));
    return ask_patiently<TokenAnswer>(context, clock_, attempts, [&](Duration& retry_after) {
      return ask_once(context, source.token, retry_after);
    });
  }
  std::string version() const override { return source_->version(); }
  std::string describe() const override { return how_.of; }
  std::string remedy() const override { return how_.remedy; }
  // The address names the account whose tokens these are, whoever asks for them.
  std::string fingerprint() override { return hash_hex(HashKind::kSha256, how_.url).substr(0, 16); }

 private:
  Result<TokenAnswer> ask_once(const Context& context, const AccessToken& source,
                               Duration& retry_after) {
    http::Request request;
    request.method = "POST";
    request.url = how_.url;
    request.bearer = source.value;
    request.headers = {{"Content-Type", "application/json"}, {"Accept", "application/json"}};
    if (!source.quota_project.empty()) {
      request.headers.emplace_back("X-Goog-User-Project", source.quota_project);
    }
    request.body =
        json{{"scope", drive_scopes(false)}, {"lifetime", "3600s"}, {"delegates", how_.delegates}}
            .dump(-1, ' ', false, json::error_handler_t::replace);
    request.max_body = kMiB;
    const auto response = http_.fetch(context, std::move(request));
    if (!response.ok()) return wrap(response.error(), how_.of);
    retry_after = retry_after_of(*response);
    return read(*response);
  }

  Result<TokenAnswer> read(const http::Response& response) const {
    const auto body = parse_object(response.body);
    Secret token(body ? text_field(*body, "accessToken") : "");
    if (response.status != 200 || token.empty()) return refusal(response.status, body.has_value());
    if (!is_header_text(token.reveal())) {
      return Error{ErrorCode::kCorrupt,
                   cat(how_.of, ": the token service gave a token with strange characters")};
    }
    TokenAnswer answer;
    answer.token.value = std::move(token);
    answer.token.scopes = drive_scopes(false);
    // By this machine's clock, which need not be Google's: an hour is what was asked for.
    const auto end = parse_rfc3339(text_field(*body, "expireTime"));
    const auto left = end.ok() ? *end - clock_.wall_now() : std::chrono::hours(1);
    answer.lives_for(
        std::min<std::chrono::seconds>(std::chrono::duration_cast<std::chrono::seconds>(left),
                                       std::chrono::hours(1)),
        clock_.now());
    return answer;
  }

  Error refusal(int status, bool is_json) const {
    if (status >= 500 || status == 408 || status == 429 || !is_json || status == 200) {
      return {ErrorCode::kUnavailable, cat(how_.of, ": Google's IAM service answers HTTP ", status),
              true};
    }
    std::string why;
    if (status == 403) {
      why =
          ": give the one who asks the role Service Account Token Creator on the service account, "
          "and enable the IAM Service Account Credentials API";
    } else if (status == 404) {
      why = ": the service account does not exist (any more)";
    }
    return {ErrorCode::kLoginNeeded, cat(how_.of, ": Google's IAM service refuses it (HTTP ",
                                         status, ")", why, "; ", how_.remedy)};
  }

  const std::unique_ptr<Grant> source_;
  const Impersonation how_;
  http::HttpClient& http_;
  Clock& clock_;
};

}  // namespace

bool is_safe_url(const std::string& url) {
  return url.starts_with("https://") || url.starts_with("http://127.0.0.1:") ||
         url.starts_with("http://localhost:");
}

std::unique_ptr<Grant> make_impersonated_grant(std::unique_ptr<Grant> source, Impersonation how,
                                               http::HttpClient& http, Clock& clock) {
  return std::make_unique<ImpersonatedGrant>(std::move(source), std::move(how), http, clock);
}

}  // namespace driveway::auth
