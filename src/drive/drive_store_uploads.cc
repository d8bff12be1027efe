// Resumable uploads (drive-api reference 5.2–5.4).
#include <utility>

#include "base/strings.h"
#include "drive/drive_store_impl.h"
#include "drive/edit_json.h"
#include "drive/media.h"
#include "drive/upload_request.h"

namespace driveway::drive {
namespace {

constexpr int kIncomplete = 308;

Error not_this_upload(std::string_view why) {
  return {ErrorCode::kInvalidArgument, std::string(why)};
}

// Drive does not know the session: expired, ended, or never begun.
bool is_gone(int status) { return status == 404 || status == 410 || status == 499; }

Status check_range(const UploadSession& session, ByteRange range, const ContentSource& content) {
  if (range.empty() || range.offset >= session.size || range.length > session.size - range.offset) {
    return not_this_upload("not a part of the upload");
  }
  if (content.size() < range.end())
    return not_this_upload("the content is shorter than the upload");
  if (range.end() % kUploadUnit != 0 && range.end() != session.size) {
    return not_this_upload("what is sent ends neither at a whole unit nor at the end");
  }
  return {};
}

}  // namespace

Result<UploadSession> DriveStore::begin(const Context& context, EditRequest edit,
                                        const std::string& path, Parameters parameters,
                                        const std::string& mime_type, Bytes size, const FileId& id,
                                        std::string_view what) {
  if (size == 0) return not_this_upload(cat(what, ": an empty content needs no upload session"));
  parameters.emplace_back("uploadType", "resumable");
  edit.url = client_.url_for(DriveClient::kUploads, path, parameters);
  edit.headers = {{"Content-Type", "application/json; charset=UTF-8"},
                  {"X-Upload-Content-Length", std::to_string(size)}};
  if (!mime_type.empty()) edit.headers.emplace_back("X-Upload-Content-Type", mime_type);
  DRIVEWAY_TRY(const http::Response response, client_.exchange(context, edit, what));
  if (response.status != 200 && response.status != 201) return client_.refused(response, what);
  const std::string* const location = response.header("location");
  if (location == nullptr && is_web_page(response)) return client_.refused(response, what);
  // Whoever is sent to another host would show it our token, and the content.
  if (location == nullptr || !is_same_origin(*location, client_.api_url())) {
    return Error{ErrorCode::kCorrupt, cat(what, ": the answer does not say where to upload to"),
                 true};
  }
  return UploadSession{Secret(*location), size, id};
}

Result<UploadSession> DriveStore::begin_create(const Context& context, const NewItem& item,
                                               Bytes size) {
  if (item.kind != ItemKind::kFile) return not_this_upload("only files have content");
  EditRequest edit;
  DRIVEWAY_TRY(edit.body, metadata_of(item));
  edit.about = {item.parent};
  const std::string mime_type =
      item.mime_type.empty() ? std::string(kUnknownMimeType) : item.mime_type;
  return begin(context, std::move(edit), "files", parameters_of(item), mime_type, size, item.id,
               cat("creating ", item.name));
}

Result<UploadSession> DriveStore::begin_update(const Context& context, const FileId& id,
                                               const ItemPatch& patch, Bytes size) {
  if (id.empty()) return without_id();
  EditRequest edit;
  edit.method = "PATCH";
  DRIVEWAY_TRY(edit.body, metadata_of(patch, true));
  edit.about = {id};
  if (patch.move) edit.about.insert(edit.about.end(), {patch.move->from, patch.move->to});
  return begin(context, std::move(edit), file_path(id), parameters_of(patch),
               patch.mime_type.value_or(""), size, id, cat("changing item ", id));
}

// `range` is what has been sent with `edit`: Drive's answer is about no byte behind it, and it had
// all before it.
Result<UploadProgress> DriveStore::ask_session(const Context& context, const UploadSession& session,
                                               EditRequest edit, ByteRange range,
                                               std::string_view what) {
  if (!is_same_origin(session.uri.reveal(), client_.api_url())) {
    return Error{ErrorCode::kStale, cat(what, ": the session is of another server")};
  }
  const auto wrong = [&](std::string_view why) {
    return Error{ErrorCode::kCorrupt, cat(what, ": ", why), true};
  };
  edit.method = "PUT";
  edit.url = session.uri.reveal();
  DRIVEWAY_TRY(http::Response response, client_.exchange(context, edit, what));
  if (is_gone(response.status)) {
    return Error{ErrorCode::kStale, cat(what, ": Drive does not know the upload any more")};
  }
  if (response.status != kIncomplete) {
    DRIVEWAY_TRY(Item item, item_of(context, std::move(response), session.id, what));
    if (range.end() < session.size && item.size != session.size) {
      return wrong("finished, although not all has been sent");
    }
    return UploadProgress{session.size, std::move(item)};
  }
  if (response.header("location") != nullptr) return client_.refused(response, what);  // a redirect
  const auto stored = parse_stored(response);
  if (!stored) return wrong("the answer does not say how far the upload is");
  if (*stored > range.end()) return wrong("more is stored than has been sent");
  if (*stored < range.offset) return wrong("what was stored is not any more");
  if (*stored == session.size) {
    return Error{ErrorCode::kUnavailable, cat(what, ": all is stored, but not yet finished"), true};
  }
  return UploadProgress{*stored, std::nullopt};
}

Result<UploadProgress> DriveStore::send(const Context& context, const UploadSession& session,
                                        ByteRange range, ContentSource& content) {
  DRIVEWAY_CHECK(check_range(session, range, content));
  RangeBody body(content, range);
  EditRequest edit;
  edit.headers = {
      {"Content-Range", cat("bytes ", range.offset, "-", range.end() - 1, "/", session.size)}};
  edit.content = &body;
  edit.repeatable = false;
  return ask_session(context, session, std::move(edit), range, "uploading");
}

Result<UploadProgress> DriveStore::progress(const Context& context, const UploadSession& session) {
  EditRequest edit;
  edit.headers = {{"Content-Range", cat("bytes */", session.size)}};
  return ask_session(context, session, std::move(edit), {0, session.size},
                     "asking how far an upload is");
}

Status DriveStore::cancel(const Context& context, const UploadSession& session) {
  constexpr std::string_view kWhat = "cancelling an upload";
  if (!is_same_origin(session.uri.reveal(), client_.api_url())) return {};
  EditRequest edit;
  edit.method = "DELETE";
  edit.url = session.uri.reveal();
  DRIVEWAY_TRY(const http::Response response, client_.exchange(context, edit, kWhat));
  const bool success = response.status >= 200 && response.status < 300;
  if (is_gone(response.status) || (success && !is_web_page(response))) return {};
  Error error = client_.refused(response, kWhat);
  // Which answer says "cancelled" is not documented (reference 5.4): only those count that say that
  // nobody looked at the question.
  if (error.retryable || error.code == ErrorCode::kLoginNeeded) return error;
  return {};
}

}  // namespace driveway::drive
