// The small answers, by document.
#include <utility>

#include "base/strings.h"
#include "drive/json_access.h"
#include "drive/parse.h"

namespace driveway::drive {

Error not_understood(std::string_view what) {
  return {ErrorCode::kCorrupt, cat("Drive's answer was not understood: ", what), true};
}

namespace {

Result<RevisionInfo> revision_of(const Json& object) {
  RevisionInfo revision;
  revision.id = Revision(text_at(object, "id"));
  if (revision.id.empty()) return not_understood("a revision without an id");
  revision.md5 = text_at(object, "md5Checksum");
  revision.size = uint_at(object, "size");
  revision.keep_forever = flag_at(object, "keepForever");
  if (const auto time = parse_rfc3339(text_at(object, "modifiedTime")); time.ok()) {
    revision.modified = *time;
  }
  return revision;
}

}  // namespace

Result<About> parse_about(std::string_view json) {
  const Json document = parse_document(json);
  const Json* const user = object_at(document, "user");
  if (user == nullptr) return not_understood("about");
  About about;
  about.display_name = text_at(*user, "displayName");
  about.email = text_at(*user, "emailAddress");
  about.permission_id = text_at(*user, "permissionId");
  if (about.permission_id.empty()) return not_understood("about without an account");
  about.can_create_drives = flag_at(document, "canCreateDrives");
  if (const Json* const quota = object_at(document, "storageQuota"); quota != nullptr) {
    about.storage_limit = uint_at(*quota, "limit");
    about.usage = uint_at(*quota, "usage").value_or(0);
    about.usage_in_drive = uint_at(*quota, "usageInDrive").value_or(0);
    about.usage_in_trash = uint_at(*quota, "usageInDriveTrash").value_or(0);
  }
  return about;
}

Result<FileId> parse_file_id(std::string_view json) {
  const Json document = parse_document(json);
  FileId id(text_at(document, "id"));
  if (id.empty()) return not_understood("a file's id");
  return id;
}

Result<std::string> parse_start_page_token(std::string_view json) {
  const Json document = parse_document(json);
  std::string token = text_at(document, "startPageToken");
  if (token.empty()) return not_understood("a start page token");
  return token;
}

Result<SharedDrivePage> parse_shared_drive_page(std::string_view json) {
  const Json document = parse_document(json);
  if (!document.is_object()) return not_understood("a list of shared drives");
  SharedDrivePage page;
  page.next_page_token = text_at(document, "nextPageToken");
  const auto drives = document.find("drives");
  if (drives == document.end() || drives->is_null()) return page;
  if (!drives->is_array()) return not_understood("a list of shared drives");
  for (const Json& each : *drives) {
    SharedDrive drive{DriveId(text_at(each, "id")), text_at(each, "name"), {}};
    if (drive.id.empty()) return not_understood("a shared drive without an id");
    if (const auto time = parse_rfc3339(text_at(each, "createdTime")); time.ok()) {
      drive.created = *time;
    }
    page.drives.push_back(std::move(drive));
  }
  return page;
}

Result<std::vector<FileId>> parse_generated_ids(std::string_view json) {
  const Json document = parse_document(json);
  const Json* const ids = value_at(document, "ids");
  if (ids == nullptr || !ids->is_array()) return not_understood("ids of new items");
  std::vector<FileId> result;
  for (const Json& each : *ids) {
    if (!each.is_string() || each.get_ref<const std::string&>().empty()) {
      return not_understood("ids of new items");
    }
    result.emplace_back(each.get_ref<const std::string&>());
  }
  return result;
}

Result<RevisionInfo> parse_revision(std::string_view json) {
  return revision_of(parse_document(json));
}

Result<RevisionPage> parse_revision_page(std::string_view json) {
  const Json document = parse_document(json);
  const Json* const revisions = value_at(document, "revisions");
  if (revisions == nullptr || !revisions->is_array()) return not_understood("a list of revisions");
  RevisionPage page;
  page.next_page_token = text_at(document, "nextPageToken");
  for (const Json& each : *revisions) {
    DRIVEWAY_TRY(RevisionInfo revision, revision_of(each));
    page.revisions.push_back(std::move(revision));
  }
  return page;
}

}  // namespace driveway::drive
