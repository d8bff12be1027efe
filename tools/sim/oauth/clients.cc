#include "sim/oauth/clients.h"

#include <algorithm>

#include "base/strings.h"

namespace driveway::sim {

namespace {

// "http://127.0.0.1", ":PORT" and "/path" behind it.
bool is_loopback(std::string_view uri) {
  for (const std::string_view host : {"http://127.0.0.1", "http://[::1]", "http://localhost"}) {
    if (!uri.starts_with(host)) continue;
    std::string_view rest = uri.substr(host.size());
    if (rest.starts_with(':')) {
      const std::size_t slash = std::min(rest.find('/'), rest.size());
      const auto port = parse_uint(rest.substr(1, slash - 1));
      if (!port || *port > 65535) return false;
      rest.remove_prefix(slash);
    }
    return rest.empty() || rest.front() == '/';
  }
  return false;
}

}  // namespace

bool OauthClient::allows_redirect(std::string_view uri) const {
  if (uri.find('#') != std::string_view::npos) return false;
  switch (type) {
    case Type::kInstalled:
      return is_loopback(uri);
    case Type::kWeb:
      return std::ranges::find(redirect_uris, uri) != redirect_uris.end();
    case Type::kTv:
      break;
  }
  return false;
}

std::vector<OauthClient> default_clients() {
  using Type = OauthClient::Type;
  const std::string project(kClientProject);
  return {{std::string(kInstalledClientId),
           "GOCSPX-simulatedInstalledClient01",
           Type::kInstalled,
           project,
           {}},
          {std::string(kTvClientId), "GOCSPX-simulatedTvClient00000002", Type::kTv, project, {}},
          {std::string(kWebClientId),
           "GOCSPX-simulatedWebClient0000003",
           Type::kWeb,
           project,
           {"https://app.example.com/callback"}}};
}

bool is_out_of_band(std::string_view redirect_uri) {
  return redirect_uri == "oob" || redirect_uri == "urn:ietf:wg:oauth:2.0:oob" ||
         redirect_uri == "urn:ietf:wg:oauth:2.0:oob:auto";
}

}  // namespace driveway::sim
