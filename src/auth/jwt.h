// Signed assertions (oauth reference 7), by OpenSSL.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "base/secret.h"

namespace driveway::auth {

// "HEADER.CLAIMS.SIGNATURE", compact, signed RS256 with a private key in PEM (PKCS#8 or PKCS#1).
// `header` and `claims` are JSON texts. Errors: kInvalidArgument, where that is no RSA key.
Result<Secret> signed_jwt(std::string_view header, std::string_view claims,
                          const Secret& private_key_pem);

}  // namespace driveway::auth
