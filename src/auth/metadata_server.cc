#include "auth/metadata_server.h"

#include <algorithm>
#include <optional>

#include "auth/credential.h"
#include "auth/json_fields.h"
#include "auth/token_retry.h"
#include "base/strings.h"

namespace driveway::auth {

namespace {

constexpr std::string_view kTokenPath =
    "/computeMetadata/v1/instance/service-accounts/default/token";
// After 0.5, 1 and 2 s at most: for a consent that has just been given.
constexpr int kConsentAttempts = 4;
// Once a host is reached.
constexpr Duration kAnswerPatience = std::chrono::seconds(3);
constexpr Duration kReachPatience = std::chrono::seconds(3);
constexpr std::int64_t kShortLife = 300;  // seconds, where none is said
constexpr std::string_view kMetadata = "metadata server";
constexpr std::string_view kMetadataRemedy =
    "in Colab run `from google.colab import auth; auth.authenticate_user()` in a cell and allow "
    "Drive; on a Google VM give its service account the scope of Drive; or run `driveway login`";

class MetadataGrant final : public Grant {
 public:
  MetadataGrant(MetadataOptions options, http::HttpClient& http, TokenInspector inspector,
                Clock& clock)
      : options_(std::move(options)),
        http_(http),
        inspector_(std::move(inspector)),
        clock_(clock) {}

  Result<TokenAnswer> obtain(const Context& context, int attempts, std::string& version) override {
    version = "";
    auto answer = ask_patiently<TokenAnswer>(
        context, clock_, host_ ? attempts : std::min(attempts, kConsentAttempts),
        [&](Duration& retry_after) {
          return host_ ? ask_known(context, retry_after) : ask_all(context, retry_after);
        });
    // Where it is only tried ahead of time, the old token lasts a little yet.
    if (!answer.failed_with(ErrorCode::kNotFound) || attempts == 1) return answer;
    return Error{ErrorCode::kLoginNeeded, cat(answer.error().message, "; ", kMetadataRemedy)};
  }
  std::string version() const override { return ""; }
  std::string describe() const override { return std::string(kMetadata); }
  std::string remedy() const override { return std::string(kMetadataRemedy); }
  std::string fingerprint() override { return ""; }

 private:
  Result<TokenAnswer> ask_known(const Context& context, Duration& retry_after) {
    return ask_for_drive(context, *host_, retry_after);
  }

  // Until one has what is wanted. Of the reasons why none has, the one that says most.
  Result<TokenAnswer> ask_all(const Context& context, Duration& retry_after) {
    std::optional<Error> reason;
    const TimePoint give_up = clock_.now() + options_.patience;
    for (std::size_t i = 0; i < options_.hosts.size(); ++i) {
      const auto hosts_left = static_cast<Duration::rep>(options_.hosts.size() - i);
      const Duration share = (give_up - clock_.now()) / hosts_left;
      if (share <= Duration()) break;
      if (!options_.hosts[i].is_named && !is_googles(context, options_.hosts[i], share)) continue;
      auto answer = ask_for_drive(context, options_.hosts[i], retry_after);
      if (answer.ok()) {
        host_ = options_.hosts[i];
        return answer;
      }
      DRIVEWAY_CHECK(context.check(clock_));
      const Error& error = answer.error();
      if (error.code == ErrorCode::kLoginNeeded) {
        reason = error;
      } else if (error.code == ErrorCode::kNotFound && !reason) {
        reason = error;
      }
    }
    return reason ? *reason : options_.nobody;
  }

  // The ping of Google's libraries: answered at once, where a token may take its time.
  bool is_googles(const Context& context, const MetadataHost& host, Duration patience) {
    const auto response = http_.fetch(context.with_deadline(clock_.now() + patience),
                                      request_to(host, "/", patience));
    return response.ok() && says_googles(*response);
  }
  static bool says_googles(const http::Response& response) {
    const std::string* const flavor = response.header("metadata-flavor");
    return flavor != nullptr && *flavor == "Google";
  }
  static http::Request request_to(const MetadataHost& host, std::string_view path, Duration reach) {
    http::Request request;
    request.url = cat(host.url, path);
    request.headers = {{"Metadata-Flavor", "Google"}};
    request.use_proxy = false;
    request.connect_timeout = std::max<Duration>(reach, std::chrono::milliseconds(50));
    request.max_body = kMiB;
    return request;
  }

