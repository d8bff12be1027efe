#include "sim/drive/file_edit.h"

#include <nlohmann/json.hpp>

#include "base/clock.h"
#include "base/strings.h"
#include "sim/drive/refused.h"

namespace driveway::sim {

namespace {

using nlohmann::json;

// Output only (drive-api reference 2); a body that holds one is refused, however harmless.
constexpr std::string_view kReadOnly[] = {"size",
                                          "version",
                                          "md5Checksum",
                                          "sha1Checksum",
                                          "sha256Checksum",
                                          "headRevisionId",
                                          "quotaBytesUsed",
                                          "explicitlyTrashed",
                                          "trashedTime",
                                          "trashingUser",
                                          "driveId",
                                          "teamDriveId",
                                          "ownedByMe",
                                          "shared",
                                          "owners",
                                          "capabilities",
                                          "webViewLink",
                                          "webContentLink",
                                          "iconLink",
                                          "exportLinks",
                                          "thumbnailLink",
                                          "hasThumbnail",
                                          "thumbnailVersion",
                                          "fileExtension",
                                          "spaces",
                                          "fullFileExtension",
                                          "lastModifyingUser",
                                          "sharingUser",
                                          "viewedByMe",
                                          "modifiedByMe",
                                          "modifiedByMeTime",
                                          "sharedWithMeTime",
                                          "permissionIds",
                                          "isAppAuthorized",
                                          "resourceKey",
                                          "imageMediaMetadata",
                                          "permissions",
                                          "videoMediaMetadata",
                                          "hasAugmentedPermissions"};

[[noreturn]] void refuse_field(std::string_view message) {
  refuse(403, "fieldNotWritable", message);
}

[[noreturn]] void refuse_type(std::string_view name) {
  refuse(400, "invalid", cat("Invalid value for: ", name));
}

class Body {
 public:
  explicit Body(const json& object) : object_(object) {}

  const json* find(const char* name) const {
    const auto found = object_.find(name);
    return found == object_.end() ? nullptr : &*found;
  }
  std::optional<std::string> text(const char* name) const {
    const json* value = find(name);
    if (value == nullptr) return std::nullopt;
    if (value->is_null()) return std::string();
    if (!value->is_string()) refuse_type(name);
    return value->get<std::string>();
  }
  std::optional<bool> boolean(const char* name) const {
    const json* value = find(name);
    if (value == nullptr || value->is_null()) return std::nullopt;
    if (value->is_boolean()) return value->get<bool>();
    // As the JSON readers of Google's clients write them now and then.
    if (*value == "true" || *value == "false") return *value == "true";
    refuse_type(name);
  }
  std::optional<Ms> time(const char* name) const {
    const auto value = text(name);
    if (!value || value->empty()) return std::nullopt;
    const auto time = parse_rfc3339(*value);
    if (!time.ok()) refuse_type(name);
    return Ms{time->time_since_epoch().count()};
  }
  FileEdit::Map map(const char* name) const {
    FileEdit::Map result;
    const json* value = find(name);
    if (value == nullptr || value->is_null()) return result;
    if (!value->is_object()) refuse_type(name);
    for (const auto& [key, one] : value->items()) {
      if (one.is_null()) {
        result[key] = std::nullopt;
      } else if (one.is_string()) {
        result[key] = one.get<std::string>();
      } else {
        refuse_type(name);
      }
    }
    return result;
  }

