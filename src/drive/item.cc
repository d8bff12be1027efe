#include "drive/item.h"

#include "base/strings.h"
#include "drive/method.h"

namespace driveway::drive {

std::optional<ContentId> content_id(const Item& item) {
  if (item.kind != ItemKind::kFile) return std::nullopt;
  if (item.size && !item.sha256.empty()) {
    return ContentId(cat("sha256:", item.sha256, ":", *item.size));
  }
  if (item.size && !item.md5.empty()) return ContentId(cat("md5:", item.md5, ":", *item.size));
  if (item.id.empty() || item.head_revision.empty()) return std::nullopt;
  return ContentId(cat("rev:", item.id, ":", item.head_revision));
}

bool same_revision(const Item& a, const Item& b) {
  if (!a.head_revision.empty() && a.head_revision == b.head_revision && a.size == b.size) {
    return true;
  }
  return content_id(a) == content_id(b);
}

bool is_at(const Item& now, const Item& item, const Revision& head) {
  return same_revision(now, item) &&
         (head.empty() || now.head_revision.empty() || now.head_revision == head);
}

Error replaced(const Item& item) {
  return {ErrorCode::kStale, cat("\"", item.name, "\" was replaced in Drive")};
}

std::optional<ExpectedHash> expected_hash(const Item& item) {
  if (!item.md5.empty()) return ExpectedHash{HashKind::kMd5, to_lower(item.md5)};
  if (!item.sha256.empty()) return ExpectedHash{HashKind::kSha256, to_lower(item.sha256)};
  return std::nullopt;
}

std::string_view to_string(Method method) {
  switch (method) {
    case Method::kAbout:
      return "about";
    case Method::kGet:
      return "get";
    case Method::kList:
      return "list";
    case Method::kSharedDrives:
      return "shared_drives";
    case Method::kStartPageToken:
      return "start_page_token";
    case Method::kChanges:
      return "changes";
    case Method::kRead:
      return "read";
    case Method::kExport:
      return "export";
    case Method::kGenerateIds:
      return "generate_ids";
    case Method::kCreate:
      return "create";
    case Method::kUpdate:
      return "update";
    case Method::kCopy:
      return "copy";
    case Method::kRemove:
      return "remove";
    case Method::kBeginUpload:
      return "begin_upload";
    case Method::kSend:
      return "send";
    case Method::kProgress:
      return "progress";
    case Method::kCancelUpload:
      return "cancel_upload";
    case Method::kRevisions:
      return "revisions";
    case Method::kKeepRevision:
      return "keep_revision";
    case Method::kRemoveRevision:
      return "remove_revision";
    case Method::kReadRevision:
      return "read_revision";
  }
  return "unknown";
}

}  // namespace driveway::drive