  // A VM's own token may lack the scope where one that is asked for it has it (GKE, Cloud Run).
  Result<TokenAnswer> ask_for_drive(const Context& context, const MetadataHost& host,
                                    Duration& retry_after) {
    DRIVEWAY_TRY(TokenAnswer answer, ask(context, host, "", retry_after));
    if (lacks_drive(answer)) {
      const std::string query = cat("?scopes=", percent_encode(kScopeDrive));
      auto wider = ask(context, host, query, retry_after);
      if (wider.ok() && !lacks_drive(*wider)) return wider;
      return Error{ErrorCode::kLoginNeeded,
                   cat(kMetadata,
                       ": its token gives no access to Drive (it has neither the scope "
                       "drive nor drive.readonly); ",
                       kMetadataRemedy)};
    }
    return answer;
  }
  static bool lacks_drive(const TokenAnswer& answer) {
    return !answer.token.scopes.empty() && !allows_drive(answer.token.scopes);
  }

  // Errors: kNotFound (retryable: it has no token now), kUnavailable (nobody, or not Google's).
  Result<TokenAnswer> ask(const Context& context, const MetadataHost& host,
                          const std::string& query, Duration& retry_after) {
    auto response =
        http_.fetch(context.with_deadline(clock_.now() + kReachPatience + kAnswerPatience),
                    request_to(host, cat(kTokenPath, query), kReachPatience));
    if (!response.ok()) {
      DRIVEWAY_CHECK(context.check(clock_));
      return Error{ErrorCode::kUnavailable, cat(kMetadata, ": ", response.error()), true};
    }
    const bool is_known = host.is_named || says_googles(*response);
    if (is_known && response->status == 404) {
      return Error{ErrorCode::kNotFound, cat(kMetadata, ": it has no token for this machine"),
                   true};
    }
    retry_after = retry_after_of(*response);
    DRIVEWAY_TRY(TokenAnswer answer, read(*response, is_known));
    DRIVEWAY_CHECK(inspector_.complete(context, answer, describe(), remedy()));
    return answer;
  }

  Result<TokenAnswer> read(const http::Response& response, bool is_known) const {
    const auto json = parse_object(response.body);
    Secret token(json ? text_field(*json, "access_token") : "");
    if (!is_known || response.status != 200 || token.empty() || !is_header_text(token.reveal())) {
      return Error{ErrorCode::kUnavailable,
                   cat(kMetadata, ": HTTP ", response.status, " without a token"), true};
    }
    TokenAnswer answer;
    answer.token.value = std::move(token);
    answer.token.scopes = split_scopes(text_field(*json, "scope"));  // Colab's broker says it
    answer.lives_for(std::chrono::seconds(number_field(*json, "expires_in").value_or(kShortLife)),
                     clock_.now());
    return answer;
  }

  const MetadataOptions options_;
  http::HttpClient& http_;
  TokenInspector inspector_;
  Clock& clock_;
  std::optional<MetadataHost> host_;
};

}  // namespace

std::vector<MetadataHost> metadata_hosts(const Environment& environment) {
  if (!environment.metadata_host.empty()) {
    return {{cat("http://", environment.metadata_host), true}};
  }
  // The address too: the name is not known everywhere (oauth reference 10).
  std::vector<MetadataHost> hosts = {{"http://metadata.google.internal", false},
                                     {"http://169.254.169.254", false}};
  if (!environment.colab_broker.empty()) {
    hosts.push_back({cat("http://", environment.colab_broker), true});
  }
  return hosts;
}

std::unique_ptr<Grant> make_metadata_grant(MetadataOptions options, http::HttpClient& http,
                                           TokenInspector inspector, Clock& clock) {
  return std::make_unique<MetadataGrant>(std::move(options), http, std::move(inspector), clock);
}

}  // namespace driveway::auth
