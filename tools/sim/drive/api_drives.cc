// Shared drives (drive-api reference 8.6).

#include <algorithm>

#include <nlohmann/json.hpp>

#include "base/clock.h"
#include "base/strings.h"
#include "sim/drive/api.h"
#include "sim/drive/drive_json.h"
#include "sim/drive/ids.h"
#include "sim/lang/query.h"

namespace driveway::sim {

using nlohmann::json;

json drive_json(const World& world, Access& access, const SharedDrive& drive) {
  const Item* root = world.current().peek(*drive.id);
  const Role role = root == nullptr ? Role::kNone : access.standing(*root).role();
  const bool organizes = role >= Role::kOrganizer;
  const bool manages = role >= Role::kFileOrganizer;
  const bool writes = role >= Role::kWriter;
  return {
      {"kind", "drive#drive"},
      {"id", *drive.id},
      {"name", drive.name},
      {"createdTime", format_rfc3339(WallTime(std::chrono::milliseconds(drive.created)))},
      {"hidden", drive.hidden_by.contains(access.mail())},
      {"colorRgb", "#8f8f8f"},
      {"capabilities",
       {{"canAddChildren", writes},
        {"canComment", role >= Role::kCommenter},
        {"canCopy", role >= Role::kReader},
        {"canDeleteDrive", organizes},
        {"canDeleteChildren", organizes},
        {"canDownload", role >= Role::kReader},
        {"canEdit", writes},
        {"canListChildren", role >= Role::kReader},
        {"canManageMembers", organizes},
        {"canReadRevisions", writes},
        {"canRename", writes},
        {"canRenameDrive", organizes},
        {"canShare", writes},
        {"canTrashChildren", manages}}},
      {"restrictions",
       {{"adminManagedRestrictions", drive.admin_managed},
        {"copyRequiresWriterPermission", drive.copy_requires_writer},
        {"domainUsersOnly", drive.domain_users_only},
        {"driveMembersOnly", drive.drive_members_only},
        {"sharingFoldersRequiresOrganizerPermission", drive.folder_sharing_requires_organizer}}}};
}

namespace api {

namespace {

class StoredDriveView final : public DriveView {
 public:
  StoredDriveView(const World& world, const SharedDrive& drive, Text mail)
      : drive_(drive), mail_(mail), root_(world.current().peek(*drive.id)) {}
  std::string_view name() const override { return drive_.name; }
  std::int64_t created() const override { return drive_.created; }
  bool hidden() const override { return drive_.hidden_by.contains(mail_); }
  std::int64_t member_count() const override {
    return root_ == nullptr ? 0 : static_cast<std::int64_t>(root_->extra().permissions.size());
  }
  std::int64_t organizer_count() const override {
    if (root_ == nullptr) return 0;
    const auto& members = root_->extra().permissions;
    return std::count_if(members.begin(), members.end(),
                         [](const Permission& one) { return one.role == Role::kOrganizer; });
  }
  std::string_view org_unit_id() const override { return ""; }

