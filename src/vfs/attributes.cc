#include "vfs/attributes.h"

#include <string_view>

#include "base/clock.h"
#include "base/strings.h"

namespace driveway::vfs {

namespace {

// google-drive-ocamlfuse keeps the extended attribute user.NAME as the appProperty x-NAME
// (ocamlfuse-compat). Nobody's attribute passes for one of Drive's.
void add_users_own(const drive::Item& item,
                   std::vector<std::pair<std::string, std::string>>& attributes) {
  for (const auto& [key, value] : item.app_properties) {
    if (!key.starts_with("x-") || key.size() == 2 || key.starts_with("x-drive.")) continue;
    attributes.emplace_back(cat("user.", key.substr(2)), value);
  }
}

}  // namespace

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
