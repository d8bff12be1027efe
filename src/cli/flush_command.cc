// `driveway flush`, `retry`, `export-unsent`: what Drive does not have yet.

#include <algorithm>
#include <filesystem>
#include <iostream>
#include <optional>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "base/bytes.h"
#include "base/strings.h"
#include "cli/commands.h"
#include "cli/daemons.h"
#include "cli/interrupt.h"
#include "cli/mount_plan.h"
#include "cli/progress.h"
#include "cli/view.h"
#include "control/wording.h"

namespace driveway::cli {
namespace {

using nlohmann::json;

// For what comes with a deadline, but not from the one who keeps it.
constexpr auto kFlushSlack = std::chrono::seconds(5);

void print_line(const json& event) {
  std::cout << event.dump(-1, ' ', false, json::error_handler_t::replace) << std::endl;
}

// Shows the answer as it comes, and keeps its last document.
class WritesAnswer final : public control::Reply {
 public:
  WritesAnswer(const WritesArguments& arguments, Clock& clock)
      : as_json_(arguments.as_json),
        progress_(Progress::style_for(arguments.quiet || arguments.as_json), clock, std::cerr) {}
  ~WritesAnswer() override { progress_.end(); }

  Status document(const json& event) override {
    if (as_json_) print_line(event);
    last_ = event;
    if (event.value("event", "") == "progress" && number("files") > 0) {
      progress_.show({number("files_done"), number("bytes_done")},
                     {number("files"), number("bytes")});
    }
    if (!std::cout) return Error{ErrorCode::kLocalDisk, "standard output cannot be written"};
    return {};
  }
  Status bytes(std::span<const std::byte>) override { return {}; }

  void end() { progress_.end(); }
  std::uint64_t number(const char* key) const { return last_.value(key, std::uint64_t{0}); }
  std::string text(const char* key) const { return last_.value(key, ""); }

