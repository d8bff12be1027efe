#include "doctor/examination.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "base/file.h"
#include "base/strings.h"
#include "doctor/account_checks.h"
#include "doctor/cache_check.h"
#include "doctor/machine_checks.h"
#include "doctor/network_checks.h"
#include "drive/drive_store.h"

namespace driveway::doctor {
namespace {

Context for_one(const Examiner& examiner) {
  return examiner.context.with_deadline(examiner.clock.now() + examiner.patience);
}

bool ended(const Examiner& examiner) { return !examiner.context.check(examiner.clock).ok(); }

bool answers(const HostCheck& host) { return host.finding.outcome != Outcome::kFail; }

// What the hosts of Google said.
struct Network {
  std::vector<std::string> silent;  // origins that could not be asked
  std::optional<ClockReading> clock;

  bool reaches(const std::string& url) const {
    const auto origins = origins_of({url});
    return std::find(silent.begin(), silent.end(), origins.front()) == silent.end();
  }
};

Network examine_network(const Examiner& examiner, const Account& account) {
  Network network;
  for (const std::string& origin : origins_of({account.api_url, account.oauth_url})) {
    if (ended(examiner)) break;
    const HostCheck host = check_host(for_one(examiner), origin, {account.roots, account.proxy},
                                      account.http, examiner.clock);
    examiner.tell(host.finding);
    if (!answers(host)) network.silent.push_back(origin);
    if (!network.clock) network.clock = host.clock;
  }
  if (ended(examiner)) return network;
  if (!network.clock && !network.silent.empty()) {
    network.clock =
        ask_time_plainly(for_one(examiner), network.silent.front(), account.http, examiner.clock);
  }
  examiner.tell(judge_clock(network.clock));
  return network;
}

// The token, or why there is none.
Result<auth::AccessToken> examine_login(const Examiner& examiner, const Account& account,
                                        const Network& network) {
  const auto none = [](std::string why) { return Error{ErrorCode::kLoginNeeded, std::move(why)}; };
  if (account.source.ok() && !network.reaches(account.oauth_url)) {
    const std::string why = cat(host_of(account.oauth_url), " does not answer");
    examiner.tell(
        not_checked("login", cat(why, "; ", (*account.source)->describe(), " would be used")));
    return none(why);
  }
  LoginCheck login = check_login(for_one(examiner), account.source);
  examiner.tell(login.finding);
  if (!login.token) return none(account.source.ok() ? "the login gives no token" : "no login");
  return *std::move(login.token);
}

// Why Drive is not asked; "" if it can be.
std::string why_not_drive(const Result<auth::AccessToken>& token, const Account& account,
                          const Network& network) {
  if (!token.ok()) return token.error().message;
  if (network.reaches(account.api_url)) return "";
  return cat(host_of(account.api_url), " does not answer");
}

void examine_drive(const Examiner& examiner, const Account& account, const std::string& why_not) {
  if (!why_not.empty()) {
    examiner.tell(not_checked("drive_api", why_not));
    examiner.tell(not_checked("storage", why_not));
    return;
  }
  const auto store = drive::make_drive_store(account.http, **account.source, examiner.clock,
                                             {.api_url = account.api_url});
  const auto about = store->about(for_one(examiner));
  examiner.tell(check_drive_api(about));
  examiner.tell(about.ok() ? check_storage(*about)
                           : not_checked("storage", "Drive did not say how full it is"));
}

}  // namespace

void examine_machine(const Examiner& examiner, const Machine& machine) {
  const std::string mountinfo = read_file(machine.mountinfo).value_or("");
  const std::string status = read_file(machine.process_status).value_or("");
  const std::string config =
      read_file(machine.kernel_configs / cat("config-", machine.kernel_release)).value_or("");
  examiner.tell(check_fuse_device(machine.fuse_device));
  examiner.tell(check_mount_right(parse_privileges(status), program_folders(machine.search_path)));
  examiner.tell(check_kernel(machine.kernel_release, config));
  examiner.tell(check_cache(for_one(examiner), examiner.clock, machine.cache_folder, mountinfo,
                            machine.min_free));
  if (ended(examiner)) return;
  examiner.tell(check_mounts(for_one(examiner), examiner.clock, mountinfo, machine.look_at_mount));
}

void examine_account(const Examiner& examiner, const Account& account) {
  const Network network = examine_network(examiner, account);
  if (ended(examiner)) return;
  const auto token = examine_login(examiner, account, network);
  if (ended(examiner)) return;
  examiner.tell(token.ok() ? check_scopes(token->scopes, account.read_only)
                           : not_checked("scopes", token.error().message));
  examine_drive(examiner, account, why_not_drive(token, account, network));
}

}  // namespace driveway::doctor
