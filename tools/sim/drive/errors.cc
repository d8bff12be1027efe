#include "sim/drive/errors.h"

#include <utility>

#include <nlohmann/json.hpp>

#include "base/strings.h"

namespace driveway::sim {

namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view kSignInPage =
    "Expected OAuth 2 access token, login cookie or other valid authentication credential. See "
    "https://developers.google.com/identity/sign-in/web/devconsole-project.";

ApiError simple(int http, std::string_view reason, std::string_view message) {
  ApiError error;
  error.http = http;
  error.reason = reason;
  error.message = message;
  return error;
}

ApiError at_parameter(ApiError error, std::string_view location) {
  error.location = location;
  error.location_type = "parameter";
  return error;
}

ApiError at_authorization(ApiError error) {
  error.location = "Authorization";
  error.location_type = "header";
  return error;
}

std::string error_info(std::string_view reason, std::string_view method) {
  Json metadata = {{"service", "drive.googleapis.com"}};
  if (!method.empty()) metadata["method"] = cat("google.apps.drive.v3.", method);
  return Json::array({{{"@type", "type.googleapis.com/google.rpc.ErrorInfo"},
                       {"reason", reason},
                       {"domain", "googleapis.com"},
                       {"metadata", std::move(metadata)}}})
      .dump();
}

}  // namespace

std::string ApiError::body() const {
  Json first = {{"message", message}};
  if (!domain.empty()) first["domain"] = domain;
  first["reason"] = reason;
  if (!location.empty()) first["location"] = location;
  if (!location_type.empty()) first["locationType"] = location_type;
  Json error = {{"code", http}, {"message", top_message.empty() ? message : top_message}};
  error["errors"] = Json::array({std::move(first)});
  if (!status.empty()) error["status"] = status;
  if (!details.empty()) error["details"] = Json::parse(details, nullptr, false);
  // What a request sent may stand in a message, so it may be anything but UTF-8.
  return Json{{"error", std::move(error)}}.dump(1, ' ', false, Json::error_handler_t::replace) +
         "\n";
}

namespace errors {

ApiError not_found(std::string_view file_id) {
  return at_parameter(simple(404, "notFound", cat("File not found: ", file_id, ".")), "fileId");
}

ApiError invalid_credentials() {
  ApiError error = at_authorization(simple(401, "authError", "Invalid Credentials"));
  error.top_message = cat("Request had invalid authentication credentials. ", kSignInPage);
  error.status = "UNAUTHENTICATED";
  return error;
}

ApiError invalid_credentials_media() {
  return at_authorization(simple(401, "authError", "Invalid Credentials"));
}

ApiError login_required() {
  ApiError error = at_authorization(simple(401, "required", "Login Required."));
  error.top_message = cat("Request is missing required authentication credential. ", kSignInPage);
  error.status = "UNAUTHENTICATED";
  error.details = error_info("CREDENTIALS_MISSING", "");
  return error;
}

ApiError unregistered_caller() {
  ApiError error = simple(403, "forbidden",
                          "Method doesn't allow unregistered callers (callers without established "
                          "identity). Please use API Key or other form of API consumer identity to "
                          "call this API.");
  error.status = "PERMISSION_DENIED";
  return error;
}

ApiError insufficient_scope(std::string_view method) {
  ApiError error = simple(403, "insufficientPermissions", "Insufficient Permission");
  error.top_message = "Request had insufficient authentication scopes.";
  error.status = "PERMISSION_DENIED";
  error.details = error_info("ACCESS_TOKEN_SCOPE_INSUFFICIENT", method);
  return error;
}

ApiError insufficient_file_permissions() {
  return simple(403, "insufficientFilePermissions",
                "The user does not have sufficient permissions for this file.");
}

ApiError user_rate_limit() {
  ApiError error = simple(403, "userRateLimitExceeded",
                          "User Rate Limit Exceeded. Rate of requests for user exceed configured "
                          "project quota.");
  error.domain = "usageLimits";
  return error;
}

ApiError upload_cap() {
  ApiError error = simple(403, "userRateLimitExceeded", "User rate limit exceeded.");
  error.domain = "usageLimits";
  return error;
}

ApiError rate_limit_429() {
  ApiError error = simple(429, "rateLimitExceeded", "Rate Limit Exceeded");
  error.domain = "usageLimits";
  return error;
}

ApiError storage_quota() {
  return simple(403, "storageQuotaExceeded", "The user's Drive storage quota has been exceeded.");
}

ApiError service_account_storage() {
  ApiError error =
      simple(403, "storageQuotaExceeded",
             "Service Accounts do not have storage quota. Leverage shared drives "
             "(https://developers.google.com/workspace/drive/api/guides/about-shareddrives), or "
             "use OAuth delegation (http://support.google.com/a/answer/7281227) instead.");
  error.domain = "usageLimits";
  return error;
}

ApiError internal() { return simple(500, "internalError", "Internal Error"); }

ApiError backend(int http) {
  if (http == 502) return simple(http, "badGateway", "Bad Gateway");
  if (http == 504) return simple(http, "gatewayTimeout", "Gateway Timeout");
  return simple(http, "backendError", "Backend Error");
}

ApiError invalid_value(std::string_view location) {
  return at_parameter(simple(400, "invalid", "Invalid Value"), location);
}

ApiError required_parameter(std::string_view name) {
  return at_parameter(simple(400, "required", cat("Required parameter: ", name)), name);
}

ApiError invalid_field(std::string_view name) {
  return at_parameter(simple(400, "invalidParameter", cat("Invalid field selection ", name)),
                      "fields");
}

}  // namespace errors

}  // namespace driveway::sim
