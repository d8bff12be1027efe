// Where items are, for a login of the scope drive.file (oauth reference 6): it sees only what its
// OAuth client has made, and not My Drive's root. Drive takes "root" for that folder in requests,
// and names its real id in answers, which nobody has ever seen.
#include "drive/drive_store_impl.h"
#include "drive/mime.h"

namespace driveway::drive {

Item unseen_root() {
  Item root;
  root.id = FileId(std::string(kRootAlias));
  root.name = "My Drive";
  root.kind = ItemKind::kFolder;
  root.mime_type = kFolderMimeType;
  root.capabilities.can_edit = false;
  return root;
}

Result<bool> DriveStore::sees(const Context& context, const FileId& folder) {
  {
    const std::lock_guard lock(places_mutex_);
    if (const auto known = seen_.find(folder); known != seen_.end()) return known->second;
  }
  const Parameters parameters = {
      {"fields", "id"}, {"supportsAllDrives", "true"}, {"prettyPrint", "false"}};
  const auto answer =
      client_.get_json(context, file_path(folder), parameters, cat("item ", folder), {folder});
  if (!answer.ok() && !answer.failed_with(ErrorCode::kNotFound)) return answer.error();
  const std::lock_guard lock(places_mutex_);
  seen_.emplace(folder, answer.ok());
  return answer.ok();
}

// An own file that lies in a folder which the login does not see, the root or one that the user has
// moved it to, is shown in the root.
Status DriveStore::place(const Context& context, Item& item) {
  if (item.drive || !item.owned_by_me || !item.parent) return {};
  if (item.parent->value() == kRootAlias) return {};
  DRIVEWAY_TRY(const bool seen, sees(context, *item.parent));
  if (!seen) item.parent = FileId(std::string(kRootAlias));
  return {};
}

}  // namespace driveway::drive
