// `driveway login`.

#include <unistd.h>

#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "auth/credential.h"
#include "auth/environment.h"
#include "auth/login.h"
#include "auth/login_method.h"
#include "auth/login_store.h"
#include "base/log.h"
#include "base/strings.h"
#include "cli/commands.h"
#include "cli/hidden_input.h"
#include "cli/http_options.h"
#include "cli/interrupt.h"
#include "cli/login_device.h"
#include "cli/login_import.h"
#include "cli/login_input.h"
#include "cli/login_text.h"
#include "cli/new_login.h"

namespace driveway::cli {
namespace {

using nlohmann::json;

// A code lives for some minutes (oauth reference 2), and finding one's phone takes some too.
constexpr Duration kLoginDeadline = std::chrono::minutes(15);
constexpr int kAnswerTries = 3;
// It can be tried again at any time, so it is not stored on trust.
constexpr const char* kNotTakenOver =
    "the login is not taken over, and nothing was changed (`driveway login` without --with makes a "
    "new one)";

// One run of `driveway login`. What it tells goes to standard output, with --json to standard
// error: then standard output has one JSON document.
class Login {
 public:
  Login(const Settings& settings, const LoginArguments& arguments, Clock& clock)
      : arguments_(arguments),
        clock_(clock),
        environment_(login_environment(settings)),
        name_(settings.text("account", auth::kDefaultAccount)),
        store_(environment_.config_folder, clock),
        input_(answer_input(settings.environment())),
        out_(arguments.as_json ? std::cerr : std::cout) {}

  ExitStatus run(const CancelToken& cancel);

 private:
  // Errors: kLoginNeeded also where nobody has answered: then left_open_ has what waits for it.
  Result<auth::Credential> get_credential(const auth::LoginMethod& method, const Context& context,
                                          http::HttpClient& http);
  Result<auth::Credential> take_answer(const Context& context);
  ExitStatus succeed(const drive::About& who, const auth::Credential& credential);
  ExitStatus leave_open();
  ExitStatus fail(const Error& error);

  void print_url(bool hidden);
  // What to call next to go on with this login.
  std::vector<std::string> next_command() const;

