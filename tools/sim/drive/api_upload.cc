// Uploads: media, multipart, resumable (drive-api reference 5).

#include <algorithm>
#include <utility>
#include <vector>

#include "base/strings.h"
#include "sim/drive/api.h"
#include "sim/drive/file_json.h"
#include "sim/drive/ids.h"
#include "sim/lang/multipart.h"

namespace driveway::sim::api {

namespace {

constexpr std::string_view kUploadPath = "/upload/drive/v3/files";

struct Target {
  bool update = false;
  std::string file_id;
  FileEdit edit;
  WriteOptions options;
};

Target target_of(const Call& call) {
  Target target;
  target.update = call.route.method == Method::kUploadUpdate;
  target.file_id = call.route.id;
  target.options.supports_all_drives = call.supports_all_drives();
  target.options.keep_revision_forever = call.flag("keepRevisionForever");
  target.options.add_parents = comma_list(call.text("addParents"));
  target.options.remove_parents = comma_list(call.text("removeParents"));
  return target;
}

EditUse use_of(const Target& target) { return target.update ? EditUse::kUpdate : EditUse::kCreate; }

void check_early(Call& call, const Target& target, std::optional<Bytes> size) {
  const std::unique_lock lock(call.state.world.mutex());
  if (target.update) {
    check_update(call.state, call.viewer, target.file_id, target.edit, target.options, true, size);
  } else {
    check_create(call.state, call.viewer, target.edit, target.options, true, size);
  }
}

// The md5 of nothing that was uploaded (DriveConfig::wrong_md5).
std::string another_md5(const Hashes& hashes) {
  auto digest = hashes.md5;
  digest[0] = static_cast<std::uint8_t>(digest[0] ^ 0xff);
  return hex_of(digest);
}

// Makes the file and its resource.
std::string commit(SimState& state, const Viewer& viewer, const Target& target,
                   const NewContent& media, const FieldMask& mask, const std::string& origin) {
  const std::unique_lock lock(state.world.mutex());
  const ItemPtr item =
      target.update ? update_file(state, viewer, target.file_id, target.edit, target.options, media)
                    : create_file(state, viewer, target.edit, target.options, media);
  const FileMask file_mask = compile_file_mask(mask);
  Access access(state.world.current(), viewer.mail);
  FileWriter writer(state, viewer, access, file_mask, origin);
  if (state.dice.happens(state.config.get()->drive.wrong_md5)) {
    writer.show_md5(another_md5(*media.content->hashes()));
  }
  std::string out;
  writer.append(out, *item);
  return out;
}

[[noreturn]] void refuse_storage_fault() { refuse(errors::backend(503)); }

// All of a body into a content.
ContentPtr store_body(Call& call, BodyReader& body) {
  const auto writer = call.state.contents.writer();
  std::vector<std::byte> buffer(256 * kKiB);
  while (true) {
    const auto count = body.read(buffer);
    if (count.failed_with(ErrorCode::kInvalidArgument)) refuse(malformed_multipart());
    if (!count.ok()) throw BodyGone{};
    if (*count == 0) break;
    if (!writer->append(std::span(buffer).first(*count)).ok()) refuse_storage_fault();
  }
  auto content = writer->finish();
  if (!content.ok()) refuse_storage_fault();
  return *std::move(content);
}

Reply upload_media(Call& call, const Target& target) {
  const FieldMask mask = call.mask(resource("File"));
  check_early(call, target, std::nullopt);
  const std::string* type = call.head.header("Content-Type");
  const NewContent media{store_body(call, call.body), type == nullptr ? "" : *type};
  return {200, commit(call.state, call.viewer, target, media, mask, call.origin()), false};
}

Reply upload_multipart(Call& call, Target target) {
  const FieldMask mask = call.mask(resource("File"));
  const std::string* type = call.head.header("Content-Type");
  auto upload = RelatedUpload::open(type == nullptr ? "" : *type, call.body);
  if (upload.failed_with(ErrorCode::kInvalidArgument)) refuse(malformed_multipart());
  if (!upload.ok()) throw BodyGone{};
  target.edit = parse_file_edit((*upload)->metadata(), use_of(target));
  check_early(call, target, std::nullopt);
  const NewContent media{store_body(call, (*upload)->media()), (*upload)->media_type()};
  return {200, commit(call.state, call.viewer, target, media, mask, call.origin()), false};
}

Reply start_session(Call& call, Target target) {
  call.mask(resource("File"));  // a bad one is refused now
  const std::string* length = call.head.header("X-Upload-Content-Length");
  std::optional<Bytes> total;
  if (length != nullptr) {
    total = parse_uint(trim(*length));
    if (!total) refuse(errors::invalid_value("X-Upload-Content-Length"));
  }
  target.edit = parse_file_edit(call.read_body(), use_of(target));
  check_early(call, target, total);
  auto session = std::make_shared<UploadSession>();
  session->id = make_upload_id();
  session->viewer = call.viewer;
  session->update = target.update;
  session->file_id = target.file_id;
  session->edit = std::move(target.edit);
  session->options = std::move(target.options);
  if (const std::string* fields = call.query("fields")) session->fields = *fields;
  session->pretty = call.pretty;
  if (const std::string* type = call.head.header("X-Upload-Content-Type")) session->type = *type;
  session->total = total;
  const Ms now = call.state.world.now();
  session->expires = now + call.state.config.get()->drive.session_life.count();
  session->writer = call.state.contents.writer();
  const std::string id = session->id;
  std::string location = cat(call.origin(), kUploadPath);
  if (target.update) location += "/" + percent_encode(target.file_id);
  call.state.uploads.add(std::move(session), now);
  call.out.add_header("Location", cat(location, "?uploadType=resumable&upload_id=", id));
  call.out.add_header("X-GUploader-UploadID", id);
  call.out.send(200, "", "");
  return {200, "", true};
}

[[noreturn]] void refuse_range() {
  refuse(400, "badRequest", "Failed to parse Content-Range header.");
}

void read_to_end(BodyReader& body) {
  std::vector<std::byte> buffer(64 * kKiB);
  while (true) {
    const auto count = body.read(buffer);
    if (!count.ok()) throw BodyGone{};
    if (*count == 0) return;
  }
}

// One PUT of a session. The session's mutex is held.
class SessionRequest {
 public:
  SessionRequest(Call& call, UploadSession& session) : call_(call), session_(session) {}

