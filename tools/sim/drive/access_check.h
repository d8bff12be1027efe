// Who calls: the token of a request, its scopes, and what is refused without them (drive-api
// reference 1.6, 1.8, 1.10).
#pragma once

#include <optional>
#include <string>

#include "sim/drive/routes.h"
#include "sim/drive/sim_state.h"
#include "sim/net/service.h"
#include "sim/oauth/token_verifier.h"

namespace driveway::sim {

// The access token of a request: the Authorization header, or the parameter access_token.
std::optional<std::string> access_token_of(const RequestHead& head);

// A batch whose own token is refused is refused as a whole. Throws Refused.
void check_login_of_batch(const RequestHead& head, TokenVerifier& tokens);
// Throws Refused: 401 or 403 in the forms of the method.
TokenInfo authenticate(const RequestHead& head, const Route& route, TokenVerifier& tokens);
// Throws Refused insufficientPermissions.
Viewer authorize(const TokenInfo& token, const Route& route);

}  // namespace driveway::sim
