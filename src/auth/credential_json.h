// Credentials as JSON that is parsed already.
#pragma once

#include <string_view>

#include <nlohmann/json_fwd.hpp>

#include "auth/credential.h"
#include "base/result.h"

namespace driveway::auth {

// As parse_credential() of login_store.h.
Result<Credential> credential_of(const nlohmann::json& json, std::string_view what,
                                 std::string_view remedy);

}  // namespace driveway::auth
