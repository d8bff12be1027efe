// File resources as JSON (drive-api reference 2). Only what the mask selects is computed, and it is
// written straight to text: lists of 1,000 items are the simulator's hottest path.
#pragma once

#include <bitset>
#include <string>
#include <utility>

#include "sim/drive/sim_state.h"
#include "sim/lang/field_mask.h"

namespace driveway::sim {

class JsonObject;

enum class FileField : std::uint8_t {
  kKind,
  kId,
  kName,
  kMimeType,
  kDescription,
  kStarred,
  kTrashed,
  kExplicitlyTrashed,
  kTrashedTime,
  kTrashingUser,
  kParents,
  kProperties,
  kAppProperties,
  kSpaces,
  kVersion,
  kWebContentLink,
  kWebViewLink,
  kIconLink,
  kHasThumbnail,
  kThumbnailVersion,
  kViewedByMe,
  kViewedByMeTime,
  kCreatedTime,
  kModifiedTime,
  kModifiedByMe,
  kModifiedByMeTime,
  kSharedWithMeTime,
  kSharingUser,
  kOwners,
  kDriveId,
  kTeamDriveId,
  kLastModifyingUser,
  kShared,
  kOwnedByMe,
  kCapabilities,
  kViewersCanCopyContent,
  kCopyRequiresWriterPermission,
  kWritersCanShare,
  kPermissions,
  kPermissionIds,
  kHasAugmentedPermissions,
  kFolderColorRgb,
  kOriginalFilename,
  kFullFileExtension,
  kFileExtension,
  kMd5Checksum,
  kSha1Checksum,
  kSha256Checksum,
  kSize,
  kQuotaBytesUsed,
  kHeadRevisionId,
  kIsAppAuthorized,
  kExportLinks,
  kShortcutDetails,
  kContentRestrictions,
  kLinkShareMetadata,
  kInheritedPermissionsDisabled,
  kCount
};

// A mask of File fields, ready to use. Keeps a pointer into the FieldMask it was made of.
struct FileMask {
  std::bitset<static_cast<std::size_t>(FileField::kCount)> fields;
  Capabilities capabilities;
  const FieldMask* tree = nullptr;
  bool has(FileField field) const { return fields[static_cast<std::size_t>(field)]; }
};
FileMask compile_file_mask(const FieldMask& mask);

// Writes File resources for one viewer.
class FileWriter {
 public:
  // The World's mutex is held at least shared while it lives.
  FileWriter(const SimState& state, const Viewer& viewer, Access& access, const FileMask& mask,
             const std::string& origin)
      : state_(state), viewer_(viewer), access_(access), mask_(mask), origin_(origin) {}
  void append(std::string& out, const Item& item);
  // The md5 that is shown in place of the true one (DriveConfig::wrong_md5).
  void show_md5(std::string md5) { shown_md5_ = std::move(md5); }

 private:
  void append_names(JsonObject& json, const Item& item);
  void append_state(JsonObject& json, const Item& item);
  void append_links(JsonObject& json, const Item& item);
  void append_times(JsonObject& json, const Item& item);
  void append_people(JsonObject& json, const Item& item);
  void append_sharing(JsonObject& json, const Item& item);
  void append_grants(JsonObject& json, const Item& item);
  void append_content(JsonObject& json, const Item& item);
  void append_special(JsonObject& json, const Item& item);
  bool has(FileField field) const { return mask_.has(field); }

  const SimState& state_;
  const Viewer& viewer_;
  Access& access_;
  const FileMask& mask_;
  const std::string& origin_;  // "https://www.googleapis.com", for links
  std::string shown_md5_;
};

}  // namespace driveway::sim
