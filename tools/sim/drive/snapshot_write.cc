#include "base/strings.h"
#include "sim/drive/json_text.h"
#include "sim/drive/snapshot.h"

namespace driveway::sim {

namespace {

std::string_view text_of(Text text) { return text == nullptr ? std::string_view() : *text; }

template <typename Map>
void write_map(std::string& out, const Map& map) {
  out += '{';
  bool first = true;
  for (const auto& [key, value] : map) {
    if (!first) out += ',';
    first = false;
    append_json_string(out, key);
    out += ':';
    append_json_string(out, value);
  }
  out += '}';
}

void write_content(std::string& out, const ContentPtr& content) {
  JsonObject json(out);
  json.number("size", content->size());
  if (const auto* synthetic = dynamic_cast<const SyntheticContent*>(content.get())) {
    json.number("seed", synthetic->seed());
  } else if (const Hashes* hashes = content->hashes()) {
    json.plain("md5", hex_of(hashes->md5));
    json.plain("sha1", hex_of(hashes->sha1));
    json.plain("sha256", hex_of(hashes->sha256));
  }
  json.close();
}

void write_permissions(std::string& out, const std::vector<Permission>& permissions) {
  out += '[';
  for (std::size_t i = 0; i < permissions.size(); ++i) {
    if (i > 0) out += ',';
    const Permission& one = permissions[i];
    JsonObject json(out);
    json.text("id", one.id);
    json.number("grantee", static_cast<int>(one.grantee));
    json.number("role", static_cast<int>(one.role));
    json.text("mail", one.mail);
    json.text("domain", one.domain);
    json.boolean("discoverable", one.discoverable);
    json.close();
  }
  out += ']';
}

void write_revisions(std::string& out, const std::vector<Revision>& revisions) {
  out += '[';
  for (std::size_t i = 0; i < revisions.size(); ++i) {
    if (i > 0) out += ',';
    const Revision& one = revisions[i];
    JsonObject json(out);
    json.number("number", one.number);
    json.number("modified", one.modified);
    json.boolean("keep", one.keep_forever);
    json.text("mime", text_of(one.mime));
    json.text("user", text_of(one.user));
    json.text("original_name", one.original_name);
    write_content(json.key("content"), one.content);
    json.close();
  }
  out += ']';
}

void write_personal(std::string& out, const std::map<Text, Personal>& all) {
  out += '[';
  bool first = true;
  for (const auto& [mail, one] : all) {
    if (!first) out += ',';
    first = false;
    JsonObject json(out);
    json.text("mail", *mail);
    json.boolean("starred", one.starred);
    json.number("viewed", one.viewed);
    json.number("modified", one.modified);
    json.number("shared", one.shared);
    json.text("shared_by", text_of(one.shared_by));
    json.close();
  }
  out += ']';
}

void write_texts(std::string& out, const std::set<Text>& texts) {
  out += '[';
  bool first = true;
  for (const Text text : texts) {
    if (!first) out += ',';
    first = false;
    append_json_string(out, *text);
  }
  out += ']';
}

void write_extras(std::string& out, const Extras& extras) {
  JsonObject json(out);
  if (!extras.description.empty()) json.text("description", extras.description);
  if (!extras.folder_color.empty()) json.text("folder_color", extras.folder_color);
  if (!extras.properties.empty()) write_map(json.key("properties"), extras.properties);
  if (!extras.app_properties.empty()) {
    std::string& text = json.key("app_properties");
    text += '[';
    bool first = true;
    for (const auto& [project, map] : extras.app_properties) {
      if (!first) text += ',';
      first = false;
      JsonObject entry(text);
      entry.text("project", project);
      write_map(entry.key("map"), map);
      entry.close();
    }
    text += ']';
  }
  if (!extras.shortcut.target_id.empty()) {
    json.text("target_id", extras.shortcut.target_id);
    json.text("target_mime", extras.shortcut.target_mime);
  }
  if (!extras.permissions.empty()) write_permissions(json.key("permissions"), extras.permissions);
  if (!extras.old_revisions.empty()) write_revisions(json.key("revisions"), extras.old_revisions);
  if (!extras.personal.empty()) write_personal(json.key("personal"), extras.personal);
  if (!extras.apps.empty()) write_texts(json.key("apps"), extras.apps);
  json.boolean("keep_head", extras.keep_head);
  if (extras.last_revision > 0) json.number("last_revision", extras.last_revision);
  json.text("original_name", extras.original_name);
  json.text("app_data_of", text_of(extras.app_data_of));
  json.text("trashing_user", text_of(extras.trashing_user));
  json.boolean("read_only", extras.read_only);
  json.text("restriction_reason", extras.restriction_reason);
  json.boolean("copy_requires_writer", extras.copy_requires_writer);
  json.boolean("writers_can_share", extras.writers_can_share);
  json.boolean("abusive", extras.abusive);
  if (extras.download_quota_exceeded) json.boolean("download_quota_exceeded", true);
  json.close();
}

void write_item(std::string& out, const Item& item) {
  JsonObject json(out);
  json.plain("type", "item");
  json.number("serial", item.serial);
  json.text("id", item.id);
  json.text("name", item.name);
  json.text("parent", item.parent);
  json.text("mime", text_of(item.mime));
  json.text("drive", text_of(item.drive));
  json.text("owner", text_of(item.owner));
  json.text("last_user", text_of(item.last_user));
  json.number("created", item.created);
  json.number("modified", item.modified);
  json.number("trashed_at", item.trashed_at);
  json.number("version", item.version);
  json.number("head_number", item.head_number);
  json.number("head_modified", item.head_modified);
  json.boolean("trashed", item.trashed);
  json.boolean("root", item.root);
  if (item.content) write_content(json.key("content"), item.content);
  if (item.extras) write_extras(json.key("extras"), *item.extras);
  json.close();
  out += '\n';
}

void write_account(std::string& out, const Account& account) {
  JsonObject json(out);
  json.plain("type", "account");
  json.text("mail", *account.mail);
  json.text("name", account.name);
  json.text("permission_id", account.permission_id);
  json.text("root_id", account.root_id);
  if (account.storage_limit) json.number("storage_limit", *account.storage_limit);
  json.boolean("service_account", account.service_account);
  json.close();
  out += '\n';
}

void write_drive(std::string& out, const SharedDrive& drive) {
  JsonObject json(out);
  json.plain("type", "drive");
  json.text("id", *drive.id);
  json.text("name", drive.name);
  json.number("created", drive.created);
  json.text("request_id", drive.request_id);
  json.text("creator", text_of(drive.creator));
  write_texts(json.key("hidden_by"), drive.hidden_by);
  json.boolean("admin_managed", drive.admin_managed);
  json.boolean("copy_requires_writer", drive.copy_requires_writer);
  json.boolean("domain_users_only", drive.domain_users_only);
  json.boolean("drive_members_only", drive.drive_members_only);
  json.boolean("folder_sharing_requires_organizer", drive.folder_sharing_requires_organizer);
  json.close();
  out += '\n';
}

void write_log(std::string& out, std::string_view kind, std::string_view whose,
               const ChangeLog& log) {
  for (const auto& [number, entry] : log.entries()) {
    JsonObject json(out);
    json.plain("type", kind);
    json.text("of", whose);
    json.number("number", number);
    json.number("time", entry.time);
    json.boolean("drive", entry.is_drive);
    if (entry.left) json.boolean("left", true);
    json.text("id", entry.id);
    json.close();
    out += '\n';
  }
}

}  // namespace

std::string write_snapshot(const World& world) {
  std::string out;
  JsonObject head(out);
  head.number("format", 1);
  head.number("next_serial", world.peek_serial());
  head.number("next_change", world.next_change());
  head.close();
  out += '\n';
  for (const Text mail : world.account_order()) write_account(out, *world.account(mail));
  for (const auto& [id, drive] : world.drives()) write_drive(out, drive);
  const ItemsByAge& items = world.current().all();
  for (auto item = items.rbegin(); item != items.rend(); ++item) write_item(out, *item->second);
  for (const Text mail : world.account_order()) {
    write_log(out, "user_change", *mail, world.user_log(mail));
  }
  for (const auto& [id, drive] : world.drives()) {
    write_log(out, "drive_change", id, world.drive_log(id));
  }
  return out;
}

}  // namespace driveway::sim
