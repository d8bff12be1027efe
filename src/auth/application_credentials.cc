#include "auth/application_credentials.h"

#include <sys/stat.h>

#include "auth/json_fields.h"
#include "auth/login_store.h"
#include "base/file.h"
#include "base/log.h"
#include "base/strings.h"

namespace driveway::auth {

namespace {

namespace fs = std::filesystem;

constexpr std::string_view kVariable = "GOOGLE_APPLICATION_CREDENTIALS";
constexpr std::string_view kRemedy = "put a working file there, or run `driveway login`";
constexpr std::size_t kMaxCredentialsFile = 256 * 1024;

Error refuse(const fs::path& path, std::string_view why) {
  return Error{ErrorCode::kLoginNeeded,
               cat(kVariable, " names '", path.native(), "': ", why, "; ", kRemedy)};
}

// Ok if it says that it is an authorized_user (oauth reference 8).
Status check_type(const fs::path& path, std::string_view text) {
  const auto json = parse_object(text);
  if (!json) return refuse(path, "that is not a JSON object");
  const std::string type = text_field(*json, "type");
  if (type == "authorized_user") return {};
  if (type.empty() && (json->contains("installed") || json->contains("web"))) {
    return refuse(path,
                  "that is an OAuth client (client secrets file), not a login. Give its client_id "
                  "and client_secret to `driveway login` as --client-id and --client-secret");
  }
  const bool shown =
      type.size() <= 64 &&
      type.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_-") == std::string::npos;
  if (type.empty() || !shown) return refuse(path, "it has no known type");
  return refuse(
      path, cat("a credential of type ", type, " is not supported; supported is authorized_user"));
}

class ApplicationHome final : public CredentialHome {
 public:
  ApplicationHome(fs::path path, std::string quota_project)
      : path_(std::move(path)), quota_project_(std::move(quota_project)) {}

  Result<Credential> load() override {
    const std::string version = file_version(path_);
    if (kept_ && kept_version_ == version) return *kept_;
    if (version.empty()) return refuse(path_, "there is no such file");
    Result<std::string> text = read_file(path_, kMaxCredentialsFile);
    if (!text.ok()) return refuse(path_, text.error().message);
    const Secret content(*std::move(text));
    DRIVEWAY_CHECK(check_type(path_, content.reveal()));
    DRIVEWAY_TRY(kept_, parse_credential(content.reveal(), describe(), kRemedy));
    if (!quota_project_.empty()) kept_->quota_project = quota_project_;
    kept_version_ = version;
    return *kept_;
  }
  std::string version() const override { return file_version(path_); }
  Status replace_refresh_token(const Secret& old, const Secret& fresh) override {
    if (kept_ && kept_->refresh_token == old) kept_->refresh_token = fresh;
    return {};
  }
  std::optional<FileLock> lock(const Context&, Clock&) override { return std::nullopt; }
  std::string describe() const override { return cat(kVariable, " (authorized_user)"); }
  std::string remedy() const override { return std::string(kRemedy); }

 private:
  const fs::path path_;
  const std::string quota_project_;
  std::optional<Credential> kept_;
  std::string kept_version_;
};

}  // namespace

Result<std::unique_ptr<CredentialHome>> open_application_credentials(const fs::path& path,
                                                                     std::string quota_project) {
  auto home = std::make_unique<ApplicationHome>(path, std::move(quota_project));
  DRIVEWAY_CHECK(home->load());
  struct stat info {};
  if (::stat(path.c_str(), &info) == 0 && (info.st_mode & 077) != 0) {
    log::warn(kVariable, ": '", path.native(), "' is open to other users; chmod 600 it");
  }
  return std::unique_ptr<CredentialHome>(std::move(home));
}

}  // namespace driveway::auth
