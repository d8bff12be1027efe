// How what Drive says enters `meta`: one place for listings, gets and the feed.
//
// * Items merge only if `version` grows (J3), or if they were gone.
// * R1a: where the bytes that the mount shows would change, the item gets a new inode, and the old
//   one keeps the row it had; so do the shortcuts to it. Not where the bytes come from this client
//   (OwnChanges::wrote): then the inode stays, and its attributes are new.
// * What this client made has the inode that it was made with. An item that the tree knows as
//   another one gets it too, once the bytes in Drive are those of that inode (J6: the source of a
//   rename takes the target's id) or where it is a folder (J9): the old inode keeps what it was, as
//   with R1a, but for what is in a folder, which is listed anew. An item that has that inode until
//   then gets another one (J6, J10).
// * An item has one place: explicitly trashed ones in .Trash, those without a visible parent that
//   others own in .shared, tops of shared drives in Shareddrives, the rest in their parent's
//   directory. It has an entry there only if that directory has been listed (or is being listed).
//
// Works within the caller's transaction, as a part of which finish() must be called last. Belongs
// to one thread.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/ids.h"
#include "base/metrics.h"
#include "base/result.h"
#include "drive/item.h"
#include "tree/dentries.h"
#include "tree/events.h"
#include "tree/meta_store.h"
#include "tree/tree.h"

namespace driveway::tree {

// What holds for the whole life of a Tree.
struct TreeParts {
  TreeOptions options;
  MetaStore& meta;
  drive::RemoteStore& store;
  transfer::Scheduler& scheduler;
  InodeSource& inodes;
  Clock& clock;
  Metrics& metrics;
  const OwnChanges* own;  // null: this client changes nothing
};

// Whether what a get failed with says that the item is not there, or not for us: Drive answers with
// either for an item that one has lost.
bool means_missing(const Error& error);

// The name that an item has in a directory as long as no other claims it.
std::string base_name(const drive::Item& item, const TreeOptions& options);

// What was heard last of an item (J3). To be read before a get: what the feed says while the get
// runs is newer than its answer, a removal above all, which has no version.
Result<std::optional<RecentRow>> heard_of(const MetaStore& meta, const FileId& id);

// Whether `item` says something newer than `row` (J3).
bool is_newer(const drive::Item& item, const ItemRow& row);

// What `events` tells of directories is told of the views of them too (views.h).
Status tell_views(const MetaReader& meta, Events& events);

// One listing of some directories.
struct ListingScope {
  std::uint64_t run = 0;                // entries that it sees are marked with this
  std::set<std::uint64_t> directories;  // inodes
};

// Which items TreeObserver::item_changed is told of.
enum class News {
  kNone,
  kChanged,  // that are new, or newer than what is known
  kAll,
};

class Merger {
 public:
  // Reads the account from `meta`.
  static Result<Merger> begin(MetaWriter& meta, Events& events, TreeParts& parts,
                              News news = News::kNone);

  // Gives the item's inode. `scope`: of the listing that told about it.
  Result<InodeId> merge(const drive::Item& item, const ListingScope* scope = nullptr);
  // The item gets a new inode, as where its bytes change; nothing where it is not there any more.
  Status renew(const FileId& id);
  // The item is not there any more, or not visible; it need not be known.
  Status remove(const FileId& id);
  // All shared drives.
  Status merge_drives(const std::vector<drive::SharedDrive>& drives);
  // Takes the row out of its directory. REQUIRES that it is in one.
  Status displace(ItemRow& row);
  // The listings of folder `top` and below (or those that found nothing) are made anew when they
  // are needed next.
  enum class Expire { kAll, kEmpty };
  Status expire_listings(InodeId top, Expire which = Expire::kAll);
  // The directory an item belongs to, listed or not; 0 where it is shown nowhere.
  Result<InodeId> home_of(const drive::Item& item) const;
  // Records what was heard, for listings that lag (J3).
  Status remember(const FileId& id, const drive::Item* item);
  // `folder`, which was made just now, needs no listing: nothing is in it that nobody told of.
  Status begin_listing(const ItemRow& folder);
  // Tells about views of the changed directories too.
  Status finish();

 private:
  Merger(MetaWriter& meta, Events& events, TreeParts& parts, drive::About about, News news);
  Result<ItemRow> create(const drive::Item& item, InodeId inode);
  Status refresh(ItemRow& row, const drive::Item& item);
  Status update(ItemRow& row, const drive::Item& item);
  Status supersede(ItemRow& row, const drive::Item& item);
  Status rebind(ItemRow& row, InodeId inode, const drive::Item& item);
  Status supersede_shortcuts(const FileId& target, InodeId old_target);
  Status attributes_changed(const ItemRow& row);
  Status place(ItemRow& row, const ListingScope* scope);
  Result<bool> has_entries(InodeId directory, const ListingScope* scope) const;
  Status clear_directory(InodeId directory);
  Status merge_drive(const drive::SharedDrive& shared);
  Result<std::vector<InodeId>> subfolders(InodeId directory) const;
  std::string base_name(const drive::Item& item) const {
    return tree::base_name(item, parts_.options);
  }
  bool same_bytes(const drive::Item& a, const drive::Item& b) const;
  Result<std::uint64_t> epoch_of(const std::optional<DriveId>& drive);
  // merge_own.cc
  std::optional<InodeId> own_inode(const FileId& id) const;
  bool wrote(const ItemRow& row, const drive::Item& item) const;
  bool is_leaving(const ItemRow& row) const;
  Result<std::optional<InodeId>> claim(const drive::Item& item, const std::optional<ItemRow>& row);
  Status vacate(ItemRow row);
  Status take_inode(ItemRow& row, InodeId inode, const drive::Item& item);
  bool has_left(const ItemRow& holder, const ItemRow& row, const drive::Item& item) const;
  Status tell_item(const drive::Item& item, const std::optional<ItemRow>& before);
  void tell_removal(const FileId& id, const std::optional<ItemRow>& before);

  MetaWriter& meta_;
  Events& events_;
  TreeParts& parts_;
  Dentries dentries_;
  drive::About about_;
  const News news_;
  std::optional<std::pair<std::optional<DriveId>, std::uint64_t>> last_epoch_;
};

}  // namespace driveway::tree
