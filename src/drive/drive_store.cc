#include "drive/drive_store.h"

#include <cstdlib>
#include <utility>

#include "base/strings.h"
#include "drive/abuse_hint.h"
#include "drive/drive_store_impl.h"
#include "drive/media.h"
#include "drive/parse.h"
#include "drive/query.h"

namespace driveway::drive {
namespace {

constexpr int kMostDrivePages = 1000;  // 100 shared drives each: a server that never ends

// Passes an export on, unless it is a portal's web page or never ends.
class ExportSink final : public ByteSink {
 public:
  ExportSink(const std::string& mime_type, ByteSink& sink) : mime_type_(mime_type), sink_(sink) {}

  void begin(const http::Response& head) {
    if (!is_web_page(head) || mime_type_.starts_with("text/html")) return;
    verdict_ = Error{ErrorCode::kUnavailable,
                     "a web page came instead of the export (a login page of the network?)", true};
  }
  Status write(std::span<const std::byte> data) override {
    if (verdict_) return *verdict_;
    passed_ += data.size();
    if (passed_ > kMostExported) return Error{ErrorCode::kTooLarge, "the export is too large"};
    return sink_.write(data);
  }
  Status finish(Status transfer) const {
    if (verdict_) return *verdict_;
    return transfer;
  }

