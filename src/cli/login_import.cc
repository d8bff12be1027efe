#include "cli/login_import.h"

#include "auth/gdfuse_login.h"
#include "auth/rclone_login.h"

namespace driveway::cli {

Result<auth::Credential> import_login(const auth::LoginMethod& method,
                                      const LoginArguments& arguments,
                                      const auth::Environment& environment) {
  if (!arguments.client_id.empty() || !arguments.client_secret.empty()) {
    return Error{ErrorCode::kInvalidArgument,
                 "a login that is taken over works with its own OAuth client alone: leave out "
                 "--client-id and --client-secret"};
  }
  if (arguments.read_only) {
    return Error{ErrorCode::kInvalidArgument,
                 "a login that is taken over keeps its rights: leave out --read-only, and mount "
                 "with --read-only"};
  }
  if (method.kind == auth::LoginMethod::Kind::kGdfuse) {
    return auth::read_gdfuse_login({.label = method.argument}, environment);
  }
  return auth::read_rclone_login(method.argument, environment);
}

}  // namespace driveway::cli
