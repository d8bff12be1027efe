#include "tree/posix.h"

#include <sys/stat.h>

#include <charconv>
#include <string_view>

#include "base/strings.h"
#include "drive/mime.h"

namespace driveway::tree {
namespace {

constexpr mode_t kWriteBits = 0222;

const std::string* find(const std::map<std::string, std::string>& entries, const char* key) {
  const auto found = entries.find(key);
  return found == entries.end() ? nullptr : &found->second;
}

std::optional<std::uint32_t> number(const std::string* text, int base) {
  if (text == nullptr) return std::nullopt;
  std::uint32_t value = 0;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), value, base);
  if (error != std::errc() || end != text->data() + text->size()) return std::nullopt;
  return value;
}

// Our property, else the old program's.
std::optional<std::uint32_t> attribute(const drive::Item& item, const char* ours, int our_base,
                                       const char* old) {
  if (const auto value = number(find(item.properties, ours), our_base)) return value;
  return number(find(item.app_properties, old), 10);
}

}  // namespace

bool is_symlink(const drive::Item& item) {
  if (item.kind != drive::ItemKind::kFile) return false;
  const std::string* const mark = find(item.properties, kSymlinkProperty);
  return (mark != nullptr && *mark == "1") || link_target_property(item).has_value();
}

std::optional<std::string> link_target_property(const drive::Item& item) {
  const std::string* const target = find(item.app_properties, "l");
  if (target == nullptr || target->empty() || item.kind != drive::ItemKind::kFile) {
    return std::nullopt;
  }
  return *target;
}

mode_t permissions_of(const drive::Item& item, const TreeOptions& options) {
  if (const auto mode = attribute(item, kModeProperty, 8, "mode")) {
    return static_cast<mode_t>(*mode) & kPermissionBits;
  }
  const bool folder = item.kind == drive::ItemKind::kFolder;
  const mode_t mode = folder ? options.directory_mode : options.file_mode;
  const bool writable = folder ? item.capabilities.can_add_children : item.capabilities.can_edit;
  return (writable ? mode : mode & ~kWriteBits) & kPermissionBits;
}

Owner owner_of(const drive::Item& item, const TreeOptions& options) {
  return {attribute(item, kUidProperty, 10, "uid").value_or(options.uid),
          attribute(item, kGidProperty, 10, "gid").value_or(options.gid)};
}

EntryKind entry_kind(const drive::Item& item) {
  switch (item.kind) {
    case drive::ItemKind::kFolder:
      return EntryKind::kDirectory;
    case drive::ItemKind::kShortcut:
      return item.shortcut && item.shortcut->target_mime_type == drive::kFolderMimeType
                 ? EntryKind::kFolderShortcut
                 : EntryKind::kFileShortcut;
    case drive::ItemKind::kFile:
      return is_symlink(item) ? EntryKind::kSymlink : EntryKind::kFile;
    case drive::ItemKind::kDocument:
      return EntryKind::kFile;
  }
  return EntryKind::kFile;
}

NodeKind node_kind(EntryKind kind) {
  switch (kind) {
    case EntryKind::kDirectory:
    case EntryKind::kFolderShortcut:
      return NodeKind::kDirectory;
    case EntryKind::kSymlink:
      return NodeKind::kSymlink;
    case EntryKind::kFile:
    case EntryKind::kFileShortcut:
      return NodeKind::kFile;
  }
  return NodeKind::kFile;
}

mode_t type_bits(NodeKind kind) {
  switch (kind) {
    case NodeKind::kDirectory:
      return S_IFDIR;
    case NodeKind::kSymlink:
      return S_IFLNK;
    case NodeKind::kFile:
      return S_IFREG;
  }
  return S_IFREG;
}

}  // namespace driveway::tree
