// `driveway login`.

#include <unistd.h>

#include <iostream>
#include <string>

#include "auth/credential.h"
#include "auth/environment.h"
#include "auth/login.h"
#include "auth/login_store.h"
#include "base/strings.h"
#include "cli/account.h"
#include "cli/commands.h"
#include "cli/http_options.h"
#include "cli/interrupt.h"

namespace driveway::cli {
namespace {

// A code lives for some minutes (oauth reference 2), and finding one's phone takes some too.
constexpr auto kLoginDeadline = std::chrono::minutes(15);
constexpr int kAnswerTries = 3;

void print_instructions(const std::string& url) {
  std::cout << "Open this URL in a browser and allow the access:\n\n"
            << url
            << "\n\nThen, if the browser is on another machine, it ends at a page that does not "
               "open. Paste "
               "that page's whole address (or the code in it) here: "
            << std::flush;
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

Result<auth::Credential> run_flow(const LoginArguments& arguments,
                                  const auth::Environment& environment, const Context& context,
                                  Clock& clock, Metrics& metrics) {
  DRIVEWAY_TRY(auto client, auth::client_identity(arguments.client_id,
                                                  Secret(arguments.client_secret), environment));
  const auto http = http::make_curl_client(http_options(), clock, metrics);
  auth::LoginRequest request{.client = std::move(client),
                             .scopes = auth::drive_scopes(arguments.read_only)};
  DRIVEWAY_TRY(const auto pending,
               auth::begin_login(std::move(request), environment, *http, clock));
  print_instructions(pending->url());
  return take_answer(*pending, context);
}

// Asks Drive who it is, which also proves that the login works.
Result<drive::About> try_out(const std::string& name, const Context& context, Clock& clock,
                             Metrics& metrics) {
  DRIVEWAY_TRY(const auto account, Account::open(name, "auto", clock, metrics));
  return account->store().about(context);
}

}  // namespace

ExitStatus login(const Settings& settings, const LoginArguments& arguments) {
  const InterruptGuard interrupt;
  SystemClock clock;
  Metrics metrics;
  const Context context{.deadline = clock.now() + kLoginDeadline, .cancel = interrupt.token()};
  const auto environment = auth::Environment::from_process();
  const std::string name = settings.text("account", auth::kDefaultAccount);
  const auth::LoginStore store(environment.config_folder, clock);
  auto credential = run_flow(arguments, environment, context, clock, metrics);
  std::cout << "\n";
  if (!credential.ok()) return report(credential.error());
  if (const Status saved = store.save(context, name, *credential); !saved.ok()) {
    return report(saved.error());
  }
  const auto who = try_out(name, context, clock, metrics);
  if (!who.ok()) return report(wrap(who.error(), "logged in, but Drive refuses the first request"));
  credential->account = who->email;
  if (const Status saved = store.save(context, name, *credential); !saved.ok()) {
    return report(saved.error());
  }
  std::cout << "Logged in as " << who->display_name << " <" << who->email
            << ">. Now: driveway mount MOUNTPOINT\n";
  if (credential->grant_ends) {
    std::cout << "Google ends this access at " << format_rfc3339(*credential->grant_ends)
              << "; then log in again.\n";
  }
  return ExitStatus::kDone;
}

}  // namespace driveway::cli
