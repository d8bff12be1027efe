#pragma once

#include <string>
#include <string_view>

namespace driveway::sim {

// `text` as a gzip member, compressed fast rather than well.
std::string gzip(std::string_view text);

}  // namespace driveway::sim
