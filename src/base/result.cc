#include "base/result.h"

#include <cerrno>
#include <system_error>

namespace driveway {

std::string_view to_string(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalidArgument:
      return "invalid_argument";
    case ErrorCode::kNotFound:
      return "not_found";
    case ErrorCode::kAlreadyExists:
      return "already_exists";
    case ErrorCode::kPermissionDenied:
      return "permission_denied";
    case ErrorCode::kLoginNeeded:
      return "login_needed";
    case ErrorCode::kRateLimited:
      return "rate_limited";
    case ErrorCode::kQuotaExceeded:
      return "quota_exceeded";
    case ErrorCode::kStorageFull:
      return "storage_full";
    case ErrorCode::kUnavailable:
      return "unavailable";
    case ErrorCode::kDeadlineExceeded:
      return "deadline_exceeded";
    case ErrorCode::kCancelled:
      return "cancelled";
    case ErrorCode::kStale:
      return "stale";
    case ErrorCode::kCorrupt:
      return "corrupt";
    case ErrorCode::kTokenExpired:
      return "token_expired";
    case ErrorCode::kOutOfRange:
      return "out_of_range";
    case ErrorCode::kUnsupported:
      return "unsupported";
    case ErrorCode::kTooLarge:
      return "too_large";
    case ErrorCode::kNameTooLong:
      return "name_too_long";
    case ErrorCode::kNotADirectory:
      return "not_a_directory";
    case ErrorCode::kIsADirectory:
      return "is_a_directory";
    case ErrorCode::kNotEmpty:
      return "not_empty";
    case ErrorCode::kReadOnly:
      return "read_only";
    case ErrorCode::kCrossDevice:
      return "cross_device";
    case ErrorCode::kBusy:
      return "busy";
    case ErrorCode::kNoSpace:
      return "no_space";
    case ErrorCode::kLocalDisk:
      return "local_disk";
    case ErrorCode::kInternal:
      return "internal";
  }
  return "unknown";  // a value cast from outside the enum
}

std::string Error::to_string() const {
  std::string text = message;
  for (const Error* next = cause.get(); next != nullptr; next = next->cause.get()) {
    text += ": ";
    text += next->message;
  }
  return text;
}

Error wrap(Error cause, std::string message) {
  const ErrorCode code = cause.code;
  const bool retryable = cause.retryable;
  return Error{code, std::move(message), retryable,
               std::make_shared<const Error>(std::move(cause))};
}

namespace {

ErrorCode code_of_errno(int error_number) {
  switch (error_number) {
    case ENOSPC:
    case EDQUOT:
      return ErrorCode::kNoSpace;
    case ENOENT:
      return ErrorCode::kNotFound;
    case EACCES:
    case EPERM:
      return ErrorCode::kPermissionDenied;
    case EROFS:
      return ErrorCode::kReadOnly;
    default:
      return ErrorCode::kLocalDisk;
  }
}

}  // namespace

Error errno_error(int error_number, std::string message) {
  message += ": ";
  message += std::generic_category().message(error_number);  // strerror, but thread-safe
  return Error{code_of_errno(error_number), std::move(message), false, nullptr};
}

}  // namespace driveway
