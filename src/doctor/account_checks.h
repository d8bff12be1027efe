// The login, what it may do, and what Drive says to it.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "auth/token_source.h"
#include "base/context.h"
#include "base/result.h"
#include "doctor/finding.h"
#include "drive/item.h"

namespace driveway::doctor {

struct LoginCheck {
  Finding finding;
  std::optional<auth::AccessToken> token;
};
// Which login is used, and that it gives a token. `source`: as auth::choose_source gave it.
// "login".
LoginCheck check_login(const Context& context,
                       const Result<std::unique_ptr<auth::TokenSource>>& source);

// `scopes`: granted, Drive's among them (a source gives no other token); empty = Google did not
// say. `read_only`: a mount would be for reading only. "scopes".
Finding check_scopes(const std::vector<std::string>& scopes, bool read_only);

// `about`: what Drive answered. "drive_api".
Finding check_drive_api(const Result<drive::About>& about);
// Full: a failure, from 95 % on a warning. "storage".
Finding check_storage(const drive::About& about);

}  // namespace driveway::doctor
