#include "vfs/entry_rows.h"

#include <charconv>
#include <utility>

#include "base/strings.h"
#include "tree/layout.h"
#include "tree/names.h"
#include "tree/posix.h"

namespace driveway::vfs {
namespace {

// Drive's limits of public properties (drive-api reference 2): key and value together, in UTF-8;
// and how many.
constexpr std::size_t kLongestProperty = 124;
constexpr std::size_t kMostProperties = 30;

std::string octal(mode_t mode) {
  char buffer[16];
  const auto end = std::to_chars(buffer, buffer + sizeof buffer, mode, 8).ptr;
  return {buffer, end};
}

void want(const drive::Item& item, const char* key, bool is_shown_so, std::string value,
          Properties& properties) {
  if (!is_shown_so) {
    properties[key] = std::move(value);
  } else if (item.properties.contains(key)) {
    properties[key] = std::nullopt;
  }
}

drive::Item without(const drive::Item& item, const char* key) {
  drive::Item other = item;
  other.properties.erase(key);
  return other;
}

}  // namespace

const drive::Item* own_item(const tree::Node& node) {
  if (node.shortcut) return &*node.shortcut;
  return node.item ? &*node.item : nullptr;
}

KnownRow known_row(const tree::Node& node) {
  const drive::Item& item = *own_item(node);
  KnownRow row;
  row.inode = node.inode;
  row.entry.kind = item.kind;
  row.entry.mime_type = item.mime_type;
  row.entry.drive = item.drive.value_or(DriveId());
  journal::Known& known = row.known;
  known.id = item.id;
  known.exists = true;
  known.parent = item.parent.value_or(FileId());
  known.parent_inode = node.parent;
  known.name = item.name;
  known.trashed = item.trashed;
  known.modified = item.modified;
  known.properties = item.properties;
  known.head_revision = item.head_revision;
  known.md5 = item.md5;
  known.size = item.size;
  known.version = item.version;
  return row;
}

Result<std::vector<KnownRow>> folder_rows(const View& view, const journal::Journal& journal,
                                          InodeId folder) {
  std::vector<KnownRow> rows;
  for (int depth = 0; depth < tree::kMaxDepth && !tree::is_fixed(folder); ++depth) {
    const bool has_row =
        journal.look([&](const journal::ChangeSet& set) { return set.find(folder) != nullptr; });
    if (has_row) break;
    DRIVEWAY_TRY(const tree::Node node, view.node(folder));
    if (!node.item || is_fixed_place(node)) break;
    rows.push_back(known_row(node));
    folder = node.parent;
  }
  return rows;
}

bool is_fixed_place(const tree::Node& node) {
  if (tree::is_fixed(node.inode)) return true;
  const drive::Item* const item = own_item(node);
  return item == nullptr || (item->drive && item->id.value() == item->drive->value());
}

Status check_can_edit(const tree::Node& node) {
  const drive::Item* const item = own_item(node);
  if (item == nullptr || is_fixed_place(node)) {
    return Error{ErrorCode::kPermissionDenied, "this folder is a part of the mount itself"};
  }
  if (!item->capabilities.can_edit) {
    return Error{ErrorCode::kPermissionDenied,
                 cat("the account may not change \"", item->name, "\"")};
  }
  return {};
}

Status check_can_add(const tree::Node& folder) {
  if (!folder.item) {
    return Error{ErrorCode::kPermissionDenied, "nothing can be put into this folder of the mount"};
  }
  if (folder.item->trashed) {
    return Error{ErrorCode::kPermissionDenied,
                 cat("the folder \"", folder.item->name, "\" is in the trash")};
  }
  if (!folder.item->capabilities.can_add_children) {
    return Error{ErrorCode::kPermissionDenied,
                 cat("the account may not put anything into \"", folder.item->name, "\"")};
  }
  return {};
}

void want_mode(const drive::Item& item, const tree::TreeOptions& options, mode_t mode,
               Properties& properties) {
  mode &= tree::kPermissionBits;
  const bool shown = tree::permissions_of(without(item, tree::kModeProperty), options) == mode;
  want(item, tree::kModeProperty, shown, octal(mode), properties);
}

void want_owner(const drive::Item& item, const tree::TreeOptions& options, std::optional<uid_t> uid,
                std::optional<gid_t> gid, Properties& properties) {
  if (uid) {
    const bool shown = tree::owner_of(without(item, tree::kUidProperty), options).uid == *uid;
    want(item, tree::kUidProperty, shown, cat(*uid), properties);
  }
  if (gid) {
    const bool shown = tree::owner_of(without(item, tree::kGidProperty), options).gid == *gid;
    want(item, tree::kGidProperty, shown, cat(*gid), properties);
  }
}

Status check_properties(const drive::Item& item, const Properties& properties) {
  std::size_t count = item.properties.size();
  for (const auto& [key, value] : properties) {
    if (!value) continue;
    if (!is_valid_utf8(key) || !is_valid_utf8(*value) || value->find('\0') != std::string::npos) {
      return Error{ErrorCode::kUnsupported, "Drive keeps only text as an attribute"};
    }
    if (key.size() + value->size() > kLongestProperty) {
      return Error{ErrorCode::kTooLarge, cat("Drive keeps at most ", kLongestProperty,
                                             " bytes of an attribute, its name included: ", key)};
    }
    if (!item.properties.contains(key)) ++count;
  }
  if (count > kMostProperties) {
    return Error{ErrorCode::kTooLarge, cat("Drive keeps at most ", kMostProperties,
                                           " attributes of \"", item.name, "\"")};
  }
  return {};
}

std::string name_of_twin(std::string_view base, InodeId inode, int attempt) {
  constexpr int kSuffixDigits = 8;
  return tree::suffixed_name(base, FileId(cat(inode)), kSuffixDigits, attempt);
}

void add_rows(journal::Rows& rows, journal::Rows more) {
  more.changed.merge(rows.changed);
  rows = std::move(more);
}

}  // namespace driveway::vfs
