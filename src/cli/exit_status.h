// What a command's exit status says (design: the commands). Scripts depend on the numbers.
#pragma once

#include "base/result.h"

namespace driveway::cli {

enum class ExitStatus : int {
  kDone = 0,
  kFailure = 1,
  kUsage = 2,
  kPartly = 3,
  kLogin = 4,  // login or permission
  kQuota = 5,  // Drive's quota or storage
  kLocalDisk = 6,
  kNotVerified = 7,
  kUnsent = 8,  // a deadline passed, and Drive does not have all of it yet
  kInterrupted = 130,
};

ExitStatus exit_status(const Error& error);
// Of a command that waits until Drive has something: what `code` says of why it has not, kUnsent
// where it is only a matter of time.
ExitStatus exit_status_of_unsent(ErrorCode code);

}  // namespace driveway::cli
