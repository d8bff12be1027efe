// The way into the background: the command returns 0 only when the daemon says that it works.
#pragma once

#include <functional>
#include <string>

#include "base/file.h"
#include "base/result.h"

namespace driveway::cli {

// The child's end of the status pipe. (libfuse's own daemonizing reports success too early,
// measured.md.)
class StartReport {
 public:
  StartReport() = default;  // of a foreground process: says nothing to nobody
  explicit StartReport(UniqueFd pipe) : pipe_(std::move(pipe)) {}
  // `note` is shown to whoever started it; may be empty.
  void ready(const std::string& note = "");
  void failed(const Error& error);

 private:
  void send(const std::string& text);
  UniqueFd pipe_;
};

// Forks. In the child: own session, standard streams on /dev/null, working directory /, low OOM
// score (E5), then `body`, whose result is the process's exit status. In the parent: waits for the
// child's report, or its death, prints its note and returns that; SIGINT ends the child too.
// REQUIRES: no other threads yet. Errors: the child's; kInternal if it died without a word.
Status run_in_background(const std::function<int(StartReport& report)>& body);

// The daemon is the last to be killed when memory runs out (E5). Best effort.
void lower_oom_score();

}  // namespace driveway::cli