  Reply serve() {
    if (session_.state == UploadSession::State::kDone) {
      read_to_end(call_.body);
      return {session_.final_status, session_.final_body, false};
    }
    const UploadRange range = requested_range();
    if (range.query) {
      read_to_end(call_.body);
      // Nothing is missing: the question is the last word of an upload of unknown length.
      const bool whole = range.total && *range.total == session_.stored() &&
                         (!session_.total || *session_.total == *range.total);
      return whole ? finish() : incomplete();
    }
    check(range);
    const bool last = range.total && range.last + 1 == *range.total;
    if (!last && (range.last + 1) % kUploadUnit != 0 &&
        call_.state.config.get()->drive.strict_chunks) {
      refuse(400, "badRequest", "Chunk sizes must be a multiple of 256 KiB.");
    }
    const Bytes length = range.last - range.first + 1;
    const bool complete = take(session_.stored() - range.first, length, last);
    if (last && !complete) refuse(400, "badRequest", "The body is shorter than Content-Range.");
    return last ? finish() : incomplete();
  }

  // The whole content in one request without Content-Range.
  Reply serve_whole() {
    if (session_.state == UploadSession::State::kDone) {
      read_to_end(call_.body);
      return {session_.final_status, session_.final_body, false};
    }
    session_.writer = call_.state.contents.writer();  // begins again
    take(0, ~Bytes{0}, true);
    if (session_.total && *session_.total != session_.stored()) {
      session_.writer = call_.state.contents.writer();
      refuse(400, "badRequest", "The body's length is not the one that was announced.");
    }
    return finish();
  }

 private:
  UploadRange requested_range() const {
    const auto range = parse_upload_range(*call_.head.header("Content-Range"));
    if (!range) refuse_range();
    return *range;
  }

  void check(const UploadRange& range) const {
    if (session_.total && range.total && *session_.total != *range.total) refuse_range();
    if (session_.total && range.last >= *session_.total) refuse_range();
    if (range.first > session_.stored()) {
      refuse(400, "badRequest", "Content-Range begins behind what has been stored.");
    }
    const std::string* length = call_.head.header("Content-Length");
    const auto bytes = length == nullptr ? std::nullopt : parse_uint(trim(*length));
    if (bytes && *bytes != range.last - range.first + 1) refuse_range();
  }

