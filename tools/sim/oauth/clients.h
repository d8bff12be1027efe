// The OAuth clients that the simulator knows, as a Cloud console lists them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace driveway::sim {

struct OauthClient {
  enum class Type { kInstalled, kTv, kWeb };
  std::string id;
  std::string secret;
  Type type = Type::kInstalled;
  std::string project;
  std::vector<std::string> redirect_uris;  // of kWeb: only these, exactly

  // Whether the consent page may send a user to `uri`: any port and path of 127.0.0.1, [::1] and
  // localhost over plain HTTP for installed clients (oauth-headless reference 2).
  bool allows_redirect(std::string_view uri) const;
};

// One of each type, in the project "driveway-sim"; the installed one is the default of
// TokenRequest::client_id. Their secrets are no secrets.
std::vector<OauthClient> default_clients();
inline constexpr std::string_view kInstalledClientId =
    "100000000001-drivewayinstalled.apps.googleusercontent.com";
inline constexpr std::string_view kTvClientId =
    "100000000001-drivewaytv.apps.googleusercontent.com";
inline constexpr std::string_view kWebClientId =
    "100000000001-drivewayweb.apps.googleusercontent.com";
inline constexpr std::string_view kClientProject = "driveway-sim";

// urn:ietf:wg:oauth:2.0:oob and its kin, which Google refuses (oauth-headless reference 3).
bool is_out_of_band(std::string_view redirect_uri);

}  // namespace driveway::sim
