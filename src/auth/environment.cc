#include "auth/environment.h"

#include <pwd.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "base/strings.h"

namespace driveway::auth {

namespace {

std::string variable(const char* name, std::string fallback = "") {
  const char* value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe)
  return value == nullptr || *value == '\0' ? std::move(fallback) : std::string(value);
}

std::string url_variable(const char* name, std::string fallback) {
  std::string url = variable(name, std::move(fallback));
  while (url.ends_with('/')) url.pop_back();
  return url;
}

constexpr const char* kAccessToken = "DRIVEWAY_ACCESS_TOKEN";
constexpr const char* kClientSecret = "DRIVEWAY_CLIENT_SECRET";

Secret& hidden_access_token() {
  static Secret token;
  return token;
}

Secret& hidden_client_secret() {
  static Secret secret;
  return secret;
}

Secret secret_variable(const char* name, const Secret& hidden) {
  Secret value(variable(name));
  return value.empty() ? hidden : value;
}

void hide(const char* name, Secret& hidden) {
  hidden = Secret(variable(name));
  char* const value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe)
  if (value == nullptr) return;
  std::fill_n(value, std::strlen(value), '*');  // what /proc/PID/environ shows is this memory
  ::unsetenv(name);                             // NOLINT(concurrency-mt-unsafe)
}

std::filesystem::path home_folder() {
  std::filesystem::path home = variable("HOME");
  if (home.empty()) {
    const passwd* user = ::getpwuid(::geteuid());  // NOLINT(concurrency-mt-unsafe)
    home = user == nullptr ? "/" : user->pw_dir;
  }
  return home;
}

std::filesystem::path xdg_folder(const char* name, const char* below_home) {
  // The XDG specification: a relative path counts as not set.
  if (std::filesystem::path path = variable(name); path.is_absolute()) return path;
  return home_folder() / below_home;
}

std::filesystem::path gcloud_folder() {
  std::filesystem::path folder = variable("CLOUDSDK_CONFIG");
  return folder.empty() ? home_folder() / ".config" / "gcloud" : folder;
}

}  // namespace

Environment Environment::from_process() {
  Environment environment;
  environment.oauth_url = url_variable("DRIVEWAY_OAUTH_URL", environment.oauth_url);
  environment.accounts_url = url_variable("DRIVEWAY_ACCOUNTS_URL", environment.accounts_url);
  environment.home = home_folder();
  environment.config_home = xdg_folder("XDG_CONFIG_HOME", ".config");
  environment.data_home = xdg_folder("XDG_DATA_HOME", ".local/share");
  environment.cache_home = xdg_folder("XDG_CACHE_HOME", ".cache");
  environment.rclone_config = variable("RCLONE_CONFIG");
  environment.config_folder = environment.config_home / "driveway";
  environment.application_credentials = variable("GOOGLE_APPLICATION_CREDENTIALS");
  environment.gcloud_credentials = gcloud_folder() / "application_default_credentials.json";
  environment.colab_credentials = "/content/.adc/adc.json";
  environment.access_token = secret_variable(kAccessToken, hidden_access_token());
  environment.metadata_host = variable("GCE_METADATA_HOST", variable("GCE_METADATA_ROOT"));
  environment.colab_broker = variable("TBE_EPHEM_CREDS_ADDR");
  environment.no_metadata = to_lower(variable("NO_GCE_CHECK")) == "true";
  environment.quota_project = variable("GOOGLE_CLOUD_QUOTA_PROJECT");
  environment.client_id = variable("DRIVEWAY_CLIENT_ID");
  environment.client_secret = secret_variable(kClientSecret, hidden_client_secret());
  return environment;
}

void guard_secrets() {
  ::prctl(PR_SET_DUMPABLE, 0);
  hide(kAccessToken, hidden_access_token());
  hide(kClientSecret, hidden_client_secret());
}

}  // namespace driveway::auth
