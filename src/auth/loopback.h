// The smallest web server that can take a browser's redirect, and a reader of one line beside it.
#pragma once

#include <string_view>

#include "base/clock.h"
#include "base/context.h"
#include "base/file.h"
#include "base/result.h"
#include "base/secret.h"

namespace driveway::auth {

struct LoopbackListener {
  UniqueFd fd;
  int port = 0;
};

// On 127.0.0.1; port 0: a free one. Errors: kUnavailable.
Result<LoopbackListener> listen_on_loopback(int port = 0);

// `listener`: -1 is none. The target of the first GET whose query has this `state` and a code or an
// error, or the first line that is not blank on `input` (-1: none). Holds at most eight connections
// of 16 KiB; a browser opens some that it never uses. Errors: kDeadlineExceeded, kCancelled,
// kUnavailable.
Result<Secret> wait_for_redirect_or_line(const Context& context, Clock& clock, int listener,
                                         int input, std::string_view state);

}  // namespace driveway::auth
