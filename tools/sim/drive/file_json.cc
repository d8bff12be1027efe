#include "sim/drive/file_json.h"

#include <array>

#include <nlohmann/json.hpp>

#include "base/strings.h"
#include "sim/drive/exports.h"
#include "sim/drive/grants.h"
#include "sim/drive/json_text.h"
#include "sim/drive/mime_types.h"

namespace driveway::sim {

namespace {

using nlohmann::json;

// In the order of FileField.
constexpr std::array<std::string_view, static_cast<std::size_t>(FileField::kCount)> kNames{
    "kind",
    "id",
    "name",
    "mimeType",
    "description",
    "starred",
    "trashed",
    "explicitlyTrashed",
    "trashedTime",
    "trashingUser",
    "parents",
    "properties",
    "appProperties",
    "spaces",
    "version",
    "webContentLink",
    "webViewLink",
    "iconLink",
    "hasThumbnail",
    "thumbnailVersion",
    "viewedByMe",
    "viewedByMeTime",
    "createdTime",
    "modifiedTime",
    "modifiedByMe",
    "modifiedByMeTime",
    "sharedWithMeTime",
    "sharingUser",
    "owners",
    "driveId",
    "teamDriveId",
    "lastModifyingUser",
    "shared",
    "ownedByMe",
    "capabilities",
    "viewersCanCopyContent",
    "copyRequiresWriterPermission",
    "writersCanShare",
    "permissions",
    "permissionIds",
    "hasAugmentedPermissions",
    "folderColorRgb",
    "originalFilename",
    "fullFileExtension",
    "fileExtension",
    "md5Checksum",
    "sha1Checksum",
    "sha256Checksum",
    "size",
    "quotaBytesUsed",
    "headRevisionId",
    "isAppAuthorized",
    "exportLinks",
    "shortcutDetails",
    "contentRestrictions",
    "linkShareMetadata",
    "inheritedPermissionsDisabled"};

// Storage size of an editor file; never the length of an export (reference 2: size).
constexpr Bytes kDocOverhead = 1024;

std::string time_text(Ms time) { return format_rfc3339(WallTime(std::chrono::milliseconds(time))); }

std::string compact(const json& value) {
  return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

// A nested value, cut to what the mask selects below `name`.
void append_nested(JsonObject& out, const FileMask& mask, std::string_view name,
                   const json& value) {
  const FieldMask& below = mask.tree->child(name);
  out.raw(name, compact(below.wants_all() ? value : below.apply(value)));
}

void append_map(JsonObject& out, std::string_view name,
                const std::map<std::string, std::string>& map) {
  out.raw(name, compact(json(map)));
}

std::string view_link(const Item& item) {
  if (item.is_folder()) return cat("https://drive.google.com/drive/folders/", item.id);
  if (item.kind == Kind::kDoc) {
    std::string type = item.mime->substr(mime::kPrefix.size());
    if (type == "spreadsheet") type = "spreadsheets";
    return cat("https://docs.google.com/", type, "/d/", item.id, "/edit?usp=drivesdk");
  }
  return cat("https://drive.google.com/file/d/", item.id, "/view?usp=drivesdk");
}

}  // namespace

FileMask compile_file_mask(const FieldMask& tree) {
  FileMask mask;
  mask.tree = &tree;
  for (std::size_t i = 0; i < kNames.size(); ++i) mask.fields.set(i, tree.wants(kNames[i]));
  const FieldMask& below = tree.child("capabilities");
  const auto names = capability_names();
  for (std::size_t i = 0; i < names.size(); ++i) mask.capabilities.set(i, below.wants(names[i]));
  return mask;
}

void FileWriter::append(std::string& out, const Item& item) {
  JsonObject json(out);
  append_names(json, item);
  append_state(json, item);
  append_times(json, item);
  if (item.kind == Kind::kFile || item.kind == Kind::kDoc) append_content(json, item);
  append_links(json, item);
  append_people(json, item);
  append_sharing(json, item);
  append_special(json, item);
  json.close();
}

void FileWriter::append_names(JsonObject& json, const Item& item) {
  using enum FileField;
  if (has(kKind)) json.plain("kind", "drive#file");
  if (has(kId)) json.text("id", item.id);
  if (has(kName)) json.text("name", item.name);
  if (has(kMimeType)) json.text("mimeType", *item.mime);
  if (has(kParents) && access_.shows_parent(item)) {
    std::string& out = json.key("parents");
    out += '[';
    append_json_string(out, item.parent);
    out += ']';
  }
  if (item.drive != nullptr) {
    if (has(kDriveId)) json.text("driveId", *item.drive);
    if (has(kTeamDriveId)) json.text("teamDriveId", *item.drive);
  }
  const Extras& extra = item.extra();
  if (has(kDescription) && !extra.description.empty()) json.text("description", extra.description);
  if (has(kProperties) && !extra.properties.empty()) {
    append_map(json, "properties", extra.properties);
  }
  if (has(kAppProperties)) {
    const auto own = extra.app_properties.find(*viewer_.project);
    if (own != extra.app_properties.end()) append_map(json, "appProperties", own->second);
  }
  if (has(kSpaces)) {
    json.raw("spaces", extra.app_data_of != nullptr ? "[\"appDataFolder\"]" : "[\"drive\"]");
  }
}

void FileWriter::append_state(JsonObject& json, const Item& item) {
  using enum FileField;
  const Extras& extra = item.extra();
  if (has(kVersion)) json.int64("version", item.version);
  if (has(kStarred)) json.boolean("starred", item.personal(viewer_.mail).starred);
  if (has(kTrashed)) json.boolean("trashed", access_.trashed(item));
  if (has(kExplicitlyTrashed)) json.boolean("explicitlyTrashed", item.trashed);
  if (item.drive != nullptr && item.trashed) {
    if (has(kTrashedTime)) json.plain("trashedTime", time_text(item.trashed_at));
    if (has(kTrashingUser) && extra.trashing_user != nullptr) {
      append_nested(json, mask_, "trashingUser",
                    user_json(state_.world, extra.trashing_user, viewer_.mail));
    }
  }
  if (has(kFolderColorRgb) && item.is_folder()) {
    json.text("folderColorRgb", extra.folder_color.empty() ? "#8f8f8f" : extra.folder_color);
  }
  if (has(kIsAppAuthorized)) {
    json.boolean("isAppAuthorized", viewer_.sees_all() || extra.apps.contains(viewer_.project));
  }
}

void FileWriter::append_times(JsonObject& json, const Item& item) {
  using enum FileField;
  if (has(kCreatedTime)) json.plain("createdTime", time_text(item.created));
  if (has(kModifiedTime)) json.plain("modifiedTime", time_text(item.modified));
  const Personal& personal = item.personal(viewer_.mail);
  const Ms mine = item.last_user == viewer_.mail ? item.modified : personal.modified;
  if (has(kModifiedByMe)) json.boolean("modifiedByMe", mine != 0);
  if (has(kModifiedByMeTime) && mine != 0) json.plain("modifiedByMeTime", time_text(mine));
  if (has(kViewedByMe)) json.boolean("viewedByMe", personal.viewed != 0);
  if (has(kViewedByMeTime) && personal.viewed != 0) {
    json.plain("viewedByMeTime", time_text(personal.viewed));
  }
  if (personal.shared != 0 && item.owner != viewer_.mail) {
    if (has(kSharedWithMeTime)) json.plain("sharedWithMeTime", time_text(personal.shared));
    if (has(kSharingUser)) {
      append_nested(json, mask_, "sharingUser",
                    user_json(state_.world, personal.shared_by, viewer_.mail));
    }
  }
}

void FileWriter::append_content(JsonObject& json, const Item& item) {
  using enum FileField;
  if (item.kind == Kind::kDoc) {
    if (has(kSize) && !state_.config.get()->drive.legacy_sizes_of_docs) {
      json.int64("size", item.size() + kDocOverhead);
    }
    if (has(kQuotaBytesUsed)) json.plain("quotaBytesUsed", "0");
    return;
  }
  if (has(kSize)) json.int64("size", item.size());
  if (has(kQuotaBytesUsed)) {
    json.int64("quotaBytesUsed", item.owner == viewer_.mail ? item.quota_bytes() : 0);
  }
  if (const Hashes* hashes = item.content->hashes()) {
    if (has(kMd5Checksum)) {
      json.plain("md5Checksum", shown_md5_.empty() ? hex_of(hashes->md5) : shown_md5_);
    }
    if (!hashes->only_md5) {
      if (has(kSha1Checksum)) json.plain("sha1Checksum", hex_of(hashes->sha1));
      if (has(kSha256Checksum)) json.plain("sha256Checksum", hex_of(hashes->sha256));
    }
  }
  if (has(kHeadRevisionId)) json.plain("headRevisionId", revision_id(item, item.head_number));
  const std::string& original = item.extra().original_name;
  if (has(kOriginalFilename)) {
    json.text("originalFilename", original.empty() ? item.name : original);
  }
  if (has(kFileExtension)) json.text("fileExtension", extension_of(item.name));
  if (has(kFullFileExtension)) json.text("fullFileExtension", extension_of(item.name));
}

void FileWriter::append_links(JsonObject& json, const Item& item) {
  using enum FileField;
  if (has(kWebViewLink)) json.text("webViewLink", view_link(item));
  if (has(kWebContentLink) && item.kind == Kind::kFile) {
    json.text("webContentLink",
              cat("https://drive.google.com/uc?id=", item.id, "&export=download"));
  }
  if (has(kIconLink)) {
    json.text("iconLink",
              cat("https://drive-thirdparty.googleusercontent.com/16/type/", *item.mime));
  }
  if (has(kHasThumbnail)) json.boolean("hasThumbnail", false);
  if (has(kThumbnailVersion)) json.plain("thumbnailVersion", "0");
  if (has(kExportLinks) && item.kind == Kind::kDoc && !export_formats(*item.mime).empty()) {
    nlohmann::json links = nlohmann::json::object();
    for (const std::string& format : export_formats(*item.mime)) {
      links[format] =
          cat(origin_, kExportLinkPath, "?id=", item.id, "&mimeType=", percent_encode(format));
    }
    append_nested(json, mask_, "exportLinks", links);
  }
}

void FileWriter::append_people(JsonObject& json, const Item& item) {
  using enum FileField;
  if (has(kLastModifyingUser) && item.last_user != nullptr) {
    append_nested(json, mask_, "lastModifyingUser",
                  user_json(state_.world, item.last_user, viewer_.mail));
  }
  if (item.drive != nullptr) return;  // nobody owns an item of a shared drive
  if (has(kOwnedByMe)) json.boolean("ownedByMe", item.owner == viewer_.mail);
  if (has(kOwners)) {
    append_nested(json, mask_, "owners",
                  nlohmann::json::array({user_json(state_.world, item.owner, viewer_.mail)}));
  }
}

void FileWriter::append_sharing(JsonObject& json, const Item& item) {
  using enum FileField;
  const Extras& extra = item.extra();
  if (has(kShared) && item.drive == nullptr) json.boolean("shared", access_.shared(item));
  if (has(kWritersCanShare)) json.boolean("writersCanShare", extra.writers_can_share);
  if (has(kCopyRequiresWriterPermission)) {
    json.boolean("copyRequiresWriterPermission", extra.copy_requires_writer);
  }
  if (has(kViewersCanCopyContent)) {
    json.boolean("viewersCanCopyContent", !extra.copy_requires_writer);
  }
  if (has(kInheritedPermissionsDisabled)) json.boolean("inheritedPermissionsDisabled", false);
  if (has(kPermissions) || has(kPermissionIds)) append_grants(json, item);
  if (!has(kCapabilities)) return;
  const Capabilities rights = capabilities_for(access_, item);
  JsonObject object(json.key("capabilities"));
  const auto names = capability_names();
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (mask_.capabilities[i]) object.boolean(names[i], rights[i]);
  }
  object.close();
}

// Shown to who may share the item, and not for items of shared drives (reference 2).
void FileWriter::append_grants(JsonObject& json, const Item& item) {
  using enum FileField;
  const bool may_share = sim::has(capabilities_for(access_, item), Capability::kCanShare);
  if (item.drive != nullptr || !may_share) return;
  nlohmann::json permissions = nlohmann::json::array();
  nlohmann::json ids = nlohmann::json::array();
  for (const Grant& grant : grants_on(state_.world, item)) {
    permissions.push_back(permission_json(state_.world, item, grant));
    ids.push_back(grant.permission.id);
  }
  if (has(kPermissions)) append_nested(json, mask_, "permissions", permissions);
  if (has(kPermissionIds)) append_nested(json, mask_, "permissionIds", ids);
}

void FileWriter::append_special(JsonObject& json, const Item& item) {
  using enum FileField;
  const Extras& extra = item.extra();
  if (has(kHasAugmentedPermissions) && item.drive != nullptr) {
    json.boolean("hasAugmentedPermissions", !extra.permissions.empty() && !item.root);
  }
  if (has(kShortcutDetails) && item.kind == Kind::kShortcut) {
    append_nested(
        json, mask_, "shortcutDetails",
        {{"targetId", extra.shortcut.target_id}, {"targetMimeType", extra.shortcut.target_mime}});
  }
  if (has(kContentRestrictions) && extra.read_only) {
    nlohmann::json restriction{{"readOnly", true}, {"type", "globalContentRestriction"}};
    if (!extra.restriction_reason.empty()) restriction["reason"] = extra.restriction_reason;
    append_nested(json, mask_, "contentRestrictions", nlohmann::json::array({restriction}));
  }
  if (has(kLinkShareMetadata)) {
    append_nested(json, mask_, "linkShareMetadata",
                  {{"securityUpdateEligible", false}, {"securityUpdateEnabled", true}});
  }
}

}  // namespace driveway::sim
