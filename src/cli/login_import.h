// `driveway login --with gdfuse=LABEL`, `--with rclone=REMOTE`.
#pragma once

#include "auth/credential.h"
#include "auth/environment.h"
#include "auth/login_method.h"
#include "base/result.h"
#include "cli/commands.h"

namespace driveway::cli {

// The login that another program has stored, which is read and stays as it is. Errors:
// kInvalidArgument (a flag that an import has no use for); as read_gdfuse_login() and
// read_rclone_login(). REQUIRES method.is_import().
Result<auth::Credential> import_login(const auth::LoginMethod& method,
                                      const LoginArguments& arguments,
                                      const auth::Environment& environment);

}  // namespace driveway::cli
