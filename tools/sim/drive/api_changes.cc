// The changes feed (drive-api reference 6).

#include <algorithm>
#include <map>

#include <nlohmann/json.hpp>

#include "base/clock.h"
#include "base/strings.h"
#include "sim/drive/api.h"
#include "sim/drive/drive_json.h"
#include "sim/drive/file_json.h"
#include "sim/drive/json_text.h"

namespace driveway::sim::api {

namespace {

// The logs that one request reads, merged by number. The World's lock is held.
struct Feed {
  const World& world;
  Access& access;
  std::vector<const ChangeLog*> logs;

  // The first entries from `from` on, below `end`.
  std::map<ChangeNumber, const ChangeEntry*> entries(ChangeNumber from, ChangeNumber end,
                                                     std::size_t limit) const {
    std::map<ChangeNumber, const ChangeEntry*> merged;
    for (const ChangeLog* log : logs) {
      std::size_t taken = 0;
      for (auto at = log->entries().lower_bound(from);
           at != log->entries().end() && at->first < end && taken < limit; ++at, ++taken) {
        merged.emplace(at->first, &at->second);
      }
    }
    while (merged.size() > limit) merged.erase(std::prev(merged.end()));
    return merged;
  }
};

struct ChangeRequest {
  std::size_t page_size = 100;
  ChangeNumber from = 0;
  std::string drive_id;
  bool supports_all = false;
  bool include_all = false;
  bool include_removed = true;
  bool my_drive_only = false;
  bool corpus_removals = false;
  bool in_drive = true;
  bool in_app_data = false;
};

void check_drive(const World& world, Access& access, const std::string& id) {
  const Item* root = world.drive(id) == nullptr ? nullptr : world.current().peek(id);
  if (root == nullptr || !access.standing(*root).visible()) refuse_drive(id);
}

std::string drive_parameter(const Call& call) {
  return call.query("driveId") != nullptr ? call.text("driveId") : call.text("teamDriveId");
}

ChangeRequest parse_request(const Call& call) {
  ChangeRequest request;
  request.page_size = static_cast<std::size_t>(call.number("pageSize", {100, 1, 1000}));
  request.include_removed = call.flag("includeRemoved", true);
  request.my_drive_only = call.flag("restrictToMyDrive");
  request.corpus_removals = call.flag("includeCorpusRemovals");
  request.supports_all = call.supports_all_drives();
  const bool include = call.literal_flag("includeItemsFromAllDrives");
  request.include_all = call.literal_flag("includeTeamDriveItems") || include;
  request.drive_id = drive_parameter(call);
  if (request.include_all && !request.supports_all) {
    refuse(403, "supportsTeamDrivesRequired",
           "The supportsAllDrives parameter was not set to true.");
  }
  if (!request.drive_id.empty() && !request.include_all) {
    refuse(403, "includeTeamDriveItemsRequired",
           "The includeItemsFromAllDrives parameter must be set to true when driveId is "
           "specified or corpora contains drive or allDrives.");
  }
  if (call.query("spaces") != nullptr) {
    const auto spaces = comma_list(call.text("spaces"));
    auto names = [&](const char* one) {
      return std::find(spaces.begin(), spaces.end(), one) != spaces.end();
    };
    request.in_drive = names("drive");
    request.in_app_data = names("appDataFolder");
  }
  const std::string token = value_or_refuse(required_text(call.head, "pageToken"));
  const auto number = parse_uint(token);
  if (!number) refuse(errors::invalid_value("pageToken"));
  request.from = *number;
  return request;
}

Feed open_feed(const Call& call, Access& access, const ChangeRequest& request) {
  const World& world = call.state.world;
  Feed feed{world, access, {}};
  if (!request.drive_id.empty()) {
    check_drive(world, access, request.drive_id);
    feed.logs.push_back(&world.drive_log(request.drive_id));
    return feed;
  }
  feed.logs.push_back(&world.user_log(call.viewer.mail));
  if (!request.include_all) return feed;
  for (const auto& [id, drive] : world.drives()) {
    const Item* root = world.current().peek(id);
    if (root != nullptr && access.standing(*root).visible()) {
      feed.logs.push_back(&world.drive_log(id));
    }
  }
  return feed;
}

// Writes one entry after the other. What the asker cannot see is `removed`.
class ChangeWriter {
 public:
  ChangeWriter(const Call& call, Access& access, const ChangeRequest& request,
               const FieldMask& mask)
      : call_(call),
        access_(access),
        request_(request),
        mask_(mask),
        file_mask_(compile_file_mask(mask.child("file"))),
        origin_(call.origin()),
        files_(call.state, call.viewer, access, file_mask_, origin_) {}

  // False: the entry is not for this request.
  bool append(std::string& out, const ChangeEntry& entry) {
    return entry.is_drive ? append_drive(out, entry) : append_file(out, entry);
  }

 private:
  bool belongs(const Item& item) const {
    const bool app_data = item.extra().app_data_of != nullptr;
    if (app_data ? !request_.in_app_data : !request_.in_drive) return false;
    if (item.drive != nullptr && !request_.include_all) return false;
    if (request_.my_drive_only && (item.drive != nullptr || !in_my_drive(item))) return false;
    return true;
  }

  // Whether the item is still to be seen, but no longer in the log that was asked for.
  bool has_left(const ChangeEntry& entry, const Item& item) const {
    if (request_.drive_id.empty()) return entry.left && !belongs(item);
    return item.drive == nullptr || *item.drive != request_.drive_id;
  }

