#include "auth/credentials_file.h"

#include <sys/stat.h>

#include <mutex>

#include <nlohmann/json.hpp>

#include "auth/credential_json.h"
#include "auth/external_account.h"
#include "auth/impersonated_account.h"
#include "auth/json_fields.h"
#include "auth/login_store.h"
#include "auth/refresh_token_grant.h"
#include "auth/service_account.h"
#include "base/file.h"
#include "base/log.h"
#include "base/strings.h"

namespace driveway::auth {

namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using GrantResult = Result<std::unique_ptr<Grant>>;

constexpr std::size_t kMaxCredentialsFile = 256 * 1024;
constexpr std::string_view kCloudScope = "https://www.googleapis.com/auth/cloud-platform";
constexpr std::string_view kSupportedTypes =
    "authorized_user, service_account, impersonated_service_account and external_account";

// Why a file of this type, or of none, is of no use.
std::string why_unsupported(const json& json) {
  const std::string type = text_field(json, "type");
  if (type.empty() && (json.contains("installed") || json.contains("web"))) {
    return "that is an OAuth client (client secrets file), not a login. Give its client_id and "
           "client_secret to `driveway login` as --client-id and --client-secret";
  }
  const bool shown =
      type.size() <= 64 &&
      type.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_-") == std::string::npos;
  if (type.empty() || !shown) return "it has no known type";
  return cat("a credential of type ", type, " is not supported; supported are ", kSupportedTypes);
}

// The file as it is now: the grant within is made anew when the file has changed.
class CredentialsFileGrant final : public Grant {
 public:
  CredentialsFileGrant(fs::path path, std::string name, std::string remedy, CredentialsParts parts)
      : path_(std::move(path)),
        name_(std::move(name)),
        remedy_(std::move(remedy)),
        parts_(std::move(parts)) {}

  Status load() {
    const std::string version = file_version(path_);
    if (inner_ && loaded_ == version) return {};
    inner_.reset();
    if (version.empty()) return refuse("there is no such file");
    Result<std::string> text = read_file(path_, kMaxCredentialsFile);
    if (!text.ok()) return refuse(text.error().message);
    const Secret content(*std::move(text));
    const auto json = parse_object(content.reveal());
    if (!json) return refuse("that is not a JSON object");
    const std::string of = cat(name_, " (", text_field(*json, "type"), ")");
    auto inner = grant_of_credentials(*json, of, remedy_, parts_);
    if (!inner.ok()) return wrap_refusal(std::move(inner).error());
    inner_ = *std::move(inner);
    loaded_ = version;
    const std::lock_guard lock(mutex_);
    described_ = of;
    return {};
  }

  Result<TokenAnswer> obtain(const Context& context, int attempts, std::string& version) override {
    version = file_version(path_);
    DRIVEWAY_CHECK(load());
    std::string ignored;
    return inner_->obtain(context, attempts, ignored);
  }
  std::string version() const override { return file_version(path_); }
  std::string describe() const override {
    const std::lock_guard lock(mutex_);
    return described_;
  }
  std::string remedy() const override { return remedy_; }
  std::string fingerprint() override { return inner_ ? inner_->fingerprint() : ""; }

 private:
  Error refuse(std::string_view why) const {
    return Error{ErrorCode::kLoginNeeded,
                 cat(name_, " names '", path_.native(), "': ", why, "; ", remedy_)};
  }
  Error wrap_refusal(Error error) const {
    return wrap(std::move(error), cat(name_, " names '", path_.native(), "'"));
  }

