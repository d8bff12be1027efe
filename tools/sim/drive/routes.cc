#include "sim/drive/routes.h"

#include <array>
#include <vector>

#include "base/strings.h"
#include "sim/drive/exports.h"

namespace driveway::sim {

namespace {

constexpr ScopeSet kReads = kScopeDrive | kScopeReadonly | kScopeFile | kScopeMetadata |
                            kScopeMetadataReadonly | kScopeAppdata;
constexpr ScopeSet kFileReads = kReads | kScopePhotosReadonly | kScopeMeetReadonly;
constexpr ScopeSet kContent = kScopeDrive | kScopeReadonly | kScopeFile | kScopeAppdata |
                              kScopePhotosReadonly | kScopeMeetReadonly;
constexpr ScopeSet kEdits = kScopeDrive | kScopeFile | kScopeAppdata;
constexpr ScopeSet kUpdates = kEdits | kScopeMetadata | kScopeScripts;
constexpr ScopeSet kGrantReads = kReads & ~static_cast<ScopeSet>(kScopeAppdata);
constexpr ScopeSet kGrants = kScopeDrive | kScopeFile;
constexpr ScopeSet kDriveReads = kScopeDrive | kScopeReadonly;

using enum CallClass;
// In the order of Method.
constexpr MethodTraits kMethods[] = {
    {"about.get", "DriveAbout.Get", kGet, 5, false, kReads},
    {"files.list", "DriveFiles.List", kList, 100, false, kFileReads},
    {"files.get", "DriveFiles.Get", kGet, 5, false, kFileReads},
    {"files.get_media", "DriveFiles.Get", kMedia, 200, false, kContent},
    {"files.create", "DriveFiles.Create", kWrite, 50, true, kEdits},
    {"files.update", "DriveFiles.Update", kWrite, 50, true, kUpdates},
    {"files.copy", "DriveFiles.Copy", kWrite, 50, true, kEdits | kScopePhotosReadonly},
    {"files.delete", "DriveFiles.Delete", kWrite, 50, true, kEdits},
    {"files.empty_trash", "DriveFiles.EmptyTrash", kWrite, 50, true, kScopeDrive},
    {"files.generate_ids", "DriveFiles.GenerateIds", kGet, 5, false, kEdits},
    {"files.export", "DriveFiles.Export", kMedia, 200, false,
     kScopeDrive | kScopeReadonly | kScopeFile},
    {"files.create", "DriveFiles.Create", kWrite, 50, true, kEdits},
    {"files.update", "DriveFiles.Update", kWrite, 50, true, kEdits},
    {"upload.data", "DriveFiles.Create", kUploadData, 0, false, 0},
    {"revisions.list", "DriveRevisions.List", kList, 100, false, kReads},
    {"revisions.get", "DriveRevisions.Get", kGet, 5, false, kReads},
    {"revisions.get_media", "DriveRevisions.Get", kMedia, 200, false, kContent},
    {"revisions.update", "DriveRevisions.Update", kWrite, 50, true, kEdits},
    {"revisions.delete", "DriveRevisions.Delete", kWrite, 50, true, kEdits},
    {"changes.list", "DriveChanges.List", kList, 100, false, kFileReads},
    {"changes.get_start_page_token", "DriveChanges.GetStartPageToken", kGet, 5, false, kFileReads},
    {"drives.list", "DriveDrives.List", kList, 100, false, kDriveReads},
    {"drives.get", "DriveDrives.Get", kGet, 5, false, kDriveReads},
    {"drives.create", "DriveDrives.Create", kWrite, 50, true, kScopeDrive},
    {"drives.update", "DriveDrives.Update", kWrite, 50, true, kScopeDrive},
    {"drives.delete", "DriveDrives.Delete", kWrite, 50, true, kScopeDrive},
    {"drives.hide", "DriveDrives.Hide", kWrite, 50, true, kScopeDrive},
    {"drives.unhide", "DriveDrives.Unhide", kWrite, 50, true, kScopeDrive},
    {"permissions.list", "DrivePermissions.List", kList, 100, false, kGrantReads},
    {"permissions.get", "DrivePermissions.Get", kGet, 5, false, kGrantReads},
    {"permissions.create", "DrivePermissions.Create", kWrite, 50, true, kGrants},
    {"permissions.update", "DrivePermissions.Update", kWrite, 50, true, kGrants},
    {"permissions.delete", "DrivePermissions.Delete", kWrite, 50, true, kGrants},
    {"batch", "Batch", kGet, 0, false, 0},
    {"discovery", "Discovery", kOther, 0, false, 0},
    {"unrouted", "Unrouted", kOther, 0, false, 0},
};
static_assert(std::size(kMethods) == static_cast<std::size_t>(Method::kUnrouted) + 1);

using Parts = std::vector<std::string>;

bool wants_media(const RequestHead& head) {
  const std::string* alt = head.query_value("alt");
  return alt != nullptr && equals_ignoring_case(*alt, "media");
}

Method files_collection(const std::string& verb) {
  if (verb == "GET") return Method::kFilesList;
  if (verb == "POST") return Method::kFilesCreate;
  return Method::kUnrouted;
}

Method one_file(const RequestHead& head, const std::string& id) {
  if (head.method == "GET" && id == "generateIds") return Method::kFilesGenerateIds;
  if (head.method == "DELETE" && id == "trash") return Method::kFilesEmptyTrash;
  if (head.method == "GET") return wants_media(head) ? Method::kFilesGetMedia : Method::kFilesGet;
  if (head.method == "PATCH") return Method::kFilesUpdate;
  if (head.method == "DELETE") return Method::kFilesDelete;
  return Method::kUnrouted;
}

Method below_file(const RequestHead& head, const std::string& what) {
  if (what == "copy" && head.method == "POST") return Method::kFilesCopy;
  if (what == "export" && head.method == "GET") return Method::kFilesExport;
  if (what == "revisions" && head.method == "GET") return Method::kRevisionsList;
  if (what == "permissions" && head.method == "GET") return Method::kPermissionsList;
  if (what == "permissions" && head.method == "POST") return Method::kPermissionsCreate;
  return Method::kUnrouted;
}

Method one_below_file(const RequestHead& head, const std::string& what) {
  const bool revision = what == "revisions";
  if (!revision && what != "permissions") return Method::kUnrouted;
  if (head.method == "GET") {
    if (!revision) return Method::kPermissionsGet;
    return wants_media(head) ? Method::kRevisionsGetMedia : Method::kRevisionsGet;
  }
  if (head.method == "PATCH") {
    return revision ? Method::kRevisionsUpdate : Method::kPermissionsUpdate;
  }
  if (head.method == "DELETE") {
    return revision ? Method::kRevisionsDelete : Method::kPermissionsDelete;
  }
  return Method::kUnrouted;
}

void route_files(const RequestHead& head, const Parts& parts, Route& route) {
  if (parts.size() > 1) route.id = parts[1];
  if (parts.size() > 3) route.second_id = parts[3];
  switch (parts.size()) {
    case 1:
      route.method = files_collection(head.method);
      break;
    case 2:
      route.method = one_file(head, route.id);
      break;
    case 3:
      route.method = below_file(head, parts[2]);
      break;
    case 4:
      route.method = one_below_file(head, parts[2]);
      break;
    default:
      break;
  }
}

void route_drives(const RequestHead& head, const Parts& parts, Route& route) {
  const std::string& verb = head.method;
  if (parts.size() == 1) {
    if (verb == "GET") route.method = Method::kDrivesList;
    if (verb == "POST") route.method = Method::kDrivesCreate;
    return;
  }
  route.id = parts[1];
  if (parts.size() == 2) {
    if (verb == "GET") route.method = Method::kDrivesGet;
    if (verb == "PATCH") route.method = Method::kDrivesUpdate;
    if (verb == "DELETE") route.method = Method::kDrivesDelete;
  } else if (parts.size() == 3 && verb == "POST") {
    if (parts[2] == "hide") route.method = Method::kDrivesHide;
    if (parts[2] == "unhide") route.method = Method::kDrivesUnhide;
  }
}

void route_api(const RequestHead& head, const Parts& parts, Route& route) {
  const std::string& first = parts[0];
  if (first == "files") return route_files(head, parts, route);
  if (first == "drives") return route_drives(head, parts, route);
  if (head.method != "GET") return;
  if (first == "about" && parts.size() == 1) route.method = Method::kAboutGet;
  if (first != "changes") return;
  if (parts.size() == 1) route.method = Method::kChangesList;
  if (parts.size() == 2 && parts[1] == "startPageToken") {
    route.method = Method::kChangesStartPageToken;
  }
}

void route_upload(const RequestHead& head, const Parts& parts, Route& route) {
  if (parts[0] != "files" || parts.size() > 2) return;
  if (parts.size() == 2) route.id = parts[1];
  if (head.query_value("upload_id") != nullptr) {
    const std::string& verb = head.method;
    if (verb == "PUT" || verb == "POST" || verb == "DELETE" || verb == "PATCH") {
      route.method = Method::kUploadData;
    }
    return;
  }
  if (parts.size() == 1 && head.method == "POST") route.method = Method::kUploadCreate;
  if (parts.size() == 2 && head.method == "PATCH") route.method = Method::kUploadUpdate;
}

// The segments behind `prefix`, each decoded by itself: an id may hold no slash, but a decoded
// path could show one that was "%2F".
std::optional<Parts> segments_behind(const RequestHead& head, std::string_view prefix) {
  std::string_view path = head.raw_path;
  if (!path.starts_with(prefix)) return std::nullopt;
  path.remove_prefix(prefix.size());
  Parts parts;
  for (const std::string_view part : split(path, '/')) parts.push_back(percent_decode(part));
  return parts;
}

}  // namespace

const MethodTraits& traits_of(Method method) { return kMethods[static_cast<std::size_t>(method)]; }

ScopeSet parse_scopes(std::string_view scopes) {
  constexpr std::string_view kPrefix = "https://www.googleapis.com/auth/";
  constexpr std::pair<std::string_view, Scope> kNames[] = {
      {"drive", kScopeDrive},
      {"drive.readonly", kScopeReadonly},
      {"drive.file", kScopeFile},
      {"drive.metadata", kScopeMetadata},
      {"drive.metadata.readonly", kScopeMetadataReadonly},
      {"drive.appdata", kScopeAppdata},
      {"drive.appfolder", kScopeAppdata},
      {"drive.scripts", kScopeScripts},
      {"drive.photos.readonly", kScopePhotosReadonly},
      {"drive.meet.readonly", kScopeMeetReadonly}};
  ScopeSet set = 0;
  for (std::string_view scope : split(scopes, ' ')) {
    if (!scope.starts_with(kPrefix)) continue;
    scope.remove_prefix(kPrefix.size());
    for (const auto& [name, bit] : kNames) {
      if (scope == name) set |= bit;
    }
  }
  return set;
}

bool is_media(Method method) {
  return method == Method::kFilesGetMedia || method == Method::kRevisionsGetMedia ||
         method == Method::kFilesExport;
}

bool is_head_of_media(const RequestHead& head) {
  if (head.method != "HEAD") return false;
  RequestHead get = head;
  get.method = "GET";
  const auto route = route_of(get);
  return route && is_media(route->method);
}

std::optional<Route> route_of(const RequestHead& head) {
  Route route;
  if (const auto api = segments_behind(head, "/drive/v3/")) {
    route_api(head, *api, route);
  } else if (const auto upload = segments_behind(head, "/upload/drive/v3/")) {
    route_upload(head, *upload, route);
  } else if (const auto resumable = segments_behind(head, "/resumable/upload/drive/v3/")) {
    route_upload(head, *resumable, route);
  } else if (const auto download = segments_behind(head, "/download/drive/v3/")) {
    route_api(head, *download, route);
    route.download_path = true;
    if (!is_media(route.method)) route.method = Method::kUnrouted;
  } else if (head.path == kExportLinkPath) {
    if (head.method == "GET") route.method = Method::kFilesExport;
  } else if (head.path == "/batch/drive/v3") {
    if (head.method == "POST") route.method = Method::kBatch;
  } else if (head.path == "/discovery/v1/apis/drive/v3/rest" ||
             (head.path == "/$discovery/rest" && head.query_value("version") != nullptr &&
              *head.query_value("version") == "v3")) {
    if (head.method == "GET") route.method = Method::kDiscovery;
  } else {
    return std::nullopt;
  }
  return route;
}

}  // namespace driveway::sim
