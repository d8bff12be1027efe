// about, and files without media.

#include <nlohmann/json.hpp>

#include "base/strings.h"
#include "sim/drive/api.h"
#include "sim/drive/exports.h"
#include "sim/drive/file_json.h"
#include "sim/drive/file_write.h"
#include "sim/drive/grants.h"
#include "sim/drive/ids.h"
#include "sim/drive/json_text.h"

namespace driveway::sim::api {

namespace {

using nlohmann::json;

constexpr std::string_view kMaxUpload = "5242880000000";  // drive-api reference 8.7

WriteOptions write_options(const Call& call) {
  WriteOptions options;
  options.supports_all_drives = call.supports_all_drives();
  options.keep_revision_forever = call.flag("keepRevisionForever");
  options.add_parents = comma_list(call.text("addParents"));
  options.remove_parents = comma_list(call.text("removeParents"));
  return options;
}

Reply file_reply(const Call& call, const Item& item, const FieldMask& mask) {
  const FileMask file_mask = compile_file_mask(mask);
  const std::string origin = call.origin();
  Access access(call.state.world.current(), call.viewer.mail);
  Reply reply;
  FileWriter(call.state, call.viewer, access, file_mask, origin).append(reply.json, item);
  return reply;
}

json about_json(const Call& call, const Account& account) {
  const World& world = call.state.world;
  const Bytes trash = world.trash_usage(account.mail);
  json quota{{"usage", cat(account.usage)},
             {"usageInDrive", cat(account.usage)},
             {"usageInDriveTrash", cat(trash)}};
  if (account.storage_limit) {
    quota["limit"] = cat(*account.storage_limit);
  } else if (account.service_account) {
    quota["limit"] = "0";
  }
  json exports = json::object();
  for (const std::string& type : exportable_types()) exports[type] = export_formats(type);
  json imports = json::object();
  for (const auto& [from, to] : import_formats()) imports[from] = json::array({to});
  return {{"kind", "drive#about"},
          {"user", user_json(world, account.mail, account.mail)},
          {"storageQuota", std::move(quota)},
          {"maxUploadSize", kMaxUpload},
          {"maxImportSizes", {{cat(mime::kPrefix, "document"), "10485760"}}},
          {"canCreateDrives", !account.service_account},
          {"canCreateTeamDrives", !account.service_account},
          {"appInstalled", true},
          {"folderColorPalette", {"#ac725e", "#8f8f8f", "#4986e7"}},
          {"exportFormats", std::move(exports)},
          {"importFormats", std::move(imports)}};
}

}  // namespace

Reply about_get(Call& call) {
  const std::string* fields = call.query("fields");
  if (fields == nullptr || trim(*fields).empty()) {
    ApiError error;
    error.http = 400;
    error.reason = "required";
    error.message = "The 'fields' parameter is required for this method.";
    error.location = "fields";
    error.location_type = "parameter";
    refuse(std::move(error));
  }
  const FieldMask mask = call.mask(resource("About"));
  const std::shared_lock lock(call.state.world.mutex());
  const Account* account = call.state.world.account(call.viewer.mail);
  if (account == nullptr) refuse(errors::invalid_credentials());
  return call.masked(about_json(call, *account), mask);
}

Reply files_get(Call& call) {
  const bool supports = call.supports_all_drives();
  if (call.literal_flag("acknowledgeAbuse")) {
    ApiError error;
    error.http = 403;
    error.reason = "invalidAbuseAcknowledgment";
    error.message = "The acknowledgeAbuse parameter may only be used with alt=media.";
    error.location = "acknowledgeAbuse";
    error.location_type = "parameter";
    refuse(std::move(error));
  }
  const FieldMask mask = call.mask(resource("File"));
  const std::shared_lock lock(call.state.world.mutex());
  Access access(call.state.world.current(), call.viewer.mail);
  const Item& item = find_visible(call.state.world, access, call.viewer, call.route.id, supports);
  return file_reply(call, item, mask);
}

Reply files_create(Call& call) {
  const WriteOptions options = write_options(call);
  const FieldMask mask = call.mask(resource("File"));
  const FileEdit edit = parse_file_edit(call.read_body(), EditUse::kCreate);
  const std::unique_lock lock(call.state.world.mutex());
  const ItemPtr item = create_file(call.state, call.viewer, edit, options, std::nullopt);
  return file_reply(call, *item, mask);
}

Reply files_update(Call& call) {
  const WriteOptions options = write_options(call);
  const FieldMask mask = call.mask(resource("File"));
  const FileEdit edit = parse_file_edit(call.read_body(), EditUse::kUpdate);
  const std::unique_lock lock(call.state.world.mutex());
  const ItemPtr item =
      update_file(call.state, call.viewer, call.route.id, edit, options, std::nullopt);
  return file_reply(call, *item, mask);
}

Reply files_copy(Call& call) {
  const WriteOptions options = write_options(call);
  const FieldMask mask = call.mask(resource("File"));
  const FileEdit edit = parse_file_edit(call.read_body(), EditUse::kCopy);
  const std::unique_lock lock(call.state.world.mutex());
  const ItemPtr item = copy_file(call.state, call.viewer, call.route.id, edit, options);
  return file_reply(call, *item, mask);
}

Reply files_delete(Call& call) {
  const WriteOptions options = write_options(call);
  const std::unique_lock lock(call.state.world.mutex());
  delete_file(call.state, call.viewer, call.route.id, options);
  return {204, "", false};
}

Reply files_empty_trash(Call& call) {
  const std::unique_lock lock(call.state.world.mutex());
  empty_trash(call.state, call.viewer, call.text("driveId"));
  return {204, "", false};
}

Reply files_generate_ids(Call& call) {
  const int count = call.number("count", {10, 1, 1000});
  const std::string space = call.query("space") == nullptr ? "drive" : call.text("space");
  const std::string type = call.query("type") == nullptr ? "files" : call.text("type");
  if (space != "drive" && space != "appDataFolder") refuse(errors::invalid_value("space"));
  if (type != "files" && type != "shortcuts") refuse(errors::invalid_value("type"));
  const FieldMask mask = call.mask(resource("GeneratedIds"));
  json ids = json::array();
  for (int i = 0; i < count; ++i) {
    ids.push_back(make_item_id(type == "files" ? IdUse::kFile : IdUse::kShortcut));
  }
  return call.masked({{"kind", "drive#generatedIds"}, {"space", space}, {"ids", std::move(ids)}},
                     mask);
}

}  // namespace driveway::sim::api
