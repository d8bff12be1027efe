// Merger: what this client changes itself (OwnChanges).
#include <utility>

#include "tree/layout.h"
#include "tree/merge.h"
#include "tree/posix.h"

namespace driveway::tree {

std::optional<InodeId> Merger::own_inode(const FileId& id) const {
  if (parts_.own == nullptr) return std::nullopt;
  const auto inode = parts_.own->inode_of(id);
  return inode && inode->value() != 0 ? inode : std::nullopt;
}

// Whether `item` has its bytes from the inode of `row`.
bool Merger::wrote(const ItemRow& row, const drive::Item& item) const {
  if (parts_.own == nullptr) return false;
  const bool files = item.kind == drive::ItemKind::kFile && row.item.kind == drive::ItemKind::kFile;
  return files && is_symlink(item) == is_symlink(row.item) && parts_.own->wrote(row.inode, item);
}

// Whether a rename has put another item in the place of this one (J6), which is to go to the trash.
bool Merger::is_leaving(const ItemRow& row) const {
  const auto own = own_inode(row.item.id);
  return own && *own != row.inode && parts_.own->removes(row.item.id);
}

// The inode that the item, of which `row` is known, has to get; nothing where it has the right one.
// Nobody else has it then; what stands in the directory of who had it may have other names.
Result<std::optional<InodeId>> Merger::claim(const drive::Item& item,
                                             const std::optional<ItemRow>& row) {
  const std::optional<InodeId> none;
  if (parts_.own == nullptr) return none;
  const auto own = parts_.own->maker_of(item);
  if (!own || is_fixed(*own) || (row && row->inode == *own)) return none;
  DRIVEWAY_TRY(auto holder, meta_.item(*own));
  if (!row && !holder) return own;
  // What is known is newer: these bytes are not the item's any more.
  if (row && item.version < row->item.version && !is_newer(item, *row)) return none;
  const bool folder = item.kind == drive::ItemKind::kFolder;
  if (holder && holder->item.kind != item.kind) return none;  // a shortcut's, say
  if (holder && row && !folder && has_left(*holder, *row, item)) return none;
  // Else the inode would show other bytes than it had: the ones that a rename has replaced, or that
  // another client has (R1a).
  const bool takes =
      folder || (item.kind == drive::ItemKind::kFile && parts_.own->wrote(*own, item));
  if (!takes) return none;
  if (holder) DRIVEWAY_CHECK(vacate(*std::move(holder)));
  return own;
}

// Whether the bytes of `item` are known to be another client's, which `row` got for them (R1a):
// what is changed of the item since, as of `holder`, is not its content.
bool Merger::has_left(const ItemRow& holder, const ItemRow& row, const drive::Item& item) const {
  return holder.superseded && holder.item.id == item.id && !same_bytes(holder.item, item) &&
         row.live() && same_bytes(row.item, item);
}

// The item of `row` gets another inode, because its own is another item's from now on.
Status Merger::vacate(ItemRow row) {
  if (row.superseded) return {};
  if (row.gone) return meta_.erase_id(row.item.id);
  if (row.item.kind == drive::ItemKind::kFolder) DRIVEWAY_CHECK(clear_directory(row.inode));
  const InodeId before = row.inode;
  const auto known = own_inode(row.item.id);
  bool is_free = false;
  if (known && *known != before && !is_fixed(*known)) {
    DRIVEWAY_TRY(const auto holder, meta_.item(*known));
    is_free = !holder;
  }
  if (is_free) {
    row.inode = *known;
  } else {
    DRIVEWAY_TRY(row.inode, parts_.inodes.allocate());
  }
  DRIVEWAY_CHECK(meta_.put(row));
  DRIVEWAY_CHECK(meta_.put_id(row.item.id, row.inode));
  if (row.directory.value() == 0) return {};
  DRIVEWAY_CHECK(dentries_.replace(row, before, entry_kind(row.item)));
  return is_leaving(row) ? displace(row) : Status();
}

// `row` becomes that of `inode`, which claim() gave for `item`; its inode until now keeps what it
// was. A file that was renamed over a symlink, or the other way round, never was the other.
Status Merger::take_inode(ItemRow& row, InodeId inode, const drive::Item& item) {
  if (row.item.kind == drive::ItemKind::kFolder) DRIVEWAY_CHECK(clear_directory(row.inode));
  const bool is_another = is_symlink(item) != is_symlink(row.item) && is_newer(item, row);
  const drive::Item known = is_another ? item : row.item;
  return rebind(row, inode, known);
}

Status Merger::begin_listing(const ItemRow& folder) {
  // What the feed told of before the folder was known has no entry yet.
  DRIVEWAY_TRY(const auto children, meta_.recent_children(folder.item.id));
  if (!children.empty()) return {};
  DRIVEWAY_TRY(const std::uint64_t epoch, epoch_of(folder.item.drive));
  if (epoch == 0) return {};
  return meta_.put(folder.inode, {epoch, false, 0});
}

Status Merger::tell_item(const drive::Item& item, const std::optional<ItemRow>& before) {
  if (news_ == News::kNone || parts_.own == nullptr) return {};
  const auto own = own_inode(item.id);
  if (!own && !before) return {};
  if (news_ == News::kChanged && before) {
    const bool same = !before->gone && before->item == item;
    if (same || !is_newer(item, *before)) return {};
  }
  DRIVEWAY_TRY(const InodeId parent, home_of(item));
  events_.item(own ? *own : before->inode, item.id, item, parent);
  return {};
}

void Merger::tell_removal(const FileId& id, const std::optional<ItemRow>& before) {
  if (news_ == News::kNone || parts_.own == nullptr) return;
  const auto own = own_inode(id);
  if (own) {
    events_.item(*own, id, std::nullopt, InodeId());
  } else if (before) {
    events_.item(before->inode, id, std::nullopt, InodeId());
  }
}

}  // namespace driveway::tree
