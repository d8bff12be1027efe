#include <nlohmann/json.hpp>

#include "base/strings.h"
#include "sim/drive/snapshot.h"

namespace driveway::sim {

namespace {

using nlohmann::json;

Text optional_text(const json& object, const char* key) {
  const std::string text = object.value(key, "");
  return text.empty() ? nullptr : intern(text);
}

template <std::size_t N>
void read_digest(const json& object, const char* key, std::array<std::uint8_t, N>& out) {
  const auto bytes = from_hex(object.at(key).get<std::string>());
  if (!bytes.ok() || bytes->size() != N) throw json::other_error::create(500, "digest", &object);
  std::copy(bytes->begin(), bytes->end(), out.begin());
}

// Reads one line after the other; json's exceptions end in read_snapshot.
class Reader {
 public:
  Reader(World& world, ContentStore& contents) : world_(world), contents_(contents) {}

  Status read(const json& line) {
    if (line.contains("format")) {
      world_.restore_counters(line.at("next_serial"), line.at("next_change"));
      return {};
    }
    const std::string type = line.at("type");
    if (type == "account") return read_account(line);
    if (type == "drive") return read_drive(line);
    if (type == "item") return read_item(line);
    const ChangeEntry entry{line.at("id"), line.at("time"), line.at("drive"),
                            line.value("left", false)};
    const std::string whose = line.at("of");
    world_.restore_change(type == "user_change" ? intern(whose) : nullptr, whose, line.at("number"),
                          entry);
    return {};
  }

 private:
  Status read_account(const json& line) {
    Account account;
    account.mail = intern(line.at("mail").get<std::string>());
    account.name = line.at("name");
    account.permission_id = line.at("permission_id");
    account.root_id = line.at("root_id");
    if (line.contains("storage_limit"))
      account.storage_limit = line.at("storage_limit").get<Bytes>();
    account.service_account = line.at("service_account");
    world_.restore_account(std::move(account));
    return {};
  }

  Status read_drive(const json& line) {
    SharedDrive drive;
    drive.id = intern(line.at("id").get<std::string>());
    drive.name = line.at("name");
    drive.created = line.at("created");
    drive.request_id = line.at("request_id");
    drive.creator = optional_text(line, "creator");
    for (const json& mail : line.at("hidden_by")) {
      drive.hidden_by.insert(intern(mail.get<std::string>()));
    }
    drive.admin_managed = line.at("admin_managed");
    drive.copy_requires_writer = line.at("copy_requires_writer");
    drive.domain_users_only = line.at("domain_users_only");
    drive.drive_members_only = line.at("drive_members_only");
    drive.folder_sharing_requires_organizer = line.at("folder_sharing_requires_organizer");
    world_.restore_drive(std::move(drive));
    return {};
  }

  Result<ContentPtr> read_content(const json& object) {
    const Bytes size = object.at("size");
    if (object.contains("seed")) return contents_.synthetic(object.at("seed"), size);
    Hashes hashes;
    read_digest(object, "md5", hashes.md5);
    read_digest(object, "sha1", hashes.sha1);
    read_digest(object, "sha256", hashes.sha256);
    return contents_.stored(hashes, size);
  }

  Status read_item(const json& line) {
    Item item;
    item.serial = line.at("serial");
    item.id = line.at("id");
    item.name = line.at("name");
    item.parent = line.at("parent");
    item.mime = optional_text(line, "mime");
    item.drive = optional_text(line, "drive");
    item.owner = optional_text(line, "owner");
    item.last_user = optional_text(line, "last_user");
    item.created = line.at("created");
    item.modified = line.at("modified");
    item.trashed_at = line.at("trashed_at");
    item.version = line.at("version");
    item.head_number = line.at("head_number");
    item.head_modified = line.at("head_modified");
    item.trashed = line.at("trashed");
    item.root = line.at("root");
    item.kind = item.mime == nullptr ? Kind::kFile : kind_of_mime(*item.mime);
    if (line.contains("content")) {
      DRIVEWAY_TRY(item.content, read_content(line.at("content")));
    }
    if (line.contains("extras")) DRIVEWAY_CHECK(read_extras(line.at("extras"), item));
    world_.restore_item(std::move(item));
    return {};
  }

  static void read_permissions(const json& list, Extras& extras) {
    for (const json& one : list) {
      extras.permissions.push_back({one.at("id"),
                                    static_cast<Grantee>(one.at("grantee").get<int>()),
                                    static_cast<Role>(one.at("role").get<int>()), one.at("mail"),
                                    one.at("domain"), one.at("discoverable")});
    }
  }

  static void read_personal(const json& list, Extras& extras) {
    for (const json& one : list) {
      extras.personal[intern(one.at("mail").get<std::string>())] = {
          one.at("starred"), one.at("viewed"), one.at("modified"), one.at("shared"),
          optional_text(one, "shared_by")};
    }
  }

  Status read_extras(const json& object, Item& item) {
    Extras extras;
    extras.description = object.value("description", "");
    extras.folder_color = object.value("folder_color", "");
    if (object.contains("properties")) object.at("properties").get_to(extras.properties);
    for (const json& entry : object.value("app_properties", json::array())) {
      entry.at("map").get_to(extras.app_properties[entry.at("project").get<std::string>()]);
    }
    extras.shortcut = {object.value("target_id", ""), object.value("target_mime", "")};
    read_permissions(object.value("permissions", json::array()), extras);
    for (const json& one : object.value("revisions", json::array())) {
      DRIVEWAY_TRY(ContentPtr content, read_content(one.at("content")));
      extras.old_revisions.push_back({one.at("number"), std::move(content), one.at("modified"),
                                      one.at("keep"), optional_text(one, "mime"),
                                      optional_text(one, "user"), one.at("original_name")});
    }
    read_personal(object.value("personal", json::array()), extras);
    for (const json& app : object.value("apps", json::array())) {
      extras.apps.insert(intern(app.get<std::string>()));
    }
    extras.keep_head = object.at("keep_head");
    extras.last_revision = object.value("last_revision", std::uint64_t{0});
    extras.original_name = object.at("original_name");
    extras.app_data_of = optional_text(object, "app_data_of");
    extras.trashing_user = optional_text(object, "trashing_user");
    extras.read_only = object.at("read_only");
    extras.restriction_reason = object.at("restriction_reason");
    extras.copy_requires_writer = object.at("copy_requires_writer");
    extras.writers_can_share = object.at("writers_can_share");
    extras.abusive = object.at("abusive");
    extras.download_quota_exceeded = object.value("download_quota_exceeded", false);
    item.set_extras(std::move(extras));
    return {};
  }

  World& world_;
  ContentStore& contents_;
};

}  // namespace

Status read_snapshot(std::string_view text, World& world, ContentStore& contents) {
  Reader reader(world, contents);
  std::size_t number = 0;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    ++number;
    if (line.empty()) continue;
    try {
      DRIVEWAY_CHECK(reader.read(json::parse(line)));
    } catch (const json::exception& error) {
      return Error{ErrorCode::kCorrupt,
                   cat("state.ndjson, line ", number, ": ", std::string_view(error.what()))};
    }
  }
  return {};
}

}  // namespace driveway::sim
