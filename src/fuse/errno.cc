#include "fuse/errno.h"

#include <cerrno>

namespace driveway::fuse {

int to_errno(const Error& error) {
  switch (error.code) {
    case ErrorCode::kNotFound:
      return ENOENT;
    case ErrorCode::kAlreadyExists:
      return EEXIST;
    case ErrorCode::kPermissionDenied:
    case ErrorCode::kLoginNeeded:
      return EACCES;
    case ErrorCode::kQuotaExceeded:
      return EDQUOT;
    case ErrorCode::kStorageFull:
    case ErrorCode::kNoSpace:
      return ENOSPC;
    case ErrorCode::kCancelled:
      return EINTR;
    case ErrorCode::kStale:
      return ESTALE;
    case ErrorCode::kUnsupported:
      return EOPNOTSUPP;
    case ErrorCode::kTooLarge:
      return EFBIG;
    case ErrorCode::kNameTooLong:
      return ENAMETOOLONG;
    case ErrorCode::kNotADirectory:
      return ENOTDIR;
    case ErrorCode::kIsADirectory:
      return EISDIR;
    case ErrorCode::kNotEmpty:
      return ENOTEMPTY;
    case ErrorCode::kReadOnly:
      return EROFS;
    case ErrorCode::kCrossDevice:
      return EXDEV;
    case ErrorCode::kBusy:
      return EBUSY;
    case ErrorCode::kInvalidArgument:
      return EINVAL;
    case ErrorCode::kRateLimited:
    case ErrorCode::kUnavailable:
    case ErrorCode::kDeadlineExceeded:
    case ErrorCode::kCorrupt:
    case ErrorCode::kTokenExpired:
    case ErrorCode::kOutOfRange:
    case ErrorCode::kLocalDisk:
    case ErrorCode::kInternal:
      return EIO;
  }
  return EIO;
}

int to_attribute_errno(const Error& error) {
  switch (error.code) {
    case ErrorCode::kNotFound:
      return ENODATA;
    case ErrorCode::kPermissionDenied:
      return EPERM;
    case ErrorCode::kTooLarge:
      return ENOSPC;
    case ErrorCode::kNameTooLong:
      return ERANGE;
    default:
      return to_errno(error);
  }
}

}  // namespace driveway::fuse
