#include "drive/item_builder.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "base/strings.h"
#include "drive/mime.h"

namespace driveway::drive {

enum class ItemBuilder::Field : std::uint8_t {
  kOther,
  kAppProperties,
  kCapabilities,
  kCreatedTime,
  kDriveId,
  kExplicitlyTrashed,
  kHeadRevisionId,
  kId,
  kMd5Checksum,
  kMimeType,
  kModifiedTime,
  kName,
  kOwnedByMe,
  kParents,
  kProperties,
  kResourceKey,
  kSha1Checksum,
  kSha256Checksum,
  kShortcutDetails,
  kSize,
  kTrashed,
  kVersion,
  kWebViewLink,
};

ItemBuilder::Field ItemBuilder::field_of(const std::string& name) {
  struct Named {
    std::string_view name;
    Field field;
  };
  static constexpr std::array<Named, 22> kFields = {{
      // sorted by name
      {"appProperties", Field::kAppProperties},
      {"capabilities", Field::kCapabilities},
      {"createdTime", Field::kCreatedTime},
      {"driveId", Field::kDriveId},
      {"explicitlyTrashed", Field::kExplicitlyTrashed},
      {"headRevisionId", Field::kHeadRevisionId},
      {"id", Field::kId},
      {"md5Checksum", Field::kMd5Checksum},
      {"mimeType", Field::kMimeType},
      {"modifiedTime", Field::kModifiedTime},
      {"name", Field::kName},
      {"ownedByMe", Field::kOwnedByMe},
      {"parents", Field::kParents},
      {"properties", Field::kProperties},
      {"resourceKey", Field::kResourceKey},
      {"sha1Checksum", Field::kSha1Checksum},
      {"sha256Checksum", Field::kSha256Checksum},
      {"shortcutDetails", Field::kShortcutDetails},
      {"size", Field::kSize},
      {"trashed", Field::kTrashed},
      {"version", Field::kVersion},
      {"webViewLink", Field::kWebViewLink},
  }};
  const auto* const found = std::lower_bound(
      kFields.begin(), kFields.end(), std::string_view(name),
      [](const Named& each, std::string_view wanted) { return each.name < wanted; });
  return found != kFields.end() && found->name == name ? found->field : Field::kOther;
}

std::optional<std::uint64_t> Scalar::as_uint() const {
  if (text != nullptr) return parse_uint(*text);
  if (number && *number >= 0) return static_cast<std::uint64_t>(*number);
  return std::nullopt;
}

void ItemBuilder::begin() {
  item_ = Item();
  depth_ = 0;
  field_ = Field::kOther;
  inside_known_ = false;
}

void ItemBuilder::key(const std::string& name) {
  if (depth_ == 0) {
    field_ = field_of(name);
  } else if (depth_ == 1 && inside_known_) {
    inner_key_ = name;
  }
}

void ItemBuilder::open(bool is_object) {
  if (++depth_ > 1) return;
  switch (field_) {
    case Field::kParents:
      inside_known_ = !is_object;
      break;
    case Field::kShortcutDetails:
      inside_known_ = is_object;
      if (is_object && !item_.shortcut) item_.shortcut.emplace();
      break;
    case Field::kCapabilities:
    case Field::kProperties:
    case Field::kAppProperties:
      inside_known_ = is_object;
      break;
    default:
      inside_known_ = false;
  }
}

bool ItemBuilder::close() {
  if (depth_ == 0) return true;
  if (--depth_ == 0) inside_known_ = false;
  return false;
}

void ItemBuilder::scalar(const Scalar& value) {
  if (depth_ == 0) return top_scalar(value);
  if (depth_ > 1 || !inside_known_) return;
  switch (field_) {
    case Field::kParents:
      // One parent per item; were there more, the first is the one that listings answer by.
      if (value.text != nullptr && !value.text->empty() && !item_.parent) {
        item_.parent = FileId(std::move(*value.text));
      }
      break;
    case Field::kShortcutDetails:
      return shortcut_scalar(value);
    case Field::kCapabilities:
      return capability_scalar(value);
    case Field::kProperties:
      if (value.text != nullptr) item_.properties[inner_key_] = std::move(*value.text);
      break;
    case Field::kAppProperties:
      if (value.text != nullptr) item_.app_properties[inner_key_] = std::move(*value.text);
      break;
    default:
      break;
  }
}

void ItemBuilder::shortcut_scalar(const Scalar& value) {
  if (value.text == nullptr) return;
  if (inner_key_ == "targetId") item_.shortcut->target = FileId(std::move(*value.text));
  if (inner_key_ == "targetMimeType") item_.shortcut->target_mime_type = std::move(*value.text);
  if (inner_key_ == "targetResourceKey") {
    item_.shortcut->target_resource_key = std::move(*value.text);
  }
}

void ItemBuilder::capability_scalar(const Scalar& value) {
  if (!value.flag) return;
  if (inner_key_ == "canDownload") item_.capabilities.can_download = *value.flag;
  if (inner_key_ == "canEdit") item_.capabilities.can_edit = *value.flag;
  if (inner_key_ == "canAddChildren") item_.capabilities.can_add_children = *value.flag;
}

void ItemBuilder::top_scalar(const Scalar& value) {
  const auto take_text = [&](std::string& into) {
    if (value.text != nullptr) into = std::move(*value.text);
  };
  const auto take_flag = [&](bool& into) {
    if (value.flag) into = *value.flag;
  };
  const auto take_time = [&](WallTime& into) {
    if (value.text == nullptr) return;
    if (const auto time = parse_rfc3339(*value.text); time.ok()) into = *time;
  };
  switch (field_) {
    case Field::kId:
      if (value.text != nullptr) item_.id = FileId(std::move(*value.text));
      break;
    case Field::kDriveId:
      if (value.text != nullptr && !value.text->empty()) {
        item_.drive = DriveId(std::move(*value.text));
      }
      break;
    case Field::kHeadRevisionId:
      if (value.text != nullptr) item_.head_revision = Revision(std::move(*value.text));
      break;
    case Field::kSize:
      item_.size = value.as_uint();
      break;
    case Field::kVersion:
      item_.version = value.as_uint().value_or(0);
      break;
    case Field::kName:
      return take_text(item_.name);
    case Field::kMimeType:
      return take_text(item_.mime_type);
    case Field::kMd5Checksum:
      return take_text(item_.md5);
    case Field::kSha1Checksum:
      return take_text(item_.sha1);
    case Field::kSha256Checksum:
      return take_text(item_.sha256);
    case Field::kResourceKey:
      return take_text(item_.resource_key);
    case Field::kWebViewLink:
      return take_text(item_.web_view_link);
    case Field::kCreatedTime:
      return take_time(item_.created);
    case Field::kModifiedTime:
      return take_time(item_.modified);
    case Field::kTrashed:
      return take_flag(item_.trashed);
    case Field::kExplicitlyTrashed:
      return take_flag(item_.explicitly_trashed);
    case Field::kOwnedByMe:
      return take_flag(item_.owned_by_me);
    default:
      break;
  }
}

Item ItemBuilder::take() {
  item_.kind = kind_of(item_.mime_type);
  // A shortcut without a target is dangling, as one whose target is gone.
  if (item_.kind == ItemKind::kShortcut && !item_.shortcut) item_.shortcut.emplace();
  if (item_.kind != ItemKind::kShortcut) item_.shortcut.reset();
  return std::move(item_);
}

}  // namespace driveway::drive
