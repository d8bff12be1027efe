// How what Drive says enters `meta`: one place for listings, gets and the feed.
//
// * Items merge only if `version` grows (J3), or if they were gone.
// * R1a: where the bytes that the mount shows would change, the item gets a new inode, and the old
//   one keeps the row it had; so do the shortcuts to it.
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
};

// Whether what a get failed with says that the item is not there, or not for us: Drive answers with
// either for an item that one has lost.
bool means_missing(const Error& error);

// What was heard last of an item (J3). To be read before a get: what the feed says while the get
// runs is newer than its answer, a removal above all, which has no version.
Result<std::optional<RecentRow>> heard_of(const MetaStore& meta, const FileId& id);

// What `events` tells of directories is told of the views of them too (views.h).
Status tell_views(const MetaReader& meta, Events& events);

// One listing of some directories.
struct ListingScope {
  std::uint64_t run = 0;                // entries that it sees are marked with this
  std::set<std::uint64_t> directories;  // inodes
};

class Merger {
 public:
  // Reads the account from `meta`.
  static Result<Merger> begin(MetaWriter& meta, Events& events, TreeParts& parts);

  // Gives the item's inode. `scope`: of the listing that told about it.
  Result<InodeId> merge(const drive::Item& item, const ListingScope* scope = nullptr);
  // The item gets a new inode, as where its bytes change; nothing where it is not there any more.
  Status renew(const FileId& id);
  // The item is not there any more, or not visible.
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
  // Tells about views of the changed directories too.
  Status finish();

 private:
  Merger(MetaWriter& meta, Events& events, TreeParts& parts, drive::About about);
  Result<ItemRow> create(const drive::Item& item, InodeId inode);
  Status update(ItemRow& row, const drive::Item& item);
  Status supersede(ItemRow& row, const drive::Item& item);
  Status supersede_shortcuts(const FileId& target, InodeId old_target);
  Status attributes_changed(const ItemRow& row);
  Status place(ItemRow& row, const ListingScope* scope);
  Result<bool> has_entries(InodeId directory, const ListingScope* scope) const;
  Status clear_directory(InodeId directory);
  Status merge_drive(const drive::SharedDrive& shared);
  Result<std::vector<InodeId>> subfolders(InodeId directory) const;
  std::string base_name(const drive::Item& item) const;
  bool same_bytes(const drive::Item& a, const drive::Item& b) const;
  Result<std::uint64_t> epoch_of(const std::optional<DriveId>& drive);

  MetaWriter& meta_;
  Events& events_;
  TreeParts& parts_;
  Dentries dentries_;
  drive::About about_;
  std::optional<std::pair<std::optional<DriveId>, std::uint64_t>> last_epoch_;
};

}  // namespace driveway::tree
