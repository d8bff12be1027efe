// files.list: order of checks as drive-api reference 1.10, meaning as 3.

#include <algorithm>
#include <vector>

#include "base/strings.h"
#include "sim/drive/api.h"
#include "sim/drive/file_json.h"
#include "sim/drive/item_view.h"
#include "sim/drive/json_text.h"

namespace driveway::sim::api {

namespace {

enum class Corpora { kUser, kDomain, kDrive, kAllDrives };

struct ListRequest {
  std::size_t page_size = 100;
  OrderBy order;
  Corpora corpora = Corpora::kUser;
  std::string drive_id;
  bool include_all = false;
  bool in_drive = false;     // of spaces
  bool in_app_data = false;  // of spaces
  Query query;
  std::string identity;  // all that a page token is bound to
};

[[noreturn]] void refuse_at(int http, std::string_view reason, std::string_view message,
                            std::string_view location) {
  ApiError error;
  error.http = http;
  error.reason = reason;
  error.message = message;
  error.location = location;
  error.location_type = "parameter";
  refuse(std::move(error));
}

Corpora parse_corpora(const std::string& text) {
  if (text.empty() || text == "user") return Corpora::kUser;
  if (text == "domain") return Corpora::kDomain;
  if (text == "drive" || text == "teamDrive") return Corpora::kDrive;
  if (text == "allDrives" || text == "allTeamDrives") return Corpora::kAllDrives;
  refuse(errors::invalid_value("corpora"));
}

void parse_spaces(const Call& call, ListRequest& request) {
  const auto spaces = comma_list(call.query("spaces") == nullptr ? "drive" : call.text("spaces"));
  for (const std::string& space : spaces) {
    if (space == "drive") {
      request.in_drive = true;
    } else if (space == "appDataFolder") {
      request.in_app_data = true;
    } else if (space != "photos") {
      refuse(errors::invalid_value("spaces"));
    }
  }
  if (request.in_app_data && (call.viewer.scopes & kScopeAppdata) == 0) {
    refuse_at(403, "insufficientScopes",
              "The granted scopes do not allow use of the Application Data folder.", "spaces");
  }
}

void parse_drives(const Call& call, ListRequest& request) {
  const bool supports = call.supports_all_drives();
  const bool include = call.literal_flag("includeItemsFromAllDrives");
  request.include_all = call.literal_flag("includeTeamDriveItems") || include;
  request.drive_id =
      call.query("driveId") != nullptr ? call.text("driveId") : call.text("teamDriveId");
  request.corpora = parse_corpora(call.text("corpora"));
  if (request.include_all && !supports) {
    refuse(403, "supportsTeamDrivesRequired",
           "The supportsAllDrives parameter was not set to true.");
  }
  const bool beyond = request.corpora == Corpora::kDrive ||
                      request.corpora == Corpora::kAllDrives || !request.drive_id.empty();
  if (beyond && !request.include_all) {
    refuse_at(403, "includeTeamDriveItemsRequired",
              "The includeItemsFromAllDrives parameter must be set to true when driveId is "
              "specified or corpora contains drive or allDrives.",
              "includeItemsFromAllDrives");
  }
  if ((request.corpora == Corpora::kDrive) == request.drive_id.empty()) {
    refuse_at(403, "teamDriveIdRequired",
              "The driveId parameter must be specified if and only if corpora is set to drive.",
              "driveId");
  }
}

ListRequest parse_request(const Call& call) {
  ListRequest request;
  request.page_size = static_cast<std::size_t>(call.number("pageSize", {100, 1, 1000}));
  const bool supports = call.supports_all_drives();  // typed parameters come first
  call.literal_flag("includeItemsFromAllDrives");
  request.order = value_or_refuse(OrderBy::parse(call.text("orderBy")));
  parse_drives(call, request);
  parse_spaces(call, request);
  const std::string q = call.text("q");
  request.query = value_or_refuse(Query::parse(q));
  if (!trim(q).empty() && call.viewer.metadata_only()) {
    refuse_at(403, "forbidden", "Metadata scope does not support 'q' parameter", "q");
  }
  if (request.query.references_full_text() && !request.order.empty()) {
    refuse_at(403, "forbidden",
              "Sorting is not supported for queries with fullText terms. Results are always in "
              "descending relevance order.",
              "orderBy");
  }
  request.identity =
      cat(*call.viewer.mail, '\n', q, '\n', call.text("orderBy"), '\n', call.text("corpora"), '\n',
          request.drive_id, '\n', call.text("spaces"), '\n', request.include_all, supports);
  return request;
}

// Finds what matches, page by page. The World's lock is held.
class Lister {
 public:
  Lister(Call& call, const ListRequest& request)
      : call_(call),
        request_(request),
        access_(call.state.world.index(), call.viewer.mail),
        context_(call.state.world, call.viewer, access_) {}

