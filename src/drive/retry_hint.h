// How long Drive asks to wait (Retry-After), attached to an Error. Private to drive/.
//
// It travels as the Error's cause, in words and figures, because an Error is copied and wrapped as
// a plain value: nothing that were only a type of its own would survive that.
#pragma once

#include <optional>

#include "base/clock.h"
#include "base/result.h"

namespace driveway::drive {

// `error` with "Drive asks to wait N ms" as its innermost cause.
Error with_retry_after(Error error, Duration pause);
// What with_retry_after attached to `error` or to one of its causes.
std::optional<Duration> retry_after(const Error& error);

}  // namespace driveway::drive
