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
  kGenerateIds,
  kCreate,
  kUpdate,
  kCopy,
  kRemove,
  kBeginUpload,
  kSend,
  kProgress,
  kCancelUpload,
  kRevisions,
  kKeepRevision,
  kRemoveRevision,
  kReadRevision,
};

inline constexpr std::array<Method, 21> kAllMethods = {
    Method::kAbout,          Method::kGet,         Method::kList,         Method::kSharedDrives,
    Method::kStartPageToken, Method::kChanges,     Method::kRead,         Method::kExport,
    Method::kGenerateIds,    Method::kCreate,      Method::kUpdate,       Method::kCopy,
    Method::kRemove,         Method::kBeginUpload, Method::kSend,         Method::kProgress,
    Method::kCancelUpload,   Method::kRevisions,   Method::kKeepRevision, Method::kRemoveRevision,
    Method::kReadRevision};

// The stable lower-case name ("start_page_token"), as in metric names.
std::string_view to_string(Method method);

}  // namespace driveway::drive
