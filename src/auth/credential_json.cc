#include "auth/credential_json.h"

#include <sys/stat.h>

#include "auth/json_fields.h"
#include "auth/login_store.h"
#include "base/strings.h"

namespace driveway::auth {

namespace {

constexpr std::int64_t kVersion = 1;

std::optional<WallTime> time_field(const nlohmann::json& json, const char* name) {
  const auto time = parse_rfc3339(text_field(json, name));
  return time.ok() ? std::optional<WallTime>(*time) : std::nullopt;
}

}  // namespace

Result<Credential> parse_credential(std::string_view text, std::string_view what,
                                    std::string_view remedy) {
  const auto json = parse_object(text);
  if (!json) {
    return Error{ErrorCode::kLoginNeeded, cat(what, " is damaged (not a JSON object); ", remedy)};
  }
  return credential_of(*json, what, remedy);
}

Result<Credential> credential_of(const nlohmann::json& json, std::string_view what,
                                 std::string_view remedy) {
  const auto refuse = [&](std::string_view why) {
    return Error{ErrorCode::kLoginNeeded, cat(what, " ", why, "; ", remedy)};
  };
  if (number_field(json, "version").value_or(kVersion) > kVersion) {
    return refuse("was written by a newer driveway");
  }
  Credential credential;
  credential.client = {text_field(json, "client_id"), Secret(text_field(json, "client_secret"))};
  credential.refresh_token = Secret(text_field(json, "refresh_token"));
  if (credential.client.id.empty()) return refuse("has no client_id");
  if (credential.refresh_token.empty()) return refuse("has no refresh_token");
  credential.account = text_field(json, "account");
  credential.quota_project = text_field(json, "quota_project_id");
  credential.created = time_field(json, "created");
  credential.grant_ends = time_field(json, "grant_ends");
  if (const auto scopes = json.find("scopes"); scopes != json.end() && scopes->is_array()) {
    for (const nlohmann::json& scope : *scopes) {
      if (scope.is_string()) credential.scopes.push_back(scope.get<std::string>());
    }
  }
  return credential;
}

std::string credential_json(const Credential& credential) {
  nlohmann::json json = {{"version", kVersion},
                         {"type", "authorized_user"},
                         {"client_id", credential.client.id},
                         {"client_secret", credential.client.secret.reveal()},
                         {"refresh_token", credential.refresh_token.reveal()},
                         {"scopes", credential.scopes}};
  if (!credential.account.empty()) json["account"] = credential.account;
  if (!credential.quota_project.empty()) json["quota_project_id"] = credential.quota_project;
  if (credential.created) json["created"] = format_rfc3339(*credential.created);
  if (credential.grant_ends) json["grant_ends"] = format_rfc3339(*credential.grant_ends);
  // `replace`: bytes that are no UTF-8 must not throw.
  return json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

std::string file_version(const std::filesystem::path& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0) return "";
  return cat(info.st_dev, ":", info.st_ino, ":", info.st_size, ":", info.st_mtim.tv_sec, ".",
             info.st_mtim.tv_nsec);
}

}  // namespace driveway::auth
