// `driveway login`.

#include <termios.h>
#include <unistd.h>

#include <iostream>
#include <string>

#include <nlohmann/json.hpp>

#include "auth/credential.h"
#include "auth/environment.h"
#include "auth/login.h"
#include "auth/login_method.h"
#include "auth/login_store.h"
#include "base/log.h"
#include "base/strings.h"
#include "cli/commands.h"
#include "cli/http_options.h"
#include "cli/interrupt.h"
#include "cli/login_import.h"
#include "cli/view.h"
#include "drive/drive_store.h"
#include "drive/store_stack.h"

namespace driveway::cli {
namespace {

// A code lives for some minutes (oauth reference 2), and finding one's phone takes some too.
constexpr auto kLoginDeadline = std::chrono::minutes(15);
constexpr int kAnswerTries = 3;
constexpr auto kTrialPatience = std::chrono::minutes(1);
constexpr auto kWakePatience = std::chrono::seconds(5);
// It can be tried again at any time, so it is not stored on trust.
constexpr const char* kNotTakenOver =
    "the login is not taken over, and nothing was changed (`driveway login` without --with makes a "
    "new one)";

// While it lives, a terminal on standard input does not show what is typed: the paste is a secret,
// and what a notebook shows is kept. The terminal is as before in the end: an InterruptGuard takes
// the signals that end a process, and the keys for the others do nothing meanwhile.
class HiddenInput {
 public:
  HiddenInput() {
    if (::tcgetattr(STDIN_FILENO, &before_) != 0) return;  // no terminal
    termios hidden = before_;
    hidden.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    hidden.c_lflag |= ECHONL;  // the line's end, so that what is printed next begins a line
    hidden.c_cc[VQUIT] = _POSIX_VDISABLE;
    hidden.c_cc[VSUSP] = _POSIX_VDISABLE;
    changed_ = ::tcsetattr(STDIN_FILENO, TCSADRAIN, &hidden) == 0;
  }
  ~HiddenInput() {
    if (changed_) ::tcsetattr(STDIN_FILENO, TCSADRAIN, &before_);
  }
  HiddenInput(const HiddenInput&) = delete;
  HiddenInput& operator=(const HiddenInput&) = delete;
  bool hides() const { return changed_; }

 private:
  termios before_{};
  bool changed_ = false;
};

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

// What auth takes from the environment, with the OAuth client of config.toml where it has none: id
// and secret from one place.
auth::Environment environment_of(const Settings& settings) {
  auto environment = auth::Environment::from_process();
  if (environment.client_id.empty() && !settings.file_text("client-id").empty()) {
    environment.client_id = settings.file_text("client-id");
    environment.client_secret = Secret(settings.file_text("client-secret"));
  }
  return environment;
}

// Asks Drive who it is, which also proves that the login works. What it may do becomes known, too.
Result<drive::About> try_out(auth::Credential& credential, const auth::Environment& environment,
                             const Context& context, http::HttpClient& http, Clock& clock,
                             Metrics& metrics) {
  const auto tokens = auth::make_trial_source(credential, environment, http, clock);
  const auto stack =
      drive::make_store_stack(drive::make_drive_store(http, *tokens, clock), {}, clock, metrics);
  const Context trial = context.with_deadline(clock.now() + kTrialPatience);
  DRIVEWAY_TRY(drive::About who, stack->store().about(trial));
  const auto token = tokens->token(trial);
  if (token.ok() && !token->scopes.empty()) credential.scopes = token->scopes;
  return who;
}

// A login that Drive does not take never replaces one that may work. Where there is none, it is
// stored all the same: what Drive misses (its API switched on, say) may come later.
ExitStatus refused_by_drive(const Error& error, const auth::LoginStore& store,
                            const Context& context, const std::string& name,
                            const auth::Credential& credential) {
  if (store.contains(name)) {
    return report(wrap(error, "Drive refuses the new login; the stored one is left as it was"));
  }
  const Status saved = store.save(context, name, credential);
  if (!saved.ok()) return report(saved.error());
  return report(wrap(error, "logged in, but Drive refuses the first request"));
}

// E1: what waits for a login goes on, without a new mount.
void wake_daemons(const std::string& permission_id, Clock& clock) {
  for (const control::Daemon& daemon : running_daemons(clock)) {
    if (daemon.permission_id != permission_id) continue;
    auto client = control::Client::connect(daemon.socket, clock);
    if (!client.ok()) continue;
    const Context context{.deadline = clock.now() + kWakePatience};
    const auto woken = client->ask(context, {{"op", "retry"}});
    if (woken.ok()) {
      for (const std::string& mountpoint : daemon.mountpoints) {
        std::cout << "The mount at " << mountpoint << " goes on with it.\n";
      }
    } else if (!woken.failed_with(ErrorCode::kUnsupported)) {  // it is read-only
      log::warn("process ", daemon.pid, ": ", woken.error());
    }
  }
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
  const auto environment = environment_of(settings);
  const std::string name = settings.text("account", auth::kDefaultAccount);
  const auth::LoginStore store(environment.config_folder, clock);
  const auto http = http::make_curl_client(http_options(), clock, metrics);
  const auto method = auth::parse_login_method(arguments.with);
  if (!method.ok()) return report(wrap(method.error(), "--with"));
  auto credential = method->is_import()
                        ? import_login(*method, arguments, environment)
                        : run_flow(arguments, name, environment, context, *http, clock);
  if (!method->is_import()) std::cout << "\n";
  if (!credential.ok()) return report(credential.error());
  const auto who = try_out(*credential, environment, context, *http, clock, metrics);
  if (!who.ok() && method->is_import()) return report(wrap(who.error(), kNotTakenOver));
  if (!who.ok()) return refused_by_drive(who.error(), store, context, name, *credential);
  credential->account = who->email;
  if (const Status saved = store.save(context, name, *credential); !saved.ok()) {
    return report(saved.error());
  }
  print_success(*who, *credential);
  wake_daemons(who->permission_id, clock);
  return ExitStatus::kDone;
}

}  // namespace driveway::cli
