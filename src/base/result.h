// Result<T> and Error: how every module reports failure.
//
// No exception crosses a module's door: what a library throws is caught where it is called and
// becomes an Error. An Error's message says what failed, on which path, and (where a user sees it)
// what to do next; it never holds a token or another secret.
#pragma once

#include <cassert>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

namespace driveway {

enum class ErrorCode {
  kInvalidArgument,  // the caller's mistake; the same call never succeeds
  kNotFound,         // no such item, or not visible to this account
  kAlreadyExists,
  kPermissionDenied,  // the account may not do this
  kLoginNeeded,       // no valid credential: only a new login helps (E1)
  kRateLimited,       // asked too often; later the same call succeeds
  kQuotaExceeded,     // a quota of hours or days is used up
  kStorageFull,       // the Drive storage is full
  kUnavailable,       // network or server fault; later the same call may succeed
  kDeadlineExceeded,  // the caller's deadline passed (R5)
  kCancelled,         // the caller, or a signal, interrupted it
  kStale,             // the revision that was asked for is no longer the current one (R1)
  kCorrupt,           // bytes did not verify, or an answer was not understood
  kTokenExpired,      // a page or change token is refused: list again from the start
  kOutOfRange,        // a range begins at or behind the end
  kUnsupported,       // this kind of item cannot do that (media of a Doc, say)
  kTooLarge,
  kNameTooLong,
  kNotADirectory,
  kIsADirectory,
  kNotEmpty,
  kReadOnly,
  kCrossDevice,
  kBusy,       // held by another process
  kNoSpace,    // local disk full
  kLocalDisk,  // local file system failed otherwise
  kInternal,   // a defect in driveway
};

// The stable lower-case name of a code ("not_found"), for logs and JSON.
std::string_view to_string(ErrorCode code);

struct [[nodiscard]] Error {
  ErrorCode code = ErrorCode::kInternal;
  std::string message;
  // Whether the same call may succeed when repeated after a pause.
  bool retryable = false;
  std::shared_ptr<const Error> cause = nullptr;

  // "message: cause: cause of the cause".
  std::string to_string() const;
};

// An Error that says `message` and keeps `cause`, with its code and retryable.
Error wrap(Error cause, std::string message);
// The Error of errno `error_number` (kNoSpace for ENOSPC and EDQUOT, kNotFound for ENOENT,
// kPermissionDenied for EACCES and EPERM, kReadOnly for EROFS, else kLocalDisk), "message:
// strerror".
Error errno_error(int error_number, std::string message);

template <typename T>
class [[nodiscard]] Result {
 public:
  using value_type = T;
  Result(T value)
      : state_(std::in_place_index<0>, std::move(value)) {}  // NOLINT: implicit by design
  Result(Error error)
      : state_(std::in_place_index<1>, std::move(error)) {}  // NOLINT: implicit by design

  bool ok() const { return state_.index() == 0; }
  explicit operator bool() const { return ok(); }

  // REQUIRES: ok().
  T& value() & {
    assert(ok());
    return std::get<0>(state_);
  }
  const T& value() const& {
    assert(ok());
    return std::get<0>(state_);
  }
  T&& value() && {
    assert(ok());
    return std::get<0>(std::move(state_));
  }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }
  T value_or(T other) const& { return ok() ? value() : std::move(other); }

  // REQUIRES: !ok().
  const Error& error() const& {
    assert(!ok());
    return std::get<1>(state_);
  }
  Error&& error() && {
    assert(!ok());
    return std::get<1>(std::move(state_));
  }
  // Whether it failed with `code`.
  bool failed_with(ErrorCode code) const { return !ok() && error().code == code; }

 private:
  std::variant<T, Error> state_;
};

template <>
class [[nodiscard]] Result<void> {
 public:
  using value_type = void;
  Result() = default;
  Result(Error error) : error_(std::move(error)) {}  // NOLINT: implicit by design

  bool ok() const { return !error_.has_value(); }
  explicit operator bool() const { return ok(); }
  const Error& error() const& {
    assert(!ok());
    return *error_;
  }
  Error&& error() && {
    assert(!ok());
    return *std::move(error_);
  }
  bool failed_with(ErrorCode code) const { return !ok() && error_->code == code; }

 private:
  std::optional<Error> error_;
};

using Status = Result<void>;

}  // namespace driveway

#define DRIVEWAY_CONCAT_INNER(a, b) a##b
#define DRIVEWAY_CONCAT(a, b) DRIVEWAY_CONCAT_INNER(a, b)

// DRIVEWAY_TRY(auto item, store.get(id)): binds the value, or returns the error from this function.
#define DRIVEWAY_TRY(declaration, expression) \
  DRIVEWAY_TRY_INNER(DRIVEWAY_CONCAT(driveway_try_, __COUNTER__), declaration, expression)
#define DRIVEWAY_TRY_INNER(temporary, declaration, expression) \
  auto temporary = (expression);                               \
  if (!temporary.ok()) return std::move(temporary).error();    \
  declaration = std::move(temporary).value()

// DRIVEWAY_CHECK(status_expression): returns the error from this function, if there is one.
#define DRIVEWAY_CHECK(expression)                                  \
  do {                                                              \
    if (auto driveway_status = (expression); !driveway_status.ok()) \
      return std::move(driveway_status).error();                    \
  } while (false)
