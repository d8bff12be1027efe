// The discovery document of Drive v3, from which Google's client libraries build their methods
// (drive-api reference 1.1–1.4). Written by us: names, paths, parameters and types are the API's,
// the texts are not.
#pragma once

#include <string>
#include <string_view>

namespace driveway::sim {

// JSON. `root_url` is where the client reached the simulator, with its slash:
// "http://127.0.0.1:8080/". Thread-safe.
std::string discovery_document(std::string_view root_url);

// "https://HOST/" or "http://HOST/" of a request.
std::string root_url_of(std::string_view host, bool tls);

}  // namespace driveway::sim
