// Changes of items and revisions (drive-api reference 2, 5, 9).
#include <algorithm>
#include <set>
#include <utility>

#include "base/strings.h"
#include "drive/drive_store_impl.h"
#include "drive/edit_json.h"
#include "drive/media.h"
#include "drive/parse.h"
#include "drive/upload_request.h"

namespace driveway::drive {
namespace {

constexpr int kMostIds = 1000;
constexpr int kMostRevisionPages = 1000;  // a server that never ends
constexpr std::string_view kJsonType = "application/json; charset=UTF-8";

Error invalid(std::string_view why) { return {ErrorCode::kInvalidArgument, std::string(why)}; }

std::vector<FileId> concerned(const NewItem& item) {
  std::vector<FileId> ids = {item.parent};
  if (item.shortcut) ids.push_back(item.shortcut->target);
  return ids;
}

Status check_small(const ContentSource* content) {
  if (content == nullptr || content->size() <= kMostInOneRequest) return {};
  return invalid(cat("a content of ", content->size(), " bytes needs an upload session"));
}

}  // namespace

Result<Item> DriveStore::item_of(const Context& context, http::Response response, const FileId& id,
                                 std::string_view what) {
  DRIVEWAY_TRY(const std::string json, client_.json_of(std::move(response), what));
  auto item = parse_item(json);
  if (!item.ok()) return wrap(std::move(item).error(), std::string(what));
  if (!id.empty() && item->id != id && id.value() != kRootAlias) {
    return Error{ErrorCode::kCorrupt, cat(what, ": Drive answered with another item"), true};
  }
  if (client_.sees_own_files_only(context)) DRIVEWAY_CHECK(place(context, *item));
  client_.keys().learn(*item);
  return item;
}

Result<Item> DriveStore::change(const Context& context, EditRequest edit, const std::string& path,
                                Parameters parameters, std::string_view mime_type,
                                ContentSource* content, const FileId& id, std::string_view what) {
  if (content == nullptr) {
    edit.url = client_.url_for(DriveClient::kApi, path, parameters);
    edit.headers.emplace_back("Content-Type", kJsonType);
    DRIVEWAY_TRY(http::Response response, client_.exchange(context, edit, what));
    return item_of(context, std::move(response), id, what);
  }
  DRIVEWAY_CHECK(check_small(content));
  parameters.emplace_back("uploadType", "multipart");
  edit.url = client_.url_for(DriveClient::kUploads, path, parameters);
  MultipartBody body(std::exchange(edit.body, ""), mime_type.empty() ? kUnknownMimeType : mime_type,
                     *content);
  edit.headers.emplace_back("Content-Type", body.content_type());
  edit.content = &body;
  DRIVEWAY_TRY(http::Response response, client_.exchange(context, edit, what));
  return item_of(context, std::move(response), id, what);
}

Result<std::vector<FileId>> DriveStore::generate_ids(const Context& context, int count) {
  if (count < 1 || count > kMostIds) return invalid(cat("1 to ", kMostIds, " ids, not ", count));
  const Parameters parameters = {{"count", std::to_string(count)},
                                 {"space", "drive"},
                                 {"type", "files"},
                                 {"fields", "ids"},
                                 {"prettyPrint", "false"}};
  DRIVEWAY_TRY(const std::string json, client_.get_json(context, "files/generateIds", parameters,
                                                        "asking for ids of new items"));
  DRIVEWAY_TRY(std::vector<FileId> ids, parse_generated_ids(json));
  const std::set<FileId> different(ids.begin(), ids.end());
  if (ids.size() != static_cast<std::size_t>(count) || different.size() != ids.size()) {
    return Error{ErrorCode::kCorrupt,
                 cat("asked for ", count, " ids, Drive gave ", different.size()), true};
  }
  return ids;
}

Result<Item> DriveStore::create(const Context& context, const NewItem& item,
                                ContentSource* content) {
  if (content != nullptr && item.kind != ItemKind::kFile) return invalid("only files have content");
  EditRequest edit;
  DRIVEWAY_TRY(edit.body, metadata_of(item));
  edit.about = concerned(item);
  edit.repeatable = !item.id.empty();
  return change(context, std::move(edit), "files", parameters_of(item), item.mime_type, content,
                item.id, cat("creating ", item.name));
}

Result<Item> DriveStore::update(const Context& context, const FileId& id, const ItemPatch& patch,
                                ContentSource* content) {
  if (id.empty()) return without_id();
  EditRequest edit;
  edit.method = "PATCH";
  DRIVEWAY_TRY(edit.body, metadata_of(patch, content != nullptr));
  edit.about = {id};
  if (patch.move) edit.about.insert(edit.about.end(), {patch.move->from, patch.move->to});
  return change(context, std::move(edit), file_path(id), parameters_of(patch),
                patch.mime_type.value_or(""), content, id, cat("changing item ", id));
}

Result<Item> DriveStore::copy(const Context& context, const FileId& source, const NewItem& item) {
  if (source.empty()) return without_id();
  EditRequest edit;
  DRIVEWAY_TRY(edit.body, copy_metadata_of(item));
  edit.about = {source, item.parent};
  edit.repeatable = !item.id.empty();
  auto made = change(context, std::move(edit), cat(file_path(source), "/copy"), parameters_of(item),
                     "", nullptr, item.id, cat("copying item ", source));
  if (made.failed_with(ErrorCode::kPermissionDenied)) {
    // Of a folder Drive says the same as of a file that may not be copied.
    const auto original = get(context, source);
    if (original.ok() && original->kind == ItemKind::kFolder) {
      return Error{ErrorCode::kUnsupported, cat("folder ", source, " cannot be copied")};
    }
  }
  return made;
}

Status DriveStore::delete_at(const Context& context, EditRequest edit, std::string_view what) {
  edit.method = "DELETE";
  DRIVEWAY_TRY(const http::Response response, client_.exchange(context, edit, what));
  const bool done = response.status == 200 || response.status == 204;
  if (done && !is_web_page(response)) return {};
  return client_.refused(response, what);
}

Status DriveStore::remove(const Context& context, const FileId& id) {
  if (id.empty()) return without_id();
  EditRequest edit;
  edit.url = client_.url_for(DriveClient::kApi, file_path(id), {{"supportsAllDrives", "true"}});
  edit.about = {id};
  return delete_at(context, std::move(edit), cat("removing item ", id));
}

Result<std::vector<RevisionInfo>> DriveStore::revisions(const Context& context, const FileId& id) {
  if (id.empty()) return without_id();
  const std::string what = cat("listing the revisions of ", id);
  std::vector<RevisionInfo> all;
  std::string token;
  for (int pages = 0; pages < kMostRevisionPages; ++pages) {
    Parameters parameters = {
        {"pageSize", std::to_string(kPageSize)},
        {"fields", "nextPageToken,revisions(id,md5Checksum,size,modifiedTime,keepForever)"},
        {"prettyPrint", "false"}};
    if (!token.empty()) parameters.emplace_back("pageToken", token);
    DRIVEWAY_TRY(const std::string json, client_.get_json(context, cat(file_path(id), "/revisions"),
                                                          parameters, what, {id}));
    DRIVEWAY_TRY(RevisionPage page, parse_revision_page(json));
    std::move(page.revisions.begin(), page.revisions.end(), std::back_inserter(all));
    if (page.next_page_token.empty()) return all;
    token = std::move(page.next_page_token);
  }
  return Error{ErrorCode::kCorrupt, cat(what, ": the pages do not end"), true};
}

Status DriveStore::keep_revision(const Context& context, const FileId& id, const Revision& revision,
                                 bool keep) {
  if (id.empty() || revision.empty()) return without_id();
  const std::string what = cat("keeping revision ", revision, " of ", id);
  EditRequest edit;
  edit.method = "PATCH";
  edit.url = client_.url_for(DriveClient::kApi, revision_path(id, revision),
                             {{"fields", "id,keepForever"}, {"prettyPrint", "false"}});
  edit.headers = {{"Content-Type", std::string(kJsonType)}};
  edit.body = keep ? R"({"keepForever":true})" : R"({"keepForever":false})";
  edit.about = {id};
  DRIVEWAY_TRY(http::Response response, client_.exchange(context, edit, what));
  DRIVEWAY_TRY(const std::string json, client_.json_of(std::move(response), what));
  DRIVEWAY_TRY(const RevisionInfo now, parse_revision(json));
  if (now.id != revision || now.keep_forever != keep) {
    return Error{ErrorCode::kCorrupt, cat(what, ": Drive did something else"), true};
  }
  return {};
}

Status DriveStore::remove_revision(const Context& context, const FileId& id,
                                   const Revision& revision) {
  if (id.empty() || revision.empty()) return without_id();
  const std::string what = cat("removing revision ", revision, " of ", id);
  // Drive would remove the head too, and make the one before it the content again.
  DRIVEWAY_TRY(const Item item, get(context, id));
  if (item.head_revision == revision || revision.value() == "head") {
    return invalid(cat(what, ": it is the content of ", item.name));
  }
  EditRequest edit;
  edit.url =
      client_.url_for(DriveClient::kApi, revision_path(id, revision), {{"prettyPrint", "false"}});
  edit.about = {id};
  return delete_at(context, std::move(edit), what);
}

Status DriveStore::read_revision(const Context& context, const FileId& id, const Revision& revision,
                                 Bytes size, ByteRange range, ByteSink& sink) {
  if (id.empty() || revision.empty()) return without_id();
  Item content;
  content.id = id;
  content.name = cat("revision ", revision, " of ", id);
  content.size = size;
  return read_media(context, content, {revision_path(id, revision), {}}, range, sink);
}

}  // namespace driveway::drive
