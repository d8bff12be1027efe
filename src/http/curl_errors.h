// What libcurl's codes mean here.
#pragma once

#include <curl/curl.h>

#include <string>
#include <string_view>

#include "base/result.h"

namespace driveway::http {

// The Error of a failed transfer. `request` is request_text(); `detail` libcurl's own words, used
// only for codes whose words hold nothing secret; `roots` says which certificates were trusted.
Error transfer_error(CURLcode code, std::string_view request, std::string_view detail,
                     std::string_view roots);

}  // namespace driveway::http
