#include "tree/directories.h"

#include <utility>

#include "base/strings.h"
#include "tree/layout.h"

namespace driveway::tree {
namespace {

// By the folders above, as far as they are known: that one of them came back from the trash, the
// feed does not tell of what is in it, so that `trashed` may be old.
Result<bool> is_in_trash(const MetaReader& meta, ItemRow row) {
  for (int depth = 0; depth < kMaxDepth; ++depth) {
    if (row.item.explicitly_trashed) return true;
    if (row.directory.value() == 0) return row.item.trashed;
    if (is_fixed(row.directory)) return row.directory == kTrashInode;
    DRIVEWAY_TRY(auto above, meta.item(row.directory));
    if (!above) return false;
    row = *std::move(above);
  }
  return false;
}

}  // namespace

Result<Completeness> completeness(const MetaReader& meta, InodeId directory,
                                  const TreeOptions& options) {
  if (directory == kRootInode && options.layout == Layout::kColab) return Completeness::kComplete;
  DRIVEWAY_TRY(const auto listing, meta.listing(directory));
  if (directory == kSharedDrivesInode) {
    return listing ? Completeness::kComplete : Completeness::kUnlisted;
  }
  std::optional<ItemRow> row;
  if (!is_fixed(directory)) {
    DRIVEWAY_TRY(row, meta.item(directory));
  }
  if (listing && !listing->partial) {
    DRIVEWAY_TRY(const std::uint64_t epoch,
                 meta.epoch_of(row ? row->item.drive : std::optional<DriveId>()));
    if (listing->epoch == epoch) return Completeness::kComplete;
  }
  if (!row) return Completeness::kUnlisted;
  DRIVEWAY_TRY(const bool in_trash, is_in_trash(meta, *std::move(row)));
  return in_trash ? Completeness::kInTrash : Completeness::kUnlisted;
}

Result<ListTarget> list_target(const MetaReader& meta, InodeId directory,
                               const TreeOptions& options) {
  ListTarget target;
  target.directory = directory;
  if (directory == kSharedWithMeInode) {
    target.scope = drive::ListQuery::Scope::kSharedWithMe;
    return target;
  }
  if (directory == kTrashInode) {
    target.scope = drive::ListQuery::Scope::kTrashed;
    return target;
  }
  if (directory == kLostAndFoundInode) {
    target.scope = drive::ListQuery::Scope::kWithoutFolder;
    return target;
  }
  if (directory == my_drive_inode(options.layout)) {
    DRIVEWAY_TRY(const auto about, meta.about());
    if (!about) return Error{ErrorCode::kInternal, "the account is not known: start() first"};
    target.id = about->root;
    return target;
  }
  DRIVEWAY_TRY(auto row, meta.item(directory));
  if (!row) return Error{ErrorCode::kNotFound, cat("no inode ", directory)};
  if (row->item.kind != drive::ItemKind::kFolder) {
    return Error{ErrorCode::kNotADirectory, cat(row->item.name, " is not a folder")};
  }
  target.id = std::move(row->item.id);
  target.drive = std::move(row->item.drive);
  return target;
}

}  // namespace driveway::tree