  const LoginArguments& arguments_;
  Clock& clock_;
  Metrics metrics_;
  const auth::Environment environment_;
  const std::string name_;
  const auth::LoginStore store_;
  const AnswerInput input_;
  std::ostream& out_;
  std::unique_ptr<auth::PendingLogin> pending_;
  bool left_open_ = false;
};

void print_document(const json& document) {
  std::cout << document.dump(2, ' ', false, json::error_handler_t::replace) << std::endl;
}

void Login::print_url(bool hidden) {
  out_ << "Open this URL in a browser and allow the access:\n\n" << pending_->url() << "\n\n";
  if (input_ != AnswerInput::kNobody) {
    out_ << "Then, if the browser is on another machine, it ends at a page that does not open. "
            "Paste "
            "that page's whole address (or the code in it) here"
         << (hidden ? " (it is not shown): " : ": ");
  }
  out_ << std::flush;
}

std::vector<std::string> Login::next_command() const {
  std::vector<std::string> words = {"driveway", "login"};
  if (name_ != auth::kDefaultAccount) words.insert(words.end(), {"--account", name_});
  if (arguments_.read_only) words.emplace_back("--read-only");
  // The secret is kept with the login.
  if (!arguments_.client_id.empty()) {
    words.insert(words.end(), {"--client-id", arguments_.client_id});
  }
  return words;
}

// Takes answers until one is good. A wrong paste may be repeated.
Result<auth::Credential> Login::take_answer(const Context& context) {
  for (int tries = 1;; ++tries) {
    const auto answer = pending_->wait_for_answer(context, STDIN_FILENO);
    left_open_ = answer.failed_with(ErrorCode::kLoginNeeded) ||
                 answer.failed_with(ErrorCode::kDeadlineExceeded);
    if (!answer.ok()) return answer.error();
    auto credential = pending_->finish(context, *answer);
    if (!credential.failed_with(ErrorCode::kInvalidArgument)) return credential;
    if (tries == kAnswerTries) {
      return Error{ErrorCode::kLoginNeeded,
                   cat(credential.error().message,
                       " (the same URL still works: ", auth::login_remedy(name_), " again)")};
    }
    std::cerr << "\ndriveway: " << credential.error().to_string()
              << "\nPaste it again: " << std::flush;
  }
}

Result<auth::Credential> Login::get_credential(const auth::LoginMethod& method,
                                               const Context& context, http::HttpClient& http) {
  if (method.is_import()) return import_login(method, arguments_, environment_);
  if (method.kind == auth::LoginMethod::Kind::kDevice) {
    auto credential = device_login(arguments_, environment_, context, http, clock_, out_);
    out_ << "\n";
    return credential;
  }
  DRIVEWAY_TRY(auto client,
               auth::client_identity(arguments_.client_id, Secret(arguments_.client_secret),
                                     environment_, store_.begun(name_)));
  const auth::LoginRequest request{.client = std::move(client),
                                   .scopes = auth::drive_scopes(arguments_.read_only),
                                   .account = name_};
  DRIVEWAY_TRY(pending_, auth::begin_login(context, request, environment_, http, clock_));
  if (input_ == AnswerInput::kNobody) {
    print_url(false);
    left_open_ = true;
    return Error{ErrorCode::kLoginNeeded, "nobody can answer on standard input"};
  }
  const HiddenInput hidden;
  print_url(hidden.hides());
  auto credential = take_answer(context);
  out_ << "\n";
  return credential;
}

ExitStatus Login::succeed(const drive::About& who, const auth::Credential& credential) {
  const auto mountpoints = wake_daemons(who.permission_id, clock_);
  if (arguments_.as_json) {
    json document = login_document(name_, credential);
    document["state"] = "logged_in";
    document["display_name"] = who.display_name;
    document["mountpoints"] = mountpoints;
    print_document(document);
    return ExitStatus::kDone;
  }
  std::cout << "Logged in as " << who.display_name << " <" << who.email << ">";
  if (name_ != auth::kDefaultAccount) std::cout << ", the account \"" << name_ << '"';
  std::cout << ".\n  access:  " << scopes_in_words(credential.scopes)
            << "\n  lasts:   " << duration_in_words(credential.grant_ends, clock_.wall_now())
            << "\n";
  if (credential.grant_ends) {
    std::cout
        << "While the OAuth client's consent screen is in publishing status \"Testing\", each "
           "login ends after 7 days: publish it (\"In production\") and log in again for one "
           "that lasts.\n";
  }
  for (const std::string& mountpoint : mountpoints) {
    std::cout << "The mount at " << mountpoint << " goes on with it.\n";
  }
  if (mountpoints.empty()) {
    std::cout << "Now: driveway mount MOUNTPOINT"
              << (name_ == auth::kDefaultAccount ? "" : cat(" --account ", name_)) << "\n";
  }
  return ExitStatus::kDone;
}

// Nobody has answered: says how to go on, which an hour is left for.
ExitStatus Login::leave_open() {
  const std::vector<std::string> words = next_command();
  const std::string command = shell_command(words);
  const std::string until = format_rfc3339(pending_->begun() + auth::kBegunLife);
  if (arguments_.as_json) {
    print_document(
        {{"state", "waiting"},
         {"account", name_},
         {"url", pending_->url()},
         {"until", until},
         {"command", words},
         {"next", cat("open the URL in a browser and allow the access; then run the command "
                      "again, with the address that the browser ends up at (or the code in it) "
                      "as a line on its standard input")}});
    return ExitStatus::kLogin;
  }
  std::cout << "The browser then ends at a page that does not open. Give that page's whole address "
               "(or the code in it) to a second call, until "
            << until << ":\n\n"
            << "  in a cell of a notebook:\n"
            << "    import getpass, subprocess\n"
            << "    print(subprocess.run(" << python_list(words)
            << ", input=getpass.getpass('Address: '), text=True, stdout=subprocess.PIPE, "
               "stderr=subprocess.STDOUT).stdout)\n"
            << "  in a shell:\n"
            << "    echo 'ADDRESS' | " << command << "\n"
            << std::flush;
  std::cerr
      << "driveway: not logged in yet: no address or code came on standard input; go on as said "
         "above\n";
  return ExitStatus::kLogin;
}

ExitStatus Login::fail(const Error& error) {
  if (arguments_.as_json) {
    print_document({{"state", "failed"},
                    {"account", name_},
                    {"code", to_string(error.code)},
                    {"message", log::redact(error.to_string())}});
  }
  return report(error);
}

ExitStatus Login::run(const CancelToken& cancel) {
  const auto http = http::make_curl_client(http_options(), clock_, metrics_);
  const auto method = auth::parse_login_method(arguments_.with);
  if (!method.ok()) return fail(wrap(method.error(), "--with"));
  const bool by_device = method->kind == auth::LoginMethod::Kind::kDevice;
  const Context context{.deadline = clock_.now() + (by_device ? kDevicePatience : kLoginDeadline),
                        .cancel = cancel};
  auto credential = get_credential(*method, context, *http);
  if (!credential.ok()) return left_open_ ? leave_open() : fail(credential.error());
  const bool on_trust = !method->is_import();
  const auto who =
      keep_login(context, {name_, environment_, *http, clock_, metrics_}, *credential, on_trust);
  if (!who.ok()) return fail(on_trust ? who.error() : wrap(who.error(), kNotTakenOver));
  return succeed(*who, *credential);
}

}  // namespace

ExitStatus login(const Settings& settings, const LoginArguments& arguments) {
  const InterruptGuard interrupt;
  SystemClock clock;
  return Login(settings, arguments, clock).run(interrupt.token());
}

}  // namespace driveway::cli
