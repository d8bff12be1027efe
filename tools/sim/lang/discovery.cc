#include "sim/lang/discovery.h"

#include <cstddef>
#include <iterator>
#include <span>
#include <utility>

#include <nlohmann/json.hpp>

#include "base/strings.h"
#include "sim/lang/resources.h"

namespace driveway::sim {

namespace {

using Json = nlohmann::ordered_json;

// A parameter is NAME or NAME:TYPE, with "=DEFAULT" and, of numbers, "/MIN/MAX" behind it; "!"
// behind the name: it must be given. Types: b bool, i int32; else a text. What stands in the path
// as {NAME} is a path parameter and need not be listed.
struct MethodRow {
  std::string_view name;  // "files.list"
  std::string_view http;
  std::string_view path;
  std::string_view parameters;
  std::string_view request;   // a schema, "" = no body
  std::string_view response;  // a schema, "" = no body
  std::string_view scopes;    // names behind …/auth/
  enum Media { kNone, kDownload, kUpload } media = kNone;
};

constexpr std::string_view kReads =
    "drive drive.appdata drive.file drive.meet.readonly drive.metadata drive.metadata.readonly "
    "drive.photos.readonly drive.readonly";
constexpr std::string_view kEdits = "drive drive.appdata drive.file";
constexpr std::string_view kUpdates = "drive drive.appdata drive.file drive.metadata drive.scripts";
constexpr std::string_view kDrives = "drive drive.readonly";

// The old spelling of a parameter of shared drives stands beside the new one.
constexpr std::string_view kGetFile =
    "acknowledgeAbuse:b=false includeLabels includePermissionsForView supportsAllDrives:b=false "
    "supportsTeamDrives:b=false";
constexpr std::string_view kCreateFile =
    "enforceSingleParent:b=false ignoreDefaultVisibility:b=false includeLabels "
    "includePermissionsForView keepRevisionForever:b=false ocrLanguage supportsAllDrives:b=false "
    "supportsTeamDrives:b=false useContentAsIndexableText:b=false";
constexpr std::string_view kListChanges =
    "pageToken! driveId includeCorpusRemovals:b=false includeItemsFromAllDrives:b=false "
    "includeLabels includePermissionsForView includeRemoved:b=true includeTeamDriveItems:b=false "
    "pageSize:i=100/1/1000 restrictToMyDrive:b=false spaces=drive supportsAllDrives:b=false "
    "supportsTeamDrives:b=false teamDriveId";
constexpr std::string_view kBothDrives = "supportsAllDrives:b=false supportsTeamDrives:b=false";
constexpr std::string_view kAdmin = "useDomainAdminAccess:b=false";

using enum MethodRow::Media;
constexpr MethodRow kMethods[] = {
    {"about.get", "GET", "about", "", "", "About", kReads},
    {"changes.getStartPageToken", "GET", "changes/startPageToken",
     "driveId supportsAllDrives:b=false supportsTeamDrives:b=false teamDriveId", "",
     "StartPageToken", kReads},
    {"changes.list", "GET", "changes", kListChanges, "", "ChangeList", kReads},
    {"drives.create", "POST", "drives", "requestId!", "Drive", "Drive", "drive"},
    {"drives.delete", "DELETE", "drives/{driveId}",
     "allowItemDeletion:b=false useDomainAdminAccess:b=false", "", "", "drive"},
    {"drives.get", "GET", "drives/{driveId}", kAdmin, "", "Drive", kDrives},
    {"drives.hide", "POST", "drives/{driveId}/hide", "", "", "Drive", "drive"},
    {"drives.list", "GET", "drives", "pageSize:i=10/1/100 pageToken q useDomainAdminAccess:b=false",
     "", "DriveList", kDrives},
    {"drives.unhide", "POST", "drives/{driveId}/unhide", "", "", "Drive", "drive"},
    {"drives.update", "PATCH", "drives/{driveId}", kAdmin, "Drive", "Drive", "drive"},
    {"files.copy", "POST", "files/{fileId}/copy", kCreateFile, "File", "File",
     "drive drive.appdata drive.file drive.photos.readonly"},
    {"files.create", "POST", "files", kCreateFile, "File", "File", kEdits, kUpload},
    {"files.delete", "DELETE", "files/{fileId}",
     "enforceSingleParent:b=false supportsAllDrives:b=false supportsTeamDrives:b=false", "", "",
     kEdits},
    {"files.emptyTrash", "DELETE", "files/trash", "driveId enforceSingleParent:b=false", "", "",
     "drive"},
    {"files.export", "GET", "files/{fileId}/export", "mimeType!", "", "",
     "drive drive.file drive.meet.readonly drive.readonly", kDownload},
    {"files.generateIds", "GET", "files/generateIds", "count:i=10/1/1000 space=drive type=files",
     "", "GeneratedIds", kEdits},
    {"files.get", "GET", "files/{fileId}", kGetFile, "", "File", kReads, kDownload},
    {"files.list", "GET", "files",
     "corpora corpus driveId includeItemsFromAllDrives:b=false includeLabels "
     "includePermissionsForView includeTeamDriveItems:b=false orderBy pageSize:i=100/1/1000 "
     "pageToken q spaces=drive supportsAllDrives:b=false supportsTeamDrives:b=false teamDriveId",
     "", "FileList", kReads},
    {"files.update", "PATCH", "files/{fileId}",
     "addParents enforceSingleParent:b=false includeLabels includePermissionsForView "
     "keepRevisionForever:b=false ocrLanguage removeParents supportsAllDrives:b=false "
     "supportsTeamDrives:b=false useContentAsIndexableText:b=false",
     "File", "File", kUpdates, kUpload},
    {"permissions.create", "POST", "files/{fileId}/permissions",
     "emailMessage enforceSingleParent:b=false moveToNewOwnersRoot:b=false "
     "sendNotificationEmail:b supportsAllDrives:b=false supportsTeamDrives:b=false "
     "transferOwnership:b=false useDomainAdminAccess:b=false",
     "Permission", "Permission", "drive drive.file"},
    {"permissions.delete", "DELETE", "files/{fileId}/permissions/{permissionId}",
     "supportsAllDrives:b=false supportsTeamDrives:b=false useDomainAdminAccess:b=false", "", "",
     "drive drive.file"},
    {"permissions.get", "GET", "files/{fileId}/permissions/{permissionId}", kBothDrives, "",
     "Permission", kReads},
    {"permissions.list", "GET", "files/{fileId}/permissions",
     "includePermissionsForView pageSize:i=/1/100 pageToken supportsAllDrives:b=false "
     "supportsTeamDrives:b=false useDomainAdminAccess:b=false",
     "", "PermissionList", kReads},
    {"permissions.update", "PATCH", "files/{fileId}/permissions/{permissionId}",
     "removeExpiration:b=false supportsAllDrives:b=false supportsTeamDrives:b=false "
     "transferOwnership:b=false useDomainAdminAccess:b=false",
     "Permission", "Permission", "drive drive.file"},
    {"revisions.delete", "DELETE", "files/{fileId}/revisions/{revisionId}", "", "", "", kEdits},
    {"revisions.get", "GET", "files/{fileId}/revisions/{revisionId}", "acknowledgeAbuse:b=false",
     "", "Revision", kReads, kDownload},
    {"revisions.list", "GET", "files/{fileId}/revisions", "pageSize:i=200/1/1000 pageToken", "",
     "RevisionList", kReads},
    {"revisions.update", "PATCH", "files/{fileId}/revisions/{revisionId}", "", "Revision",
     "Revision", kEdits},
};

constexpr std::string_view kScopeNames[] = {"drive",
                                            "drive.appdata",
                                            "drive.file",
                                            "drive.meet.readonly",
                                            "drive.metadata",
                                            "drive.metadata.readonly",
                                            "drive.photos.readonly",
                                            "drive.readonly",
                                            "drive.scripts"};

std::string scope_url(std::string_view name) {
  return cat("https://www.googleapis.com/auth/", name);
}

Json type_of(Field::Type type) {
  using enum Field::Type;
  switch (type) {
    case kBool:
      return {{"type", "boolean"}};
    case kInt32:
      return {{"type", "integer"}, {"format", "int32"}};
    case kInt64:
      return {{"type", "string"}, {"format", "int64"}};
    case kTime:
      return {{"type", "string"}, {"format", "date-time"}};
    case kDate:
      return {{"type", "string"}, {"format", "date"}};
    case kDouble:
      return {{"type", "number"}, {"format", "double"}};
    case kTextMap:
      return {{"type", "object"}, {"additionalProperties", {{"type", "string"}}}};
    case kListMap:
      return {{"type", "object"},
              {"additionalProperties", {{"type", "array"}, {"items", {{"type", "string"}}}}}};
    case kString:
    case kObject:
      break;
  }
  return {{"type", "string"}};
}

Json schemas() {
  Json all = Json::object();
  for (const Resource* resource : all_resources()) {
    Json properties = Json::object();
    for (const Field& field : resource->fields) {
      Json type =
          field.object != nullptr ? Json{{"$ref", field.object->name}} : type_of(field.type);
      properties[field.name] =
          field.list ? Json{{"type", "array"}, {"items", std::move(type)}} : std::move(type);
    }
    all[resource->name] = {
        {"id", resource->name}, {"type", "object"}, {"properties", std::move(properties)}};
  }
  return all;
}

// The entry of one parameter, and its name.
std::pair<std::string, Json> query_parameter(std::string_view text) {
  const std::size_t name_end = text.find_first_of("!:=");
  std::string name(text.substr(0, name_end));
  Json entry = {{"type", "string"}};
  std::string_view rest = name_end == std::string_view::npos ? "" : text.substr(name_end);
  if (rest.starts_with('!')) {
    entry["required"] = true;
    rest.remove_prefix(1);
  }
  if (rest.starts_with(":b")) entry = {{"type", "boolean"}};
  if (rest.starts_with(":i")) entry = {{"type", "integer"}, {"format", "int32"}};
  if (rest.starts_with(':')) rest.remove_prefix(2);
  if (rest.starts_with('=')) {
    const auto parts = split(rest.substr(1), '/');
    if (!parts[0].empty()) entry["default"] = parts[0];
    if (parts.size() == 3) {
      entry["minimum"] = parts[1];
      entry["maximum"] = parts[2];
    }
  }
  entry["location"] = "query";
  return {std::move(name), std::move(entry)};
}

// The parameters of a method; `order` gets those that must be given.
Json parameters_of(const MethodRow& row, Json& order) {
  Json all = Json::object();
  std::string_view path = row.path;
  for (std::size_t open = path.find('{'); open != std::string_view::npos; open = path.find('{')) {
    const std::size_t close = path.find('}', open);
    const std::string name(path.substr(open + 1, close - open - 1));
    all[name] = {{"type", "string"}, {"required", true}, {"location", "path"}};
    order.push_back(name);
    path.remove_prefix(close + 1);
  }
  for (const std::string_view text : split(row.parameters, ' ')) {
    if (text.empty()) continue;
    auto [name, entry] = query_parameter(text);
    if (entry.contains("required")) order.push_back(name);
    all[name] = std::move(entry);
  }
  return all;
}

Json method_entry(const MethodRow& row) {
  Json entry = {{"id", cat("drive.", row.name)}, {"path", row.path}, {"httpMethod", row.http}};
  Json order = Json::array();
  entry["parameters"] = parameters_of(row, order);
  entry["parameterOrder"] = std::move(order);
  if (!row.request.empty()) entry["request"] = {{"$ref", row.request}};
  if (!row.response.empty()) entry["response"] = {{"$ref", row.response}};
  Json scopes = Json::array();
  for (const std::string_view name : split(row.scopes, ' ')) scopes.push_back(scope_url(name));
  entry["scopes"] = std::move(scopes);
  if (row.media == kDownload) {
    entry["supportsMediaDownload"] = true;
    entry["useMediaDownloadService"] = true;
  }
  if (row.media == kUpload) {
    entry["supportsMediaUpload"] = true;
    entry["mediaUpload"] = {
        {"accept", {"*/*"}},
        {"maxSize", "5497558138880"},
        {"protocols",
         {{"simple", {{"multipart", true}, {"path", cat("/upload/drive/v3/", row.path)}}},
          {"resumable",
           {{"multipart", true}, {"path", cat("/resumable/upload/drive/v3/", row.path)}}}}}};
  }
  return entry;
}

Json resources() {
  Json all = Json::object();
  for (const MethodRow& row : kMethods) {
    const std::size_t dot = row.name.find('.');
    all[std::string(row.name.substr(0, dot))]["methods"][std::string(row.name.substr(dot + 1))] =
        method_entry(row);
  }
  return all;
}

Json common_parameters_entry() {
  Json all = Json::object();
  for (const std::string_view text :
       {"access_token", "alt=json", "callback", "fields", "key", "oauth_token",
        "prettyPrint:b=true", "quotaUser", "upload_protocol", "uploadType", "$.xgafv"}) {
    auto [name, entry] = query_parameter(text);
    all[name] = std::move(entry);
  }
  return all;
}

// What does not depend on where the simulator listens.
const Json& fixed_part() {
  static const Json part = [] {
    Json scopes = Json::object();
    for (const std::string_view name : kScopeNames) {
      scopes[scope_url(name)] = {{"description", name}};
    }
    return Json{{"kind", "discovery#restDescription"},
                {"discoveryVersion", "v1"},
                {"id", "drive:v3"},
                {"name", "drive"},
                {"version", "v3"},
                {"revision", "20260405"},
                {"title", "Google Drive API"},
                {"description", "Files and folders of a simulated Google Drive."},
                {"ownerDomain", "google.com"},
                {"ownerName", "Google"},
                {"protocol", "rest"},
                {"servicePath", "drive/v3/"},
                {"basePath", "/drive/v3/"},
                {"batchPath", "batch/drive/v3"},
                {"auth", {{"oauth2", {{"scopes", std::move(scopes)}}}}},
                {"parameters", common_parameters_entry()},
                {"schemas", schemas()},
                {"resources", resources()}};
  }();
  return part;
}

}  // namespace

std::string discovery_document(std::string_view root_url) {
  Json document = fixed_part();
  document["rootUrl"] = root_url;
  document["baseUrl"] = cat(root_url, "drive/v3/");
  return document.dump(2);
}

std::string root_url_of(std::string_view host, bool tls) {
  return cat(tls ? "https://" : "http://", host.empty() ? "www.googleapis.com" : host, "/");
}

}  // namespace driveway::sim
