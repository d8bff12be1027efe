// `driveway prefetch`, `pin`, `unpin`, `evict`: what shall be on local disk, and what not.

#include <algorithm>
#include <iostream>
#include <map>
#include <optional>
#include <utility>

#include <nlohmann/json.hpp>

#include "base/bytes.h"
#include "base/strings.h"
#include "cli/commands.h"
#include "cli/daemons.h"
#include "cli/interrupt.h"
#include "cli/progress.h"
#include "cli/view.h"

namespace driveway::cli {
namespace {

using nlohmann::json;

const char* op_name(FilesVerb verb) {
  switch (verb) {
    case FilesVerb::kPrefetch:
      return "prefetch";
    case FilesVerb::kPin:
      return "pin";
    case FilesVerb::kUnpin:
      return "unpin";
    case FilesVerb::kEvict:
      break;
  }
  return "evict";
}

std::string files_text(std::uint64_t count) { return cat(count, count == 1 ? " file" : " files"); }

// What became of everything that was asked for.
struct Outcome {
  std::uint64_t succeeded = 0;  // files
  std::uint64_t failed = 0;     // files, folders, whole requests
  std::optional<Error> first_error;

  void fail(Error error) {
    ++failed;
    if (!first_error) first_error = std::move(error);
  }
  ExitStatus status() const {
    if (failed == 0) return ExitStatus::kDone;
    if (succeeded > 0 || !first_error) return ExitStatus::kPartly;
    return exit_status(*first_error);
  }
};

// Prints the answer as it comes, and keeps count.
class Listener final : public control::Reply {
 public:
  Listener(const FilesArguments& arguments, Clock& clock, Outcome& outcome)
      : arguments_(arguments),
        progress_(Progress::style_for(arguments.quiet || arguments.as_json), clock, std::cerr),
        outcome_(outcome) {}
  ~Listener() override { progress_.end(); }

  Status document(const json& event) override {
    if (arguments_.as_json) {
      std::cout << event.dump(-1, ' ', false, json::error_handler_t::replace) << std::endl;
    }
    const std::string kind = event.value("event", "");
    if (kind == "failed") failed(event);
    if (kind == "kept") kept(event);
    if (kind == "listing") {
      progress_.say(
          cat(number(event, "files"), " files in ", number(event, "folders"), " folders so far"));
    }
    if (kind == "planned") planned_ = event;
    if (kind == "progress") {
      progress_.show({number(event, "files_done"), number(event, "bytes_done")},
                     {number(event, "files"), number(event, "bytes")});
    }
    if (kind == "queued") queued(event);
    if (kind == "done") done(event);
    if (!std::cout) return Error{ErrorCode::kLocalDisk, "standard output cannot be written"};
    return {};
  }
  Status bytes(std::span<const std::byte>) override { return {}; }

 private:
  static std::uint64_t number(const json& event, const char* key) {
    return event.value(key, std::uint64_t{0});
  }

  void failed(const json& event) {
    Error error{control::code_named(event.value("code", "")),
                cat(event.value("path", ""), ": ", event.value("message", ""))};
    progress_.end();
    report(error);
    outcome_.fail(std::move(error));
  }

  void kept(const json& event) {
    ++outcome_.failed;
    progress_.end();
    std::cerr << "driveway: " << event.value("path", "") << " is " << event.value("why", "")
              << (event.value("why", "") == "pinned" ? ": unpin it first\n" : ": kept\n");
  }

  void queued(const json& event) {
    outcome_.succeeded += number(event, "files") + number(event, "present_files");
    say(cat("queued ", files_text(number(event, "files")), ", ",
            format_size(number(event, "bytes")), " to fetch", beside(event)));
  }

  void done(const json& event) {
    const std::uint64_t files = number(event, "files");
    switch (arguments_.verb) {
      case FilesVerb::kPrefetch:
      case FilesVerb::kPin: {
        const std::uint64_t fetched = number(event, "files_done");
        outcome_.succeeded += fetched + number(planned_, "present_files");
        // Those that nobody said anything of were not tried any more.
        outcome_.failed +=
            files - fetched - std::min(files - fetched, number(event, "files_failed"));
        progress_.end();
        say(cat("fetched ", files_text(fetched), ", ", format_size(number(event, "bytes_done")),
                beside(planned_)));
        break;
      }
      case FilesVerb::kUnpin:
        outcome_.succeeded += files;
        say(cat("unpinned ", files_text(number(event, "unpinned"))));
        break;
      case FilesVerb::kEvict:
        outcome_.succeeded += files - number(event, "open") - number(event, "pinned");
        say(cat("evicted ", files_text(number(event, "evicted"))));
        break;
    }
  }

  static std::string beside(const json& planned) {
    std::string text;
    if (const auto present = number(planned, "present_files"); present > 0) {
      text += cat("; ", files_text(present), " here already");
    }
    if (const auto skipped = number(planned, "skipped"); skipped > 0) {
      text += cat("; ", skipped, " skipped (Docs and links)");
    }
    return text;
  }

  void say(const std::string& text) const {
    if (arguments_.quiet || arguments_.as_json) return;
    std::cout << (arguments_.verb == FilesVerb::kPin ? "pinned; " : "") << text << std::endl;
  }

  const FilesArguments& arguments_;
  Progress progress_;
  Outcome& outcome_;
  json planned_ = json::object();
};

// Remotes that one view answers for.
struct Group {
  Remote first;
  json remotes = json::array();
};

Result<std::vector<Group>> group(const std::vector<std::string>& texts,
                                 const std::vector<control::Daemon>& daemons) {
  std::vector<Group> groups;
  std::map<std::pair<int, std::string>, std::size_t> known;
  for (const std::string& text : texts) {
    DRIVEWAY_TRY(const Remote remote, parse_remote(text, daemons));
    const auto [place, is_new] =
        known.emplace(std::pair(remote.daemon.value_or(-1), remote.account), groups.size());
    if (is_new) groups.push_back({remote, json::array()});
    json named = {{"name", text}};
    remote.add_to(named);
    groups[place->second].remotes.push_back(std::move(named));
  }
  return groups;
}

Status run_group(const Group& group, const std::vector<control::Daemon>& daemons,
                 const Settings& settings, const FilesArguments& arguments, const Context& context,
                 Clock& clock, Outcome& outcome) {
  DRIVEWAY_TRY(const auto view, open_view(context, group.first, daemons, settings, clock));
  Listener listener(arguments, clock, outcome);
  return view->ask(
      context,
      {{"op", op_name(arguments.verb)}, {"remotes", group.remotes}, {"wait", arguments.wait}},
      listener);
}

}  // namespace

ExitStatus files(const Settings& settings, const FilesArguments& arguments) {
  const InterruptGuard interrupt;
  SystemClock clock;
  const Context context{.cancel = interrupt.token()};
  const auto daemons = running_daemons(clock);
  const auto groups = group(arguments.remotes, daemons);
  if (!groups.ok()) return report(groups.error());
  Outcome outcome;
  for (const Group& one : *groups) {
    const Status asked = run_group(one, daemons, settings, arguments, context, clock, outcome);
    if (asked.ok()) continue;
    const ExitStatus status = report(asked.error());
    if (context.cancel.cancelled()) return status;
    outcome.fail(asked.error());
  }
  return outcome.status();
}

}  // namespace driveway::cli
