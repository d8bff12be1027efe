// How a request is named in error texts and logs.
#pragma once

#include <string>
#include <string_view>

#include "http/http_client.h"

namespace driveway::http {

// "GET www.googleapis.com/drive/v3/files": method, host and path. No query, no user information,
// no fragment: those can hold tokens, upload ids and resource keys.
std::string request_text(std::string_view method, std::string_view url);

// "https://host:port" of `url`, in lower case; empty unless the scheme is http or https and there
// is a host.
std::string url_origin(std::string_view url);

}  // namespace driveway::http
