#include "drive/abuse_hint.h"

#include <memory>
#include <string_view>
#include <utility>

namespace driveway::drive {
namespace {

// Who may is from the drive-api reference, 2.
constexpr std::string_view kHint =
    "only its owner, or a manager of the shared drive that it is in, can read it all the same: "
    "with "
    "--acknowledge-abuse";

}  // namespace

Error with_abuse_hint(Error error) {
  auto hint = std::make_shared<Error>();
  hint->code = error.code;
  hint->message = kHint;
  hint->retryable = error.retryable;
  hint->cause = std::move(error.cause);
  error.cause = std::move(hint);
  return error;
}

bool is_of_abuse(const Error& error) {
  for (const Error* each = &error; each != nullptr; each = each->cause.get()) {
    if (each->message == kHint) return true;
  }
  return false;
}

}  // namespace driveway::drive
