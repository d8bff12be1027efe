#include "cli/login_text.h"

#include <algorithm>

#include <nlohmann/json.hpp>

#include "base/strings.h"

namespace driveway::cli {
namespace {

using nlohmann::json;

json time_or_null(const std::optional<WallTime>& time) {
  return time ? json(format_rfc3339(*time)) : json();
}

bool has(const std::vector<std::string>& scopes, std::string_view scope) {
  return std::find(scopes.begin(), scopes.end(), scope) != scopes.end();
}

std::string counted(std::int64_t count, std::string_view unit) {
  return cat(count, " ", unit, count == 1 ? "" : "s");
}

}  // namespace

bool is_read_only(const std::vector<std::string>& scopes) {
  return has(scopes, auth::kScopeDriveReadOnly) && !has(scopes, auth::kScopeDrive);
}

std::string scopes_in_words(const std::vector<std::string>& scopes) {
  if (has(scopes, auth::kScopeDrive)) return "all files of the Drive, to read and to change";
  if (has(scopes, auth::kScopeDriveReadOnly)) return "all files of the Drive, to read only";
  std::string names;
  for (const std::string& scope : scopes) names += cat(names.empty() ? "" : ", ", scope);
  return names.empty() ? "not known" : names;
}

std::string duration_in_words(const std::optional<WallTime>& grant_ends, WallTime now) {
  if (!grant_ends) return "until it is revoked, or not used for 6 months";
  if (*grant_ends <= now) return cat("it ended at ", format_rfc3339(*grant_ends));
  const auto hours = std::chrono::round<std::chrono::hours>(*grant_ends - now).count();
  return cat("until ", format_rfc3339(*grant_ends), " (in ",
             hours >= 48 ? counted((hours + 12) / 24, "day") : counted(hours, "hour"), ")");
}

json login_document(const std::string& name, const auth::Credential& credential) {
  return {{"account", name},
          {"email", credential.account},
          {"scopes", credential.scopes},
          {"read_only", is_read_only(credential.scopes)},
          {"created", time_or_null(credential.created)},
          {"grant_ends", time_or_null(credential.grant_ends)}};
}

}  // namespace driveway::cli
