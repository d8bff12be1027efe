#include "vfs/attributes.h"

#include <map>
#include <string_view>
#include <utility>

#include "base/clock.h"
#include "base/strings.h"

namespace driveway::vfs {

namespace {

constexpr std::string_view kUser = "user.";
constexpr std::string_view kDrive = "user.drive.";
constexpr std::string_view kKey = "x-";
// The key counts towards Drive's limit of a property, 124 bytes with the value (E3).
constexpr std::size_t kLongestKey = 123;

bool is_users_key(std::string_view key) {
  return key.starts_with(kKey) && key.size() > kKey.size() && !key.starts_with("x-drive.");
}

// Nobody's attribute passes for one of Drive's. Ours win over those of google-drive-ocamlfuse
// (ocamlfuse-compat).
void add_users_own(const drive::Item& item,
                   std::vector<std::pair<std::string, std::string>>& attributes) {
  std::map<std::string, std::string> own;
  for (const auto* const properties : {&item.properties, &item.app_properties}) {
    for (const auto& [key, value] : *properties) {
      if (is_users_key(key)) own.emplace(cat(kUser, key.substr(kKey.size())), value);
    }
  }
  for (auto& [name, value] : own) attributes.emplace_back(name, std::move(value));
}

}  // namespace

std::optional<std::string> users_attribute(const drive::Item& item, std::string_view name) {
  std::vector<std::pair<std::string, std::string>> attributes;
  add_users_own(item, attributes);
  for (auto& [own_name, value] : attributes) {
    if (own_name == name) return std::move(value);
  }
  return std::nullopt;
}

Result<std::string> attribute_key(std::string_view name) {
  if (name.starts_with(kDrive)) {
    return Error{ErrorCode::kPermissionDenied, cat("the attribute ", name, " is Drive's own")};
  }
  if (!name.starts_with(kUser) || name.size() == kUser.size()) {
    return Error{ErrorCode::kUnsupported, cat("Drive keeps no attribute ", name)};
  }
  std::string key = cat(kKey, name.substr(kUser.size()));
  if (key.size() > kLongestKey) {
    return Error{ErrorCode::kNameTooLong, "the name of the attribute is too long for Drive"};
  }
  return key;
}

std::vector<std::pair<std::string, std::string>> drive_attributes(const tree::Node& node) {
  std::vector<std::pair<std::string, std::string>> attributes;
  const auto add = [&](std::string_view name, std::string value) {
    if (!value.empty()) attributes.emplace_back(cat("user.drive.", name), std::move(value));
  };
  if (node.item) {
    const drive::Item& item = *node.item;
    add("id", item.id.value());
    add("name", item.name);
    add("mime_type", item.mime_type);
    add("md5", item.md5);
    add("sha1", item.sha1);
    add("sha256", item.sha256);
    add("version", item.version == 0 ? "" : cat(item.version));
    add("head_revision", item.head_revision.value());
    add("created", format_rfc3339(item.created));
    add("modified", format_rfc3339(item.modified));
    add("parent", item.parent ? item.parent->value() : "");
    add("drive_id", item.drive ? item.drive->value() : "");
    add("owned_by_me", cat(item.owned_by_me));
    add("web_view_link", item.web_view_link);
    add_users_own(item, attributes);
  }
  if (node.shortcut) {
    add("shortcut_id", node.shortcut->id.value());
    add("shortcut_name", node.shortcut->name);
  }
  return attributes;
}

}  // namespace driveway::vfs
