#include "auth/gdfuse_login.h"

#include <algorithm>

#include "auth/login_store.h"
#include "base/strings.h"

namespace driveway::auth {

namespace {

namespace fs = std::filesystem;

// What its config names as the client where its own server gives out the tokens.
constexpr std::string_view kProxyClient = "gaeproxy";
constexpr std::string_view kGdfuse = "google-drive-ocamlfuse";

fs::path base_folder(const GdfusePlace& place, const Environment& environment) {
  return place.base_folder.empty() ? environment.home / ".gdfuse" : place.base_folder;
}

bool is_there(const fs::path& path) { return !file_version(path).empty(); }

fs::path xdg_config_path(const GdfusePlace& place, const Environment& environment) {
  return environment.config_home / "gdfuse" / place.label / "config";
}

bool uses_xdg_folders(const GdfusePlace& place, const Environment& environment) {
  if (!place.config.empty()) return false;
  return place.xdg_folders || is_there(xdg_config_path(place, environment));
}

// Where nobody says which label there is, a user can only guess.
std::string labels_there(const GdfusePlace& place, const Environment& environment) {
  std::string text;
  for (const std::string& label : gdfuse_labels(place, environment)) {
    text += cat(text.empty() ? "" : ", ", label);
  }
  return text.empty() ? cat("there is none of ", kGdfuse, " here; run `driveway login`")
                      : cat("its labels here are: ", text);
}

Error gdfuse_unusable(std::string_view what, std::string_view why) {
  return Error{ErrorCode::kLoginNeeded, cat(what, " cannot be taken over: ", why)};
}

// Ok: it holds an OAuth client, and no service account.
Status check_config(const GdfuseConfig& config, std::string_view what) {
  if (const std::string key = config.text("service_account_credentials_path"); !key.empty()) {
    const std::string subject = config.text("service_account_user_to_impersonate");
    return gdfuse_unusable(
        what, cat("it is a service account, which needs no login: `driveway mount MOUNTPOINT "
                  "--with 'credentials=",
                  key, "'", subject.empty() ? "" : cat(" --subject ", subject), "`"));
  }
  const std::string client = config.text("client_id");
  if (client.empty() || client == kProxyClient) {
    return gdfuse_unusable(what,
                           cat("it was made through the proxy of ", kGdfuse,
                               ", which alone can renew it. Run `driveway login` with an OAuth "
                               "client of your own"));
  }
  return {};
}

}  // namespace

fs::path gdfuse_config_path(const GdfusePlace& place, const Environment& environment) {
  if (!place.config.empty()) return place.config;
  if (uses_xdg_folders(place, environment)) return xdg_config_path(place, environment);
  return base_folder(place, environment) / place.label / "config";
}

fs::path gdfuse_data_folder(const GdfusePlace& place, const Environment& environment,
                            const GdfuseConfig& config) {
  if (fs::path named = config.text("data_directory"); !named.empty()) return named;
  if (uses_xdg_folders(place, environment)) {
    return environment.data_home / "gdfuse" / place.label;
  }
  return base_folder(place, environment) / place.label;
}

fs::path gdfuse_cache_folder(const GdfusePlace& place, const Environment& environment,
                             const GdfuseConfig& config) {
  if (fs::path named = config.text("cache_directory"); !named.empty()) return named;
  if (uses_xdg_folders(place, environment)) {
    return environment.cache_home / "gdfuse" / place.label;
  }
  return gdfuse_data_folder(place, environment, config) / "cache";
}

std::set<std::string> gdfuse_labels(const GdfusePlace& place, const Environment& environment) {
  std::set<std::string> labels;
  for (const fs::path& folder :
       {base_folder(place, environment), environment.config_home / "gdfuse"}) {
    std::error_code failed;
    for (fs::directory_iterator entry(folder, failed), end; !failed && entry != end;
         entry.increment(failed)) {
      if (is_there(entry->path() / "config")) labels.insert(entry->path().filename().string());
    }
  }
  return labels;
}

Status check_gdfuse_label(const std::string& label) {
  if (!label.empty() && label != "." && label != ".." && label.find('/') == std::string::npos) {
    return {};
  }
  return Error{ErrorCode::kInvalidArgument, cat("'", label, "' cannot be a label of ", kGdfuse)};
}

Result<Credential> read_gdfuse_login(const GdfusePlace& place, const Environment& environment) {
  DRIVEWAY_CHECK(check_gdfuse_label(place.label));
  const std::string what = cat("the login '", place.label, "' of ", kGdfuse);
  const fs::path path = gdfuse_config_path(place, environment);
  const auto config = GdfuseConfig::read(path);
  if (config.failed_with(ErrorCode::kNotFound)) {
    return Error{ErrorCode::kLoginNeeded,
                 cat("there is no '", path.native(), "': ", labels_there(place, environment))};
  }
  if (!config.ok()) return wrap(config.error(), what);
  DRIVEWAY_CHECK(check_config(*config, what));

  const fs::path state_path = gdfuse_data_folder(place, environment, *config) / "state";
  const auto state = GdfuseConfig::read(state_path);
  if (!state.ok() && !state.failed_with(ErrorCode::kNotFound)) return wrap(state.error(), what);
  Credential credential;
  if (state.ok()) credential.refresh_token = Secret(state->text("refresh_token"));
  if (credential.refresh_token.empty()) {
    return gdfuse_unusable(what, cat("it was not finished ('", state_path.native(),
                                     "' has no refresh_token). Run `driveway login`"));
  }
  credential.client = {config->text("client_id"), Secret(config->text("client_secret"))};
  credential.scopes = split_scopes(config->text("scope"));
  return credential;
}

}  // namespace driveway::auth
