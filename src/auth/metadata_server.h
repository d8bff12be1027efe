// Access tokens of the machine itself: from the metadata server of a Google VM, and of Colab once
// the user has agreed (oauth reference 9 and 10).
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "auth/environment.h"
#include "auth/grant.h"
#include "auth/token_inspector.h"
#include "base/clock.h"
#include "base/result.h"
#include "http/http_client.h"

namespace driveway::auth {

struct MetadataHost {
  std::string url;  // "http://HOST[:PORT]"
  // The environment names it; else it must prove by "Metadata-Flavor: Google" that it is Google's.
  bool is_named = false;
};
// Those that may have one: the one of GCE_METADATA_HOST and no other; else the default host, by
// name and by address, and Colab's broker of TBE_EPHEM_CREDS_ADDR.
std::vector<MetadataHost> metadata_hosts(const Environment& environment);

struct MetadataOptions {
  std::vector<MetadataHost> hosts;  // metadata_hosts()
  Duration patience;                // with all hosts together, until one of them is reached
  Error nobody;                     // what it means that none of them is
};

// The first host that gives a token with a scope of Drive is the one that is asked from then on. A
// server that has no token yet (404: the user's consent has not come through) is asked again for
// some seconds. The grant has no fingerprint: whose token it is may change. Never through a proxy.
// `http` and `clock` must outlive it.
std::unique_ptr<Grant> make_metadata_grant(MetadataOptions options, http::HttpClient& http,
                                           TokenInspector inspector, Clock& clock);

}  // namespace driveway::auth
