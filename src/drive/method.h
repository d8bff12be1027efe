// The calls of RemoteStore, named: for metrics, quota costs and injected faults.
#pragma once

#include <array>
#include <string_view>

namespace driveway::drive {

enum class Method {
  kAbout,
  kGet,
  kList,
  kSharedDrives,
  kStartPageToken,
  kChanges,
  kRead,
  kExport,
};

inline constexpr std::array<Method, 8> kAllMethods = {
    Method::kAbout,          Method::kGet,     Method::kList, Method::kSharedDrives,
    Method::kStartPageToken, Method::kChanges, Method::kRead, Method::kExport};

// The stable lower-case name ("start_page_token"), as in metric names.
std::string_view to_string(Method method);

}  // namespace driveway::drive