 private:
  const bool as_json_;
  Progress progress_;
  json last_ = json::object();
};

// Whose data is meant: what `path` names; without a path the account that the settings name, else
// every account that is mounted, else the default one.
Result<std::vector<Remote>> whose(const std::string& path, const Settings& settings,
                                  const std::vector<control::Daemon>& daemons) {
  if (!path.empty()) {
    DRIVEWAY_TRY(Remote remote, parse_remote(path, daemons));
    return std::vector<Remote>{std::move(remote)};
  }
  if (daemons.empty() || names_account(settings)) return std::vector<Remote>{{}};
  std::vector<Remote> all;
  for (std::size_t i = 0; i < daemons.size(); ++i) {
    Remote remote;
    remote.daemon = static_cast<int>(i);
    all.push_back(std::move(remote));
  }
  return all;
}

ExitStatus fail(const Error& error, const WritesArguments& arguments) {
  if (arguments.as_json) {
    print_line(
        {{"event", "failed"}, {"code", to_string(error.code)}, {"message", error.to_string()}});
  }
  report(error);
  return exit_status_of_unsent(error.code);
}

const char* op_of(WritesVerb verb) { return verb == WritesVerb::kFlush ? "flush" : "retry"; }

void tell(const WritesArguments& arguments, const WritesAnswer& answer, bool is_mounted) {
  if (arguments.quiet || arguments.as_json) return;
  const std::uint64_t files = answer.number("files");
  if (arguments.verb == WritesVerb::kFlush) {
    std::cout << (arguments.path.empty() ? "Drive has everything" : "Drive has it");
    if (files > 0) {
      std::cout << ": sent " << control::counted(files, "change") << ", "
                << format_size(answer.number("bytes"));
    }
    std::cout << std::endl;
    return;
  }
  const std::uint64_t retried = answer.number("retried");
  if (retried == 0) {
    std::cout << "nothing waits for Drive" << std::endl;
    return;
  }
  std::cout << "to be tried again: " << control::counted(retried, "change") << ", of which "
            << answer.number("failed") << " had failed for good"
            << (is_mounted ? "" : "; driveway flush, or the next mount, sends them") << std::endl;
}

Status run_writes(const Remote& remote, const std::vector<control::Daemon>& daemons,
                  const Settings& settings, const WritesArguments& arguments,
                  const Context& context, Clock& clock) {
  DRIVEWAY_TRY(const auto view, open_view(context, remote, daemons, settings, clock, Use::kSend));
  json request = {{"op", op_of(arguments.verb)}};
  if (!arguments.path.empty() || remote.daemon) remote.add_to(request);
  Context patient = context;
  if (context.deadline != TimePoint::max()) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(context.deadline - clock.now());
    request["timeout_ms"] = std::max<std::int64_t>(0, left.count());
    patient.deadline += kFlushSlack;
  }
  WritesAnswer answer(arguments, clock);
  const Status done = view->ask(patient, request, answer);
  answer.end();
  if (done.ok()) tell(arguments, answer, view->is_mounted());
  return done;
}

Result<std::string> place_for(const std::string& folder,
                              const std::vector<control::Daemon>& daemons) {
  std::error_code error;
  const auto absolute = std::filesystem::absolute(folder, error).lexically_normal();
  if (error) return errno_error(error.value(), folder);
  const auto inside = parse_remote(absolute.string(), daemons);
  if (inside.ok() && inside->daemon) {
    return Error{ErrorCode::kInvalidArgument,
                 cat(absolute.string(), " lies in a mounted Drive: take another folder")};
  }
  return absolute.string();
}

Result<std::uint64_t> take_out(const Settings& settings, const WritesArguments& arguments,
                               const Context& context, Clock& clock) {
  const auto daemons = running_daemons(clock);
  DRIVEWAY_TRY(const std::string folder, place_for(arguments.path, daemons));
  Remote remote;
  if (daemons.size() == 1 && !names_account(settings)) remote.daemon = 0;
  DRIVEWAY_TRY(const auto view,
               open_view(context, remote, daemons, settings, clock, Use::kTakeOut));
  WritesAnswer answer(arguments, clock);
  DRIVEWAY_CHECK(view->ask(context, {{"op", "export_unsent"}, {"folder", folder}}, answer));
  answer.end();
  return answer.number("files");
}

}  // namespace

ExitStatus writes(const Settings& settings, const WritesArguments& arguments) {
  const InterruptGuard interrupt;
  SystemClock clock;
  Context context{.cancel = interrupt.token()};
  if (!arguments.timeout.empty()) {
    const auto timeout = parse_duration(arguments.timeout);
    if (!timeout.ok()) return report(wrap(timeout.error(), "--timeout"));
    context.deadline = clock.now() + *timeout;
  }
  const auto daemons = running_daemons(clock);
  const auto remotes = whose(arguments.path, settings, daemons);
  if (!remotes.ok()) return fail(remotes.error(), arguments);
  ExitStatus status = ExitStatus::kDone;
  for (const Remote& remote : *remotes) {
    const Status done = run_writes(remote, daemons, settings, arguments, context, clock);
    if (done.ok()) continue;
    const ExitStatus failed = fail(done.error(), arguments);
    if (status == ExitStatus::kDone) status = failed;
    if (context.cancel.cancelled()) return ExitStatus::kInterrupted;
  }
  return status;
}

ExitStatus export_unsent(const Settings& settings, const WritesArguments& arguments) {
  const InterruptGuard interrupt;
  SystemClock clock;
  const auto files = take_out(settings, arguments, {.cancel = interrupt.token()}, clock);
  if (!files.ok()) {
    if (arguments.as_json) return fail(files.error(), arguments);
    return report(files.error());
  }
  if (!arguments.quiet && !arguments.as_json) {
    if (*files == 0) {
      std::cout << "Drive has everything: there is nothing to take out" << std::endl;
    } else {
      std::cout << "wrote " << control::counted(*files, "file") << " to " << arguments.path
                << std::endl;
    }
  }
  return ExitStatus::kDone;
}

}  // namespace driveway::cli
