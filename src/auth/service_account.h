// Access tokens by the key of a service account (oauth reference 7).
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include <nlohmann/json_fwd.hpp>

#include "auth/credential.h"
#include "auth/grant.h"
#include "auth/token_endpoint.h"
#include "base/clock.h"
#include "base/result.h"
#include "base/secret.h"

namespace driveway::auth {

struct ServiceAccountKey {
  std::string email;
  std::string key_id;
  Secret private_key;  // PEM
  // Of the assertion. It is sent to driveway's own token endpoint, whatever this says.
  std::string audience;
  std::string quota_project;  // as Credential's
  std::string subject;        // the user to act for (domain-wide delegation); "" = itself
  std::string scope{kScopeDrive};
};

// Of a key file. Errors: kLoginNeeded, "`what` …; `remedy`": a field is missing, or the key is no
// key.
Result<ServiceAccountKey> parse_service_account(const nlohmann::json& json, std::string_view what,
                                                std::string_view remedy);

// Signs an assertion for each token. `of` and `remedy` are for texts. `clock` must outlive it.
std::unique_ptr<Grant> make_service_account_grant(ServiceAccountKey key, TokenEndpoint endpoint,
                                                  Clock& clock, std::string of, std::string remedy);

}  // namespace driveway::auth
