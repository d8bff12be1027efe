// How every command speaks HTTP.
#pragma once

#include "http/http_client.h"

namespace driveway::cli {

http::Options http_options();

}  // namespace driveway::cli