  const fs::path path_;
  const std::string name_;
  const std::string remedy_;
  const CredentialsParts parts_;
  std::unique_ptr<Grant> inner_;
  std::string loaded_;  // its version
  mutable std::mutex mutex_;
  std::string described_;  // guarded by mutex_
};

// The credential that asks for tokens of the service account at `url` (oauth reference 8): for
// Google's cloud, not for Drive.
CredentialsParts parts_of_source(CredentialsParts parts) {
  parts.scope = kCloudScope;
  return parts;
}

GrantResult impersonated(std::unique_ptr<Grant> source, const json& json, const std::string& of,
                         const std::string& remedy, const CredentialsParts& parts) {
  Impersonation how{
      .url = text_field(json, "service_account_impersonation_url"), .of = of, .remedy = remedy};
  if (!is_safe_url(how.url)) {
    return Error{
        ErrorCode::kLoginNeeded,
        cat(of, " has no service_account_impersonation_url that begins with https://; ", remedy)};
  }
  if (const auto list = json.find("delegates"); list != json.end() && list->is_array()) {
    for (const auto& one : *list) {
      if (one.is_string()) how.delegates.push_back(one.get<std::string>());
    }
  }
  return make_impersonated_grant(std::move(source), std::move(how), parts.http, parts.clock);
}

GrantResult impersonated_service_account(const json& json, const std::string& of,
                                         const std::string& remedy, const CredentialsParts& parts) {
  const auto source = json.find("source_credentials");
  const bool usable = source != json.end() && source->is_object() &&
                      text_field(*source, "type") != "impersonated_service_account";
  if (!usable && json.contains("service_account_impersonation_url")) {
    return Error{ErrorCode::kLoginNeeded, cat(of, " has no source_credentials; ", remedy)};
  }
  std::unique_ptr<Grant> asking;
  if (usable) {
    DRIVEWAY_TRY(asking, grant_of_credentials(*source, of, remedy, parts_of_source(parts)));
  }
  return impersonated(std::move(asking), json, of, remedy, parts);
}

GrantResult external_account(const json& json, const std::string& of, const std::string& remedy,
                             const CredentialsParts& parts) {
  const bool for_another = json.contains("service_account_impersonation_url");
  DRIVEWAY_TRY(auto own,
               make_external_grant(json, for_another ? std::string(kCloudScope) : parts.scope, of,
                                   remedy, parts.http, parts.clock));
  if (!for_another) return own;
  return impersonated(std::move(own), json, of, remedy, parts);
}

}  // namespace

GrantResult grant_of_credentials(const json& json, const std::string& of, const std::string& remedy,
                                 const CredentialsParts& parts) {
  const std::string type = text_field(json, "type");
  if (type == "service_account") {
    DRIVEWAY_TRY(ServiceAccountKey key, parse_service_account(json, of, remedy));
    if (!parts.quota_project.empty()) key.quota_project = parts.quota_project;
    key.subject = parts.subject;
    key.scope = parts.scope;
    return make_service_account_grant(std::move(key), parts.endpoint, parts.clock, of, remedy);
  }
  if (!parts.subject.empty()) {
    return Error{ErrorCode::kInvalidArgument,
                 "--subject is for the key of a service account, which this is not"};
  }
  if (type == "authorized_user") {
    DRIVEWAY_TRY(Credential credential, credential_of(json, of, remedy));
    if (!parts.quota_project.empty()) credential.quota_project = parts.quota_project;
    return make_refresh_token_grant(make_memory_home(std::move(credential), of, remedy),
                                    parts.endpoint, parts.clock);
  }
  if (type == "impersonated_service_account") {
    return impersonated_service_account(json, of, remedy, parts);
  }
  if (type == "external_account") return external_account(json, of, remedy, parts);
  return Error{ErrorCode::kLoginNeeded, cat(why_unsupported(json), "; ", remedy)};
}

GrantResult open_credentials_file(const fs::path& path, const std::string& name,
                                  const std::string& remedy, const CredentialsParts& parts) {
  auto grant = std::make_unique<CredentialsFileGrant>(path, name, remedy, parts);
  DRIVEWAY_CHECK(grant->load());
  struct stat info {};
  if (::stat(path.c_str(), &info) == 0 && (info.st_mode & 077) != 0) {
    log::warn(name, ": '", path.native(), "' is open to other users; chmod 600 it");
  }
  return std::unique_ptr<Grant>(std::move(grant));
}

}  // namespace driveway::auth