  Access& access() { return access_; }

  // The folders that the query is about, where it says so; else the whole table is walked.
  void plan();
  // Up to `limit` items from `position` ("" = the beginning). Sets next().
  std::vector<const Item*> page(const std::string& position, std::size_t limit);
  const std::string& next() const { return next_; }  // "" = that was all

 private:
  bool matches(const Item& item);
  bool in_corpus(const Item& item);
  std::vector<const Item*> sorted_page(const std::string& position, std::size_t limit);
  // Items from `from` downwards, newest first; returns false when the page is full.
  bool collect(const ItemsByAge& items, Serial from, std::size_t source, std::size_t limit,
               std::vector<const Item*>& found);

  Call& call_;
  const ListRequest& request_;
  Access access_;
  ViewContext context_;
  bool by_parent_ = false;
  std::vector<std::string> parents_;
  std::string next_;
};

void Lister::plan() {
  const World& world = call_.state.world;
  if (request_.corpora == Corpora::kDrive) {
    const Item* root = world.drive(request_.drive_id) == nullptr
                           ? nullptr
                           : world.current().peek(request_.drive_id);
    Access now(world.current(), call_.viewer.mail);
    if (root == nullptr || !now.standing(*root).visible()) refuse_drive(request_.drive_id);
  }
  const auto parents = request_.query.required_parents();
  if (!parents) return;
  by_parent_ = true;
  Access now(world.current(), call_.viewer.mail);
  for (const std::string& id : *parents) {
    std::string resolved = id == "root" ? context_.root_id() : id;
    if (id == "appDataFolder")
      resolved = app_data_folder_id(call_.viewer.mail, call_.viewer.project);
    const Item* folder = world.current().peek(resolved);
    const bool visible = folder != nullptr && now.standing(*folder).visible() &&
                         (folder->drive == nullptr || request_.include_all);
    if (visible) parents_.push_back(std::move(resolved));
  }
  // Both a refusal and an empty list were reported for an unknown parent (reference 3.1): refused
  // when there is no other.
  if (parents_.empty() && !parents->empty()) {
    ApiError error = errors::not_found("");
    error.message = "File not found: .";
    refuse(std::move(error));
  }
}

bool Lister::in_corpus(const Item& item) {
  const Extras& extra = item.extra();
  const bool app_data = extra.app_data_of != nullptr;
  if (app_data ? !request_.in_app_data : !request_.in_drive) return false;
  if (item.drive != nullptr && !request_.include_all) return false;
  switch (request_.corpora) {
    case Corpora::kDrive:
      return item.drive != nullptr && *item.drive == request_.drive_id;
    case Corpora::kAllDrives:
      break;
    case Corpora::kDomain:
    case Corpora::kUser:
      // Of shared drives only what this user opened, changed or was given himself; a query for
      // the children of one folder finds them all.
      if (item.drive != nullptr && !by_parent_) {
        const bool touched =
            item.last_user == call_.viewer.mail || extra.personal.contains(call_.viewer.mail);
        if (!touched) return false;
      }
      break;
  }
  const Standing standing = access_.standing(item);
  return by_parent_ ? standing.visible() : standing.personal != Role::kNone;
}

bool Lister::matches(const Item& item) {
  if (item.root || !in_corpus(item) || !scope_opens(call_.viewer, item)) return false;
  return request_.query.empty() || request_.query.matches(StoredItemView(context_, item));
}

bool Lister::collect(const ItemsByAge& items, Serial from, std::size_t source, std::size_t limit,
                     std::vector<const Item*>& found) {
  for (auto at = from == 0 ? items.begin() : items.lower_bound(from); at != items.end(); ++at) {
    if (!matches(*at->second)) continue;
    if (found.size() == limit) {
      next_ = cat(source, ' ', at->first);
      return false;
    }
    found.push_back(at->second.get());
  }
  return true;
}

std::vector<const Item*> Lister::page(const std::string& position, std::size_t limit) {
  if (!request_.order.empty()) return sorted_page(position, limit);
  std::size_t source = 0;
  Serial from = 0;
  if (!position.empty()) {
    const auto parts = split(position, ' ');
    source = parse_uint(parts.front()).value_or(0);
    from = parse_uint(parts.back()).value_or(0);
  }
  std::vector<const Item*> found;
  const Table& table = call_.state.world.index();
  if (!by_parent_) {
    collect(table.all(), from, 0, limit, found);
    return found;
  }
  for (; source < parents_.size(); ++source, from = 0) {
    if (!collect(table.children(parents_[source]), from, source, limit, found)) break;
  }
  return found;
}

// Not a snapshot (reference 3.3): each page sorts what is there now, and takes its part.
std::vector<const Item*> Lister::sorted_page(const std::string& position, std::size_t limit) {
  std::vector<const Item*> all;
  auto add = [&](const ItemsByAge& items) {
    for (const auto& [serial, item] : items) {
      if (matches(*item)) all.push_back(item.get());
    }
  };
  const Table& table = call_.state.world.index();
  if (by_parent_) {
    for (const std::string& parent : parents_) add(table.children(parent));
  } else {
    add(table.all());
  }
  const Text mail = call_.viewer.mail;
  std::stable_sort(all.begin(), all.end(), [&](const Item* a, const Item* b) {
    return request_.order.compare(StoredSortView(mail, *a), StoredSortView(mail, *b)) < 0;
  });
  const std::size_t from = std::min<std::size_t>(parse_uint(position).value_or(0), all.size());
  const std::size_t to = std::min(from + limit, all.size());
  if (to < all.size()) next_ = cat(to);
  return {all.begin() + static_cast<std::ptrdiff_t>(from),
          all.begin() + static_cast<std::ptrdiff_t>(to)};
}

// Fewer items than asked, with a token, now and then none at all (DriveConfig::short_page).
std::size_t shortened(Call& call, std::size_t page_size) {
  Dice& dice = call.state.dice;
  if (!dice.happens(call.state.config.get()->drive.short_page)) return page_size;
  return dice.happens(0.2) ? 0 : std::max<std::size_t>(1, page_size / 2);
}

bool is_incomplete(Call& call, Corpora corpora) {
  if (corpora != Corpora::kAllDrives && corpora != Corpora::kDomain) return false;
  return call.state.dice.happens(call.state.config.get()->drive.incomplete_search);
}

std::string write_page(Call& call, const FieldMask& mask, Lister& lister, bool incomplete,
                       const std::vector<const Item*>& items, const std::string& token) {
  std::string out;
  out.reserve(items.size() * 256 + 256);
  JsonObject json(out);
  if (mask.wants("kind")) json.plain("kind", "drive#fileList");
  if (mask.wants("incompleteSearch")) json.boolean("incompleteSearch", incomplete);
  if (mask.wants("nextPageToken") && !token.empty()) json.plain("nextPageToken", token);
  if (mask.wants("files")) {
    std::string& files = json.key("files");
    files += '[';
    const FileMask file_mask = compile_file_mask(mask.child("files"));
    const std::string origin = call.origin();
    FileWriter writer(call.state, call.viewer, lister.access(), file_mask, origin);
    for (std::size_t i = 0; i < items.size(); ++i) {
      if (i > 0) files += ',';
      writer.append(files, *items[i]);
    }
    files += ']';
  }
  json.close();
  return out;
}

}  // namespace

Reply files_list(Call& call) {
  const ListRequest request = parse_request(call);
  std::string position;
  if (const std::string token = call.text("pageToken"); !token.empty()) {
    position = page_position(call, token, request.identity);
  }
  const FieldMask mask = call.mask(resource("FileList"));
  const std::shared_lock lock(call.state.world.mutex());
  Lister lister(call, request);
  lister.plan();
  const auto parents = request.query.required_parents();
  const bool group_fails = parents && parents->size() > 1 &&
                           call.state.dice.happens(call.state.config.get()->drive.empty_group);
  std::vector<const Item*> items;
  std::string token;
  if (!group_fails) {
    const std::size_t limit = shortened(call, request.page_size);
    if (limit == 0 && position != "0") {
      token = encode_page_token(
          {request.identity, call.state.world.now(), position.empty() ? "0" : position});
    } else {
      items = lister.page(position, std::max<std::size_t>(limit, 1));
      if (!lister.next().empty()) {
        token = encode_page_token({request.identity, call.state.world.now(), lister.next()});
      }
    }
  }
  const bool incomplete = is_incomplete(call, request.corpora);
  return {200, write_page(call, mask, lister, incomplete, items, token), false};
}

}  // namespace driveway::sim::api
