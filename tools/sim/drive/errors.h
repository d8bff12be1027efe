// Drive's error bodies (drive-api reference 1.8–1.10), for every service of the simulator.
#pragma once

#include <string>
#include <string_view>

namespace driveway::sim {

struct ApiError {
  int http = 400;
  std::string reason;             // errors[0].reason
  std::string message;            // errors[0].message, and the top one unless top_message is set
  std::string domain = "global";  // "" = absent
  std::string location;           // "" = absent
  std::string location_type;      // "" = absent; "parameter", "header"
  std::string top_message;
  std::string status;   // "" = absent; "PERMISSION_DENIED", …
  std::string details;  // "" = absent; a JSON array as text

  // The envelope {"error":{…}}.
  std::string body() const;
};

namespace errors {
ApiError not_found(std::string_view file_id);
ApiError invalid_credentials();        // 401 authError, long top message, status
ApiError invalid_credentials_media();  // the short form of media and export
ApiError login_required();             // 401 required (POST, about)
ApiError unregistered_caller();        // 403 forbidden (GET list/get without a header)
ApiError insufficient_scope(std::string_view method);
ApiError insufficient_file_permissions();
ApiError user_rate_limit();  // 403 userRateLimitExceeded "User Rate Limit Exceeded…"
ApiError upload_cap();       // 403 userRateLimitExceeded "User rate limit exceeded."
ApiError rate_limit_429();   // 429 rateLimitExceeded
ApiError storage_quota();    // 403 storageQuotaExceeded
ApiError service_account_storage();
ApiError internal();                                 // 500 internalError
ApiError backend(int http);                          // 502, 503, 504
ApiError invalid_value(std::string_view location);   // 400 invalid "Invalid Value", parameter
ApiError required_parameter(std::string_view name);  // 400 required
ApiError invalid_field(
    std::string_view name);  // 400 invalidParameter "Invalid field selection NAME"
}  // namespace errors

}  // namespace driveway::sim
