// The rows of `meta`, and how they are packed (docs/FORMAT.md has the tables).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/ids.h"
#include "base/result.h"
#include "drive/item.h"

namespace driveway::tree {

// An inode and the item behind it.
struct ItemRow {
  InodeId inode;
  drive::Item item;
  // The epoch of its feed (FeedRow) when Drive last told about the item. Another one: it may have
  // changed since without our hearing of it.
  std::uint64_t epoch = 0;
  bool gone = false;        // deleted, or access lost; the inode is known until the next open
  bool superseded = false;  // the content of an item as it was (R1a): `ids` names a newer inode
  InodeId directory;        // where it is shown, 0 = nowhere
  std::string name;         // as what
  // Shortcuts. Live ones find their target by id; a superseded one keeps the inode it had (0 = it
  // was dangling).
  InodeId last_target;
  std::uint64_t dangling_epoch = 0;  // the target was not found in this epoch of the account's feed

  bool live() const { return !gone && !superseded; }
};

// What an entry is without a look at its item, as far as it can be known: for readdir.
enum class EntryKind : std::uint8_t {
  kFile = 0,
  kDirectory = 1,
  kSymlink = 2,
  kFileShortcut = 3,
  kFolderShortcut = 4,
};

// A name in a directory.
struct Dentry {
  InodeId inode;
  EntryKind kind = EntryKind::kFile;
  bool fixed = false;      // a folder of the layout
  bool has_twins = false;  // others in the directory would have this name too
  std::uint64_t run = 0;   // the listing that saw it last
  std::string base;        // the name it would have alone, where it has another (it is a twin)
};

struct ListingRow {
  std::uint64_t epoch = 0;     // complete if it is that of the directory's feed now
  bool partial = false;        // incompleteSearch: what is not there proves nothing
  std::uint64_t children = 0;  // when it was listed
};

struct FeedRow {
  std::string token;
  std::uint64_t epoch = 0;  // never given twice; a refused token ends it
};

// In place of a parent (RecentRow), for what belongs into .Trash, .shared and lost+found. No id of
// Drive's begins with a dot.
inline const FileId kRecentlyTrashed{".trash"};
inline const FileId kRecentlyShared{".shared"};
inline const FileId kRecentlyLost{".lost"};

// What a feed or a get said of an item within the last minutes (J3).
struct RecentRow {
  WallTime at{};
  bool removed = false;
  std::uint64_t version = 0;
  std::optional<FileId> parent;

  bool operator==(const RecentRow&) const = default;
};

// A directory seen through a folder shortcut (views.h).
struct AliasRow {
  InodeId real;      // the folder, or where `shortcut` is set, nothing
  InodeId parent;    // the directory it is in: a shortcut's inode or an alias
  InodeId shortcut;  // the folder shortcut that it is another view of
};

std::string encode(const ItemRow& row);
Result<ItemRow> decode_item(InodeId inode, std::string_view bytes);
std::string encode(const Dentry& dentry);
Result<Dentry> decode_dentry(std::string_view bytes);
std::string encode(const ListingRow& row);
Result<ListingRow> decode_listing(std::string_view bytes);
std::string encode(const FeedRow& row);
Result<FeedRow> decode_feed(std::string_view bytes);
std::string encode(const RecentRow& row);
Result<RecentRow> decode_recent(std::string_view bytes);
std::string encode(const AliasRow& row);
Result<AliasRow> decode_alias(std::string_view bytes);
std::string encode(const drive::About& about);
Result<drive::About> decode_about(std::string_view bytes);

}  // namespace driveway::tree
