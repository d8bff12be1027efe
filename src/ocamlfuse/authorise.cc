#include "ocamlfuse/authorise.h"

#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <iostream>
#include <memory>
#include <utility>

#include "auth/choose_source.h"
#include "auth/device_login.h"
#include "auth/environment.h"
#include "auth/login.h"
#include "auth/login_store.h"
#include "base/log.h"
#include "base/metrics.h"
#include "base/strings.h"
#include "cli/hidden_input.h"
#include "cli/http_options.h"
#include "cli/interrupt.h"
#include "cli/login_device.h"
#include "cli/mount_plan.h"
#include "cli/new_login.h"
#include "http/http_client.h"
#include "ocamlfuse/browser.h"

namespace driveway::ocamlfuse {
namespace {

// A code lives for some minutes (oauth reference 2), and finding one's phone takes some too.
constexpr Duration kLoginDeadline = std::chrono::minutes(15);
constexpr auto kTokenPatience = std::chrono::seconds(30);
constexpr std::size_t kLongestAnswer = 16 * 1024;
constexpr int kLookAround = 200;  // ms, until an interrupt is seen

// The next line of standard input that is not blank; "" at its end. Errors: kCancelled,
// kDeadlineExceeded.
Result<Secret> read_answer(const Context& context, Clock& clock) {
  std::string line;
  while (line.size() < kLongestAnswer) {
    DRIVEWAY_CHECK(context.check(clock));
    pollfd input{STDIN_FILENO, POLLIN, 0};
    if (::poll(&input, 1, kLookAround) <= 0) continue;
    char c = 0;
    const ssize_t count = ::read(STDIN_FILENO, &c, 1);
    if (count < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (count <= 0) break;
    if (c != '\n') {
      line += c;
    } else if (!trim(line).empty()) {
      break;
    }
  }
  return Secret(std::string(trim(line)));
}

class Authoriser {
 public:
  Authoriser(const Authorisation& wish, const cli::Settings& settings)
      : wish_(wish),
        settings_(settings),
        context_{.deadline = clock_.now() + (wish.device ? cli::kDevicePatience : kLoginDeadline),
                 .cancel = interrupt_.token()},
        environment_(cli::login_environment(settings)),
        store_(environment_.config_folder, clock_),
        http_(http::make_curl_client(cli::http_options(), clock_, metrics_)) {}

  Status run() {
    DRIVEWAY_TRY(const auth::SourceOptions source, cli::source_options(settings_));
    if (source.method.is_explicit()) return wish_.checks ? try_tokens(source) : Status();
    DRIVEWAY_TRY(const bool stored, is_stored());
    if (stored) return {};
    DRIVEWAY_TRY(const bool taken_over, take_over());
    if (taken_over) return {};
    if (!wish_.client_is_asked_for) {
      DRIVEWAY_TRY(const bool there, has_tokens(source));
      if (there) return {};
    }
    return log_in();
  }

 private:
  bool is_client_meant(const auth::Credential& credential) const {
    return !wish_.client_is_asked_for || wish_.client.id == credential.client.id;
  }

  Result<bool> is_stored() {
    if (!store_.contains(wish_.account)) return false;
    DRIVEWAY_TRY(const auth::Credential credential, store_.load(wish_.account));
    if (!is_client_meant(credential)) return false;
    if (!wish_.checks) return true;
    auth::SourceOptions source{.account = wish_.account};
    source.method.kind = auth::Method::Kind::kStored;
    const Status works = try_tokens(source);
    if (!works.failed_with(ErrorCode::kLoginNeeded)) return true;  // without network it is believed
    log::info(works.error());
    return false;
  }

  // The login of the old program, where it has one that still works.
  Result<bool> take_over() {
    auto credential = auth::read_gdfuse_login(wish_.old_place, environment_);
    if (!credential.ok()) {
      log::info(credential.error());
      return false;
    }
    if (!is_client_meant(*credential)) return false;
    const auto who = cli::keep_login(context_, place(), *credential, false);
    if (who.ok()) {
      cli::wake_daemons(who->permission_id, clock_);
      return true;
    }
    // It has ended, or was revoked: a new one is needed in any case.
    if (who.failed_with(ErrorCode::kLoginNeeded)) return false;
    return wrap(who.error(), "the login of google-drive-ocamlfuse cannot be taken over now");
  }

  // Whether there is a token without any login.
  Result<bool> has_tokens(const auth::SourceOptions& source) {
    const Status works = try_tokens(source);
    if (works.ok()) return true;
    if (!works.failed_with(ErrorCode::kLoginNeeded)) return works.error();
    no_token_ = works.error();
    return false;
  }

  Status try_tokens(const auth::SourceOptions& source) {
    DRIVEWAY_TRY(const auto tokens, auth::choose_source(source, environment_, *http_, clock_));
    const auto token = tokens->token(context_.with_deadline(clock_.now() + kTokenPatience));
    return token.ok() ? Status() : Status(token.error());
  }

  Status log_in() {
    auto credential = wish_.device ? log_in_by_device() : log_in_by_code();
    if (!credential.ok()) return credential.error();
    std::cout << "\nAccess token retrieved correctly." << std::endl;
    DRIVEWAY_TRY(const auto who, cli::keep_login(context_, place(), *credential, true));
    cli::wake_daemons(who.permission_id, clock_);
    return {};
  }

  Result<auth::Credential> log_in_by_device() {
    if (wish_.read_only) {
      return Error{ErrorCode::kInvalidArgument,
                   cat("Google gives a login by device (-device) no scope for reading only: pass "
                       "-scope ",
                       auth::kScopeDriveFile, " with it")};
    }
    DRIVEWAY_TRY(const auto client,
                 auth::device_client(wish_.client.id, wish_.client.secret, environment_));
    DRIVEWAY_TRY(const auto pending,
                 auth::begin_device_login(context_, client, environment_, *http_, clock_));
    // One line has all that is needed, since cells show no other: `grep URL`.
    std::cout << cli::kDeviceReach << " For all of Drive: -headless instead of -device.\n"
              << "Please, open the following URL in a web browser: " << pending->url()
              << " and type the code " << pending->user_code() << "\nWaiting ... " << std::flush;
    auto credential = pending->wait(context_);
    if (!credential.ok()) return wrap(credential.error(), std::string(kNoTokens));
    return credential;
  }

  Result<auth::Credential> log_in_by_code() {
    auto client = auth::client_identity(wish_.client.id, wish_.client.secret, environment_,
                                        store_.begun(wish_.account));
    if (!client.ok()) return no_token_ ? wrap(client.error(), no_token_->message) : client.error();
    const auth::LoginRequest request{.client = *std::move(client),
                                     .scopes = auth::drive_scopes(wish_.read_only),
                                     .account = wish_.account,
                                     .port = wish_.port};
    DRIVEWAY_TRY(const auto pending,
                 auth::begin_login(context_, request, environment_, *http_, clock_));
    std::cout << "Please, open the following URL in a web browser: " << pending->url() << "\n"
              << std::flush;
    DRIVEWAY_TRY(const Secret answer, wait_for_answer(*pending));
    auto credential = pending->finish(context_, answer);
    if (!credential.ok()) return wrap(credential.error(), std::string(kNoTokens));
    return credential;
  }

  Result<Secret> wait_for_answer(auth::PendingLogin& pending) {
    const bool opened =
        !wish_.headless && pending.hears_browser() && start_browser(wish_.browser, pending.url());
    if (opened) {
      return pending.wait_for_answer(context_, ::isatty(STDIN_FILENO) ? STDIN_FILENO : -1);
    }
    const cli::HiddenInput hidden;
    std::cout << "Please enter the verification code: " << std::flush;
    // At a terminal a browser on this machine may come, too, and Ctrl-C ends the wait.
    if (::isatty(STDIN_FILENO)) return pending.wait_for_answer(context_, STDIN_FILENO);
    DRIVEWAY_TRY(Secret answer, read_answer(context_, clock_));
    if (!answer.empty()) return answer;
    std::cout << "\n" << std::flush;
    return Error{ErrorCode::kLoginNeeded,
                 "no verification code came on standard input. Open the page above, then run this "
                 "again within an hour with the code, or the whole address that the browser ends "
                 "up at, on standard input"};
  }

  cli::LoginPlace place() { return {wish_.account, environment_, *http_, clock_, metrics_}; }

  const Authorisation& wish_;
  const cli::Settings& settings_;  // --with, --account, --subject
  const cli::InterruptGuard interrupt_;
  SystemClock clock_;
  Metrics metrics_;
  const Context context_;
  const auth::Environment environment_;
  const auth::LoginStore store_;
  const std::unique_ptr<http::HttpClient> http_;
  std::optional<Error> no_token_;
};

}  // namespace

Status authorise(const Authorisation& wish, const cli::Settings& settings) {
  return Authoriser(wish, settings).run();
}

}  // namespace driveway::ocamlfuse