 private:
  const std::string& mime_type_;
  ByteSink& sink_;
  std::optional<Error> verdict_;
  Bytes passed_ = 0;
};

}  // namespace

Result<About> DriveStore::about(const Context& context) {
  constexpr std::string_view kWhat = "asking who this is";
  const Parameters parameters = {
      {"fields",
       "user(displayName,emailAddress,permissionId),"
       "storageQuota(limit,usage,usageInDrive,usageInDriveTrash),canCreateDrives"},
      {"prettyPrint", "false"}};
  DRIVEWAY_TRY(const std::string json, client_.get_json(context, "about", parameters, kWhat));
  DRIVEWAY_TRY(About about, parse_about(json));
  const Parameters root_parameters = {
      {"fields", "id"}, {"supportsAllDrives", "true"}, {"prettyPrint", "false"}};
  auto root = client_.get_json(context, "files/root", root_parameters, kWhat);
  if (root.failed_with(ErrorCode::kNotFound)) {  // scope drive.file: no root is seen
    about.root = FileId(std::string(kRootAlias));
    return about;
  }
  if (!root.ok()) return std::move(root).error();
  DRIVEWAY_TRY(about.root, parse_file_id(*root));
  return about;
}

Result<Item> DriveStore::get(const Context& context, const FileId& id) {
  if (id.empty()) return without_id();
  const Parameters parameters = {{"fields", std::string(kItemFields)},
                                 {"supportsAllDrives", "true"},
                                 {"prettyPrint", "false"}};
  const auto json = client_.get_json(context, file_path(id), parameters, cat("item ", id), {id});
  if (json.failed_with(ErrorCode::kNotFound) && id.value() == kRootAlias &&
      client_.sees_own_files_only(context)) {
    return unseen_root();
  }
  if (!json.ok()) return json.error();
  DRIVEWAY_TRY(Item item, parse_item(*json));
  if (item.id != id && id.value() != kRootAlias) {
    return Error{ErrorCode::kCorrupt, cat("Drive answered with another item than ", id), true};
  }
  if (client_.sees_own_files_only(context)) DRIVEWAY_CHECK(place(context, item));
  client_.keys().learn(item);
  return item;
}

Result<ItemPage> DriveStore::list(const Context& context, const ListQuery& query,
                                  const std::string& page_token) {
  DRIVEWAY_TRY(const Parameters parameters, list_parameters(query, page_token));
  DRIVEWAY_TRY(const std::string json,
               client_.get_json(context, "files", parameters, "listing", query.parents));
  DRIVEWAY_TRY(ItemPage page, parse_item_page(json));
  std::erase_if(page.items, [&](const Item& item) { return !belongs(query, item); });
  const bool own_files_only = client_.sees_own_files_only(context);
  for (Item& item : page.items) {
    if (own_files_only) DRIVEWAY_CHECK(place(context, item));
    client_.keys().learn(item);
  }
  if (!page_token.empty() && page.next_page_token == page_token) {
    return Error{ErrorCode::kCorrupt, "listing: the same page follows itself", true};
  }
  return page;
}

Result<std::vector<SharedDrive>> DriveStore::shared_drives(const Context& context) {
  std::vector<SharedDrive> drives;
  std::string token;
  for (int pages = 0; pages < kMostDrivePages; ++pages) {
    Parameters parameters = {{"pageSize", "100"},
                             {"fields", "nextPageToken,drives(id,name,createdTime)"},
                             {"prettyPrint", "false"}};
    if (!token.empty()) parameters.emplace_back("pageToken", token);
    DRIVEWAY_TRY(const std::string json,
                 client_.get_json(context, "drives", parameters, "listing shared drives"));
    DRIVEWAY_TRY(SharedDrivePage page, parse_shared_drive_page(json));
    std::move(page.drives.begin(), page.drives.end(), std::back_inserter(drives));
    if (page.next_page_token.empty()) return drives;
    token = std::move(page.next_page_token);
  }
  return Error{ErrorCode::kCorrupt, "listing shared drives: the pages do not end", true};
}

Result<std::string> DriveStore::start_page_token(const Context& context, const Feed& feed) {
  Parameters parameters = {
      {"fields", "startPageToken"}, {"supportsAllDrives", "true"}, {"prettyPrint", "false"}};
  if (feed.drive) parameters.emplace_back("driveId", feed.drive->value());
  DRIVEWAY_TRY(const std::string json, client_.get_json(context, "changes/startPageToken",
                                                        parameters, "opening the changes feed"));
  return parse_start_page_token(json);
}

// A change of a file that came without the file: ask for it, so that whoever applies the feed never
// has to guess what happened.
Status DriveStore::complete(const Context& context, Change& change) {
  if (change.is_drive || change.removed || change.item) return {};
  auto item = get(context, change.id);
  if (item.ok()) {
    change.item = *std::move(item);
  } else if (item.failed_with(ErrorCode::kNotFound)) {
    change.removed = true;
  } else {
    return std::move(item).error();
  }
  return {};
}

Result<ChangePage> DriveStore::changes(const Context& context, const Feed& feed,
                                       const std::string& page_token) {
  if (page_token.empty()) return Error{ErrorCode::kInvalidArgument, "changes need a page token"};
  auto json = client_.get_json(context, "changes", changes_parameters(feed, page_token),
                               "reading the changes feed");
  if (!json.ok()) {
    Error error = std::move(json).error();
    // The account's feed itself cannot be missing: 404 refuses the token (reference 6).
    if (error.code == ErrorCode::kNotFound && !feed.drive) error.code = ErrorCode::kTokenExpired;
    return error;
  }
  DRIVEWAY_TRY(ChangePage page, parse_change_page(*json));
  if (page.next_page_token == page_token) {
    return Error{ErrorCode::kCorrupt, "changes: the same page follows itself", true};
  }
  const bool own_files_only = client_.sees_own_files_only(context);
  for (Change& change : page.changes) {
    DRIVEWAY_CHECK(complete(context, change));
    if (!change.item) continue;
    if (own_files_only) DRIVEWAY_CHECK(place(context, *change.item));
    client_.keys().learn(*change.item);
  }
  return page;
}

Status DriveStore::read(const Context& context, const Item& item, ByteRange range, ByteSink& sink) {
  if (item.id.empty()) return without_id();
  if (item.kind != ItemKind::kFile) {
    return Error{ErrorCode::kUnsupported, cat(item.name, " has no bytes of its own")};
  }
  client_.keys().learn(item);
  return read_media(context, item, {file_path(item.id), {{"supportsAllDrives", "true"}}}, range,
                    sink);
}

Status DriveStore::read_media(const Context& context, const Item& item, const MediaPath& media,
                              ByteRange range, ByteSink& sink) {
  const bool acknowledged = is_acknowledged(item.id);
  Status status = read_media_once(context, item, media, range, sink, acknowledged);
  if (status.ok() || acknowledged || !acknowledge_abuse_ || !is_of_abuse(status.error())) {
    return status;
  }
  {
    const std::lock_guard lock(abusive_mutex_);
    abusive_.insert(item.id);
  }
  return read_media_once(context, item, media, range, sink, true);
}

bool DriveStore::is_acknowledged(const FileId& id) {
  if (!acknowledge_abuse_) return false;
  const std::lock_guard lock(abusive_mutex_);
  return abusive_.contains(id);
}

Status DriveStore::read_media_once(const Context& context, const Item& item, const MediaPath& media,
                                   ByteRange range, ByteSink& sink, bool acknowledge) {
  if (range.empty()) return Error{ErrorCode::kInvalidArgument, "an empty range"};
  if (item.size && (range.offset >= *item.size || range.length > *item.size - range.offset)) {
    return Error{ErrorCode::kOutOfRange, cat("behind the end of ", item.name)};
  }
  http::Headers headers;
  const bool whole = item.size && range == ByteRange{0, *item.size};
  if (!whole) headers.emplace_back("Range", cat("bytes=", range.offset, "-", range.end() - 1));
  Parameters parameters = {{"alt", "media"}};
  if (acknowledge) parameters.emplace_back("acknowledgeAbuse", "true");
  parameters.insert(parameters.end(), media.parameters.begin(), media.parameters.end());
  RangeSink checked(item, range, sink);
  sink.asked();
  auto transfer = client_.get_media(
      context, media.path, parameters, headers, cat("reading ", item.name), {item.id},
      [&](const http::Response& head) { checked.begin(head); }, checked);
  Status status = checked.finish(std::move(transfer));
  if (item.size && status.failed_with(ErrorCode::kOutOfRange)) {
    // The range lies within the item as we know it: Drive's has become shorter.
    return Error{ErrorCode::kStale,
                 cat(item.name, " does not have ", *item.size, " bytes any more")};
  }
  return status;
}

Status DriveStore::export_document(const Context& context, const FileId& id,
                                   const std::string& mime_type, ByteSink& sink) {
  if (id.empty()) return without_id();
  ExportSink checked(mime_type, sink);
  auto transfer = client_.get_media(
      context, cat(file_path(id), "/export"), {{"mimeType", mime_type}}, {}, cat("exporting ", id),
      {id}, [&](const http::Response& head) { checked.begin(head); }, checked);
  return checked.finish(std::move(transfer));
}

std::string api_url_from_environment() {
  const char* const value = std::getenv("DRIVEWAY_API_URL");
  std::string url = value != nullptr && *value != '\0' ? value : "https://www.googleapis.com";
  while (url.ends_with('/')) url.pop_back();
  return url;
}

std::unique_ptr<RemoteStore> make_drive_store(http::HttpClient& http, auth::TokenSource& tokens,
                                              Clock& clock, DriveOptions options) {
  return std::make_unique<DriveStore>(http, tokens, clock, std::move(options));
}

}  // namespace driveway::drive