  // Whether it hangs below the user's own root.
  bool in_my_drive(const Item& item) const {
    const Account* account = call_.state.world.account(call_.viewer.mail);
    const Item* at = &item;
    while (at != nullptr && !at->parent.empty()) at = access_.table().peek(at->parent);
    return at != nullptr && account != nullptr && at->id == account->root_id;
  }

  void begin(JsonObject& json, const ChangeEntry& entry, bool removed) const {
    if (mask_.wants("kind")) json.plain("kind", "drive#change");
    if (mask_.wants("changeType")) json.plain("changeType", entry.is_drive ? "drive" : "file");
    if (mask_.wants("type")) json.plain("type", entry.is_drive ? "teamDrive" : "file");
    if (mask_.wants("time")) {
      json.plain("time", format_rfc3339(WallTime(std::chrono::milliseconds(entry.time))));
    }
    if (mask_.wants("removed")) json.boolean("removed", removed);
  }

  bool append_file(std::string& out, const ChangeEntry& entry) {
    const Item* item = access_.table().peek(entry.id);
    const bool visible =
        item != nullptr && access_.standing(*item).visible() && scope_opens(call_.viewer, *item);
    if (visible && item->root) return false;
    const bool left = visible && has_left(entry, *item);
    if (visible && !left && !belongs(*item)) return false;
    const bool removed = !visible || left;
    if (removed && !request_.include_removed) return false;
    JsonObject json(out);
    begin(json, entry, removed);
    if (mask_.wants("fileId")) json.text("fileId", entry.id);
    const bool shows_file = visible && (!left || request_.corpus_removals);
    if (shows_file && mask_.wants("file")) files_.append(json.key("file"), *item);
    json.close();
    return true;
  }

  bool append_drive(std::string& out, const ChangeEntry& entry) {
    if (!request_.include_all) return false;
    const SharedDrive* drive = call_.state.world.drive(entry.id);
    const Item* root = drive == nullptr ? nullptr : access_.table().peek(entry.id);
    const bool visible = root != nullptr && access_.standing(*root).visible();
    if (!visible && !request_.include_removed) return false;
    JsonObject json(out);
    begin(json, entry, !visible);
    if (mask_.wants("driveId")) json.text("driveId", entry.id);
    if (mask_.wants("teamDriveId")) json.text("teamDriveId", entry.id);
    if (visible && mask_.wants("drive")) {
      const nlohmann::json resource = drive_json(call_.state.world, access_, *drive);
      json.raw("drive", compact_json(mask_.child("drive").apply(resource)));
    }
    json.close();
    return true;
  }

  const Call& call_;
  Access& access_;
  const ChangeRequest& request_;
  const FieldMask& mask_;
  const FileMask file_mask_;
  const std::string origin_;
  FileWriter files_;
};

}  // namespace

Reply changes_start_page_token(Call& call) {
  const bool supports = call.supports_all_drives();
  const std::string drive_id = drive_parameter(call);
  const FieldMask mask = call.mask(resource("StartPageToken"));
  const std::shared_lock lock(call.state.world.mutex());
  const World& world = call.state.world;
  if (!drive_id.empty()) {
    if (!supports) refuse_drive(drive_id);
    Access access(world.current(), call.viewer.mail);
    check_drive(world, access, drive_id);
  }
  // What lists do not show yet comes with the feed: no change falls between a token and the
  // listing that follows it.
  const auto config = call.state.config.get();
  const ChangeNumber start =
      world.horizon(std::max(config->drive.change_lag, config->drive.list_lag));
  return call.masked({{"kind", "drive#startPageToken"}, {"startPageToken", cat(start)}}, mask);
}

Reply changes_list(Call& call) {
  const ChangeRequest request = parse_request(call);
  const FieldMask mask = call.mask(resource("ChangeList"));
  const std::shared_lock lock(call.state.world.mutex());
  const World& world = call.state.world;
  Access access(world.current(), call.viewer.mail);
  const ChangeNumber end = world.horizon(call.state.config.get()->drive.change_lag);
  if (request.from == 0 || request.from > world.next_change()) {
    refuse(errors::invalid_value("pageToken"));
  }
  const Feed feed = open_feed(call, access, request);
  // One more than fits tells where the next page begins; entries that are not for this request
  // make a page shorter, as they do in Drive.
  const auto entries = feed.entries(request.from, end, request.page_size + 1);
  std::string changes = "[";
  ChangeWriter writer(call, access, request, mask.child("changes"));
  std::size_t count = 0;
  ChangeNumber next = 0;
  for (const auto& [number, entry] : entries) {
    if (count == request.page_size) {
      next = number;
      break;
    }
    const std::size_t before = changes.size();
    if (before > 1) changes += ',';
    if (!writer.append(changes, *entry)) changes.resize(before);
    ++count;
  }
  changes += ']';
  Reply reply;
  JsonObject json(reply.json);
  if (mask.wants("kind")) json.plain("kind", "drive#changeList");
  if (next != 0) {
    if (mask.wants("nextPageToken")) json.plain("nextPageToken", cat(next));
  } else if (mask.wants("newStartPageToken")) {
    json.plain("newStartPageToken", cat(std::max(end, request.from)));
  }
  if (mask.wants("changes")) json.raw("changes", changes);
  json.close();
  return reply;
}

}  // namespace driveway::sim::api
