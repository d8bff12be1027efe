#include "cli/login_device.h"

#include "auth/device_login.h"

namespace driveway::cli {

Result<auth::Credential> device_login(const LoginArguments& arguments,
                                      const auth::Environment& environment, const Context& context,
                                      http::HttpClient& http, Clock& clock, std::ostream& out) {
  if (arguments.read_only) {
    return Error{ErrorCode::kInvalidArgument,
                 "Google gives a login by device no scope for reading only: leave out --read-only, "
                 "and mount with --read-only"};
  }
  DRIVEWAY_TRY(
      const auto client,
      auth::device_client(arguments.client_id, Secret(arguments.client_secret), environment));
  DRIVEWAY_TRY(const auto login,
               auth::begin_device_login(context, client, environment, http, clock));
  out << kDeviceReach
      << " For all of Drive: driveway login without --with.\n\nOn any machine open\n\n    "
      << login->url() << "\n\nand type the code\n\n    " << login->user_code()
      << "\n\nIt is good for "
      << std::chrono::duration_cast<std::chrono::minutes>(login->lifetime()).count()
      << " minutes. Waiting … " << std::flush;
  return login->wait(context);
}

}  // namespace driveway::cli
