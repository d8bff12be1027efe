// `driveway ls`, `stat`, `cat`: without a mount, or through the one that is there.

#include <unistd.h>

#include <cerrno>
#include <iomanip>
#include <iostream>
#include <sstream>

#include <nlohmann/json.hpp>

#include "base/strings.h"
#include "cli/commands.h"
#include "cli/daemons.h"
#include "cli/interrupt.h"
#include "cli/view.h"

namespace driveway::cli {
namespace {

using nlohmann::json;

Status write_out(std::string_view data) {
  while (!data.empty()) {
    const ssize_t count = ::write(STDOUT_FILENO, data.data(), data.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return errno_error(errno, "standard output");
    data.remove_prefix(static_cast<std::size_t>(count));
  }
  return {};
}

std::string mode_text(const json& document) {
  const std::string type = document.value("type", "file");
  std::string text(1, type == "directory" ? 'd' : type == "symlink" ? 'l' : '-');
  const unsigned mode = document.value("mode", 0U);
  for (int shift = 6; shift >= 0; shift -= 3) {
    text += (mode >> shift & 4) != 0 ? 'r' : '-';
    text += (mode >> shift & 2) != 0 ? 'w' : '-';
    text += (mode >> shift & 1) != 0 ? 'x' : '-';
  }
  return text;
}

std::string ls_line(const json& document, bool long_form) {
  std::ostringstream line;
  if (long_form) {
    line << mode_text(document) << ' ' << std::setw(14) << document.value("size", Bytes{0}) << ' '
         << document.value("modified", "") << ' ';
  }
  line << document.value("name", "") << (document.value("type", "") == "directory" ? "/" : "")
       << '\n';
  return line.str();
}

std::string stat_text(const json& document) {
  std::ostringstream text;
  for (const char* key : {"name", "type", "size", "modified", "id", "mime_type", "md5"}) {
    if (!document.contains(key)) continue;
    const json& value = document[key];
    text << std::left << std::setw(12) << cat(key, ":")
         << (value.is_string() ? value.get<std::string>() : value.dump()) << '\n';
  }
  return text.str();
}

// Prints an answer as it comes.
class Printer final : public control::Reply {
 public:
  explicit Printer(const RemoteArguments& arguments) : arguments_(arguments) {}
  Status document(const json& document) override {
    if (arguments_.verb == RemoteVerb::kCat) return {};
    if (arguments_.as_json) {
      return write_out(document.dump(-1, ' ', false, json::error_handler_t::replace) + "\n");
    }
    return write_out(arguments_.verb == RemoteVerb::kLs ? ls_line(document, arguments_.long_form)
                                                        : stat_text(document));
  }
  Status bytes(std::span<const std::byte> data) override {
    return write_out({reinterpret_cast<const char*>(data.data()), data.size()});
  }

 private:
  const RemoteArguments& arguments_;
};

const char* op_name(RemoteVerb verb) {
  switch (verb) {
    case RemoteVerb::kLs:
      return "ls";
    case RemoteVerb::kStat:
      return "stat";
    case RemoteVerb::kCat:
      break;
  }
  return "cat";
}

Status run_one(const std::string& text, const Settings& settings, const RemoteArguments& arguments,
               const Context& context, Clock& clock) {
  const auto daemons = running_daemons(clock);
  DRIVEWAY_TRY(const Remote remote, parse_remote(text, daemons));
  DRIVEWAY_TRY(const auto view, open_view(context, remote, daemons, settings, clock));
  json request = {{"op", op_name(arguments.verb)}};
  remote.add_to(request);
  Printer printer(arguments);
  const Status answered = view->ask(context, request, printer);
  return answered.ok() ? answered : Status(wrap(answered.error(), text));
}

}  // namespace

ExitStatus remote(const Settings& settings, const RemoteArguments& arguments) {
  const InterruptGuard interrupt;
  SystemClock clock;
  const Context context{.cancel = interrupt.token()};
  ExitStatus result = ExitStatus::kDone;
  for (const std::string& text : arguments.remotes) {
    const Status done = run_one(text, settings, arguments, context, clock);
    if (!done.ok()) result = report(done.error());
    if (done.failed_with(ErrorCode::kCancelled)) break;
  }
  return result;
}

}  // namespace driveway::cli
