// Revisions (drive-api reference 5.11).

#include <algorithm>

#include <nlohmann/json.hpp>

#include "base/clock.h"
#include "base/strings.h"
#include "sim/drive/api.h"
#include "sim/drive/exports.h"
#include "sim/drive/grants.h"

namespace driveway::sim::api {

namespace {

using nlohmann::json;

constexpr int kMaxKept = 200;  // drive-api reference 1.7

std::string time_text(Ms time) { return format_rfc3339(WallTime(std::chrono::milliseconds(time))); }

// The head as a Revision, like the older ones.
Revision head_of(const Item& item) {
  const Extras& extra = item.extra();
  return {item.head_number,
          item.content,
          item.head_modified,
          extra.keep_head,
          item.mime,
          item.last_user,
          extra.original_name.empty() ? item.name : extra.original_name};
}

std::vector<Revision> revisions_of(const Item& item) {
  std::vector<Revision> all = item.extra().old_revisions;
  all.push_back(head_of(item));
  return all;
}

json revision_json(const Call& call, const Item& item, const Revision& revision) {
  json result{{"kind", "drive#revision"},
              {"id", revision_id(item, revision.number)},
              {"mimeType", *revision.mime},
              {"modifiedTime", time_text(revision.modified)},
              {"published", false}};
  if (revision.user != nullptr) {
    result["lastModifyingUser"] = user_json(call.state.world, revision.user, call.viewer.mail);
  }
  if (item.kind != Kind::kFile) {
    json links = json::object();
    for (const std::string& format : export_formats(*item.mime)) {
      links[format] = cat(call.origin(), kExportLinkPath, "?id=", item.id,
                          "&mimeType=", percent_encode(format));
    }
    result["exportLinks"] = std::move(links);
    return result;
  }
  result["keepForever"] = revision.keep_forever;
  result["originalFilename"] = revision.original_name.empty() ? item.name : revision.original_name;
  result["size"] = cat(revision.content->size());
  if (const Hashes* hashes = revision.content->hashes()) {
    result["md5Checksum"] = hex_of(hashes->md5);
  }
  return result;
}

const Item& find_item(const Call& call, Access& access, Capability capability) {
  const Item& item = find_visible(call.state.world, access, call.viewer, call.route.id, true);
  if (item.is_folder() || item.kind == Kind::kShortcut) {
    refuse(403, "revisionsNotSupported", "The file does not support revisions.");
  }
  require(access, item, capability);
  return item;
}

[[noreturn]] void refuse_revision(const std::string& id) {
  ApiError error = errors::not_found(id);
  error.message = cat("Revision not found: ", id, ".");
  error.location = "revisionId";
  refuse(std::move(error));
}

// Its place in revisions_of.
std::size_t find_revision(const Item& item, const std::string& id) {
  if (id == "head") return item.extra().old_revisions.size();
  const std::vector<Revision> all = revisions_of(item);
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (revision_id(item, all[i].number) == id) return i;
  }
  refuse_revision(id);
}

}  // namespace

Reply revisions_list(Call& call) {
  const auto page_size = static_cast<std::size_t>(call.number("pageSize", {200, 1, 1000}));
  const std::string identity = cat(*call.viewer.mail, "\nrevisions\n", call.route.id);
  std::size_t from = 0;
  if (const std::string token = call.text("pageToken"); !token.empty()) {
    from = parse_uint(page_position(call, token, identity)).value_or(0);
  }
  const FieldMask mask = call.mask(resource("RevisionList"));
  const std::shared_lock lock(call.state.world.mutex());
  Access access(call.state.world.current(), call.viewer.mail);
  const Item& item = find_item(call, access, Capability::kCanReadRevisions);
  const std::vector<Revision> all = revisions_of(item);
  json list = json::array();
  std::size_t at = std::min(from, all.size());
  for (; at < all.size() && list.size() < page_size; ++at) {
    list.push_back(revision_json(call, item, all[at]));
  }
  json result{{"kind", "drive#revisionList"}, {"revisions", std::move(list)}};
  if (at < all.size()) {
    result["nextPageToken"] = encode_page_token({identity, call.state.world.now(), cat(at)});
  }
  return call.masked(result, mask);
}

