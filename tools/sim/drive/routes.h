// Which method of the API a request is (drive-api reference 1.1, 1.2), what it costs (1.7), and
// which scopes allow it (1.6).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "sim/net/service.h"

namespace driveway::sim {

enum class Method : std::uint8_t {
  kAboutGet,
  kFilesList,
  kFilesGet,
  kFilesGetMedia,
  kFilesCreate,
  kFilesUpdate,
  kFilesCopy,
  kFilesDelete,
  kFilesEmptyTrash,
  kFilesGenerateIds,
  kFilesExport,
  kUploadCreate,  // with media: files.create and files.update
  kUploadUpdate,
  kUploadData,  // PUT, POST, DELETE on a session URI
  kRevisionsList,
  kRevisionsGet,
  kRevisionsGetMedia,
  kRevisionsUpdate,
  kRevisionsDelete,
  kChangesList,
  kChangesStartPageToken,
  kDrivesList,
  kDrivesGet,
  kDrivesCreate,
  kDrivesUpdate,
  kDrivesDelete,
  kDrivesHide,
  kDrivesUnhide,
  kPermissionsList,
  kPermissionsGet,
  kPermissionsCreate,
  kPermissionsUpdate,
  kPermissionsDelete,
  kBatch,
  kDiscovery,
  kUnrouted,  // of Drive's paths, but no method: an HTML page with 404 (reference 1.8)
};

using ScopeSet = std::uint32_t;
enum Scope : ScopeSet {
  kScopeDrive = 1,
  kScopeReadonly = 2,
  kScopeFile = 4,
  kScopeMetadata = 8,
  kScopeMetadataReadonly = 16,
  kScopeAppdata = 32,
  kScopeScripts = 64,
  kScopePhotosReadonly = 128,
  kScopeMeetReadonly = 256,
};
// The Drive scopes in a list of scope URLs that blanks separate.
ScopeSet parse_scopes(std::string_view scopes);

struct MethodTraits {
  std::string_view name;      // "files.list": key of the statistics
  std::string_view api_name;  // "DriveFiles.List": as an error's details name it
  CallClass call_class;
  std::uint32_t units;
  bool write;
  ScopeSet scopes;
};
const MethodTraits& traits_of(Method method);

struct Route {
  Method method = Method::kUnrouted;
  std::string id;              // of the file, or of the shared drive
  std::string second_id;       // of the revision or the permission
  bool download_path = false;  // came as /download/drive/v3/…
};
// Nothing if the path is none of Drive's.
std::optional<Route> route_of(const RequestHead& head);
// The bytes of a file, of a revision, or of an export.
bool is_media(Method method);
// HEAD where GET would be answered with media.
bool is_head_of_media(const RequestHead& head);

}  // namespace driveway::sim