 private:
  const SharedDrive& drive_;
  Text mail_;
  const Item* root_;
};

Role role_on(const World& world, Access& access, const std::string& id) {
  const Item* root = world.drive(id) == nullptr ? nullptr : world.current().peek(id);
  return root == nullptr ? Role::kNone : access.standing(*root).personal;
}

void require_role(const Call& call, const std::string& id, Role least) {
  Access access(call.state.world.current(), call.viewer.mail);
  const Role role = role_on(call.state.world, access, id);
  if (role == Role::kNone) refuse_drive(id);
  if (role < least) refuse(errors::insufficient_file_permissions());
}

json parse_body(Call& call) {
  json body = json::parse(call.read_body(), nullptr, false);
  if (!body.is_object()) refuse(400, "parseError", "Parse Error");
  return body;
}

void apply(const json& body, SharedDrive& drive) {
  try {
    drive.name = body.value("name", drive.name);
    const json limits = body.value("restrictions", json::object());
    drive.admin_managed = limits.value("adminManagedRestrictions", drive.admin_managed);
    drive.copy_requires_writer =
        limits.value("copyRequiresWriterPermission", drive.copy_requires_writer);
    drive.domain_users_only = limits.value("domainUsersOnly", drive.domain_users_only);
    drive.drive_members_only = limits.value("driveMembersOnly", drive.drive_members_only);
    drive.folder_sharing_requires_organizer = limits.value(
        "sharingFoldersRequiresOrganizerPermission", drive.folder_sharing_requires_organizer);
  } catch (const json::exception&) {
    refuse(400, "invalid", "Invalid Value");
  }
}

Reply drive_reply(const Call& call, const SharedDrive& drive, const FieldMask& mask) {
  Access access(call.state.world.current(), call.viewer.mail);
  return call.masked(drive_json(call.state.world, access, drive), mask);
}

Reply set_hidden(Call& call, bool hidden) {
  const FieldMask mask = call.mask(resource("Drive"));
  const std::unique_lock lock(call.state.world.mutex());
  require_role(call, call.route.id, Role::kReader);
  SharedDrive& drive = *call.state.world.edit_drive(call.route.id);
  if (hidden) {
    drive.hidden_by.insert(call.viewer.mail);
  } else {
    drive.hidden_by.erase(call.viewer.mail);
  }
  call.state.world.note_drive_change(drive);
  return drive_reply(call, drive, mask);
}

}  // namespace

Reply drives_list(Call& call) {
  const auto page_size = static_cast<std::size_t>(call.number("pageSize", {10, 1, 100}));
  call.flag("useDomainAdminAccess");
  const Query query = value_or_refuse(Query::parse(call.text("q"), Query::Language::kDrives));
  const std::string identity = cat(*call.viewer.mail, "\ndrives\n", call.text("q"));
  std::string from;
  if (const std::string token = call.text("pageToken"); !token.empty()) {
    from = page_position(call, token, identity);
  }
  const FieldMask mask = call.mask(resource("DriveList"));
  const std::shared_lock lock(call.state.world.mutex());
  const World& world = call.state.world;
  Access access(world.current(), call.viewer.mail);
  json list = json::array();
  json result{{"kind", "drive#driveList"}};
  for (auto at = world.drives().lower_bound(from); at != world.drives().end(); ++at) {
    if (role_on(world, access, at->first) == Role::kNone) continue;
    const StoredDriveView view(world, at->second, call.viewer.mail);
    if (!query.empty() && !query.matches(view)) continue;
    if (list.size() == page_size) {
      result["nextPageToken"] = encode_page_token({identity, world.now(), at->first});
      break;
    }
    list.push_back(drive_json(world, access, at->second));
  }
  result["drives"] = std::move(list);
  return call.masked(result, mask);
}

Reply drives_get(Call& call) {
  const FieldMask mask = call.mask(resource("Drive"));
  const std::shared_lock lock(call.state.world.mutex());
  require_role(call, call.route.id, Role::kReader);
  return drive_reply(call, *call.state.world.drive(call.route.id), mask);
}

// Idempotent by requestId: the second one with the same id is refused (409), and the drive exists.
Reply drives_create(Call& call) {
  const FieldMask mask = call.mask(resource("Drive"));
  const std::string request_id = value_or_refuse(required_text(call.head, "requestId"));
  const json body = parse_body(call);
  const std::unique_lock lock(call.state.world.mutex());
  World& world = call.state.world;
  for (const auto& [id, drive] : world.drives()) {
    if (drive.request_id == request_id && drive.creator == call.viewer.mail) {
      refuse(409, "duplicate", "A shared drive was already created with this request ID.");
    }
  }
  const Account* account = world.account(call.viewer.mail);
  if (account == nullptr || account->service_account) {
    refuse(403, "userCannotCreateTeamDrives", "The user cannot create shared drives.");
  }
  SharedDrive wanted;
  apply(body, wanted);
  if (wanted.name.empty()) refuse(errors::invalid_value("name"));
  SharedDrive& drive = world.add_drive(make_root_id(), wanted.name, call.viewer.mail);
  drive.request_id = request_id;
  apply(body, drive);
  return drive_reply(call, drive, mask);
}

Reply drives_update(Call& call) {
  const FieldMask mask = call.mask(resource("Drive"));
  const json body = parse_body(call);
  const std::unique_lock lock(call.state.world.mutex());
  World& world = call.state.world;
  require_role(call, call.route.id, Role::kOrganizer);
  SharedDrive& drive = *world.edit_drive(call.route.id);
  apply(body, drive);
  Item root = *world.current().peek(call.route.id);
  root.name = drive.name;
  world.put(std::move(root));
  world.note_drive_change(drive);
  return drive_reply(call, drive, mask);
}

Reply drives_delete(Call& call) {
  const std::unique_lock lock(call.state.world.mutex());
  World& world = call.state.world;
  require_role(call, call.route.id, Role::kOrganizer);
  for (const auto& [serial, child] : world.current().children(call.route.id)) {
    if (!child->trashed) {
      refuse(403, "teamDriveNotEmpty", "The shared drive still holds items.");
    }
  }
  world.remove_drive(call.route.id);
  return {204, "", false};
}

Reply drives_hide(Call& call) { return set_hidden(call, true); }
Reply drives_unhide(Call& call) { return set_hidden(call, false); }

}  // namespace api
}  // namespace driveway::sim
