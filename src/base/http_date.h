// The dates of HTTP headers.
#pragma once

#include <optional>
#include <string_view>

#include "base/clock.h"

namespace driveway {

// "Sat, 21 Nov 2026 02:03:04 GMT" (IMF-fixdate, RFC 9110, 5.6.7); nothing for any other form.
std::optional<WallTime> parse_http_date(std::string_view text);

}  // namespace driveway
