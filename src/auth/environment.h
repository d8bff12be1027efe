// What auth takes from the process's environment, read once and passed in: tests pass their own.
#pragma once

#include <filesystem>
#include <string>

#include "base/secret.h"

namespace driveway::auth {

struct Environment {
  // Without a slash at the end (oauth reference 1).
  std::string oauth_url = "https://oauth2.googleapis.com";
  std::string accounts_url = "https://accounts.google.com";
  // $XDG_CONFIG_HOME/driveway, else ~/.config/driveway.
  std::filesystem::path config_folder{};
  // $HOME, $XDG_CONFIG_HOME, $XDG_DATA_HOME and $XDG_CACHE_HOME, or what stands for them: other
  // programs' logins and caches.
  std::filesystem::path home{};
  std::filesystem::path config_home{};
  std::filesystem::path data_home{};
  std::filesystem::path cache_home{};
  // RCLONE_CONFIG; empty = not set.
  std::filesystem::path rclone_config{};
  // GOOGLE_APPLICATION_CREDENTIALS; empty = not set.
  std::filesystem::path application_credentials{};
  // gcloud's file of Application Default Credentials, in $CLOUDSDK_CONFIG, else ~/.config/gcloud;
  // and Colab's, of its older way to log in (oauth reference 8 and 10). They need not be there.
  std::filesystem::path gcloud_credentials{};
  std::filesystem::path colab_credentials{};
  // DRIVEWAY_ACCESS_TOKEN; empty = not set.
  Secret access_token{};
  // GCE_METADATA_HOST, or its old name GCE_METADATA_ROOT: "HOST[:PORT]"; empty = not set.
  std::string metadata_host{};
  // TBE_EPHEM_CREDS_ADDR, of a notebook in Colab: "HOST:PORT"; empty = not set.
  std::string colab_broker{};
  // NO_GCE_CHECK: no metadata server is looked for unless it is asked for.
  bool no_metadata = false;
  // GOOGLE_CLOUD_QUOTA_PROJECT; empty = not set.
  std::string quota_project{};
  // The user's own OAuth client: DRIVEWAY_CLIENT_ID, DRIVEWAY_CLIENT_SECRET.
  std::string client_id{};
  Secret client_secret{};

  // Not thread-safe against setenv(): call it early.
  static Environment from_process();
};

// Takes DRIVEWAY_ACCESS_TOKEN and DRIVEWAY_CLIENT_SECRET out of the process's variables, so that no
// child gets them, and out of /proc/PID/environ; from_process() goes on knowing them. The process
// leaves no core, which would have them, and the tokens, in it. For main(), before the first
// thread.
void guard_secrets();

}  // namespace driveway::auth
