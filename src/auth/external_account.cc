#include "auth/external_account.h"

#include <nlohmann/json.hpp>

#include "auth/credential.h"
#include "auth/impersonated_account.h"
#include "auth/json_fields.h"
#include "auth/token_endpoint.h"
#include "base/file.h"
#include "base/strings.h"

namespace driveway::auth {

namespace {

using nlohmann::json;

constexpr std::size_t kMaxSubjectToken = 256 * 1024;
constexpr Duration kSubjectPatience = std::chrono::seconds(30);

// Where the identity's own token comes from.
struct SubjectSource {
  std::string file;  // else url
  std::string url;
  http::Headers headers;
  std::string field;  // of JSON; "" = the token is the whole text
};

struct ExternalAccount {
  std::string audience;
  std::string token_type;
  std::string token_url;
  std::string user_project;  // of a workforce pool
  std::string scope;
  SubjectSource source;
};

class ExternalGrant final : public Grant {
 public:
  ExternalGrant(ExternalAccount account, std::string of, std::string remedy, http::HttpClient& http,
                Clock& clock)
      : account_(std::move(account)),
        of_(std::move(of)),
        remedy_(std::move(remedy)),
        http_(http),
        clock_(clock),
        endpoint_(TokenEndpoint::at(account_.token_url, http, clock)) {}

  Result<TokenAnswer> obtain(const Context& context, int attempts,
                             std::string& /*version*/) override {
    DRIVEWAY_TRY(const Secret subject, subject_token(context));
    TokenEndpoint::Form form = {
        {"grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"},
        {"audience", account_.audience},
        {"scope", account_.scope},
        {"requested_token_type", "urn:ietf:params:oauth:token-type:access_token"},
        {"subject_token", subject.reveal()},
        {"subject_token_type", account_.token_type}};
    if (!account_.user_project.empty()) {
      form.emplace_back("options", json{{"userProject", account_.user_project}}.dump(
                                       -1, ' ', false, json::error_handler_t::replace));
    }
    const TokenPurpose purpose{.kind = TokenPurpose::Kind::kExchange, .of = of_, .remedy = remedy_};
    DRIVEWAY_TRY(TokenAnswer answer, endpoint_.ask(context, form, purpose, attempts));
    if (answer.token.scopes.empty()) answer.token.scopes = split_scopes(account_.scope);
    return answer;
  }
  // Of the file that is read for each token nothing is kept.
  std::string version() const override { return ""; }
  std::string describe() const override { return of_; }
  std::string remedy() const override { return remedy_; }
  // Whose token it is, the identity's own token alone tells.
  std::string fingerprint() override { return ""; }

 private:
  Error no_subject(std::string_view why, bool retryable = false) const {
    return {retryable ? ErrorCode::kUnavailable : ErrorCode::kLoginNeeded,
            cat(of_, ": its credential_source gives no token: ", why, "; ", remedy_), retryable};
  }

  Result<Secret> subject_token(const Context& context) const {
    if (!account_.source.file.empty()) {
      Result<std::string> text = read_file(account_.source.file, kMaxSubjectToken);
      if (!text.ok()) return no_subject(text.error().message);
      return token_in(Secret(*std::move(text)));
    }
    http::Request request;
    request.url = account_.source.url;
    request.headers = account_.source.headers;
    request.max_body = kMiB;
    // Such a service is the machine's or the cloud's own.
    request.use_proxy = !request.url.starts_with("http://");
    auto response =
        http_.fetch(context.with_deadline(clock_.now() + kSubjectPatience), std::move(request));
    if (!response.ok()) {
      DRIVEWAY_CHECK(context.check(clock_));
      return no_subject(response.error().to_string(), true);
    }
    if (response->status != 200) {
      return no_subject(cat("HTTP ", response->status),
                        response->status >= 500 || response->status == 429);
    }
    return token_in(Secret(std::move(response->body)));
  }

  Result<Secret> token_in(const Secret& text) const {
    if (account_.source.field.empty()) {
      Secret token(std::string(trim(text.reveal())));
      if (token.empty()) return no_subject("it is empty");
      return token;
    }
    const auto object = parse_object(text.reveal());
    Secret token(object ? text_field(*object, account_.source.field.c_str()) : "");
    if (token.empty()) return no_subject(cat("there is no field ", account_.source.field));
    return token;
  }

  const ExternalAccount account_;
  const std::string of_;
  const std::string remedy_;
  http::HttpClient& http_;
  Clock& clock_;
  TokenEndpoint endpoint_;
};

// "" or why it cannot be used.
std::string read_source(const json& all, SubjectSource& source) {
  const auto found = all.find("credential_source");
  if (found == all.end() || !found->is_object()) return "has no credential_source";
  const json& json = *found;
  source.file = text_field(json, "file");
  source.url = text_field(json, "url");
  if (source.file.empty() && source.url.empty()) {
    return "has a credential_source that is neither a file nor a URL, which alone are supported";
  }
  if (const auto headers = json.find("headers"); headers != json.end() && headers->is_object()) {
    for (const auto& [name, value] : headers->items()) {
      if (value.is_string()) source.headers.emplace_back(name, value.get<std::string>());
    }
  }
  const auto format = json.find("format");
  if (format != json.end() && format->is_object() && text_field(*format, "type") == "json") {
    source.field = text_field(*format, "subject_token_field_name");
    if (source.field.empty()) return "has a credential_source without subject_token_field_name";
  }
  return "";
}

}  // namespace

Result<std::unique_ptr<Grant>> make_external_grant(const json& json, const std::string& scope,
                                                   const std::string& of, const std::string& remedy,
                                                   http::HttpClient& http, Clock& clock) {
  ExternalAccount account{.audience = text_field(json, "audience"),
                          .token_type = text_field(json, "subject_token_type"),
                          .token_url = text_field(json, "token_url"),
                          .user_project = text_field(json, "workforce_pool_user_project"),
                          .scope = scope,
                          .source = {}};
  std::string why = read_source(json, account.source);
  if (account.audience.empty()) why = "has no audience";
  if (account.token_type.empty()) why = "has no subject_token_type";
  if (!is_safe_url(account.token_url)) why = "has no token_url that begins with https://";
  if (!why.empty()) return Error{ErrorCode::kLoginNeeded, cat(of, " ", why, "; ", remedy)};
  return std::unique_ptr<Grant>(
      std::make_unique<ExternalGrant>(std::move(account), of, remedy, http, clock));
}

}  // namespace driveway::auth
