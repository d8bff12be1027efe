// `driveway doctor`: what is wrong with this machine, its network, its login or its Drive, and what
// to do about it.

#include <sys/utsname.h>

#include <algorithm>
#include <iomanip>
#include <iostream>
#include <vector>

#include <nlohmann/json.hpp>

#include "auth/choose_source.h"
#include "auth/environment.h"
#include "base/log.h"
#include "base/strings.h"
#include "cli/commands.h"
#include "cli/http_options.h"
#include "cli/interrupt.h"
#include "cli/mount_plan.h"
#include "doctor/examination.h"
#include "drive/drive_store.h"
#include "fuse/mount.h"
#include "http/http_client.h"

namespace driveway::cli {
namespace {

using nlohmann::json;

// Long enough for a slow network, short enough to wait for.
constexpr auto kPatience = std::chrono::seconds(5);

std::string kernel_release() {
  utsname names{};
  return ::uname(&names) == 0 ? names.release : "";
}

doctor::MountLook look_at_mount(const std::string& mountpoint) {
  switch (fuse::inspect_mountpoint(mountpoint)) {
    case fuse::MountpointState::kStale:
      return doctor::MountLook::kDead;
    case fuse::MountpointState::kSilent:
      return doctor::MountLook::kSilent;
    case fuse::MountpointState::kOurs:
      return doctor::MountLook::kAnswers;
    default:
      return doctor::MountLook::kHidden;
  }
}

Result<doctor::Machine> this_machine(const Settings& settings) {
  doctor::Machine machine;
  machine.kernel_release = kernel_release();
  machine.search_path = settings.environment()("PATH").value_or("");
  // Not as plan_vfs() has it, which looks at the folder: that may hang.
  machine.cache_folder =
      settings.text("cache-dir", default_cache_directory(settings.environment()).string());
  DRIVEWAY_TRY(machine.min_free, settings.fraction("min-free-disk", 0.05));
  machine.look_at_mount = look_at_mount;
  return machine;
}

// The variable that sends libcurl to a proxy; its value may hold a password.
std::string proxy_variable(const Environment& environment) {
  for (const char* name : {"https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"}) {
    if (!environment(name).value_or("").empty()) return name;
  }
  return "";
}

struct Versions {
  std::string driveway = DRIVEWAY_VERSION;
  std::string libfuse = fuse::library_version();
  std::string libcurl{};
  std::string tls{};
  std::string kernel = kernel_release();
};

// Tells each finding as it comes, and remembers it.
class Findings {
 public:
  explicit Findings(bool as_json) : as_json_(as_json) {}

  void add(doctor::Finding finding) {
    finding.found = one_line(finding.found);
    finding.remedy = one_line(finding.remedy);
    if (!as_json_) print(finding);
    findings_.push_back(std::move(finding));
  }

  void add(const Versions& versions) {
    versions_ = {{"driveway", versions.driveway},
                 {"libfuse", versions.libfuse},
                 {"libcurl", versions.libcurl},
                 {"tls", versions.tls},
                 {"kernel", versions.kernel}};
    add(doctor::ok("versions",
                   cat("driveway ", versions.driveway, ", libfuse ", versions.libfuse, ", libcurl ",
                       versions.libcurl, ", ", versions.tls, ", Linux ", versions.kernel)));
  }

  bool none_failed() const { return count(doctor::Outcome::kFail) == 0; }

  void end() const {
    if (as_json_) {
      std::cout << document().dump(2, ' ', false, json::error_handler_t::replace) << "\n";
      return;
    }
    const auto failed = count(doctor::Outcome::kFail);
    const auto warned = count(doctor::Outcome::kWarn);
    if (failed == 0 && warned == 0) {
      std::cout << "this machine is fit for driveway\n";
    } else {
      std::cout << failed << " failed, " << warned << (warned == 1 ? " warning\n" : " warnings\n");
    }
  }

 private:
  static std::string one_line(const std::string& text) {
    std::string line = log::redact(text);
    std::replace_if(
        line.begin(), line.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20; }, ' ');
    return line;
  }

  static void print(const doctor::Finding& finding) {
    const bool skipped = finding.outcome == doctor::Outcome::kNotChecked;
    std::cout << std::left << std::setw(6) << (skipped ? "-" : doctor::to_string(finding.outcome))
              << finding.name << ": " << (skipped ? "not checked: " : "") << finding.found;
    if (!finding.remedy.empty()) std::cout << " → " << finding.remedy;
    std::cout << std::endl;  // the next one may take seconds
  }

  std::ptrdiff_t count(doctor::Outcome outcome) const {
    return std::count_if(findings_.begin(), findings_.end(),
                         [&](const auto& finding) { return finding.outcome == outcome; });
  }

  json document() const {
    json checks = json::array();
    for (const doctor::Finding& finding : findings_) {
      checks.push_back({{"name", finding.name},
                        {"outcome", doctor::to_string(finding.outcome)},
                        {"found", finding.found},
                        {"remedy", finding.remedy}});
    }
    return {{"healthy", none_failed()}, {"checks", checks}, {"versions", versions_}};
  }

  const bool as_json_;
  std::vector<doctor::Finding> findings_;
  json versions_ = json::object();
};

}  // namespace

ExitStatus doctor(const Settings& settings, bool as_json) {
  const InterruptGuard interrupt;
  SystemClock clock;
  Metrics metrics;
  const Context context{.cancel = interrupt.token()};
  const auto machine = this_machine(settings);
  if (!machine.ok()) return report(machine.error());
  const auto read_only = settings.boolean("read-only", false);
  if (!read_only.ok()) return report(read_only.error());
  const auto wanted = source_options(settings);
  if (!wanted.ok()) return report(wanted.error());
  Findings findings(as_json);
  const doctor::Examiner examiner{
      .context = context,
      .clock = clock,
      .patience = kPatience,
      .tell = [&](const doctor::Finding& finding) { findings.add(finding); }};
  doctor::examine_machine(examiner, *machine);
  const http::Facts facts = http::curl_facts();
  const auto environment = auth::Environment::from_process();
  const auto http = http::make_curl_client(http_options(), clock, metrics);
  const auto source = auth::choose_source(*wanted, environment, *http, clock);
  doctor::examine_account(examiner, {.api_url = drive::api_url_from_environment(),
                                     .oauth_url = environment.oauth_url,
                                     .roots = facts.roots,
                                     .proxy = proxy_variable(settings.environment()),
                                     .read_only = *read_only,
                                     .http = *http,
                                     .source = source});
  if (context.cancel.cancelled()) return report({ErrorCode::kCancelled, "interrupted"});
  findings.add({.libcurl = facts.curl, .tls = facts.tls});
  findings.end();
  return findings.none_failed() ? ExitStatus::kDone : ExitStatus::kFailure;
}

}  // namespace driveway::cli
