#include <utility>

#include "tree/meta_keys.h"
#include "tree/meta_store.h"

namespace driveway::tree {
namespace {

Status discard(const Result<bool>& erased) {
  if (!erased.ok()) return erased.error();
  return {};
}

}  // namespace

Status MetaWriter::put(const ItemRow& row) {
  return write_->put(tables_->items, keys::inode(row.inode), encode(row));
}

Status MetaWriter::erase_item(InodeId inode) {
  return discard(write_->erase(tables_->items, keys::inode(inode)));
}

Status MetaWriter::put_id(const FileId& id, InodeId inode) {
  return write_->put(tables_->ids, id.value(), keys::inode(inode));
}

Status MetaWriter::erase_id(const FileId& id) {
  return discard(write_->erase(tables_->ids, id.value()));
}

Status MetaWriter::put(InodeId directory, std::string_view name, const Dentry& dentry) {
  return write_->put(tables_->names, keys::name(directory, name), encode(dentry));
}

Status MetaWriter::erase_dentry(InodeId directory, std::string_view name) {
  return discard(write_->erase(tables_->names, keys::name(directory, name)));
}

Status MetaWriter::put_twin(InodeId directory, std::string_view base, InodeId inode) {
  return write_->put(tables_->twins, keys::twin_prefix(directory, base) + keys::inode(inode), "");
}

Status MetaWriter::erase_twin(InodeId directory, std::string_view base, InodeId inode) {
  return discard(
      write_->erase(tables_->twins, keys::twin_prefix(directory, base) + keys::inode(inode)));
}

Status MetaWriter::put(InodeId directory, const ListingRow& listing) {
  return write_->put(tables_->listings, keys::inode(directory), encode(listing));
}

Status MetaWriter::erase_listing(InodeId directory) {
  return discard(write_->erase(tables_->listings, keys::inode(directory)));
}

Status MetaWriter::put(const std::optional<DriveId>& drive, const FeedRow& feed) {
  return write_->put(tables_->feeds, keys::feed(drive), encode(feed));
}

Status MetaWriter::erase_feed(const DriveId& drive) {
  return discard(write_->erase(tables_->feeds, keys::feed(drive)));
}

Result<std::uint64_t> MetaWriter::next_epoch() {
  DRIVEWAY_TRY(const auto last, head(keys::kNextEpoch));
  const std::uint64_t epoch = last ? parse_uint(*last).value_or(0) + 1 : 1;
  DRIVEWAY_CHECK(put_head(keys::kNextEpoch, cat(epoch)));
  return epoch;
}

Status MetaWriter::put_recent(const FileId& id, const RecentRow& row) {
  DRIVEWAY_TRY(const auto before, recent(id));
  if (before) {
    DRIVEWAY_CHECK(discard(write_->erase(tables_->recent, cat(keys::recent_time(before->at), id))));
    if (before->parent) {
      DRIVEWAY_CHECK(
          discard(write_->erase(tables_->recent, cat(keys::recent_parent(*before->parent), id))));
    }
  }
  DRIVEWAY_CHECK(write_->put(tables_->recent, keys::recent(id), encode(row)));
  DRIVEWAY_CHECK(write_->put(tables_->recent, cat(keys::recent_time(row.at), id), ""));
  if (!row.parent) return {};
  return write_->put(tables_->recent, cat(keys::recent_parent(*row.parent), id), "");
}

Status MetaWriter::forget_recent(WallTime time) {
  const std::string end = keys::recent_time(time);
  std::vector<std::string> old;
  {
    DRIVEWAY_TRY(auto cursor, store::Cursor::open(*txn_, tables_->recent));
    DRIVEWAY_TRY(bool more, cursor.seek("t"));
    while (more && cursor.key() < end) {
      old.emplace_back(cursor.key());
      DRIVEWAY_TRY(more, cursor.next());
    }
  }
  for (const std::string& key : old) {
    const FileId id(key.substr(keys::recent_time(time).size()));
    DRIVEWAY_TRY(const auto row, recent(id));
    DRIVEWAY_CHECK(discard(write_->erase(tables_->recent, key)));
    DRIVEWAY_CHECK(discard(write_->erase(tables_->recent, keys::recent(id))));
    if (!row || !row->parent) continue;
    DRIVEWAY_CHECK(
        discard(write_->erase(tables_->recent, cat(keys::recent_parent(*row->parent), id))));
  }
  return {};
}

Status MetaWriter::put_shortcut(const FileId& target, InodeId shortcut) {
  return write_->put(tables_->shortcuts, keys::shortcut_prefix(target) + keys::inode(shortcut), "");
}

Status MetaWriter::erase_shortcut(const FileId& target, InodeId shortcut) {
  return discard(
      write_->erase(tables_->shortcuts, keys::shortcut_prefix(target) + keys::inode(shortcut)));
}

Status MetaWriter::put_alias(InodeId alias, InodeId child, const AliasRow& row) {
  DRIVEWAY_CHECK(write_->put(tables_->aliases, keys::single('a', alias), encode(row)));
  DRIVEWAY_CHECK(
      write_->put(tables_->aliases, keys::pair('c', row.parent, child), keys::inode(alias)));
  if (row.shortcut.value() != 0) return {};
  return write_->put(tables_->aliases, keys::pair('r', row.real, alias), "");
}

Status MetaWriter::put_doomed(InodeId inode) {
  return write_->put(tables_->doomed, keys::inode(inode), "");
}

Status MetaWriter::bury() {
  DRIVEWAY_TRY(const auto found, suffixes(tables_->doomed, ""));
  if (found.empty()) return {};
  for (const std::string& key : found) {
    const InodeId inode = keys::read_inode(key);
    DRIVEWAY_TRY(const auto row, item(inode));
    if (!row) continue;
    DRIVEWAY_TRY(const auto current, inode_of(row->item.id));
    DRIVEWAY_TRY(const auto shortcuts, shortcuts_to(row->item.id));
    const bool current_one = current && *current == inode;
    const bool needed = row->live() && (row->directory.value() != 0 || !shortcuts.empty());
    if (needed) continue;
    DRIVEWAY_CHECK(erase_item(inode));
    if (row->item.shortcut) DRIVEWAY_CHECK(erase_shortcut(row->item.shortcut->target, inode));
    // What only moved out of sight keeps its number.
    if (current_one && row->gone) DRIVEWAY_CHECK(erase_id(row->item.id));
  }
  return write_->clear(tables_->doomed);
}

Status MetaWriter::put_head(std::string_view key, std::string_view value) {
  return write_->put(tables_->head, key, value);
}

Status MetaWriter::put_about(const drive::About& about) {
  return put_head(keys::kAbout, encode(about));
}

Status MetaWriter::put_begun(WallTime time) {
  return put_head(keys::kBegun, cat(time.time_since_epoch().count()));
}

Status MetaWriter::forget_items() {
  for (const store::Table table :
       {tables_->items, tables_->names, tables_->twins, tables_->listings, tables_->shortcuts,
        tables_->aliases, tables_->doomed}) {
    DRIVEWAY_CHECK(write_->clear(table));
  }
  return {};
}

Status MetaWriter::commit() { return write_->commit(); }

}  // namespace driveway::tree