  // Stores up to `length` bytes of body, but for the first `skip`, which are there already: whole
  // units, and the rest if this is the last request and nothing is missing. Whether all came. What
  // arrived of a body that breaks off is kept in whole units.
  bool take(Bytes skip, Bytes length, bool last) {
    std::vector<std::byte> buffer(kUploadUnit);
    std::size_t filled = 0;
    const bool open_ended = length == ~Bytes{0};
    while (length > 0) {
      const std::size_t room = std::min<Bytes>(buffer.size() - filled, length);
      const auto count = call_.body.read(std::span(buffer).subspan(filled, room));
      if (!count.ok()) throw BodyGone{};
      if (*count == 0) break;
      length -= *count;
      std::size_t fresh = *count;
      if (skip > 0) {
        const std::size_t known = std::min<Bytes>(skip, fresh);
        std::copy(buffer.begin() + static_cast<std::ptrdiff_t>(filled + known),
                  buffer.begin() + static_cast<std::ptrdiff_t>(filled + fresh),
                  buffer.begin() + static_cast<std::ptrdiff_t>(filled));
        fresh -= known;
        skip -= known;
      }
      filled += fresh;
      if (filled == buffer.size()) {
        store(buffer);
        filled = 0;
      }
    }
    const bool complete = open_ended || length == 0;
    if (last && complete) store(std::span(buffer).first(filled));
    return complete;
  }

  void store(std::span<const std::byte> data) {
    if (!session_.writer->append(data).ok()) refuse_storage_fault();
  }

  Reply incomplete() {
    if (const Bytes stored = session_.stored(); stored > 0) {
      call_.out.add_header("Range", cat("bytes=0-", stored - 1));
    }
    call_.out.add_header("X-GUploader-UploadID", session_.id);
    call_.out.send(308, "", "");
    return {308, "", true};
  }

  Reply finish() {
    auto content = session_.writer->finish();
    session_.writer.reset();
    session_.state = UploadSession::State::kDone;
    Reply reply;
    try {
      if (!content.ok()) refuse_storage_fault();
      const FieldMask mask =
          session_.fields ? value_or_refuse(FieldMask::parse(*session_.fields, resource("File")))
                          : FieldMask::default_of(resource("File"));
      const Target target{session_.update, session_.file_id, session_.edit, session_.options};
      reply.json = commit(call_.state, session_.viewer, target,
                          NewContent{*std::move(content), session_.type}, mask, call_.origin());
    } catch (const Refused& refused) {
      reply = {refused.error.http, refused.error.body(), false};
    }
    session_.final_status = reply.status;
    session_.final_body = reply.json;
    return reply;
  }

  Call& call_;
  UploadSession& session_;
};

Reply session_is_gone(Call& call, int status) {
  call.out.send(
      status, "text/html; charset=UTF-8",
      status == 410 ? "<html><title>Gone</title></html>" : "<html><title>Not Found</title></html>");
  return {status, "", true};
}

}  // namespace

Reply upload_start(Call& call) {
  const std::string type = to_lower(call.text("uploadType"));
  Target target = target_of(call);
  if (type == "media") return upload_media(call, target);
  if (type == "multipart") return upload_multipart(call, std::move(target));
  if (type == "resumable") return start_session(call, std::move(target));
  refuse(errors::invalid_value("uploadType"));
}

Reply upload_data(Call& call) {
  SimState& state = call.state;
  const std::string id = call.text("upload_id");
  const auto session = state.uploads.find(id, state.world.now());
  if (!session) return session_is_gone(call, 404);
  const std::lock_guard lock(session->mutex);
  if (session->state == UploadSession::State::kOpen &&
      state.dice.happens(state.config.get()->drive.session_gone)) {
    state.uploads.drop(id);
    return session_is_gone(call, state.dice.happens(0.5) ? 410 : 404);
  }
  if (call.head.method == "DELETE" && session->state == UploadSession::State::kOpen) {
    session->state = UploadSession::State::kCancelled;
    session->writer.reset();
  }
  if (session->state == UploadSession::State::kCancelled) {
    call.out.send(499, "", "");
    return {499, "", true};
  }
  call.pretty = session->pretty;
  SessionRequest request(call, *session);
  return call.head.header("Content-Range") != nullptr ? request.serve() : request.serve_whole();
}

}  // namespace driveway::sim::api
