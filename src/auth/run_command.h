// Runs a program for what it prints.
#pragma once

#include <string>
#include <vector>

#include "base/clock.h"
#include "base/context.h"
#include "base/result.h"
#include "base/secret.h"

namespace driveway::auth {

inline constexpr Duration kCommandPatience = std::chrono::seconds(30);

// Standard output of `words` (a program, looked for in PATH, and its arguments; no shell), at most
// 64 KiB. Its standard input is empty, what it says on stderr goes nowhere: either may hold a
// secret. It gets this process's environment without driveway's own secrets, and is killed, with
// its process group, after `patience` or when the context ends. Errors: kLoginNeeded (it cannot be
// started, failed, printed too much, or took too long), kDeadlineExceeded, kCancelled. REQUIRES at
// least one word.
Result<Secret> run_command(const Context& context, Clock& clock,
                           const std::vector<std::string>& words,
                           Duration patience = kCommandPatience);

}  // namespace driveway::auth
