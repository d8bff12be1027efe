// What Drive says of an item, typed.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/hash.h"
#include "base/ids.h"
#include "base/result.h"

namespace driveway::drive {

enum class ItemKind : std::uint8_t {
  kFile,  // a blob: has size and, mostly, hashes
  kFolder,
  kShortcut,
  kDocument,  // a native Google type: no blob, maybe exports
};

struct Shortcut {
  FileId target;
  std::string target_mime_type;  // as it was when the shortcut was made
  std::string target_resource_key;
  friend bool operator==(const Shortcut&, const Shortcut&) = default;
};

struct Capabilities {
  bool can_download = true;
  bool can_edit = true;
  bool can_add_children = true;
  friend bool operator==(const Capabilities&, const Capabilities&) = default;
};

// Fields as drive-api reference 2. Absent strings are empty.
struct Item {
  FileId id;
  std::string name;  // as Drive has it: any UTF-8
  ItemKind kind = ItemKind::kFile;
  std::string mime_type;
  std::optional<FileId> parent;  // absent: the root, or not visible to the account
  std::optional<DriveId> drive;  // only in shared drives
  std::optional<Bytes> size;
  std::string md5, sha1, sha256;  // hex
  Revision head_revision;
  std::uint64_t version = 0;
  WallTime created{};
  WallTime modified{};
  bool trashed = false;
  bool explicitly_trashed = false;
  bool owned_by_me = true;
  std::optional<Shortcut> shortcut;
  Capabilities capabilities;
  std::string resource_key;
  std::string web_view_link;
  std::map<std::string, std::string> properties;
  std::map<std::string, std::string> app_properties;
  friend bool operator==(const Item&, const Item&) = default;
};

// The name of an item's bytes; nothing for what has none (folders, shortcuts, Docs). sha256 or md5
// with the size, else id and headRevisionId.
std::optional<ContentId> content_id(const Item& item);

// Whether two looks at one item saw the same bytes. Hashes may come later than the content that
// they are of (drive-api reference 2), so equal head revisions decide before content ids do.
bool same_revision(const Item& a, const Item& b);

// Whether `now`, a later look at `item`, is of the same bytes and of the revision `head`: equal
// content under another head may have been something else in between (R1). No head revision says
// nothing.
bool is_at(const Item& now, const Item& item, const Revision& head);
// kStale: its revision has moved on (R1).
Error replaced(const Item& item);

// What the hash of an item's bytes must be; nothing where Drive named none.
struct ExpectedHash {
  HashKind kind = HashKind::kMd5;
  std::string hex;  // lower case
};
std::optional<ExpectedHash> expected_hash(const Item& item);

struct ItemPage {
  std::vector<Item> items;
  std::string next_page_token;  // empty on the last page
  bool incomplete = false;      // incompleteSearch: a miss proves nothing
};

struct Change {
  FileId id;
  bool removed = false;          // deleted, or access lost
  std::optional<Item> item;      // absent when removed
  std::optional<DriveId> drive;  // set and `is_drive`: the change is of the shared drive itself
  bool is_drive = false;
};

struct ChangePage {
  std::vector<Change> changes;
  std::string next_page_token;       // more follows, or
  std::string new_start_page_token;  // the last page
};

struct SharedDrive {
  DriveId id;
  std::string name;
  WallTime created{};
};

struct About {
  std::string display_name;
  std::string email;
  std::string permission_id;
  FileId root;                         // of My Drive
  std::optional<Bytes> storage_limit;  // absent: unlimited or pooled
  Bytes usage = 0;
  Bytes usage_in_drive = 0;
  Bytes usage_in_trash = 0;
  bool can_create_drives = false;
};

}  // namespace driveway::drive
