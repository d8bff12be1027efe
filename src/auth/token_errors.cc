#include "auth/token_errors.h"

#include <algorithm>
#include <array>

#include "auth/json_fields.h"
#include "base/strings.h"

namespace driveway::auth {

namespace {

// A login of a client in status "Testing" lives for 7 days (oauth reference 5). Some hours less, so
// that a refusal in the night before is recognised too.
constexpr auto kTestingLife = std::chrono::hours(7 * 24 - 6);

constexpr std::string_view kPublish =
    "If the OAuth client's consent screen is in publishing status \"Testing\", each login ends "
    "after 7 days: set it to \"In production\" first";

struct Refusal {
  std::string error, description, subtype;
};

bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

bool is_transient(int status, std::string_view error) {
  static constexpr std::array<int, 2> kStatuses = {408, 429};
  static constexpr std::array<std::string_view, 4> kErrors = {
      "internal_failure", "server_error", "temporarily_unavailable", "rate_limit_exceeded"};
  return status >= 500 ||
         std::find(kStatuses.begin(), kStatuses.end(), status) != kStatuses.end() ||
         std::find(kErrors.begin(), kErrors.end(), error) != kErrors.end();
}

// Only what can be an error's name: the rest of an answer is never shown.
std::string shown_name(std::string_view error) {
  const bool plain =
      !error.empty() && error.size() <= 64 && std::all_of(error.begin(), error.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
      });
  return plain ? std::string(error) : "an error without a name";
}

std::string why_grant_is_invalid(const Refusal& refusal, const TokenPurpose& purpose,
                                 WallTime now) {
  const std::string described = to_lower(refusal.description);
  if (refusal.subtype == "invalid_rapt" || contains(described, "reauth")) {
    return "the account's organisation asks for a new sign-in from time to time";
  }
  if (contains(described, "deleted") || contains(described, "disabled") ||
      contains(described, "suspended") || contains(described, "account not found")) {
    return "the Google account has been deleted or suspended";
  }
  if (purpose.grant_ends && now >= *purpose.grant_ends) {
    return cat("the access was given until ", format_rfc3339(*purpose.grant_ends), ". ", kPublish);
  }
  if (purpose.created && now - *purpose.created < kTestingLife) {
    return "the access was revoked in the Google account, or ended by a newer login (a client "
           "keeps "
           "100 per account) or a change of the password";
  }
  return cat("the access was revoked or has ended (also after 6 months without use). ", kPublish);
}

// Of a service account's signed assertion (oauth reference 7).
std::string why_assertion_is_refused(const Refusal& refusal,
                                     std::optional<std::chrono::seconds> clock_ahead) {
  const std::string described = to_lower(refusal.description);
  if (contains(described, "signature")) {
    return "the key was revoked, or is not this account's: make a new key for the service account "
           "in the Cloud console (IAM & Admin, Service Accounts, Keys)";
  }
  if (contains(described, "audience check")) {
    return "the file's token_uri is none of Google's: it should be "
           "https://oauth2.googleapis.com/token";
  }
  if (contains(described, "short-lived")) {
    return clock_ahead ? wrong_clock_text(*clock_ahead)
                       : "this machine's clock is wrong by some minutes: set it";
  }
  if (contains(described, "account not found")) {
    return "the service account does not exist (any more), or is disabled";
  }
  if (contains(described, "invalid email or user id")) {
    return "there is no such user as --subject names in the service account's organisation";
  }
  if (refusal.error == "unauthorized_client") {
    return "it may not act for the user of --subject: in the Workspace admin console (Security, "
           "API controls, domain-wide delegation) give its numeric client id the scope "
           "https://www.googleapis.com/auth/drive; that takes up to a day";
  }
  return "";
}

std::string why_code_is_invalid() {
  return "the code was used already, is older than a few minutes, was cut off when it was copied, "
         "or belongs to another attempt";
}

// Why a login of this client can never work again, or not as it is; "" for other errors.
std::string why_client_is_refused(std::string_view error) {
  if (error == "invalid_client") return "the OAuth client's id or secret is wrong";
  if (error == "deleted_client") {
    return "the OAuth client has been deleted (Google does that after 6 months without use; it can "
           "be restored in the Cloud console for 30 days)";
  }
  if (error == "disabled_client") return "the OAuth client has been disabled";
  if (error == "unauthorized_client") {
    return "the login belongs to another OAuth client, or this one may not be used like this";
  }
  if (error == "redirect_uri_mismatch") {
    return "the OAuth client is not of the type \"Desktop app\"";
  }
  if (error == "admin_policy_enforced") {
    return "the account's organisation does not allow this access to Drive";
  }
  if (error == "org_internal") {
    return "the OAuth client is only for accounts of its own organisation";
  }
  if (error == "access_denied") return "the access was denied";
  if (error == "invalid_scope") return "the login does not cover what was asked for";
  return "";
}

// Of a token of somewhere else (oauth reference 8, external_account).
std::string why_exchange_is_refused(std::string_view error) {
  if (error == "invalid_grant") {
    return "the token of its credential_source has expired, or the provider of the workload "
           "identity pool does not accept it";
  }
  if (error == "invalid_target" || error == "invalid_request") {
    return "its audience names no provider of a workload identity pool, or the provider is "
           "disabled";
  }
  return why_client_is_refused(error);
}

// Of a code that a user types into Google's page (oauth reference 4).
Error device_refusal(const Refusal& refusal, const TokenPurpose& purpose) {
  if (refusal.error == "authorization_pending") {
    return {ErrorCode::kBusy, cat(purpose.of, ": not answered yet")};
  }
  if (refusal.error == "slow_down") {
    return {ErrorCode::kRateLimited, cat(purpose.of, ": asked too often")};
  }
  const bool by_people = refusal.error == "access_denied" ||
                         refusal.error == "admin_policy_enforced" ||
                         refusal.error == "org_internal";
  std::string why = why_client_is_refused(refusal.error);
  if (refusal.error == "invalid_grant" || refusal.error == "expired_token") {
    why = "the code has expired, or was used already";
  } else if (refusal.error == "invalid_client" &&
             contains(to_lower(refusal.description), "client type")) {
    why =
        "the OAuth client is not of the type \"TVs and Limited Input devices\": make one of that "
        "type";
  }
  return {by_people ? ErrorCode::kPermissionDenied : ErrorCode::kLoginNeeded,
          cat(purpose.of, ": Google refuses it (", shown_name(refusal.error), ")",
              why.empty() ? "" : ": ", why, "; ", purpose.remedy)};
}

}  // namespace

