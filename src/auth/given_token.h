// Access tokens that the user gives: in a file, by a command, in a variable (oauth reference 11).
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "auth/grant.h"
#include "auth/token_inspector.h"
#include "base/clock.h"
#include "base/result.h"
#include "base/secret.h"

namespace driveway::auth {

// A token alone, or JSON {"access_token" or "token", "expiry" (RFC 3339) or "expires_in" (seconds
// after `written`), "scope" or "scopes"}. Its life is unknown where it is not told. Errors:
// kLoginNeeded, "`of`: …; `remedy`": no token, or one that has expired.
Result<TokenAnswer> read_given_token(std::string_view text, WallTime written, const Clock& clock,
                                     std::string_view of, std::string_view remedy);

// All three ask `inspector` for what the token does not tell. `clock` must outlive them.

// The file is read anew when it has changed and when Drive has refused what was in it.
std::unique_ptr<Grant> make_token_file_grant(std::filesystem::path path, TokenInspector inspector,
                                             Clock& clock);
// `words` as run_command() takes them. Whose token a command prints is not known before it is run:
// the grant has no fingerprint.
std::unique_ptr<Grant> make_command_grant(std::vector<std::string> words, TokenInspector inspector,
                                          Clock& clock);
// DRIVEWAY_ACCESS_TOKEN.
std::unique_ptr<Grant> make_variable_grant(Secret token, TokenInspector inspector, Clock& clock);

}  // namespace driveway::auth
