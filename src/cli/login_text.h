// How a login is told of: by `login`, `accounts` and `logout`.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "auth/credential.h"
#include "base/clock.h"

namespace driveway::cli {

// Whether files can be read with these scopes, but not changed.
bool is_read_only(const std::vector<std::string>& scopes);
// "all files of the Drive, to read and to change"; other scopes by their names.
std::string scopes_in_words(const std::vector<std::string>& scopes);
// "until 2026-12-04T10:00:00.000Z (in 7 days)", or that no end is known.
std::string duration_in_words(const std::optional<WallTime>& grant_ends, WallTime now);

// "account" (the name), "email", "scopes", "read_only", "created", "grant_ends" (RFC 3339; null: no
// end is known).
nlohmann::json login_document(const std::string& name, const auth::Credential& credential);

}  // namespace driveway::cli
