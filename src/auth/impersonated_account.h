// Access tokens of a service account that another credential may act for (oauth reference 8,
// impersonated_service_account).
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "auth/grant.h"
#include "base/clock.h"
#include "http/http_client.h"

namespace driveway::auth {

struct Impersonation {
  std::string url;  // …:generateAccessToken
  std::vector<std::string> delegates{};
  // Of texts.
  std::string of{};
  std::string remedy{};
};

// Whether `url` may be sent a token: https, or this machine.
bool is_safe_url(const std::string& url);

// Each token takes one of `source`, which has another scope, and what it is exchanged for. `http`
// and `clock` must outlive it.
std::unique_ptr<Grant> make_impersonated_grant(std::unique_ptr<Grant> source, Impersonation how,
                                               http::HttpClient& http, Clock& clock);

}  // namespace driveway::auth
