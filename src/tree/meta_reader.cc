#include <utility>

#include "tree/meta_keys.h"
#include "tree/meta_store.h"

namespace driveway::tree {
namespace {

// The value at `key`, decoded, or nothing.
template <typename T, typename Decode>
Result<std::optional<T>> get(const store::ReadTxn& txn, store::Table table, std::string_view key,
                             Decode decode) {
  DRIVEWAY_TRY(const auto bytes, txn.get(table, key));
  if (!bytes) return std::optional<T>();
  Result<T> value = decode(*bytes);
  if (!value.ok()) return std::move(value).error();
  return std::optional<T>(std::move(value).value());
}

Result<InodeId> decode_inode(std::string_view bytes) {
  if (bytes.size() != 8) return Error{ErrorCode::kCorrupt, "meta: a bad inode"};
  return keys::read_inode(bytes);
}

std::vector<InodeId> inodes_in(const std::vector<std::string>& found) {
  std::vector<InodeId> inodes;
  inodes.reserve(found.size());
  for (const std::string& key : found) inodes.push_back(keys::read_inode(key));
  return inodes;
}

}  // namespace

Result<std::optional<ItemRow>> MetaReader::item(InodeId inode) const {
  return get<ItemRow>(*txn_, tables_->items, keys::inode(inode),
                      [&](std::string_view bytes) { return decode_item(inode, bytes); });
}

Result<std::optional<ItemRow>> MetaReader::item(const FileId& id) const {
  DRIVEWAY_TRY(const auto inode, inode_of(id));
  if (!inode) return std::optional<ItemRow>();
  DRIVEWAY_TRY(auto row, item(*inode));
  if (row && row->gone) row.reset();
  return row;
}

Result<std::optional<InodeId>> MetaReader::inode_of(const FileId& id) const {
  return get<InodeId>(*txn_, tables_->ids, id.value(), decode_inode);
}

Result<std::optional<Dentry>> MetaReader::dentry(InodeId directory, std::string_view name) const {
  return get<Dentry>(*txn_, tables_->names, keys::name(directory, name), decode_dentry);
}

Result<std::optional<ListingRow>> MetaReader::listing(InodeId directory) const {
  return get<ListingRow>(*txn_, tables_->listings, keys::inode(directory), decode_listing);
}

Result<std::optional<FeedRow>> MetaReader::feed(const std::optional<DriveId>& drive) const {
  return get<FeedRow>(*txn_, tables_->feeds, keys::feed(drive), decode_feed);
}

Result<std::optional<RecentRow>> MetaReader::recent(const FileId& id) const {
  return get<RecentRow>(*txn_, tables_->recent, keys::recent(id), decode_recent);
}

Result<std::optional<AliasRow>> MetaReader::alias(InodeId alias) const {
  return get<AliasRow>(*txn_, tables_->aliases, keys::single('a', alias), decode_alias);
}

Result<std::optional<InodeId>> MetaReader::alias_of(InodeId parent, InodeId child) const {
  return get<InodeId>(*txn_, tables_->aliases, keys::pair('c', parent, child), decode_inode);
}

Result<std::optional<std::string>> MetaReader::head(std::string_view key) const {
  return get<std::string>(*txn_, tables_->head, key, [](std::string_view bytes) {
    return Result<std::string>(std::string(bytes));
  });
}

Result<std::optional<drive::About>> MetaReader::about() const {
  return get<drive::About>(*txn_, tables_->head, keys::kAbout, decode_about);
}

Result<WallTime> MetaReader::begun() const {
  DRIVEWAY_TRY(const auto text, head(keys::kBegun));
  const std::int64_t count = text ? parse_int(*text).value_or(0) : 0;
  return WallTime(std::chrono::milliseconds(count));
}

Status MetaReader::each_dentry(
    InodeId directory, const std::function<bool(std::string_view name, const Dentry&)>& see) const {
  const std::string prefix = keys::inode(directory);
  DRIVEWAY_TRY(auto cursor, store::Cursor::open(*txn_, tables_->names));
  DRIVEWAY_TRY(bool more, cursor.seek(prefix));
  while (more && cursor.key().starts_with(prefix)) {
    DRIVEWAY_TRY(const Dentry dentry, decode_dentry(cursor.value()));
    if (!see(cursor.key().substr(prefix.size()), dentry)) break;
    DRIVEWAY_TRY(more, cursor.next());
  }
  return {};
}

Result<std::vector<std::string>> MetaReader::suffixes(store::Table table,
                                                      std::string_view prefix) const {
  std::vector<std::string> found;
  DRIVEWAY_TRY(auto cursor, store::Cursor::open(*txn_, table));
  DRIVEWAY_TRY(bool more, cursor.seek(prefix));
  while (more && cursor.key().starts_with(prefix)) {
    found.emplace_back(cursor.key().substr(prefix.size()));
    DRIVEWAY_TRY(more, cursor.next());
  }
  return found;
}

Result<std::vector<InodeId>> MetaReader::twins(InodeId directory, std::string_view base) const {
  DRIVEWAY_TRY(const auto found, suffixes(tables_->twins, keys::twin_prefix(directory, base)));
  return inodes_in(found);
}

Result<std::vector<InodeId>> MetaReader::shortcuts_to(const FileId& target) const {
  DRIVEWAY_TRY(const auto found, suffixes(tables_->shortcuts, keys::shortcut_prefix(target)));
  return inodes_in(found);
}

Result<std::vector<InodeId>> MetaReader::aliases_of(InodeId real) const {
  DRIVEWAY_TRY(const auto found, suffixes(tables_->aliases, keys::single('r', real)));
  return inodes_in(found);
}

Result<std::vector<FileId>> MetaReader::recent_children(const FileId& parent) const {
  DRIVEWAY_TRY(auto found, suffixes(tables_->recent, keys::recent_parent(parent)));
  std::vector<FileId> ids;
  ids.reserve(found.size());
  for (std::string& each : found) ids.emplace_back(std::move(each));
  return ids;
}

Result<std::vector<InodeId>> MetaReader::listed_directories() const {
  DRIVEWAY_TRY(const auto found, suffixes(tables_->listings, ""));
  return inodes_in(found);
}

Result<std::vector<std::optional<DriveId>>> MetaReader::feeds() const {
  DRIVEWAY_TRY(const auto found, suffixes(tables_->feeds, ""));
  std::vector<std::optional<DriveId>> drives;
  drives.reserve(found.size());
  for (const std::string& each : found) {
    drives.push_back(each == "a" ? std::nullopt : std::optional(DriveId(each.substr(1))));
  }
  return drives;
}

Result<std::uint64_t> MetaReader::epoch_of(const std::optional<DriveId>& drive) const {
  DRIVEWAY_TRY(auto row, feed(drive));
  if (!row && drive) {
    DRIVEWAY_TRY(row, feed(std::nullopt));
  }
  return row ? row->epoch : 0;
}

Result<std::uint64_t> MetaReader::count_items() const { return txn_->count(tables_->ids); }

Result<std::uint64_t> MetaReader::count_listings() const { return txn_->count(tables_->listings); }

Result<bool> MetaReader::has_shortcuts() const {
  DRIVEWAY_TRY(const std::uint64_t count, txn_->count(tables_->shortcuts));
  return count > 0;
}

Result<bool> MetaReader::has_aliases() const {
  DRIVEWAY_TRY(const std::uint64_t count, txn_->count(tables_->aliases));
  return count > 0;
}

Result<bool> MetaReader::has_recent() const {
  DRIVEWAY_TRY(const std::uint64_t count, txn_->count(tables_->recent));
  return count > 0;
}

}  // namespace driveway::tree
