#include "drive/retry_hint.h"

#include <memory>
#include <string_view>
#include <utility>

#include "base/strings.h"

namespace driveway::drive {
namespace {

constexpr std::string_view kBefore = "Drive asks to wait ";
constexpr std::string_view kAfter = " ms";

}  // namespace

Error with_retry_after(Error error, Duration pause) {
  const auto ms = std::chrono::ceil<std::chrono::milliseconds>(pause).count();
  auto hint = std::make_shared<Error>();
  hint->code = error.code;
  hint->message = cat(kBefore, ms, kAfter);
  hint->retryable = error.retryable;
  hint->cause = std::move(error.cause);
  error.cause = std::move(hint);
  return error;
}

std::optional<Duration> retry_after(const Error& error) {
  for (const Error* each = &error; each != nullptr; each = each->cause.get()) {
    std::string_view text = each->message;
    if (!text.starts_with(kBefore) || !text.ends_with(kAfter)) continue;
    text.remove_prefix(kBefore.size());
    text.remove_suffix(kAfter.size());
    if (const auto ms = parse_int(text)) return std::chrono::milliseconds(*ms);
  }
  return std::nullopt;
}

}  // namespace driveway::drive
