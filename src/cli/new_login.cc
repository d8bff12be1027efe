#include "cli/new_login.h"

#include <nlohmann/json.hpp>

#include "auth/login.h"
#include "auth/login_store.h"
#include "base/log.h"
#include "cli/daemons.h"
#include "drive/drive_store.h"
#include "drive/store_stack.h"

namespace driveway::cli {
namespace {

constexpr auto kTrialPatience = std::chrono::minutes(1);
constexpr auto kWakePatience = std::chrono::seconds(5);

Result<drive::About> try_out(const Context& context, const LoginPlace& place,
                             auth::Credential& credential) {
  const auto tokens =
      auth::make_trial_source(credential, place.environment, place.http, place.clock);
  const auto stack = drive::make_store_stack(
      drive::make_drive_store(place.http, *tokens, place.clock), {}, place.clock, place.metrics);
  const Context trial = context.with_deadline(place.clock.now() + kTrialPatience);
  DRIVEWAY_TRY(drive::About who, stack->store().about(trial));
  const auto token = tokens->token(trial);
  if (token.ok() && !token->scopes.empty()) credential.scopes = token->scopes;
  return who;
}

}  // namespace

auth::Environment login_environment(const Settings& settings) {
  auto environment = auth::Environment::from_process();
  if (environment.client_id.empty() && !settings.file_text("client-id").empty()) {
    environment.client_id = settings.file_text("client-id");
    environment.client_secret = Secret(settings.file_text("client-secret"));
  }
  return environment;
}

Result<drive::About> keep_login(const Context& context, const LoginPlace& place,
                                auth::Credential& credential, bool on_trust) {
  const auth::LoginStore store(place.environment.config_folder, place.clock);
  auto who = try_out(context, place, credential);
  if (who.ok()) {
    credential.account = who->email;
    DRIVEWAY_CHECK(store.save(context, place.account, credential));
    return who;
  }
  if (!on_trust) return who.error();
  if (store.contains(place.account)) {
    return wrap(who.error(), "Drive refuses the new login; the stored one is left as it was");
  }
  DRIVEWAY_CHECK(store.save(context, place.account, credential));
  return wrap(who.error(), "logged in, but Drive refuses the first request");
}

std::vector<std::string> wake_daemons(const std::string& permission_id, Clock& clock) {
  std::vector<std::string> mountpoints;
  for (const control::Daemon& daemon : running_daemons(clock)) {
    if (daemon.permission_id != permission_id) continue;
    auto client = control::Client::connect(daemon.socket, clock);
    if (!client.ok()) continue;
    const Context context{.deadline = clock.now() + kWakePatience};
    const auto woken = client->ask(context, {{"op", "retry"}});
    if (woken.ok()) {
      mountpoints.insert(mountpoints.end(), daemon.mountpoints.begin(), daemon.mountpoints.end());
    } else if (!woken.failed_with(ErrorCode::kUnsupported)) {  // it is read-only
      log::warn("process ", daemon.pid, ": ", woken.error());
    }
  }
  return mountpoints;
}

}  // namespace driveway::cli