 private:
  const json& object_;
};

void refuse_read_only(const json& object, EditUse use) {
  if (use == EditUse::kUpdate && object.contains("parents")) {
    refuse_field(
        "The parents field is not directly writable in update requests. Use the addParents and "
        "removeParents parameters instead.");
  }
  for (const std::string_view name : kReadOnly) {
    if (object.contains(name)) {
      refuse_field("The resource body includes fields which are not directly writable.");
    }
  }
  const bool fixed =
      use == EditUse::kUpdate && (object.contains("id") || object.contains("createdTime"));
  if (fixed) {
    refuse_field("The resource body includes fields which are not directly writable.");
  }
}

void read_nested(const Body& body, FileEdit& edit) {
  if (const json* parents = body.find("parents"); parents != nullptr && !parents->is_null()) {
    if (!parents->is_array()) refuse_type("parents");
    edit.parents.emplace();
    for (const json& parent : *parents) {
      if (!parent.is_string()) refuse_type("parents");
      edit.parents->push_back(parent.get<std::string>());
    }
  }
  if (const json* shortcut = body.find("shortcutDetails");
      shortcut != nullptr && shortcut->is_object()) {
    edit.shortcut_target = Body(*shortcut).text("targetId");
  }
  if (const json* restrictions = body.find("contentRestrictions");
      restrictions != nullptr && restrictions->is_array()) {
    edit.read_only = false;
    for (const json& one : *restrictions) {
      if (!one.is_object()) refuse_type("contentRestrictions");
      const Body restriction(one);
      edit.read_only = restriction.boolean("readOnly").value_or(false);
      edit.restriction_reason = restriction.text("reason").value_or("");
    }
  }
}

void merge(const FileEdit::Map& changes, std::map<std::string, std::string>& into) {
  constexpr std::size_t kMaxProperty = 124;  // bytes of key and value, UTF-8
  for (const auto& [key, value] : changes) {
    if (!value) {
      into.erase(key);
      continue;
    }
    if (key.size() + value->size() > kMaxProperty) {
      refuse(403, "propertyLengthLimitExceeded",
             "A property's key and value are longer than 124 bytes together.");
    }
    into[key] = *value;
  }
}

void check_property_counts(const Extras& extras, Text project) {
  constexpr std::size_t kMaxPublic = 30;
  constexpr std::size_t kMaxPrivate = 30;  // of one project
  constexpr std::size_t kMaxAll = 100;
  std::size_t all = extras.properties.size();
  std::size_t own = 0;
  for (const auto& [name, map] : extras.app_properties) {
    all += map.size();
    if (name == *project) own = map.size();
  }
  if (extras.properties.size() > kMaxPublic || own > kMaxPrivate || all > kMaxAll) {
    refuse(403, "propertyCountLimitExceeded",
           "The file has more custom properties than are allowed.");
  }
}

}  // namespace

FileEdit parse_file_edit(std::string_view json_text, EditUse use) {
  FileEdit edit;
  if (trim(json_text).empty()) return edit;
  const json object = json::parse(json_text, nullptr, false);
  if (!object.is_object()) {
    refuse(400, "parseError", "Parse Error");
  }
  refuse_read_only(object, use);
  const Body body(object);
  edit.id = body.text("id");
  edit.name = body.text("name");
  edit.mime_type = body.text("mimeType");
  edit.description = body.text("description");
  edit.folder_color = body.text("folderColorRgb");
  edit.original_name = body.text("originalFilename");
  edit.created = body.time("createdTime");
  edit.modified = body.time("modifiedTime");
  edit.viewed = body.time("viewedByMeTime");
  edit.starred = body.boolean("starred");
  edit.trashed = body.boolean("trashed");
  edit.copy_requires_writer = body.boolean("copyRequiresWriterPermission");
  edit.writers_can_share = body.boolean("writersCanShare");
  edit.properties = body.map("properties");
  edit.app_properties = body.map("appProperties");
  read_nested(body, edit);
  return edit;
}

void apply_plain_edit(const FileEdit& edit, Text user, Text project, Item& item, Extras& extras) {
  if (edit.name) item.name = *edit.name;
  if (edit.created) item.created = *edit.created;
  if (edit.modified) item.modified = *edit.modified;
  if (edit.description) extras.description = *edit.description;
  if (edit.folder_color) extras.folder_color = *edit.folder_color;
  if (edit.original_name) extras.original_name = *edit.original_name;
  if (edit.starred) extras.personal[user].starred = *edit.starred;
  if (edit.viewed) extras.personal[user].viewed = *edit.viewed;
  if (edit.copy_requires_writer) extras.copy_requires_writer = *edit.copy_requires_writer;
  if (edit.writers_can_share) extras.writers_can_share = *edit.writers_can_share;
  if (edit.read_only) {
    extras.read_only = *edit.read_only;
    extras.restriction_reason = edit.restriction_reason;
  }
  merge(edit.properties, extras.properties);
  if (!edit.app_properties.empty()) {
    auto& own = extras.app_properties[*project];
    merge(edit.app_properties, own);
    if (own.empty()) extras.app_properties.erase(*project);
  }
  check_property_counts(extras, project);
}

}  // namespace driveway::sim
