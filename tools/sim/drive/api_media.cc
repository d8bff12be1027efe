// Downloads and exports (drive-api reference 4, 1.10).

#include "base/strings.h"
#include "sim/drive/api.h"
#include "sim/drive/exports.h"

namespace driveway::sim::api {

namespace {

[[noreturn]] void refuse_alt() {
  ApiError error;
  error.http = 403;
  error.reason = "fileNotDownloadable";
  error.message =
      "Only files with binary content can be downloaded. Use Export with Docs Editors files.";
  error.location = "alt";
  error.location_type = "parameter";
  refuse(std::move(error));
}

// Flagged content: only the owner (or who manages a shared drive) may take it, and must say so.
void check_abuse(const Call& call, Access& access, const Item& item) {
  if (!item.extra().abusive) return;
  const Role role = access.standing(item).role();
  const bool may = item.drive == nullptr ? role == Role::kOwner : role >= Role::kFileOrganizer;
  if (may && call.literal_flag("acknowledgeAbuse")) return;
  refuse(403, "cannotDownloadAbusiveFile",
         "This file has been identified as malware or spam and cannot be downloaded.");
}

Reply send_content(Call& call, const ContentPtr& content, std::string_view type) {
  const ParsedRange range = parse_range(call.head.header("Range"), content->size());
  if (range.verdict == RangeVerdict::kUnsatisfiable) {
    call.out.add_header("Content-Range", cat("bytes */", content->size()));
    ApiError error;
    error.http = 416;
    error.reason = "requestedRangeNotSatisfiable";
    error.message = "Request range not satisfiable";
    error.location = "Range";
    error.location_type = "header";
    refuse(std::move(error));
  }
  call.out.add_header("Cache-Control", "private, max-age=0, must-revalidate");
  call.out.add_header("Content-Disposition", "attachment");
  call.out.add_header("Vary", "Origin, X-Origin");
  call.out.send_media(
      type, *content,
      range.verdict == RangeVerdict::kSatisfiable ? std::optional(range.range) : std::nullopt);
  return {200, "", true};
}

void check_download_quota(const Item& item) {
  if (!item.extra().download_quota_exceeded) return;
  refuse(403, "downloadQuotaExceeded", "The download quota for this file has been exceeded.");
}

struct Download {
  ContentPtr content;
  std::string type;
};

Download find_download(const Call& call, bool supports) {
  const std::shared_lock lock(call.state.world.mutex());
  Access access(call.state.world.current(), call.viewer.mail);
  const Item& item = find_visible(call.state.world, access, call.viewer, call.route.id, supports);
  if (item.kind != Kind::kFile) refuse_alt();
  if (!has(capabilities_for(access, item), Capability::kCanDownload)) {
    refuse(403, "cannotDownloadFile", "This file cannot be downloaded by the user.");
  }
  check_abuse(call, access, item);
  check_download_quota(item);
  return {item.content, *item.mime};
}

Download find_revision(const Call& call) {
  const std::shared_lock lock(call.state.world.mutex());
  Access access(call.state.world.current(), call.viewer.mail);
  const Item& item = find_visible(call.state.world, access, call.viewer, call.route.id, true);
  if (item.kind != Kind::kFile) refuse_alt();
  require(access, item, Capability::kCanReadRevisions);
  check_abuse(call, access, item);
  check_download_quota(item);
  if (revision_id(item, item.head_number) == call.route.second_id)
    return {item.content, *item.mime};
  for (const Revision& revision : item.extra().old_revisions) {
    if (revision_id(item, revision.number) != call.route.second_id) continue;
    if (!revision.keep_forever) {
      refuse(403, "download_restricted_for_revision",
             "Only the head revision and revisions that are kept forever can be downloaded.");
    }
    return {revision.content, *revision.mime};
  }
  ApiError error = errors::not_found(call.route.second_id);
  error.message = cat("Revision not found: ", call.route.second_id, ".");
  error.location = "revisionId";
  refuse(std::move(error));
}

struct Doc {
  std::string mime;
  std::string name;
  ContentPtr text;
};

Doc find_doc(const Call& call, const std::string& id) {
  const std::shared_lock lock(call.state.world.mutex());
  Access access(call.state.world.current(), call.viewer.mail);
  const Item& item = find_visible(call.state.world, access, call.viewer, id, true);
  if (item.kind != Kind::kDoc) {
    refuse(403, "fileNotExportable", "Export only supports Docs Editors files.");
  }
  if (!has(capabilities_for(access, item), Capability::kCanDownload)) {
    refuse(403, "cannotDownloadFile", "This file cannot be downloaded by the user.");
  }
  return {*item.mime, item.name, item.content};
}

}  // namespace

Reply files_get_media(Call& call) {
  call.supports_all_drives();  // checked for its type only: rclone leaves it out when it downloads
  call.flag("acknowledgeAbuse");  // from a shared drive, and gets the bytes
  const Download download = find_download(call, true);
  return send_content(call, download.content, download.type);
}

Reply revisions_get_media(Call& call) {
  const Download download = find_revision(call);
  return send_content(call, download.content, download.type);
}

// Order of checks: mimeType is there, the file, a Doc, the conversion (reference 1.10).
Reply files_export(Call& call) {
  const std::string wanted = value_or_refuse(required_text(call.head, "mimeType"));
  const bool by_link = call.head.path == kExportLinkPath;
  const Doc doc = find_doc(call, by_link ? call.text("id") : call.route.id);
  const std::string* format = nullptr;
  for (const std::string& known : export_formats(doc.mime)) {
    if (equals_ignoring_case(known, wanted)) format = &known;
  }
  if (format == nullptr) {
    ApiError error;
    error.http = 400;
    error.reason = "badRequest";
    error.message = "The requested conversion is not supported.";
    error.location = "convertTo";
    error.location_type = "parameter";
    refuse(std::move(error));
  }
  std::string text(doc.text->size(), '\0');
  doc.text->read_at(0, std::as_writable_bytes(std::span(text)));
  const std::string bytes =
      export_document(doc.mime, doc.name, text, *format, call.state.world.now());
  if (!by_link && bytes.size() > kExportLimit) {
    refuse(403, "exportSizeLimitExceeded", "This file is too large to be exported.");
  }
  call.out.add_header("Content-Disposition", "attachment");
  call.out.send_chunked(200, wanted, bytes);
  return {200, "", true};
}

}  // namespace driveway::sim::api
