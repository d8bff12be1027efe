// `driveway status` and `driveway about`.

#include <unistd.h>

#include <filesystem>
#include <iostream>
#include <optional>

#include <nlohmann/json.hpp>

#include "base/bytes.h"
#include "base/strings.h"
#include "cli/account.h"
#include "cli/commands.h"
#include "cli/interrupt.h"
#include "cli/mount_plan.h"
#include "cli/status_text.h"
#include "cli/view.h"
#include "control/wording.h"
#include "fuse/mount.h"

namespace driveway::cli {
namespace {

using nlohmann::json;

constexpr auto kAnswerDeadline = std::chrono::seconds(30);
constexpr auto kRedrawEvery = std::chrono::seconds(1);   // on a terminal
constexpr auto kRepeatEvery = std::chrono::seconds(10);  // elsewhere
constexpr const char* kClearScreen = "\x1b[H\x1b[2J";

Result<json> ask_daemon(const control::Daemon& daemon, const Context& context, Clock& clock) {
  DRIVEWAY_TRY(auto client, control::Client::connect(daemon.socket, clock));
  return client.ask(context, {{"op", "status"}});
}

// A document for each mountpoint, or for the `wanted` one.
std::vector<json> by_mountpoint(const json& status, const std::string& wanted) {
  std::vector<json> documents;
  for (const json& mountpoint : status["mountpoints"]) {
    if (!wanted.empty() && mountpoint != wanted) continue;
    documents.push_back(status);
    documents.back()["mountpoint"] = mountpoint;
  }
  return documents;
}

Error nobody_at(const std::string& mountpoint) {
  if (!fuse::is_driveway_mount(mountpoint)) {
    return {ErrorCode::kNotFound, cat("no Drive is mounted at ", mountpoint)};
  }
  if (fuse::inspect_mountpoint(mountpoint) == fuse::MountpointState::kOurs) {
    return {ErrorCode::kPermissionDenied,
            cat("what is mounted at ", mountpoint,
                " is another user's, or has lost its control socket")};
  }
  return {ErrorCode::kUnavailable,
          cat("the mount at ", mountpoint,
              " does not answer: remove it with driveway unmount --force, and mount again")};
}

// What all daemons say, or the one at `wanted`.
struct Answers {
  std::vector<json> whole;             // one a daemon
  json by_mountpoint = json::array();  // one a mountpoint
  json sending =
      json::array();  // of daemons that have nothing mounted any more, and send what is left
};

Result<Answers> ask_all(const Context& context, const std::string& wanted, Clock& clock) {
  Answers answers;
  for (const auto& daemon : running_daemons(clock)) {
    if (!wanted.empty() && !daemon.is_mounted_at(wanted)) continue;
    auto answer = ask_daemon(daemon, context, clock);
    if (!answer.ok()) return wrap(answer.error(), cat("process ", daemon.pid));
    std::vector<json> documents = by_mountpoint(*answer, wanted);
    for (json& one : documents) answers.by_mountpoint.push_back(std::move(one));
    if (documents.empty() && !wanted.empty()) continue;  // it is ending
    if (documents.empty()) answers.sending.push_back(*answer);
    answers.whole.push_back(*std::move(answer));
  }
  if (!wanted.empty() && answers.whole.empty()) return nobody_at(wanted);
  return answers;
}

void print_answers(const Answers& answers, const std::string& wanted,
                   const StatusArguments& arguments) {
  if (arguments.as_json) {
    json document = answers.by_mountpoint;
    if (wanted.empty()) {
      document = {{"mounts", answers.by_mountpoint}};
      if (!answers.sending.empty()) document["sending"] = answers.sending;
    } else {
      document = answers.by_mountpoint.front();
    }
    std::cout << document.dump(arguments.watch ? -1 : 2, ' ', false, json::error_handler_t::replace)
              << std::endl;
    return;
  }
  for (const json& one : answers.whole) {
    std::cout << (arguments.failed  ? failed_text(one)
                  : arguments.watch ? status_text(one) + queue_text(one)
                                    : status_text(one));
  }
  if (answers.whole.empty()) std::cout << "no Drive is mounted\n";
  std::cout << std::flush;
}

// Until it is interrupted, or `wanted` is mounted no more.
ExitStatus watch(const Context& context, const std::string& wanted,
                 const StatusArguments& arguments, Clock& clock) {
  const bool redraws = !arguments.as_json && ::isatty(STDOUT_FILENO) == 1;
  const Duration pause = redraws ? Duration(kRedrawEvery) : Duration(kRepeatEvery);
  while (true) {
    const auto answers =
        ask_all(context.with_deadline(clock.now() + kAnswerDeadline), wanted, clock);
    if (!answers.ok()) return report(answers.error());
    if (redraws) std::cout << kClearScreen;
    print_answers(*answers, wanted, arguments);
    if (!std::cout) return ExitStatus::kFailure;
    if (!sleep_until(context, clock, clock.now() + pause).ok()) return ExitStatus::kInterrupted;
  }
}

// Keeps the one document of an answer.
class Answer final : public control::Reply {
 public:
  Status document(const json& document) override {
    whole = document;
    return {};
  }
  Status bytes(std::span<const std::byte>) override { return {}; }
  json whole;
};

// J13: by the daemon, or by what the last mount has left here. Null: nothing is known here.
json left_in_drive(const MountPlan& plan, const std::string& permission_id,
                   const Settings& settings, const Context& context, Clock& clock) {
  std::error_code ignored;
  if (!std::filesystem::exists(plan.cache_dir / permission_id / "journal", ignored)) return nullptr;
  const auto view = open_view(context, {}, running_daemons(clock), settings, clock);
  Answer answer;
  if (!view.ok() || !(*view)->ask(context, {{"op", "about"}}, answer).ok()) return nullptr;
  return answer.whole.value("left_in_drive", json());
}

}  // namespace

ExitStatus status(const StatusArguments& arguments) {
  const InterruptGuard interrupt;
  SystemClock clock;
  const Context context{.cancel = interrupt.token()};
  const std::string wanted =
      arguments.mountpoint.empty() ? "" : fuse::canonical_mountpoint(arguments.mountpoint).string();
  if (arguments.watch) return watch(context, wanted, arguments, clock);
  const auto answers = ask_all(context.with_deadline(clock.now() + kAnswerDeadline), wanted, clock);
  if (!answers.ok()) return report(answers.error());
  print_answers(*answers, wanted, arguments);
  return ExitStatus::kDone;
}

ExitStatus about(const Settings& settings, bool as_json) {
  const InterruptGuard interrupt;
  SystemClock clock;
  Metrics metrics;
  const Context context{.deadline = clock.now() + kAnswerDeadline, .cancel = interrupt.token()};
  const auto plan = plan_vfs(settings);
  if (!plan.ok()) return report(plan.error());
  const auto account = Account::open(plan->source, plan->drive, clock, metrics);
  if (!account.ok()) return report(account.error());
  const auto answer = (*account)->store().about(context);
  if (!answer.ok()) return report(answer.error());
  const json left = left_in_drive(*plan, answer->permission_id, settings, context, clock);
  if (as_json) {
    json document = control::about_document(*answer);
    if (!left.is_null()) document["left_in_drive"] = left;
    std::cout << document.dump(2) << "\n";
    return ExitStatus::kDone;
  }
  std::cout << answer->display_name << " <" << answer->email << ">\n"
            << "  login:    " << (*account)->label() << "\n"
            << "  storage:  " << format_size(answer->usage) << " used of "
            << (answer->storage_limit ? format_size(*answer->storage_limit) : "no limit") << "\n"
            << "  in Drive: " << format_size(answer->usage_in_drive) << ", in its trash "
            << format_size(answer->usage_in_trash) << "\n";
  if (const std::string text = control::leftovers_text(left); !text.empty()) {
    std::cout << "  left:     of this client: " << text << "\n";
  }
  return ExitStatus::kDone;
}

}  // namespace driveway::cli
