// Where the Drive API is switched on for the Cloud project of a login, attached to the Error of
// Drive's refusal (accessNotConfigured). It travels as the hint of retry_hint.h does.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace driveway::drive {

// `error` with "it is enabled at URL" as its innermost cause. `said`: Drive's words, in which it
// names the page of the Cloud console for that project; the general page where it does not.
Error with_enable_url(Error error, std::string_view said);
// What with_enable_url attached to `error` or to one of its causes.
std::optional<std::string> enable_url(const Error& error);

}  // namespace driveway::drive
