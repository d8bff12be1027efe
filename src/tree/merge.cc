#include "tree/merge.h"

#include <utility>

#include "base/strings.h"
#include "drive/mime.h"
#include "tree/docs.h"
#include "tree/layout.h"
#include "tree/names.h"
#include "tree/posix.h"

namespace driveway::tree {

bool means_missing(const Error& error) {
  return error.code == ErrorCode::kNotFound || error.code == ErrorCode::kPermissionDenied;
}

bool is_newer(const drive::Item& item, const ItemRow& row) {
  return row.gone || item.version > row.item.version || item.version == 0;
}

Result<std::optional<RecentRow>> heard_of(const MetaStore& meta, const FileId& id) {
  DRIVEWAY_TRY(const MetaReader reader, meta.read());
  return reader.recent(id);
}

Status tell_views(const MetaReader& meta, Events& events) {
  DRIVEWAY_TRY(const bool shortcuts, meta.has_shortcuts());
  if (!shortcuts) return {};
  const std::set<std::uint64_t> changed = events.directories();
  for (const std::uint64_t value : changed) {
    const InodeId directory(value);
    DRIVEWAY_TRY(auto views, meta.aliases_of(directory));
    DRIVEWAY_TRY(const auto row, meta.item(directory));
    if (row) {
      DRIVEWAY_TRY(const auto tops, meta.shortcuts_to(row->item.id));
      views.insert(views.end(), tops.begin(), tops.end());
    }
    for (const InodeId view : views) events.mirror(directory, view);
  }
  return {};
}

std::string base_name(const drive::Item& item, const TreeOptions& options) {
  std::string_view type = item.mime_type;
  if (item.shortcut) type = item.shortcut->target_mime_type;
  return shown_name(item.name, doc_extension(type, options.docs), item.id);
}

Merger::Merger(MetaWriter& meta, Events& events, TreeParts& parts, drive::About about, News news)
    : meta_(meta),
      events_(events),
      parts_(parts),
      dentries_(meta, events),
      about_(std::move(about)),
      news_(news) {}

Result<Merger> Merger::begin(MetaWriter& meta, Events& events, TreeParts& parts, News news) {
  DRIVEWAY_TRY(auto about, meta.about());
  return Merger(meta, events, parts, std::move(about).value_or(drive::About()), news);
}

// Whether the mount shows the same bytes for both.
bool Merger::same_bytes(const drive::Item& a, const drive::Item& b) const {
  if (a.kind != b.kind || is_symlink(a) != is_symlink(b)) return false;
  switch (a.kind) {
    case drive::ItemKind::kFolder:
      return true;
    case drive::ItemKind::kShortcut:
      return a.shortcut == b.shortcut;
    case drive::ItemKind::kDocument:
      if (export_format(b.mime_type, parts_.options.docs)) return true;
      return doc_text(a, about_.email, parts_.options.docs) ==
             doc_text(b, about_.email, parts_.options.docs);
    case drive::ItemKind::kFile:
      if (link_target_property(a) != link_target_property(b)) return false;
      // Hashes may come later than the revision they belong to (drive-api reference 2).
      if (!a.head_revision.empty() && a.head_revision == b.head_revision) return a.size == b.size;
      return drive::content_id(a) == drive::content_id(b);
  }
  return false;
}

Result<std::uint64_t> Merger::epoch_of(const std::optional<DriveId>& drive) {
  if (!last_epoch_ || last_epoch_->first != drive) {
    DRIVEWAY_TRY(const std::uint64_t epoch, meta_.epoch_of(drive));
    last_epoch_.emplace(drive, epoch);
  }
  return last_epoch_->second;
}

Result<InodeId> Merger::home_of(const drive::Item& item) const {
  if (item.id == about_.root) return InodeId();
  if (item.drive && item.id.value() == item.drive->value()) return kSharedDrivesInode;
  if (item.explicitly_trashed) {
    return item.drive || !item.owned_by_me ? InodeId() : kTrashInode;
  }
  if (item.parent) {
    DRIVEWAY_TRY(const auto parent, meta_.inode_of(*item.parent));
    return parent.value_or(InodeId());
  }
  if (item.trashed || item.drive) return InodeId();
  return item.owned_by_me ? kLostAndFoundInode : kSharedWithMeInode;
}

Result<ItemRow> Merger::create(const drive::Item& item, InodeId inode) {
  ItemRow row;
  row.inode = inode;
  row.item = item;
  DRIVEWAY_TRY(row.epoch, epoch_of(item.drive));
  DRIVEWAY_CHECK(meta_.put(row));
  DRIVEWAY_CHECK(meta_.put_id(item.id, inode));
  if (item.shortcut) DRIVEWAY_CHECK(meta_.put_shortcut(item.shortcut->target, inode));
  return row;
}

Result<InodeId> Merger::merge(const drive::Item& item, const ListingScope* scope) {
  DRIVEWAY_TRY(const auto known, meta_.inode_of(item.id));
  if (known && is_fixed(*known)) return *known;
  std::optional<ItemRow> row;
  if (known) {
    DRIVEWAY_TRY(row, meta_.item(*known));
  }
  if (row && row->item.drive && row->item.id.value() == row->item.drive->value()) {
    return row->inode;  // merge_drives() knows better: files.get gives these another name
  }
  std::optional<ItemRow> before;
  if (news_ != News::kNone) before = row;
  DRIVEWAY_TRY(const auto claimed, claim(item, row));
  if (!row) {
    InodeId inode = claimed ? *claimed : known.value_or(InodeId());
    if (inode.value() == 0) {
      DRIVEWAY_TRY(inode, parts_.inodes.allocate());
    }
    DRIVEWAY_TRY(row, create(item, inode));
    // Shortcuts that led nowhere may lead here.
    DRIVEWAY_CHECK(supersede_shortcuts(item.id, InodeId()));
  } else {
    if (claimed) {
      DRIVEWAY_TRY(row, meta_.item(row->inode));  // its name may be another one by now
      if (!row) return Error{ErrorCode::kCorrupt, cat("meta: no row of ", item.id)};
      DRIVEWAY_CHECK(take_inode(*row, *claimed, item));
    }
    DRIVEWAY_CHECK(refresh(*row, item));
  }
  DRIVEWAY_CHECK(place(*row, scope));
  DRIVEWAY_CHECK(tell_item(item, before));
  return row->inode;
}

Status Merger::refresh(ItemRow& row, const drive::Item& item) {
  if (is_newer(item, row)) return update(row, item);
  DRIVEWAY_TRY(const std::uint64_t epoch, epoch_of(item.drive));
  if (row.epoch == epoch) return {};
  row.epoch = epoch;
  return meta_.put(row);
}

Status Merger::update(ItemRow& row, const drive::Item& item) {
  const bool was_gone = std::exchange(row.gone, false);
  const bool untrashed = row.item.trashed && !item.trashed;
  const bool other_drive = row.item.drive != item.drive;
  const bool folder = item.kind == drive::ItemKind::kFolder;
  DRIVEWAY_TRY(row.epoch, epoch_of(item.drive));
  if (folder && other_drive) {
    DRIVEWAY_CHECK(clear_directory(row.inode));
  } else if (folder && untrashed) {
    DRIVEWAY_CHECK(expire_listings(row.inode));
  }
  const bool rewritten = !same_bytes(row.item, item);
  if (rewritten && !wrote(row, item)) return supersede(row, item);
  const bool renamed = row.directory.value() != 0 && base_name(row.item) != base_name(item);
  const bool reordered = row.directory.value() != 0 && row.item.created != item.created;
  if (renamed || reordered) DRIVEWAY_CHECK(displace(row));
  row.item = item;
  DRIVEWAY_CHECK(meta_.put(row));
  if (was_gone) return supersede_shortcuts(item.id, InodeId());
  if (rewritten) DRIVEWAY_CHECK(supersede_shortcuts(item.id, row.inode));
  return attributes_changed(row);
}

// `row` becomes a new inode with `item`; the old inode keeps what it was (R1a).
Status Merger::supersede(ItemRow& row, const drive::Item& item) {
  DRIVEWAY_TRY(const InodeId inode, parts_.inodes.allocate());
  parts_.metrics.counter("tree.new_inodes").add();
  return rebind(row, inode, item);
}

// As supersede(), with `inode`.
Status Merger::rebind(ItemRow& row, InodeId inode, const drive::Item& item) {
  const bool renamed = row.directory.value() != 0 && base_name(row.item) != base_name(item);
  if (renamed || row.item.created != item.created) {
    if (row.directory.value() != 0) DRIVEWAY_CHECK(displace(row));
  }
  ItemRow old = row;
  old.superseded = true;
  old.directory = InodeId();
  old.name.clear();
  if (old.item.shortcut) {
    DRIVEWAY_CHECK(meta_.erase_shortcut(old.item.shortcut->target, old.inode));
  }
  DRIVEWAY_CHECK(meta_.put(old));
  DRIVEWAY_CHECK(meta_.put_doomed(old.inode));
  row.inode = inode;
  row.item = item;
  row.last_target = InodeId();
  row.dangling_epoch = 0;
  DRIVEWAY_CHECK(meta_.put(row));
  DRIVEWAY_CHECK(meta_.put_id(item.id, row.inode));
  if (item.shortcut) DRIVEWAY_CHECK(meta_.put_shortcut(item.shortcut->target, row.inode));
  if (row.directory.value() != 0) {
    DRIVEWAY_CHECK(dentries_.replace(row, old.inode, entry_kind(item)));
  }
  return supersede_shortcuts(item.id, old.inode);
}

Status Merger::renew(const FileId& id) {
  DRIVEWAY_TRY(auto row, meta_.item(id));
  if (!row || row->gone || is_fixed(row->inode)) return {};
  const drive::Item same = row->item;
  return supersede(*row, same);
}

// The bytes behind the shortcuts to `target` have changed; they were those of `old_target` (0:
// none).
Status Merger::supersede_shortcuts(const FileId& target, InodeId old_target) {
  DRIVEWAY_TRY(const bool any, meta_.has_shortcuts());
  if (!any) return {};
  DRIVEWAY_TRY(const auto shortcuts, meta_.shortcuts_to(target));
  for (const InodeId inode : shortcuts) {
    DRIVEWAY_TRY(auto row, meta_.item(inode));
    if (!row || !row->live()) continue;
    // Nobody can have seen a shortcut whose target has not been looked at.
    if (old_target.value() == 0 && row->dangling_epoch == 0) continue;
    row->last_target = old_target;
    const drive::Item same = row->item;
    DRIVEWAY_CHECK(supersede(*row, same));
  }
  return {};
}

Status Merger::attributes_changed(const ItemRow& row) {
  events_.attributes(row.inode);
  DRIVEWAY_TRY(const bool any, meta_.has_shortcuts());
  if (!any) return {};
  DRIVEWAY_TRY(const auto shortcuts, meta_.shortcuts_to(row.item.id));
  for (const InodeId shortcut : shortcuts) events_.attributes(shortcut);
  DRIVEWAY_TRY(const auto aliases, meta_.aliases_of(row.inode));
  for (const InodeId alias : aliases) events_.attributes(alias);
  return {};
}

Result<bool> Merger::has_entries(InodeId directory, const ListingScope* scope) const {
  if (directory.value() == 0) return false;
  if (scope != nullptr && scope->directories.contains(directory.value())) return true;
  DRIVEWAY_TRY(const auto listing, meta_.listing(directory));
  return listing.has_value();
}

// Puts the row where it belongs, and marks its entry as seen by the listing.
Status Merger::place(ItemRow& row, const ListingScope* scope) {
  const std::uint64_t run = scope != nullptr ? scope->run : 0;
  DRIVEWAY_TRY(InodeId home, home_of(row.item));
  if (home != kTrashInode && is_leaving(row)) home = InodeId();
  if (row.directory.value() != 0 && row.directory == home) {
    if (scope == nullptr || !scope->directories.contains(home.value())) return {};
    DRIVEWAY_TRY(auto dentry, meta_.dentry(home, row.name));
    if (!dentry || dentry->run == run) return {};
    dentry->run = run;
    return meta_.put(home, row.name, *dentry);
  }
  if (row.directory.value() != 0) DRIVEWAY_CHECK(displace(row));
  DRIVEWAY_TRY(const bool shown, has_entries(home, scope));
  if (!shown) return {};
  if (row.item.kind == drive::ItemKind::kFolder) {
    // It may have been in the trash, unknown to us, when it was found empty.
    DRIVEWAY_CHECK(expire_listings(row.inode, Expire::kEmpty));
  }
  return dentries_.add(row, home, base_name(row.item), entry_kind(row.item), run);
}

Status Merger::displace(ItemRow& row) {
  DRIVEWAY_CHECK(dentries_.remove(row));
  return meta_.put_doomed(row.inode);
}

Status Merger::remove(const FileId& id) {
  DRIVEWAY_TRY(const auto inode, meta_.inode_of(id));
  if (inode && is_fixed(*inode)) return {};
  std::optional<ItemRow> row;
  if (inode) {
    DRIVEWAY_TRY(row, meta_.item(*inode));
  }
  tell_removal(id, row);
  if (!row || row->gone) return {};
  if (row->directory.value() != 0) DRIVEWAY_CHECK(displace(*row));
  row->gone = true;
  DRIVEWAY_CHECK(meta_.put(*row));
  DRIVEWAY_CHECK(meta_.put_doomed(*inode));
  if (row->item.kind == drive::ItemKind::kFolder) DRIVEWAY_CHECK(clear_directory(*inode));
  return supersede_shortcuts(id, *inode);
}

Result<std::vector<InodeId>> Merger::subfolders(InodeId directory) const {
  std::vector<InodeId> folders;
  DRIVEWAY_CHECK(meta_.each_dentry(directory, [&](std::string_view, const Dentry& dentry) {
    if (dentry.kind == EntryKind::kDirectory && !dentry.fixed) folders.push_back(dentry.inode);
    return true;
  }));
  return folders;
}

Status Merger::expire_listings(InodeId top, Expire which) {
  std::vector<InodeId> pending = {top};
  while (!pending.empty()) {
    const InodeId directory = pending.back();
    pending.pop_back();
    DRIVEWAY_TRY(auto listing, meta_.listing(directory));
    if (!listing) continue;
    if (which == Expire::kAll || listing->children == 0) {
      listing->epoch = 0;
      DRIVEWAY_CHECK(meta_.put(directory, *listing));
      events_.directory(directory);
    }
    DRIVEWAY_TRY(const auto folders, subfolders(directory));
    pending.insert(pending.end(), folders.begin(), folders.end());
  }
  return {};
}

// Nothing is known any more of what is in `directory` and below.
Status Merger::clear_directory(InodeId directory) {
  std::vector<InodeId> pending = {directory};
  while (!pending.empty()) {
    const InodeId each = pending.back();
    pending.pop_back();
    DRIVEWAY_CHECK(meta_.erase_listing(each));
    std::vector<InodeId> children;
    DRIVEWAY_CHECK(meta_.each_dentry(each, [&](std::string_view, const Dentry& dentry) {
      if (!dentry.fixed) children.push_back(dentry.inode);
      if (dentry.kind == EntryKind::kDirectory && !dentry.fixed) pending.push_back(dentry.inode);
      return true;
    }));
    for (const InodeId child : children) {
      DRIVEWAY_TRY(auto row, meta_.item(child));
      if (row && row->directory == each) DRIVEWAY_CHECK(displace(*row));
    }
  }
  return {};
}

Status Merger::merge_drive(const drive::SharedDrive& shared) {
  drive::Item item;
  item.id = FileId(shared.id.value());
  item.name = shared.name;
  item.kind = drive::ItemKind::kFolder;
  item.mime_type = drive::kFolderMimeType;
  item.drive = shared.id;
  item.created = item.modified = shared.created;
  item.owned_by_me = false;
  DRIVEWAY_TRY(const auto known, meta_.inode_of(item.id));
  std::optional<ItemRow> row;
  if (known) {
    DRIVEWAY_TRY(row, meta_.item(*known));
  }
  if (!row) {
    InodeId inode = known.value_or(InodeId());
    if (!known) {
      DRIVEWAY_TRY(inode, parts_.inodes.allocate());
    }
    DRIVEWAY_TRY(row, create(item, inode));
  } else if (row->gone || row->item != item) {
    DRIVEWAY_CHECK(update(*row, item));
  }
  return place(*row, nullptr);
}

Status Merger::merge_drives(const std::vector<drive::SharedDrive>& drives) {
  DRIVEWAY_CHECK(meta_.put(kSharedDrivesInode, {0, false, drives.size()}));
  std::set<FileId> here;
  for (const drive::SharedDrive& shared : drives) {
    here.insert(FileId(shared.id.value()));
    DRIVEWAY_CHECK(merge_drive(shared));
  }
  std::vector<InodeId> shown;
  DRIVEWAY_CHECK(meta_.each_dentry(kSharedDrivesInode, [&](std::string_view, const Dentry& dentry) {
    shown.push_back(dentry.inode);
    return true;
  }));
  for (const InodeId inode : shown) {
    DRIVEWAY_TRY(const auto row, meta_.item(inode));
    if (!row || here.contains(row->item.id)) continue;
    DRIVEWAY_CHECK(remove(row->item.id));
    DRIVEWAY_CHECK(meta_.erase_feed(DriveId(row->item.id.value())));
  }
  return {};
}

Status Merger::remember(const FileId& id, const drive::Item* item) {
  RecentRow row;
  row.at = parts_.clock.wall_now();
  row.removed = item == nullptr;
  if (item != nullptr) {
    row.version = item->version;
    row.parent = item->explicitly_trashed ? kRecentlyTrashed
                 : item->parent           ? *item->parent
                 : item->owned_by_me      ? kRecentlyLost
                                          : kRecentlyShared;
  }
  return meta_.put_recent(id, row);
}

Status Merger::finish() { return tell_views(meta_, events_); }

}  // namespace driveway::tree
