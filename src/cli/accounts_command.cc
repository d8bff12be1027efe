// `driveway accounts` and `driveway logout`.

#include <algorithm>
#include <iomanip>
#include <iostream>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "auth/environment.h"
#include "auth/login_store.h"
#include "auth/revocation.h"
#include "base/bytes.h"
#include "base/log.h"
#include "base/strings.h"
#include "cli/account.h"
#include "cli/commands.h"
#include "cli/daemons.h"
#include "cli/http_options.h"
#include "cli/interrupt.h"
#include "cli/login_text.h"
#include "cli/mount_plan.h"
#include "control/wording.h"

namespace driveway::cli {
namespace {

using nlohmann::json;

constexpr auto kRevokePatience = std::chrono::seconds(30);
constexpr auto kDaemonPatience = std::chrono::seconds(5);

// Of which Google account the stored login is, as far as that was ever asked; "" else.
std::string permission_id_of(const std::string& name, const auth::Credential& credential,
                             const std::filesystem::path& cache_dir) {
  return remembered_permission_id(cat("stored login ", name, " ", auth::fingerprint(credential)),
                                  cache_dir);
}

// The daemons that ask Drive with this login. One that was mounted without --account has the
// default one, unless it is of another Google account: then its token came from elsewhere.
std::vector<control::Daemon> daemons_with(const std::string& name, const std::string& permission_id,
                                          const std::vector<control::Daemon>& all) {
  std::vector<control::Daemon> found;
  const std::string label = name == auth::kDefaultAccount ? "" : name;
  std::copy_if(all.begin(), all.end(), std::back_inserter(found), [&](const auto& daemon) {
    return daemon.account == label &&
           (permission_id.empty() || daemon.permission_id == permission_id);
  });
  return found;
}

json document_of(const std::string& name, const auth::LoginStore& store, const MountPlan& plan,
                 const std::vector<control::Daemon>& daemons) {
  const auto credential = store.load(name);
  json mountpoints = json::array();
  const std::string id = credential.ok() ? permission_id_of(name, *credential, plan.cache_dir) : "";
  for (const control::Daemon& daemon : daemons_with(name, id, daemons)) {
    for (const std::string& mountpoint : daemon.mountpoints) mountpoints.push_back(mountpoint);
  }
  json document = login_document(name, credential.ok() ? *credential : auth::Credential());
  document["mountpoints"] = std::move(mountpoints);
  document["error"] = credential.ok() ? json() : json(credential.error().to_string());
  return document;
}

void print_account(const json& entry, WallTime now) {
  const auto text = [&](const char* key) {
    return entry[key].is_string() ? entry[key].get<std::string>() : std::string();
  };
  std::cout << (entry["default"] == true ? "* " : "  ") << std::left << std::setw(16)
            << text("account");
  if (entry["error"].is_string()) {
    std::cout << "  " << text("error") << "\n";
    return;
  }
  const auto ends = parse_rfc3339(text("grant_ends"));
  std::cout << "  " << std::setw(28) << text("email") << "  "
            << (entry["read_only"] == true ? "read only " : "read, write") << "  "
            << duration_in_words(ends.ok() ? std::optional(*ends) : std::nullopt, now);
  for (const json& mountpoint : entry["mountpoints"]) {
    std::cout << "\n"
              << std::setw(20) << ""
              << "mounted at " << mountpoint.get<std::string>();
  }
  std::cout << "\n";
}

// What stays behind without the login.
void tell_of_mounts(const std::vector<control::Daemon>& daemons, Clock& clock) {
  for (const control::Daemon& daemon : daemons) {
    for (const std::string& mountpoint : daemon.mountpoints) {
      std::cout
          << "The mount at " << mountpoint
          << " used it: within an hour it gets no more answers from Drive. Unmount it, or log "
             "in again.\n";
    }
    auto client = control::Client::connect(daemon.socket, clock);
    if (!client.ok()) continue;
    const auto status =
        client->ask({.deadline = clock.now() + kDaemonPatience}, {{"op", "status"}});
    if (!status.ok() || !status->contains("writes")) continue;
    const json& writes = (*status)["writes"];
    if (!writes.is_object() || writes.value("changes", 0) == 0) continue;
    std::cout << control::counted(writes.value("changes", std::uint64_t{0}), "change") << ", "
              << format_size(writes.value("bytes", std::uint64_t{0}))
              << ", are not in Drive yet and stay on this machine.\n";
  }
}

Status revoke_login(const Context& context, const std::string& name,
                    const Result<auth::Credential>& credential,
                    const auth::Environment& environment, Clock& clock) {
  constexpr std::string_view kByHand =
      "end the access at https://myaccount.google.com/permissions and run `driveway logout` "
      "without --revoke";
  if (!credential.ok()) {
    return Error{ErrorCode::kLoginNeeded,
                 cat(credential.error().message, "; it cannot be revoked: ", kByHand)};
  }
  Metrics metrics;
  const auto http = http::make_curl_client(http_options(), clock, metrics);
  const Status revoked = auth::revoke(context.with_deadline(clock.now() + kRevokePatience),
                                      *credential, environment, *http, clock);
  if (revoked.ok()) return {};
  return wrap(revoked.error(),
              cat("the stored login ", name, " is kept: try again later, or ", kByHand));
}

// What has ended with it.
void tell_of_revocation(const std::string& name, const auth::Credential& credential,
                        const auth::LoginStore& store) {
  std::cout << "Revoked at Google: all tokens of this Google account for the Cloud project of the "
               "OAuth client have ended, also on other machines.\n";
  for (const std::string& other : store.names()) {
    const auto its = store.load(other);
    if (other == name || !its.ok() || its->client.id != credential.client.id ||
        its->account != credential.account) {
      continue;
    }
    std::cout << "So has the stored login " << other << ": " << auth::login_remedy(other)
              << " again.\n";
  }
}

// No login of the name: what had begun is forgotten all the same.
ExitStatus log_out_of_nothing(const Context& context, const std::string& name,
                              const auth::LoginStore& store) {
  const bool had_begun = store.begun(name).has_value();
  if (const Status dropped = store.drop_begun(context, name); !dropped.ok()) {
    return report(dropped.error());
  }
  if (had_begun) {
    std::cout << "The login that had begun is forgotten.\n";
    return ExitStatus::kDone;
  }
  std::string names;
  for (const std::string& other : store.names()) names += cat(names.empty() ? "" : ", ", other);
  return report(
      {ErrorCode::kNotFound, cat("there is no stored login ", name,
                                 names.empty() ? ", nor any other: nothing to do"
                                               : cat(": choose with --account one of ", names))});
}

}  // namespace

ExitStatus accounts(const Settings& settings, bool as_json) {
  SystemClock clock;
  const auto plan = plan_vfs(settings);
  if (!plan.ok()) return report(plan.error());
  const auth::LoginStore store(auth::Environment::from_process().config_folder, clock);
  const auto daemons = running_daemons(clock);
  const std::string chosen = settings.text("account", auth::kDefaultAccount);
  json all = json::array();
  for (const std::string& name : store.names()) {
    json entry = document_of(name, store, *plan, daemons);
    entry["default"] = name == chosen;
    all.push_back(std::move(entry));
  }
  if (as_json) {
    std::cout << json{{"default", chosen}, {"accounts", all}}.dump(2, ' ', false,
                                                                   json::error_handler_t::replace)
              << "\n";
    return ExitStatus::kDone;
  }
  if (all.empty()) std::cout << "There is no stored login: run `driveway login`.\n";
  for (const json& entry : all) print_account(entry, clock.wall_now());
  if (!all.empty() && !store.contains(chosen)) {
    const auto where = settings.where("account");
    std::cout << "The account that is used without --account is " << chosen
              << (where ? cat(" (", where->place, ")") : "")
              << ", which has no stored login: " << auth::login_remedy(chosen)
              << ", or set `account` in config.toml to one of these.\n";
  }
  return ExitStatus::kDone;
}

ExitStatus logout(const Settings& settings, const LogoutArguments& arguments) {
  const InterruptGuard interrupt;
  SystemClock clock;
  const Context context{.cancel = interrupt.token()};
  const auto plan = plan_vfs(settings);
  if (!plan.ok()) return report(plan.error());
  const auto environment = auth::Environment::from_process();
  const std::string name = settings.text("account", auth::kDefaultAccount);
  const auth::LoginStore store(environment.config_folder, clock);
  if (!store.contains(name)) return log_out_of_nothing(context, name, store);

  const auto credential = store.load(name);
  const std::string id =
      credential.ok() ? permission_id_of(name, *credential, plan->cache_dir) : "";
  if (arguments.revoke) {
    const Status revoked = revoke_login(context, name, credential, environment, clock);
    if (!revoked.ok()) return report(revoked.error());
  }
  const auto daemons = daemons_with(name, id, running_daemons(clock));
  Status removed = store.remove(context, name);
  if (removed.ok()) removed = store.drop_begun(context, name);
  if (!removed.ok()) return report(removed.error());
  std::cout << "The stored login " << name;
  if (credential.ok() && !credential->account.empty()) {
    std::cout << " (" << credential->account << ")";
  }
  std::cout << " is removed from this machine.\n";
  if (arguments.revoke) {
    tell_of_revocation(name, *credential, store);
  } else {
    std::cout
        << "Google goes on accepting copies of it; `driveway logout --revoke` would have ended "
           "it there, as https://myaccount.google.com/permissions does.\n";
  }
  tell_of_mounts(daemons, clock);
  std::error_code ignored;
  if (!id.empty() && std::filesystem::is_directory(plan->cache_dir / id / "journal", ignored)) {
    std::cout
        << "What was cached, and what was written and is not in Drive yet, stays in "
        << (plan->cache_dir / id).string()
        << ": the next login of this account goes on with it, and `driveway export-unsent DIR` "
           "takes what was not sent out.\n";
  }
  return ExitStatus::kDone;
}

}  // namespace driveway::cli
