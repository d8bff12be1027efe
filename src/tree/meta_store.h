// `meta`: what Drive said, in one LMDB environment (design: where bytes live; docs/FORMAT.md has
// the tables). MDB_NOSYNC: survives a kill of the process; after a crash of the machine it is
// wiped.
//
// MetaStore is thread-safe. A MetaReader is one snapshot, a MetaWriter the one write transaction;
// both belong to one thread, and no network call may be made while either lives.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "base/result.h"
#include "store/env.h"
#include "tree/rows.h"

namespace driveway::tree {

struct MetaTables {
  store::Table items;      // inode -> ItemRow
  store::Table ids;        // file id -> inode
  store::Table names;      // directory inode, shown name -> Dentry
  store::Table twins;      // directory inode, base name, NUL, inode -> nothing: who else wants it
  store::Table listings;   // directory inode -> ListingRow
  store::Table feeds;      // drive id ("" = the account's own) -> FeedRow
  store::Table recent;     // "i" file id -> RecentRow; "p" parent id NUL file id, "t" ms file id
  store::Table shortcuts;  // target id NUL shortcut inode -> nothing
  store::Table aliases;    // "a" alias inode -> AliasRow; "c" parent child -> alias inode;
                           // "r" real alias -> nothing
  store::Table doomed;     // inode -> nothing: looked at when `meta` is opened next
  store::Table head;       // single values: about, options, next epoch
};

class MetaReader {
 public:
  Result<std::optional<ItemRow>> item(InodeId inode) const;
  Result<std::optional<ItemRow>> item(const FileId& id) const;  // the live one
  Result<std::optional<InodeId>> inode_of(const FileId& id) const;
  Result<std::optional<Dentry>> dentry(InodeId directory, std::string_view name) const;
  Result<std::optional<ListingRow>> listing(InodeId directory) const;
  Result<std::optional<FeedRow>> feed(const std::optional<DriveId>& drive) const;
  Result<std::optional<RecentRow>> recent(const FileId& id) const;
  Result<std::optional<AliasRow>> alias(InodeId alias) const;
  Result<std::optional<InodeId>> alias_of(InodeId parent, InodeId child) const;
  Result<std::optional<std::string>> head(std::string_view key) const;
  // The account as last known.
  Result<std::optional<drive::About>> about() const;
  // When this `meta` was begun: the time of the fixed folders.
  Result<WallTime> begun() const;

  // In the order of keys. The callee gives false to stop, and must not write.
  Status each_dentry(InodeId directory,
                     const std::function<bool(std::string_view name, const Dentry&)>& see) const;
  Result<std::vector<InodeId>> twins(InodeId directory, std::string_view base) const;
  // Shortcuts to `target`, superseded ones not included.
  Result<std::vector<InodeId>> shortcuts_to(const FileId& target) const;
  // Aliases whose entries are those of `real`.
  Result<std::vector<InodeId>> aliases_of(InodeId real) const;
  Result<std::vector<FileId>> recent_children(const FileId& parent) const;
  Result<std::vector<InodeId>> listed_directories() const;
  Result<std::vector<std::optional<DriveId>>> feeds() const;  // the account's own first

  // The epoch of the feed that tells about the items of `drive`: its own, or where that is not
  // followed (or cannot be: a single folder of it was shared), the account's. 0: neither is.
  Result<std::uint64_t> epoch_of(const std::optional<DriveId>& drive) const;
  Result<std::uint64_t> count_items() const;
  Result<std::uint64_t> count_listings() const;
  Result<bool> has_shortcuts() const;
  Result<bool> has_aliases() const;
  Result<bool> has_recent() const;

 protected:
  friend class MetaStore;
  MetaReader(std::unique_ptr<store::ReadTxn> txn, const MetaTables& tables)
      : txn_(std::move(txn)), tables_(&tables) {}
  // The keys that begin with `prefix`, without it.
  Result<std::vector<std::string>> suffixes(store::Table table, std::string_view prefix) const;

  std::unique_ptr<store::ReadTxn> txn_;
  const MetaTables* tables_;
};

class MetaWriter : public MetaReader {
 public:
  Status put(const ItemRow& row);  // by row.inode
  Status erase_item(InodeId inode);
  Status put_id(const FileId& id, InodeId inode);
  Status erase_id(const FileId& id);
  Status put(InodeId directory, std::string_view name, const Dentry& dentry);
  Status erase_dentry(InodeId directory, std::string_view name);
  Status put_twin(InodeId directory, std::string_view base, InodeId inode);
  Status erase_twin(InodeId directory, std::string_view base, InodeId inode);
  Status put(InodeId directory, const ListingRow& listing);
  Status erase_listing(InodeId directory);
  Status put(const std::optional<DriveId>& drive, const FeedRow& feed);
  Status erase_feed(const DriveId& drive);
  Result<std::uint64_t> next_epoch();
  Status put_recent(const FileId& id, const RecentRow& row);
  // Forgets what was recorded before `time`.
  Status forget_recent(WallTime time);
  Status put_shortcut(const FileId& target, InodeId shortcut);
  Status erase_shortcut(const FileId& target, InodeId shortcut);
  Status put_alias(InodeId alias, InodeId child, const AliasRow& row);
  Status put_doomed(InodeId inode);
  // Erases the doomed rows that nothing leads to any more.
  Status bury();
  Status put_head(std::string_view key, std::string_view value);
  Status put_about(const drive::About& about);
  Status put_begun(WallTime time);
  // Forgets all but inode numbers, feeds and the account.
  Status forget_items();
  Status commit();

 private:
  friend class MetaStore;
  MetaWriter(std::unique_ptr<store::WriteTxn> txn, const MetaTables& tables)
      : MetaReader(nullptr, tables), write_(txn.get()) {
    txn_ = std::move(txn);
  }
  store::WriteTxn* write_;
};

class MetaStore {
 public:
  // What cannot be read is wiped and begun anew. Errors: kNoSpace, kLocalDisk, kBusy.
  static Result<std::unique_ptr<MetaStore>> open(const std::filesystem::path& folder);

  Result<MetaReader> read() const;
  Result<MetaWriter> write();
  Status sync() { return env_->sync(); }

 private:
  explicit MetaStore(std::unique_ptr<store::Env> env) : env_(std::move(env)) {}
  static Result<std::unique_ptr<MetaStore>> try_open(const std::filesystem::path& folder);
  std::unique_ptr<store::Env> env_;
  MetaTables tables_;
};

}  // namespace driveway::tree
