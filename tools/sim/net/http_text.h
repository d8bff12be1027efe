// The fixed texts of HTTP answers.
#pragma once

#include <string>
#include <string_view>

#include "base/clock.h"

namespace driveway::sim {

// "Not Found"; "Unknown" for a status without one. 308 is what an upload session means by it.
std::string_view reason_phrase(int status);
// "Sun, 06 Nov 1994 08:49:37 GMT".
std::string http_date(WallTime time);
// The HTML page that a front end sends where the API behind it has no say (drive-api
// reference 1.8).
std::string error_page(int status, std::string_view explanation);

}  // namespace driveway::sim
