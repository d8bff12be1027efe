// `driveway login`.

#include <unistd.h>

#include <iostream>
#include <string>

#include "auth/credential.h"
#include "auth/environment.h"
#include "auth/login.h"
#include "auth/login_method.h"
#include "auth/login_store.h"
#include "base/strings.h"
#include "cli/commands.h"
#include "cli/hidden_input.h"
#include "cli/http_options.h"
#include "cli/interrupt.h"
#include "cli/login_import.h"
#include "cli/new_login.h"

namespace driveway::cli {
namespace {

// A code lives for some minutes (oauth reference 2), and finding one's phone takes some too.
constexpr auto kLoginDeadline = std::chrono::minutes(15);
constexpr int kAnswerTries = 3;
// It can be tried again at any time, so it is not stored on trust.
constexpr const char* kNotTakenOver =
    "the login is not taken over, and nothing was changed (`driveway login` without --with makes a "
    "new one)";

void print_instructions(const std::string& url, bool hidden) {
  std::cout << "Open this URL in a browser and allow the access:\n\n"
            << url
            << "\n\nThen, if the browser is on another machine, it ends at a page that does not "
               "open. Paste "
               "that page's whole address (or the code in it) here"
            << (hidden ? " (it is not shown): " : ": ") << std::flush;
}

// Takes answers until one is good. A wrong paste may be repeated.
Result<auth::Credential> take_answer(auth::PendingLogin& pending, const Context& context) {
  for (int tries = 1;; ++tries) {
    DRIVEWAY_TRY(const Secret answer, pending.wait_for_answer(context, STDIN_FILENO));
    auto credential = pending.finish(context, answer);
    if (!credential.failed_with(ErrorCode::kInvalidArgument) || tries == kAnswerTries) {
      return credential;
    }
    std::cerr << "\ndriveway: " << credential.error().to_string()
              << "\nPaste it again: " << std::flush;
  }
}

Result<auth::Credential> run_flow(const LoginArguments& arguments, const std::string& name,
                                  const auth::Environment& environment, const Context& context,
                                  http::HttpClient& http, Clock& clock) {
  const auto begun = auth::LoginStore(environment.config_folder, clock).begun(name);
  DRIVEWAY_TRY(auto client,
               auth::client_identity(arguments.client_id, Secret(arguments.client_secret),
                                     environment, begun));
  const auth::LoginRequest request{.client = std::move(client),
                                   .scopes = auth::drive_scopes(arguments.read_only),
                                   .account = name};
  DRIVEWAY_TRY(const auto pending, auth::begin_login(context, request, environment, http, clock));
  const HiddenInput hidden;
  print_instructions(pending->url(), hidden.hides());
  return take_answer(*pending, context);
}

void print_success(const drive::About& who, const auth::Credential& credential) {
  std::cout << "Logged in as " << who.display_name << " <" << who.email
            << ">. Now: driveway mount MOUNTPOINT\n";
  if (credential.grant_ends) {
    std::cout << "Google ends this access at " << format_rfc3339(*credential.grant_ends)
              << "; then log in again.\n";
  }
}

}  // namespace

ExitStatus login(const Settings& settings, const LoginArguments& arguments) {
  const InterruptGuard interrupt;
  SystemClock clock;
  Metrics metrics;
  const Context context{.deadline = clock.now() + kLoginDeadline, .cancel = interrupt.token()};
  const auto environment = login_environment(settings);
  const std::string name = settings.text("account", auth::kDefaultAccount);
  const auto http = http::make_curl_client(http_options(), clock, metrics);
  const auto method = auth::parse_login_method(arguments.with);
  if (!method.ok()) return report(wrap(method.error(), "--with"));
  const bool imported = method->is_import();
  auto credential = imported ? import_login(*method, arguments, environment)
                             : run_flow(arguments, name, environment, context, *http, clock);
  if (!imported) std::cout << "\n";
  if (!credential.ok()) return report(credential.error());
  const auto who =
      keep_login(context, {name, environment, *http, clock, metrics}, *credential, !imported);
  if (!who.ok()) return report(imported ? wrap(who.error(), kNotTakenOver) : who.error());
  print_success(*who, *credential);
  wake_daemons(who->permission_id, clock);
  return ExitStatus::kDone;
}

}  // namespace driveway::cli
