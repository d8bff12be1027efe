// Access tokens for an identity of somewhere else: workload identity federation (oauth reference 8,
// external_account).
#pragma once

#include <memory>
#include <string>

#include <nlohmann/json_fwd.hpp>

#include "auth/grant.h"
#include "base/clock.h"
#include "base/result.h"
#include "http/http_client.h"

namespace driveway::auth {

// The identity's own token comes from a file or a URL (credential_source) and is exchanged at the
// file's token_url for one with `scope`. `of` and `remedy` are for texts. `http` and `clock` must
// outlive it. Errors: kLoginNeeded: a field is missing, or the source is of another kind.
Result<std::unique_ptr<Grant>> make_external_grant(const nlohmann::json& json,
                                                   const std::string& scope, const std::string& of,
                                                   const std::string& remedy,
                                                   http::HttpClient& http, Clock& clock);

}  // namespace driveway::auth
