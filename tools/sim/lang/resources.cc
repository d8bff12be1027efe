#include "sim/lang/resources.h"

#include <algorithm>
#include <cassert>
#include <iterator>
#include <map>
#include <memory>

#include "base/strings.h"

namespace driveway::sim {

namespace {

// A field is NAME or NAME:TYPE. Types: b bool, i int32, l int64, t time, d date, f double, m map of
// texts, M map of lists, [] list of texts, Name a resource of this table, [Name] a list of these;
// without one, a text. A resource stands behind those that it refers to.
struct Row {
  std::string_view name;
  std::string_view fields;
};

constexpr Row kRows[] = {
    {"User", "kind displayName emailAddress permissionId me:b photoLink"},
    {"Capabilities",
     "canAcceptOwnership:b canAddChildren:b canAddFolderFromAnotherDrive:b canAddMyDriveParent:b "
     "canChangeCopyRequiresWriterPermission:b canChangeItemDownloadRestriction:b "
     "canChangeSecurityUpdateEnabled:b canChangeViewersCanCopyContent:b canComment:b canCopy:b "
     "canDelete:b canDeleteChildren:b canDisableInheritedPermissions:b canDownload:b canEdit:b "
     "canEnableInheritedPermissions:b canListChildren:b canModifyContent:b "
     "canModifyContentRestriction:b canModifyEditorContentRestriction:b canModifyLabels:b "
     "canModifyOwnerContentRestriction:b canMoveChildrenOutOfDrive:b "
     "canMoveChildrenOutOfTeamDrive:b canMoveChildrenWithinDrive:b "
     "canMoveChildrenWithinTeamDrive:b "
     "canMoveItemIntoTeamDrive:b canMoveItemOutOfDrive:b canMoveItemOutOfTeamDrive:b "
     "canMoveItemWithinDrive:b canMoveItemWithinTeamDrive:b canMoveTeamDriveItem:b canReadDrive:b "
     "canReadLabels:b canReadRevisions:b canReadTeamDrive:b canRemoveChildren:b "
     "canRemoveContentRestriction:b canRemoveMyDriveParent:b canRename:b canShare:b canTrash:b "
     "canTrashChildren:b canUntrash:b"},
    {"ShortcutDetails", "targetId targetMimeType targetResourceKey"},
    {"PermissionDetails", "permissionType role inherited:b inheritedFrom"},
    {"TeamDrivePermissionDetails", "teamDrivePermissionType role inherited:b inheritedFrom"},
    {"Permission",
     "kind id type role emailAddress domain displayName allowFileDiscovery:b expirationTime:t "
     "deleted:b pendingOwner:b photoLink view inheritedPermissionsDisabled:b "
     "permissionDetails:[PermissionDetails] "
     "teamDrivePermissionDetails:[TeamDrivePermissionDetails]"},
    {"ContentRestriction",
     "readOnly:b reason ownerRestricted:b restrictingUser:User restrictionTime:t type "
     "systemRestricted:b"},
    {"Thumbnail", "image mimeType"},
    {"ContentHints", "indexableText thumbnail:Thumbnail"},
    {"Location", "latitude:f longitude:f altitude:f"},
    {"ImageMediaMetadata",
     "width:i height:i rotation:i time location:Location cameraMake cameraModel exposureTime:f "
     "aperture:f flashUsed:b focalLength:f isoSpeed:i meteringMode sensor exposureMode colorSpace "
     "whiteBalance exposureBias:f maxApertureValue:f subjectDistance:i lens"},
    {"VideoMediaMetadata", "width:i height:i durationMillis:l"},
    {"LinkShareMetadata", "securityUpdateEligible:b securityUpdateEnabled:b"},
    {"Label", "kind id revisionId fields:m"},
    {"LabelInfo", "labels:[Label]"},
    {"DownloadRestriction", "restrictedForReaders:b restrictedForWriters:b"},
    {"DownloadRestrictions",
     "itemDownloadRestriction:DownloadRestriction "
     "effectiveDownloadRestrictionWithContext:DownloadRestriction"},
    {"ClientEncryptionDetails", "encryptionState decryptionMetadata:m"},
    {"File",
     "kind id name mimeType description starred:b trashed:b explicitlyTrashed:b trashingUser:User "
     "trashedTime:t parents:[] properties:m appProperties:m spaces:[] version:l webContentLink "
     "webViewLink iconLink hasThumbnail:b thumbnailLink thumbnailVersion:l viewedByMe:b "
     "viewedByMeTime:t createdTime:t modifiedTime:t modifiedByMe:b modifiedByMeTime:t "
     "sharedWithMeTime:t sharingUser:User owners:[User] teamDriveId driveId lastModifyingUser:User "
     "shared:b ownedByMe:b capabilities:Capabilities viewersCanCopyContent:b "
     "copyRequiresWriterPermission:b writersCanShare:b permissions:[Permission] permissionIds:[] "
     "hasAugmentedPermissions:b folderColorRgb originalFilename fullFileExtension fileExtension "
     "md5Checksum sha1Checksum sha256Checksum size:l quotaBytesUsed:l headRevisionId "
     "contentHints:ContentHints imageMediaMetadata:ImageMediaMetadata "
     "videoMediaMetadata:VideoMediaMetadata isAppAuthorized:b exportLinks:m "
     "shortcutDetails:ShortcutDetails contentRestrictions:[ContentRestriction] "
     "linkShareMetadata:LinkShareMetadata labelInfo:LabelInfo resourceKey "
     "inheritedPermissionsDisabled:b downloadRestrictions:DownloadRestrictions "
     "clientEncryptionDetails:ClientEncryptionDetails"},
    {"FileList", "kind nextPageToken incompleteSearch:b files:[File]"},
    {"DriveBackgroundImage", "id xCoordinate:f yCoordinate:f width:f"},
    {"DriveCapabilities",
     "canAddChildren:b canChangeCopyRequiresWriterPermissionRestriction:b "
     "canChangeDomainUsersOnlyRestriction:b canChangeDownloadRestriction:b "
     "canChangeDriveBackground:b canChangeDriveMembersOnlyRestriction:b "
     "canChangeSharingFoldersRequiresOrganizerPermissionRestriction:b canComment:b canCopy:b "
     "canDeleteChildren:b canDeleteDrive:b canDownload:b canEdit:b canListChildren:b "
     "canManageMembers:b canReadRevisions:b canRename:b canRenameDrive:b "
     "canResetDriveRestrictions:b canShare:b canTrashChildren:b"},
    {"DriveRestrictions",
     "adminManagedRestrictions:b copyRequiresWriterPermission:b domainUsersOnly:b "
     "driveMembersOnly:b sharingFoldersRequiresOrganizerPermission:b "
     "downloadRestriction:DownloadRestriction"},
    {"Drive",
     "kind id name colorRgb backgroundImageFile:DriveBackgroundImage backgroundImageLink themeId "
     "createdTime:t hidden:b orgUnitId capabilities:DriveCapabilities "
     "restrictions:DriveRestrictions"},
    {"DriveList", "kind nextPageToken drives:[Drive]"},
    {"Change",
     "kind type changeType time:t removed:b fileId file:File teamDriveId teamDrive:Drive driveId "
     "drive:Drive"},
    {"ChangeList", "kind nextPageToken newStartPageToken changes:[Change]"},
    {"StartPageToken", "kind startPageToken"},
    {"PermissionList", "kind nextPageToken permissions:[Permission]"},
    {"Revision",
     "kind id mimeType modifiedTime:t keepForever:b md5Checksum size:l originalFilename "
     "lastModifyingUser:User published:b publishedLink publishAuto:b publishedOutsideDomain:b "
     "exportLinks:m"},
    {"RevisionList", "kind nextPageToken revisions:[Revision]"},
    {"StorageQuota", "limit:l usage:l usageInDrive:l usageInDriveTrash:l"},
    {"DriveTheme", "id backgroundImageLink colorRgb"},
    {"About",
     "kind user:User storageQuota:StorageQuota maxUploadSize:l maxImportSizes:m importFormats:M "
     "exportFormats:M appInstalled:b canCreateDrives:b canCreateTeamDrives:b folderColorPalette:[] "
     "driveThemes:[DriveTheme] teamDriveThemes:[DriveTheme]"},
    {"GeneratedIds", "kind space ids:[]"},
};

Field::Type type_named(std::string_view type) {
  using enum Field::Type;
  if (type.empty()) return kString;
  switch (type.front()) {
    case 'b':
      return kBool;
    case 'i':
      return kInt32;
    case 'l':
      return kInt64;
    case 't':
      return kTime;
    case 'd':
      return kDate;
    case 'f':
      return kDouble;
    case 'm':
      return kTextMap;
    case 'M':
      return kListMap;
    default:
      return kString;
  }
}

class Table {
 public:
  Table() {
    for (const Row& row : kRows) {
      auto made = std::make_unique<Resource>();
      made->name = row.name;
      for (const std::string_view field : split(row.fields, ' ')) {
        made->fields.push_back(field_of(field));
      }
      order_.push_back(made.get());
      by_name_.emplace(row.name, std::move(made));
    }
  }

  const Resource& at(std::string_view name) const {
    const auto found = by_name_.find(name);
    assert(found != by_name_.end());
    return *found->second;
  }
  std::span<const Resource* const> order() const { return order_; }

 private:
  Field field_of(std::string_view text) const {
    Field field;
    const std::size_t colon = text.find(':');
    field.name = text.substr(0, colon);
    std::string_view type = colon == std::string_view::npos ? "" : text.substr(colon + 1);
    if (type.starts_with('[')) {
      field.list = true;
      type = type.substr(1, type.size() - 2);
    }
    if (type.size() > 1) {
      field.type = Field::Type::kObject;
      field.object = &at(type);
    } else {
      field.type = type_named(type);
    }
    return field;
  }

  std::map<std::string_view, std::unique_ptr<Resource>> by_name_;
  std::vector<const Resource*> order_;
};

const Table& table() {
  static const Table instance;
  return instance;
}

}  // namespace

const Field* Resource::find(std::string_view field) const {
  const auto found = std::ranges::find(fields, field, &Field::name);
  return found == fields.end() ? nullptr : &*found;
}

const Resource& resource(std::string_view name) { return table().at(name); }

std::span<const Resource* const> all_resources() { return table().order(); }

}  // namespace driveway::sim
