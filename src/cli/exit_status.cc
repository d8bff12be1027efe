#include "cli/exit_status.h"

namespace driveway::cli {

ExitStatus exit_status(const Error& error) {
  switch (error.code) {
    case ErrorCode::kLoginNeeded:
    case ErrorCode::kPermissionDenied:
      return ExitStatus::kLogin;
    case ErrorCode::kQuotaExceeded:
    case ErrorCode::kStorageFull:
    case ErrorCode::kRateLimited:
      return ExitStatus::kQuota;
    case ErrorCode::kNoSpace:
    case ErrorCode::kLocalDisk:
    case ErrorCode::kReadOnly:
      return ExitStatus::kLocalDisk;
    case ErrorCode::kCorrupt:
      return ExitStatus::kNotVerified;
    case ErrorCode::kInvalidArgument:
      return ExitStatus::kUsage;
    case ErrorCode::kCancelled:
      return ExitStatus::kInterrupted;
    default:
      return ExitStatus::kFailure;
  }
}

ExitStatus exit_status_of_unsent(ErrorCode code) {
  return code == ErrorCode::kDeadlineExceeded ? ExitStatus::kUnsent : exit_status({code, ""});
}

}  // namespace driveway::cli