Reply revisions_get(Call& call) {
  const FieldMask mask = call.mask(resource("Revision"));
  const std::shared_lock lock(call.state.world.mutex());
  Access access(call.state.world.current(), call.viewer.mail);
  const Item& item = find_item(call, access, Capability::kCanReadRevisions);
  const std::size_t at = find_revision(item, call.route.second_id);
  return call.masked(revision_json(call, item, revisions_of(item)[at]), mask);
}

Reply revisions_update(Call& call) {
  const FieldMask mask = call.mask(resource("Revision"));
  const json body = json::parse(call.read_body(), nullptr, false);
  if (!body.is_object()) refuse(400, "parseError", "Parse Error");
  const std::unique_lock lock(call.state.world.mutex());
  Access access(call.state.world.current(), call.viewer.mail);
  Item item = find_item(call, access, Capability::kCanEdit);
  const std::size_t at = find_revision(item, call.route.second_id);
  if (const auto keep = body.find("keepForever"); keep != body.end()) {
    if (!keep->is_boolean()) refuse(400, "invalid", "Invalid value for: keepForever");
    const bool wanted = keep->get<bool>();
    if (item.kind != Kind::kFile) {
      refuse(400, "illegalKeepForeverModification",
             "Revisions of Docs Editors files cannot be kept forever.");
    }
    Extras extras = item.edit_extras();
    const auto kept = std::count_if(extras.old_revisions.begin(), extras.old_revisions.end(),
                                    [](const Revision& one) { return one.keep_forever; });
    const bool head = at == extras.old_revisions.size();
    const bool now = head ? extras.keep_head : extras.old_revisions[at].keep_forever;
    if (wanted && !now && kept + (extras.keep_head ? 1 : 0) >= kMaxKept) {
      refuse(400, "illegalKeepForeverModification", "Too many revisions are kept forever.");
    }
    if (!wanted && now && !head) {  // it could vanish at once
      refuse(400, "illegalKeepForeverModification",
             "Only the head revision can be set to be purged again.");
    }
    (head ? extras.keep_head : extras.old_revisions[at].keep_forever) = wanted;
    item.set_extras(std::move(extras));
  }
  const ItemPtr made = call.state.world.put(std::move(item));
  return call.masked(revision_json(call, *made, revisions_of(*made)[at]), mask);
}

Reply revisions_delete(Call& call) {
  const std::unique_lock lock(call.state.world.mutex());
  Access access(call.state.world.current(), call.viewer.mail);
  Item item = find_item(call, access, Capability::kCanEdit);
  const std::size_t at = find_revision(item, call.route.second_id);
  Extras extras = item.edit_extras();
  if (item.kind != Kind::kFile || extras.old_revisions.empty()) {
    refuse(403, "cannotDeleteRevision", "This revision cannot be deleted.");
  }
  if (at == extras.old_revisions.size()) {  // the one before is the content again
    extras.last_revision = std::max(extras.last_revision, item.head_number);
    const Revision& before = extras.old_revisions.back();
    item.content = before.content;
    item.head_number = before.number;
    item.head_modified = before.modified;
    item.modified = before.modified;
    item.mime = before.mime;
    extras.keep_head = before.keep_forever;
    extras.original_name = before.original_name;
    extras.old_revisions.pop_back();
  } else {
    extras.old_revisions.erase(extras.old_revisions.begin() + static_cast<std::ptrdiff_t>(at));
  }
  item.set_extras(std::move(extras));
  call.state.world.put(std::move(item));
  return {204, "", false};
}

}  // namespace driveway::sim::api
