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
  kInterrupted = 130,
};

ExitStatus exit_status(const Error& error);

}  // namespace driveway::cli
