// What the simulated Drive consists of (drive-api reference 2, 5.11, 6, 8).
//
// An Item is immutable once it is in a Table: a change makes a copy, changes that, and puts it in
// the place of the old one. So the index that lists are answered from can lag behind (it holds
// older copies), and a reader never sees half a change.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "sim/drive/content.h"

namespace driveway::sim {

using Ms = std::int64_t;       // wall time, ms since 1970
using Serial = std::uint64_t;  // order of creation

// Texts that many items share (MIME types, mails, ids of drives), kept once for ever: compared by
// address, null for none. Thread-safe.
using Text = const std::string*;
Text intern(std::string_view text);

namespace mime {
inline constexpr std::string_view kPrefix = "application/vnd.google-apps.";
inline constexpr std::string_view kFolder = "application/vnd.google-apps.folder";
inline constexpr std::string_view kShortcut = "application/vnd.google-apps.shortcut";
inline constexpr std::string_view kOctets = "application/octet-stream";
}  // namespace mime

enum class Kind : std::uint8_t { kFile, kFolder, kShortcut, kDoc };
Kind kind_of_mime(std::string_view mime_type);

// In the order of power. kOwner exists in My Drive only, kOrganizer and kFileOrganizer in shared
// drives only.
enum class Role : std::uint8_t {
  kNone,
  kReader,
  kCommenter,
  kWriter,
  kFileOrganizer,
  kOrganizer,
  kOwner
};
std::string_view to_string(Role role);
std::optional<Role> parse_role(std::string_view name);

enum class Grantee : std::uint8_t { kUser, kGroup, kDomain, kAnyone };

struct Permission {
  std::string id;
  Grantee grantee = Grantee::kUser;
  Role role = Role::kReader;
  std::string mail;           // user, group
  std::string domain;         // domain
  bool discoverable = false;  // domain, anyone: found by search without the link
};

struct Revision {
  std::uint64_t number = 0;  // its id is made of it: revision_id
  ContentPtr content;
  Ms modified = 0;
  bool keep_forever = false;
  Text mime = nullptr;
  Text user = nullptr;
  std::string original_name;
};

struct Shortcut {
  std::string target_id;
  std::string target_mime;  // a snapshot of the time of creation
};

// What one user sees of an item for himself.
struct Personal {
  bool starred = false;
  Ms viewed = 0;    // 0: never
  Ms modified = 0;  // by this user; 0: never
  Ms shared = 0;    // when it was shared with this user; 0: never
  Text shared_by = nullptr;
};

// What few items have.
struct Extras {
  std::string description;
  std::string folder_color;
  std::map<std::string, std::string> properties;
  std::map<std::string, std::map<std::string, std::string>> app_properties;  // by project
  Shortcut shortcut;
  std::vector<Permission> permissions;  // granted on the item itself
  std::vector<Revision> old_revisions;  // oldest first, without the head
  bool keep_head = false;
  std::uint64_t last_revision = 0;    // of heads that were deleted: their ids do not come again
  std::string original_name;          // as it was when the head was uploaded
  std::map<Text, Personal> personal;  // by mail
  std::set<Text> apps;                // projects with the drive.file scope that made or opened it
  Text app_data_of = nullptr;         // project whose hidden folder it lies in
  Text trashing_user = nullptr;
  bool read_only = false;  // content restriction
  std::string restriction_reason;
  bool copy_requires_writer = false;
  bool writers_can_share = true;
  bool abusive = false;                  // flagged: media needs acknowledgeAbuse by the owner
  bool download_quota_exceeded = false;  // too many have downloaded it of late
};

struct Item {
  Serial serial = 0;
  std::string id;
  std::string name;
  std::string parent;  // "" for roots, and for items that were orphaned
  Text mime = nullptr;
  Text drive = nullptr;      // id of the shared drive; null in My Drive
  Text owner = nullptr;      // mail; null in shared drives
  Text last_user = nullptr;  // who changed it last
  Ms created = 0;
  Ms modified = 0;
  Ms trashed_at = 0;
  std::uint64_t version = 1;
  std::uint64_t head_number = 0;  // of the head revision; grows
  Ms head_modified = 0;           // when the head's content came
  ContentPtr content;             // of a file: never null; of a Doc: its text
  std::shared_ptr<const Extras> extras;
  Kind kind = Kind::kFile;
  bool trashed = false;  // itself ("explicitly")
  bool root = false;     // of a My Drive, of a shared drive, of an app's hidden folder

  bool is_folder() const { return kind == Kind::kFolder; }
  Bytes size() const { return content ? content->size() : 0; }
  // Head and older revisions count (drive-api reference 5.11); Docs and folders do not.
  Bytes quota_bytes() const;
  const Extras& extra() const;
  // A copy of the extras that the caller may change, published with publish_extras.
  Extras edit_extras() const { return extra(); }
  void set_extras(Extras changed) { extras = std::make_shared<const Extras>(std::move(changed)); }
  const Personal& personal(Text mail) const;
};

using ItemPtr = std::shared_ptr<const Item>;

// Stable, opaque, unlike each other: "0B" and 32 characters.
std::string revision_id(const Item& item, std::uint64_t number);

struct Account {
  Text mail = nullptr;
  std::string name;
  std::string permission_id;  // 20 digits
  std::string root_id;
  std::optional<Bytes> storage_limit;  // nothing: unlimited
  bool service_account = false;        // has no storage of its own
  Bytes usage = 0;                     // of what it owns, trash included
};

struct SharedDrive {
  Text id = nullptr;  // also of its top folder, an Item whose permissions are the members
  std::string name;
  Ms created = 0;
  std::string request_id;  // of drives.create, which is idempotent
  Text creator = nullptr;
  std::set<Text> hidden_by;
  bool admin_managed = false;
  bool copy_requires_writer = false;
  bool domain_users_only = false;
  bool drive_members_only = false;
  bool folder_sharing_requires_organizer = false;
  std::uint64_t item_count = 0;
};

}  // namespace driveway::sim