std::string wrong_clock_text(std::chrono::seconds ahead) {
  return cat("this machine's clock is ", std::chrono::abs(ahead).count(), " s ",
             ahead.count() > 0 ? "ahead of" : "behind", " Google's: set it");
}

Error token_refusal(int http_status, std::string_view body, const TokenPurpose& purpose,
                    WallTime now, std::optional<std::chrono::seconds> clock_ahead) {
  Refusal refusal;
  if (const auto json = parse_object(body)) {
    refusal = {text_field(*json, "error"), text_field(*json, "error_description"),
               text_field(*json, "error_subtype")};
    if (refusal.error.empty()) refusal.error = text_field(*json, "error_code");
  }
  if (refusal.error.empty() || is_transient(http_status, refusal.error)) {
    std::string detail;
    if (!refusal.error.empty()) {
      detail = cat(" ", shown_name(refusal.error));
    } else if (!is_transient(http_status, "")) {
      detail = " with something that is not OAuth's (a page of the network?)";
    }
    return Error{ErrorCode::kUnavailable,
                 cat(purpose.of, ": Google's token service answers HTTP ", http_status, detail),
                 true};
  }
  if (purpose.kind == TokenPurpose::Kind::kDevice) return device_refusal(refusal, purpose);
  std::string why;
  if (purpose.kind == TokenPurpose::Kind::kAssertion) {
    why = why_assertion_is_refused(refusal, clock_ahead);
    if (why.empty()) why = why_client_is_refused(refusal.error);
  } else if (purpose.kind == TokenPurpose::Kind::kExchange) {
    why = why_exchange_is_refused(refusal.error);
  } else if (refusal.error == "invalid_grant") {
    why = purpose.kind == TokenPurpose::Kind::kCode ? why_code_is_invalid()
                                                    : why_grant_is_invalid(refusal, purpose, now);
  } else {
    why = why_client_is_refused(refusal.error);
  }
  return Error{ErrorCode::kLoginNeeded,
               cat(purpose.of, ": Google refuses it (", shown_name(refusal.error), ")",
                   why.empty() ? "" : ": ", why, "; ", purpose.remedy)};
}

}  // namespace driveway::auth
