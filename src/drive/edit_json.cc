#include "drive/edit_json.h"

#include <utility>

#include "base/strings.h"
#include "drive/json_access.h"
#include "drive/mime.h"

namespace driveway::drive {
namespace {

Error refused(std::string_view why) { return {ErrorCode::kInvalidArgument, std::string(why)}; }

// The text of `object`, whose strings may be anything that a caller gave.
Result<std::string> text_of(const Json& object) {
  // With replacement it never throws; what would be replaced is refused.
  std::string text = object.dump(-1, ' ', false, Json::error_handler_t::ignore);
  if (text != object.dump(-1, ' ', false, Json::error_handler_t::replace)) {
    return refused("a name or property is not UTF-8");
  }
  return text;
}

// It stands in a header as well.
Status check_mime_type(std::string_view mime_type) {
  for (const char c : mime_type) {
    if (c < 0x20 || c == 0x7f) return refused("a MIME type with odd characters");
  }
  if (mime_type.starts_with(kNativeMimePrefix)) {
    return refused(cat("a content of type ", mime_type, " would be converted"));
  }
  return {};
}

Result<Json> common_of(const NewItem& item) {
  if (item.name.empty()) return refused("a new item needs a name");
  if (item.parent.empty()) return refused("a new item needs a folder");
  Json object = {{"name", item.name}, {"parents", Json::array({item.parent.value()})}};
  if (!item.id.empty()) object["id"] = item.id.value();
  if (item.created) object["createdTime"] = format_rfc3339(*item.created);
  if (item.modified) object["modifiedTime"] = format_rfc3339(*item.modified);
  if (!item.properties.empty()) object["properties"] = item.properties;
  return object;
}

Parameters item_parameters() {
  return {{"fields", std::string(kItemFields)},
          {"supportsAllDrives", "true"},
          {"prettyPrint", "false"}};
}

}  // namespace

Result<std::string> metadata_of(const NewItem& item) {
  DRIVEWAY_TRY(Json object, common_of(item));
  switch (item.kind) {
    case ItemKind::kFile:
      DRIVEWAY_CHECK(check_mime_type(item.mime_type));
      object["mimeType"] = item.mime_type.empty() ? std::string(kUnknownMimeType) : item.mime_type;
      break;
    case ItemKind::kFolder:
      object["mimeType"] = kFolderMimeType;
      break;
    case ItemKind::kShortcut:
      if (!item.shortcut || item.shortcut->target.empty()) {
        return refused("a shortcut needs a target");
      }
      object["mimeType"] = kShortcutMimeType;
      object["shortcutDetails"] = {{"targetId", item.shortcut->target.value()}};
      break;
    case ItemKind::kDocument:
      return refused("native documents are not made");
  }
  return text_of(object);
}

Result<std::string> copy_metadata_of(const NewItem& item) {
  if (item.kind != ItemKind::kFile) return refused("only files are copied");
  DRIVEWAY_TRY(const Json object, common_of(item));
  return text_of(object);
}

Result<std::string> metadata_of(const ItemPatch& patch, bool with_content) {
  if (patch.mime_type && !with_content) return refused("a MIME type changes only with the content");
  if (patch.name && patch.name->empty()) return refused("an empty name");
  if (patch.move && patch.move->to.empty()) return refused("a move needs a folder");
  Json object = Json::object();
  if (patch.name) object["name"] = *patch.name;
  if (patch.trashed) object["trashed"] = *patch.trashed;
  if (patch.modified) object["modifiedTime"] = format_rfc3339(*patch.modified);
  if (patch.mime_type) {
    DRIVEWAY_CHECK(check_mime_type(*patch.mime_type));
    object["mimeType"] = *patch.mime_type;
  }
  for (const auto& [key, value] : patch.properties) {
    object["properties"][key] = value ? Json(*value) : Json(nullptr);
  }
  return text_of(object);
}

Parameters parameters_of(const NewItem& item) {
  Parameters parameters = item_parameters();
  if (item.keep_revision) parameters.emplace_back("keepRevisionForever", "true");
  return parameters;
}

Parameters parameters_of(const ItemPatch& patch) {
  Parameters parameters = item_parameters();
  if (patch.move) {
    parameters.emplace_back("addParents", patch.move->to.value());
    if (!patch.move->from.empty()) {
      parameters.emplace_back("removeParents", patch.move->from.value());
    }
  }
  if (patch.keep_revision) parameters.emplace_back("keepRevisionForever", "true");
  return parameters;
}

}  // namespace driveway::drive
